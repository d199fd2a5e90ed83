"""Sessions that Stripe has closed, lost or finished behind our back."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse

from django_stripe_billing import checkout
from django_stripe_billing.checkout import read_return
from django_stripe_billing.exceptions import (
    CheckoutNotFoundError,
    CustomerConflictError,
    StripeUnavailableError,
)
from django_stripe_billing.models import CheckoutSession, Customer
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient, counted_calls

from ..answers import answer

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def post(client, user):
    client.force_login(user)

    def post(price="pro_monthly", headers=None, **fields):
        url = reverse("stripe_billing:checkout")
        return client.post(url, {"price": price, **fields}, headers=headers)

    return post


@pytest.fixture
def around(shop, stripe_sandbox, monkeypatch):
    """Something that happens when a request comes to Stripe, or an answer instead of Stripe's."""

    def around(action):
        inner = stripe_sandbox.engine.handle

        def handle(method, path, body, headers):
            found = action(method, path.partition("?")[0])
            return found or inner(method, path, body, headers)

        monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", CallableHTTPClient(handle))

    return around


def id_of(response):
    assert response.status_code == 303, response.content
    return response["Location"].rpartition("/")[2]


def statuses():
    return list(CheckoutSession.objects.order_by("pk").values_list("status", flat=True))


def test_a_session_older_than_a_day_is_not_asked_for(shop, stripe_sandbox, post):
    first = id_of(post())
    CheckoutSession.objects.update(
        created_at=CheckoutSession.objects.get().created_at - timedelta(days=2)
    )
    stripe_sandbox.engine.requests.clear()
    assert id_of(post()) != first
    assert ("GET", f"{SESSIONS}/{first}") not in stripe_sandbox.engine.requests
    assert statuses() == ["expired", "open"]


def open_at_stripe(shop):
    return [row["id"] for row in shop.call("GET", SESSIONS)["data"] if row["status"] == "open"]


def made_earlier(**ago):
    CheckoutSession.objects.update(
        created_at=CheckoutSession.objects.get().created_at - timedelta(**ago)
    )


def test_a_session_that_was_made_hours_after_its_row_is_not_taken_for_expired(
    shop, stripe_sandbox, post
):
    stripe_sandbox.engine.faults.append(Fault(method="POST", path=SESSIONS, status=0, times=-1))
    assert post().status_code == 503
    stripe_sandbox.engine.faults.clear()
    made_earlier(hours=23)
    first = id_of(post())
    made_earlier(hours=2)
    assert id_of(post()) == first
    assert open_at_stripe(shop) == [first]


def test_a_session_that_lives_on_by_a_clock_behind_ours_is_not_taken_for_expired(
    shop, stripe_sandbox, post
):
    first = id_of(post())
    made_earlier(hours=24, minutes=10)
    assert id_of(post()) == first
    assert open_at_stripe(shop) == [first]


class TestTwoHosts:
    """Two tabs at one moment, under two names of the site: Stripe takes the key for one of them."""

    @pytest.fixture
    def row(self, shop, stripe_sandbox, post):
        """The row that both see, which has no session yet."""
        stripe_sandbox.engine.faults.append(Fault(method="POST", path=SESSIONS, status=0, times=-1))
        assert post().status_code == 503
        stripe_sandbox.engine.faults.clear()
        return CheckoutSession.objects.get()

    def test_only_one_session_may_be_paid(self, shop, row, post, around):
        """The other tab's session is made when this one has looked for it in vain."""
        shown = []

        def other_tab(method, path):
            if not shown and (method, path) == ("POST", SESSIONS):
                shown.append("under way")
                shown[:] = [id_of(post(headers={"host": "testserver"}))]

        around(other_tab)
        assert id_of(post(headers={"host": "other.example"})) == shown[0]
        assert open_at_stripe(shop) == shown

    def test_an_answer_that_comes_to_a_row_that_was_closed_is_not_shown(
        self, shop, row, post, around
    ):
        """The other tab was refused before this one's session was listed: it has another by now."""
        shown = []

        def other_tab(method, path):
            if not shown and (method, path) == ("POST", SESSIONS):
                shown.append("under way")
                CheckoutSession.objects.filter(pk=row.pk).update(open_for=None, status="failed")
                shown[:] = [id_of(post())]

        around(other_tab)
        assert id_of(post()) == shown[0]
        assert open_at_stripe(shop) == shown
        assert statuses() == ["expired", "open"]


