"""Trials whose card was never told of: it is read, noted, and may refuse the trial.

No list of Stripe's says which cards there are; it takes a call for each customer. So only those are
asked for who claimed a trial, are in it, and have no card here. A trial that was begun without a
card is one of them.
"""

from __future__ import annotations

from functools import partial

from django.db.models import Exists, Min, OuterRef, QuerySet

from ..exceptions import StripeObjectMissingError
from ..models import Customer, Drift, ReconcileRun, Subscription, TrialUse
from ..models.mirrored import to_datetime
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..stripe_api import Pace
from ..sync import claim_card, is_card_taken, read_fingerprints
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

MOST = 500
"""Customers that a run asks for, those whose trial ends first: the others have later nights."""

NOT_NOTED = "a trial runs, and no card is noted"


class TrialSweep:
    """Finds and repairs trials without a known card; one call each."""

    def __init__(
        self, run: ReconcileRun, options: Options, *, repairer: Repairer, pace: Pace
    ) -> None:
        self._run = run
        self._options = options
        self._repairer = repairer
        self._patience = Patience(pace)

    def work(self) -> None:
        """Raises StripeError when Stripe does not answer."""
        if not self._options.wants(Kind.TRIAL_CARD_UNKNOWN):
            return
        for customer in list(in_trial_without_card(self._options)[:MOST]):
            beat(self._run)
            read = partial(
                read_fingerprints, str(customer.stripe_id), account=self._options.account
            )
            try:
                fingerprints = self._patience(read)
            except StripeObjectMissingError:  # which the pages tell better
                continue
            if fingerprints:
                self._found(customer, fingerprints)

    def _found(self, customer: Customer, fingerprints: list[str]) -> None:
        is_taken = is_card_taken(customer, fingerprints)
        difference = Difference(
            kind=Kind.TRIAL_CARD_UNKNOWN,
            here=NOT_NOTED,
            stripe="a card that had a trial before" if is_taken else "a card",
        )
        [drift] = record(
            [drift_row(self._run, difference, object_id=str(customer.stripe_id), customer=customer)]
        )
        if not self._run.is_applying:
            return
        limit = self._options.max_changes
        if not self._repairer.allows(0 if limit.is_share and not is_taken else 1):
            mark([drift], Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt([drift], partial(self._note, customer, fingerprints)):
            mark([drift], Drift.State.REPAIRED)

    def _note(self, customer: Customer, fingerprints: list[str]) -> None:
        for fingerprint in fingerprints:
            claim_card(
                str(customer.stripe_id),
                fingerprint,
                account=customer.account,
                cause=self._repairer.cause,
            )


def in_trial_without_card(options: Options) -> QuerySet[Customer]:
    """Customers who claimed the trial that they are in, and of whom no card is noted."""
    trials = Subscription.objects.filter(
        customer=OuterRef("pk"), status="trialing", is_trial_refused=False
    )
    if options.since is not None:
        trials = trials.filter(stripe_created_at__gte=to_datetime(options.since))
    claims = TrialUse.objects.filter(customer=OuterRef("pk"))
    is_card = {"kind": TrialUse.Kind.CARD}
    rows = Customer.objects.filter(
        Exists(trials),
        Exists(claims.exclude(**is_card)),
        ~Exists(claims.filter(**is_card)),
        account=options.account,
        stripe_id__isnull=False,
        is_deleted=False,
    )
    if options.customer_id:
        rows = rows.filter(stripe_id=options.customer_id)
    ends = Min("subscriptions__trial_end_at")
    return rows.select_related("subscriber").annotate(ends=ends).order_by("ends", "pk")
