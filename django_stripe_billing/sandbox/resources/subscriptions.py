"""Subscriptions: how they are born, listed and ended. https://docs.stripe.com/api/subscriptions"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, declined
from ..lists import created_in, equal, paginate
from ..periods import DAY
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    active_entitlements,
    discounts,
    invoices,
    lifecycle,
    payment_methods,
    subscription_items,
)
from .lifecycle import TERMINAL
from .lifecycle import end as end
from .metadata import merged
from .subscription_changes import pause, resume, update

if TYPE_CHECKING:
    from ..engine import Engine

MOST_PER_CUSTOMER = 500


def create(call: Call) -> StripeObject:
    return add(call.engine, call.params)


def add(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new subscription, billed at once unless it begins with a trial.

    Raises SandboxError, with nothing created, for bad parameters and where the first payment
    must succeed and does not.
    """
    state = engine.state
    customer = state.get("customer", params.get("customer", ""), param="customer", status=400)
    _check(engine, params, customer["id"])
    subscription = _build(engine, params, customer["id"])
    items = subscription["items"]["data"]
    if len({item["price"]["id"] for item in items}) < len(items):
        raise SandboxError("Cannot add multiple subscription items with the same price.")
    if len({item["price"]["currency"] for item in items}) > 1:
        raise SandboxError("All prices of a subscription have one currency.", param="items")
    behavior = params.get("payment_behavior", "allow_incomplete")
    payer = invoices.payer(engine, subscription)
    is_charged = payment_methods.is_charged(engine, payer)
    needs_payment = (
        subscription["trial_end"] is None
        and subscription["collection_method"] == "charge_automatically"
        and discounts.leaves_to_pay(engine, subscription, params.get("discounts"))
    )
    if needs_payment and payer is None and behavior != "default_incomplete":
        raise SandboxError(
            "This customer has no attached payment source or default payment method. Please"
            " consider adding a default payment method.",
            code="resource_missing",
        )
    if needs_payment and behavior == "error_if_incomplete" and not is_charged:
        raise declined()
    state.add(subscription)
    state.subscriptions_of[customer["id"]].append(subscription["id"])
    customer["currency"] = customer["currency"] or subscription["currency"]
    discounts.set_on_subscription(engine, subscription, params.get("discounts"))
    _begin(engine, subscription, waits=needs_payment and behavior == "default_incomplete")
    engine.emit("customer.subscription.created", subscription)
    lifecycle.warn_of_trial_end(engine, subscription)
    lifecycle.schedule(engine, subscription)
    return subscription


def _begin(engine: Engine, subscription: StripeObject, *, waits: bool) -> None:
    if subscription["status"] == "trialing":
        invoices.bill(engine, subscription, reason="subscription_create", is_free=True)
    elif waits:
        subscription["status"] = "incomplete"
        held, subscription["default_payment_method"] = subscription["default_payment_method"], None
        invoices.bill(engine, subscription, reason="subscription_create")
        subscription["default_payment_method"] = held
    elif not invoices.bill(engine, subscription, reason="subscription_create"):
        subscription["status"] = "incomplete"
    active_entitlements.take_features(engine, subscription)


def _check(engine: Engine, params: dict[str, Any], customer_id: str) -> None:
    if not params.get("items"):
        raise SandboxError(
            "Missing required param: items.", code="parameter_missing", param="items"
        )
    if len(params["items"]) > subscription_items.MOST:
        raise SandboxError(
            f"A subscription has at most {subscription_items.MOST} items.", param="items"
        )
    if "trial_period_days" in params and "trial_end" in params:
        raise SandboxError("You may only specify one of trial_end and trial_period_days.")
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


def _trial_end(engine: Engine, params: dict[str, Any]) -> int | None:
    if "trial_period_days" in params:
        if params["trial_period_days"] < 1:
            raise SandboxError("Invalid integer", param="trial_period_days")
        return engine.now + int(params["trial_period_days"]) * DAY
    trial_end = params.get("trial_end")
    if trial_end in {None, "now", ""}:
        return None
    if trial_end <= engine.now:
        raise SandboxError("trial_end must be in the future.", param="trial_end")
    return int(trial_end)


def _build(engine: Engine, params: dict[str, Any], customer_id: str) -> StripeObject:
    now = engine.now
    subscription_id = engine.state.new_id("sub_", length=24)
    items = [
        subscription_items.build(
            engine, entry, subscription_id=subscription_id, at=f"items[{index}]"
        )
        for index, entry in enumerate(params["items"])
    ]
    method_id = None
    if params.get("default_payment_method"):
        method = payment_methods.resolve(
            engine, params["default_payment_method"], param="default_payment_method"
        )
        payment_methods.attach_to(engine, method, customer_id, param="default_payment_method")
        method_id = method["id"]
    trial_end = _trial_end(engine, params)
    anchor = params.get("billing_cycle_anchor") or trial_end or now
    if anchor < now:
        raise SandboxError("billing_cycle_anchor must be in the future.")
    subscription_items.start_period(items, start=now, anchor=anchor, end=trial_end or 0)
    settings = params.get("trial_settings") or {"end_behavior": {}}
    missing_payer = settings["end_behavior"].get("missing_payment_method", "create_invoice")
    mode = (params.get("billing_mode") or {}).get("type", "flexible")
    subscription: StripeObject = {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": params.get("application_fee_percent"),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": mode, "flexible": None},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": now,
        "currency": items[0]["price"]["currency"],
        "customer": customer_id,
        "customer_account": None,
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": method_id,
        "default_source": None,
        "default_tax_rates": [],
        "description": params.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, params.get("metadata", {})),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": params.get("on_behalf_of"),
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": params.get("transfer_data"),
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": missing_payer}},
        "trial_start": now if trial_end else None,
    }
    if params.get("cancel_at_period_end"):
        subscription["cancel_at_period_end"] = True
        subscription["cancel_at"] = lifecycle.period_end(subscription)
        subscription["canceled_at"] = now
    elif isinstance(params.get("cancel_at"), int):
        subscription["cancel_at"], subscription["canceled_at"] = params["cancel_at"], now
    return subscription


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
    end(call.engine, subscription)
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
        and equal(params, subscription, "customer", "collection_method", "test_clock")
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
