"""Admin actions that ask Stripe, or process something again: on a page and on a list.

Each is a POST of its own outside any transaction, needs its own permission, and leaves a log entry.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse

from ..exceptions import BillingError
from ..stripe_api import without_secrets
from .inspecting import InspectingAdmin


class AskingAdmin(InspectingAdmin):
    """An admin with one such action. Subclasses name it and do it for one object."""

    change_form_template = "admin/stripe_billing/asking_change_form.html"
    asking_name = ""
    """The last part of the action's URL, and the name of its method in `actions`."""
    asking_label: Any = ""
    asking_permission = ""
    """The codename, with the app label."""

    @abstractmethod
    def ask(self, request: HttpRequest, row: Any) -> str:
        """Do it; returns what came of it. Raises whatever goes wrong."""

    def may_ask(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.asking_permission)

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_{self.asking_name}"
        view = self.admin_site.admin_view(self.ask_view)
        return [path(f"<path:object_id>/{self.asking_name}/", view, name=name), *super().get_urls()]

    @transaction.non_atomic_requests
    def ask_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The button on an object's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.may_ask(request):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=object_id)
        self._ask_and_tell(request, row)
        return redirect(
            reverse(
                f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change",
                args=[row.pk],
            )
        )

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; outside a transaction, because its actions ask Stripe."""
        return super().changelist_view(request, extra_context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        asking = {
            "asking_url": reverse(f"{name}_{self.asking_name}", args=[object_id])
            if self.may_ask(request)
            else "",
            "asking_label": self.asking_label,
        }
        return super().change_view(
            request, object_id, form_url, {**asking, **(extra_context or {})}
        )

    def get_actions(self, request: HttpRequest) -> Any:
        actions: dict[str, Any] = super().get_actions(request)
        if self.may_ask(request):
            actions[self.asking_name] = (_ask_all, self.asking_name, str(self.asking_label))
        return actions

    def _ask_and_tell(self, request: HttpRequest, row: Any) -> bool:
        try:
            outcome, is_good = self.ask(request, row), True
        except BillingError as error:
            outcome, is_good = without_secrets(str(error)), False
        except Exception as error:  # a handler of the project's may raise anything
            outcome, is_good = without_secrets(f"{type(error).__name__}: {error}"), False
        self.log_change(request, row, f"{self.asking_label}: {outcome}"[:2000])
        level = messages.SUCCESS if is_good else messages.ERROR
        self.message_user(request, f"{row}: {outcome}", level)
        return is_good


@admin.action
def _ask_all(modeladmin: AskingAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    """The action on a list."""
    for row in queryset:
        modeladmin._ask_and_tell(request, row)
