"""Selling for connected accounts: what the CONNECT hook says is what Stripe is told."""

from decimal import Decimal
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from django.urls import reverse

from django_stripe_billing.access import has_feature
from django_stripe_billing.connect import Split
from django_stripe_billing.exceptions import ActionRequiredError, ConnectError, OtherSellerError
from django_stripe_billing.models import CheckoutSession, Invoice, Subscription
from django_stripe_billing.refunds import refund_invoice
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.subscriptions import change_plan, change_quantity, preview_change

from ..shop import DAY
from .conftest import ACCOUNT, OTHER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def split_as(configure):
    """Let the hook answer so; the calls of it."""
    calls = []

    def split_as(answer):
        calls.clear()

        def hook(request, subscriber, *, price, quantity):
            calls.append((request, subscriber, price.lookup_key, quantity))
            return answer(price) if callable(answer) else answer

        configure(CONNECT=hook)
        return calls

    return split_as


@pytest.fixture
def sessions(shop):
    return lambda: shop.call("GET", "/v1/checkout/sessions")["data"]


TEN = Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, application_fee_percent=10)


def test_a_subscription_is_split_in_every_period(shop, stripe_sandbox, split_as, buy, subscriber):
    calls = split_as(TEN)
    session = stripe_sandbox.pay(buy(quantity=2))
    [(request, asked, price, quantity)] = calls
    assert (request.path, asked, price, quantity) == (
        reverse("stripe_billing:checkout"),
        subscriber,
        "pro_monthly",
        2,
    )
    bought = shop.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert bought["application_fee_percent"] == 10
    assert bought["transfer_data"] == {"amount_percent": None, "destination": ACCOUNT}
    assert bought["on_behalf_of"] == ACCOUNT
    assert set(stripe_sandbox.deliver()) == {200}
    assert has_feature(subscriber, "reports")
    stripe_sandbox.advance(32 * DAY)
    charges = shop.call("GET", "/v1/charges")["data"]
    assert [
        (charge["amount"], charge["application_fee_amount"], charge["on_behalf_of"])
        for charge in charges
    ] == [(4000, 400, ACCOUNT)] * 2
    assert {charge["transfer_data"]["destination"] for charge in charges} == {ACCOUNT}


def test_a_one_off_payment_is_split(shop, stripe_sandbox, split_as, buy, subscriber):
    shop.call(
        "POST",
        "/v1/prices",
        {
            "product": shop.pro["id"],
            "currency": "usd",
            "unit_amount": 5000,
            "lookup_key": "pro_once",
        },
    )
    shop.sync()
    split_as(Split(destination=ACCOUNT, application_fee_amount=750))
    session = stripe_sandbox.pay(buy("pro_once"))
    [charge] = shop.call("GET", "/v1/charges")["data"]
    assert (charge["amount"], charge["application_fee_amount"]) == (5000, 750)
    assert charge["transfer_data"] == {"destination": ACCOUNT}
    assert session["payment_status"] == "paid"
    assert set(stripe_sandbox.deliver()) == {200}
    assert has_feature(subscriber, "reports")


def test_a_share_may_be_named_instead_of_a_fee(shop, stripe_sandbox, split_as, buy):
    split_as({"destination": ACCOUNT, "transfer_percent": Decimal("72.25")})
    stripe_sandbox.pay(buy())
    [charge] = shop.call("GET", "/v1/charges")["data"]
    assert charge["transfer_data"] == {"destination": ACCOUNT, "amount": 1445}
    assert charge["application_fee_amount"] is None


def test_without_an_answer_the_sale_is_the_platforms_own(shop, stripe_sandbox, split_as, buy):
    split_as(None)
    session = stripe_sandbox.pay(buy())
    bought = shop.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert (bought["application_fee_percent"], bought["transfer_data"]) == (None, None)
    assert CheckoutSession.objects.get().split == {}


def test_a_trial_keeps_its_days_beside_the_split(shop, stripe_sandbox, split_as, buy):
    split_as(TEN)
    session = stripe_sandbox.pay(buy("starter_monthly"))
    bought = shop.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert (bought["status"], bought["application_fee_percent"]) == ("trialing", 10)


