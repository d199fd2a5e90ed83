"""Stripe's catalog as a run reads it: all of it at once, as it is small."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from ..exceptions import StripeObjectMissingError
from ..rules.catalog_snapshots import FeatureSnapshot, parse_feature
from ..rules.json_values import identifier
from ..rules.ordering import Interval
from ..stripe_api import Page, read_page, request
from .catalog_rows import PRICES, PRODUCTS, Sort
from .patience import Patience

GONE = Interval(low=0, high=0)
"""Of an answer that says only that there is no such object."""


@dataclass(kw_only=True)
class RemoteCatalog:
    """What was read, by Stripe id; of products and prices with their answer's interval."""

    of: dict[str, dict[str, tuple[Any, Interval]]] = field(
        default_factory=lambda: {PRODUCTS.path: {}, PRICES.path: {}}
    )
    """Products and prices, by the path of their list."""
    features: dict[str, FeatureSnapshot] = field(default_factory=dict)
    attached: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By product whose features were read: the features' ids."""


class CatalogReader:
    """Reads Stripe's catalog: a call for each hundred products, for each hundred prices that are
    active and that are not, and for the features of each product."""

    def __init__(self, *, account: str, patience: Patience) -> None:
        self._account = account
        self._patience = patience

    def products(self, catalog: RemoteCatalog) -> None:
        """Raises StripeError."""
        self._read(PRODUCTS, catalog)

    def prices(self, catalog: RemoteCatalog) -> None:
        """Stripe lists active prices or the others. https://docs.stripe.com/api/prices/list"""
        for is_active in (True, False):
            self._read(PRICES, catalog, active=is_active)

    def features(self, catalog: RemoteCatalog, product_ids: Collection[str]) -> None:
        """What is attached to these products; one that is gone meanwhile is left out."""
        for product_id in sorted(product_ids):
            try:
                pages = list(self._pages(f"{PRODUCTS.path}/{quote(product_id, safe='')}/features"))
            except StripeObjectMissingError:
                continue
            attached = catalog.attached[product_id]
            for row in (row for page in pages for row in page.rows):
                feature = parse_feature(row.get("entitlement_feature"))
                if feature is not None:
                    catalog.features[feature.id] = feature
                    attached.add(feature.id)

    def one(self, path: str, stripe_id: str) -> tuple[dict[str, Any], Interval]:
        """A product or price by its id, deleted where Stripe has no such object."""
        read = partial(request, "get", f"{path}/{quote(stripe_id, safe='')}", account=self._account)
        try:
            answer = self._patience(read)
        except StripeObjectMissingError:
            return {"id": stripe_id, "deleted": True}, GONE
        if identifier(answer.data) != stripe_id:
            return {"id": stripe_id}, GONE
        return answer.data, answer.interval

    def _read(self, sort: Sort, catalog: RemoteCatalog, **params: Any) -> None:
        for page in self._pages(sort.path, **params):
            for row in page.rows:
                found = sort.parse(row)
                if found is not None:
                    catalog.of[sort.path][found.id] = found, page.interval

    def _pages(self, path: str, **params: Any) -> Iterator[Page]:
        cursor, has_more = "", True
        while has_more:
            page = self._patience(
                partial(read_page, path, params, cursor=cursor, account=self._account)
            )
            yield page
            cursor, has_more = page.cursor, page.has_more
