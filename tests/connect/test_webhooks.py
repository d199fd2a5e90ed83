"""Events of connected accounts: apart from the platform's, by their secret and in every row."""

import json

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from django_stripe_billing.access import entitlements, explain, has_feature, limit
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.exceptions import (
    InvoiceNotFoundError,
    NoCustomerError,
    NothingToPayError,
    SubscriptionNotFoundError,
)
from django_stripe_billing.invoices import invoice_of, invoices_of
from django_stripe_billing.models import (
    Customer,
    EmailMessage,
    Entitlement,
    Event,
    Invoice,
    Subscription,
)
from django_stripe_billing.portal import start_portal
from django_stripe_billing.sandbox.webhooks import sign
from django_stripe_billing.subscriptions import cancel
from django_stripe_billing.testing import CONNECT_SECRET, SECRET
from django_stripe_billing.webhooks import process_again, webhook_handler
from django_stripe_billing.webhooks.registry import unregister

from ..payloads import NOW
from .conftest import ACCOUNT, OTHER

pytestmark = pytest.mark.django_db(transaction=True)


def post(event, secret):
    body = json.dumps(event).encode()
    return Client().post(
        reverse("stripe_billing:webhook"),
        body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body, secret=secret, timestamp=NOW)},
    )


def of_type(sandbox, event_type, account=None):
    """The newest event of a type, of an account or of the platform."""
    return next(
        event
        for event in reversed(sandbox.engine.events)
        if event["type"] == event_type and event.get("account") == account
    )


@pytest.fixture
def theirs(seller, subscriber, stripe_sandbox):
    """The subscriber's customer at the connected account, who has `pro` there."""
    customer = seller.bind(subscriber)
    seller.subscribe(customer)
    assert set(stripe_sandbox.deliver()) == {200}
    return customer


class TestWhoVouches:
    @pytest.mark.parametrize(
        ("account", "secret", "status"),
        [
            (ACCOUNT, CONNECT_SECRET, 200),
            (ACCOUNT, SECRET, 400),
            (None, SECRET, 200),
            (None, CONNECT_SECRET, 400),
            ("", CONNECT_SECRET, 400),
            ("", SECRET, 400),
            (0, SECRET, 400),
            (False, SECRET, 400),
        ],
    )
    def test_a_secret_vouches_for_its_own_endpoint_only(
        self, shop, accepted, stripe_sandbox, account, secret, status
    ):
        shop.add_customer()
        event = of_type(stripe_sandbox, "customer.created")
        answer = post({**event, "account": account}, secret)
        assert answer.status_code == status
        assert Event.objects.filter(stripe_id=event["id"]).count() == (status == 200)

    def test_a_thin_event_names_its_account_in_the_context(self, db, accepted, stripe_sandbox):
        thin = {
            "id": "evt_thin",
            "object": "v2.core.event",
            "type": "v1.customer.created",
            "created": "2026-11-01T00:00:00Z",
            "livemode": False,
            "context": ACCOUNT,
            "related_object": {"id": "cus_1", "type": "customer"},
        }
        assert post(thin, SECRET).status_code == 400
        assert post(thin, CONNECT_SECRET).status_code == 200
        assert Event.objects.get().account == ACCOUNT

    def test_the_reason_names_the_setting(self, shop, accepted, stripe_sandbox):
        event = {**of_type(stripe_sandbox, "product.created"), "account": ACCOUNT}
        assert "CONNECT_WEBHOOK_SECRETS" in post(event, SECRET).json()["error"]