def test_an_open_checkout_with_another_split_is_not_offered_again(split_as, buy, sessions):
    split_as(TEN)
    first = buy()
    assert buy() == first
    split_as(Split(destination=OTHER, application_fee_percent=10))
    second = buy()
    assert second != first
    assert [session["status"] for session in sessions()] == ["open", "expired"]
    assert CheckoutSession.objects.get(status="open").split["transfer_data"] == {
        "destination": OTHER
    }


def test_a_session_whose_creation_was_not_answered_is_not_offered_with_an_older_split(
    shop, stripe_sandbox, split_as, buy, sessions
):
    split_as(TEN)
    path = "/v1/checkout/sessions"
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path=path, status=0, times=1, is_after=True)
    )
    assert buy() == ""
    split_as(Split(destination=OTHER, application_fee_percent=10))
    url = buy()
    [session] = [session for session in sessions() if session["status"] == "open"]
    assert session["url"] == url
    done = stripe_sandbox.pay(url)
    bought = shop.call("GET", f"/v1/subscriptions/{done['subscription']}")
    assert bought["transfer_data"]["destination"] == OTHER


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"destination": ACCOUNT, "fee": 5}, "unknown keys: fee"),
        ({"destination": ACCOUNT, 5: 5}, "unknown keys: 5"),
        (["acct_1"], "returned a list"),
        ("acct_1", "returned a str"),
        (True, "returned a bool"),
        (Split(destination=ACCOUNT, application_fee_percent=101), "from 0 to 100"),
        (Split(destination=ACCOUNT, application_fee_percent=-1), "from 0 to 100"),
        (Split(application_fee_percent=5), "needs a destination"),
        (Split(destination=ACCOUNT, application_fee_amount=5), "is of a payment"),
        (Split(), "names no account"),
    ],
)
def test_a_bad_answer_is_one_clear_error_and_nothing_is_done(
    shop, stripe_sandbox, split_as, buy, sessions, answer, reason
):
    split_as(answer)
    asked = len(stripe_sandbox.engine.requests)
    with pytest.raises(ConnectError, match=reason):
        buy()
    assert len(stripe_sandbox.engine.requests) == asked
    assert not CheckoutSession.objects.exists()


def test_the_hook_may_be_named_by_its_path(shop, configure, stripe_sandbox, buy):
    configure(CONNECT="tests.connect.hooks.keep_ten_percent")
    session = stripe_sandbox.pay(buy())
    bought = shop.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert bought["application_fee_percent"] == 10


