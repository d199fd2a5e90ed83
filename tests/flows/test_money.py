"""What renewals bring besides: e-mails, credit, and our signals in their order."""

import pytest

from django_stripe_billing.invoices import invoices_of
from django_stripe_billing.models import Invoice
from tests.shop import DAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge_to(shop):
    """From now on a session's subscription is charged to this card."""

    def charge_to(session, name):
        path = f"/v1/subscriptions/{session['subscription']}"
        shop.call("POST", path, {"default_payment_method": name})

    return charge_to


BAD = "pm_card_chargeCustomerFail"


def test_a_renewal_that_fails_and_recovers_is_written_about(
    payer, buy, clock, charge_to, heard, mails
):
    session = buy("pro_monthly")
    assert mails() == ["receipt"]
    charge_to(session, BAD)
    clock.to_renewal({"id": session["subscription"]})
    assert mails() == ["payment_failed"]
    clock.advance(days=4)
    assert mails() == ["payment_failed"], "one for each attempt"
    charge_to(session, "pm_card_visa")
    clock.advance(days=2)
    assert mails() == ["receipt"]
    told = heard.of("dunning_started", "payment_failed", "dunning_recovered", "invoice_paid")
    assert told[0] == "invoice_paid"
    assert sorted(told[1:4]) == ["dunning_started", "payment_failed", "payment_failed"]
    assert sorted(told[4:]) == ["dunning_recovered", "invoice_paid"]


def test_dunning_that_fails_to_the_end_is_written_about(payer, buy, clock, charge_to, mails):
    session = buy("pro_monthly")
    charge_to(session, BAD)
    clock.to_renewal({"id": session["subscription"]})
    mails()
    clock.advance(days=16)
    found = mails()
    assert found[-1] == "subscription_ended"
    assert set(found[:-1]) == {"payment_failed"}


def test_a_yearly_renewal_is_announced_a_week_before(shop, payer, buy, clock, heard, mails):
    yearly = {
        "product": shop.pro["id"],
        "currency": "usd",
        "unit_amount": 20_000,
        "recurring": {"interval": "year"},
        "lookup_key": "pro_yearly",
    }
    shop.call("POST", "/v1/prices", yearly)
    shop.sync()
    begun = clock.now
    session = buy("pro_yearly")
    assert mails() == ["receipt"]
    clock.advance(days=350)
    assert mails() == []
    clock.to(begun + 359 * DAY)
    assert mails() == ["renewal_coming"]
    clock.to_renewal({"id": session["subscription"]})
    assert mails() == ["receipt"]


def test_a_monthly_renewal_is_not_announced(payer, buy, clock, mails):
    buy("pro_monthly")
    mails()
    clock.advance(days=27)
    assert mails() == []


def test_credit_pays_the_next_renewals(shop, payer, buy, subscriber, clock):
    session = buy("pro_monthly")
    path = f"/v1/customers/{payer.stripe_id}/balance_transactions"
    shop.call("POST", path, {"amount": -2500, "currency": "usd"})
    for _month in range(2):
        clock.to_renewal({"id": session["subscription"]})
    rows = Invoice.objects.order_by("stripe_created_at", "pk")
    assert [(row.status, row.total, row.amount_paid) for row in rows] == [
        ("paid", 2000, 2000),
        ("paid", 2000, 0),
        ("paid", 2000, 1500),
    ]
    assert len(invoices_of(subscriber)) == 3
