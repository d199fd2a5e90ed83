"""The invoice with which a subscription begins. https://docs.stripe.com/billing/invoices/subscription"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..state import StripeObject
from . import (
    active_entitlements,
    billables,
    billing,
    billing_anchors,
    dunning,
    invoice_discounts,
    invoice_items,
    invoice_object,
)

if TYPE_CHECKING:
    from ..engine import Engine


def _is_free(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> bool:
    """Whether the first period costs nothing: a trial, or an unbilled part until the anchor."""
    is_late = subscription["billing_cycle_anchor"] > engine.now
    return subscription["status"] == "trialing" or (
        is_late and params.get("proration_behavior") == "none"
    )


def amount_due(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> int:
    """What the customer has to pay when the subscription begins."""
    is_free = _is_free(engine, subscription, params)
    pending = invoice_items.pending(
        engine,
        subscription["customer"],
        subscription_id=None,
        currency=subscription["currency"],
    )
    content = [
        *(billables.of_invoice_item(engine, entry) for entry in pending),
        *_added(engine, subscription, params),
        *(
            billables.for_period(engine, subscription, item, is_free=is_free)
            for item in subscription["items"]["data"]
        ),
    ]
    customer = engine.state.objects[subscription["customer"]]
    preview = invoice_object.build(
        engine,
        customer,
        content,
        reason="subscription_create",
        subscription=subscription,
        currency=subscription["currency"],
        is_kept=False,
        discounts=invoice_discounts.wanted(engine, customer, subscription, params, at=engine.now),
    )
    return int(preview["amount_due"])


def bill(
    engine: Engine, subscription: StripeObject, params: dict[str, Any], *, is_scheduled: bool
) -> None:
    """The first invoice: for the first period, or for nothing while a trial runs.

    It is charged at once; one that is sent stays a draft for an hour, as do a schedule's.
    """
    is_sent = subscription["collection_method"] == "send_invoice"
    waits = params.get("payment_behavior") == "default_incomplete"
    invoice = billing.bill(
        engine,
        subscription,
        reason="subscription_create",
        items=subscription["items"]["data"],
        extra=_added(engine, subscription, params),
        is_free=_is_free(engine, subscription, params),
        is_at_once=not is_scheduled and not is_sent,
        is_retried=is_scheduled,
        waits_for_payment=waits,
    )
    if (
        subscription["status"] != "trialing"
        and not is_sent
        and invoice is not None
        and invoice["status"] == "open"
    ):
        subscription["status"] = "incomplete"
    dunning.watch(engine, invoice)
    active_entitlements.take_features(engine, subscription)


def _added(
    engine: Engine, subscription: StripeObject, params: dict[str, Any]
) -> list[billables.Billable]:
    return [
        *(
            invoice_items.read(engine, entry, currency=subscription["currency"])
            for entry in params.get("add_invoice_items") or []
        ),
        *billing_anchors.elapsed(engine, subscription, params),
    ]
