"""A schedule's phases, sent again: what is not named would be lost."""

import pytest

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.sandbox.older_versions import Tolerance
from django_stripe_billing.sandbox.parameters import read as read_parameters
from django_stripe_billing.subscriptions import change_plan, change_quantity
from django_stripe_billing.subscriptions.phases import (
    later_again,
    later_phases,
    present_phase,
    same_again,
    terms_of,
)

from .conftest import DAY

PHASE = {
    "add_invoice_items": [
        {
            "discounts": [],
            "metadata": {},
            "period": {
                "end": {"type": "phase_end", "timestamp": None},
                "start": {"type": "timestamp", "timestamp": 120},
            },
            "price": "price_setup",
            "quantity": 1,
            "tax_rates": [{"id": "txr_1", "object": "tax_rate"}],
        }
    ],
    "application_fee_percent": 12.5,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": True,
        "liability": {"type": "account", "account": "acct_1"},
    },
    "billing_cycle_anchor": "phase_start",
    "billing_thresholds": {"amount_gte": 5000, "reset_billing_cycle_anchor": None},
    "collection_method": "send_invoice",
    "currency": "usd",
    "default_payment_method": "pm_1",
    "default_tax_rates": [{"id": "txr_1", "object": "tax_rate"}],
    "description": "Team plan",
    "discounts": [{"coupon": None, "discount": "di_1", "promotion_code": None}],
    "end_date": 200,
    "invoice_settings": {
        "account_tax_ids": ["atxi_1"],
        "custom_fields": None,
        "days_until_due": 14,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "items": [
        {
            "billing_thresholds": {"usage_gte": 10},
            "discounts": [{"coupon": "half", "discount": None, "promotion_code": None}],
            "metadata": {"row": "7"},
            "plan": "price_1",
            "price": "price_1",
            "quantity": 2,
            "tax_rates": [{"id": "txr_2", "object": "tax_rate"}],
        },
        {"metadata": {}, "price": {"id": "price_metered"}, "tax_rates": [], "discounts": []},
    ],
    "metadata": {"order": "9"},
    "on_behalf_of": "acct_1",
    "proration_behavior": "create_prorations",
    "start_date": 100,
    "transfer_data": {"amount_percent": None, "destination": "acct_1"},
    "trial_end": 150,
}

TERMS = {
    "application_fee_percent": "12.5",
    "automatic_tax": {"enabled": True, "liability": {"type": "account", "account": "acct_1"}},
    "billing_thresholds": {"amount_gte": 5000},
    "collection_method": "send_invoice",
    "default_payment_method": "pm_1",
    "default_tax_rates": ["txr_1"],
    "description": "Team plan",
    "discounts": [{"discount": "di_1"}],
    "invoice_settings": {
        "account_tax_ids": ["atxi_1"],
        "days_until_due": 14,
        "issuer": {"type": "self"},
    },
    "metadata": {"order": "9"},
    "on_behalf_of": "acct_1",
    "transfer_data": {"destination": "acct_1"},
}

ITEMS = [
    {
        "billing_thresholds": {"usage_gte": 10},
        "discounts": [{"coupon": "half"}],
        "metadata": {"row": "7"},
        "price": "price_1",
        "quantity": 2,
        "tax_rates": ["txr_2"],
    },
    {"price": "price_metered"},
]

EMPTY = {
    "add_invoice_items": [],
    "automatic_tax": None,
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": None,
    "items": [{"price": "price_1", "quantity": 0, "discounts": [], "tax_rates": []}],
    "metadata": {},
    "start_date": 0,
    "end_date": 100,
    "trial_end": None,
    "transfer_data": None,
}


def test_everything_that_a_phase_shows_is_what_stripe_takes_again():
    again = same_again(PHASE)
    assert terms_of(PHASE) == TERMS
    assert again == {
        **TERMS,
        "billing_cycle_anchor": "phase_start",
        "end_date": 200,
        "items": ITEMS,
        "proration_behavior": "create_prorations",
        "start_date": 100,
        "trial_end": 150,
    }
    extra = {"price": "price_setup", "quantity": 1, "tax_rates": ["txr_1"]}
    period = {"end": {"type": "phase_end"}, "start": {"type": "timestamp", "timestamp": 120}}
    assert later_again(PHASE) == {**again, "add_invoice_items": [{**extra, "period": period}]}


def test_the_sdk_knows_each_of_these_parameters():
    """Read by the types of stripe-python: an unknown or a wrong one raises."""
    operation = "POST /v1/subscription_schedules/{id}"
    read_parameters(operation, wired({"phases": [later_again(PHASE)]}), tolerance=Tolerance.NOTHING)


