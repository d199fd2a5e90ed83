"""What goes wrong while a run is under way, and whom it must not hurt."""

from contextlib import contextmanager

import pytest
from django.db import IntegrityError
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.exceptions import ReconcileRefusedError, StripeAuthenticationError
from django_stripe_billing.models import Customer, Entitlement, Feature, Payment, Subscription
from django_stripe_billing.reconcile import comparing, reconcile, repairing
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient

from .database import database, kinds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def after(stripe_sandbox, settings):
    """`after(path, act)`: act once, right after Stripe has answered a request for the path."""

    @contextmanager
    def hooked(path, act):
        inner = stripe_sandbox.engine.handle
        done = []

        def handle(method, asked, body, headers):
            answer = inner(method, asked, body, headers)
            if asked.startswith(path) and not done:
                done.append(asked)
                act()
            return answer

        before = settings.STRIPE_BILLING
        settings.STRIPE_BILLING = {**before, "HTTP_CLIENT": CallableHTTPClient(handle)}
        yield
        settings.STRIPE_BILLING = before
        assert done

    return hooked


# The wrong account


def test_a_key_of_another_account_writes_nothing_even_where_that_account_has_subscriptions(
    shop, stripe_sandbox, subscription, subscriber
):
    state = stripe_sandbox.engine.state
    state.remove(state.objects[subscription["id"]])
    theirs = shop.add_customer()
    shop.call(
        "POST",
        "/v1/subscriptions",
        {"customer": theirs["id"], "items": [{"price": shop.pro_monthly["id"]}]},
    )
    stripe_sandbox.drop()
    before = database()
    with pytest.raises(ReconcileRefusedError, match="--allow-empty"):
        reconcile(apply=True)
    assert database() == before
    assert has_feature(subscriber, "reports")


def test_a_wrong_account_is_noticed_after_a_few_calls(shop, stripe_sandbox, bound):
    for _ in range(60):
        shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.engine.reset()
    with pytest.raises(ReconcileRefusedError):
        reconcile(apply=True)
    assert len(stripe_sandbox.engine.requests) <= 4


def test_a_shop_of_one_off_sales_has_a_sample_too(shop, stripe_sandbox, bound):
    """A key that may not say whose it is must know one of the newest payments."""
    Payment.objects.create(
        stripe_id="cs_gone", customer=bound, status="paid", stripe_created_at=timezone.now()
    )
    with pytest.raises(ReconcileRefusedError, match="cs_gone"):
        reconcile(apply=True)


def test_allow_empty_goes_on(stripe_sandbox, subscription, subscriber):
    stripe_sandbox.engine.reset()
    report = reconcile(apply=True, allow_empty=True)
    assert (kinds(report), report.exit_code) == (
        {
            "subscription_missing_at_stripe",
            "customer_deleted_at_stripe",
            "product_differs",
            "price_differs",
        },
        0,
    )
    assert not has_feature(subscriber, "reports")


def test_an_unknown_customer_revokes_nothing(stripe_sandbox, bound, subscription):
    stripe_sandbox.engine.reset()
    report = reconcile(apply=True, customer_id=bound.stripe_id)
    assert report.exit_code == 2
    assert "right account" in report.errors[0]
    assert Entitlement.objects.count() == 2


def test_the_only_subscription_of_one_customer_may_be_missing(
    stripe_sandbox, bound, subscription, subscriber
):
    state = stripe_sandbox.engine.state
    state.remove(state.objects[subscription["id"]])
    report = reconcile(apply=True, customer_id=bound.stripe_id)
    assert (kinds(report), report.exit_code) == ({"subscription_missing_at_stripe"}, 0)
    assert not has_feature(subscriber, "reports")


def test_subscriptions_of_test_clocks_alone_are_no_empty_list(stripe_sandbox, subscription):
    Subscription.objects.update(test_clock_id="clock_1")
    stripe_sandbox.engine.state.objects[subscription["id"]]["test_clock"] = "clock_1"
    stripe_sandbox.engine.state.by_kind["subscription"].remove(subscription["id"])
    report = reconcile(apply=True)
    assert (report.drift, report.errors, report.exit_code) == ([], [], 0)
    assert (report.run.listed, report.run.calls) == (0, 8)


def test_a_new_database_takes_over_what_stripe_has(shop, stripe_sandbox, bound, subscriber):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    assert reconcile(apply=True).exit_code == 0
    assert has_feature(subscriber, "reports")


# Stripe has a bad night


