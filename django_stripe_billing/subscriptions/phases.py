"""The phases of a schedule: which one runs, and what each says, as Stripe takes it again.

An update of a schedule replaces its phases as a whole: what is not sent again is lost.
https://docs.stripe.com/api/subscription_schedules/update#update_subscription_schedule-phases
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..rules.json_values import JSONObject, flag, identifier, integer, mapping, objects, text
from .splitting import held_split

Params = dict[str, Any]


def present_phase(schedule: JSONObject) -> JSONObject:
    """The phase that runs, {} without one: past ones stay in the list."""
    start = mapping(schedule.get("current_phase")).get("start_date")
    phases = objects(schedule.get("phases"))
    return mapping(next((phase for phase in phases if phase.get("start_date") == start), {}))


def later_phases(schedule: JSONObject) -> list[JSONObject]:
    """What is still to come."""
    running = integer(mapping(schedule.get("current_phase")).get("end_date")) or 0
    phases = objects(schedule.get("phases"))
    return [phase for phase in phases if 0 < running <= (integer(phase.get("start_date")) or 0)]


def same_again(phase: JSONObject) -> Params:
    """A phase as it is."""
    kept = _known(
        {
            "start_date": integer(phase.get("start_date")),
            "end_date": integer(phase.get("end_date")),
            "trial_end": integer(phase.get("trial_end")),
            "billing_cycle_anchor": text(phase.get("billing_cycle_anchor")),
            "proration_behavior": text(phase.get("proration_behavior")),
        }
    )
    return {**terms_of(phase), **kept, "items": items_of(phase)}


def later_again(phase: JSONObject) -> Params:
    """A phase that has not begun, as it is: what it will invoice once is still to come."""
    extra = [_line(line) for line in objects(phase.get("add_invoice_items"))]
    return {**same_again(phase), **({"add_invoice_items": extra} if extra else {})}


def terms_of(phase: JSONObject) -> Params:
    """What a phase says besides its items and its time.

    Discounts are always named, '' for none, or the customer's would be taken.
    """
    tax, invoices = mapping(phase.get("automatic_tax")), mapping(phase.get("invoice_settings"))
    return {
        "discounts": discounts_of(phase) or "",
        **held_split(phase),
        **_known(
            {
                "automatic_tax": _automatic_tax(tax) if tax else None,
                "billing_thresholds": _known(phase.get("billing_thresholds")),
                "collection_method": text(phase.get("collection_method")),
                "default_payment_method": identifier(phase.get("default_payment_method")),
                "default_tax_rates": _ids(phase.get("default_tax_rates")),
                "description": text(phase.get("description"), longest=5000),
                "invoice_settings": _invoice_settings(invoices),
                "metadata": dict(mapping(phase.get("metadata"))),
            }
        ),
    }


def items_of(phase: JSONObject) -> list[Params]:
    return [_item(item) for item in objects(phase.get("items"))]


def discounts_of(holder: JSONObject) -> list[Params]:
    """The discounts that a phase or an item names, as Stripe takes them."""
    found = []
    for discount in objects(holder.get("discounts")):
        for name in ("discount", "promotion_code", "coupon"):
            if value := identifier(discount.get(name)):
                found.append({name: value})
                break
    return found


def _item(item: JSONObject) -> Params:
    """An item; one without a quantity is sent without one."""
    return _known(
        {
            "price": identifier(item.get("price")),
            "quantity": integer(item.get("quantity")),
            "billing_thresholds": _known(item.get("billing_thresholds")),
            "discounts": discounts_of(item),
            "metadata": dict(mapping(item.get("metadata"))),
            "tax_rates": _ids(item.get("tax_rates")),
        }
    )


def _line(line: JSONObject) -> Params:
    return _known(
        {
            "price": identifier(line.get("price")),
            "quantity": integer(line.get("quantity")),
            "discounts": discounts_of(line),
            "metadata": dict(mapping(line.get("metadata"))),
            "period": {
                name: _known(end) for name, end in mapping(line.get("period")).items() if end
            },
            "tax_rates": _ids(line.get("tax_rates")),
        }
    )


def _automatic_tax(tax: JSONObject) -> Params:
    return {"enabled": flag(tax.get("enabled")), **_known({"liability": _party(tax, "liability")})}


def _invoice_settings(given: JSONObject) -> Params:
    return _known(
        {
            "account_tax_ids": _ids(given.get("account_tax_ids")),
            "custom_fields": [dict(field) for field in objects(given.get("custom_fields"))],
            "days_until_due": integer(given.get("days_until_due")),
            "description": text(given.get("description"), longest=5000),
            "footer": text(given.get("footer"), longest=5000),
            "issuer": _party(given, "issuer"),
        }
    )


def _party(holder: JSONObject, name: str) -> Params:
    """Whose tax, or whose invoice, it is."""
    given = mapping(holder.get(name))
    return _known({"type": text(given.get("type")), "account": identifier(given.get("account"))})


def _ids(values: object) -> list[str]:
    """Ids, given as such or as expanded objects."""
    given: Iterable[Any] = values if isinstance(values, list) else ()
    return [found for value in given if (found := identifier(value))]


def _known(values: object) -> Params:
    """Without what is not set."""
    return {
        name: value
        for name, value in mapping(values).items()
        if value is not None and value not in ("", [], {})
    }
