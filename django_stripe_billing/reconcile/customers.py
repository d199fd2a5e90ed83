"""Customers that Stripe may have deleted unheard.

Who has a live subscription at Stripe is not deleted: that would have ended it. So only those count
who hold something here without one, or whose subscription the run has seen end. Buyers of one-off
payments are seen on the pages of their checkouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import quote

from django.db import DatabaseError, InterfaceError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ..exceptions import StripeError, StripeObjectMissingError, StripeUnavailableError
from ..models import (
    Customer,
    Drift,
    Entitlement,
    ReconcileRun,
    SourceKind,
    Subscription,
)
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.json_values import identifier
from ..rules.ordering import Interval
from ..rules.snapshots import ENDED_STATUSES, deleted_customer, parse_customer
from ..stripe_api import PAGE_SIZE, counted_calls, read_page, request, without_secrets
from ..sync import apply_customer
from . import windows
from .allowing import changes_of
from .assignment import Assignment
from .leases import TakenOverError
from .missing import GONE
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

KIND = Kind.CUSTOMER_DELETED_AT_STRIPE
NO_CUSTOMER = "no such customer"
NO_PROOF = (
    "Stripe does not know the customer, and says of one that was deleted that it was. Is the API"
    " key of the right account? If so, run it with --allow-empty."
)
PATH = "/v1/customers"
CHUNK = 100
MOST_AT_ONCE = 50_000
"""How many customers are looked for in one walk through Stripe's list of customers."""