@pytest.mark.parametrize("status", [500, 503, 429, 0])
def test_a_page_is_asked_for_again_from_where_the_list_broke(
    shop, stripe_sandbox, bound, settings, status
):
    for _ in range(120):
        shop.subscribe(bound)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    reconcile(apply=True)
    undisturbed = reconcile(apply=False).run.calls
    stripe_sandbox.engine.faults.append(
        Fault(path="/v1/subscriptions", skip=1, status=status, times=2)
    )
    report = reconcile(apply=False)
    assert report.errors == []
    assert kinds(report) == {"subscription_duplicate"}
    assert (report.run.listed, report.run.calls) == (120, undisturbed + 2)


def test_a_wrong_key_is_not_tried_again(stripe_sandbox, subscription):
    stripe_sandbox.engine.faults.append(Fault(status=401, times=-1))
    asked = len(stripe_sandbox.engine.requests)
    with pytest.raises(StripeAuthenticationError):
        reconcile(apply=False)
    assert len(stripe_sandbox.engine.requests) == asked + 1


def test_a_subscription_that_vanishes_between_the_list_and_the_fetch_does_not_stop_the_run(
    shop, stripe_sandbox, bound, subscription, after
):
    other = shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.deliver()
    shop.call("POST", f"/v1/subscriptions/{other['id']}", {"cancel_at_period_end": True})
    stripe_sandbox.drop()
    state = stripe_sandbox.engine.state
    with after("/v1/subscriptions?", lambda: state.remove(state.objects[other["id"]])):
        report = reconcile(apply=True)
    assert (kinds(report), report.exit_code) == ({"subscription_missing_at_stripe"}, 0)
    assert Subscription.objects.get(stripe_id=other["id"]).status == "missing"


def test_an_answer_that_cannot_be_read_does_not_stop_the_run(
    shop, stripe_sandbox, bound, subscription
):
    hidden = shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.deliver()
    state = stripe_sandbox.engine.state
    state.by_kind["subscription"].remove(hidden["id"])
    state.objects[hidden["id"]]["customer"] = None
    Entitlement.objects.filter(source_id=subscription["id"], feature__lookup_key="seats").delete()
    report = reconcile(apply=True)
    assert report.exit_code == 2
    assert hidden["id"] in report.errors[0]
    assert {entry.kind: entry.state for entry in report.drift} == {
        "entitlement_missing": "repaired",
        "subscription_missing_at_stripe": "found",
    }


# Others write meanwhile


def test_a_webhook_between_the_fetch_and_the_repair_is_not_overwritten(
    shop, stripe_sandbox, bound, subscription, monkeypatch
):
    """The row changes under the repair, within the same second, which then fetches anew."""
    path = f"/v1/subscriptions/{subscription['id']}"
    shop.call("POST", path, {"cancel_at_period_end": True})
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    settle = repairing.settle

    def interrupted(readings, *, cause):
        monkeypatch.setattr(repairing, "settle", settle)
        shop.call("POST", path, {"cancel_at_period_end": False})
        shop.call("DELETE", path)
        stripe_sandbox.deliver()
        return settle(readings, cause=cause)

    monkeypatch.setattr(repairing, "settle", interrupted)
    report = reconcile(apply=True)
    assert (report.errors, report.exit_code) == ([], 0)
    assert Subscription.objects.get().status == "canceled"
    assert Entitlement.objects.count() == 0


def test_a_catalog_that_changes_while_rows_are_compared_is_no_drift(
    shop, stripe_sandbox, subscription, monkeypatch
):
    """Rows are read in several queries: between two of them a feature may come to a product."""
    read_catalog = comparing.read_catalog

    def changed(products, *, account):
        monkeypatch.setattr(comparing, "read_catalog", read_catalog)
        feature = {"entitlement_feature": shop.features["export"]["id"]}
        shop.call("POST", f"/v1/products/{shop.pro['id']}/features", feature)
        shop.sync()
        return read_catalog(products, account=account)

    monkeypatch.setattr(comparing, "read_catalog", changed)
    report = reconcile(apply=True)
    assert (report.drift, report.exit_code) == ([], 0)
    assert Entitlement.objects.filter(feature__lookup_key="export").count() == 1


def test_a_database_error_in_one_repair_does_not_stop_the_others(
    shop, stripe_sandbox, bound, subscription, monkeypatch
):
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    settle = repairing.settle

    def failing(readings, *, cause):
        if any(reading.snapshot.id == subscription["id"] for reading in readings):
            raise IntegrityError("deadlock")
        return settle(readings, cause=cause)

    monkeypatch.setattr(repairing, "settle", failing)
    report = reconcile(apply=True)
    assert report.exit_code == 1
    assert {entry.kind: entry.state for entry in report.drift} == {
        "subscription_missing_here": "repaired",
        "subscription_status": "failed",
        "subscription_cancellation": "failed",
    }


