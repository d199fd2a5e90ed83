"""What staff does at Stripe: a trial, an end, a refund, a link to the portal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..exceptions import RefundError
from ..models import Invoice, Payment
from ..money import formatted, in_units, minor_units
from ..portal import open_portal
from ..refunds import REASONS, check_amount, refund_invoice, refund_payment
from ..rules.payment_snapshots import PAID
from ..rules.snapshots import ENDED_STATUSES
from ..subscriptions import end_subscription, extend_trial
from ..subscriptions.by_staff import LONGEST_TRIAL
from .doing import Deed, DeedForm, Done, MomentInput
from .synced import person


class TrialForm(DeedForm):
    until = forms.DateTimeField(label=gettext_lazy("Trial until"), widget=MomentInput)

    def clean_until(self) -> Any:
        until, now = self.cleaned_data["until"], timezone.now()
        if self.row.trial_end_at is not None and until <= self.row.trial_end_at:
            text = _("The trial runs until %(moment)s already.")
            raise forms.ValidationError(text % {"moment": _local(self.row.trial_end_at)})
        if not now < until <= now + LONGEST_TRIAL:
            raise forms.ValidationError(_("A trial ends in the future, within two years."))
        return until


class ExtendTrial(Deed):
    name = "extend-trial"
    label = gettext_lazy("Extend the trial")
    permission = "stripe_billing.extend_trial"
    form = TrialForm

    def is_offered(self, row: Any) -> bool:
        return bool(row.status == "trialing")

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = _("The trial of %(row)s ends on %(moment)s; nothing is charged before.")
        return text % {"row": row, "moment": _local(values["until"])}

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        changed = extend_trial(row, until=values["until"], cause=person(request))
        text = _("The trial ends on %(moment)s.")
        return Done(text=text % {"moment": _local(changed.trial_end_at)})


class EndForm(DeedForm):
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[
            ("period_end", gettext_lazy("with the paid period")),
            ("now", gettext_lazy("now, without a refund")),
        ],
        widget=forms.RadioSelect,
        initial="period_end",
    )

    def clean_when(self) -> str:
        when: str = self.cleaned_data["when"]
        if when == "period_end" and self.row.is_ending:
            raise forms.ValidationError(_("It is set to end already."))
        return when


class EndSubscription(Deed):
    name = "cancel"
    label = gettext_lazy("Cancel the subscription")
    permission = "stripe_billing.cancel_subscription"
    form = EndForm

    def is_offered(self, row: Any) -> bool:
        return row.status not in ENDED_STATUSES

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = (
            _("%(row)s of %(who)s ends at once, with what it grants, and can't be brought back.")
            if values["when"] == "now"
            else _("%(row)s of %(who)s ends with the period that is paid; until then it goes on.")
        )
        return text % {"row": row, "who": row.customer.subscriber or row.customer}

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        changed = end_subscription(row, when=values["when"], cause=person(request))
        if changed.status in ENDED_STATUSES:
            return Done(text=_("The subscription has ended."))
        return Done(text=_("The subscription ends with its period."))


class RefundForm(DeedForm):
    """The amount in the currency, not in its minor unit."""

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=20, localize=False)
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[(reason, reason.replace("_", " ")) for reason in REASONS],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = left_of(self.row)
        self.fields["amount"].initial = in_units(left, self.row.currency)
        self.fields["amount"].help_text = _("At most %(left)s.") % {
            "left": formatted(left, self.row.currency)
        }

    def clean_amount(self) -> int:
        """In minor units."""
        amount: Decimal = self.cleaned_data["amount"]
        minor = amount.scaleb(minor_units(self.row.currency))
        if minor != minor.to_integral_value():
            raise forms.ValidationError(_("The currency has fewer decimals."))
        try:
            check_amount(int(minor), left=left_of(self.row), currency=self.row.currency)
        except RefundError as error:
            raise forms.ValidationError(str(error)) from None
        return int(minor)


class Refund(Deed):
    """Of a one-off payment, or of an invoice."""

    name = "refund"
    label = gettext_lazy("Refund")
    permission = "stripe_billing.refund_payment"
    form = RefundForm

    def is_offered(self, row: Any) -> bool:
        return row.status == PAID and left_of(row) > 0 and bool(row.currency)

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = (
            _("%(amount)s of %(row)s go back to %(who)s. The subscription goes on.")
            if isinstance(row, Invoice)
            else _("%(amount)s of %(row)s go back to %(who)s. Access follows the refund policy.")
        )
        return text % {
            "amount": formatted(values["amount"], row.currency),
            "row": row,
            "who": row.customer.subscriber or row.customer,
        }

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        given = {name: values[name] for name in ("amount", "reason", "key")}
        if isinstance(row, Payment):
            refund_id = refund_payment(row, **given, cause=person(request))
        else:
            refund_id = refund_invoice(row, **given)
        text = _("Refunded: %(amount)s (%(refund)s).")
        money = formatted(values["amount"], row.currency)
        return Done(text=text % {"amount": money, "refund": refund_id})


def left_of(row: Any) -> int:
    """What may still be refunded, in minor units; of an invoice Stripe alone knows that."""
    if isinstance(row, Payment):
        return row.amount - row.amount_refunded
    return int(row.amount_paid)


class SendToPortal(Deed):
    name = "portal"
    label = gettext_lazy("Link to the portal")
    permission = "stripe_billing.portal_customer"

    def is_offered(self, row: Any) -> bool:
        return bool(row.stripe_id) and not row.is_deleted

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = _(
            "A link is made with which whoever has it acts for %(who)s in Stripe's portal: changes"
            " the card, sees invoices, cancels. It works for a few minutes."
        )
        return text % {"who": row.subscriber or row}

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        return Done(text=_("A link to the portal was made."), link=open_portal(request, row))


def _local(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else "—"