class DeletedCustomers:
    """Asks for customers by their id, and believes what that says."""

    def __init__(
        self, run: ReconcileRun, options: Options, *, patience: Patience, repairer: Repairer
    ) -> None:
        self._run = run
        self._options = options
        self._patience = patience
        self._repairer = repairer
        self._asked: set[str] = set()

    def ask_known(self, stripe_ids: set[str]) -> None:
        """Ask for those of these customers who are not deleted here, once each; a query."""
        wanted = stripe_ids - self._asked
        if wanted and self._options.wants(KIND):
            rows = Customer.objects.filter(account=self._run.account, stripe_id__in=wanted)
            for row in rows.filter(is_deleted=False).select_related("subscriber"):
                self._asked.add(str(row.stripe_id))
                self.ask(row)

    def ask(self, row: Customer) -> None:
        """Raises StripeError."""
        path = f"{PATH}/{quote(str(row.stripe_id), safe='')}"
        try:
            answer = self._patience(partial(request, "get", path, account=self._run.account))
        except StripeObjectMissingError:
            self._found(row, Interval(low=0, high=0), stripe=NO_CUSTOMER)
            return
        snapshot = parse_customer(answer.data)
        if snapshot is not None and snapshot.is_deleted:
            self._found(row, answer.interval, stripe="deleted")

    def _found(self, row: Customer, interval: Interval, *, stripe: str) -> None:
        difference = Difference(kind=KIND, here="not deleted", stripe=stripe)
        drift = record(
            [drift_row(self._run, difference, object_id=str(row.stripe_id), customer=row)]
        )
        if stripe == NO_CUSTOMER and not self._options.allow_empty:
            mark(drift, Drift.State.FAILED, error=NO_PROOF)
            return
        if not self._run.is_applying:
            return
        changes = changes_of(
            self._options.max_changes,
            takes_away=Entitlement.objects.filter(customer=row).exists(),
            is_stored=True,
        )
        if not self._repairer.allows(changes):
            mark(drift, Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt(drift, self._deletion(row, interval)):
            mark(drift, Drift.State.REPAIRED)

    def _deletion(self, row: Customer, interval: Interval) -> Callable[[], object]:
        return partial(
            apply_customer,
            deleted_customer(str(row.stripe_id)),
            interval,
            account=self._run.account,
            cause=self._repairer.cause,
        )


class CustomerWorker:
    """Looks for deleted customers among those who may be; the window's cursor is the last of them.

    By a call each, or by Stripe's list of all customers where that takes fewer: who is not on it is
    asked for. The list hides customers on test clocks.
    """

    def __init__(self, given: Assignment) -> None:
        self._run = given.run
        self._window = given.window
        self._options = given.options
        self._owner = given.owner
        self._patience = Patience(given.pace)
        self._deleted = DeletedCustomers(
            given.run,
            given.options,
            patience=self._patience,
            repairer=Repairer(given.run, given.options, pace=given.pace),
        )
        self._progress = windows.progress_of(given.window)
        self._calls_before = self._progress.calls

    @property
    def listed(self) -> int:
        return self._progress.listed

    def work(self) -> None:
        """Raises StripeError when Stripe does not answer, TakenOverError, or a database's error."""
        rows = candidates(self._run, self._options)
        is_list_shorter = rows.count() > calls_for_all(self._run.account)
        look, size = (
            (self._look_in_list, MOST_AT_ONCE) if is_list_shorter else (self._look_at_each, CHUNK)
        )
        with counted_calls() as counter:
            try:
                while chunk := list(self._after_last(rows)[:size]):
                    look(chunk)
                    self._progress.listed += len(chunk)
                    self._progress.compared += len(chunk)
                    self._progress.cursor = str(chunk[-1].pk)
                    self._save(counter["calls"], is_done=False)
                self._save(counter["calls"], is_done=True)
            except (StripeError, DatabaseError, InterfaceError):
                self._save(counter["calls"], is_done=False)
                raise

    def _after_last(self, rows: QuerySet[Customer]) -> QuerySet[Customer]:
        return rows.filter(pk__gt=int(self._progress.cursor or 0)).order_by("pk")

    def _look_at_each(self, rows: Sequence[Customer]) -> None:
        for row in rows:
            beat(self._run)
            try:
                self._deleted.ask(row)
            except StripeUnavailableError:
                raise
            except StripeError as error:
                text = f"{row.stripe_id} can't be fetched: {without_secrets(str(error))}"
                self._progress.errors.append(text)

    def _look_in_list(self, rows: Sequence[Customer]) -> None:
        """Walk through all customers of Stripe's, and ask for those who are not among them."""
        unseen = {str(row.stripe_id): row for row in rows}
        cursor, has_more = "", True
        while has_more and unseen:
            beat(self._run)
            read = partial(read_page, PATH, {}, cursor=cursor, account=self._run.account)
            page = self._patience(read)
            for listed in page.rows:
                unseen.pop(identifier(listed), None)
            cursor, has_more = page.cursor, page.has_more
        self._look_at_each(list(unseen.values()))

    def _save(self, calls: int, *, is_done: bool) -> None:
        self._progress.calls = self._calls_before + calls
        if not windows.save(self._window, self._progress, owner=self._owner, is_done=is_done):
            raise TakenOverError


def calls_for_all(account: str) -> int:
    """How many calls Stripe's list of all customers takes, as far as they are known here."""
    return -(-Customer.objects.filter(account=account).count() // PAGE_SIZE)


def candidates(run: ReconcileRun, options: Options) -> QuerySet[Customer]:
    """Who may be deleted at Stripe, and not here."""
    ended = Drift.objects.filter(run=run).filter(
        Q(kind=Kind.SUBSCRIPTION_STATUS, stripe__in=ENDED_STATUSES)
        | Q(kind=Kind.SUBSCRIPTION_MISSING_AT_STRIPE, stripe=GONE)
    )
    return _not_deleted(options).filter(
        _holds(options) | Q(stripe_id__in=ended.values("customer_id"))
    )


def holders(options: Options) -> QuerySet[Customer]:
    """Those of the candidates who are known before the run."""
    return _not_deleted(options).filter(_holds(options))


def _not_deleted(options: Options) -> QuerySet[Customer]:
    """An account that acts as a customer is no customer to ask for."""
    rows = Customer.objects.filter(account=options.account, is_deleted=False)
    if options.customer_id:
        rows = rows.filter(stripe_id=options.customer_id)
    rows = rows.exclude(stripe_id=None).exclude(stripe_id__startswith="acct_")
    return rows.select_related("subscriber")


def _holds(options: Options) -> Q:
    """Has access without a running subscription, and is not seen with one-off payments: those of
    customers on a test clock are hidden from lists."""
    held = Entitlement.objects.filter(customer__account=options.account).filter(
        Q(ends_at=None) | Q(ends_at__gt=timezone.now())
    )
    others = held.exclude(source_kind__in=[SourceKind.SUBSCRIPTION, SourceKind.PAYMENT])
    bought = held.filter(source_kind=SourceKind.PAYMENT)
    live = Subscription.objects.filter(customer=OuterRef("pk")).exclude(status__in=ENDED_STATUSES)
    is_hidden = Q(pk__in=bought.values("customer")) & ~Q(test_clock_id="")
    return (Q(pk__in=others.values("customer")) | is_hidden) & ~Q(Exists(live))
