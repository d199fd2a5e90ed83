"""A reconcile run: begin or resume, work through the windows, settle what is left, finish."""

from __future__ import annotations

import logging
import time
from collections import Counter

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import Sum
from django.utils import timezone

from ..conf import settings
from ..exceptions import (
    BillingError,
    ReconcileRefusedError,
)
from ..models import (
    Drift,
    Entitlement,
    ReconcileRun,
    ReconcileWindow,
    SourceKind,
    Subscription,
)
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import Pace, TokenBucket, counted_calls, paced, without_secrets
from ..sync import sells_payments
from . import customers, invoices, windows
from .assignment import Listener
from .catalog_check import CatalogCheck
from .catalog_repair import repair_left
from .claiming import work_windows
from .distributing import shared_pace
from .events import MissedEvents
from .features import FeatureCheck
from .guards import ask_account, check_accepted, check_mode, refusal, refuse_second
from .missing import MissingSubscriptions
from .missing_payments import MissingPayments
from .options import Options
from .ownership import at_work, is_alive, this_process
from .payment_grants import PaymentGrants
from .rates import default_rate
from .repairing import Repairer
from .report import UNKNOWN
from .sweeps import Sweeps
from .threads import work_through

logger = logging.getLogger("django_stripe_billing.reconcile")

Of = ReconcileWindow.Of

WINDOWS_PER_WORKER = 4


def begin(options: Options) -> ReconcileRun:
    """A new run, checked against the key's mode and account; one at a time for an account.

    Raises ReconcileRefusedError, and StripeError.
    """
    check_accepted(options.account)
    check_mode(options.account)
    refuse_second(options.account)
    with counted_calls() as counter:
        stripe_account, now = ask_account(options)
    if options.since is not None and options.since > now:
        raise ReconcileRefusedError("--since is in the future: there is nothing to compare.")
    run = ReconcileRun(
        account=options.account,
        livemode=settings.livemode,
        stripe_account_id=stripe_account,
        active_for=f"account {options.account}",
        owner=this_process(),
        is_applying=options.apply,
        options=options.as_json(),
        created_before=now + 1,
        calls_apart=counter["calls"],
        live_before=_live(options.account),
    )
    try:
        with transaction.atomic():
            run.save()
            windows.split(run, since=options.since, parts=_parts(options))
    except IntegrityError:
        raise ReconcileRefusedError(refusal(options.account)) from None
    return run


def _live(account: str) -> int:
    """What gives access here: running subscriptions, and payments that grant something."""
    running = Subscription.objects.filter(account=account).exclude(status__in=ENDED_STATUSES)
    granted = Entitlement.objects.filter(customer__account=account, source_kind=SourceKind.PAYMENT)
    return running.count() + granted.values("source_id").distinct().count()


def _parts(options: Options) -> int:
    is_split = options.workers > 1 or options.is_distributed
    return options.workers * WINDOWS_PER_WORKER if is_split and not options.customer_id else 1


def resume(account: str = "") -> ReconcileRun:
    """The last run of an account that broke off, ready to go on. Raises ReconcileRefusedError."""
    run = ReconcileRun.objects.filter(account=account).order_by("-pk").first()
    if run is None or run.is_complete:
        raise ReconcileRefusedError("There is no run to resume: the last one was complete.")
    if run.active_for and is_alive(run):
        raise ReconcileRefusedError(refusal(account))
    options = Options.from_json(run.options)
    check_accepted(account)
    check_mode(account)
    stripe_account, _now = ask_account(options)
    if run.stripe_account_id and stripe_account != run.stripe_account_id:
        raise ReconcileRefusedError(
            f"Run {run.pk} compared the account {run.stripe_account_id}; the API key is now of"
            f" {stripe_account or 'another'}."
        )
    same = ReconcileRun.objects.filter(pk=run.pk, owner=run.owner, resumed=run.resumed)
    try:
        with transaction.atomic():
            taken = same.update(
                owner=this_process(),
                active_for=f"account {account}",
                beat_at=timezone.now(),
                resumed=run.resumed + 1,
                state=ReconcileRun.State.RUNNING,
                finished_at=None,
                errors=[],
            )
            run.refresh_from_db()
            windows.reopen(run)
    except IntegrityError:
        taken = 0
    if not taken:
        raise ReconcileRefusedError(refusal(account))
    return run


def discard(account: str = "") -> None:
    """Give up the broken-off run of an account, so that a new one can begin."""
    run = ReconcileRun.objects.filter(active_for=f"account {account}").first()
    if run is not None and not is_alive(run):
        _end(run, ReconcileRun.State.INCOMPLETE)


