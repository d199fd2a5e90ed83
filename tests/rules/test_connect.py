"""A split becomes what Stripe takes, or one clear error."""

from decimal import Decimal

import pytest

from django_stripe_billing.rules.connect import Split, split_params

SELLER = "acct_1Seller"


@pytest.mark.parametrize(
    ("split", "mode", "expected"),
    [
        (
            {"application_fee_percent": Decimal("12.50")},
            "subscription",
            {"application_fee_percent": "12.5", "transfer_data": {"destination": SELLER}},
        ),
        ({}, "subscription", {"transfer_data": {"destination": SELLER}}),
        (
            {"transfer_percent": 100},
            "subscription",
            {"transfer_data": {"destination": SELLER, "amount_percent": "100"}},
        ),
        (
            {"application_fee_percent": 0, "on_behalf_of": SELLER},
            "subscription",
            {
                "application_fee_percent": "0",
                "transfer_data": {"destination": SELLER},
                "on_behalf_of": SELLER,
            },
        ),
        (
            {"application_fee_amount": 500},
            "payment",
            {"application_fee_amount": 500, "transfer_data": {"destination": SELLER}},
        ),
        (
            {"transfer_amount": 5000},
            "payment",
            {"transfer_data": {"destination": SELLER, "amount": 5000}},
        ),
        (
            {"destination": "", "on_behalf_of": SELLER},
            "payment",
            {"on_behalf_of": SELLER},
        ),
    ],
)
def test_a_split_is_told_in_stripes_words(split, mode, expected):
    assert split_params(Split(**{"destination": SELLER, **split}), mode=mode, amount=5000) == (
        expected
    )


def test_who_sells_directly_is_told_the_fee_alone():
    split = Split(application_fee_amount=50)
    assert split_params(split, mode="payment", amount=500, is_direct=True) == {
        "application_fee_amount": 50
    }
    for other in (Split(), Split(destination=SELLER, application_fee_amount=50)):
        with pytest.raises(ValueError, match="the fee alone"):
            split_params(other, mode="payment", amount=500, is_direct=True)


@pytest.mark.parametrize(
    ("split", "mode", "reason"),
    [
        ({"application_fee_percent": 101}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": Decimal("100.01")}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": -1}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": Decimal("NaN")}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": Decimal("Infinity")}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": Decimal("1.005")}, "subscription", "two decimals"),
        ({"application_fee_percent": 1.5}, "subscription", "no Decimal"),
        ({"application_fee_percent": True}, "subscription", "no Decimal"),
        ({"application_fee_percent": "10"}, "subscription", "no Decimal"),
        ({"transfer_percent": -5}, "subscription", "from 0 to 100"),
        ({"application_fee_percent": 5, "transfer_percent": 95}, "subscription", "not both"),
        ({"application_fee_percent": 5, "destination": ""}, "subscription", "destination"),
        ({"transfer_percent": 5, "destination": ""}, "subscription", "destination"),
        ({"application_fee_amount": 5}, "subscription", "is of a payment"),
        ({"transfer_amount": 5}, "subscription", "is of a payment"),
        ({"destination": ""}, "subscription", "no account"),
        ({"destination": "cus_1"}, "subscription", "no acct_"),
        ({"destination": None}, "subscription", "no acct_"),
        ({"destination": "acct_1 or 1"}, "subscription", "no acct_"),
        ({"destination": "acct_1\n"}, "subscription", "no acct_"),
        ({"on_behalf_of": 5}, "subscription", "no acct_"),
        ({"application_fee_percent": 5}, "payment", "is of a subscription"),
        ({"transfer_percent": 5}, "payment", "is of a subscription"),
        ({"application_fee_amount": 5001}, "payment", "more than the 5000"),
        ({"application_fee_amount": -1}, "payment", "negative"),
        ({"application_fee_amount": Decimal(5)}, "payment", "no whole number"),
        ({"application_fee_amount": False}, "payment", "no whole number"),
        ({"transfer_amount": 5001}, "payment", "more than the 5000"),
        ({"application_fee_amount": 5, "transfer_amount": 5}, "payment", "not both"),
        ({"application_fee_amount": 5, "destination": ""}, "payment", "destination"),
    ],
)
def test_what_stripe_would_refuse_is_refused_with_the_reason(split, mode, reason):
    with pytest.raises(ValueError, match=reason):
        split_params(Split(**{"destination": SELLER, **split}), mode=mode, amount=5000)
