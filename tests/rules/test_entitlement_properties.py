"""What holds of the rules for every subscription, catalog and policy that hypothesis thinks of."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.entitlements import (
    PAID_STATUSES,
    REASONS,
    CatalogFeature,
    CatalogProduct,
    Policy,
    combine_limits,
    wanted_entitlements,
)
from django_stripe_billing.rules.json_values import LARGEST_INTEGER, LARGEST_SECOND
from django_stripe_billing.rules.snapshots import SubscriptionItemSnapshot, SubscriptionSnapshot

SECONDS = st.integers(0, 200) | st.sampled_from([LARGEST_SECOND - 1, LARGEST_SECOND])
STATUSES = [
    *PAID_STATUSES,
    "past_due",
    "incomplete",
    "incomplete_expired",
    "unpaid",
    "canceled",
    "paused",
    "missing",
    "glowing",
    "",
]
PRODUCTS = ["prod_a", "prod_b", "prod_unknown", ""]
MOST = 2**31 - 1

items = st.lists(
    st.builds(
        SubscriptionItemSnapshot,
        id=st.sampled_from(["si_1", "si_2", "si_3"]),
        price_id=st.just("price_1"),
        product_id=st.sampled_from(PRODUCTS),
        quantity=st.none() | st.integers(0, 3) | st.just(MOST),
        current_period_start=st.none() | SECONDS,
        current_period_end=st.none() | SECONDS,
    ),
    max_size=3,
    unique_by=lambda item: item.id,
).map(tuple)

subscriptions = st.builds(
    SubscriptionSnapshot,
    id=st.just("sub_1"),
    customer_id=st.just("cus_1"),
    status=st.sampled_from(STATUSES),
    livemode=st.booleans(),
    created=SECONDS,
    start_date=st.none() | SECONDS,
    trial_start=st.none() | SECONDS,
    trial_end=st.none() | SECONDS,
    cancel_at=st.none() | SECONDS,
    cancel_at_period_end=st.booleans(),
    canceled_at=st.none() | SECONDS,
    ended_at=st.none() | SECONDS,
    currency=st.just("usd"),
    collection_method=st.just(""),
    latest_invoice_id=st.just(""),
    test_clock_id=st.just(""),
    items=items,
)

catalog_features = st.lists(
    st.builds(
        CatalogFeature,
        feature_id=st.sampled_from(["feat_1", "feat_2", "feat_3"]),
        limit=st.none() | st.integers(0, 9) | st.sampled_from([999_999_999, MOST]),
        is_limit_per_unit=st.booleans(),
        combine=st.sampled_from(["max", "sum"]),
        removed_at=st.none() | SECONDS,
    ),
    max_size=3,
    unique_by=lambda feature: feature.feature_id,
).map(tuple)

products = st.builds(
    CatalogProduct, features=catalog_features, grace_seconds=st.none() | st.integers(0, 50)
)
catalogs = st.fixed_dictionaries({"prod_a": products}, optional={"prod_b": products})
policies = st.builds(
    Policy, leeway_seconds=st.integers(0, 50), grace_seconds=st.integers(0, 366 * 86_400)
)


@given(subscriptions, catalogs, policies)
def test_only_what_an_item_of_a_known_product_includes_is_granted(subscription, catalog, policy):
    named = {item.product_id for item in subscription.items}
    included = {
        feature.feature_id
        for key, product in catalog.items()
        if key in named
        for feature in product.features
    }
    granted = wanted_entitlements(subscription, catalog=catalog, policy=policy)
    assert granted.keys() <= included
    if subscription.status not in PAID_STATUSES | {"past_due"}:
        assert granted == {}


@given(subscriptions, catalogs, policies)
def test_access_always_ends_and_never_later_than_was_paid_for(subscription, catalog, policy):
    periods = [item for item in subscription.items if item.product_id in catalog]
    for term in wanted_entitlements(subscription, catalog=catalog, policy=policy).values():
        assert term.reason in REASONS
        assert 0 <= term.ends_at <= LARGEST_SECOND
        if subscription.cancel_at is not None:
            assert term.ends_at <= subscription.cancel_at
        if subscription.status in PAID_STATUSES:
            ends = [item.current_period_end for item in periods if item.current_period_end]
            assert term.ends_at <= max(ends, default=0) + policy.leeway_seconds
        else:
            graces = [product.grace_seconds or 0 for product in catalog.values()]
            starts = [item.current_period_start or 0 for item in periods]
            assert term.ends_at <= max(starts) + max([policy.grace_seconds, *graces])


@given(subscriptions, catalogs, policies)
def test_every_limit_fits_into_the_database(subscription, catalog, policy):
    for term in wanted_entitlements(subscription, catalog=catalog, policy=policy).values():
        assert term.limit is None or 0 <= term.limit <= LARGEST_INTEGER


@given(subscriptions, catalogs, policies, st.randoms(use_true_random=False))
def test_the_order_of_items_and_features_does_not_matter(subscription, catalog, policy, random):
    shuffled_items = list(subscription.items)
    random.shuffle(shuffled_items)
    shuffled_catalog = {}
    for key, product in catalog.items():
        features = list(product.features)
        random.shuffle(features)
        shuffled_catalog[key] = replace(product, features=tuple(features))
    shuffled = replace(subscription, items=tuple(shuffled_items))
    one = wanted_entitlements(subscription, catalog=catalog, policy=policy)
    other = wanted_entitlements(shuffled, catalog=shuffled_catalog, policy=policy)
    ends = {key: (term.ends_at, term.limit) for key, term in one.items()}
    assert ends == {key: (term.ends_at, term.limit) for key, term in other.items()}


@given(subscriptions, catalogs, policies)
def test_an_item_more_never_takes_anything_away(subscription, catalog, policy):
    whole = wanted_entitlements(subscription, catalog=catalog, policy=policy)
    for item in subscription.items:
        fewer = tuple(other for other in subscription.items if other is not item)
        part = wanted_entitlements(
            replace(subscription, items=fewer), catalog=catalog, policy=policy
        )
        for key, term in part.items():
            assert whole[key].ends_at >= term.ends_at
            assert whole[key].limit is None or (
                term.limit is not None and whole[key].limit >= term.limit
            )


@given(subscriptions, catalogs, policies)
def test_a_deleted_customer_has_nothing(subscription, catalog, policy):
    granted = wanted_entitlements(
        subscription, catalog=catalog, policy=policy, is_customer_deleted=True
    )
    assert granted == {}


@given(subscriptions, catalogs, policies, st.integers(0, 50))
def test_more_leeway_and_grace_never_take_anything_away(subscription, catalog, policy, more):
    kinder = Policy(
        leeway_seconds=policy.leeway_seconds + more, grace_seconds=policy.grace_seconds + more
    )
    less = wanted_entitlements(subscription, catalog=catalog, policy=policy)
    granted = wanted_entitlements(subscription, catalog=catalog, policy=kinder)
    assert granted.keys() == less.keys()
    assert all(granted[key].ends_at >= term.ends_at for key, term in less.items())


limits = st.lists(st.none() | st.integers(0, 9) | st.just(LARGEST_INTEGER), max_size=5)


@given(limits, limits, st.sampled_from(["max", "sum"]))
def test_limits_combine_in_any_grouping(first, second, rule):
    together = combine_limits([*first, *second], rule=rule)
    grouped = combine_limits(
        [combine_limits(part, rule=rule) for part in (first, second)], rule=rule
    )
    assert together == grouped
    assert together is None or 0 <= together <= LARGEST_INTEGER