class TestAnotherPlan:
    @pytest.fixture
    def bought(self, shop, stripe_sandbox, split_as, buy):
        split_as(TEN)
        session = stripe_sandbox.pay(buy())
        stripe_sandbox.deliver()
        path = f"/v1/subscriptions/{session['subscription']}"
        return lambda: shop.call("GET", path)

    def test_has_the_split_that_the_hook_says_for_it(self, bought, split_as, subscriber):
        calls = split_as(
            Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, application_fee_percent=25)
        )
        change_plan(subscriber, price="starter_monthly")
        assert calls == [(None, subscriber, "starter_monthly", 1)]
        assert bought()["application_fee_percent"] == 25
        assert bought()["transfer_data"]["destination"] == ACCOUNT

    def test_keeps_the_split_where_it_is_the_same(self, bought, subscriber):
        change_plan(subscriber, price="starter_monthly")
        assert bought()["application_fee_percent"] == 10

    def test_may_have_a_share_instead_of_a_fee(self, bought, split_as, subscriber):
        split_as(Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, transfer_percent=80))
        change_plan(subscriber, price="starter_monthly")
        assert bought()["application_fee_percent"] is None
        assert bought()["transfer_data"] == {"destination": ACCOUNT, "amount_percent": 80}

    @pytest.mark.parametrize(
        "answer", [None, Split(destination=OTHER, on_behalf_of=ACCOUNT), Split(destination=ACCOUNT)]
    )
    @pytest.mark.parametrize("do", [change_plan, preview_change])
    def test_of_another_seller_is_refused(self, bought, split_as, subscriber, answer, do):
        split_as(answer)
        with pytest.raises(OtherSellerError):
            do(subscriber, price="starter_monthly")
        assert bought()["items"]["data"][0]["price"]["lookup_key"] == "pro_monthly"

    def test_of_another_seller_is_refused_by_the_api_with_its_code(
        self, bought, split_as, signed_in
    ):
        split_as(None)
        answer = signed_in.post(
            reverse("stripe_billing_api:subscription"),
            {"price": "starter_monthly"},
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "other_seller")

    def test_a_number_of_seats_is_no_other_plan(self, bought, split_as, subscriber):
        calls = split_as(None)
        change_quantity(subscriber, 3)
        assert calls == []
        assert bought()["application_fee_percent"] == 10

    @pytest.mark.parametrize("percent", [10, 30])
    def test_at_the_periods_end_is_split_from_then_on(
        self, bought, split_as, subscriber, stripe_sandbox, percent
    ):
        split_as(Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, application_fee_percent=percent))
        change_plan(subscriber, price="starter_monthly", when="period_end")
        assert bought()["application_fee_percent"] == 10
        stripe_sandbox.advance(32 * DAY)
        stripe_sandbox.deliver()
        assert bought()["items"]["data"][0]["price"]["lookup_key"] == "starter_monthly"
        assert bought()["application_fee_percent"] == percent
        assert bought()["transfer_data"]["destination"] == ACCOUNT

    def test_more_seats_at_the_periods_end_leave_the_split(
        self, bought, subscriber, stripe_sandbox
    ):
        change_quantity(subscriber, 3, when="period_end")
        stripe_sandbox.advance(32 * DAY)
        stripe_sandbox.deliver()
        assert Subscription.objects.get().items.get().quantity == 3
        assert bought()["application_fee_percent"] == 10

    def test_that_waits_for_the_bank_keeps_the_fee(
        self, shop, bought, split_as, subscriber, stripe_sandbox
    ):
        method = shop.call(
            "POST",
            "/v1/payment_methods/pm_card_threeDSecure2Required/attach",
            {"customer": bought()["customer"]},
        )
        path = f"/v1/subscriptions/{bought()['id']}"
        shop.call("POST", path, {"default_payment_method": method["id"]})
        dear = shop.add_price(shop.pro, 9000, "pro_dear")
        shop.sync()
        stripe_sandbox.deliver()
        split_as(Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, application_fee_percent=25))
        with pytest.raises(ActionRequiredError):
            change_plan(subscriber, price="pro_dear")
        assert bought()["pending_update"]["subscription_items"][0]["price"]["id"] == dear["id"]
        assert bought()["application_fee_percent"] == 10


@pytest.fixture
def refund(stripe_sandbox, configure):
    """Refund a part of the only invoice; what Stripe was told of the split."""
    told = []

    def handle(method, path, body, headers):
        if (method, path) == ("POST", "/v1/refunds"):
            told.append(dict(parse_qsl(body)))
        return stripe_sandbox.engine.handle(method, path, body, headers)

    def refund():
        configure(HTTP_CLIENT=CallableHTTPClient(handle))
        refund_invoice(Invoice.objects.get(), amount=500, reason="duplicate", key=uuid4())
        [params] = told
        return {name: params[name] for name in params if "transfer" in name or "fee" in name}

    return refund


def test_a_refund_takes_from_each_what_they_got(shop, stripe_sandbox, split_as, buy, refund):
    split_as(TEN)
    stripe_sandbox.pay(buy())
    stripe_sandbox.deliver()
    assert refund() == {"reverse_transfer": "true", "refund_application_fee": "true"}


def test_a_refund_of_the_platforms_own_sale_takes_nothing_from_others(
    shop, stripe_sandbox, split_as, buy, refund
):
    split_as(None)
    stripe_sandbox.pay(buy())
    stripe_sandbox.deliver()
    assert refund() == {}
