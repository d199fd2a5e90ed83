"""The catalog in a run: what is sold and what that grants, here and at Stripe.

Stripe sends no event when a feature is attached to a product, and a lost `product.updated` may have
held another limit. So the catalog is read anew before what it grants is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from ..catalog import sync_catalog
from ..exceptions import StripeError
from ..models import (
    Drift,
    Feature,
    PaymentItem,
    Product,
    ProductFeature,
    ReconcileRun,
    SubscriptionItem,
)
from ..rules.catalog_drift import attachment_drift, feature_drift
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.ordering import Verdict, judge
from ..stripe_api import Pace, without_secrets
from .catalog_rows import PRICES, PRODUCTS, Sort
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .remote_catalog import CatalogReader, RemoteCatalog
from .repairing import Repairer

KINDS = (
    Kind.PRODUCT_DIFFERS,
    Kind.PRICE_DIFFERS,
    Kind.FEATURE_DIFFERS,
    Kind.PRICE_UNKNOWN,
    Kind.FEATURE_UNKNOWN,
)
MOST_ASKED = 100
"""How many prices are asked for that no list shows: Stripe lists none of single sessions."""
ATTEMPTS = 5
STILL = "It differs still after the catalog was mirrored."

Found = Iterator[tuple[str, Difference]]


def is_compared(options: Options) -> bool:
    """A run for one customer leaves the catalog alone: it is everybody's."""
    return not options.customer_id and any(options.wants(kind) for kind in KINDS)


