"""Saving a card without buying anything."""

import pytest
from django.conf import settings
from django.urls import reverse

from django_stripe_billing.models import CheckoutSession, Customer
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient

from ..answers import answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def save(shop, stripe_sandbox, signed_in):
    """Save a card on Stripe's page; the session."""

    def save(payment_method="pm_card_visa"):
        answer = signed_in.post(reverse("stripe_billing:setup"))
        assert answer.status_code == 303
        return stripe_sandbox.pay(answer["Location"], payment_method=payment_method)

    return save


def default(shop):
    customer = shop.call("GET", f"/v1/customers/{Customer.objects.get().stripe_id}")
    return customer["invoice_settings"]["default_payment_method"]


@pytest.mark.parametrize("is_told_first", [True, False])
def test_a_saved_card_becomes_the_default_when_they_come_back(
    shop, stripe_sandbox, save, come_back, is_told_first
):
    session = save()
    if is_told_first:
        stripe_sandbox.deliver()
        assert default(shop) is None  # a webhook writes nothing to Stripe
    assert come_back(session["id"]) == "saved"
    assert default(shop).startswith("pm_")


def test_an_old_page_brings_no_old_card_back(shop, stripe_sandbox, save, come_back):
    first = save()
    come_back(first["id"])
    second = save("pm_card_mastercard")
    come_back(second["id"])
    new = default(shop)
    stripe_sandbox.advance(90_000)  # Stripe forgets idempotency keys
    assert come_back(first["id"]) == "saved"
    assert default(shop) == new


def test_what_was_not_finished_changes_nothing(shop, stripe_sandbox, signed_in, come_back):
    url = signed_in.post(reverse("stripe_billing:setup"))["Location"]
    assert come_back(url.rpartition("/")[2]) == "open"
    assert default(shop) is None


def test_somebody_elses_session_is_404(shop, stripe_sandbox, save, come_back, other_subscriber):
    save()
    theirs = shop.bind(other_subscriber)
    session = shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "setup",
            "customer": theirs.stripe_id,
            "currency": "eur",
            "success_url": "https://example.com",
        },
    )
    stripe_sandbox.engine.complete_checkout(session["id"])
    assert come_back(session["id"]) == 404


def test_stripe_down_on_the_way_back_is_tried_again(shop, stripe_sandbox, save, come_back):
    session = save()
    stripe_sandbox.engine.faults.append(Fault(method="POST", path="/v1/customers", status=0))
    assert come_back(session["id"]) == "waiting"
    assert come_back(session["id"]) == "saved"
    assert default(shop).startswith("pm_")


def test_saving_a_card_leaves_an_open_checkout_alone(shop, stripe_sandbox, post, save):
    url = post("book")["Location"]
    save()
    stripe_sandbox.deliver()
    assert post("book")["Location"] == url
    assert CheckoutSession.objects.filter(open_for__isnull=False).count() == 1


def test_an_answer_without_an_id_is_none(shop, stripe_sandbox, signed_in, subscriber, monkeypatch):
    shop.bind(subscriber)
    made = answer(200, {}, {"url": "https://checkout.stripe.com/c/pay/cs_1"})
    client = CallableHTTPClient(lambda *request: made)
    monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", client)
    for _time in range(2):
        assert signed_in.post(reverse("stripe_billing:setup")).status_code == 503


def test_a_customer_deleted_in_stripe_is_replaced(shop, stripe_sandbox, save, subscriber):
    save()
    stripe_sandbox.deliver()
    first = Customer.objects.get().stripe_id
    shop.call("DELETE", f"/v1/customers/{first}")
    stripe_sandbox.drop()
    save()
    assert Customer.objects.get(subscriber=subscriber).stripe_id != first


def test_the_api_gives_the_address(shop, signed_in):
    answer = signed_in.post("/api/billing/setup/")
    assert answer.status_code == 201
    assert "/c/pay/" in answer.json()["url"]


def test_it_is_a_post_of_somebody_who_is_signed_in(shop, signed_in, client):
    assert signed_in.get(reverse("stripe_billing:setup")).status_code == 405
    client.logout()
    assert client.post(reverse("stripe_billing:setup")).status_code == 302
    assert client.post("/api/billing/setup/").status_code in {401, 403}
