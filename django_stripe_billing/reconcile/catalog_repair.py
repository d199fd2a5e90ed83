"""Drift of the catalog that shows elsewhere: the catalog is mirrored anew for all of it at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model

from ..catalog import fetch_listed_nowhere, sync_catalog
from ..models import Drift, Feature, Price, Product, ReconcileRun
from ..rules.drift_kinds import MEANINGS, Kind
from ..sync import Cause, recompute
from .features import agrees_now
from .options import Options
from .recording import mark
from .repairing import Repairer

UNKNOWN = (Kind.PRICE_UNKNOWN, Kind.FEATURE_UNKNOWN)
KINDS = (*UNKNOWN, Kind.FEATURE_DISAGREEMENT)


def repair_left(run: ReconcileRun, options: Options, *, repairer: Repairer) -> None:
    """What the pages and Stripe's own opinion have shown since the catalog was compared."""
    rows = Drift.objects.filter(run=run, kind__in=KINDS, state=Drift.State.FOUND)
    drift = list(rows.select_related("run"))
    if not drift or not run.is_applying:
        return

    def mirror() -> None:
        mirror_for(
            drift, account=run.account, cause=repairer.cause, accept_missing=options.allow_empty
        )

    if repairer.attempt(drift, mirror):
        judge(drift)


def mirror_for(
    drift: Iterable[Drift], *, account: str, cause: Cause, accept_missing: bool = False
) -> None:
    """Mirror the catalog, with the products and prices of `drift` that no list of Stripe's shows,
    and write anew what it grants. Raises StripeError."""
    sync_catalog(account=account, accept_missing=accept_missing)
    for row in drift:
        if row.kind in UNKNOWN and not is_in_catalog(row):
            fetch_listed_nowhere(row.object_id, account=account)
    recompute(account=account, cause=cause)


def judge(drift: Iterable[Drift]) -> None:
    """Write what the mirroring came to onto the rows."""
    for row in drift:
        kind = Kind(row.kind)
        if kind is Kind.FEATURE_DISAGREEMENT:
            is_settled, error = agrees_now(row), MEANINGS[kind].advice
        else:
            is_settled = kind not in UNKNOWN or is_in_catalog(row)
            error = f"Stripe's catalog does not list {row.object_id}."
        if is_settled:
            mark([row], Drift.State.REPAIRED)
        else:
            mark([row], Drift.State.FAILED, error=error)


def is_in_catalog(drift: Drift) -> bool:
    """Whether a price, product or feature that was unknown is stored by now."""
    models: tuple[type[Model], ...] = (
        (Price,) if drift.kind == Kind.PRICE_UNKNOWN else (Product, Feature)
    )
    return any(
        model._default_manager.filter(account=drift.run.account, stripe_id=drift.object_id).exists()
        for model in models
    )