def wired(value):
    """As a form has it."""
    if isinstance(value, dict):
        return {name: wired(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [wired(entry) for entry in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_nothing_but_the_absence_of_discounts_is_sent_for_what_is_not_set():
    assert same_again(EMPTY) == {
        "discounts": "",
        "end_date": 100,
        "items": [{"price": "price_1", "quantity": 0}],
        "start_date": 0,
    }


def test_the_phase_that_runs_is_the_one_that_began_when_it_says():
    past, future = {**EMPTY, "start_date": -100, "end_date": 0}, {**EMPTY, "start_date": 100}
    schedule = {
        "current_phase": {"start_date": 0, "end_date": 100},
        "phases": [past, EMPTY, future],
    }
    assert present_phase(schedule) == EMPTY
    assert later_phases(schedule) == [future]
    assert present_phase({"phases": [EMPTY]}) == {}
    assert later_phases({"phases": [EMPTY]}) == []


# With the sandbox


@pytest.fixture
def settled(shop, row, bound, stripe_sandbox):
    """A subscription with settings of its own."""
    path = f"/v1/subscriptions/{row.stripe_id}"
    item = shop.call("GET", path)["items"]["data"][0]["id"]
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "forever"})
    attach = "/v1/payment_methods/pm_card_mastercard/attach"
    card = shop.call("POST", attach, {"customer": bound.stripe_id})["id"]
    shop.call(
        "POST",
        path,
        {
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "default_payment_method": card,
            "description": "Team plan",
            "discounts": [{"coupon": coupon["id"]}],
            "items": [{"id": item, "metadata": {"row": "7"}}],
            "metadata": {"order": "9"},
            "proration_behavior": "none",
        },
    )
    stripe_sandbox.deliver()
    return row


NAMES = (
    "collection_method",
    "days_until_due",
    "default_payment_method",
    "description",
    "metadata",
)


def settings_of(data):
    return {
        **{name: data[name] for name in NAMES},
        "discounts": len(data["discounts"]),
        "items": [item["metadata"] for item in data["items"]["data"]],
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda who: change_quantity(who, 3, when="period_end"),
        lambda who: change_plan(who, price="starter_monthly", quantity=1, when="period_end"),
    ],
)
def test_a_scheduled_change_keeps_every_setting(
    shop, settled, subscriber, stripe_sandbox, at_stripe, change
):
    before = settings_of(at_stripe())
    change(subscriber)
    assert settings_of(at_stripe()) == before
    stripe_sandbox.advance(25 * DAY)
    stripe_sandbox.deliver()
    after = at_stripe()
    assert after["items"]["data"][0]["quantity"] != 2
    assert settings_of(after) == before
    invoice = shop.call("GET", f"/v1/invoices/{after['latest_invoice']}")
    assert invoice["total"] == invoice["subtotal"] / 2


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_forgets_what_a_phase_does_not_name(shop, settled, stripe_sandbox, at_stripe):
    """As Stripe does: or the test above could not fail."""
    path = "/v1/subscription_schedules"
    made = shop.call("POST", path, {"from_subscription": settled.stripe_id})
    [phase] = made["phases"]
    items = [{"price": item["price"], "quantity": 3} for item in phase["items"]]
    dates = {name: phase[name] for name in ("start_date", "end_date")}
    shop.call("POST", f"{path}/{made['id']}", {"phases": [{"items": items, **dates}]})
    assert at_stripe()["discounts"] == []
    assert at_stripe()["description"] == "Team plan"  # of the schedule's default settings


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_refuses_what_it_does_not_work_out(shop, row, at_stripe):
    item = at_stripe()["items"]["data"][0]["id"]
    path = f"/v1/subscriptions/{row.stripe_id}"
    for given in (
        {"items": [{"id": item, "tax_rates": ["txr_none"]}]},
        {"items": [{"id": item, "discounts": [{"coupon": "half"}]}]},
        {"default_tax_rates": ["txr_none"]},
    ):
        with pytest.raises(SandboxError, match=r"tax rate|single items"):
            shop.call("POST", path, given)
    with pytest.raises(SandboxError, match="tax rate"):
        shop.call("POST", f"/v1/subscription_items/{item}", {"tax_rates": ["txr_none"]})
    made = shop.call("POST", "/v1/subscription_schedules", {"from_subscription": row.stripe_id})
    [phase] = made["phases"]
    base = {name: phase[name] for name in ("start_date", "end_date")}
    price = phase["items"][0]["price"]
    for given in (
        {"items": [{"price": price, "tax_rates": ["txr_none"]}]},
        {"items": [{"price": price}], "default_tax_rates": ["txr_none"]},
        {"items": [{"price": price}], "discounts": [{"coupon": "none"}]},
        {"items": [{"price": price}], "default_payment_method": "pm_none"},
    ):
        with pytest.raises(SandboxError, match="No such"):
            path = f"/v1/subscription_schedules/{made['id']}"
            shop.call("POST", path, {"phases": [{**base, **given}]})


@pytest.mark.django_db(transaction=True)
def test_scheduling_again_takes_what_was_set_meanwhile(
    shop, settled, bound, subscriber, stripe_sandbox, at_stripe
):
    """What is named in a phase wins over what was set at the subscription before it began."""
    change_quantity(subscriber, 3, when="period_end")
    attach = "/v1/payment_methods/pm_card_amex/attach"
    card = shop.call("POST", attach, {"customer": bound.stripe_id})["id"]
    path = f"/v1/subscriptions/{settled.stripe_id}"
    shop.call("POST", path, {"default_payment_method": card})
    stripe_sandbox.deliver()
    change_quantity(subscriber, 3, when="period_end")
    stripe_sandbox.advance(25 * DAY)
    assert at_stripe()["default_payment_method"] == card
