"""Another plan, another number of seats."""

from __future__ import annotations

from typing import Any, Literal

from django.utils.translation import gettext as _

from ..checkout import expire_checkout_of
from ..exceptions import ActionRequiredError, QuantityInUseError
from ..models import Subscription
from ..rules.json_values import identifier, mapping, text
from ..stripe_api import request
from .counting import units_in_use
from .declining import prices_refused
from .finding import Change, PresentPlanError, allowed_change, own_subscription
from .scheduling import schedule_change, withdraw_superseded
from .splitting import split_change
from .writing import read, send, settle, take

When = Literal["now", "now_without_proration", "period_end"]

PRORATION: dict[str, str] = {"now": "always_invoice", "now_without_proration": "none"}
"""`now` charges or credits the difference at once: nobody gets a month of the dearer plan before it
is paid. https://docs.stripe.com/billing/subscriptions/prorations"""


def change_plan(
    subscriber: Any,
    *,
    price: str,
    quantity: object = None,
    when: When = "now",
    proration_date: int | None = None,
    subscription: str = "",
) -> Subscription:
    """Change the subscriber's plan; the subscription as it is then.

    `price` is a lookup key or a Stripe id that is on sale, `quantity` a number or its digits
    (default: as before). `when`: "now" charges or credits the rest of the period to the second,
    "now_without_proration" changes it and bills the new price from the next period on (decide that
    yourself: whoever may choose it has the dearer plan for nothing until then),
    "period_end" changes it when the paid period is over. `proration_date` (Unix seconds) is the one
    of the preview, so that the sum is the same.

    The newest wish counts: it withdraws what was scheduled before, and the plan as it is now is a
    wish as well while something else is scheduled.

    Raises SubscriptionNotFoundError, PriceNotSoldError, PriceWithdrawnError (a change at the
    period's end, from a price that is archived), QuantityError, QuantityInUseError,
    CurrencyMismatchError, NothingToChangeError, SubscriptionStateError, OtherSellerError and
    ConnectError (where money is split by the CONNECT hook), PaymentDeclinedError (then
    nothing has changed), ActionRequiredError (then the change waits for the bank's confirmation),
    and other StripeErrors. https://docs.stripe.com/api/subscriptions/update
    """
    row = own_subscription(subscriber, subscription=subscription)
    try:
        change = allowed_change(row, price=price, quantity=quantity)
    except PresentPlanError:
        return kept(row)
    check_units_in_use(subscriber, change)
    split = split_change(subscriber, change)
    if when == "period_end":
        row = schedule_change(change, split)
    else:
        row = _change_now(
            change, when=when, proration_date=proration_date, split=split.params if split else {}
        )
    expire_checkout_of(row.customer, change.price.product.stripe_id)
    return row


def change_quantity(
    subscriber: Any,
    quantity: object,
    *,
    when: When = "now",
    proration_date: int | None = None,
    subscription: str = "",
) -> Subscription:
    """Change the number of units, seats for example; the subscription as it is then.

    Within the bounds of the price, and never below what the app counts as in use
    (`STRIPE_BILLING["USAGE_COUNTERS"]`). Raises as `change_plan` does.
    """
    row = own_subscription(subscriber, subscription=subscription)
    try:
        change = allowed_change(row, quantity=quantity)
    except PresentPlanError:
        return kept(row)
    check_units_in_use(subscriber, change)
    if when == "period_end":
        return schedule_change(change)
    return _change_now(change, when=when, proration_date=proration_date)


def kept(row: Subscription) -> Subscription:
    """The plan as it is, also after this period: what was scheduled is withdrawn.

    This is also how a change whose second call failed is completed. Raises PresentPlanError, a
    NothingToChangeError, where nothing is scheduled, and StripeError.
    """
    if not withdraw_superseded(row):
        raise PresentPlanError(_("That is the present plan and quantity."))
    return row


def check_units_in_use(subscriber: Any, change: Change) -> None:
    """Raises QuantityInUseError where a limit would fall below what is in use."""
    for key, used, limit in units_in_use(subscriber, change):
        if limit is not None and used > limit:
            raise QuantityInUseError(
                _("%(used)d %(feature)s are in use, and the change would leave %(limit)d.")
                % {"used": used, "feature": key.replace("_", " "), "limit": limit},
                feature=key,
                used=used,
                limit=limit,
            )


def _change_now(
    change: Change,
    *,
    when: str,
    proration_date: int | None,
    split: dict[str, Any] | None = None,
) -> Subscription:
    """Where the change waits for the bank's confirmation it is without the new split, which Stripe
    does not let wait: the fee is then as before."""
    behavior = PRORATION[when]
    params: dict[str, Any] = {
        **change.params,
        "proration_behavior": behavior,
        "payment_behavior": "error_if_incomplete",
    }
    if proration_date is not None and behavior != "none":
        params["proration_date"] = proration_date
    try:
        return _make(change.subscription, {**params, **(split or {})}, intent="change")
    except ActionRequiredError as refusal:
        pending = {**params, "payment_behavior": "pending_if_incomplete"}
        row = settle(change.subscription)
        row = _make(row, pending, intent="change, to be confirmed")
        return _confirmed(row, refusal)


def _make(row: Subscription, params: dict[str, Any], *, intent: str) -> Subscription:
    """Make a change, and only then withdraw what was scheduled before.

    A declined card then leaves the schedule as it was; and when the second call fails, both wishes
    are still at Stripe, and asking again for the same withdraws the older one (see `kept`).
    """
    with prices_refused():
        answer = send(row, params, intent=intent)
    row = take(row, answer)
    withdraw_superseded(row, answer.data)
    return row


def _confirmed(row: Subscription, refusal: ActionRequiredError) -> Subscription:
    """Where the change waits for the bank's confirmation, say where that is given.

    Until then Stripe keeps it apart (`pending_update`), and drops it after a day: the subscription
    is as it was.
    """
    data = read(row)
    if not mapping(data.get("pending_update")):
        return row
    invoice_id = identifier(data.get("latest_invoice"))
    invoice = request("get", f"/v1/invoices/{invoice_id}", account=row.account).data
    raise ActionRequiredError(
        str(refusal),
        hosted_url=text(invoice.get("hosted_invoice_url"), longest=2000),
        code=refusal.code,
        status=refusal.status,
        request_id=refusal.request_id,
    ) from None