def test_an_answer_without_an_id_is_none(shop, stripe_sandbox, post, around):
    def nothing(method, path):
        if (method, path) == ("POST", SESSIONS):
            return answer(200, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, {"object": "x"})
        return None

    around(nothing)
    assert post().status_code == 503
    assert statuses() == ["open"]


def test_a_session_that_was_paid_unheard_makes_room_for_another_purchase(
    shop, stripe_sandbox, post
):
    stripe_sandbox.pay(post()["Location"])
    stripe_sandbox.drop()
    assert "/c/pay/" in post("starter_monthly")["Location"]
    assert statuses() == ["complete", "open"]


def test_a_session_that_is_paid_while_it_is_expired_is_not_lost(shop, stripe_sandbox, post, around):
    first = id_of(post())

    def pay(method, path):
        if path == f"{SESSIONS}/{first}/expire":
            stripe_sandbox.engine.complete_checkout(first)

    around(pay)
    assert "/p/session/" in post(quantity=2)["Location"]
    assert len(shop.call("GET", "/v1/subscriptions")["data"]) == 1
    assert statuses() == ["complete"]


@pytest.mark.parametrize("host", ["testserver", "other.example"])
def test_a_session_that_expired_before_its_answer_came_is_replaced(
    shop, stripe_sandbox, post, host
):
    fault = Fault(method="POST", path=SESSIONS, status=0, is_after=True)
    stripe_sandbox.engine.faults.append(fault)
    assert post().status_code == 503
    [lost] = shop.call("GET", SESSIONS)["data"]
    shop.call("POST", f"{SESSIONS}/{lost['id']}/expire")
    assert id_of(post(headers={"host": host})) != lost["id"]
    assert CheckoutSession.objects.filter(open_for__isnull=False).count() == 1


def test_a_session_that_stripe_has_forgotten_is_replaced(shop, stripe_sandbox, post):
    first = id_of(post())
    del stripe_sandbox.engine.state.objects[first]
    stripe_sandbox.engine.state.by_kind["checkout.session"].remove(first)
    assert id_of(post()) != first
    assert statuses() == ["expired", "open"]


def test_when_sessions_keep_closing_it_is_given_up_for_now(shop, stripe_sandbox, post, around):
    post()

    def forget(method, path):
        if method == "GET" and path.startswith(f"{SESSIONS}/"):
            return answer(200, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, {"status": "expired"})
        if method == "POST" and path == SESSIONS:
            made = {"id": f"cs_test_{CheckoutSession.objects.count()}", "url": ""}
            return answer(200, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, made)
        return None

    around(forget)
    assert post().status_code == 502


def test_a_customer_that_stripe_lists_nothing_for_is_looked_at(shop, stripe_sandbox, post):
    first = Customer.objects.get(stripe_id=shop_customer(post))
    shop.call("DELETE", f"/v1/customers/{first.stripe_id}")
    stripe_sandbox.drop()
    stripe_sandbox.engine.faults.append(Fault(method="GET", path="/v1/subscriptions", status=404))
    id_of(post())
    first.refresh_from_db()
    assert first.is_deleted
    assert Customer.objects.get(subscriber__isnull=False).pk != first.pk


def shop_customer(post):
    id_of(post())
    return Customer.objects.get().stripe_id


