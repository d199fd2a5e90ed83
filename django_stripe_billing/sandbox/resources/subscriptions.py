"""Subscriptions: how they are born, listed and ended. https://docs.stripe.com/api/subscriptions"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing_parameter
from ..lists import created_in, equal, is_shown, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    customer_currency,
    discounts,
    first_invoices,
    invoices,
    lifecycle,
    payment_methods,
    pending_setup_intents,
    prices,
    splits,
    subscription_items,
    subscription_object,
    test_clocks,
)
from .subscription_changes import update
from .subscription_endings import TERMINAL
from .subscription_endings import end as end
from .subscription_pauses import pause, resume

if TYPE_CHECKING:
    from ..engine import Engine

MOST_PER_CUSTOMER = 500


def create(call: Call) -> StripeObject:
    return add(call.engine, call.params, sets_up=True)


def add(
    engine: Engine,
    params: dict[str, Any],
    *,
    is_scheduled: bool = False,
    sets_up: bool = False,
) -> StripeObject:
    """A new subscription, billed at once unless it begins with a trial.

    `is_scheduled`: a schedule starts it, so that its first invoice is a draft for an hour.
    `sets_up`: without a payment now, a setup intent asks for what later ones need.

    Raises SandboxError, with nothing created, for bad parameters and where the first payment
    must succeed and does not.
    """
    state = engine.state
    if not params.get("customer"):
        raise missing_parameter("customer")
    customer = state.get("customer", params["customer"], param="customer", status=400)
    _check(engine, params, customer["id"])
    subscription = subscription_object.build(engine, params, customer["id"])
    items = subscription["items"]["data"]
    if len({item["price"]["id"] for item in items}) < len(items):
        raise SandboxError("Cannot add multiple subscription items with the same price.")
    customer_currency.check(engine, customer["id"], subscription["currency"])
    behavior = params.get("payment_behavior", "allow_incomplete")
    payer = invoices.payer(engine, subscription)
    is_charged = payer is not None and payment_methods.is_charged(engine, payer)
    amount_due = first_invoices.amount_due(engine, subscription, params)
    needs_payment = (
        subscription["collection_method"] == "charge_automatically"
        and amount_due > 0
        and not is_scheduled
    )
    if needs_payment and payer is None and behavior != "default_incomplete":
        raise SandboxError(
            "This customer has no attached payment source or default payment method. Please"
            " consider adding a default payment method.",
            code="resource_missing",
        )
    if needs_payment and behavior == "error_if_incomplete" and not is_charged:
        raise payment_methods.refusal(engine, payer)
    state.add(subscription)
    for item in items:
        prices.keep(engine, item["price"])
    state.subscriptions_of[customer["id"]].append(subscription["id"])
    customer["currency"] = customer["currency"] or subscription["currency"]
    discounts.set_on_subscription(engine, subscription, params.get("discounts"))
    first_invoices.bill(engine, subscription, params, is_scheduled=is_scheduled)
    if sets_up and amount_due <= 0:
        pending_setup_intents.offer(engine, subscription, payer=payer)
    engine.emit("customer.subscription.created", subscription)
    lifecycle.warn_of_trial_end(engine, subscription)
    lifecycle.schedule(engine, subscription)
    return subscription


def _check(engine: Engine, params: dict[str, Any], customer_id: str) -> None:
    if not params.get("items"):
        raise SandboxError(
            "Missing required param: items.", code="parameter_missing", param="items"
        )
    if len(params["items"]) > subscription_items.MOST:
        raise SandboxError(
            f"A subscription has at most {subscription_items.MOST} items.", param="items"
        )
    splits.check(engine, params)
    if params.get("payment_behavior") == "pending_if_incomplete":
        raise SandboxError(
            "`pending_if_incomplete` is only used with updates and cannot be passed when creating a"
            " subscription.",
            param="payment_behavior",
        )
    if "trial_period_days" in params and "trial_end" in params:
        raise SandboxError("You may only specify one of trial_end and trial_period_days.")
    if params.get("collection_method") == "send_invoice" and params.get("days_until_due") is None:
        raise SandboxError(
            "days_until_due is required with collection_method=send_invoice.",
            code="parameter_missing",
            param="days_until_due",
        )
    test_clocks.check_room(engine, "subscription", customer=customer_id)
    live = [
        subscription_id
        for subscription_id in engine.state.subscriptions_of[customer_id]
        if engine.state.objects[subscription_id]["status"] not in TERMINAL
    ]
    if len(live) >= MOST_PER_CUSTOMER:
        raise SandboxError(
            f"A customer has at most {MOST_PER_CUSTOMER} subscriptions.",
            code="customer_max_subscriptions",
        )


def cancel(call: Call) -> StripeObject:
    subscription = retrieve(call)
    if subscription["status"] in TERMINAL:
        raise SandboxError(
            f"No such subscription: '{subscription['id']}'",
            status=404,
            code="resource_missing",
            param="id",
        )
    given = call.params.get("cancellation_details") or {}
    subscription["cancellation_details"].update(
        {key: value or None for key, value in given.items()}
    )
    end(
        call.engine,
        subscription,
        prorates=call.params.get("prorate", False),
        invoices_now=call.params.get("invoice_now", False),
    )
    return subscription


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("subscription", call.ids[0])


def of_customer(engine: Engine, customer: StripeObject) -> StripeObject:
    """The list that a customer shows when `subscriptions` is expanded: live ones only."""
    ids = engine.state.subscriptions_of[customer["id"]]
    rows = [engine.state.objects[subscription_id] for subscription_id in reversed(ids)]
    live = [row for row in rows if row["status"] not in TERMINAL]
    return paginate(live, {}, url=f"/v1/customers/{customer['id']}/subscriptions")


def index(call: Call) -> StripeObject:
    """Canceled ones are left out unless they are asked for."""
    params = dict(call.params)
    status = params.pop("status", None)
    rows = (
        subscription
        for subscription in call.engine.state.all("subscription")
        if _has_status(subscription["status"], status)
        and is_shown(params, subscription)
        and equal(params, subscription, "customer", "collection_method")
        and created_in(params, "created", subscription["created"])
        and _has_items(subscription["items"]["data"], params)
    )
    return paginate(rows, params, url="/v1/subscriptions")


def _has_status(status: str, wanted: str | None) -> bool:
    if wanted is None:
        return status != "canceled"
    if wanted == "all":
        return True
    return status in TERMINAL if wanted == "ended" else status == wanted


def _has_items(items: list[StripeObject], params: dict[str, Any]) -> bool:
    prices = {item["price"]["id"] for item in items}
    starts = max(item["current_period_start"] for item in items)
    ends = min(item["current_period_end"] for item in items)
    return (
        params.get("price", next(iter(prices))) in prices
        and params.get("plan", next(iter(prices))) in prices
        and created_in(params, "current_period_start", starts)
        and created_in(params, "current_period_end", ends)
    )


OPERATIONS: dict[str, Operation] = {
    "GET /v1/subscriptions": index,
    "POST /v1/subscriptions": create,
    "GET /v1/subscriptions/{id}": retrieve,
    "POST /v1/subscriptions/{id}": update,
    "DELETE /v1/subscriptions/{id}": cancel,
    "POST /v1/subscriptions/{id}/pause": pause,
    "POST /v1/subscriptions/{id}/resume": resume,
}
