"""From purchases to terms, without a database."""

import itertools
import random

import pytest

from django_stripe_billing.rules.entitlements import CatalogFeature, CatalogProduct, Term
from django_stripe_billing.rules.payment_snapshots import (
    PaymentItemSnapshot,
    PaymentSnapshot,
    heaviest,
    parse_payment,
)
from django_stripe_billing.rules.payments import (
    PaymentPolicy,
    Purchase,
    is_disputed,
    wanted_by_payment,
)

DAY = 86_400
POLICY = PaymentPolicy(refunds="full", disputes="open")


def feature(feature_id="feat_a", *, limit=None, per_unit=False, combine="max", removed_at=None):
    return CatalogFeature(
        feature_id=feature_id,
        limit=limit,
        is_limit_per_unit=per_unit,
        combine=combine,
        removed_at=removed_at,
    )


def catalog(*features, days=None):
    return {"prod": CatalogProduct(features=features, grace_seconds=None, access_days=days)}


def purchase(payment_id="cs_1", *, paid_at=0, quantity=1, product="prod", **values):
    values = {"status": "paid", "amount": 100, "amount_refunded": 0, **values}
    snapshot = PaymentSnapshot(
        id=payment_id,
        customer_id="cus",
        payment_intent_id="pi",
        charge_id="ch",
        currency="eur",
        dispute_status=values.pop("dispute_status", ""),
        charged_at=paid_at,
        sold_days=values.pop("sold_days", None),
        livemode=False,
        created=0,
        items=(PaymentItemSnapshot(id="li", price_id="p", product_id=product, quantity=quantity),),
        **values,
    )
    return Purchase(snapshot=snapshot, paid_at=paid_at)


def wanted(*purchases, of, policy=POLICY, **values):
    return wanted_by_payment(purchases, catalog=of, policy=policy, **values)


@pytest.mark.parametrize("status", ["unpaid", "failed", "", "missing", "another", "PAID"])
def test_only_what_is_paid_grants(status):
    assert wanted(purchase(status=status), of=catalog(feature())) == {"cs_1": {}}


def test_an_unknown_product_grants_nothing():
    assert wanted(purchase(product="other"), of=catalog(feature())) == {"cs_1": {}}
    assert wanted(purchase(product=""), of=catalog(feature())) == {"cs_1": {}}


def test_unreadable_days_grant_nothing():
    assert wanted(purchase(), of=catalog(feature(), days=0)) == {"cs_1": {}}


def test_days_of_the_sale_win_over_the_catalogs():
    of = catalog(feature(), days=0)
    assert wanted(purchase(sold_days=2), of=of)["cs_1"]["feat_a"].ends_at == 2 * DAY
    assert wanted(purchase(sold_days=0), of=of)["cs_1"]["feat_a"].ends_at is None


def test_no_end_is_beyond_what_a_database_holds():
    [term] = wanted(purchase(quantity=2**31 - 1), of=catalog(feature(), days=36_500))[
        "cs_1"
    ].values()
    assert term.ends_at == 253_402_214_399


def test_limits_per_unit_count_units_for_good_and_once_by_the_day():
    seats = feature(limit=5, per_unit=True)
    assert wanted(purchase(quantity=3), of=catalog(seats))["cs_1"]["feat_a"].limit == 15
    assert wanted(purchase(quantity=3), of=catalog(seats, days=1))["cs_1"]["feat_a"].limit == 5


def test_a_removed_feature_stays_for_those_who_bought_it_before():
    of = catalog(feature(removed_at=10))
    found = wanted(purchase("a", paid_at=9), purchase("b", paid_at=10), of=of)
    assert found == {"a": {"feat_a": Term(ends_at=None, limit=None, reason="bought")}, "b": {}}


def test_a_row_of_days_is_held_by_its_last_payment_that_has_the_feature():
    of = catalog(feature("old", removed_at=5), feature("both"), days=10)
    found = wanted(purchase("a", paid_at=0), purchase("b", paid_at=6), of=of)
    assert {name: sorted(terms) for name, terms in found.items()} == {"a": ["old"], "b": ["both"]}
    assert found["a"]["old"].ends_at == 10 * DAY
    assert found["b"]["both"].ends_at == 20 * DAY


def test_a_deleted_customer_has_nothing():
    assert wanted(purchase(), of=catalog(feature()), is_customer_deleted=True) == {"cs_1": {}}