class TestBinding:
    def test_an_answer_without_an_id_binds_nobody(self, shop, subscriber, around):
        def nothing(method, path):
            if (method, path) == ("POST", "/v1/customers"):
                return answer(200, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, {"object": "x"})
            return None

        around(nothing)
        with pytest.raises(StripeUnavailableError):
            checkout.bind_customer(subscriber)
        assert Customer.objects.get().stripe_id is None

    @pytest.mark.parametrize("refused", [["email"], ["name"], ["email", "name"]])
    def test_an_address_or_name_that_stripe_refuses_keeps_nobody_from_paying(
        self, shop, stripe_sandbox, subscriber, monkeypatch, refused
    ):
        inner = stripe_sandbox.engine.handle

        def handle(method, path, body, headers):
            given = [name for name in refused if f"{name}=" in body and path == "/v1/customers"]
            if not given:
                return inner(method, path, body, headers)
            error = {"type": "invalid_request_error", "param": given[0], "message": "Invalid"}
            return answer(400, {}, {"error": error})

        details = {"email": "n/a" if "email" in refused else "a@example.com", "name": "x" * 300}
        http = {"HTTP_CLIENT": CallableHTTPClient(handle), "CUSTOMER_DETAILS": lambda _: details}
        for name, value in http.items():
            monkeypatch.setitem(settings.STRIPE_BILLING, name, value)
        bound = checkout.bind_customer(subscriber)
        [made] = shop.call("GET", "/v1/customers")["data"]
        assert (bound.stripe_id, bound.subscriber) == (made["id"], subscriber)
        assert [name for name in details if made[name] is None] == refused

    def test_a_customer_of_somebody_else_is_never_taken(
        self, shop, stripe_sandbox, subscriber, other_subscriber, around
    ):
        """Before the answer is there, an admin links the new customer to somebody else."""
        theirs = Customer.objects.create(stripe_id="cus_theirs", subscriber=other_subscriber)

        def answered(method, path):
            if (method, path) == ("POST", "/v1/customers"):
                date = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
                return answer(200, date, {"id": "cus_theirs", "object": "customer"})
            return None

        around(answered)
        with pytest.raises(CustomerConflictError):
            checkout.bind_customer(subscriber)
        theirs.refresh_from_db()
        assert theirs.subscriber == other_subscriber

    def test_a_bound_customer_costs_no_call(self, shop, subscriber):
        shop.bind(subscriber)
        with counted_calls() as calls:
            checkout.bind_customer(subscriber)
        assert calls["calls"] == 0


class TestReturn:
    def test_a_session_that_is_stored_for_somebody_else_is_not_asked_for(
        self, shop, stripe_sandbox, post, other_subscriber
    ):
        session_id = id_of(post())
        shop.bind(other_subscriber)
        stripe_sandbox.engine.requests.clear()
        with pytest.raises(CheckoutNotFoundError):
            read_return(other_subscriber, session_id)
        assert stripe_sandbox.engine.requests == []

    def test_while_stripe_is_down_an_unknown_session_is_none(
        self, shop, stripe_sandbox, subscriber
    ):
        shop.bind(subscriber)
        stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
        with pytest.raises(CheckoutNotFoundError):
            read_return(subscriber, "cs_test_unknown")

    def test_a_subscription_that_cannot_be_read_yet_is_waited_for(
        self, shop, stripe_sandbox, post, subscriber
    ):
        session = stripe_sandbox.pay(post()["Location"])
        stripe_sandbox.engine.faults.append(Fault(path="/v1/subscriptions/", status=500))
        assert read_return(subscriber, session["id"]).status == "waiting"
        assert read_return(subscriber, session["id"]).status == "active"

    def test_a_session_without_subscription_is_waited_for(
        self, shop, stripe_sandbox, post, subscriber
    ):
        session = stripe_sandbox.pay(post()["Location"])
        stripe_sandbox.engine.state.objects[session["id"]]["subscription"] = None
        assert read_return(subscriber, session["id"]).status == "waiting"

    def test_a_session_that_expired_says_so(self, shop, stripe_sandbox, post, subscriber):
        session_id = id_of(post())
        shop.call("POST", f"{SESSIONS}/{session_id}/expire")
        assert read_return(subscriber, session_id).status == "expired"
        assert statuses() == ["expired"]
