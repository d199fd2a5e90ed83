"""A second opinion: what Stripe says a customer may use, against what is derived here.

Stripe's own answer is late by design, and partly undocumented. So only what no documented delay
explains is called a disagreement. https://docs.stripe.com/billing/entitlements
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from ..exceptions import StripeObjectMissingError
from ..models import Customer, Drift, Feature, ProductFeature, ReconcileRun, Subscription
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.json_values import identifier, text
from ..rules.snapshots import ENDED_STATUSES, TERMINAL_STATUSES
from ..stripe_api import Pace, read_page
from .amounts import paid_by
from .events import KINDS as EVENTS
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, record

PATH = "/v1/entitlements/active_entitlements"
FEATURES = (Kind.FEATURE_DISAGREEMENT, Kind.FEATURE_UNKNOWN)
ALL = -1
NOT_ACTIVE = "not active"
CHUNK = 100

SETTLED_AFTER = 3600
"""Seconds since its subscriptions' last change in which a customer is left alone: how long Stripe
takes is not documented."""

SURE_STATUS = "active"
"""Whether the others count for Stripe is not documented, or reported otherwise than documented."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What Stripe's list of a customer holds, by lookup key, as far as that can be known here."""

    surely: frozenset[str]
    """Granted here since before the period began, by an active subscription."""
    perhaps: frozenset[str]
    """All that a subscription which has not ended may grant by any reading of the documentation."""
    changed_at: int
    """The second of Stripe's clock until which the subscriptions may have changed."""


