"""Stripe's own example objects, and what hypothesis makes of them."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_stripe_billing.rules import snapshots
from django_stripe_billing.rules.entitlements import Policy, wanted_entitlements
from django_stripe_billing.rules.events import parse_event

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
    "product": snapshots.parse_product,
    "deleted_product": snapshots.parse_product,
    "price": snapshots.parse_price,
    "entitlements.feature": snapshots.parse_feature,
    "checkout.session": snapshots.parse_checkout_session,
    "entitlements.active_entitlement_summary": snapshots.parse_entitlement_summary,
    "event": parse_event,
}
JUNK = st.sampled_from(
    [None, "", "unknown", "\0", -1, 0, 2**70, 1.5, True, [], {}, [None], {"id": 3}, "x" * 1000]
)


@needs_fixtures
@pytest.mark.parametrize("name", PARSERS)
def test_every_example_of_stripes_is_read(name):
    assert PARSERS[name](RESOURCES[name]) is not None


@needs_fixtures
@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_no_parser_fails_on_another_kind_of_object(name):
    for parse in PARSERS.values():
        parse(RESOURCES[name])


def paths(value, prefix=()):
    """Every place in a JSON value, as a tuple of keys."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in entries:
        yield (*prefix, key)
        if isinstance(entry, (dict, list)):
            yield from paths(entry, (*prefix, key))


def mutate(value, path, change, junk):
    changed = copy.deepcopy(value)
    target = changed
    for key in path[:-1]:
        target = target[key]
    if change == "drop":
        del target[path[-1]]
    elif change == "extra" and isinstance(target, dict):
        target["surprise"] = junk
    else:
        target[path[-1]] = junk
    return changed


@needs_fixtures
@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_mutation_raises(name, data):
    original = RESOURCES[name]
    path = data.draw(st.sampled_from(list(paths(original))))
    change = data.draw(st.sampled_from(["drop", "junk", "extra"]))
    PARSERS[name](mutate(original, path, change, data.draw(JUNK)))


@needs_fixtures
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mutation_grants_what_is_not_in_the_catalog_or_not_paid(data):
    original = RESOURCES["subscription"]
    path = data.draw(st.sampled_from(list(paths(original))))
    mutated = mutate(original, path, data.draw(st.sampled_from(["drop", "junk"])), data.draw(JUNK))
    snapshot = snapshots.parse_subscription(mutated)
    if snapshot is None:
        return
    policy = Policy(leeway_seconds=0, grace_seconds=0)
    assert wanted_entitlements(snapshot, catalog={}, policy=policy) == {}


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
