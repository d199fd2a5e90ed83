"""Access that a person gives and takes by hand."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from django_stripe_billing.access import explain, has_feature, limit
from django_stripe_billing.checkout import bind_customer
from django_stripe_billing.checkout.binding import _merge
from django_stripe_billing.exceptions import GrantError
from django_stripe_billing.grants import grant, grant_to_customer, revoke
from django_stripe_billing.models import (
    Customer,
    Drift,
    Entitlement,
    EntitlementChange,
    ManualGrant,
    ReconcileRun,
)
from django_stripe_billing.reconcile import Options, reconcile
from django_stripe_billing.rules.snapshots import CustomerSnapshot

pytestmark = pytest.mark.django_db(transaction=True)


def soon(**how):
    return timezone.now() + timedelta(**(how or {"days": 30}))


def given(subscriber, key="export", **values):
    values = {"until": soon(), "reason": "press", "by": "root", **values}
    return grant(subscriber, key, **values)


def test_a_grant_needs_no_customer_in_stripe_and_no_call(subscriber, catalog, stripe_answers):
    found = given(subscriber, "reports", limit=3)
    assert has_feature(subscriber, "reports")
    assert limit(subscriber, "reports") == 3
    change = EntitlementChange.objects.get()
    assert (change.kind, change.cause_kind, change.cause_id) == ("granted", "person", "root")
    assert (change.source_kind, change.source_id) == ("manual", str(found))
    assert Customer.objects.get().stripe_id is None


def test_access_ends_by_the_clock_alone(subscriber, catalog, monkeypatch):
    given(subscriber, "reports", until=soon(hours=1))
    later = soon(hours=1, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert not has_feature(subscriber, "reports")
    assert Entitlement.objects.count() == 1
    assert "granted it until" in str(explain(subscriber, "reports"))
    assert "the end that it was given" in str(explain(subscriber, "reports"))


def test_a_grant_may_have_no_end(subscriber, catalog):
    given(subscriber, "reports", until=None)
    assert explain(subscriber, "reports").ends_at is None
    assert has_feature(subscriber, "reports")


def test_a_revoked_grant_grants_nothing_and_is_remembered(subscriber, catalog):
    given(subscriber, "reports")
    given(subscriber, "reports", reason="again")
    assert len(revoke(subscriber, "reports", reason="abuse", by="sam")) == 2
    assert not has_feature(subscriber, "reports")
    assert revoke(subscriber, "reports", reason="abuse", by="sam") == []
    text = str(explain(subscriber, "reports"))
    assert "(by root on " in text
    assert "was revoked by sam on" in text
    assert '"abuse"' in text
    assert list(EntitlementChange.objects.values_list("cause_id", flat=True)[:2]) == ["sam", "sam"]
    assert ManualGrant.objects.filter(revoked_by="sam").count() == 2


def test_explain_names_who_granted_it_and_why(subscriber, catalog, django_user_model):
    root = django_user_model.objects.create_user("grace")
    given(subscriber, "reports", by=root, reason="talk at the <b>meetup</b>")
    text = str(explain(subscriber, "reports"))
    assert "Manual grant" in text
    assert "by grace on" in text
    assert '"talk at the <b>meetup</b>"' in text


def test_the_same_key_grants_once(customer, catalog):
    values = {"until": soon(), "reason": "press", "by": "root", "key": uuid.uuid4()}
    first = grant_to_customer(customer, "reports", **values)
    assert grant_to_customer(customer, "reports", **values) == first
    assert ManualGrant.objects.count() == EntitlementChange.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": " "},
        {"by": ""},
        {"by": None},
        {"limit": -1},
        {"key": "exprot"},
        {"until": timezone.now() - timedelta(seconds=1)},
        {"until": soon().replace(tzinfo=None)},
    ],
)
def test_what_is_no_grant_is_refused_and_leaves_nothing(subscriber, catalog, wrong):
    with pytest.raises(GrantError):
        given(subscriber, wrong.pop("key", "reports"), **wrong)
    assert not Entitlement.objects.exists()
    assert not ManualGrant.objects.exists()


def test_a_grant_is_for_one_subscriber(subscriber, other_subscriber, catalog):
    given(subscriber, "reports")
    assert not has_feature(other_subscriber, "reports")
    assert revoke(other_subscriber, "reports", reason="x", by="root") == []
    assert has_feature(subscriber, "reports")


def test_what_is_paid_for_stays_when_a_grant_goes(shop, stripe_sandbox, subscriber):
    shop.subscribe(shop.bind(subscriber))
    stripe_sandbox.deliver()
    given(subscriber, "reports")
    assert "2 sources add up" in str(explain(subscriber, "reports"))
    revoke(subscriber, "reports", reason="x", by="root")
    assert has_feature(subscriber, "reports")


def test_reconcile_and_webhooks_leave_grants_alone(shop, stripe_sandbox, subscriber, monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.patience.LONGEST_PAUSE", 0)
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)
    customer = shop.bind(subscriber)
    given(subscriber)
    bought = shop.subscribe(customer)
    stripe_sandbox.deliver()
    shop.call("DELETE", f"/v1/subscriptions/{bought['id']}")
    stripe_sandbox.deliver()
    reconcile(Options(apply=True))
    assert ReconcileRun.objects.get().is_complete
    assert list(Drift.objects.values_list("kind", "here")) == []
    assert has_feature(subscriber, "export")
    assert not has_feature(subscriber, "reports")


def test_a_customer_deleted_in_stripe_has_nothing_by_hand_either(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    given(subscriber)
    shop.call("DELETE", f"/v1/customers/{customer.stripe_id}")
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "export")
    assert not Entitlement.objects.exists()
    customer.refresh_from_db()
    with pytest.raises(GrantError, match="deleted"):
        grant_to_customer(customer, "export", until=None, reason="x", by="root", key=uuid.uuid4())


def test_a_grant_outlives_the_first_checkout(shop, stripe_sandbox, subscriber):
    given(subscriber)
    customer = bind_customer(subscriber)
    assert customer.stripe_id
    assert has_feature(subscriber, "export")


def test_a_grant_outlives_a_webhook_that_was_faster(shop, subscriber):
    """`customer.created` makes a row of its own, which takes the place of the one that waits."""
    found = given(subscriber)
    waiting = Customer.objects.get()
    theirs = Customer.objects.create(stripe_id="cus_faster")
    snapshot = CustomerSnapshot(
        id="cus_faster",
        email="",
        name="",
        livemode=False,
        created=None,
        is_deleted=False,
        test_clock_id="",
    )
    assert _merge(waiting, snapshot) == theirs
    assert has_feature(subscriber, "export")
    found.refresh_from_db()
    assert found.customer == theirs
    assert EntitlementChange.objects.filter(customer=theirs, kind="granted").exists()
