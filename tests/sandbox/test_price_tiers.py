"""Prices in tiers: https://docs.stripe.com/products-prices/pricing-models#tiered-pricing"""

import pytest

from django_stripe_billing.sandbox import SandboxError

TIERS = [
    {"up_to": 5, "unit_amount": 700},
    {"up_to": 10, "unit_amount": 650, "flat_amount": 100},
    {"up_to": "inf", "unit_amount_decimal": "600.5"},
]


@pytest.fixture
def add(shop):
    def add(mode="graduated", tiers=TIERS, **values):
        given = {
            "product": shop.product["id"],
            "currency": "usd",
            "recurring": {"interval": "month"},
            "billing_scheme": "tiered",
            "tiers_mode": mode,
            "tiers": tiers,
        }
        return shop.call("POST", "/v1/prices", given | values)

    return add


@pytest.mark.parametrize(
    ("mode", "quantity", "total"),
    [
        ("graduated", 1, 700),
        ("graduated", 5, 3500),
        ("graduated", 6, 3500 + 100 + 650),
        ("graduated", 20, 3500 + 100 + 5 * 650 + 6005),
        ("volume", 5, 3500),
        ("volume", 6, 100 + 6 * 650),
        ("volume", 20, 12_010),
    ],
)
def test_a_quantity_costs_what_its_tiers_say(shop, add, mode, quantity, total):
    items = [{"price": add(mode)["id"], "quantity": quantity}]

    assert shop.invoices(shop.subscribe(items=items))[0]["total"] == total
    checkout = shop.checkout(line_items=items)
    assert checkout["amount_total"] == total


def test_the_first_flat_amount_is_due_without_any_unit(shop, add):
    price = add(tiers=[{"up_to": "inf", "flat_amount": 500, "unit_amount": 10}])

    subscription = shop.subscribe(items=[{"price": price["id"], "quantity": 0}])

    assert shop.invoices(subscription)[0]["total"] == 500


def test_usage_is_billed_in_tiers(shop, add):
    meter = shop.call(
        "POST",
        "/v1/billing/meters",
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
        },
    )
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter["id"]}
    subscription = shop.subscribe(items=[{"price": add(recurring=recurring)["id"]}])
    payload = {"stripe_customer_id": shop.customer["id"], "value": "6"}
    shop.call("POST", "/v1/billing/meter_events", {"event_name": "calls", "payload": payload})

    shop.advance(30 * 86_400 + 7200)

    assert shop.invoices(subscription)[0]["total"] == 3500 + 100 + 650


def test_tiers_are_shown_when_they_are_expanded(shop, add):
    price = add()

    assert "tiers" not in price
    assert (price["unit_amount"], price["tiers_mode"]) == (None, "graduated")
    shown = shop.call("GET", f"/v1/prices/{price['id']}", {"expand": ["tiers"]})["tiers"]
    assert [tier["up_to"] for tier in shown] == [5, 10, None]
    assert shown[1] == {
        "flat_amount": 100,
        "flat_amount_decimal": "100",
        "unit_amount": 650,
        "unit_amount_decimal": "650",
        "up_to": 10,
    }
    assert (shown[2]["unit_amount"], shown[2]["unit_amount_decimal"]) == (None, "600.5")


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"tiers": []}, "tiers"),
        ({"tiers": TIERS[:2]}, "tiers"),
        ({"tiers": [TIERS[1], TIERS[0], TIERS[2]]}, "tiers"),
        ({"tiers": [{"up_to": "inf"}]}, "tiers[0]"),
        ({"unit_amount": 5}, "unit_amount"),
        ({"billing_scheme": "per_unit", "unit_amount": 5}, "tiers"),
    ],
)
def test_tiers_that_make_no_sense_are_refused(add, values, param):
    with pytest.raises(SandboxError) as refused:
        add(**values)

    assert refused.value.param == param
