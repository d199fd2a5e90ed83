"""Application fees and destination charges, as Stripe takes, keeps and refuses them."""

import pytest

from django_stripe_billing.sandbox import SandboxError

ACCOUNT = "acct_1Seller"
TO = {"destination": ACCOUNT}
MONTH = 31 * 86_400


def once(shop, amount=5000):
    return shop.call(
        "POST",
        "/v1/prices",
        {"product": shop.product["id"], "currency": "usd", "unit_amount": amount},
    )


def pay_page(shop, **data):
    return shop.checkout(
        mode="payment",
        line_items=[{"price": once(shop)["id"], "quantity": 1}],
        payment_intent_data=data,
    )


def charges(shop):
    return shop.call("GET", "/v1/charges")["data"]


def test_each_invoice_of_a_subscription_is_split(shop):
    subscription = shop.subscribe(application_fee_percent=12.5, transfer_data=TO)
    assert subscription["application_fee_percent"] == 12.5
    assert subscription["transfer_data"] == {"amount_percent": None, "destination": ACCOUNT}
    shop.advance(MONTH)
    assert [charge["application_fee_amount"] for charge in charges(shop)] == [250, 250]
    assert [charge["transfer_data"] for charge in charges(shop)] == [TO, TO]


def test_a_part_of_a_cent_is_rounded(shop):
    price = shop.add_price(999, "month")
    shop.subscribe(
        items=[{"price": price["id"]}],
        transfer_data={"destination": ACCOUNT, "amount_percent": 33.35},
    )
    [charge] = charges(shop)
    assert charge["transfer_data"] == {"destination": ACCOUNT, "amount": 333}


def test_a_split_is_changed_and_unset(shop):
    subscription = shop.subscribe(application_fee_percent=5, transfer_data=TO, on_behalf_of=ACCOUNT)
    changed = shop.change(subscription, application_fee_percent=7)
    assert (changed["application_fee_percent"], changed["on_behalf_of"]) == (7, ACCOUNT)
    bare = shop.change(subscription, application_fee_percent="", transfer_data="", on_behalf_of="")
    assert (bare["application_fee_percent"], bare["transfer_data"], bare["on_behalf_of"]) == (
        None,
        None,
        None,
    )
    shop.advance(MONTH)
    assert [charge["application_fee_amount"] for charge in charges(shop)] == [None, 100]


def test_checkout_passes_the_split_on(shop, engine):
    session = pay_page(shop, application_fee_amount=500, transfer_data=TO, on_behalf_of=ACCOUNT)
    done = engine.complete_checkout(session["id"])
    intent = shop.call("GET", f"/v1/payment_intents/{done['payment_intent']}")
    assert (intent["application_fee_amount"], intent["on_behalf_of"]) == (500, ACCOUNT)
    assert intent["transfer_data"] == TO


def test_acting_as_the_account_a_fee_needs_no_destination(engine, shop):
    intent = engine.call(
        "POST",
        "/v1/payment_intents",
        {"amount": 5000, "currency": "usd", "application_fee_amount": 500},
        account=ACCOUNT,
    )
    assert intent["application_fee_amount"] == 500


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"application_fee_percent": 5}, "[application_fee_percent]"),
        ({"application_fee_percent": 101, "transfer_data": TO}, "[application_fee_percent]"),
        ({"application_fee_percent": -1, "transfer_data": TO}, "[application_fee_percent]"),
        ({"application_fee_percent": 1.005, "transfer_data": TO}, "[application_fee_percent]"),
        ({"application_fee_percent": "much", "transfer_data": TO}, "[application_fee_percent]"),
        ({"application_fee_amount": 5, "transfer_data": TO}, "[application_fee_amount]"),
        ({"transfer_data": {"destination": "cus_1"}}, "[transfer_data][destination]"),
        ({"transfer_data": {"amount_percent": 5}}, "[transfer_data][destination]"),
        ({"transfer_data": {**TO, "amount": 5}}, "[transfer_data][amount]"),
        ({"transfer_data": {**TO, "amount_percent": 101}}, "[transfer_data][amount_percent]"),
        ({"on_behalf_of": "the seller"}, "[on_behalf_of]"),
        (
            {"application_fee_percent": 5, "transfer_data": {**TO, "amount_percent": 95}},
            "[application_fee_percent]",
        ),
    ],
)
def test_a_bad_split_of_a_subscription_is_refused(shop, data, param):
    with pytest.raises(SandboxError) as refusal:
        shop.checkout(subscription_data=data)
    assert (refusal.value.status, refusal.value.param) == (400, f"subscription_data{param}")


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"application_fee_amount": 5}, "[application_fee_amount]"),
        ({"application_fee_amount": 5001, "transfer_data": TO}, "[application_fee_amount]"),
        ({"application_fee_amount": -1, "transfer_data": TO}, "[application_fee_amount]"),
        ({"application_fee_percent": 5, "transfer_data": TO}, "[application_fee_percent]"),
        ({"transfer_data": {**TO, "amount": 5001}}, "[transfer_data][amount]"),
        ({"transfer_data": {**TO, "amount_percent": 5}}, "[transfer_data][amount_percent]"),
        (
            {"application_fee_amount": 5, "transfer_data": {**TO, "amount": 5}},
            "[application_fee_amount]",
        ),
    ],
)
def test_a_bad_split_of_a_payment_is_refused(shop, data, param):
    with pytest.raises(SandboxError) as refusal:
        pay_page(shop, **data)
    assert (refusal.value.status, refusal.value.param) == (400, f"payment_intent_data{param}")


def test_a_subscription_that_loses_its_destination_keeps_no_fee(shop):
    subscription = shop.subscribe(application_fee_percent=5, transfer_data=TO)
    with pytest.raises(SandboxError, match="destination payment"):
        shop.change(subscription, transfer_data="")


def test_a_phase_says_the_split_of_its_time(shop):
    subscription = shop.subscribe(application_fee_percent=5, transfer_data=TO)
    schedule = shop.call(
        "POST", "/v1/subscription_schedules", {"from_subscription": subscription["id"]}
    )
    [phase] = schedule["phases"]
    assert (phase["application_fee_percent"], phase["transfer_data"]["destination"]) == (
        5,
        ACCOUNT,
    )
    items = [{"price": shop.price["id"], "quantity": 1}]
    kept = {"application_fee_percent": 5, "transfer_data": TO}
    shop.call(
        "POST",
        f"/v1/subscription_schedules/{schedule['id']}",
        {
            "phases": [
                {
                    "items": items,
                    "start_date": phase["start_date"],
                    "end_date": phase["end_date"],
                    **kept,
                },
                {"items": [{"price": shop.price["id"], "quantity": 2}]},
            ]
        },
    )
    assert shop.read(subscription)["application_fee_percent"] == 5
    shop.advance(MONTH)
    assert shop.read(subscription)["application_fee_percent"] is None
    assert [charge["application_fee_amount"] for charge in charges(shop)] == [None, 100]
