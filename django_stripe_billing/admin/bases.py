"""What our admins derive from: Django's classes, or django-unfold's where that is installed.

Unfold styles nothing but its own classes; https://unfoldadmin.com/docs/installation/quickstart/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList

if TYPE_CHECKING:  # the first two are generic for type checkers only
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
elif apps.is_installed("unfold"):
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.views import ChangeList
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

__all__ = ["ChangeList", "ModelAdmin", "TabularInline"]
