"""Previews of invoices: the same plan that an update carries out, without doing it.

https://docs.stripe.com/api/invoices/create_preview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    billables,
    discounts,
    invoice_discounts,
    invoice_items,
    invoice_object,
    metered_lines,
    plan_changes,
    prorations,
    subscription_object,
    upcoming_invoices,
)
from .subscription_changes import end_asked_for
from .subscription_endings import TERMINAL

if TYPE_CHECKING:
    from ..engine import Engine


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    details = dict(params.get("subscription_details") or {})
    if "discounts" in params:
        details["discounts"] = params["discounts"]
    if "subscription" in params:
        name = "subscription"
        subscription = engine.state.get(name, params[name], param=name, status=400)
        invoice = _of_subscription(engine, subscription, details)
        _note_moment(invoice, details.get("proration_date", engine.now))
    elif "schedule" in params:
        name = "schedule"
        kind = "subscription_schedule"
        schedule = engine.state.get(kind, params[name], param=name, status=400)
        invoice = _of_subscription(engine, engine.state.objects[schedule["subscription"]], {})
    else:
        name = "customer"
        customer = engine.state.get(name, params.get(name, ""), param=name, status=400)
        if details.get("items"):
            invoice = _of_new_subscription(engine, customer, details)
        else:
            invoice = _of_customer(engine, customer)
    _add_items(engine, invoice, params)
    return invoice


def _note_moment(invoice: StripeObject, moment: int) -> None:
    """A preview of prorations says from which moment they are counted."""
    details = (invoice["parent"] or {}).get("subscription_details")
    if details is not None:
        details["subscription_proration_date"] = moment


def _of_subscription(
    engine: Engine, subscription: StripeObject, details: dict[str, Any]
) -> StripeObject:
    if subscription["status"] in TERMINAL:
        raise upcoming_invoices.none_upcoming()
    if details.get("cancel_now"):
        return _of_end(engine, subscription, details, at=engine.now)
    if details.get("trial_end") == "now" and subscription["status"] == "trialing":
        return _of_trial_end_now(engine, subscription, details)
    wanted = plan_changes.plan(engine, subscription, details)
    if wanted.invoices_now:
        return plan_changes.invoice_of(engine, subscription, wanted)
    moment = end_asked_for(engine, subscription, details)
    after = {**subscription, "cancel_at": moment}
    if moment is not None and moment < upcoming_invoices.period_end(subscription):
        return _of_end(engine, after, details, at=moment, extra=wanted.prorations)
    return upcoming_invoices.renewal(engine, after, items=wanted.items, extra=wanted.prorations)


def _of_end(
    engine: Engine,
    subscription: StripeObject,
    details: dict[str, Any],
    *,
    at: int,
    extra: list[billables.Billable] | None = None,
) -> StripeObject:
    """What is left to be billed or credited when it ends at a moment."""
    content = list(extra or [])
    if details.get("proration_behavior") != "none" and subscription["status"] in prorations.BILLED:
        at = details.get("proration_date", at) if details.get("cancel_now") else at
        items = subscription["items"]["data"]
        content += prorations.credits(engine, subscription, items, at=at)
    content += metered_lines.unbilled(engine, subscription, until=at)
    wanted = plan_changes.Plan(
        items=[], prorations=content, starts_anew=False, discounts=[], invoices_now=True
    )
    invoice = plan_changes.invoice_of(engine, subscription, wanted)
    if not invoice["lines"]["data"]:
        raise upcoming_invoices.none_upcoming()
    return invoice


def _of_trial_end_now(
    engine: Engine, subscription: StripeObject, details: dict[str, Any]
) -> StripeObject:
    wanted = plan_changes.plan(engine, subscription, details)
    return plan_changes.invoice_of(
        engine, subscription, plan_changes.of_trial_end_now(engine, wanted)
    )


def _of_new_subscription(
    engine: Engine, customer: StripeObject, details: dict[str, Any]
) -> StripeObject:
    given: dict[str, Any] = {
        name: details[name] for name in ("items", "trial_end") if name in details
    }
    subscription = subscription_object.build(engine, given, customer["id"])
    is_trial = subscription["status"] == "trialing"
    items = subscription["items"]["data"]
    pending = invoice_items.pending(
        engine, customer["id"], subscription_id=None, currency=subscription["currency"]
    )
    content = [
        *(billables.of_invoice_item(engine, entry) for entry in pending),
        *(billables.for_period(engine, subscription, item, is_free=is_trial) for item in items),
    ]
    return invoice_object.build(
        engine,
        customer,
        content,
        reason="upcoming",
        subscription=subscription,
        currency=subscription["currency"],
        is_kept=False,
    )


def _of_customer(engine: Engine, customer: StripeObject) -> StripeObject:
    """The next invoice among the customer's subscriptions."""
    own = [engine.state.objects[one] for one in engine.state.subscriptions_of[customer["id"]]]
    live = [one for one in own if one["status"] in {"active", "trialing", "past_due"}]
    for subscription in sorted(live, key=upcoming_invoices.period_end):
        try:
            return upcoming_invoices.renewal(engine, subscription)
        except SandboxError:
            continue
    currency = customer["currency"] or "usd"
    pending = invoice_items.pending(engine, customer["id"], subscription_id=None, currency=currency)
    if not pending:
        raise upcoming_invoices.none_upcoming()
    content = [billables.of_invoice_item(engine, entry) for entry in pending]
    return invoice_object.build(
        engine,
        customer,
        content,
        reason="upcoming",
        subscription=None,
        currency=currency,
        is_kept=False,
    )


def _add_items(engine: Engine, invoice: StripeObject, params: dict[str, Any]) -> None:
    """`invoice_items` are added; `preview_mode=recurring` leaves only what comes back."""
    added = [
        invoice_items.read(engine, entry, currency=invoice["currency"])
        for entry in params.get("invoice_items") or []
    ]
    invoice_object.add_lines(engine, invoice, added, is_kept=False)
    if params.get("preview_mode") == "recurring":
        invoice["lines"]["data"] = [
            line
            for line in invoice["lines"]["data"]
            if (line["parent"]["subscription_item_details"] or {}).get("proration") is False
        ]
    customer = engine.state.objects[invoice["customer"]]
    invoice_discounts.apply(engine, invoice, _discounts(engine, customer, invoice, params))
    invoice_object.add_up(engine, invoice, balance=customer["balance"])


def _discounts(
    engine: Engine, customer: StripeObject, invoice: StripeObject, params: dict[str, Any]
) -> list[StripeObject]:
    """`discounts` take the place of those that are due at the moment of the preview."""
    held = engine.state.objects.get(invoice_object.subscription_of(invoice) or "")
    if "discounts" not in params:
        return invoice_discounts.due(engine, customer, held, at=invoice["created"])
    found = discounts.read(
        engine,
        params["discounts"],
        customer_id=customer["id"],
        currency=invoice["currency"],
        amount=sum(line["amount"] for line in invoice["lines"]["data"]),
        held=[] if held is None else held["discounts"],
    )
    return invoice_discounts.objects_of(engine, found, customer_id=customer["id"])


OPERATIONS: dict[str, Operation] = {"POST /v1/invoices/create_preview": create}
