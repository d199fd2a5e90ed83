"""Who works on a window, for how long without a sign of life, and what is left for the next."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_stripe_billing.models import ReconcileRun, ReconcileWindow, Subscription
from django_stripe_billing.reconcile import (
    ChangeLimit,
    Options,
    Report,
    begin,
    distributing,
    execute,
    leases,
    reconcile,
    repairing,
    resume,
    windows,
    working,
)
from django_stripe_billing.reconcile.distributing import work_on

from .crowd import crowd
from .planting import link_all

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """What no handler of ours catches."""


def killed(*args, **values):
    raise Killed


@pytest.fixture
def people(shop, stripe_sandbox):
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, 250)
    stripe_sandbox.drop()
    link_all(rows)
    assert reconcile(apply=True, max_changes=ChangeLimit.parse("100%")).run.listed == 250
    stripe_sandbox.advance(10)
    return rows


def distributed(**values):
    return begin(Options(workers=2, is_distributed=True, rate=10_000.0, **values))


def expire(run):
    """Its workers have given no sign of life for long."""
    run.windows.filter(state="pending").update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_what_a_worker_repaired_before_it_was_killed_counts_as_repaired(
    people, stripe_sandbox, monkeypatch
):
    stripe_sandbox.engine.state.objects[people[-1]["id"]]["status"] = "unpaid"
    run = distributed(apply=True)
    monkeypatch.setattr(repairing.Repairer, "_look", killed)
    with pytest.raises(Killed):
        work_on(run.pk)
    monkeypatch.undo()
    assert Subscription.objects.get(stripe_id=people[-1]["id"]).status == "unpaid"
    [entry] = run.drift.all()
    assert entry.state == "found"
    assert run.windows.filter(attempts=1).count() == 1

    expire(run)
    assert work_on(run.pk) == run.windows.count()
    entry.refresh_from_db()
    assert entry.state == "repaired"


def test_a_window_that_takes_its_workers_down_is_given_up_and_the_run_ends(people, monkeypatch):
    run = distributed()
    bad = run.windows.first()
    take = working.WindowWorker._take

    def deadly(worker, page):
        if worker._window.pk == bad.pk:
            raise Killed
        return take(worker, page)

    monkeypatch.setattr(working.WindowWorker, "_take", deadly)
    for _attempt in range(windows.MOST_ATTEMPTS):
        with pytest.raises(Killed):
            work_on(run.pk)
        expire(run)
    work_on(run.pk)
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == ("failed", windows.MOST_ATTEMPTS)
    assert not run.windows.filter(state="pending").exists()

    monkeypatch.setattr(distributing, "_enqueue", lambda run, number: None)
    report = Report(run=execute(run))
    assert report.exit_code == 2
    assert "none finished it" in report.errors[0]

    monkeypatch.setattr(working.WindowWorker, "_take", take)
    monkeypatch.setattr(distributing, "_enqueue", lambda run, number: work_on(run.pk))
    again = Report(run=execute(resume()))
    assert (again.exit_code, again.run.compared) == (0, 250)


def test_every_call_is_a_sign_of_life_of_a_window_whose_page_takes_long(people, monkeypatch):
    kept = []
    keep = windows.keep

    def counted(window, *, owner):
        kept.append(owner)
        return keep(window, owner=owner)

    monkeypatch.setattr(windows, "LEASE", timedelta(0))
    monkeypatch.setattr(windows, "keep", counted)
    run = execute(begin(Options()))
    assert run.is_complete
    assert len(kept) >= 3
    assert set(kept) == {run.owner}


def test_a_worker_whose_window_is_anothers_leaves_it_alone(people):
    run = distributed()
    window = windows.claim(run, owner="slow")
    turns = []

    class Pace:
        def take(self):
            turns.append(1)

        def hold(self, seconds):
            raise AssertionError

    leased = leases.LeasedPace(Pace(), window, owner="slow")
    leased.take()
    ReconcileWindow.objects.filter(pk=window.pk).update(claimed_by="other")
    leased.take()  # it gave a sign of life just now: nobody can have taken it over
    leased._kept_at -= windows.LEASE.total_seconds()
    with pytest.raises(leases.TakenOverError):
        leased.take()
    assert len(turns) == 2
    window.refresh_from_db()
    assert window.claimed_by == "other"


def test_a_window_is_its_workers_until_the_lease_ends(people):
    run = distributed()
    run.windows.exclude(pk=run.windows.first().pk).delete()
    window = windows.claim(run, owner="first")
    assert windows.claim(run, owner="second") is None
    expire(run)
    assert windows.claim(run, owner="second").pk == window.pk


def test_nobody_works_on_a_run_that_has_ended(people):
    run = distributed()
    ReconcileRun.objects.filter(pk=run.pk).update(state="incomplete", active_for=None)
    assert windows.claim(run, owner="late") is None
    assert work_on(run.pk) == 0


def test_a_run_that_no_worker_works_on_ends_and_says_so(people, monkeypatch):
    asked = []
    monkeypatch.setattr(distributing, "_enqueue", lambda run, number: asked.append(number))
    monkeypatch.setattr(distributing, "POLL", 0.01)
    monkeypatch.setattr(distributing, "GIVE_UP", timedelta(seconds=0.5))
    monkeypatch.setattr(windows, "LEASE", timedelta(seconds=0.05))
    report = Report(run=execute(distributed()))
    assert report.exit_code == 2
    assert "No worker has worked on the run" in report.errors[0]
    assert asked[0] == 2
    assert 2 <= len(asked) <= 5  # each time after twice as long