class TestWhoIsListenedTo:
    def test_an_unknown_account_is_stored_and_ignored(self, configure, subscriber, stripe_sandbox):
        configure(CONNECT_ACCOUNTS=[OTHER])
        stripe_sandbox.call("POST", "/v1/customers", {"email": "x@example.com"}, account=ACCOUNT)
        assert stripe_sandbox.deliver() == [200]
        row = Event.objects.get()
        assert (row.account, row.status) == (ACCOUNT, Event.Status.IGNORED)
        assert "CONNECT_ACCOUNTS" in row.note
        assert not Customer.objects.exists()

    def test_it_is_processed_again_once_it_is_accepted(self, configure, db, stripe_sandbox):
        made = stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
        assert stripe_sandbox.deliver() == [200]
        configure(CONNECT_ACCOUNTS=[ACCOUNT])
        assert process_again(Event.objects.get()).status == Event.Status.PROCESSED
        assert Customer.objects.get().stripe_id == made["id"]

    @pytest.mark.parametrize(("answer", "status"), [(True, "processed"), (1, "ignored")])
    def test_a_function_may_decide(self, configure, db, stripe_sandbox, answer, status):
        asked = []

        def accepts(account):
            asked.append(account)
            return answer

        configure(CONNECT_ACCOUNTS=accepts)
        stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
        assert stripe_sandbox.deliver() == [200]
        assert set(asked) == {ACCOUNT}
        assert Event.objects.get().status == status

    def test_a_function_that_fails_leaves_a_failed_event_for_stripe_to_send_again(
        self, configure, db, stripe_sandbox
    ):
        def accepts(account):
            raise RuntimeError("the table of sellers is gone")

        configure(CONNECT_ACCOUNTS=accepts)
        stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
        assert stripe_sandbox.deliver() == [500]
        assert Event.objects.get().status == Event.Status.FAILED
        configure(CONNECT_ACCOUNTS=[ACCOUNT])
        assert stripe_sandbox.deliver() == [200]
        assert Event.objects.get().status == Event.Status.PROCESSED

    def test_a_live_endpoint_ignores_their_test_events_without_refusing_them(
        self, configure, db, accepted, stripe_sandbox
    ):
        configure(API_KEY="sk_live_only_for_tests")
        stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
        stripe_sandbox.call("POST", "/v1/customers", {})
        assert stripe_sandbox.deliver() == [200, 400]
        theirs, ours = Event.objects.order_by("pk")
        assert (theirs.status, ours.status) == ("ignored", "rejected")
        assert not Customer.objects.exists()

    def test_a_test_endpoint_refuses_their_live_events(self, db, accepted, stripe_sandbox):
        stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
        [event] = stripe_sandbox.drop()
        assert post({**event, "livemode": True}, CONNECT_SECRET).status_code == 400
        assert Event.objects.get().status == Event.Status.REJECTED

    def test_handlers_hear_of_the_platform_or_of_connected_accounts(
        self, db, accepted, configure, stripe_sandbox
    ):
        heard = []

        def ours(event):
            heard.append(("platform", event.account))

        def theirs(event):
            heard.append(("connected", event.account))

        webhook_handler("customer.created")(ours)
        webhook_handler("customer.created", is_connected=True)(theirs)
        try:
            stripe_sandbox.call("POST", "/v1/customers", {})
            stripe_sandbox.call("POST", "/v1/customers", {}, account=ACCOUNT)
            stripe_sandbox.call("POST", "/v1/customers", {}, account="acct_1Unknown")
            stripe_sandbox.deliver()
        finally:
            unregister(ours)
            unregister(theirs)
        assert heard == [("platform", ""), ("connected", ACCOUNT)]


class TestApart:
    def test_what_was_bought_there_is_granted_there_only(self, theirs, subscriber):
        assert not has_feature(subscriber, "reports")
        assert entitlements(subscriber) == {}
        assert has_feature(subscriber, "reports", account=ACCOUNT)
        assert limit(subscriber, "seats", account=ACCOUNT) == 5
        assert not has_feature(subscriber, "reports", account=OTHER)
        assert explain(subscriber, "reports", account=ACCOUNT).is_granted
        assert not explain(subscriber, "reports").is_granted

    def test_the_pages_of_the_platform_know_nothing_of_it(
        self, theirs, subscriber, signed_in, stripe_sandbox, rf
    ):
        status = signed_in.get(reverse("stripe_billing:status")).json()
        assert status == {"active": False, "features": []}
        with pytest.raises(NoCustomerError):
            start_portal(rf.get("/"), subscriber)
        row = Subscription.objects.get()
        for named in ({}, {"subscription": row.stripe_id}):
            with pytest.raises(SubscriptionNotFoundError):
                cancel(subscriber, **named)
        assert list(invoices_of(subscriber)) == []
        invoice = Invoice.objects.get()
        with pytest.raises(InvoiceNotFoundError):
            invoice_of(subscriber, invoice.stripe_id)
        path = reverse("stripe_billing:invoice", args=[invoice.stripe_id])
        assert signed_in.get(path).status_code == 404
        with pytest.raises(NothingToPayError):
            retry_payment(subscriber)

    def test_a_checkout_of_the_platform_makes_a_customer_of_its_own(
        self, shop, theirs, subscriber, buy, stripe_sandbox
    ):
        stripe_sandbox.pay(buy())
        assert set(stripe_sandbox.deliver()) == {200}
        ours = Customer.objects.get(subscriber=subscriber, account="")
        assert ours.stripe_id != theirs.stripe_id
        rows = Subscription.objects.values_list("account", "customer__account")
        assert sorted(rows) == [("", ""), (ACCOUNT, ACCOUNT)]
        assert has_feature(subscriber, "reports")

    def test_a_session_of_another_account_is_no_way_back(
        self, shop, seller, theirs, signed_in, stripe_sandbox
    ):
        session = seller.call(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": "subscription",
                "customer": theirs.stripe_id,
                "line_items": [{"price": seller.pro_monthly["id"], "quantity": 1}],
                "success_url": "https://example.com/",
            },
        )
        shop.bind(theirs.subscriber)
        answer = signed_in.get(
            reverse("stripe_billing:checkout_return"), {"session_id": session["id"]}
        )
        assert answer.status_code == 404

    def test_their_customers_get_no_e_mail_of_ours(self, theirs, mailoutbox):
        assert mailoutbox == []
        assert Invoice.objects.filter(status="paid").exists()
        assert not EmailMessage.objects.exists()

    def test_two_accounts_with_one_subscriber_do_not_mix(
        self, theirs, other_seller, subscriber, stripe_sandbox
    ):
        elsewhere = other_seller.bind(subscriber)
        row = other_seller.subscribe(elsewhere, price=other_seller.starter_monthly)
        stripe_sandbox.deliver()
        assert limit(subscriber, "seats", account=ACCOUNT) == 5
        assert limit(subscriber, "seats", account=OTHER) == 3
        other_seller.call("DELETE", f"/v1/subscriptions/{row['id']}")
        stripe_sandbox.deliver()
        assert has_feature(subscriber, "reports", account=ACCOUNT)
        assert not has_feature(subscriber, "reports", account=OTHER)


