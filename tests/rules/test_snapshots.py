"""Stripe's own example objects, and what hypothesis makes of them."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_stripe_billing.rules import catalog_snapshots, snapshots
from django_stripe_billing.rules.entitlements import (
    CatalogFeature,
    CatalogProduct,
    Policy,
    wanted_entitlements,
)
from django_stripe_billing.rules.events import parse_event, without_bearer_values
from django_stripe_billing.rules.invoices import parse_invoice
from django_stripe_billing.rules.json_values import LARGEST_INTEGER, LARGEST_SECOND
from django_stripe_billing.rules.payment_methods import parse_payment_method
from tests.mutations import mutations

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "stripe" / "fixtures3.json"
needs_fixtures = pytest.mark.skipif(
    not FIXTURES.exists(),
    reason="Stripe's example objects (fixtures3.json) are absent",
)
RESOURCES = json.loads(FIXTURES.read_text())["resources"] if FIXTURES.exists() else {}
PARSERS = {
    "subscription": snapshots.parse_subscription,
    "customer": snapshots.parse_customer,
    "deleted_customer": snapshots.parse_customer,
    "product": catalog_snapshots.parse_product,
    "deleted_product": catalog_snapshots.parse_product,
    "price": catalog_snapshots.parse_price,
    "deleted_price": catalog_snapshots.parse_price,
    "entitlements.feature": catalog_snapshots.parse_feature,
    "checkout.session": snapshots.parse_checkout_session,
    "entitlements.active_entitlement_summary": snapshots.parse_entitlement_summary,
    "event": parse_event,
    "invoice": parse_invoice,
    "payment_method": parse_payment_method,
}
HUNDRED = settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@needs_fixtures
@pytest.mark.parametrize("name", PARSERS)
def test_every_example_of_stripes_is_read(name):
    assert PARSERS[name](RESOURCES[name]) is not None


@needs_fixtures
@pytest.mark.parametrize("name", sorted(RESOURCES))
@settings(HUNDRED, max_examples=10)
@given(data=st.data())
def test_every_parser_reads_a_hundred_mutations_of_every_example(name, data):
    """Each as an object, and inside an event: a value or None, never an exception."""
    for mutated in data.draw(st.lists(mutations(RESOURCES[name]), min_size=10, max_size=10)):
        event = {"id": "evt_1", "type": "x", "created": 5, "data": {"object": mutated}}
        for parse in set(PARSERS.values()):
            parse(mutated)
        assert parse_event(event) is not None
        without_bearer_values(event)


KNOWN = "prod_known"
FEATURE = CatalogFeature(
    feature_id="feat_known", limit=5, is_limit_per_unit=True, combine="sum", removed_at=None
)
CATALOG = {KNOWN: CatalogProduct(features=(FEATURE,), grace_seconds=None)}
POLICY = Policy(leeway_seconds=3 * 86_400, grace_seconds=7 * 86_400)


def sold(subscription):
    """Stripe's example, as if its items were of a product that we know."""
    known = copy.deepcopy(subscription)
    for line in known["items"]["data"]:
        line["price"]["product"] = line["plan"]["product"] = KNOWN
    return known


def names_known_product(subscription):
    """Read from the raw JSON, independently of the parser."""
    return f'"{KNOWN}"' in json.dumps(subscription)


@needs_fixtures
@settings(HUNDRED, max_examples=1000)
@given(data=st.data())
def test_no_mutation_grants_what_is_unknown_or_not_paid(data):
    original = sold(RESOURCES["subscription"])
    mutated = data.draw(mutations(original))
    snapshot = snapshots.parse_subscription(mutated)
    if snapshot is None:
        return
    granted = wanted_entitlements(snapshot, catalog=CATALOG, policy=POLICY)
    assert granted.keys() <= {"feat_known"}
    assert wanted_entitlements(snapshot, catalog={}, policy=POLICY) == {}
    if not names_known_product(mutated):
        assert granted == {}
    if mutated.get("status") not in ("active", "trialing", "past_due"):
        assert granted == {}
    for term in granted.values():
        assert 0 <= term.ends_at <= LARGEST_SECOND
        assert 0 <= term.limit <= LARGEST_INTEGER
        cancel_at = mutated.get("cancel_at")
        if type(cancel_at) is int and 0 <= cancel_at <= LARGEST_SECOND:
            assert term.ends_at <= cancel_at


@needs_fixtures
def test_the_unchanged_example_does_grant():
    """Otherwise the test above could not fail."""
    snapshot = snapshots.parse_subscription(sold(RESOURCES["subscription"]))
    assert wanted_entitlements(snapshot, catalog=CATALOG, policy=POLICY).keys() == {"feat_known"}


BASIL = {
    "id": "sub_1",
    "customer": {"id": "cus_1", "object": "customer"},
    "status": "active",
    "items": {
        "data": [
            {
                "id": "si_1",
                "price": {"id": "price_1", "product": {"id": "prod_1"}},
                "quantity": 2,
                "current_period_start": 10,
                "current_period_end": 20,
            }
        ]
    },
}


def test_periods_are_read_from_the_items():
    [item] = snapshots.parse_subscription(BASIL).items
    assert (item.current_period_start, item.current_period_end) == (10, 20)
    assert (item.price_id, item.product_id, item.quantity) == ("price_1", "prod_1", 2)


def test_periods_of_older_releases_are_read_from_the_subscription():
    older = copy.deepcopy(BASIL)
    older |= {"current_period_start": 30, "current_period_end": 40}
    del older["items"]["data"][0]["current_period_start"]
    del older["items"]["data"][0]["current_period_end"]
    [item] = snapshots.parse_subscription(older).items
    assert (item.current_period_start, item.current_period_end) == (30, 40)


def test_a_list_of_items_that_was_cut_short_is_said_to_be():
    cut = copy.deepcopy(BASIL)
    cut["items"]["has_more"] = True
    assert not snapshots.parse_subscription(cut).is_complete


@pytest.mark.parametrize("field", ["id", "customer"])
def test_a_subscription_without_what_identifies_it_is_none(field):
    assert snapshots.parse_subscription({**BASIL, field: None}) is None
