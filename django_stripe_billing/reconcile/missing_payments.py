"""One-off payments that no page showed: each is asked for by its id before it is believed."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from django.db.models import QuerySet, Sum

from ..exceptions import StripeError, StripeObjectMissingError, StripeUnavailableError
from ..models import Customer, Drift, Entitlement, Payment, ReconcileRun, ReconcileWindow
from ..models.mirrored import to_second
from ..rules.drift_kinds import Kind
from ..rules.snapshots import MISSING, CustomerSnapshot, parse_customer
from ..stripe_api import Answer, Pace, request, without_secrets
from ..sync import Cause, apply_customer, mark_payment_missing
from . import windows
from .allowing import changes_of
from .chunks import in_chunks
from .customers import DeletedCustomers
from .options import Options
from .ownership import beat
from .patience import Patience
from .payment_pages import repair_payments
from .recording import mark
from .repairing import Repairer

KIND = Kind.PAYMENT_MISSING_AT_STRIPE
GONE = "no such payment"
JUST_NOW = 2
"""Seconds before a run's first answer, in which what is created may miss the first page."""
OF = ReconcileWindow.Of.PAYMENTS


class MissingPayments:
    """Settles what the windows of payments only suspected, when all of them are done."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._patience = Patience(pace)
        self._repairer = Repairer(run, options, pace=pace)
        self._cause = Cause(kind="reconcile", id=str(run.pk))
        self._deleted = DeletedCustomers(
            run, options, patience=self._patience, repairer=self._repairer
        )
        self._is_key_right: bool | None = None

    def settle(self) -> None:
        """Ask for each. Raises StripeError when Stripe does not answer.

        In live mode nothing is asked or written where there are more than the run may change. In
        test mode Stripe's lists hide what hangs on test clocks.
        """
        suspected = self._suspected().count()
        if not suspected:
            return
        is_too_many = suspected > self._repairer.limit and self._run.livemode
        if is_too_many and not self._options.allow_empty:
            self._doubt(
                f"{suspected:,} payments are not in Stripe's list, more than the"
                f" {self._repairer.limit:,} that this run may change (--max-changes). Is the API"
                " key of the right account? Nothing was done about them."
            )
            return
        for chunk in in_chunks(self._suspected()):
            for row in chunk:
                self._ask(row)

    def _suspected(self) -> QuerySet[Drift]:
        """Those that are not settled: also what a run was killed at, between belief and repair."""
        rows = Drift.objects.filter(run=self._run, kind=KIND, state=Drift.State.FOUND, error="")
        return rows if self._run.is_applying else rows.exclude(stripe=GONE)

    def _ask(self, drift: Drift) -> None:
        beat(self._run)
        rows = Payment.objects.filter(account=self._account, stripe_id=drift.object_id)
        stored = rows.select_related("customer__subscriber").first()
        if stored is None or stored.status == MISSING:
            is_ours = drift.stripe == GONE and stored is not None
            mark([drift], Drift.State.REPAIRED if is_ours else Drift.State.GONE)
            return
        try:
            answer = self._read(f"/v1/checkout/sessions/{quote(stored.stripe_id, safe='')}")
        except StripeObjectMissingError:
            self._believe(drift, stored)
            return
        except StripeUnavailableError:
            raise
        except StripeError as error:
            text = f"{stored.stripe_id} can't be fetched: {without_secrets(str(error))}"
            self._doubt(text, created=to_second(stored.stripe_created_at))
            return
        mark([drift], Drift.State.GONE)
        self._is_there(stored, answer)

    def _read(self, path: str) -> Answer:
        params = {"expand": ["customer"]} if "checkout" in path else {}
        return self._patience(partial(request, "get", path, params, account=self._account))

    def _is_there(self, stored: Payment, answer: Answer) -> None:
        """Stripe has it: the list was cut short, or hides what hangs on a test clock."""
        customer = parse_customer(answer.data.get("customer"))
        if customer is not None and customer.is_deleted:
            self._deleted.ask_known({customer.id})
        if customer is not None and customer.test_clock_id:
            self._learn(stored.customer, customer, answer)
            return
        if customer is not None and customer.is_deleted and not self._run.livemode:
            return  # whether it hung on a clock is not to be known any more
        created = to_second(stored.stripe_created_at) or 0
        if created < self._run.created_before - JUST_NOW:
            self._doubt(
                f"Stripe's list left out {stored.stripe_id}, which it has: it was cut short, and"
                " nothing was concluded from it.",
                created=created,
            )

    def _learn(self, stored: Customer, customer: CustomerSnapshot, answer: Answer) -> None:
        """Keep the test clock, so that the next run does not ask again."""
        if self._run.is_applying and stored.stripe_id == customer.id:
            apply_customer(customer, answer.interval, account=self._account, cause=self._cause)

    def _believe(self, drift: Drift, stored: Payment) -> None:
        """Stripe does not have it, and what it lists shows that the key is the right one."""
        if not self._is_believable(stored):
            self._doubt(
                f"Stripe lists no checkout at all, and has neither {stored.stripe_id} nor its"
                " customer. Is the API key of the right account and mode? If so, run it with"
                " --allow-empty.",
            )
            mark([drift], Drift.State.GONE)
            return
        drift.stripe = GONE
        drift.save(update_fields=["stripe"])
        held = Entitlement.objects.filter(
            customer=stored.customer, source_id=stored.stripe_id
        ).exists()
        repair_payments(
            self._run,
            self._options,
            [drift],
            partial(mark_payment_missing, stored, cause=self._cause),
            repairer=self._repairer,
            changes=changes_of(self._options.max_changes, takes_away=held, is_stored=True),
        )

    def _is_believable(self, stored: Payment) -> bool:
        if self._options.allow_empty:
            return True
        if self._is_key_right is None:
            windows_of = self._run.windows.filter(of=OF)
            self._is_key_right = bool(windows_of.aggregate(total=Sum("listed"))["total"])
        return self._is_key_right or self._is_customer_known(stored)

    def _is_customer_known(self, stored: Payment) -> bool:
        try:
            self._read(f"/v1/customers/{quote(str(stored.customer.stripe_id), safe='')}")
        except StripeObjectMissingError:
            return False
        self._is_key_right = True
        return True

    def _doubt(self, text: str, *, created: int | None = None) -> None:
        windows.doubt(self._run, text, of=OF, created=created)