def rows_of(account):
    """All mirrored rows of an account, as they are stored."""
    models: list[type[Model]] = [Customer, Subscription, Invoice]
    found = [list(model.objects.filter(account=account).values()) for model in models]
    return [*found, list(Entitlement.objects.filter(customer__account=account).values())]


class TestAttacks:
    """By somebody who can sign for a connected account, say with a leaked secret."""

    @pytest.fixture
    def ours(self, shop, subscriber, stripe_sandbox):
        customer = shop.bind(subscriber)
        shop.subscribe(customer)
        stripe_sandbox.deliver()
        assert has_feature(subscriber, "reports")
        return customer

    TYPES = [
        "customer.subscription.created",
        "customer.created",
        "invoice.paid",
        "product.created",
        "price.created",
    ]

    @pytest.mark.parametrize("event_type", TYPES)
    def test_an_object_of_the_platforms_in_an_event_of_an_account_changes_nothing_of_ours(
        self, shop, ours, accepted, subscriber, stripe_sandbox, event_type
    ):
        before = rows_of("")
        event = of_type(stripe_sandbox, event_type)
        obj = {**event["data"]["object"], "status": "canceled", "active": False}
        forged = {
            **event,
            "id": "evt_forged",
            "account": ACCOUNT,
            "created": event["created"] + 100,
            "data": {"object": obj},
        }
        post(forged, CONNECT_SECRET)
        deleted = {**forged, "id": "evt_forged_2", "type": "customer.deleted"}
        post({**deleted, "data": {"object": {"id": ours.stripe_id}}}, CONNECT_SECRET)
        assert rows_of("") == before
        assert has_feature(subscriber, "reports")
        assert not has_feature(subscriber, "reports", account=ACCOUNT)

    def test_an_event_of_one_account_changes_nothing_of_anothers(
        self, theirs, other_seller, subscriber, stripe_sandbox
    ):
        before = rows_of(ACCOUNT)
        event = of_type(stripe_sandbox, "customer.subscription.created", ACCOUNT)
        gone = {**event["data"]["object"], "status": "canceled", "ended_at": event["created"] + 50}
        post(
            {
                **event,
                "id": "evt_forged",
                "account": OTHER,
                "type": "customer.subscription.deleted",
                "created": event["created"] + 100,
                "data": {"object": gone},
            },
            CONNECT_SECRET,
        )
        assert rows_of(ACCOUNT) == before
        assert has_feature(subscriber, "reports", account=ACCOUNT)

    def test_they_cannot_take_the_id_of_an_event_that_is_to_come(
        self, shop, accepted, subscriber, stripe_sandbox
    ):
        """A platform's event must not pass for a duplicate of a forged one."""
        customer = shop.bind(subscriber)
        shop.subscribe(customer)
        for event in stripe_sandbox.pending:
            squatted = {**event, "account": ACCOUNT, "type": "galaxy.exploded"}
            assert post(squatted, CONNECT_SECRET).status_code == 200
        assert set(stripe_sandbox.deliver()) == {200}
        assert has_feature(subscriber, "reports")

    def test_they_cannot_bind_their_customer_to_a_subscriber(
        self, seller, subscriber, stripe_sandbox
    ):
        seller.add_customer(
            email=subscriber.email,
            metadata={
                "subscriber": f"{subscriber._meta.label}:{subscriber.pk}",
                "django_stripe_billing_binding": "x",
            },
        )
        stripe_sandbox.deliver()
        assert Customer.objects.get().subscriber is None
        assert not has_feature(subscriber, "reports", account=ACCOUNT)

    def test_a_fetch_for_them_is_made_as_their_account(
        self, ours, accepted, stripe_sandbox, subscriber
    ):
        """An unreadable version makes us fetch: the platform's object is not theirs to name."""
        event = of_type(stripe_sandbox, "customer.subscription.created")
        forged = {**event, "id": "evt_forged", "account": ACCOUNT, "api_version": "2031-01-01.new"}
        before = rows_of("")
        assert post(forged, CONNECT_SECRET).status_code == 500
        assert rows_of("") == before
        assert not Subscription.objects.filter(account=ACCOUNT).exists()
