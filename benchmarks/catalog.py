"""The page server's account and its catalog: one product with two features, and its price."""

from __future__ import annotations

import json

from .objects import ACCOUNT, PRICE, PRODUCT

FEATURES = ("reports", "seats")


def catalog(path: str, *, is_active: bool = True) -> bytes | None:
    """The body for a path, or None where nothing is known about it."""
    if path == "/v1/account":
        return json.dumps({"id": ACCOUNT, "object": "account"}).encode()
    lists = {
        "/v1/products": [_product()],
        "/v1/prices": [_price()] if is_active else [],
        f"/v1/products/{PRODUCT}/features": [_link(key) for key in FEATURES],
    }
    if path not in lists:
        return None
    body = {"object": "list", "data": lists[path], "has_more": False, "url": path}
    return json.dumps(body).encode()


def _product() -> dict:
    return {
        "id": PRODUCT,
        "object": "product",
        "name": "Benchmark",
        "description": None,
        "active": True,
        "metadata": {},
    }


def _price() -> dict:
    return {
        "id": PRICE,
        "object": "price",
        "product": PRODUCT,
        "active": True,
        "type": "recurring",
        "currency": "usd",
        "unit_amount": 2000,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "metadata": {},
    }


def _link(key: str) -> dict:
    feature = {
        "id": f"feat_{key}",
        "object": "entitlements.feature",
        "lookup_key": key,
        "name": key,
        "active": True,
        "metadata": {},
    }
    return {"id": f"prodft_{key}", "object": "product_feature", "entitlement_feature": feature}
