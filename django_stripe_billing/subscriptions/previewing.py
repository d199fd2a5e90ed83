"""What a change will cost, before the click: Stripe's own preview, to the cent.

The moment of the preview goes with it, signed, so that the change charges the same sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

from ..exceptions import PreviewExpiredError
from ..models import Subscription
from ..rules.json_values import flag, integer, mapping, objects, text
from ..stripe_api import request
from .changing import When, change_plan, check_units_in_use, kept
from .declining import prices_refused
from .finding import Change, PresentPlanError, allowed_change, own_subscription, plan_item
from .splitting import split_change
from .writing import failures_settled

SALT = "stripe_billing.preview"
LONGEST_LIFE = 15 * 60
"""Seconds that a preview holds."""


@dataclass(frozen=True, kw_only=True)
class PreviewLine:
    """One line of the invoice that a change makes."""

    description: str
    amount: int
    """Minor units; negative for what is given back."""
    is_proration: bool


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """What a change costs."""

    lines: tuple[PreviewLine, ...]
    """Of the invoice that the change makes at once; in a trial that goes on, of the first one."""
    total: int
    """Theirs, in minor units; negative: kept as credit for the next invoices."""
    amount_due: int
    """What is charged at once, in minor units, after credit; 0 in a trial that goes on."""
    currency: str
    renewal_amount: int | None
    """What the new plan costs each period, in minor units, before discounts and tax."""
    renews_at: datetime | None
    proration_date: int | None
    """Unix seconds: the moment from which the rest of the period is counted; None: none is."""
    is_due_later: bool
    """The trial goes on: what is shown is charged when it ends, at `renews_at`."""
    price: str
    """Lookup key, or Stripe id."""
    price_id: str
    quantity: int
    token: str
    """Signed: `accept_preview` makes the change for exactly this sum."""


def preview_change(
    subscriber: Any, *, price: str = "", quantity: object = None, subscription: str = ""
) -> ChangePreview:
    """What changing the plan or the quantity now would charge or give back. Changes nothing.

    Raises what `change_plan` raises. https://docs.stripe.com/api/invoices/create_preview
    """
    row = own_subscription(subscriber, subscription=subscription)
    change = allowed_change(row, price=price, quantity=quantity)
    check_units_in_use(subscriber, change)
    split_change(subscriber, change)  # is it another seller's?
    params = {
        "subscription": row.stripe_id,
        "subscription_details": {**change.params, "proration_behavior": "always_invoice"},
    }
    with prices_refused(), failures_settled(row):
        answer = request("post", "/v1/invoices/create_preview", params, account=row.account)
    return _preview(change, answer.data, subscriber=subscriber)


def accept_preview(subscriber: Any, token: str, *, when: When = "now") -> Subscription:
    """Make the change that a preview showed, for the sum that it showed; "period_end" makes it when
    the paid period is over, and charges nothing now.

    Accepted twice it is made once. Raises PreviewExpiredError for a token that is old, somebody
    else's, or of a subscription that has changed since; and what `change_plan` raises.
    """
    try:
        shown = signing.loads(token, salt=SALT, max_age=LONGEST_LIFE)
    except signing.BadSignature:
        raise PreviewExpiredError(_("This preview is too old. Look at it again.")) from None
    row = own_subscription(subscriber, subscription=str(shown["subscription"]))
    is_theirs = shown["subscriber"] == _name(subscriber)
    if is_theirs and _is_made(row, shown):
        return _completed(row)
    if not is_theirs or row.revision != shown["revision"]:
        raise PreviewExpiredError(_("The subscription has changed meanwhile. Look at it again."))
    return change_plan(
        subscriber,
        price=shown["price"],
        quantity=shown["quantity"],
        when=when,
        proration_date=shown["proration_date"],
        subscription=row.stripe_id,
    )


def _is_made(row: Subscription, shown: dict[str, Any]) -> bool:
    """The change was made meanwhile: a second click, or one whose answer was lost."""
    item = plan_item(row)
    return (item.price_id, item.quantity) == (shown["price"], shown["quantity"])


def _completed(row: Subscription) -> Subscription:
    """An older change that is still scheduled goes, should that have failed the first time."""
    try:
        return kept(row)
    except PresentPlanError:
        return row


def _preview(change: Change, invoice: dict[str, Any], *, subscriber: Any) -> ChangePreview:
    """In a trial that goes on, Stripe shows the invoice of its end, and charges nothing before."""
    row = change.subscription
    is_due_later = row.status == "trialing" and not change.ends_trial
    details = mapping(mapping(invoice.get("parent")).get("subscription_details"))
    moment = None if is_due_later else integer(details.get("subscription_proration_date"))
    end = change.item.current_period_end_at
    token = signing.dumps(
        {
            "subscriber": _name(subscriber),
            "subscription": row.stripe_id,
            "revision": row.revision,
            "price": change.price.stripe_id,
            "quantity": change.quantity,
            "proration_date": moment,
        },
        salt=SALT,
    )
    amount = change.price.unit_amount
    return ChangePreview(
        lines=tuple(_line(line) for line in objects(invoice.get("lines"))),
        total=integer(invoice.get("total")) or 0,
        amount_due=0 if is_due_later else integer(invoice.get("amount_due")) or 0,
        currency=text(invoice.get("currency"), longest=3),
        renewal_amount=None if amount is None else amount * change.quantity,
        renews_at=end.astimezone(UTC) if end else None,
        proration_date=moment,
        is_due_later=is_due_later,
        price=change.price.lookup_key or change.price.stripe_id,
        price_id=change.price.stripe_id,
        quantity=change.quantity,
        token=token,
    )


def _line(line: Any) -> PreviewLine:
    details = mapping(mapping(line.get("parent")).get("subscription_item_details"))
    return PreviewLine(
        description=text(line.get("description"), longest=500),
        amount=integer(line.get("amount")) or 0,
        is_proration=flag(details.get("proration")),
    )


def _name(subscriber: Any) -> str:
    return f"{subscriber._meta.label}:{subscriber.pk}"
