import hashlib
import hmac
import io
import json
import time

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import RequestFactory

from django_stripe_billing import stripe_api
from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    Product,
    Subscription,
)
from django_stripe_billing.rules.ordering import Interval
from django_stripe_billing.rules.snapshots import parse_subscription
from django_stripe_billing.signals import entitlement_granted, subscription_changed
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.webhooks import WrongModeError, process_again, webhook, webhook_handler
from django_stripe_billing.webhooks.registry import unregister
from tests.payloads import DAY, NOW, SECRET, encoded, event, item, items, signed, subscription
from tests.statements import statements


def post(payload, **headers):
    body = payload if isinstance(payload, bytes) else encoded(payload)
    headers = {"HTTP_STRIPE_SIGNATURE": signed(body), **headers}
    request = RequestFactory().post("/", body, content_type="application/json", **headers)
    return webhook(request)


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


def created(**values):
    return event("customer.subscription.created", subscription(), **values)


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "nonsense",
            "t=,v1=",
            "t=1,v1=é",
            "v1=abc",
            "t=NOW",
            f"t=NOW,v1={'0' * 64}",
            f"t=NOW,v0={'0' * 64}",
            f"t={'9' * 40},v1=00",
            "t=NOW,t=NOW,v1=00",
        ],
    )
    def test_a_bad_signature_is_a_400_and_leaves_no_row(self, header):
        header = header.replace("NOW", str(NOW))
        assert post(created(), HTTP_STRIPE_SIGNATURE=header).status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize("offset", [-301, 301, -10_000, 10_000])
    def test_a_timestamp_outside_the_tolerance_is_a_400(self, offset):
        body = encoded(created())
        header = signed(body, timestamp=int(time.time()) + offset)
        assert post(body, HTTP_STRIPE_SIGNATURE=header).status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        "body", [b"[]", b"null", b"", b"{", b'"text"', b"\xff", b"[" * 100_000, b"{}"]
    )
    def test_a_signed_body_that_is_no_event_is_a_400(self, body):
        assert post(body).status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize("secrets", [[], [""], ["  "], [None]])
    def test_without_a_secret_nothing_is_accepted(self, settings, secrets):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "WEBHOOK_SECRETS": secrets}
        body = encoded(created())
        assert post(body, HTTP_STRIPE_SIGNATURE=signed(body, secret="whsec_")).status_code == 400

    def test_an_empty_secret_never_verifies(self, settings):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "WEBHOOK_SECRETS": ["", SECRET]}
        body = encoded(created())
        mac = hmac.new(b"", f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
        assert post(body, HTTP_STRIPE_SIGNATURE=f"t={NOW},v1={mac}").status_code == 400

    def test_every_configured_secret_is_tried(self, settings):
        settings.STRIPE_BILLING = {
            **settings.STRIPE_BILLING,
            "WEBHOOK_SECRETS": ["whsec_new", SECRET],
        }
        assert post(created()).status_code == 200

    @pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head"])
    def test_only_post_is_allowed(self, method):
        assert webhook(getattr(RequestFactory(), method)("/")).status_code == 405

    def test_a_body_over_the_limit_is_a_413(self, settings):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "WEBHOOK_MAX_BYTES": 100}
        assert post(created()).status_code == 413
        assert not Event.objects.exists()

    @pytest.mark.parametrize(("length", "status"), [("-1", 200), ("many", 400), ("", 200)])
    def test_a_length_that_is_none_is_not_believed(self, length, status):
        body = encoded(created())
        request = RequestFactory().post("/", body, content_type="application/json")
        request.META |= {"CONTENT_LENGTH": length, "HTTP_STRIPE_SIGNATURE": signed(body)}
        assert webhook(request).status_code == status

    def test_a_body_over_djangos_own_limit_is_a_413(self, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        assert post(created()).status_code == 413
        assert not Event.objects.exists()

    def test_a_body_that_breaks_off_is_a_400(self):
        class Broken(io.BytesIO):
            def read(self, *arguments):
                raise OSError("connection reset")

        request = RequestFactory().post("/", b"{}", content_type="application/json")
        request._stream = Broken()
        assert webhook(request).status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize("livemode", [True, None, "false"])
    def test_the_wrong_mode_is_a_400_and_recorded(self, livemode):
        payload = created(livemode=livemode)
        assert post(payload).status_code == 400
        assert Event.objects.get().status == Event.Status.REJECTED
        assert post(payload).status_code == 400
        assert not Subscription.objects.exists()

    def test_cookies_and_headers_are_not_kept(self):
        post(created(), HTTP_COOKIE="sessionid=topsecret")
        row = Event.objects.get()
        assert "topsecret" not in json.dumps(row.payload) + row.note + row.error

    def test_the_view_needs_no_csrf_token_and_no_login(self):
        assert webhook.csrf_exempt is True
        assert webhook.login_required is False


@pytest.mark.django_db
class TestProcessing:
    def test_a_subscription_grants_its_features(self, catalog, customer):
        assert post(created()).content == b'{"received": true}'
        held = {row.feature.lookup_key: row for row in Entitlement.objects.all()}
        assert set(held) == {"reports", "seats"}
        assert held["seats"].limit == 5
        assert held["reports"].ends_at.timestamp() == NOW + 33 * DAY
        assert set(EntitlementChange.objects.values_list("kind", "cause_kind")) == {
            ("granted", "event")
        }
        assert Event.objects.get().status == Event.Status.PROCESSED

    def test_a_duplicate_of_a_processed_event_is_no_work(self, catalog, customer):
        payload = created()
        post(payload)
        with statements() as found:
            assert post(payload).status_code == 200
        assert len(found) == 2  # the refused insert, and the row
        assert Event.objects.get().attempts == 1

    def test_a_renewal_costs_eight_statements_and_no_call(self, catalog, customer, stripe):
        post(created())
        period = {"current_period_start": NOW + 30 * DAY, "current_period_end": NOW + 60 * DAY}
        renewed = subscription(items=items(item(**period)), latest_invoice="in_2")
        with statements() as found:
            post(event("customer.subscription.updated", renewed, created=NOW + 30 * DAY))
        print(f"a renewal costs {len(found)} statements, {len(stripe.requests)} calls")
        assert len(found) <= 8
        assert stripe.requests == []
        ends = {row.ends_at.timestamp() for row in Entitlement.objects.all()}
        assert ends == {NOW + 63 * DAY}

    def test_an_unknown_type_is_stored_as_ignored(self):
        assert post(event("galaxy.exploded", {"id": "gx_1"})).status_code == 200
        assert Event.objects.get().status == Event.Status.IGNORED

    def test_an_unknown_status_grants_nothing(self, catalog, customer):
        post(event("customer.subscription.updated", subscription(status="glowing")))
        assert Subscription.objects.get().status == "glowing"
        assert not Entitlement.objects.exists()

    def test_a_customer_we_did_not_bind_waits_unlinked(self, catalog):
        post(created())
        assert Subscription.objects.get().customer.subscriber is None

    def test_a_stale_event_changes_nothing_and_says_so(self, catalog, customer, stripe):
        post(event("customer.subscription.updated", subscription(), created=NOW + 10))
        post(event("customer.subscription.updated", subscription(status="canceled"), created=NOW))
        assert Subscription.objects.get().status == "active"
        assert Event.objects.first().status == Event.Status.STALE
        assert stripe.requests == []

    def test_a_tie_is_fetched_once(self, catalog, customer, stripe):
        stripe.objects["/v1/subscriptions/sub_1"] = subscription(status="unpaid")
        post(created())
        post(event("customer.subscription.updated", subscription(status="unpaid")))
        assert Subscription.objects.get().status == "unpaid"
        assert len(stripe.requests) == 1

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_two_events_that_describe_one_change_are_one_change(
        self, catalog, customer, stripe, order
    ):
        post(created(created=NOW - 5))
        paused = subscription(status="paused")
        told = [
            event("customer.subscription.updated", paused),
            event("customer.subscription.paused", paused),
        ]
        for number in order:
            assert post(told[number]).status_code == 200
        assert stripe.requests == []
        assert set(Event.objects.values_list("status", flat=True)) == {"processed"}
        kinds = EntitlementChange.objects.order_by("pk").values_list("kind", flat=True)
        assert list(kinds) == ["granted", "granted", "revoked", "revoked"]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_a_deleted_customers_subscriptions_end_in_any_order(
        self, catalog, customer, stripe, order
    ):
        post(created(created=NOW - 5))
        told = [
            event("customer.subscription.deleted", subscription(status="canceled")),
            event("customer.deleted", {"id": "cus_1", "object": "customer"}),
        ]
        stripe.objects["/v1/subscriptions/sub_1"] = subscription(status="canceled")
        for number in order:
            assert post(told[number]).status_code == 200
        assert Subscription.objects.get().status == "canceled"
        assert Customer.objects.get().is_deleted
        assert not Entitlement.objects.exists()

    def test_an_api_version_we_do_not_know_is_fetched_in_ours(self, catalog, customer, stripe):
        stripe.objects["/v1/subscriptions/sub_1"] = subscription()
        post(created(api_version="2031-01-01.jungle"))
        assert Subscription.objects.get().status == "active"
        [(_, _, _, headers)] = stripe.requests
        assert headers["Stripe-Version"] == "2026-10-28.endive"

    def test_a_terminal_subscription_never_comes_back(self, catalog, customer):
        post(event("customer.subscription.deleted", subscription(status="canceled")))
        post(event("customer.subscription.updated", subscription(), created=NOW + 99))
        assert Subscription.objects.get().status == "canceled"
        assert not Entitlement.objects.exists()

    def test_a_deleted_customer_loses_access_at_once(self, catalog, customer):
        post(created())
        post(event("customer.deleted", {"id": "cus_1", "object": "customer"}, created=NOW + 1))
        assert not Entitlement.objects.exists()
        post(event("customer.subscription.updated", subscription(), created=NOW + 2))
        assert not Entitlement.objects.exists()

    def test_items_come_and_go(self, catalog, customer):
        post(created())
        two = subscription(items=items(item("si_2", quantity=3)))
        post(event("customer.subscription.updated", two, created=NOW + 1))
        [row] = Subscription.objects.get().items.all()
        assert (row.stripe_id, row.quantity) == ("si_2", 3)
        assert Entitlement.objects.get(feature__lookup_key="seats").limit == 15

    def test_without_items_nothing_is_granted_and_with_them_again(self, catalog, customer):
        post(created())
        for moment, lines, count in ((1, [], 0), (2, [], 0), (3, [item()], 2)):
            changed = subscription(items=items(*lines), latest_invoice=f"in_{moment}")
            post(event("customer.subscription.updated", changed, created=NOW + moment))
            assert Entitlement.objects.count() == count

    def test_an_object_that_keeps_changing_is_left_to_the_redelivery(
        self, catalog, customer, stripe, monkeypatch
    ):
        """Each time that Stripe is asked, another event is stored before its answer is there."""
        post(created())
        asked = []

        def answer(*arguments):
            asked.append(arguments)
            changed = subscription(latest_invoice=f"in_{len(asked)}")
            row = Subscription.objects.get()
            row.take(parse_subscription(changed))
            row.observe(Interval(low=NOW, high=NOW))
            row.save()
            return stripe.handle(*arguments)

        stripe.date = lambda: NOW
        stripe.objects["/v1/subscriptions/sub_1"] = subscription(status="past_due")
        client = CallableHTTPClient(answer)
        monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", client)
        tied = event("customer.subscription.updated", subscription(status="past_due"))
        assert post(tied).status_code == 500
        assert "changed during" in Event.objects.first().error
        assert len(asked) == 6

    def test_a_stored_event_of_the_other_mode_is_not_processed_again(self, catalog, customer):
        post(created(livemode=True))
        with pytest.raises(WrongModeError):
            process_again(Event.objects.get())

    def test_a_completed_checkout_brings_its_subscription(self, catalog, customer, stripe):
        stripe.objects["/v1/subscriptions/sub_1"] = subscription()
        session = {
            "id": "cs_1",
            "object": "checkout.session",
            "status": "complete",
            "mode": "subscription",
            "customer": "cus_1",
            "subscription": "sub_1",
            "payment_status": "paid",
        }
        post(event("checkout.session.completed", session))
        assert Entitlement.objects.count() == 2

    def test_text_that_postgresql_refuses_is_stored_without_it(self, catalog, customer):
        noisy = subscription(metadata={"note": "a\0b"})
        assert post(event("customer.subscription.updated", noisy)).status_code == 200

    def test_a_changed_limit_reaches_existing_subscriptions(self, catalog, customer):
        post(created())
        product = {
            "id": "prod_pro",
            "object": "product",
            "name": "Pro",
            "active": True,
            "metadata": {"limit:seats": "9"},
        }
        post(event("product.updated", product))
        assert Entitlement.objects.get(feature__lookup_key="seats").limit == 9

    def test_a_summary_is_only_a_hint(self, catalog, customer):
        summary = {
            "object": "entitlements.active_entitlement_summary",
            "customer": "cus_1",
            "entitlements": {"data": [{"lookup_key": "reports"}], "has_more": False},
        }
        post(event("entitlements.active_entitlement_summary.updated", summary))
        assert not Entitlement.objects.exists()
        assert "reports" in Event.objects.get().note


@pytest.mark.django_db(transaction=True)
class TestFailures:
    def test_signals_are_sent_once_after_the_commit(self, catalog, customer):
        seen = []

        def granted(feature, **kwargs):
            seen.append(feature.lookup_key)

        def changed(subscription, status_before, **kwargs):
            seen.append((subscription.status, status_before))

        entitlement_granted.connect(granted)
        subscription_changed.connect(changed)
        payload = created()
        post(payload)
        post(payload)
        entitlement_granted.disconnect(granted)
        subscription_changed.disconnect(changed)
        assert sorted(map(str, seen)) == ["('active', '')", "reports", "seats"]

    def test_a_failing_handler_rolls_back_answers_500_and_leaves_its_error(self, catalog, customer):
        seen = []

        @webhook_handler("customer.subscription.created")
        def fail(row):
            seen.append(row.stripe_id)
            raise RuntimeError("the key sk_test_abcdef123456 broke")

        payload = created()
        try:
            assert post(payload).status_code == 500
        finally:
            unregister(fail)
        row = Event.objects.get()
        assert row.status == Event.Status.FAILED
        assert row.error == "RuntimeError: the key [secret] broke"
        assert not Subscription.objects.exists()
        assert post(payload).status_code == 200
        row.refresh_from_db()
        assert (row.status, row.error, row.attempts) == (Event.Status.PROCESSED, "", 2)
        assert Entitlement.objects.count() == 2

    def test_a_handler_of_the_projects_own_makes_a_type_processed(self):
        @webhook_handler("galaxy.exploded")
        def note(row):
            return None

        try:
            post(event("galaxy.exploded", {"id": "gx_1"}))
        finally:
            unregister(note)
        assert Event.objects.get().status == Event.Status.PROCESSED

    def test_stripe_being_down_is_a_500_and_a_failed_row(self, catalog, customer, stripe):
        stripe.objects["/v1/subscriptions/sub_1"] = (500, {"error": {"message": "down"}})
        payload = created(api_version="2031-01-01.jungle")
        assert post(payload).status_code == 500
        assert Event.objects.get().status == Event.Status.FAILED
        stripe.objects["/v1/subscriptions/sub_1"] = subscription()
        process_again(Event.objects.get())
        assert Event.objects.get().status == Event.Status.PROCESSED
        assert Entitlement.objects.count() == 2

    @pytest.mark.parametrize(
        ("event_type", "payload"),
        [
            ("customer.updated", {"id": "cus_1", "object": "customer", "email": "new@example.com"}),
            ("product.updated", {"id": "prod_pro", "object": "product", "name": "New"}),
            ("customer.subscription.updated", subscription(status="past_due")),
        ],
    )
    def test_an_object_that_stripe_does_not_know_is_not_taken_for_deleted(
        self, catalog, customer, event_type, payload
    ):
        """The key may be another account's: nobody loses anything by that."""
        post(created())
        post(event("product.updated", {"id": "prod_pro", "active": True, "name": "Pro"}))
        post(event("customer.updated", {"id": "cus_1", "object": "customer"}))
        assert post(event(event_type, payload)).status_code == 500
        assert Event.objects.first().status == Event.Status.FAILED
        assert not Customer.objects.get().is_deleted
        assert not Product.objects.get().is_deleted
        assert Entitlement.objects.count() == 2

    def test_a_database_that_is_down_is_a_503(self, monkeypatch):
        def down(*args, **kwargs):
            raise OperationalError("gone")

        monkeypatch.setattr(Event, "save", down)
        assert post(created()).status_code == 503


def test_an_error_of_stripes_keeps_no_secret():
    assert stripe_api.without_secrets("Invalid API Key provided: sk_test_****1234") == (
        "Invalid API Key provided: [secret]"
    )
