"""Whatever state an object is in, it has the keys and JSON types of Stripe's own example.

`test_objects` shows one of each kind; here every object of a busy sandbox is looked at, what stands
in lists and in events too.
"""

import json

import pytest

from django_stripe_billing.sandbox import Engine, ManualClock, SandboxError

from .conftest import START, Shop
from .test_objects import EXAMPLES, FREE, NEWER, REMOVED

DAY = 86_400

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="Stripe's example objects (fixtures3.json) are not at hand"
)

OPTIONAL = {
    "line_item.pricing": {"price_details"},
    "payment_intent.last_payment_error": {
        "charge",
        "code",
        "decline_code",
        "doc_url",
        "message",
        "payment_method",
    },
}
"""Keys that Stripe's example leaves out, and its SDK has."""

SUMMARY = "entitlements.active_entitlement_summary"


@pytest.fixture(scope="module")
def examples():
    return json.loads(EXAMPLES.read_text())["resources"]


@pytest.fixture(scope="module")
def engine():
    """A sandbox in which nearly everything has happened."""
    engine = Engine(clock=ManualClock(START))
    shop = Shop(engine)
    call = shop.call
    subscription = shop.subscribe()
    path = f"/v1/subscriptions/{subscription['id']}"
    item = subscription["items"]["data"][0]["id"]
    yearly = shop.add_price(20_000, "year", lookup_key="yearly", nickname="Yearly")
    call(
        "POST",
        "/v1/prices",
        {"product": shop.product["id"], "currency": "usd", "unit_amount": 500},
    )
    call("POST", path, {"items": [{"id": item, "quantity": 3}]})
    call("POST", path, {"items": [{"id": item, "price": yearly["id"]}], "metadata": {"a": "b"}})
    call("POST", path, {"cancel_at_period_end": True, "pause_collection": {"behavior": "void"}})
    call("POST", path, {"cancel_at_period_end": False, "pause_collection": ""})
    trial = shop.subscribe(trial_period_days=1)
    paused = shop.subscribe()
    call("POST", f"/v1/subscriptions/{paused['id']}/pause", {"type": "subscription"})
    call("POST", f"/v1/subscriptions/{shop.subscribe()['id']}", {"cancel_at": START + 5 * DAY})
    card = "pm_card_chargeCustomerFail"
    poor = call(
        "POST",
        "/v1/customers",
        {"payment_method": card, "invoice_settings": {"default_payment_method": card}},
    )
    items = [{"price": shop.price["id"]}]
    call("POST", "/v1/subscriptions", {"customer": poor["id"], "items": items})
    call(
        "POST",
        "/v1/subscriptions",
        {"customer": poor["id"], "items": items} | {"trial_period_days": 2},
    )
    engine.complete_checkout(shop.checkout()["id"])
    shop.checkout()
    call("POST", f"/v1/checkout/sessions/{shop.checkout()['id']}/expire")
    call("POST", "/v1/billing_portal/sessions", {"customer": shop.customer["id"]})
    call("DELETE", f"/v1/subscriptions/{shop.subscribe()['id']}")
    for days in (1, 1, 2, 4, 5, 31, 31):
        engine.clock.advance(days * DAY)
        engine.tick()
    call("POST", f"/v1/subscriptions/{paused['id']}/resume", {})
    gone = call("POST", "/v1/customers", {"email": "gone@example.com"})
    call("DELETE", f"/v1/customers/{gone['id']}")
    line = {"type": "custom_line_item", "description": "Sorry", "unit_amount": 100, "quantity": 1}
    credited = {"invoice": subscription["latest_invoice"], "lines": [line], "refund_amount": 100}
    call("POST", "/v1/credit_notes", credited)
    rate = {"display_name": "VAT", "percentage": 10, "inclusive": False}
    taxed = call("POST", "/v1/tax_rates", rate)
    shop.subscribe(default_tax_rates=[taxed["id"]])
    tax_id = {"type": "eu_vat", "value": "DE123456789"}
    call("POST", f"/v1/customers/{shop.customer['id']}/tax_ids", tax_id)
    lone = call("POST", "/v1/products", {"name": "Lone"})
    call("DELETE", f"/v1/products/{lone['id']}")
    call("POST", f"/v1/entitlements/features/{shop.feature['id']}", {"active": False})
    assert shop.read(trial)["status"] == "active"
    with pytest.raises(SandboxError):
        call("GET", "/v1/prices/none")
    return engine


def seen(engine):
    """Every object: stored, in an event, or deleted; by a name for the message."""
    yield from engine.state.objects.items()
    for event in engine.events:
        yield f"{event['type']} {event['id']}", event["data"]["object"]
    for key, stub in engine.state.deleted.items():
        yield f"deleted {key}", {**stub, "object": f"deleted_{stub['object']}"}


def test_everything_has_happened(engine):
    statuses = {row["status"] for row in engine.state.all("subscription")}
    assert statuses >= {"active", "canceled", "incomplete_expired"}
    kinds = {one["object"] for _, one in seen(engine)}
    assert kinds >= {SUMMARY, "invoice", "event", "deleted_customer"}


def test_every_object_is_like_stripes_example(engine, examples):
    found = {}
    for name, one in seen(engine):
        kind = one["object"]
        if name.startswith("invoice.upcoming"):
            one = {"id": "", **one}  # it is not made yet
        if kind in examples:
            for line in unlike(one, examples[kind], at=kind.removeprefix("deleted_")):
                found.setdefault(line, name)
    assert found == {}


def unlike(ours, example, *, at):
    """As in `test_objects`, and through lists; an object inside another is like its own example."""
    kind = at.rpartition("/")[2]
    found = [f"{at}.{key} is not in Stripe's example" for key in _more(ours, example, kind)]
    found += [f"{at}.{key} is missing" for key in _more(example, ours, kind)]
    for key in sorted(ours.keys() & example.keys()):
        mine, theirs = ours[key], example[key]
        if mine is None or theirs is None or key in FREE:
            continue
        if type(mine) is not type(theirs):
            found.append(f"{at}.{key} is {type(mine).__name__}, not {type(theirs).__name__}")
        elif isinstance(mine, dict) and theirs:
            found += unlike(mine, theirs, at=mine.get("object") or f"{at}.{key}")
    return found


def _more(one, other, kind):
    known = NEWER.get(kind, set()) | REMOVED.get(kind, set()) | OPTIONAL.get(kind, set())
    return sorted(one.keys() - other.keys() - known)


def test_what_stands_in_lists_is_like_its_own_example(engine, examples):
    found = {}
    for name, one in seen(engine):
        for inner in _listed(one):
            kind = inner.get("object")
            if kind in examples:
                for line in unlike(inner, examples[kind], at=kind):
                    found.setdefault(line, name)
    assert found == {}


def _listed(value):
    """The objects in lists, at any depth."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
    children = value.values() if isinstance(value, dict) else value
    for child in children if isinstance(value, (dict, list)) else ():
        yield from _listed(child)
