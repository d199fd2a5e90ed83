from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..checkout import customer_row
from ..grants import LONGEST_REASON, grant_to_customer, revoke_grant
from ..models import Feature, ManualGrant
from ..rules.json_values import LARGEST_INTEGER
from .doing import Deed, DeedForm, DoingAdmin, Done, MomentInput
from .linking import SubscriberForm
from .searching import customer_search_fields, subscriber_search_fields


class ReasonForm(DeedForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=gettext_lazy("For colleagues; the customer's page shows it."),
    )


class GrantForm(ReasonForm):
    """What a customer is given, until when, and why."""

    feature = forms.ModelChoiceField(Feature.objects.none(), label=gettext_lazy("Feature"))
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=MomentInput,
        help_text=gettext_lazy("Access ends then by itself."),
    )
    has_no_end = forms.BooleanField(label=gettext_lazy("Without end"), required=False)
    limit = forms.IntegerField(
        label=gettext_lazy("Limit"),
        required=False,
        validators=[MinValueValidator(0), MaxValueValidator(LARGEST_INTEGER)],
        help_text=gettext_lazy("Empty: without limit."),
    )
    field_order = ["subscriber", "feature", "until", "has_no_end", "limit", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = self.row.account if self.row is not None else ""
        features = Feature.objects.filter(account=account).order_by("lookup_key")
        self.fields["feature"].queryset = features  # type: ignore[attr-defined]  # a choice field

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        until, has_no_end = values.get("until"), values.get("has_no_end")
        if "until" in values and bool(until) == bool(has_no_end):
            self.add_error("until", _("Give an end, or say that there is none."))
        elif until is not None and until <= timezone.now():
            self.add_error("until", _("The end must lie in the future."))
        return values


class SubscriberGrantForm(SubscriberForm, GrantForm):
    """The same for a subscriber, who need not be a customer yet."""


class GrantFeature(Deed):
    name = "grant"
    label = gettext_lazy("Grant a feature")
    permission = "stripe_billing.add_manualgrant"
    form = GrantForm

    def is_offered(self, row: Any) -> bool:
        return row is None or not row.is_deleted

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        return _("%(who)s may use %(feature)s %(until)s, %(limit)s, whatever they pay.") % {
            "who": self._who(row, values),
            "feature": values["feature"],
            "until": _until(values["until"]),
            "limit": _("without limit")
            if values["limit"] is None
            else _("up to %(limit)d") % {"limit": values["limit"]},
        }

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        customer = row if row is not None else customer_row(values["subscriber"])
        grant = grant_to_customer(
            customer,
            values["feature"].lookup_key,
            until=values["until"],
            limit=values["limit"],
            reason=values["reason"],
            by=request.user,
            key=values["key"],
        )
        text = _("Granted: %(feature)s %(until)s (%(grant)s), %(reason)s")
        return Done(
            text=text
            % {
                "feature": grant.feature,
                "until": _until(grant.until),
                "grant": grant,
                "reason": grant.reason,
            }
        )

    def _who(self, row: Any, values: dict[str, Any]) -> str:
        return str(values["subscriber"] if row is None else row.subscriber or row)


class GrantToSubscriber(GrantFeature):
    form = SubscriberGrantForm


class RevokeGrant(Deed):
    name = "revoke"
    label = gettext_lazy("Revoke")
    permission = "stripe_billing.revoke_manualgrant"
    form = ReasonForm

    def is_offered(self, row: Any) -> bool:
        return row.revoked_at is None

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = _(
            "%(grant)s ends at once: %(who)s may use %(feature)s no more, unless they pay for it."
        )
        who = row.customer.subscriber or row.customer
        return text % {"grant": row, "who": who, "feature": row.feature}

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        revoke_grant(row, reason=values["reason"], by=request.user)
        return Done(text=_("%(grant)s was revoked.") % {"grant": row})


def _until(moment: Any) -> str:
    if moment is None:
        return _("without end")
    local = date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    return _("until %(moment)s") % {"moment": local}


@admin.register(ManualGrant)
class ManualGrantAdmin(DoingAdmin):
    """Given here, or on a customer's page; revoked here."""

    deeds = (RevokeGrant(),)
    list_display = ["__str__", "customer", "feature", "is_running", "until", "granted_by", "reason"]
    list_filter = ["feature", "granted_at", "until", "revoked_at"]
    list_select_related = ["customer__subscriber", "feature"]
    readonly_fields = ["is_running"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return customer_search_fields("customer__")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["customer__stripe_id", "customer__email", "reason", "granted_by", *names]

    @admin.display(description=gettext_lazy("running"), boolean=True)
    def is_running(self, row: Any) -> bool:
        return bool(row.is_running)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(GrantToSubscriber.permission)

    @transaction.non_atomic_requests
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A grant to any subscriber, customer or not."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        url = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        back = reverse(url, current_app=self.admin_site.name)
        return self.run(request, GrantToSubscriber(), None, back=back)
