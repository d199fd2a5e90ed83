from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.entitlements import (
    CatalogFeature,
    CatalogProduct,
    Policy,
    Term,
    combine_limits,
    wanted_entitlements,
)
from django_stripe_billing.rules.snapshots import SubscriptionItemSnapshot, SubscriptionSnapshot

DAY = 86_400
START, END = 100 * DAY, 130 * DAY
POLICY = Policy(leeway_seconds=3 * DAY, grace_seconds=7 * DAY)


def feature(feature_id="feat_reports", **values):
    defaults = {"limit": None, "is_limit_per_unit": False, "combine": "max", "removed_at": None}
    return CatalogFeature(feature_id=feature_id, **{**defaults, **values})


def catalog(*features, grace_seconds=None):
    return {"prod_pro": CatalogProduct(features=features, grace_seconds=grace_seconds)}


def item(item_id="si_1", **values):
    defaults = {
        "price_id": "price_1",
        "product_id": "prod_pro",
        "quantity": 1,
        "current_period_start": START,
        "current_period_end": END,
    }
    return SubscriptionItemSnapshot(id=item_id, **{**defaults, **values})


def subscription(status="active", items=None, **values):
    defaults = {
        "id": "sub_1",
        "customer_id": "cus_1",
        "livemode": False,
        "created": START,
        "start_date": START,
        "trial_start": None,
        "trial_end": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "currency": "usd",
        "collection_method": "charge_automatically",
        "latest_invoice_id": "",
        "test_clock_id": "",
        "items": (item(),) if items is None else items,
    }
    return SubscriptionSnapshot(status=status, **{**defaults, **values})


def wanted(subject, products=None, **values):
    products = catalog(feature()) if products is None else products
    return wanted_entitlements(subject, catalog=products, policy=POLICY, **values)


@pytest.mark.parametrize(
    ("subject", "ends_at", "reason"),
    [
        (subscription("active"), END + 3 * DAY, "paid_period"),
        (subscription("trialing"), END + 3 * DAY, "trial"),
        (subscription("past_due"), START + 7 * DAY, "past_due_grace"),
        (subscription(cancel_at=END - DAY), END - DAY, "cancel_at"),
        (subscription(cancel_at_period_end=True), END, "period_end"),
        (subscription(cancel_at_period_end=True, cancel_at=END), END, "cancel_at"),
        (subscription(cancel_at=END + 365 * DAY), END + 3 * DAY, "paid_period"),
        (subscription("past_due", cancel_at=START + DAY), START + DAY, "cancel_at"),
    ],
)
def test_access_ends_by_the_rule_that_comes_first(subject, ends_at, reason):
    assert wanted(subject) == {"feat_reports": Term(ends_at=ends_at, limit=None, reason=reason)}


@pytest.mark.parametrize(
    "status",
    ["incomplete", "incomplete_expired", "unpaid", "paused", "canceled", "brand_new_status", ""],
)
def test_other_statuses_grant_nothing(status):
    assert wanted(subscription(status)) == {}


def test_a_product_outside_the_catalog_grants_nothing():
    assert wanted(subscription(items=(item(product_id="prod_unknown"),))) == {}


def test_a_missing_period_grants_nothing():
    assert wanted(subscription(items=(item(current_period_end=None),))) == {}


def test_a_deleted_customer_has_nothing():
    assert wanted(subscription(), is_customer_deleted=True) == {}


def test_an_item_of_zero_units_grants_nothing():
    assert wanted(subscription(items=(item(quantity=0),))) == {}


def test_a_product_may_state_its_own_grace():
    products = catalog(feature(), grace_seconds=DAY)
    assert wanted(subscription("past_due"), products)["feat_reports"].ends_at == START + DAY


def test_a_limit_may_count_for_each_unit():
    products = catalog(feature(limit=5, is_limit_per_unit=True))
    assert wanted(subscription(items=(item(quantity=3),)), products)["feat_reports"].limit == 15


@pytest.mark.parametrize(
    ("combine", "limit"),
    [("max", 10), ("sum", 20)],
)
def test_two_items_of_one_subscription_combine(combine, limit):
    products = catalog(feature(limit=10, combine=combine))
    late = item("si_2", current_period_end=END + DAY)
    [term] = wanted(subscription(items=(item(), late)), products).values()
    assert term == Term(ends_at=END + 4 * DAY, limit=limit, reason="paid_period")


@pytest.mark.parametrize(
    ("removed_at", "ends_at"),
    [(START + DAY, END), (START, END), (END + DAY, END), (START - 1, None)],
)
def test_a_removed_feature_lasts_as_long_as_the_period_that_ran(removed_at, ends_at):
    terms = wanted(subscription(), catalog(feature(removed_at=removed_at)))
    assert (terms["feat_reports"].ends_at if terms else None) == ends_at


@pytest.mark.parametrize(
    ("limits", "rule", "combined"),
    [
        ([3, 5], "max", 5),
        ([3, 5], "sum", 8),
        ([3, None], "max", None),
        ([None, 3], "sum", None),
        ([], "max", 0),
        ([], "sum", 0),
    ],
)
def test_limits_combine(limits, rule, combined):
    assert combine_limits(limits, rule=rule) == combined


@given(
    cancel_at=st.none() | st.integers(0, END + 400 * DAY),
    at_period_end=st.booleans(),
    status=st.sampled_from(["active", "trialing", "past_due", "unpaid", "canceled", "other"]),
)
def test_nothing_outlasts_what_was_paid_plus_the_leeway(cancel_at, at_period_end, status):
    subject = subscription(status, cancel_at=cancel_at, cancel_at_period_end=at_period_end)
    for term in wanted(subject).values():
        assert term.ends_at <= END + 3 * DAY
        if cancel_at is not None:
            assert term.ends_at <= cancel_at


@given(st.integers(1, 5))
def test_a_second_item_never_shortens_the_first(count):
    products = catalog(feature(limit=4))
    one = wanted(subscription(), products)["feat_reports"]
    items = tuple(
        replace(item(), id=f"si_{n}", current_period_end=END - n * DAY) for n in range(count)
    )
    many = wanted(subscription(items=items), products)["feat_reports"]
    assert many.ends_at >= one.ends_at
    assert many.limit >= one.limit
