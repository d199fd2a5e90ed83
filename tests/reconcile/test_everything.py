"""Every kind of drift at once among 2,000 subscriptions: exactly those are found, and repaired."""

import pytest

from django_stripe_billing.models import Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.rules.drift_kinds import MEANINGS, Kind

from .database import database
from .planting import LATER, plant, populate
from .planting_payments import plant_payments, sell_once

pytestmark = pytest.mark.django_db(transaction=True)


WITHOUT_A_SUM = {
    "entitlement_extra",  # of what nobody pays for
    "customer_deleted_at_stripe",
    "trial_card_unknown",
    "product_differs",
    "price_differs",
    "feature_differs",
    "price_unknown",
    "feature_unknown",
    "event_failed",
    "event_missed",
    "event_stuck",
}


def found(report):
    return {(entry.kind, entry.object_id) for entry in report.drift}


def left(report):
    return {(entry.kind, entry.object_id) for entry in report.left}


def whole(**values):
    return reconcile(events=True, verify_features=-1, **values)


def test_every_kind_at_once_is_found_exactly_and_repaired_exactly(shop, stripe_sandbox):
    rows = populate(shop, stripe_sandbox, 2_000)
    sessions = sell_once(shop, stripe_sandbox, rows)
    stripe_sandbox.advance(LATER)
    clean = reconcile(events=True)
    assert (clean.drift, clean.errors, clean.exit_code) == ([], [], 0)

    planted = plant(shop, stripe_sandbox, rows)
    plant_payments(stripe_sandbox, sessions, planted)
    stripe_sandbox.advance(LATER)
    assert {kind for kind, _object in planted.expected} == {kind.value for kind in Kind}

    before = database()
    dry = whole()
    assert dry.errors == []
    assert found(dry) == planted.expected
    assert dry.exit_code == 1
    assert database() == before
    assert dry.run.listed == dry.run.compared == 2_000
    worth = {(entry.kind, entry.amount, entry.currency) for entry in dry.drift}
    assert ("subscription_missing_here", 2000, "usd") in worth
    assert ("subscription_missing_at_stripe", 2000, "usd") in worth
    assert ("subscription_duplicate", 2000, "usd") in worth
    assert ("customer_unlinked", 2000, "usd") in worth
    assert {kind for kind, amount, _currency in worth if amount is None} <= WITHOUT_A_SUM

    applied = whole(apply=True)
    assert applied.errors == []
    assert found(applied) == planted.expected | planted.revealed
    assert left(applied) == planted.for_people | planted.revealed
    for entry in applied.left:
        assert MEANINGS[Kind(entry.kind)].advice

    stripe_sandbox.advance(LATER)
    again = whole(apply=True)
    assert again.errors == []
    assert found(again) == left(again) == left(applied)
    assert again.run.changes == 0
    assert Subscription.objects.filter(status="missing").count() == 1
