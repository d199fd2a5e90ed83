import pytest
from django.utils import timezone

from django_stripe_billing.access import explain, explain_customer
from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    ProductFeature,
    Subscription,
)

from ..statements import statements


@pytest.fixture
def subscribe(customer):
    """A stored subscription to prod_pro, with nothing granted."""

    def subscribe(status, *, product="prod_pro", stripe_id="sub_1"):
        row = Subscription.objects.create(
            stripe_id=stripe_id,
            customer=customer,
            status=status,
            stripe_created_at=timezone.now(),
        )
        row.items.create(stripe_id=f"si_{stripe_id}", product_id=product, price_id="price_pro")
        return row

    return subscribe


def test_a_granted_feature_names_source_rule_end_and_cause(subscriber, customer, subscribe, grant):
    subscribe("active")
    row = grant(customer, limit=5)
    EntitlementChange.objects.create(
        customer=customer,
        feature=row.feature,
        kind="granted",
        source_kind="subscription",
        source_id="sub_1",
        cause_kind="event",
        cause_id="evt_1",
    )
    found = explain(subscriber, "reports")
    assert found.is_granted
    assert (found.limit, found.ends_at) == (5, row.ends_at)
    text = str(found)
    for part in ("sub_1 (Pro, active)", "paid until then", "evt_1", "up to 5"):
        assert part in text


def test_two_sources_are_both_named(subscriber, customer, grant):
    grant(customer, source="sub_1", limit=5)
    grant(customer, source="sub_2", limit=9)
    found = explain(subscriber, "reports")
    assert "2 sources add up" in str(found)
    assert found.limit == 9


def test_nobody_is_told_so():
    assert "Nobody is signed in" in str(explain(None, "reports"))


def test_a_subscriber_without_customer_never_bought(subscriber):
    assert "no Stripe customer" in str(explain(subscriber, "reports"))


def test_a_customer_without_subscription_may_have_lost_a_webhook(subscriber, customer, catalog):
    found = str(explain(subscriber, "reports"))
    assert "no subscription here" in found
    assert "reconcile_entitlements" in found


def test_a_typo_in_the_feature_is_named(subscriber, customer, catalog):
    assert "did you mean 'reports'?" in str(explain(subscriber, "report"))


@pytest.mark.parametrize(
    ("status", "part"),
    [
        ("incomplete", "first payment is still missing"),
        ("incomplete_expired", "never came"),
        ("unpaid", "tries no more"),
        ("paused", "must be resumed"),
        ("canceled", "it has ended"),
        ("missing", "Stripe does not have it"),
        ("from_the_future", "does not know"),
    ],
)
def test_a_status_that_grants_nothing_is_named(subscriber, subscribe, catalog, status, part):
    subscribe(status)
    found = str(explain(subscriber, "reports"))
    assert f"sub_1 is {status}" in found
    assert part in found


def test_a_product_without_the_feature_is_named(subscriber, subscribe, catalog):
    subscribe("active", product="prod_other")
    assert "for prod_other, which does not include reports" in str(explain(subscriber, "reports"))


def test_a_feature_that_was_taken_off_is_named(subscriber, subscribe, catalog):
    subscribe("active")
    ProductFeature.objects.update(removed_at=timezone.now())
    assert "was taken off Pro" in str(explain(subscriber, "reports"))


def test_an_entitlement_that_should_be_there_and_is_not_is_drift(subscriber, subscribe, catalog):
    subscribe("active")
    assert "run reconcile_entitlements" in str(explain(subscriber, "reports"))


def test_an_end_that_has_passed_is_named(subscriber, customer, grant):
    grant(customer, days=-2)
    found = explain(subscriber, "reports")
    assert not found.is_granted
    assert "no renewal was heard of" in str(found)


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("past_due_grace", "the grace period is over"),
        ("cancel_at", "set to end then"),
        ("period_end", "set to end with its period"),
        ("feature_removed", "the period that had it is over"),
    ],
)
def test_an_end_that_was_meant_is_no_lost_webhook(subscriber, customer, grant, reason, part):
    grant(customer, days=-2)
    Entitlement.objects.update(reason=reason)
    found = str(explain(subscriber, "reports"))
    assert part in found
    assert "webhook was lost" not in found


def test_a_deleted_customer_is_named(subscriber, customer, grant):
    grant(customer)
    Customer.objects.update(is_deleted=True)
    assert "deleted in Stripe" in str(explain(subscriber, "reports"))


def test_the_number_of_queries_does_not_grow(subscriber, customer, subscribe, grant):
    counts = []
    for number in range(2):
        subscribe("active", stripe_id=f"sub_{number}")
        grant(customer, source=f"sub_{number}")
        with statements() as asked:
            explain_customer(customer, "reports")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 8
