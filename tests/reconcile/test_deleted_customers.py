"""Customers that Stripe deleted, of which nobody was told: what they were granted ends."""

import pytest

from django_stripe_billing import access, grants
from django_stripe_billing.models import Customer, Entitlement
from django_stripe_billing.reconcile import ChangeLimit, Options, estimate, reconcile, repair_drift
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.sync import Cause

from ..conftest import make_subscriber
from .planting import grant

pytestmark = pytest.mark.django_db(transaction=True)

KIND = "customer_deleted_at_stripe"


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_user("boss")


@pytest.fixture
def given(shop, stripe_sandbox, bound, subscriber, staff):
    """A feature by hand, and nothing bought."""
    grants.grant(subscriber, "export", until=None, reason="a present", by=staff)
    stripe_sandbox.advance(100)
    return bound


def delete(shop, sandbox, customer_id):
    shop.call("DELETE", f"/v1/customers/{customer_id}", {})
    sandbox.drop()
    sandbox.advance(7200)


def told(report):
    return [(entry.kind, entry.object_id, entry.state) for entry in report.drift]


def test_one_with_a_grant_by_hand_is_found_and_loses_it(shop, stripe_sandbox, given, subscriber):
    assert told(reconcile()) == []
    delete(shop, stripe_sandbox, given.stripe_id)
    dry = reconcile()
    assert (told(dry), dry.exit_code) == ([(KIND, given.stripe_id, "found")], 1)
    assert access.has_feature(subscriber, "export")
    report = reconcile(apply=True)
    assert (told(report), report.exit_code) == ([(KIND, given.stripe_id, "repaired")], 0)
    assert not access.has_feature(subscriber, "export")
    assert Customer.objects.get().is_deleted
    assert told(reconcile()) == []


def test_one_whose_subscription_ended_with_it_is_found_in_the_same_run(
    shop, stripe_sandbox, subscription, bound, subscriber, staff
):
    grants.grant(subscriber, "export", until=None, reason="a present", by=staff)
    delete(shop, stripe_sandbox, bound.stripe_id)
    kinds = {"subscription_status", "subscription_cancellation", KIND}
    assert {entry[0] for entry in told(reconcile())} == kinds
    report = reconcile(apply=True)
    assert {entry[0] for entry in told(report)} == kinds
    assert report.exit_code == 0
    assert Customer.objects.get().is_deleted
    assert Entitlement.objects.count() == 0


def test_whoever_has_a_running_subscription_costs_no_call(
    shop, stripe_sandbox, subscription, subscriber, staff, bound
):
    grants.grant(subscriber, "export", until=None, reason="a present", by=staff)
    stripe_sandbox.engine.requests.clear()
    reconcile()
    paths = [path for _method, path in stripe_sandbox.engine.requests]
    assert not any(path.startswith("/v1/customers") for path in paths)


def test_many_are_looked_for_in_stripes_list(shop, stripe_sandbox, given):
    others = [shop.bind(make_subscriber(f"other{number}")) for number in range(4)]
    for one in others:
        grant(one)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(100)
    delete(shop, stripe_sandbox, others[1].stripe_id)
    stripe_sandbox.engine.requests.clear()
    report = reconcile(apply=True)
    assert told(report) == [(KIND, others[1].stripe_id, "repaired")]
    paths = [path for _m, path in stripe_sandbox.engine.requests if "customers" in path]
    assert paths == ["/v1/customers", f"/v1/customers/{others[1].stripe_id}"]


def test_one_on_a_test_clock_is_hidden_from_the_list_and_kept(shop, stripe_sandbox, given):
    for number in range(3):
        grant(shop.bind(make_subscriber(f"other{number}")))
    stripe_sandbox.deliver()
    stripe_sandbox.engine.state.objects[given.stripe_id]["test_clock"] = "clock_1"
    report = reconcile(apply=True)
    assert (told(report), report.errors) == ([], [])


def test_a_customer_of_whom_stripe_knows_nothing_is_not_believed(
    shop, stripe_sandbox, given, subscriber
):
    state = stripe_sandbox.engine.state
    state.remove(state.objects[given.stripe_id])
    report = reconcile(apply=True)
    assert told(report) == [(KIND, given.stripe_id, "failed")]
    assert access.has_feature(subscriber, "export")
    assert reconcile(apply=True, allow_empty=True).exit_code == 0
    assert not access.has_feature(subscriber, "export")


def test_no_more_are_believed_than_may_be_changed(shop, stripe_sandbox, given, subscriber):
    delete(shop, stripe_sandbox, given.stripe_id)
    limit = ChangeLimit(number=0, is_share=False)
    report = reconcile(apply=True, max_changes=limit)
    assert told(report) == [(KIND, given.stripe_id, "found")]
    assert access.has_feature(subscriber, "export")


def test_stripe_down_makes_the_run_incomplete_and_it_goes_on(
    shop, stripe_sandbox, given, subscriber
):
    delete(shop, stripe_sandbox, given.stripe_id)
    stripe_sandbox.engine.faults.append(Fault(path="/v1/customers", status=500, times=-1))
    report = reconcile(apply=True)
    assert report.exit_code == 2
    assert access.has_feature(subscriber, "export")


def test_one_is_settled_by_a_person(shop, stripe_sandbox, given, subscriber):
    delete(shop, stripe_sandbox, given.stripe_id)
    [entry] = reconcile().drift
    assert repair_drift(entry, cause=Cause(kind="person", id="boss")) == "repaired"
    assert not access.has_feature(subscriber, "export")


def test_they_are_in_the_estimate(shop, stripe_sandbox, given):
    before = estimate(Options()).calls
    Entitlement.objects.all().delete()
    assert estimate(Options()).calls == before - 1
