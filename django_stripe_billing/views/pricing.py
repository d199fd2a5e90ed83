"""What is on sale, for everybody; and what a visitor has of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_safe

from ..access.request_billing import billing_of
from ..checkout import is_trial_open, owned_products
from .answering import open_page, show
from .offers import Visitor, offers_for
from .standing import Standing, standings_of


@require_safe
@csrf_protect  # its buttons post: the token's cookie must be set
@open_page
def pricing(request: HttpRequest) -> HttpResponse:
    """`?interval=year-1&currency=eur` chooses; `?feature=` marks the plans that include it."""
    subscriber = billing_of(request).subscriber
    held = standings_of(subscriber) if subscriber else []
    offers = offers_for(
        visitor_of(subscriber, held),
        interval=request.GET.get("interval", ""),
        currency=request.GET.get("currency", ""),
        feature=request.GET.get("feature", ""),
    )
    live = [standing for standing in held if standing.is_live]
    context = {"offers": offers, "standing": live[0] if len(live) == 1 else None}
    return show(request, "pricing.html", context)


def visitor_of(subscriber: Any, held: list[Standing]) -> Visitor:
    """What the cards of the pricing page depend on; three queries for a subscriber."""
    live = [standing for standing in held if standing.is_live]
    price = next((standing.price for standing in live if standing.price), None)
    return Visitor(
        product_ids=frozenset(
            {product_id for standing in live for product_id in standing.product_ids}
            | (owned_products(subscriber) if subscriber else frozenset())
        ),
        currency=live[0].subscription.currency if live else "",
        interval=(price.interval, price.interval_count) if price else None,
        has_trial=not held and (subscriber is None or is_trial_open(subscriber)),
    )
