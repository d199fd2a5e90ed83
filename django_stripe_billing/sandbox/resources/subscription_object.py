"""A subscription as it is born. https://docs.stripe.com/api/subscriptions/object"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..periods import DAY
from ..state import StripeObject
from . import (
    billing_anchors,
    payment_methods,
    price_currencies,
    splits,
    subscription_items,
    tax_rates,
)
from .metadata import merged
from .upcoming_invoices import period_end

if TYPE_CHECKING:
    from ..engine import Engine


def _trial_end(engine: Engine, params: dict[str, Any], items: list[StripeObject]) -> int | None:
    if "trial_period_days" in params:
        if params["trial_period_days"] < 1:
            raise SandboxError("Invalid integer", param="trial_period_days")
        return engine.now + int(params["trial_period_days"]) * DAY
    if params.get("trial_from_plan"):
        days = max(item["price"]["recurring"]["trial_period_days"] or 0 for item in items)
        return engine.now + days * DAY if days else None
    trial_end = params.get("trial_end")
    if trial_end in {None, "now", ""}:
        return None
    if trial_end <= engine.now:
        raise SandboxError("trial_end must be in the future.", param="trial_end")
    return int(trial_end)


def build(engine: Engine, params: dict[str, Any], customer_id: str) -> StripeObject:
    """A new subscription that is not kept yet. Raises SandboxError."""
    now = engine.now
    subscription_id = engine.state.new_id("sub_", length=24)
    items = [
        subscription_items.build(
            engine, entry, subscription_id=subscription_id, at=f"items[{index}]"
        )
        for index, entry in enumerate(params["items"])
    ]
    currency = price_currencies.chosen(
        engine,
        [item["price"] for item in items],
        asked=params.get("currency"),
        customer=engine.state.objects[customer_id]["currency"],
    )
    for index, item in enumerate(items):
        param = f"items[{index}][price]"
        price_currencies.of(engine, item["price"], currency, param=param)
    method_id = None
    if params.get("default_payment_method"):
        method = payment_methods.resolve(
            engine, params["default_payment_method"], param="default_payment_method"
        )
        payment_methods.attach_to(engine, method, customer_id, param="default_payment_method")
        method_id = method["id"]
    trial_end = _trial_end(engine, params, items)
    anchor = billing_anchors.anchor_of(engine, params, trial_end=trial_end)
    began = billing_anchors.begin_items(engine, items, params, anchor=anchor, trial_end=trial_end)
    settings = params.get("trial_settings") or {"end_behavior": {}}
    missing_payer = settings["end_behavior"].get("missing_payment_method", "create_invoice")
    payments = params.get("payment_settings") or {}
    mode = params.get("billing_mode") or {"type": "flexible"}
    subscription: StripeObject = {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": params.get("application_fee_percent"),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": params.get("billing_cycle_anchor_config"),
        "billing_mode": {"type": mode["type"], "flexible": mode.get("flexible")},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": now,
        "currency": currency,
        "customer": customer_id,
        "customer_account": None,
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": method_id,
        "default_source": None,
        "default_tax_rates": tax_rates.named(
            engine, params.get("default_tax_rates"), param="default_tax_rates"
        ),
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
            "payment_method_options": payments.get("payment_method_options") or None,
            "payment_method_types": payments.get("payment_method_types") or None,
            "save_default_payment_method": payments.get("save_default_payment_method") or "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": began,
        "status": "trialing" if trial_end else "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": splits.shown(params.get("transfer_data")),
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": missing_payer}},
        "trial_start": now if trial_end else None,
    }
    if params.get("cancel_at_period_end"):
        subscription["cancel_at_period_end"] = True
        subscription["cancel_at"] = period_end(subscription)
        subscription["canceled_at"] = now
    elif isinstance(params.get("cancel_at"), int):
        subscription["cancel_at"], subscription["canceled_at"] = params["cancel_at"], now
    return subscription
