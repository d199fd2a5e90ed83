"""Products and prices: readings of either are judged, and fetched by id, in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from django.db import transaction

from ..exceptions import StripeError, StripeObjectMissingError, UnsettledError
from ..models import Price, Product
from ..rules.catalog_snapshots import parse_price, parse_product
from ..rules.ordering import Interval, Verdict
from ..sync import Cause, apply_price, apply_product
from .calls import Calls

ATTEMPTS = 5
"""How often an object is fetched that keeps changing meanwhile."""

NO_ROW = -1
"""The revision that a fetch notes while no row is stored."""

GONE = Interval(low=0, high=0)
"""The interval of an answer that says only that there is no such object."""


class Apply(Protocol):
    """Judge a reading, and store it when it is newer."""

    def __call__(
        self, row: Mapping[str, Any], interval: Interval, *, account: str, revision: int | None
    ) -> Verdict: ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Products, or prices."""

    path: str
    model: type[Product] | type[Price]
    apply: Apply


def fetch_one(kind: Kind, stripe_id: str, calls: Calls) -> bool:
    """Fetch an object by its id and apply it; whether Stripe has it.

    The stored revision is noted before the request leaves, with no transaction open, as the
    ordering rule asks. Raises UnsettledError after some attempts, and StripeError.
    """
    for _attempt in range(ATTEMPTS):
        with transaction.atomic(durable=True):
            revision = (
                kind.model._default_manager.filter(account=calls.account, stripe_id=stripe_id)
                .values_list("revision", flat=True)
                .first()
            )
        try:
            answer = calls.get(f"{kind.path}/{quote(stripe_id, safe='')}")
        except StripeObjectMissingError:
            row, interval = {"id": stripe_id, "deleted": True}, GONE
        else:
            row, interval = answer.data, answer.interval
        verdict = kind.apply(
            row,
            interval,
            account=calls.account,
            revision=NO_ROW if revision is None else revision,
        )
        if verdict is not Verdict.AMBIGUOUS:
            return row.get("deleted") is not True
    raise UnsettledError(f"{stripe_id} changed during each of {ATTEMPTS} fetches.")


def _apply_product(
    row: Mapping[str, Any], interval: Interval, *, account: str, revision: int | None
) -> Verdict:
    snapshot = parse_product(row)
    if snapshot is None:
        raise StripeError("Stripe's answer holds a product without an id.")
    cause = Cause(kind="catalog")
    return apply_product(snapshot, interval, account=account, revision=revision, cause=cause)


def _apply_price(
    row: Mapping[str, Any], interval: Interval, *, account: str, revision: int | None
) -> Verdict:
    snapshot = parse_price(row)
    if snapshot is None:
        raise StripeError("Stripe's answer holds a price without an id or a product.")
    return apply_price(snapshot, interval, account=account, revision=revision)


PRODUCTS = Kind(path="/v1/products", model=Product, apply=_apply_product)
PRICES = Kind(path="/v1/prices", model=Price, apply=_apply_price)


def fetch_listed_nowhere(stripe_id: str, *, account: str = "") -> None:
    """Store a product or a price by its id: of single sessions' prices Stripe lists none.

    Raises UnsettledError, and StripeError.
    """
    kind = {"prod_": PRODUCTS, "price_": PRICES}.get(stripe_id.partition("_")[0] + "_")
    if kind is not None:
        fetch_one(kind, stripe_id, Calls(account=account))
