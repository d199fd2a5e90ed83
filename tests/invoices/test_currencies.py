"""A year's money in currencies without decimals and with three, from the button to the renewal."""

import pytest
from django.urls import reverse

from django_stripe_billing.invoices import invoices_of
from tests.shop import DAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [("jpy", 1999, "¥1,999"), ("kwd", 1990, "KWD1.990"), ("rsd", 1999, "RSD19.99")],
)
def test_a_renewal_with_tax_in_another_currency(
    shop, clock, client, user, subscriber, settings, mailoutbox, currency, amount, text
):
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "AUTOMATIC_TAX": True,
        "TAX_ID_COLLECTION": True,
    }
    shop.call(
        "POST",
        "/v1/prices",
        {
            "product": shop.pro["id"],
            "currency": currency,
            "unit_amount": amount,
            "recurring": {"interval": "month"},
            "lookup_key": f"pro_{currency}",
        },
    )
    shop.sync()
    shop.bind(subscriber)  # on the test clock; the checkout would make a customer on none
    client.force_login(user)
    answer = client.post(reverse("stripe_billing:checkout"), {"price": f"pro_{currency}"})
    session = shop.sandbox.pay(answer["Location"])
    assert session["automatic_tax"]["enabled"]
    assert session["automatic_tax"]["status"] == "complete"
    assert session["tax_id_collection"]["enabled"]
    shop.sandbox.deliver()
    clock.to_renewal({"id": session["subscription"]})
    invoices = list(invoices_of(subscriber))
    assert [(row.status, row.total, row.currency) for row in invoices] == [
        ("paid", amount, currency)
    ] * 2
    assert client.get(reverse("stripe_billing:invoices")).text.count(text) >= 2
    answer = client.get(reverse("stripe_billing_api:invoices")).json()
    assert [row["total_text"] for row in answer["results"]] == [text] * 2
    assert [text in message.subject for message in mailoutbox] == [True, True]
    assert clock.now > session["created"] + 28 * DAY
