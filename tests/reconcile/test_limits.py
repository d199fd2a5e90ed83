"""`--max-changes`: a run stops before it changes more than it may."""

from io import StringIO

import pytest
from django.core.management import call_command

from django_stripe_billing.models import Drift, Event, ReconcileRun, Subscription
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
    [("0", 0), ("1", 1), ("15", 15), ("40", 40), ("10%", 20), ("0.1%", 1), ("4%", 8), ("100%", 40)],
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


@pytest.mark.parametrize("limit", ["9", "4.5%"])
def test_more_missing_ones_than_allowed_are_all_left_alone(people, stripe_sandbox, limit):
    for row in people:
        row["status"] = "active"
    for row in people[::20]:
        stripe_sandbox.engine.state.remove(row)
    before = database()
    stripe_sandbox.engine.requests.clear()
    report = reconcile(apply=True, max_changes=ChangeLimit.parse(limit))
    assert report.exit_code == 2
    assert "10 live subscriptions are not in Stripe's list" in report.errors[0]
    assert database() == before
    assert len(stripe_sandbox.engine.requests) <= 8


def test_a_tenth_of_few_is_ten_where_nothing_else_is_said(people, stripe_sandbox):
    for row in people[40:]:
        stripe_sandbox.engine.state.remove(row)
    for row in people[:40]:
        row["status"] = "active"
    for row in people[:30]:
        row["status"] = "unpaid"
    Subscription.objects.filter(stripe_id__in=[row["id"] for row in people[40:]]).delete()
    assert reconcile(apply=True).run.changes == 10


def test_events_that_never_arrived_change_no_more_than_allowed(people, shop, stripe_sandbox):
    reconcile(apply=True, max_changes=ALL)
    reconcile(apply=True, events=True)
    stripe_sandbox.advance(2 * 3600)
    for row in people[1::5][:30]:
        shop.call("DELETE", f"/v1/subscriptions/{row['id']}")
    shop.call("POST", f"/v1/subscriptions/{people[2]['id']}", {"metadata": {"a": "b"}})
    stripe_sandbox.drop()
    stripe_sandbox.advance(600)
    report = reconcile(apply=True, events=True, max_changes=ChangeLimit.parse("7"))
    assert report.run.changes == Subscription.objects.filter(status="canceled").count() == 7
    assert report.exit_code == 1
    left = [entry for entry in report.left if entry.kind == "event_missed"]
    assert len(left) == 23
    assert {entry.state for entry in left} == {Drift.State.FOUND}
    assert all("--max-changes" in entry.error for entry in left)
    unheard = Event.objects.filter(stripe_id__in=[entry.object_id for entry in left])
    assert not unheard.exists()  # not even as failed: the next run finds them missing again
    assert Event.objects.filter(type="customer.subscription.updated").exists()
    whole = reconcile(apply=True, events=True, max_changes=ALL)
    assert (whole.exit_code, Subscription.objects.filter(status="canceled").count()) == (0, 30)


def test_events_that_let_somebody_in_count_against_a_number_alone(people, shop, stripe_sandbox):
    reconcile(apply=True, events=True, max_changes=ALL)
    stripe_sandbox.advance(2 * 3600)
    for row in people[1::5][:12]:
        item = row["items"]["data"][0]["id"]
        values = {"items": [{"id": item, "quantity": 3}]}
        shop.call("POST", f"/v1/subscriptions/{row['id']}", values)
    stripe_sandbox.drop()
    stripe_sandbox.advance(600)
    few = reconcile(apply=True, events=True, max_changes=ChangeLimit.parse("5"))
    assert (few.run.changes, few.exit_code) == (5, 1)
    rest = reconcile(apply=True, events=True)
    assert (rest.run.changes, rest.exit_code) == (0, 0)


def test_the_commands_default_is_the_functions(people, stripe_sandbox):
    """Losses stop at a tenth; who has paid is let in, however many they are."""
    reconcile(apply=True, max_changes=ALL)
    for row in people[::5]:
        row["status"] = "active"
    call_command(
        "reconcile_entitlements", "--apply", "--quiet", "--format", "json", stdout=StringIO()
    )
    assert ReconcileRun.objects.latest("pk").drift_left == 0
    assert Subscription.objects.filter(status="active").count() == 200


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
