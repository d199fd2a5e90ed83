"""Admin actions that ask Stripe, or process something again: on a page and on a list.

Each is a POST outside any transaction, needs a permission of its own, and leaves a log entry.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..exceptions import BillingError
from ..stripe_api import without_secrets
from .inspecting import InspectingAdmin

logger = logging.getLogger("django_stripe_billing.admin")

MOST_AT_ONCE = 100
"""How many rows an action on a list takes; each may be several calls to Stripe."""

CONFIRMED = "confirmed"
"""What the page that asks for confirmation posts."""

MOST_ERRORS = 10
"""How many errors of one action are shown one by one."""


class AskingAdmin(InspectingAdmin):
    """An admin with one such action. Subclasses name it and do it for one object."""

    change_form_template = "admin/stripe_billing/asking_change_form.html"
    asking_name = ""
    """The name of the action on the list, and the last part of its URL on the page."""
    asking_label: Any = ""
    asking_list_label: Any = ""
    """The label of the action on the list, where it is another one."""
    asking_confirmation_template = ""
    """The page that asks whether the chosen rows are the right ones; '' asks nothing."""
    asking_permission = ""
    """The codename, with the app label."""

    @abstractmethod
    def ask(self, request: HttpRequest, row: Any) -> str:
        """Do it; returns what came of it. Raises whatever goes wrong."""

    def __init__(self, model: type[Any], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self.actions = [
            *(self.actions or ()),
            _action(self.asking_name, self.asking_list_label or self.asking_label),
        ]

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.asking_permission)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.ask_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_{self.asking_name}"
        return [path(f"<path:object_id>/{self.asking_name}/", view, name=name), *super().get_urls()]

    @transaction.non_atomic_requests
    def ask_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The button on an object's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_object(request, unquote(object_id))
        if not (self.has_view_permission(request, row) and self.has_ask_permission(request)):
            raise PermissionDenied
        if row is None:
            raise Http404
        outcome, is_good = self._ask_and_log(request, row)
        self._tell(request, f"{row}: {outcome}", is_good=is_good)
        return redirect(self._url("change", row))

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; outside a transaction, because its actions ask Stripe."""
        return super().changelist_view(request, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context["original"]
        if row is not None and self.has_ask_permission(request):
            context["asking_url"] = self._url(self.asking_name, row)
            context["asking_label"] = self.asking_label
        return super().render_change_form(request, context, *args, **kwargs)

    def confirm(self, request: HttpRequest, rows: list[Any]) -> HttpResponse:
        """The page that shows what was chosen, and asks whether to do it."""
        context = {
            **self.admin_site.each_context(request),
            "title": self.asking_list_label or self.asking_label,
            "opts": self.opts,
            "media": self.media,
            "rows": rows,
            "action": self.asking_name,
            "asking_label": self.asking_label,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.asking_confirmation_template, context)

    def ask_all(self, request: HttpRequest, rows: list[Any]) -> None:
        """Do it for each row, and tell in a few messages what came of it."""
        outcomes = [(row, *self._ask_and_log(request, row)) for row in rows]
        failures = [f"{row}: {outcome}" for row, outcome, is_good in outcomes if not is_good]
        done = len(rows) - len(failures)
        if done:
            text = ngettext("%(action)s: %(count)d done.", "%(action)s: %(count)d done.", done)
            self._tell(request, text % {"action": self.asking_label, "count": done}, is_good=True)
        for failure in failures[:MOST_ERRORS]:
            self._tell(request, failure, is_good=False)
        if len(failures) > MOST_ERRORS:
            more = _("… and %(count)d more failed; their history says why.")
            text = more % {"count": len(failures) - MOST_ERRORS}
            self._tell(request, text, is_good=False)

    def _ask_and_log(self, request: HttpRequest, row: Any) -> tuple[str, bool]:
        """What came of it, and whether that is good."""
        is_good = False
        try:
            outcome, is_good = self.ask(request, row), True
        except BillingError as error:
            outcome = without_secrets(str(error))
        except Exception as error:  # a handler of the project's may raise anything
            outcome = without_secrets(f"{type(error).__name__}: {error}")
            logger.error("%s of %s failed: %s", self.asking_name, row, outcome)
        self.log_change(request, row, f"{self.asking_label}: {outcome}"[:2000])
        return outcome, is_good

    def _tell(self, request: HttpRequest, text: str, *, is_good: bool) -> None:
        self.message_user(request, text[:2000], messages.SUCCESS if is_good else messages.ERROR)

    def _url(self, name: str, row: Any) -> str:
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}",
            args=[quote(row.pk)],
            current_app=self.admin_site.name,
        )


def _action(
    name: str, label: Any
) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    """The action on a list, for those who may."""

    @admin.action(description=label, permissions=["ask"])
    def ask_all(
        modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            text = _("Choose at most %(most)d at once; manage.py reconcile_entitlements takes all.")
            modeladmin.message_user(request, text % {"most": MOST_AT_ONCE}, messages.ERROR)
            return None
        if modeladmin.asking_confirmation_template and CONFIRMED not in request.POST:
            answer: HttpResponse = modeladmin.confirm(request, rows)
            return answer
        modeladmin.ask_all(request, rows)
        return None

    ask_all.__name__ = name
    return ask_all
