from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from django_stripe_billing.access import entitlements, explain, has_feature, limit
from django_stripe_billing.models import Customer, Feature

from ..statements import statements


def test_a_granted_feature_may_be_used_until_its_end(subscriber, customer, grant, monkeypatch):
    row = grant(customer, limit=5)
    assert has_feature(subscriber, "reports")
    assert limit(subscriber, "reports") == 5
    moment = row.ends_at - timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    assert has_feature(subscriber, "reports")
    moment = row.ends_at
    assert not has_feature(subscriber, "reports")
    assert limit(subscriber, "reports") == 0


def test_an_entitlement_without_end_does_not_end(subscriber, customer, grant):
    grant(customer, days=None)
    assert entitlements(subscriber)["reports"].ends_at is None


@pytest.mark.parametrize("nobody", [None, AnonymousUser()])
def test_nobody_has_nothing_and_asks_nothing(nobody):
    assert entitlements(nobody) == {}
    assert not has_feature(nobody, "reports")
    assert limit(nobody, "reports") == 0


def test_a_subscriber_without_customer_has_nothing(subscriber, features):
    assert entitlements(subscriber) == {}


def test_an_unsaved_subscriber_has_nothing(subscriber):
    assert entitlements(type(subscriber)()) == {}


def test_a_deleted_customer_has_nothing(subscriber, customer, grant):
    grant(customer)
    Customer.objects.update(is_deleted=True)
    assert entitlements(subscriber) == {}


def test_what_another_subscriber_has_is_not_mine(subscriber, customer, other_customer, grant):
    grant(other_customer)
    assert entitlements(subscriber) == {}


def test_an_object_of_another_model_is_an_error(features):
    with pytest.raises(ValueError, match="Cannot query"):
        has_feature(Feature.objects.first(), "reports")


@pytest.mark.parametrize(("rule", "expected"), [("max", 5), ("sum", 8)])
def test_limits_of_several_sources_combine_by_the_features_rule(
    subscriber, customer, grant, rule, expected
):
    Feature.objects.update(combine=rule)
    first = grant(customer, "seats", source="sub_1", days=10, limit=5)
    second = grant(customer, "seats", source="sub_2", days=20, limit=3)
    assert limit(subscriber, "seats") == expected
    assert entitlements(subscriber)["seats"].ends_at == second.ends_at > first.ends_at


@pytest.mark.parametrize("rule", ["max", "sum"])
def test_one_source_without_limit_is_without_limit(subscriber, customer, grant, rule):
    Feature.objects.update(combine=rule)
    grant(customer, "seats", source="sub_1", limit=5)
    grant(customer, "seats", source="sub_2", limit=None)
    assert limit(subscriber, "seats") is None


def test_ending_one_source_leaves_what_another_grants(subscriber, customer, grant):
    grant(customer, source="sub_1", days=-1)
    grant(customer, source="sub_2", days=5)
    assert has_feature(subscriber, "reports")


def test_a_question_is_one_query(subscriber, customer, grant):
    grant(customer)
    with statements() as asked:
        assert has_feature(subscriber, "reports")
    assert len(asked) == 1


def test_what_a_connected_accounts_customer_has_is_not_the_platforms(subscriber, grant):
    """Whoever owns the account names its features: `reports` there is not `reports` here."""
    theirs = Customer.objects.create(stripe_id="cus_1", account="acct_1", subscriber=subscriber)
    grant(theirs)
    assert entitlements(subscriber) == {}
    assert not explain(subscriber, "reports").is_granted