class FeatureCheck:
    """Asks Stripe what a sample of customers may use; one call each, more where it lists many."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._patience = Patience(pace)
        self._told: set[str] = set()
        self._known = set(
            Feature.objects.filter(account=self._account).values_list("lookup_key", flat=True)
        )

    def look(self) -> None:
        """Raises StripeError when Stripe does not answer."""
        if not any(self._options.wants(kind) for kind in FEATURES):
            return
        for customer in self._sample():
            beat(self._run)
            if self._differs(customer):
                continue  # that explains it, and is told
            try:
                listed, asked_at = self._listed(str(customer.stripe_id))
            except StripeObjectMissingError:
                continue  # then its subscriptions are missing, too, and that is told
            expected = expected_of(customer)
            if expected.changed_at + SETTLED_AFTER < asked_at:
                record(list(self._drift(customer, expected, listed)))

    def _differs(self, customer: Customer) -> bool:
        """Whether the run has found what is stored of a customer to differ, and left it so."""
        left = [Drift.State.FOUND, Drift.State.FAILED]
        rows = Drift.objects.filter(run=self._run, customer_id=customer.stripe_id, state__in=left)
        return rows.exclude(kind__in=[*FEATURES, *EVENTS]).exists()

    def _sample(self) -> Iterator[Customer]:
        """Linked customers with a subscription that runs: as many as were asked for."""
        running = Subscription.objects.filter(customer=OuterRef("pk"))
        rows = (
            Customer.objects.filter(
                Exists(running.exclude(status__in=ENDED_STATUSES)),
                account=self._account,
                is_deleted=False,
            )
            .exclude(subscriber=None)
            .exclude(stripe_id=None)
            .select_related("subscriber")
            .order_by("pk")
        )
        if self._options.customer_id:
            return iter(rows.filter(stripe_id=self._options.customer_id))
        number = self._options.verify_features or 0
        if number == ALL or rows[: number + 1].count() <= number:
            return _each(rows)
        return self._drawn(rows, number)

    def _drawn(self, rows: QuerySet[Customer], number: int) -> Iterator[Customer]:
        """Others in each run: those at points of the primary key that its number chooses."""
        bounds = rows.aggregate(low=Min("pk"), high=Max("pk"))
        draw = random.Random(self._run.pk)  # noqa: S311 - a sample, and the same when resumed
        seen: set[int] = set()
        while len(seen) < number:
            point = draw.randint(bounds["low"], bounds["high"])
            around = chain(_each(rows.filter(pk__gte=point)), _each(rows.filter(pk__lt=point)))
            row = next((row for row in around if row.pk not in seen), None)
            if row is None:
                return
            seen.add(row.pk)
            yield row

    def _listed(self, customer_id: str) -> tuple[dict[str, str], int]:
        """The features' ids by lookup key, and the second of Stripe's clock of its answer."""
        found: dict[str, str] = {}
        cursor = ""
        while True:
            params = {"customer": customer_id}
            page = self._patience(
                partial(read_page, PATH, params, cursor=cursor, account=self._account)
            )
            for row in page.rows:
                key = text(row.get("lookup_key"), longest=80)
                found[key] = identifier(row.get("feature"))
            if not page.has_more:
                return found, page.interval.low
            cursor = page.cursor

    def _drift(
        self, customer: Customer, expected: Expected, listed: dict[str, str]
    ) -> Iterator[Drift]:
        disagreement, unknown = Kind.FEATURE_DISAGREEMENT, Kind.FEATURE_UNKNOWN
        if self._options.wants(disagreement):
            for key in sorted(expected.surely - listed.keys()):
                yield self._row(customer, disagreement, key, here="granted", stripe=NOT_ACTIVE)
            for key in sorted((listed.keys() & self._known) - expected.perhaps):
                yield self._row(customer, disagreement, key, here="not granted", stripe="active")
        for key in sorted(listed.keys() - self._known - {""}):
            if self._options.wants(unknown) and key not in self._told:
                self._told.add(key)
                difference = Difference(
                    kind=unknown,
                    here="the feature is not in the catalog",
                    stripe=f"{customer} may use {key}",
                    subject=key,
                )
                yield drift_row(self._run, difference, object_id=listed[key] or key)

    def _row(self, customer: Customer, kind: Kind, key: str, *, here: str, stripe: str) -> Drift:
        amount, currency = paid_by([customer.pk]).get(customer.pk, (None, ""))
        return drift_row(
            self._run,
            Difference(kind=kind, here=f"{key}: {here}", stripe=f"{key}: {stripe}", subject=key),
            object_id=str(customer.stripe_id),
            customer=customer,
            amount=amount,
            currency=currency,
        )


def expected_of(customer: Customer) -> Expected:
    """What Stripe's list of a customer should hold, from the rows alone; four queries at most."""
    running = list(
        Subscription.objects.filter(customer=customer)
        .exclude(status__in=TERMINAL_STATUSES)
        .prefetch_related("items", "entitlements__feature")
    )
    links: dict[str, list[ProductFeature]] = defaultdict(list)
    products = {item.product_id for row in running for item in row.items.all()}
    for link in ProductFeature.objects.filter(
        product__account=customer.account, product__stripe_id__in=products
    ).select_related("product", "feature"):
        links[link.product.stripe_id].append(link)
    surely, perhaps = set(), set()
    for row in running:
        granted = {entry.feature_id: entry.granted_at for entry in row.entitlements.all()}
        for item in row.items.all():
            start = item.current_period_start_at
            for link in links[item.product_id]:
                key = link.feature.lookup_key
                if link.removed_at is None or start is None or link.removed_at >= start:
                    perhaps.add(key)
                since = granted.get(link.feature_id)
                is_settled = since is not None and start is not None and since < start
                if row.status == SURE_STATUS and link.removed_at is None and is_settled:
                    surely.add(key)
    changed = Subscription.objects.filter(customer=customer).aggregate(at=Max("observed_high"))
    return Expected(
        surely=frozenset(surely), perhaps=frozenset(perhaps), changed_at=changed["at"] or 0
    )


def agrees_now(drift: Drift) -> bool:
    """Whether what is stored by now explains what Stripe said of the customer."""
    rows = Customer.objects.filter(account=drift.run.account, stripe_id=drift.customer_id)
    customer = rows.first()
    if customer is None:
        return True
    expected = expected_of(customer)
    if drift.stripe.endswith(NOT_ACTIVE):
        return drift.subject not in expected.surely
    return drift.subject in expected.perhaps


def _each(rows: QuerySet[Customer]) -> Iterator[Customer]:
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk
