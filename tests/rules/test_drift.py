import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.drift import Kind, entitlement_drift, subscription_drift
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
    differing = {key for key in have.keys() | want.keys() if have.get(key) != want.get(key)}
    assert {difference.subject for difference in found} == differing
    for difference in found:
        key = difference.subject
        expected = {Kind.ENTITLEMENT_MISSING} if key not in have else {Kind.ENTITLEMENT_EXTRA}
        if key in have and key in want:
            expected = {Kind.ENTITLEMENT_END, Kind.ENTITLEMENT_LIMIT}
        assert difference.kind in expected
        assert difference.here != difference.stripe
