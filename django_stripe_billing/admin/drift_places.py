"""Where to look further: the admin's pages about the objects that drift names, and Stripe's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from ..models import Customer, Drift, Event, Invoice, Price, Product, Subscription
from ..reconcile.formats import stripe_url

MODELS: dict[str, type[Model]] = {
    "sub_": Subscription,
    "cus_": Customer,
    "evt_": Event,
    "in_": Invoice,
    "price_": Price,
    "prod_": Product,
}
"""By the prefix of the Stripe id."""


class Place(NamedTuple):
    label: str
    url: str
    is_outside: bool = False


def places(drift: Drift, request: HttpRequest, site: AdminSite) -> list[Place]:
    """Links to what is stored and may be viewed; one query for each object."""
    found = list(_here(drift, request, site))
    if url := stripe_url(drift):
        found.append(Place(_("In Stripe's Dashboard"), url, is_outside=True))
    return found


def _here(drift: Drift, request: HttpRequest, site: AdminSite) -> Iterator[Place]:
    for stripe_id in dict.fromkeys((drift.object_id, drift.customer_id, drift.subject)):
        model = MODELS.get(stripe_id.partition("_")[0] + "_")
        if model is None:
            continue
        name = model._meta.model_name
        if not request.user.has_perm(f"stripe_billing.view_{name}"):
            continue
        row: Any = model._default_manager.filter(
            account=drift.run.account, stripe_id=stripe_id
        ).first()
        if row is not None:
            url = reverse(
                f"admin:stripe_billing_{name}_change",
                args=[quote(row.pk)],
                current_app=site.name,
            )
            yield Place(f"{str(model._meta.verbose_name).capitalize()} {stripe_id}", url)
