"""What staff does from an object's page: a form, a confirmation, and a log entry.

Each deed needs a permission of its own, besides the one to view the object.
"""

from __future__ import annotations

import logging
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers

from ..exceptions import BillingError
from ..stripe_api import without_secrets
from .asking import CONFIRMED
from .inspecting import InspectingAdmin

logger = logging.getLogger("django_stripe_billing.admin")


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a deed."""

    text: str
    """A sentence, for the message and the log: holds no bearer link."""
    link: str = ""
    """A link that is shown once, to be copied; it is kept nowhere."""


class DeedForm(forms.Form):
    """Asks what to do; `key` makes it count once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, row: Any, admin_site: Any, **kwargs: Any) -> None:
        self.row, self.admin_site = row, admin_site
        super().__init__(*args, **kwargs)


class MomentInput(forms.DateTimeInput):
    """The browser's own field for day and time, in the current time zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class Deed(ABC):
    """One thing that may be done to a row."""

    name: ClassVar[str]
    """The last part of its URL."""
    label: ClassVar[Any]
    permission: ClassVar[str]
    """The codename, with the app label."""
    form: ClassVar[type[DeedForm]] = DeedForm

    def is_offered(self, row: Any) -> bool:
        """Whether the row's state allows it."""
        return True

    @abstractmethod
    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        """What will happen, for the page that asks for confirmation."""

    @abstractmethod
    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        """Do it, outside any transaction. Raises whatever goes wrong."""


class DoingAdmin(InspectingAdmin):
    """An admin whose pages offer deeds."""

    change_form_template = "admin/stripe_billing/asking_change_form.html"
    deeds: tuple[Deed, ...] = ()

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.deed_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_deed"
        return [path("<path:object_id>/do/<slug:name>/", view, name=name), *super().get_urls()]

    @transaction.non_atomic_requests
    def deed_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """The form, then the confirmation, then the deed."""
        deed = next((deed for deed in self.deeds if deed.name == name), None)
        row = self.get_object(request, unquote(object_id))
        may = deed is not None and request.user.has_perm(deed.permission)
        if deed is not None and not (may and self.has_view_permission(request, row)):
            raise PermissionDenied
        if deed is None or row is None:
            raise Http404
        back = self._page(row)
        if not deed.is_offered(row):
            text = f"{deed.label}: {row} is not in a state for it any more."
            self.message_user(request, text, messages.ERROR)
            return redirect(back)
        return self.run(request, deed, row, back=back)

    def run(self, request: HttpRequest, deed: Deed, row: Any, *, back: str) -> HttpResponse:
        """One step of a deed whose permission is checked; `row` None where it makes one."""
        posted = request.POST if request.method == "POST" else None
        form = deed.form(posted, row=row, admin_site=self.admin_site)
        if posted is None or not form.is_valid():
            return self._show(request, deed, row, back=back, form=form)
        values = form.cleaned_data
        if CONFIRMED not in posted:
            sentence = deed.sentence(row, values)
            return self._show(request, deed, row, back=back, form=form, sentence=sentence)
        done, is_good = self._do_and_log(request, deed, row, values)
        level = messages.SUCCESS if is_good else messages.ERROR
        self.message_user(request, done.text[:2000], level)
        if done.link:
            return self._show(request, deed, row, back=back, link=done.link)
        return redirect(back)

    def _do_and_log(
        self, request: HttpRequest, deed: Deed, row: Any, values: dict[str, Any]
    ) -> tuple[Done, bool]:
        """What came of it, and whether that is good."""
        done, is_good = Done(text=""), False
        try:
            done, is_good = deed.do(request, row, values), True
        except (BillingError, BadRequest, Http404) as error:
            done = Done(text=without_secrets(str(error)))
        except Exception as error:  # a receiver of the project's may raise anything
            done = Done(text=without_secrets(f"{type(error).__name__}: {error}"))
            logger.error("%s of %s failed: %s", deed.name, row, done.text)
        if row is not None:
            self.log_change(request, row, f"{deed.label}: {done.text}"[:2000])
        return done, is_good

    def _show(
        self, request: HttpRequest, deed: Deed, row: Any, *, back: str, **more: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": deed.label,
            "subtitle": str(row) if row is not None else None,
            "opts": self.opts,
            "original": row,
            "media": self.media + (more["form"].media if "form" in more else forms.Media()),
            "back": back,
            **more,
        }
        request.current_app = self.admin_site.name
        answer = TemplateResponse(request, "admin/stripe_billing/deed.html", context)
        add_never_cache_headers(answer)
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context["original"]
        if row is not None:
            context["deeds"] = [
                {"label": deed.label, "url": self._page(row, "deed", deed.name)}
                for deed in self.deeds
                if request.user.has_perm(deed.permission) and deed.is_offered(row)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _page(self, row: Any, name: str = "change", *arguments: str) -> str:
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}",
            args=[quote(row.pk), *arguments],
            current_app=self.admin_site.name,
        )
