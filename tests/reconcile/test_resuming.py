"""Two runs at once, runs that broke off, and who goes on with them."""

import signal
import threading
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from django_stripe_billing.exceptions import ReconcileRefusedError
from django_stripe_billing.models import Drift, Entitlement, ReconcileRun, Subscription
from django_stripe_billing.reconcile import (
    ChangeLimit,
    Options,
    Report,
    begin,
    discard,
    execute,
    missing,
    ownership,
    reconcile,
    resume,
    windows,
    working,
)
from django_stripe_billing.rules.drift_kinds import Kind

from .crowd import crowd
from .database import database, kinds
from .planting import link_all
from .world import World, differences, state_of

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ChangeLimit.parse("100%")


@pytest.fixture
def people(shop, stripe_sandbox):
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, 250)
    stripe_sandbox.drop()
    link_all(rows)
    assert reconcile(apply=True, max_changes=ALL).run.listed == 250
    stripe_sandbox.advance(10)
    return rows


def resumed():
    return Report(run=execute(resume()))


def of_another_host(run, *, silent_for):
    ago = timezone.now() - silent_for
    ReconcileRun.objects.filter(pk=run.pk).update(owner="other:1:1", beat_at=ago)


# One at a time


def test_a_second_run_is_refused_while_the_first_is_under_way(people, monkeypatch):
    refusals = []
    take = working.WindowWorker._take

    def meanwhile(worker, page):
        for attempt in (reconcile, resume):
            with pytest.raises(ReconcileRefusedError) as refusal:
                attempt()
            refusals.append(str(refusal.value))
        discard()
        return take(worker, page)

    monkeypatch.setattr(working.WindowWorker, "_take", meanwhile)
    report = reconcile(apply=True)
    assert report.run.is_complete
    assert len(refusals) == 6
    assert all(f"Run {report.run.pk} is under way" in text for text in refusals)


def test_accounts_do_not_hinder_each_other(people):
    run = begin(Options())
    assert ReconcileRun.objects.get(pk=run.pk).active_for == "account "
    other = ReconcileRun.objects.create(active_for="account acct_1", account="acct_1")
    assert execute(run).is_complete
    assert ReconcileRun.objects.get(pk=other.pk).active_for == "account acct_1"


def test_a_run_that_broke_off_is_resumed_or_given_up(people):
    run = begin(Options())
    with pytest.raises(ReconcileRefusedError, match=r"--resume.*--restart"):
        reconcile()
    assert resumed().run.pk == run.pk
    with pytest.raises(ReconcileRefusedError, match="no run to resume"):
        resume()
    broken = begin(Options())
    discard()
    broken.refresh_from_db()
    assert (broken.state, broken.active_for) == ("incomplete", None)
    assert reconcile().run.is_complete


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_run_of_another_host_is_alive_as_long_as_it_gives_signs(people, is_silent):
    run = begin(Options())
    of_another_host(run, silent_for=ownership.SILENCE * (2 if is_silent else 0.5))
    assert ownership.is_alive(ReconcileRun.objects.get(pk=run.pk)) is not is_silent
    if is_silent:
        assert resumed().run.is_complete
    else:
        with pytest.raises(ReconcileRefusedError, match="under way"):
            resume()


def test_checkpoints_are_signs_of_life(people):
    """A long run works on windows for hours, and writes nothing but their checkpoints."""
    run = begin(Options())
    of_another_host(run, silent_for=timedelta(hours=5))
    run.windows.update(claimed_by="other", claimed_until=timezone.now())
    assert ownership.is_alive(ReconcileRun.objects.get(pk=run.pk))
    discard()
    assert ReconcileRun.objects.get(pk=run.pk).active_for


def test_a_process_id_that_is_used_again_is_not_the_process(people):
    run = begin(Options())
    host, number, _started = ownership.this_process().split(":")
    ReconcileRun.objects.filter(pk=run.pk).update(owner=f"{host}:{number}:1")
    assert not ownership.is_alive(ReconcileRun.objects.get(pk=run.pk))


def test_who_lost_a_run_leaves_its_outcome_alone(people, monkeypatch):
    settle = missing.MissingSubscriptions.settle

    def taken_over(self, *, listed):
        ReconcileRun.objects.filter(pk=self._run.pk).update(owner="other:1:1", resumed=1)
        return settle(self, listed=listed)

    monkeypatch.setattr(missing.MissingSubscriptions, "settle", taken_over)
    with pytest.raises(ReconcileRefusedError, match="other:1:1 goes on"):
        reconcile()
    assert ReconcileRun.objects.first().state == "running"


