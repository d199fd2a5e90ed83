"""Direct charges: a checkout in a connected account, opened by the project's own view."""

import pytest
from django.test import RequestFactory
from django.urls import reverse

from django_stripe_billing.access import has_feature
from django_stripe_billing.checkout import read_return, start_checkout, status_of
from django_stripe_billing.connect import Split
from django_stripe_billing.exceptions import (
    AlreadySubscribedError,
    CheckoutNotFoundError,
    ConnectError,
    NoCustomerError,
    PriceNotSoldError,
    StripeUnavailableError,
)
from django_stripe_billing.models import CheckoutSession, Customer, Payment, Subscription
from django_stripe_billing.portal import start_portal
from django_stripe_billing.sandbox import Fault

from .conftest import ACCOUNT, OTHER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def request_of(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.fixture
def open_page(request_of, subscriber):
    def open_page(price="pro_monthly", account=ACCOUNT, **how):
        return start_checkout(request_of, subscriber, price=price, account=account, **how)

    return open_page


def session_of(url):
    return url.rpartition("/")[2]


def test_it_is_bought_there_and_granted_there(seller, stripe_sandbox, open_page, subscriber):
    url = open_page(quantity=2)
    session = stripe_sandbox.pay(url)
    assert read_return(subscriber, session["id"]).status == "active"
    assert has_feature(subscriber, "reports", account=ACCOUNT)
    assert not has_feature(subscriber, "reports")
    assert set(stripe_sandbox.deliver()) == {200}
    row = Subscription.objects.get()
    assert (row.account, row.customer.account, row.customer.subscriber) == (
        ACCOUNT,
        ACCOUNT,
        subscriber,
    )
    assert Customer.objects.count() == 1
    assert stripe_sandbox.call("GET", "/v1/customers")["data"] == []
    closed = CheckoutSession.objects.get()
    assert (closed.account, closed.status, closed.open_for) == (ACCOUNT, "complete", None)
    with pytest.raises(AlreadySubscribedError):
        open_page()


def test_the_webhook_alone_will_do(seller, stripe_sandbox, open_page, subscriber):
    session = stripe_sandbox.pay(open_page())
    assert set(stripe_sandbox.deliver()) == {200}
    assert has_feature(subscriber, "reports", account=ACCOUNT)
    status = status_of(subscriber, session_id=session["id"])
    assert (status.is_active, status.features) == (True, {})
    assert not status_of(subscriber).is_active


def test_a_one_off_payment_is_settled_there(seller, stripe_sandbox, open_page, subscriber):
    seller.call(
        "POST",
        "/v1/prices",
        {
            "product": seller.pro["id"],
            "currency": "usd",
            "unit_amount": 5000,
            "lookup_key": "pro_once",
        },
    )
    seller.sync()
    session = stripe_sandbox.pay(open_page("pro_once"))
    assert read_return(subscriber, session["id"]).status == "active"
    assert Payment.objects.get().account == ACCOUNT
    assert set(stripe_sandbox.deliver()) == {200}
    assert status_of(subscriber, session_id=session["id"]).is_active
    assert has_feature(subscriber, "reports", account=ACCOUNT)
    assert not has_feature(subscriber, "reports")


def test_the_hook_names_the_fee(seller, stripe_sandbox, configure, open_page):
    configure(CONNECT=lambda request, subscriber, **sale: Split(application_fee_percent=15))
    session = stripe_sandbox.pay(open_page())
    bought = seller.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert (bought["application_fee_percent"], bought["transfer_data"]) == (15, None)
    [charge] = seller.call("GET", "/v1/charges")["data"]
    assert charge["application_fee_amount"] == 300


@pytest.mark.parametrize(
    "split",
    [
        Split(destination=OTHER, application_fee_percent=15),
        Split(on_behalf_of=OTHER, application_fee_percent=15),
        Split(transfer_percent=15),
        Split(),
    ],
)
def test_there_is_nobody_else_to_pay(seller, configure, open_page, split):
    configure(CONNECT=lambda request, subscriber, **sale: split)
    with pytest.raises(ConnectError, match="the fee alone"):
        open_page()


def test_in_an_account_that_is_not_listened_to_nothing_is_sold(seller, configure, open_page):
    configure(CONNECT_ACCOUNTS=[OTHER])
    with pytest.raises(ConnectError, match="CONNECT_ACCOUNTS"):
        open_page()
    assert not CheckoutSession.objects.exists()


def test_only_its_own_catalog_is_sold_there(shop, seller, other_seller, open_page):
    with pytest.raises(PriceNotSoldError):
        open_page(shop.pro_monthly["id"])
    with pytest.raises(PriceNotSoldError):
        open_page(other_seller.pro_monthly["id"])
    with pytest.raises(PriceNotSoldError):
        open_page(seller.pro_monthly["id"], account="")


def test_one_open_checkout_in_each_account(shop, seller, other_seller, open_page):
    urls = {open_page(account=account) for account in ("", ACCOUNT, OTHER)}
    assert len(urls) == 3
    assert urls == {open_page(account=account) for account in ("", ACCOUNT, OTHER)}
    assert Customer.objects.count() == 3


def test_a_lost_answer_makes_no_second_customer_and_no_second_session(
    seller, stripe_sandbox, open_page
):
    for path in ("/v1/customers", "/v1/checkout/sessions"):
        stripe_sandbox.engine.faults.append(
            Fault(method="POST", path=path, status=500, is_after=True)
        )
    found = None
    for _attempt in range(4):
        try:
            found = open_page()
        except StripeUnavailableError:
            continue
        break
    assert found
    assert len(seller.call("GET", "/v1/customers")["data"]) == 1
    assert len(seller.call("GET", "/v1/checkout/sessions")["data"]) == 1


def test_somebody_elses_way_back_is_none(
    seller, stripe_sandbox, open_page, other_subscriber, subscriber, request_of
):
    session = stripe_sandbox.pay(open_page())
    start_checkout(request_of, other_subscriber, price="pro_monthly", account=ACCOUNT)
    with pytest.raises(CheckoutNotFoundError):
        read_return(other_subscriber, session["id"])
    assert not status_of(other_subscriber, session_id=session["id"]).is_active
    assert not has_feature(other_subscriber, "reports", account=ACCOUNT)


def test_the_pages_of_the_platform_take_no_account_from_the_browser(
    seller, signed_in, stripe_sandbox
):
    for name, given in (
        ("stripe_billing:checkout", {"price": "pro_monthly", "account": ACCOUNT}),
        ("stripe_billing_api:checkout", {"price": "pro_monthly", "account": ACCOUNT}),
    ):
        assert signed_in.post(reverse(name), given).status_code == 400
    assert not CheckoutSession.objects.exists()


def test_the_portal_is_that_of_the_account(seller, stripe_sandbox, open_page, subscriber, rf):
    stripe_sandbox.pay(open_page())
    stripe_sandbox.deliver()
    with pytest.raises(NoCustomerError):
        start_portal(rf.get("/"), subscriber)
    with pytest.raises(NoCustomerError):
        start_portal(rf.get("/"), subscriber, account=OTHER)
    assert start_portal(rf.get("/"), subscriber, account=ACCOUNT)


def test_a_session_id_that_is_none_is_a_404(seller, signed_in):
    for name in ("\0", "cs_test_\0", "x" * 1000):
        answer = signed_in.get(reverse("stripe_billing:checkout_return"), {"session_id": name})
        assert answer.status_code == 404
        assert not signed_in.get(reverse("stripe_billing:status"), {"session_id": name}).json()[
            "active"
        ]