class CatalogCheck:
    """Compares the catalog of an account; repairs it by mirroring it anew."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._repairer = Repairer(run, options, pace=pace)
        self._reader = CatalogReader(account=self._account, patience=Patience(pace))
        self._remote = RemoteCatalog()
        self._errors: list[str] = []
        self.unread: list[str] = []
        """Why the catalog could not be read; the rest can be compared without it, and is."""

    def compare(self) -> list[str]:
        """Compare, and repair where the run repairs; returns the errors, after which nothing else
        should be compared. Raises StripeError for a key that Stripe does not know."""
        if not is_compared(self._options):
            return []
        try:
            self._read()
        except StripeError as error:
            if error.status == 401:
                raise
            told = without_secrets(str(error))
            self.unread.append(f"The catalog was not compared, it can't be read: {told}")
            return []
        if self._errors:
            return self._errors
        drift = record(
            [
                drift_row(self._run, difference, object_id=stripe_id)
                for stripe_id, difference in self._differences()
                if self._options.wants(difference.kind)
            ]
        )
        if self._run.is_applying:
            self._repair(drift)
        return self._errors

    # What Stripe has

    def _read(self) -> None:
        beat(self._run)
        remote = self._remote
        self._reader.products(remote)
        stored, listed = set(self._stored(PRODUCTS)), remote.of[PRODUCTS.path]
        if stored and not stored & listed.keys() and not self._options.allow_empty:
            self._errors.append(
                f"Stripe lists none of the {len(stored):,} products that are stored here. Is the"
                " API key of the right account? If so, run it with --allow-empty."
            )
            return
        self._reader.prices(remote)
        self._reader.features(remote, self._products_that_count())
        for product_id in self._ask_for(PRODUCTS, stored - listed.keys()):
            self._errors.append(f"Stripe's list of products left out {product_id}, which it has.")
        prices = set(self._stored(PRICES)) - remote.of[PRICES.path].keys()
        self._ask_for(PRICES, sorted(prices)[:MOST_ASKED])

    def _stored(self, sort: Sort) -> QuerySet[Any, str]:
        return sort.rows(self._account).filter(is_deleted=False).values_list("stripe_id", flat=True)

    def _products_that_count(self) -> set[str]:
        """Those that are active, that somebody has bought, or that have features here."""
        listed = self._remote.of[PRODUCTS.path]
        active = {product.id for product, _interval in listed.values() if product.active}
        named = {"product_id": OuterRef("stripe_id")}
        linked = ProductFeature.objects.filter(product=OuterRef("pk"), removed_at=None)
        rows = Product.objects.filter(account=self._account).filter(
            Exists(SubscriptionItem.objects.filter(**named))
            | Exists(PaymentItem.objects.filter(**named))
            | Exists(linked)
        )
        return active | (set(rows.values_list("stripe_id", flat=True)) & listed.keys())

    def _ask_for(self, sort: Sort, stripe_ids: Iterable[str]) -> list[str]:
        """Ask for each that no list has shown; those that Stripe has."""
        there = []
        for stripe_id in sorted(stripe_ids):
            beat(self._run)
            row, interval = self._reader.one(sort.path, stripe_id)
            remote = sort.parse(row)
            if remote is not None:
                self._remote.of[sort.path][stripe_id] = remote, interval
                there += [] if remote.is_deleted else [stripe_id]
        return there

    # What differs

    def _differences(self) -> Found:
        """By the id of what differs; a constant number of queries, and a call for each row that was
        changed in the same second as the answer."""
        yield from self._of(PRODUCTS)
        yield from self._of(PRICES)
        yield from self._of_features()

    def _of(self, sort: Sort) -> Found:
        rows = {row.stripe_id: row for row in sort.rows(self._account)}
        for remote, interval in list(self._remote.of[sort.path].values()):
            row = rows.get(remote.id)
            if remote.is_deleted and row is None:
                continue
            found = sort.drift(row and sort.here(row), remote)
            if found and row is not None and not remote.is_deleted:
                verdict = judge(stored=row.observed, new=interval, same_content=False)
                if verdict is not Verdict.NEWER:
                    found = self._asked(sort, remote.id)
            yield from ((remote.id, difference) for difference in found)

    def _asked(self, sort: Sort, stripe_id: str) -> list[Difference]:
        """What differs from an answer by id; with the revision unchanged it contains the row."""
        rows = sort.rows(self._account)
        for _attempt in range(ATTEMPTS):
            before = rows.get(stripe_id=stripe_id).revision
            row, interval = self._reader.one(sort.path, stripe_id)
            after = rows.get(stripe_id=stripe_id)
            remote = sort.parse(row)
            if remote is not None and after.revision == before:
                self._remote.of[sort.path][stripe_id] = remote, interval
                return sort.drift(sort.here(after), remote)
        return []  # it changes all the time: webhooks tell of it

    def _of_features(self) -> Found:
        rows = {
            row["stripe_id"]: row for row in Feature.objects.filter(account=self._account).values()
        }
        for feature in self._remote.features.values():
            for difference in feature_drift(rows.get(feature.id), feature):
                yield feature.id, difference
        names = {stripe_id: str(row["lookup_key"]) for stripe_id, row in rows.items()}
        names |= {feature.id: feature.lookup_key for feature in self._remote.features.values()}
        held: dict[str, set[str]] = {}
        links = ProductFeature.objects.filter(product__account=self._account, removed_at=None)
        for product_id, feature_id in links.values_list("product__stripe_id", "feature__stripe_id"):
            held.setdefault(product_id, set()).add(feature_id)
        known = set(self._stored(PRODUCTS))
        for product_id, attached in self._remote.attached.items():
            if product_id not in known:
                continue  # told already, as unknown
            for difference in attachment_drift(
                held={names[one] for one in held.get(product_id, ())},
                attached={names[one] for one in attached},
            ):
                yield product_id, difference

    # Repairing

    def _repair(self, drift: list[Drift]) -> None:
        mirror = partial(
            sync_catalog, account=self._account, accept_missing=self._options.allow_empty
        )
        if drift and self._repairer.attempt(drift, mirror):
            left = {
                (stripe_id, difference.kind.value, difference.subject)
                for stripe_id, difference in self._differences()
            }
            still = [row for row in drift if (row.object_id, row.kind, row.subject) in left]
            mark(still, Drift.State.FAILED, error=STILL)
            mark([row for row in drift if row not in still], Drift.State.REPAIRED)
        if self._run.resumed:  # what is not found again was repaired before the run broke off
            rows = self._run.drift.filter(kind__in=KINDS, state=Drift.State.FOUND, error="")
            mark(list(rows.exclude(pk__in=[row.pk for row in drift])), Drift.State.REPAIRED)
