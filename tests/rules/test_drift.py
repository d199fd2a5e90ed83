import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.changes import takes_access_away
from django_stripe_billing.rules.drift import entitlement_drift, subscription_drift
from django_stripe_billing.rules.drift_kinds import MEANINGS, Kind
from django_stripe_billing.rules.entitlements import Term
from django_stripe_billing.rules.snapshots import parse_subscription

from ..payloads import item, items, subscription

BASE = parse_subscription(subscription())

CHANGES = {
    "id": None,
    "is_complete": None,
    "customer_id": ("cus_2", Kind.SUBSCRIPTION_CUSTOMER),
    "status": ("unpaid", Kind.SUBSCRIPTION_STATUS),
    "livemode": (True, Kind.SUBSCRIPTION_FIELDS),
    "created": (5, Kind.SUBSCRIPTION_FIELDS),
    "start_date": (5, Kind.SUBSCRIPTION_FIELDS),
    "trial_start": (5, Kind.SUBSCRIPTION_FIELDS),
    "trial_end": (5, Kind.SUBSCRIPTION_FIELDS),
    "cancel_at": (5, Kind.SUBSCRIPTION_CANCELLATION),
    "cancel_at_period_end": (True, Kind.SUBSCRIPTION_CANCELLATION),
    "canceled_at": (5, Kind.SUBSCRIPTION_CANCELLATION),
    "ended_at": (5, Kind.SUBSCRIPTION_CANCELLATION),
    "currency": ("eur", Kind.SUBSCRIPTION_FIELDS),
    "collection_method": ("send_invoice", Kind.SUBSCRIPTION_FIELDS),
    "latest_invoice_id": ("in_9", Kind.SUBSCRIPTION_FIELDS),
    "test_clock_id": ("clock_9", Kind.SUBSCRIPTION_FIELDS),
    "items": ((), Kind.SUBSCRIPTION_ITEMS),
}
"""Every field of a snapshot, another value, and the kind of drift that it makes."""


def kinds(local, remote):
    return [difference.kind for difference in subscription_drift(local, remote)]


def test_every_field_of_a_snapshot_is_compared():
    assert CHANGES.keys() == {field.name for field in dataclasses.fields(BASE)}


@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if change])
def test_a_difference_in_any_field_is_drift_in_both_directions(name):
    value, kind = CHANGES[name]
    other = dataclasses.replace(BASE, **{name: value})
    assert kind in kinds(BASE, other)
    assert kinds(BASE, other) == kinds(other, BASE)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"quantity": 2}, Kind.SUBSCRIPTION_ITEMS),
        ({"price": {"id": "price_2", "product": "prod_pro"}}, Kind.SUBSCRIPTION_ITEMS),
        ({"price": {"id": "price_pro", "product": "prod_2"}}, Kind.SUBSCRIPTION_ITEMS),
        ({"current_period_end": 7}, Kind.SUBSCRIPTION_PERIOD),
        ({"current_period_start": 7}, Kind.SUBSCRIPTION_PERIOD),
    ],
)
def test_a_difference_in_an_item_is_drift(change, kind):
    other = parse_subscription(subscription(items=items(item(**change) | change)))
    assert kind in kinds(BASE, other)


def test_equal_ones_do_not_drift():
    assert subscription_drift(BASE, parse_subscription(subscription())) == []


def test_what_is_not_stored_is_missing():
    assert kinds(None, BASE) == [Kind.SUBSCRIPTION_MISSING_HERE]


terms = st.builds(
    Term,
    ends_at=st.none() | st.integers(0, 2**33),
    limit=st.none() | st.integers(0, 99),
    reason=st.sampled_from(["paid_period", "trial"]),
)
held = st.dictionaries(st.sampled_from(["reports", "seats", "export"]), terms)


@given(held, held)
def test_entitlements_drift_exactly_where_they_differ(have, want):
    found = entitlement_drift(held=have, wanted=want)
    expected = set()
    for key in have.keys() | want.keys():
        if key not in have:
            expected.add((Kind.ENTITLEMENT_MISSING, key))
        elif key not in want:
            expected.add((Kind.ENTITLEMENT_EXTRA, key))
        else:
            if have[key].limit != want[key].limit:
                expected.add((Kind.ENTITLEMENT_LIMIT, key))
            if (have[key].ends_at, have[key].reason) != (want[key].ends_at, want[key].reason):
                expected.add((Kind.ENTITLEMENT_END, key))
    assert {(difference.kind, difference.subject) for difference in found} == expected
    assert len(found) == len(expected)
    assert all(difference.here != difference.stripe for difference in found)


def worth(term):
    """Terms from less to more: later ends and higher limits; None is without end or limit."""
    return (
        float("inf") if term.ends_at is None else term.ends_at,
        float("inf") if term.limit is None else term.limit,
    )


@given(held, held)
def test_access_is_taken_away_exactly_where_a_feature_time_or_units_are_lost(have, want):
    loses = any(
        key not in want
        or worth(want[key])[0] < worth(term)[0]
        or worth(want[key])[1] < worth(term)[1]
        for key, term in have.items()
    )
    assert takes_access_away(held=have, wanted=want) is loses


@given(held)
def test_what_is_equal_neither_drifts_nor_takes_away(have):
    assert entitlement_drift(held=have, wanted=have) == []
    assert not takes_access_away(held=have, wanted=have)
    assert not takes_access_away(held={}, wanted=have)


snapshots = st.builds(
    lambda values, item_values: parse_subscription(
        subscription(**values, items=items(item(**item_values)))
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(["active", "unpaid", "canceled", "new"]),
            "cancel_at": st.none() | st.integers(0, 2**33),
            "cancel_at_period_end": st.booleans(),
            "currency": st.sampled_from(["usd", "eur"]),
        },
    ),
    st.fixed_dictionaries({}, optional={"quantity": st.none() | st.integers(0, 9)}),
)


@given(snapshots, snapshots)
def test_subscriptions_drift_in_both_directions_exactly_when_they_are_not_equal(one, other):
    there, back = subscription_drift(one, other), subscription_drift(other, one)
    assert bool(there) == bool(back) == (one != other)
    assert [(entry.kind, entry.here, entry.stripe) for entry in there] == [
        (entry.kind, entry.stripe, entry.here) for entry in back
    ]


def test_every_kind_is_repaired_or_left_to_a_person_who_is_told_what_to_do():
    assert set(MEANINGS) == set(Kind)
    for meaning in MEANINGS.values():
        assert meaning.sentence.endswith(".")
        assert meaning.repair or meaning.advice