@pytest.mark.parametrize("seed", range(200))
def test_days_are_never_lost_nor_given_twice(seed):
    """An independent sum: walk the days one by one, spending what was bought."""
    rng = random.Random(seed)
    purchases = [
        purchase(
            f"cs_{number}",
            paid_at=rng.randrange(60) * DAY,
            quantity=rng.randint(1, 3),
            amount_refunded=rng.choice([0, 0, 50, 100]),
        )
        for number in range(rng.randint(1, 6))
    ]
    days = rng.randint(1, 12)
    counted = [one for one in purchases if one.snapshot.amount_refunded < 100]
    have, covered = 0, set()
    for today in range(400):
        have += sum(
            days * one.snapshot.items[0].quantity for one in counted if one.paid_at == today * DAY
        )
        if have:
            covered.add(today)
            have -= 1
    orders = [purchases, purchases[::-1], rng.sample(purchases, len(purchases))]
    results = [
        wanted(*order, of=catalog(feature(limit=4, combine="sum"), days=days)) for order in orders
    ]
    assert results[0] == results[1] == results[2]
    ends = sorted(term.ends_at for terms in results[0].values() for term in terms.values())
    blocks = [
        [day for _, day in block]
        for _, block in itertools.groupby(
            enumerate(sorted(covered)), key=lambda pair: pair[1] - pair[0]
        )
    ]
    assert ends == [(block[-1] + 1) * DAY for block in blocks]


STATUSES = {
    "": (False, False),
    "warning_needs_response": (False, False),
    "warning_under_review": (False, False),
    "warning_closed": (False, False),
    "warning_something_new": (False, False),
    "won": (False, False),
    "prevented": (False, False),
    "needs_response": (True, False),
    "under_review": (True, False),
    "lost": (True, True),
    "appeal_needs_response": (True, True),
    "appeal_under_review": (True, True),
    "something_new": (True, True),
}


@pytest.mark.parametrize(("status", "revokes"), STATUSES.items())
def test_every_dispute_status_has_its_effect(status, revokes):
    one = purchase(dispute_status=status).snapshot
    policies = [PaymentPolicy(refunds="full", disputes=name) for name in ("open", "lost")]
    assert tuple(is_disputed(one, policy) for policy in policies) == revokes
    assert not is_disputed(one, PaymentPolicy(refunds="full", disputes="never"))


@pytest.mark.parametrize(
    "pair", list(itertools.combinations([status for status in STATUSES if status], 2))
)
@pytest.mark.parametrize("name", ["open", "lost"])
def test_of_two_disputes_the_one_that_revokes_counts(pair, name):
    policy = PaymentPolicy(refunds="full", disputes=name)
    together = is_disputed(purchase(dispute_status=heaviest(pair)).snapshot, policy)
    assert together == any(
        is_disputed(purchase(dispute_status=status).snapshot, policy) for status in pair
    )


SESSION = {
    "id": "cs_1",
    "mode": "payment",
    "status": "complete",
    "payment_status": "paid",
    "customer": "cus_1",
    "created": 5,
    "payment_intent": {"id": "pi_1", "latest_charge": {"id": "ch_1", "created": 7}},
    "line_items": {"data": [{"id": "li_1", "price": {"id": "p", "product": "prod"}}]},
}


def test_a_session_is_read():
    found = parse_payment(SESSION)
    assert (found.id, found.payment_intent_id, found.charge_id) == ("cs_1", "pi_1", "ch_1")
    assert (found.charged_at, found.items[0].quantity, found.is_complete) == (7, 1, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "subscription"},
        {"mode": "setup"},
        {"status": "open"},
        {"status": "expired"},
        {"customer": None},
        {"id": None},
        {"created": "yesterday"},
    ],
)
def test_what_is_no_purchase_is_none(changes):
    assert parse_payment({**SESSION, **changes}) is None


@pytest.mark.parametrize("value", [None, 7, "x", [], [None], {"data": 3}, {"data": [1, {}]}, {}])
@pytest.mark.parametrize("name", ["payment_intent", "line_items", "metadata", "amount_total"])
def test_odd_values_crash_nothing(name, value):
    assert parse_payment({**SESSION, name: value}) is not None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment_status": "no_payment_required"}, "paid"),
        ({"payment_status": "unpaid"}, "unpaid"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "processing"}}, "unpaid"),
        (
            {"payment_status": "unpaid", "payment_intent": {"status": "requires_payment_method"}},
            "failed",
        ),
        ({"payment_status": "unpaid", "payment_intent": {"status": "canceled"}}, "failed"),
        ({"payment_status": "something_new"}, "something_new"),
        ({"payment_status": None}, ""),
    ],
)
def test_the_status_is_told_by_session_and_intent(changes, status):
    assert parse_payment({**SESSION, **changes}).status == status
