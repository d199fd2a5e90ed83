"""A plans file → Stripe: each object created, changed or left as it is, and a line about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..rules.catalog_snapshots import PriceSnapshot
from . import differences
from .calls import Calls
from .mirror import SyncSummary, sync_catalog
from .plan_file import read_plans
from .plans import FeaturePlan, Plans, PricePlan, ProductPlan
from .remote import Remote, RemoteProduct, read_remote


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of one object."""

    subject: str
    """`feature`, `product` or `price`."""
    key: str
    action: str
    """`created`, `updated`, `kept`, `attached`, `detached`, `archived` or `left`."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PushSummary:
    """What a push did, or would have done."""

    lines: tuple[Line, ...]
    writes: int
    calls: int
    synced: SyncSummary | None
    """What mirroring found afterwards; None when it was not asked for."""


Tell = Callable[[Line], object]


def push_catalog(
    path: str | Path,
    *,
    account: str = "",
    is_dry_run: bool = False,
    prune: bool = False,
    is_synced: bool = True,
    tell: Tell = lambda line: None,
) -> PushSummary:
    """Make Stripe's catalog as a plans file has it, then mirror it into the database.

    A second push makes no write; one that was interrupted is finished by the next. `prune` archives
    the prices and products that the file made once and names no more. `tell` is called with each
    line as soon as it is true. Raises PlanFileError and CatalogConflictError before the first
    write, StripeError at any time.
    """
    plans = read_plans(path)
    calls = Calls(account=account, is_dry_run=is_dry_run)
    push = _Push(calls, read_remote(calls, plans), tell)
    push.all(plans, prune=prune)
    synced = sync_catalog(account=account) if is_synced and not is_dry_run else None
    return PushSummary(
        lines=tuple(push.lines), writes=calls.writes, calls=calls.made, synced=synced
    )


class _Push:
    """One run over one reading of Stripe. In a dry run, what would be created has the id ''."""

    def __init__(self, calls: Calls, remote: Remote, tell: Tell) -> None:
        self.calls = calls
        self.remote = remote
        self.tell = tell
        self.lines: list[Line] = []
        self.feature_ids: dict[str, str] = {}

    def all(self, plans: Plans, *, prune: bool) -> None:
        for feature in plans.features:
            self.feature_ids[feature.lookup_key] = self._feature(feature)
        for plan in plans.products:
            product = self.remote.products.get(plan.key)
            product_id = self._product(plan, product)
            self._attach(plan, product, product_id)
            for price in plan.prices:
                self._price(price, product, product_id)
        self._orphans(plans, prune=prune)

    def _feature(self, plan: FeaturePlan) -> str:
        path = "/v1/entitlements/features"
        held = self.remote.features.get(plan.lookup_key)
        if held is None:
            params = {"lookup_key": plan.lookup_key, "name": plan.name, "metadata": plan.metadata}
            created = self.calls.create(path, params)
            self._line("feature", plan.lookup_key, "created")
            return created
        params = differences.feature_update(plan, held)
        self._update("feature", plan.lookup_key, f"{path}/{held.id}", params)
        return held.id

    def _product(self, plan: ProductPlan, product: RemoteProduct | None) -> str:
        if product is None:
            params = differences.product_create(plan)
            created = self._create_once("/v1/products", params, known=[])
            self._line("product", plan.key, "created")
            return created
        held = product.snapshot
        params = differences.product_update(plan, held)
        self._update("product", plan.key, f"/v1/products/{held.id}", params)
        return held.id

    def _attach(self, plan: ProductPlan, product: RemoteProduct | None, product_id: str) -> None:
        path = f"/v1/products/{product_id}/features"
        attached = {link.feature_id: link for link in product.features} if product else {}
        for key in plan.features:
            feature_id = self.feature_ids[key]
            if not feature_id or attached.pop(feature_id, None) is None:
                self.calls.create(path, {"entitlement_feature": feature_id})
                self._line("product", plan.key, "attached", key)
        for link in attached.values():
            self.calls.delete(f"{path}/{link.id}")
            self._line("product", plan.key, "detached", link.lookup_key)

    def _price(self, plan: PricePlan, product: RemoteProduct | None, product_id: str) -> None:
        key = plan.lookup_key
        holder, marked = self.remote.holders.get(key), self.remote.marked.get(key, [])
        candidates = ([holder] if holder else []) + marked
        chosen = next(
            (
                price
                for price in candidates
                if differences.is_same_offer(plan, price, product_id=product_id)
            ),
            None,
        )
        is_key_taken = holder is not None and holder is not chosen
        if chosen is None:
            params = differences.price_create(
                plan, product_id=product_id, is_key_taken=is_key_taken
            )
            known = [price.id for price in candidates]
            chosen_id = self._create_once("/v1/prices", params, known=known)
            self._line("price", key, "created", f"instead of {holder.id}" if holder else "")
        else:
            chosen_id = chosen.id
            params = differences.price_update(plan, chosen, is_key_taken=is_key_taken)
            self._update("price", key, f"/v1/prices/{chosen.id}", params)
        for old in marked:
            if old is not chosen and old.active:
                self._archive_price(old, product, instead=chosen_id)
        if holder and is_key_taken and holder.active and holder not in marked:
            self._line("price", holder.id, "left", "active: the file did not make it")

    def _archive_price(
        self, old: PriceSnapshot, product: RemoteProduct | None, *, instead: str
    ) -> None:
        """Stripe archives no default price, so the product gets the new one first."""
        if product and product.default_price_id == old.id and old.product_id == product.snapshot.id:
            self.calls.update(f"/v1/products/{old.product_id}", {"default_price": instead})
        self.calls.update(f"/v1/prices/{old.id}", {"active": False})
        self._line("price", old.id, "archived", "was replaced")

    def _orphans(self, plans: Plans, *, prune: bool) -> None:
        """What the file made once and names no more."""
        wanted_prices = {plan.lookup_key for plan in plans.prices}
        wanted_products = {plan.key for plan in plans.products}
        defaults = {product.default_price_id for product in self.remote.products.values()}
        for key, prices in self.remote.marked.items():
            for price in prices:
                if key in wanted_prices or not price.active:
                    continue
                if prune and price.id not in defaults:
                    self.calls.update(f"/v1/prices/{price.id}", {"active": False})
                    self._line("price", key, "archived", f"{price.id} is not in the file")
                elif prune:
                    self._line("price", key, "left", f"{price.id} is its product's default price")
                else:
                    self._line("price", key, "left", f"{price.id} is not in the file: --prune")
        for key, product in self.remote.products.items():
            held = product.snapshot
            if key in wanted_products or not held.active:
                continue
            if prune:
                self.calls.update(f"/v1/products/{held.id}", {"active": False})
                self._line("product", key, "archived", f"{held.id} is not in the file")
            else:
                self._line("product", key, "left", f"{held.id} is not in the file: --prune")

    def _update(self, subject: str, key: str, path: str, params: dict[str, Any]) -> None:
        if not params:
            self._line(subject, key, "kept")
            return
        self.calls.update(path, params)
        self._line(subject, key, "updated", differences.named(params))

    def _create_once(self, path: str, params: dict[str, Any], *, known: list[str]) -> str:
        """Two pushes at once that saw the same at Stripe create one object.

        The hour is part of the key because Stripe keeps a failure as long as a success.
        https://docs.stripe.com/api/idempotent_requests
        """
        seen = json.dumps([path, params, sorted(known), self.remote.hour], sort_keys=True)
        key = f"catalog-{hashlib.sha256(seen.encode()).hexdigest()}"
        return self.calls.create(path, params, idempotency_key=key)

    def _line(self, subject: str, key: str, action: str, note: str = "") -> None:
        line = Line(subject=subject, key=key, action=action, note=note)
        self.lines.append(line)
        self.tell(line)
