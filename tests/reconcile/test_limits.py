"""`--max-changes`: a run stops before it changes more than it may."""

import pytest

from django_stripe_billing.models import Drift, Subscription
from django_stripe_billing.reconcile import ChangeLimit, reconcile

from .crowd import crowd
from .database import database
from .planting import link_all

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ChangeLimit.parse("100%")


@pytest.fixture
def people(shop, stripe_sandbox):
    """200 subscriptions, of which 40 were lost at Stripe's side of the story: they are unpaid."""
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, 200)
    stripe_sandbox.drop()
    link_all(rows)
    reconcile(apply=True, max_changes=ALL)
    stripe_sandbox.advance(10)
    for row in rows[::5]:
        row["status"] = "unpaid"
    return rows


@pytest.mark.parametrize(
    ("limit", "changed"),
    [("0", 0), ("1", 1), ("15", 15), ("40", 40), ("10%", 20), ("0.1%", 10), ("100%", 40)],
)
def test_no_more_is_changed_than_allowed(people, limit, changed):
    report = reconcile(apply=True, max_changes=ChangeLimit.parse(limit))
    assert Subscription.objects.filter(status="unpaid").count() == report.run.changes == changed
    assert len(report.drift) == 40
    assert len(report.left) == 40 - changed
    assert report.exit_code == (0 if changed == 40 else 1)
    for entry in report.left:
        assert entry.state == Drift.State.FOUND
        assert "--max-changes" in entry.error


def test_a_tenth_is_the_default(people):
    assert reconcile(apply=True).run.changes == 20


def test_what_is_left_is_repaired_by_the_next_runs(people):
    reconcile(apply=True)
    assert reconcile(apply=True).exit_code == 0
    assert reconcile(apply=True).drift == []


def test_what_is_new_here_does_not_count_against_a_share_but_against_a_number(people):
    gone = [row["id"] for row in people[1::5]]
    Subscription.objects.filter(stripe_id__in=gone).delete()
    report = reconcile(apply=True, max_changes=ChangeLimit.parse("25"))
    assert report.run.changes == 25
    report = reconcile(apply=True, max_changes=ALL)
    assert report.exit_code == 0
    assert Subscription.objects.count() == 200


def test_subscriptions_that_vanished_count_too(people, stripe_sandbox):
    for row in people[1::5][:10]:
        stripe_sandbox.engine.state.remove(row)
    report = reconcile(apply=True, max_changes=ChangeLimit.parse("45"))
    assert report.run.changes == 45
    assert Subscription.objects.filter(status="missing").count() == 5


@pytest.mark.parametrize("limit", ["9", "4%"])
def test_more_missing_ones_than_allowed_are_all_left_alone(people, stripe_sandbox, limit):
    for row in people:
        row["status"] = "active"
    for row in people[::20]:
        stripe_sandbox.engine.state.remove(row)
    before = database()
    stripe_sandbox.engine.requests.clear()
    report = reconcile(apply=True, max_changes=ChangeLimit.parse(limit))
    if limit == "9":
        assert report.exit_code == 2
        assert "10 live subscriptions are not in Stripe's list" in report.errors[0]
        assert database() == before
        assert len(stripe_sandbox.engine.requests) <= 8
    else:  # a share never means less than ten
        assert (report.exit_code, report.run.changes) == (0, 10)


@pytest.mark.parametrize("text", ["", "ten", "-1", "5.5", "101%", "%", "1e3", "9999999999"])
def test_a_limit_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match="is"):
        ChangeLimit.parse(text)


def test_a_limit_is_kept_with_its_run_when_it_is_resumed(people, stripe_sandbox):
    from django_stripe_billing.reconcile import Report, execute, resume
    from django_stripe_billing.sandbox import Fault

    broken = Fault(path="/v1/subscriptions", skip=2, status=500, times=-1)
    stripe_sandbox.engine.faults.append(broken)
    first = reconcile(apply=True, max_changes=ChangeLimit.parse("15"))
    stripe_sandbox.engine.faults.clear()
    whole = Report(run=execute(resume()))
    assert first.exit_code == 2
    assert (whole.run.changes, whole.run.is_complete) == (15, True)
