"""A subscription schedule as Stripe shows it, read from a request's phases.

https://docs.stripe.com/api/subscription_schedules/object
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..periods import add_intervals
from ..state import StripeObject
from . import phase_terms, prices, splits, subscription_items
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

NO_SETTINGS = {
    "account_tax_ids": None,
    "custom_fields": None,
    "days_until_due": None,
    "description": None,
    "footer": None,
}


def build(
    engine: Engine, customer_id: str, phases: list[StripeObject], params: dict[str, Any]
) -> StripeObject:
    """A new schedule that has not begun."""
    return {
        "id": engine.state.new_id("sub_sched_", length=24),
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "flexible", "flexible": None},
        "canceled_at": None,
        "completed_at": None,
        "created": engine.now,
        "current_phase": None,
        "customer": customer_id,
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {**NO_SETTINGS, "issuer": {"type": "self"}},
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": params.get("end_behavior", "release"),
        "livemode": False,
        "metadata": merged({}, params.get("metadata", {})),
        "phases": phases,
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": engine.state.clock,
    }


def read_phases(engine: Engine, given: list[dict[str, Any]], *, start: int) -> list[StripeObject]:
    """The phases that a request describes, in a row from `start`. Raises SandboxError."""
    found: list[StripeObject] = []
    for index, entry in enumerate(given):
        at = f"phases[{index}]"
        begins = entry.get("start_date", start)
        begins = engine.now if begins == "now" else begins
        if found and begins != start:
            raise SandboxError(
                "A phase must start when the one before it ends.", param=f"{at}[start_date]"
            )
        phase = _phase(engine, entry, start=begins, at=at)
        if phase["end_date"] <= phase["start_date"]:
            raise SandboxError("A phase must end after its start.", param=f"{at}[end_date]")
        found.append(phase)
        start = phase["end_date"]
    return found


def _phase(engine: Engine, entry: dict[str, Any], *, start: int, at: str) -> StripeObject:
    items = [
        _item(engine, item, at=f"{at}[items][{index}]")
        for index, item in enumerate(entry.get("items") or [])
    ]
    if not items:
        raise SandboxError(
            f"Missing required param: {at}[items].", code="parameter_missing", param=f"{at}[items]"
        )
    splits.check(engine, entry, at=at)
    price = engine.state.objects[items[0]["price"]]
    end = entry.get("end_date")
    if not isinstance(end, int):
        duration = entry.get("duration") or price["recurring"]
        end = add_intervals(
            start, interval=duration["interval"], count=duration.get("interval_count", 1)
        )
    trial_end = entry.get("trial_end")
    if trial_end is not None and not start < trial_end <= end:
        raise SandboxError("A trial must end within its phase.", param=f"{at}[trial_end]")
    return phase(
        items,
        currency=price["currency"],
        start=start,
        end=end,
        proration_behavior=entry.get("proration_behavior", "create_prorations"),
        billing_cycle_anchor=entry.get("billing_cycle_anchor"),
        metadata=merged({}, entry.get("metadata") or {}),
        split=entry,
        terms=phase_terms.read(engine, entry, at=at),
        trial_end=trial_end,
    )


def _item(engine: Engine, entry: dict[str, Any], *, at: str) -> StripeObject:
    price_id = entry.get("price") or entry.get("plan") or ""
    price = engine.state.get("price", price_id, param=f"{at}[price]", status=400)
    if price["type"] != "recurring":
        raise SandboxError(
            f"The price specified must be recurring: {price_id}", param=f"{at}[price]"
        )
    if not price["active"]:
        raise SandboxError(subscription_items.INACTIVE, param=f"{at}[price]")
    subscription_items.check(entry, at=at)
    subscription_items.check_taxes(entry, name="tax_rates", at=at)
    return item(price, entry.get("quantity", 1), metadata=entry.get("metadata") or {})


def item(price: StripeObject, quantity: int | None, *, metadata: dict[str, str]) -> StripeObject:
    """An item of a phase."""
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": merged({}, metadata),
        "plan": prices.plan_of(price),
        "price": price["id"],
        "quantity": quantity,
        "tax_rates": [],
    }


def phase(
    items: list[StripeObject],
    *,
    currency: str,
    start: int,
    end: int,
    proration_behavior: str = "create_prorations",
    billing_cycle_anchor: str | None = None,
    metadata: dict[str, str] | None = None,
    split: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
    trial_end: int | None = None,
) -> StripeObject:
    """A phase; `split` is what it says of fee, seller and destination, `terms` see there."""
    held = split or {}
    return {
        "add_invoice_items": [],
        "application_fee_percent": held.get("application_fee_percent"),
        "billing_cycle_anchor": billing_cycle_anchor,
        "billing_thresholds": None,
        "currency": currency,
        "end_date": end,
        "items": items,
        "metadata": metadata or {},
        "on_behalf_of": held.get("on_behalf_of"),
        "proration_behavior": proration_behavior,
        "start_date": start,
        "transfer_data": splits.shown(held.get("transfer_data")),
        "trial_end": trial_end,
        **(terms or phase_terms.NONE),
    }