# Rows that somebody edited by hand


def test_a_customer_without_a_stripe_id_does_not_stop_the_run(subscription, bound):
    Customer.objects.create()
    row = Customer.objects.create()
    Subscription.objects.update(customer=row)
    Customer.objects.create()
    report = reconcile(apply=True)
    assert report.run.is_complete
    assert kinds(report) == {"subscription_customer", "customer_unlinked"}
    assert report.left


def test_an_entitlement_cut_off_from_its_subscription_is_put_right_in_one_run(
    subscription, subscriber
):
    Entitlement.objects.update(subscription=None)
    report = reconcile(apply=True)
    assert kinds(report) == {"entitlement_extra"}
    assert (report.errors, report.exit_code) == ([], 0)
    assert has_feature(subscriber, "reports")
    assert reconcile(apply=False).drift == []


def test_an_entitlement_moved_to_somebody_else_is_drift(shop, other_subscriber, subscription):
    other = shop.bind(other_subscriber)
    Entitlement.objects.filter(feature__lookup_key="reports").update(customer=other)
    report = reconcile(apply=False)
    assert kinds(report) == {"entitlement_extra", "entitlement_missing"}
    assert any(other.stripe_id in entry.here for entry in report.drift)
    assert reconcile(apply=True).exit_code == 0
    assert reconcile().drift == []


def test_an_entitlement_of_an_ended_subscription_that_stripe_hides_goes(
    shop, stripe_sandbox, bound, subscription, subscriber
):
    keep = shop.subscribe(bound, shop.starter_monthly)
    shop.call("DELETE", f"/v1/subscriptions/{keep['id']}")
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    stripe_sandbox.engine.state.by_kind["subscription"].remove(keep["id"])
    Entitlement.objects.create(
        customer=bound,
        feature=Feature.objects.get(lookup_key="export"),
        source_kind="subscription",
        source_id="sub_somebody_wrote_this",
        subscription=Subscription.objects.get(stripe_id=keep["id"]),
    )
    assert kinds(reconcile(apply=True)) == {"entitlement_extra"}
    assert not has_feature(subscriber, "export")


def test_what_a_deleted_customer_holds_is_drift(subscription, bound):
    Customer.objects.update(is_deleted=True)
    report = reconcile(apply=True)
    assert kinds(report) == {"entitlement_extra", "customer_deleted"}
    assert [entry.kind for entry in report.left] == ["customer_deleted"]
    assert Entitlement.objects.count() == 0


def test_a_row_that_was_ended_by_hand_is_reported_each_time(subscription):
    Subscription.objects.update(status="canceled")
    for _ in range(2):
        report = reconcile(apply=True)
        assert report.exit_code == 1
        assert "subscription_status" in kinds(report)
        assert "never comes back" in report.left[0].error
    Subscription.objects.all().delete()
    assert reconcile(apply=True).exit_code == 0
    assert reconcile(apply=False).exit_code == 0


def test_a_feature_held_by_the_customer_and_by_somebody_else_is_drift(
    shop, other_subscriber, subscription
):
    other = shop.bind(other_subscriber)
    row = Entitlement.objects.get(feature__lookup_key="reports")
    row.pk, row.customer = None, other
    row.save(force_insert=True)
    report = reconcile(apply=False)
    assert kinds(report) == {"entitlement_extra"}
    assert reconcile(apply=True).exit_code == 0
    assert reconcile().drift == []
    assert Entitlement.objects.count() == 2


def test_a_customer_that_a_webhook_stores_while_rows_are_read_does_not_stop_the_run(
    shop, stripe_sandbox, bound, subscription, monkeypatch
):
    """Between the locks on the known customers and the reading of the subscriptions."""
    made = shop.add_customer()
    items = [{"price": shop.pro_monthly["id"]}]
    shop.call("POST", "/v1/subscriptions", {"customer": made["id"], "items": items})
    read_stored = comparing.read_stored

    def late(ids, *, account):
        monkeypatch.setattr(comparing, "read_stored", read_stored)
        stripe_sandbox.deliver()
        return read_stored(ids, account=account)

    monkeypatch.setattr(comparing, "read_stored", late)
    report = reconcile(apply=True)
    assert report.errors == []
    assert kinds(report) == {"customer_unlinked"}
