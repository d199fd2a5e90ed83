"""The billing home: what a subscriber has, uses and pays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET

from ..access import FeatureAccess, dunning_of, entitlements
from ..conf import settings
from ..invoices import invoices_of
from ..models import Feature
from ..subscribers import resolve_subscriber
from ..usage import totals
from .answering import page, show
from .money import charged
from .standing import standings_of

RECENT_INVOICES = 5
ALMOST = Decimal("0.8")
"""From this part of its limit on, what is used is drawn to the eye."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much of something is used."""

    name: str
    used: Decimal
    limit: int | None
    """None: without limit."""

    @property
    def bar(self) -> str:
        """For `<progress>`, whose numbers no language writes in its own way."""
        return str(self.used if self.limit is None else min(self.used, Decimal(self.limit)))

    @property
    def is_almost_full(self) -> bool:
        return self.limit is not None and self.used >= self.limit * ALMOST


@require_GET
@csrf_protect  # its buttons post: the token's cookie must be set
@page
def home(request: HttpRequest) -> HttpResponse:
    """Plans, usage, what is charged, invoices; a constant number of queries."""
    subscriber = resolve_subscriber(request, "portal")
    held = standings_of(subscriber)
    invoices = list(invoices_of(subscriber)[: RECENT_INVOICES + 1])
    features = entitlements(subscriber)
    names = _names(features)
    usage = list(_usage(subscriber, features, names))
    shown = {entry.name for entry in usage}
    context = {
        "standings": [standing for standing in held if standing.is_live],
        "ended": next((standing for standing in held if not standing.is_live), None),
        "trouble": dunning_of(subscriber),
        "usage": usage,
        "features": [
            (names[key], features[key]) for key in sorted(features) if names[key] not in shown
        ],
        "invoices": invoices[:RECENT_INVOICES],
        "has_more_invoices": len(invoices) > RECENT_INVOICES,
        **charged(request, subscriber),
    }
    return show(request, "home.html", context)


def _usage(
    subscriber: Any, features: dict[str, FeatureAccess], names: dict[str, str]
) -> Iterator[Usage]:
    """What the app counts, of the features that are granted; and what meters have summed up."""
    for key, counter in settings.USAGE_COUNTERS.items():
        if key in features:
            count = import_string(counter) if isinstance(counter, str) else counter
            used = Decimal(int(count(subscriber)))
            yield Usage(name=names[key], used=used, limit=features[key].limit)
    for meter, total in totals(subscriber).items():
        used = Decimal(f"{total.normalize():f}")  # 12.5, and neither 12.500000 nor 1E+1
        limit = features[meter].limit if meter in features else None
        yield Usage(name=names.get(meter, _spaced(meter)), used=used, limit=limit)


def _names(features: dict[str, FeatureAccess]) -> dict[str, str]:
    """What the catalog calls the features; one query."""
    rows = Feature.objects.filter(account="", lookup_key__in=features)
    found = dict(rows.order_by("pk").values_list("lookup_key", "name"))
    return {key: found.get(key) or _spaced(key) for key in features}


def _spaced(key: str) -> str:
    return key.replace("_", " ").capitalize()
