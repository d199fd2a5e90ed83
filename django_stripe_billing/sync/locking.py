"""Rows of the catalog, locked until the transaction ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.db import IntegrityError, transaction

from ..models import Feature, Price, Product

Row = TypeVar("Row", Product, Feature, Price)


def locked(model: type[Row], stripe_id: str, *, account: str, **values: object) -> Row:
    """The row of this id, locked; a new one has `values`."""
    row = (
        model._default_manager.select_for_update()
        .filter(account=account, stripe_id=stripe_id)
        .first()
    )
    return row or created(model, stripe_id, account=account, **values)


def created(model: type[Row], stripe_id: str, *, account: str, **values: object) -> Row:
    """A new row, or the one that somebody else made just now, locked."""
    try:
        with transaction.atomic():
            return model._default_manager.create(account=account, stripe_id=stripe_id, **values)
    except IntegrityError:
        return model._default_manager.select_for_update().get(account=account, stripe_id=stripe_id)


def lock_products(stripe_ids: Iterable[str], *, account: str) -> set[str]:
    """Lock these products, in one order; the ids of those that have a row. One query."""
    rows = Product.objects.select_for_update().filter(account=account, stripe_id__in=stripe_ids)
    return set(rows.order_by("pk").values_list("stripe_id", flat=True))


def lock_named_products(stripe_ids: Iterable[str], *, account: str) -> None:
    """Lock products that subscriptions name for the first time.

    Whoever changes a product's terms locks it, too, before looking for its subscriptions. So either
    the new terms are read here, or the new subscription is found there. A product that is not known
    yet gets a row that is not for sale, for the same reason. One query where all are known, none
    for none.
    """
    wanted = set(stripe_ids)
    if not wanted:
        return
    for stripe_id in sorted(wanted - lock_products(wanted, account=account)):
        created(Product, stripe_id, account=account, active=False)