def execute(run: ReconcileRun, *, tell: Listener = lambda number: None) -> ReconcileRun:
    """Do all that a run is to do; never raises for what Stripe or the database does.

    A run that could not finish is INCOMPLETE, with its errors, and can be resumed.
    KeyboardInterrupt goes on to the caller after the checkpoint.
    """
    options = Options.from_json(run.options)
    started = time.monotonic()
    pace = _pace(run, options)
    with at_work(run), paced(pace), counted_calls() as counter:
        try:
            if options.events:
                MissedEvents(run, options, pace=pace).look()
            catalog = CatalogCheck(run, options, pace=pace)
            errors = catalog.compare()
            if not errors:
                _add_payments(run, options)
                Sweeps(run, options, pace=pace).before()
                errors = work_through(run, options, pace=pace, tell=tell)
            if not errors:
                errors = finish_comparison(run, options, pace=pace)
            errors = [*catalog.unread, *errors]
        except KeyboardInterrupt:
            conclude(run, ["It was interrupted."], calls=counter["calls"], started=started)
            raise
        except Exception as error:  # a run that nobody works on must not look as if it went on
            errors = [f"{type(error).__name__}: {without_secrets(str(error))}"]
            if not isinstance(error, (BillingError, DatabaseError, InterfaceError)):
                logger.exception("Run %s failed", run.pk)
        conclude(run, errors, calls=counter["calls"], started=started)
    return run


def _pace(run: ReconcileRun, options: Options) -> Pace:
    if options.is_distributed:
        return shared_pace(run, options)
    return TokenBucket(rate=options.rate or default_rate())


def _add_payments(run: ReconcileRun, options: Options) -> None:
    """Windows of one-off payments, where any is sold or known; a resumed run has them already."""
    is_wanted = options.payments or sells_payments(options.account)
    if is_wanted and not run.windows.filter(of=Of.PAYMENTS).exists():
        windows.split(run, since=options.since, parts=_parts(options), of=Of.PAYMENTS)


def finish_comparison(run: ReconcileRun, options: Options, *, pace: Pace) -> list[str]:
    """What comes after the windows: what no list shows, what these have shown there is to compare,
    and what the database alone shows. Returns the errors that are of no window."""
    listed = run.windows.filter(of=Of.SUBSCRIPTIONS).aggregate(total=Sum("listed"))["total"] or 0
    MissingSubscriptions(run, options, pace=pace).settle(listed=listed)
    MissingPayments(run, options, pace=pace).settle()
    errors = _work_late(run, options, pace=pace)
    if errors:
        return errors
    if run.windows.filter(of=Of.PAYMENTS).exists():
        PaymentGrants(run, options, pace=pace).compare()
    if options.verify_features is not None:
        FeatureCheck(run, options, pace=pace).look()
    Sweeps(run, options, pace=pace).after()
    repair_left(run, options, repairer=Repairer(run, options, pace=pace))
    return []


def _work_late(run: ReconcileRun, options: Options, *, pace: Pace) -> list[str]:
    """The windows that come last are few and small: this process works through them."""
    if not run.windows.filter(of__in=windows.LATE).exists():
        if invoices.are_compared(options):
            windows.split(run, since=options.since, parts=1, of=Of.INVOICES)
        if options.wants(customers.KIND) and customers.candidates(run, options).exists():
            windows.split(run, since=None, parts=1, of=Of.CUSTOMERS)
    return work_windows(run, options, pace=pace, tell=lambda number: None, owner=this_process())


def conclude(run: ReconcileRun, errors: list[str], *, calls: int, started: float) -> None:
    """Add up what was done, and write the run's outcome."""
    totals = run.windows.aggregate(calls=Sum("calls"))
    told = run.windows.filter(of=Of.SUBSCRIPTIONS).aggregate(
        listed=Sum("listed"), compared=Sum("compared")
    )
    begun = (run.owner, run.resumed)
    run.refresh_from_db()
    if (run.owner, run.resumed) != begun:
        raise ReconcileRefusedError(f"{run.owner} goes on with run {run.pk}.")
    run.listed, run.compared = told["listed"] or 0, told["compared"] or 0
    run.calls_apart += calls
    run.calls = run.calls_apart + (totals["calls"] or 0)
    run.seconds += time.monotonic() - started
    notes: Counter[str] = Counter(
        {note: count for note, count in run.notes.items() if not note.startswith(UNKNOWN)}
    )
    for window in run.windows.all():
        notes.update(window.notes)
        errors = [*errors, *window.errors]
        if window.failure:
            errors.append(window.failure)
    errors += _not_compared(run)
    run.notes, run.errors = dict(notes), list(dict.fromkeys(errors))
    drift = run.drift.exclude(state=Drift.State.GONE)
    run.drift_found = drift.count()
    run.drift_left = drift.filter(state__in=[Drift.State.FOUND, Drift.State.FAILED]).count()
    is_whole = not run.windows.exclude(state=ReconcileWindow.State.DONE).exists()
    is_complete = is_whole and not run.errors
    _end(run, ReconcileRun.State.COMPLETE if is_complete else ReconcileRun.State.INCOMPLETE)


def _not_compared(run: ReconcileRun) -> list[str]:
    """What was listed and not compared: an error for each kind of window."""
    counts = (
        run.windows.order_by()
        .values("of")
        .annotate(rows=Sum("listed"), compared_rows=Sum("compared"))
    )
    return [
        f"{row['rows']:,} {row['of']} were listed, and {row['compared_rows']:,} of them compared."
        for row in counts
        if row["rows"] != row["compared_rows"]
    ]


def _end(run: ReconcileRun, state: str) -> None:
    """Write the outcome; a worker of another process notices at its next checkpoint."""
    run.windows.filter(state=ReconcileWindow.State.PENDING).update(claimed_by="")
    run.state, run.active_for, run.finished_at = state, None, timezone.now()
    run.save()