# What breaks a run off


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, RuntimeError, KeyError])
def test_whatever_goes_wrong_on_a_page_leaves_a_run_that_can_be_resumed(
    people, stripe_sandbox, monkeypatch, error
):
    stripe_sandbox.engine.state.remove(people[0])
    stripe_sandbox.engine.state.remove(people[-1])
    take, pages = working.WindowWorker._take, []

    def failing(worker, page):
        pages.append(page)
        if len(pages) == 2:
            raise error("the connection is lost")
        return take(worker, page)

    monkeypatch.setattr(working.WindowWorker, "_take", failing)
    broken = reconcile(apply=True)
    assert broken.exit_code == 2
    assert "the connection is lost" in broken.errors[0]
    assert broken.run.active_for is None
    whole = resumed()
    assert (whole.exit_code, whole.errors) == (0, [])
    assert whole.run.listed == whole.run.compared == 248
    assert {entry.object_id for entry in whole.drift} == {people[0]["id"], people[-1]["id"]}


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_interrupt_leaves_a_checkpoint_and_ends_the_run(people, monkeypatch, is_lost):
    """Also where the checkpoint can't be written any more."""
    take, save, pages = working.WindowWorker._take, windows.save, []

    def interrupted(worker, page):
        pages.append(page)
        if len(pages) == 2:
            if is_lost:
                monkeypatch.setattr(windows, "save", lambda *args, **kwargs: False)
            raise KeyboardInterrupt
        return take(worker, page)

    monkeypatch.setattr(working.WindowWorker, "_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reconcile()
    monkeypatch.setattr(windows, "save", save)
    run = ReconcileRun.objects.first()
    assert (run.state, run.active_for, run.listed) == ("incomplete", None, 100)
    assert "interrupted" in run.errors[0]
    whole = resumed()
    assert (whole.exit_code, whole.run.listed) == (0, 250)


def test_a_repair_that_was_killed_between_belief_and_deed_is_done(
    people, stripe_sandbox, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    stripe_sandbox.engine.state.remove(people[7])
    mark_missing = missing.mark_missing
    monkeypatch.setattr(missing, "mark_missing", killed)
    with pytest.raises(Killed):
        reconcile(apply=True)
    monkeypatch.setattr(missing, "mark_missing", mark_missing)
    whole = resumed()
    assert [(entry.object_id, entry.state) for entry in whole.drift] == [
        (people[7]["id"], "repaired")
    ]
    assert Subscription.objects.get(stripe_id=people[7]["id"]).status == "missing"


def test_a_repair_that_was_killed_before_it_was_written_down_is_known(
    people, stripe_sandbox, monkeypatch
):
    class Killed(BaseException):
        pass

    stripe_sandbox.engine.state.remove(people[7])
    mark = missing.mark

    def killed(rows, state, **values):
        if state == Drift.State.REPAIRED:
            raise Killed
        mark(rows, state, **values)

    monkeypatch.setattr(missing, "mark", killed)
    with pytest.raises(Killed):
        reconcile(apply=True)
    monkeypatch.setattr(missing, "mark", mark)
    whole = resumed()
    assert [(entry.object_id, entry.state) for entry in whole.drift] == [
        (people[7]["id"], "repaired")
    ]
    assert (whole.exit_code, kinds(reconcile())) == (0, set())


def test_a_sweep_that_was_killed_before_it_was_written_down_is_known(people, monkeypatch):
    from django_stripe_billing.reconcile import unfounded

    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    row = Entitlement.objects.first()
    row.pk, row.source_id, row.subscription = None, "sub_never", None
    row.save()
    mark = unfounded.mark
    monkeypatch.setattr(unfounded, "mark", killed)
    with pytest.raises(Killed):
        reconcile(apply=True)
    monkeypatch.setattr(unfounded, "mark", mark)
    whole = resumed()
    assert [(entry.kind, entry.object_id, entry.state) for entry in whole.drift] == [
        ("entitlement_extra", "sub_never", "repaired")
    ]


def test_an_entitlement_is_not_revoked_where_stripe_has_its_source(
    people, stripe_sandbox, monkeypatch
):
    """Its row was lost, and the entitlement was not: it is never away, not for a moment."""
    from django_stripe_billing.signals import entitlement_revoked

    row = Subscription.objects.get(stripe_id=people[3]["id"])
    Entitlement.objects.filter(subscription=row).update(subscription=None)
    row.delete()
    seen = []

    def look(sender, customer, **values):
        seen.append(customer.entitlements.count())

    entitlement_revoked.connect(look)
    try:
        report = reconcile(apply=True)
    finally:
        entitlement_revoked.disconnect(look)
    assert (report.errors, report.exit_code) == ([], 0)
    assert set(seen) == {2}
    assert Entitlement.objects.count() == 500


def test_a_drift_that_is_found_again_is_judged_anew(people, stripe_sandbox, monkeypatch):
    """The first attempt to repair it failed; the resumed run repairs it, and says so."""
    from django_stripe_billing.reconcile import repairing

    stripe_sandbox.engine.state.objects[people[0]["id"]]["status"] = "unpaid"
    settle, save = repairing.settle, windows.save

    def failing(readings, *, cause):
        raise OperationalError("deadlock")

    def broken(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(repairing, "settle", failing)
    monkeypatch.setattr(
        windows,
        "save",
        lambda window, progress, **values: (
            save(window, progress, **values) if progress.listed < 250 else broken()
        ),
    )
    first = reconcile(apply=True)
    assert first.exit_code == 2
    assert [entry.state for entry in first.drift] == ["failed"]
    monkeypatch.setattr(repairing, "settle", settle)
    monkeypatch.setattr(windows, "save", save)
    whole = resumed()
    assert [entry.state for entry in whole.drift] == ["repaired"]
    assert whole.exit_code == 0


# Threads


def test_an_interrupt_stops_the_threads_after_their_page(tmp_path):
    """The real command with three threads: SIGTERM, and a moment later it has ended with 2."""
    with World(tmp_path, subscriptions=600) as world:
        path = world.copy("interrupted")
        arguments = ("--apply", "--workers", "3", "--rate", "1", "--quiet")
        process = world.start(path, *arguments)
        before = world.requests()
        while world.requests() - before < 5:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "--resume goes on from here" in err
        assert state_of(path)["run"][0][0] == "incomplete"

        alone, threads = world.copy("alone"), world.copy("threads")
        options = ("--apply", "--events", "--rate", "100000", "--quiet")
        assert world.run(alone, *options)[0] == 1
        assert world.run(threads, *options, "--workers", "3")[0] == 1
        assert differences(state_of(alone), state_of(threads)) == []


def test_kill_9_at_random_moments_and_resume_ends_like_an_undisturbed_run(tmp_path):
    from .kills import kill_many

    assert kill_many(3, folder=tmp_path, subscriptions=400, seed=2) == []


def test_workers_find_what_one_finds(people, stripe_sandbox):
    """On a server. A database in memory is one thread's, so there it is one thread for all."""
    workers = 1 if connection.vendor == "sqlite" else 3
    for row in people[::60]:
        stripe_sandbox.engine.state.remove(row)
    before = database()
    alone = reconcile(only=frozenset({Kind.SUBSCRIPTION_MISSING_AT_STRIPE}))
    three = reconcile(only=frozenset({Kind.SUBSCRIPTION_MISSING_AT_STRIPE}), workers=workers)
    assert database() == before
    assert three.errors == alone.errors == []
    assert {entry.object_id for entry in three.drift} == {entry.object_id for entry in alone.drift}
    assert three.run.listed == three.run.compared == alone.run.listed == 245
    assert three.run.windows.count() == (1 if workers == 1 else 12)


@pytest.mark.parametrize("fate", ["stays", "vanishes", "is put right"])
def test_what_waited_when_a_run_broke_off_is_looked_at_by_its_id(
    people, stripe_sandbox, monkeypatch, fate
):
    row = people[-1]  # on the first page
    row["status"] = "unpaid"
    take, pages = working.WindowWorker._take, []

    def failing(worker, page):
        pages.append(page)
        if len(pages) == 2:
            raise OperationalError("the connection is lost")
        return take(worker, page)

    monkeypatch.setattr(working.WindowWorker, "_take", failing)
    broken = reconcile(apply=True)
    assert (broken.exit_code, broken.drift) == (2, [])
    assert broken.run.windows.get().unsettled == [row["id"]]
    if fate == "vanishes":
        stripe_sandbox.engine.state.remove(row)
    elif fate == "is put right":
        row["status"] = "active"
    stripe_sandbox.engine.requests.clear()
    whole = resumed()
    assert (whole.exit_code, whole.errors) == (0, [])
    assert ("GET", f"/v1/subscriptions/{row['id']}") in stripe_sandbox.engine.requests
    assert whole.run.listed == whole.run.compared == 250
    assert whole.run.windows.get(of="subscriptions").unsettled == []
    status = {"stays": "unpaid", "vanishes": "missing", "is put right": "active"}[fate]
    assert Subscription.objects.get(stripe_id=row["id"]).status == status
    assert (
        kinds(whole)
        == {
            "stays": {"subscription_status"},
            "vanishes": {"subscription_missing_at_stripe"},
            "is put right": set(),
        }[fate]
    )
