from typing import TYPE_CHECKING

from django.contrib import admin

from .models import Membership, Team

if TYPE_CHECKING:  # these are generic for type checkers only
    ModelAdmin = admin.ModelAdmin[Team]
    TabularInline = admin.TabularInline[Membership, Team]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class MembershipInline(TabularInline):
    model = Membership
    extra = 0


@admin.register(Team)
class TeamAdmin(ModelAdmin):
    list_display = ["name", "email"]
    search_fields = ["name", "email"]
    inlines = [MembershipInline]
