"""`billing` in templates."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .request_billing import billing_of


def billing(request: HttpRequest) -> dict[str, Any]:
    """`{% if billing.features.reports %}`, `{{ billing.limits.seats }}`; lazy."""
    return {"billing": billing_of(request)}
