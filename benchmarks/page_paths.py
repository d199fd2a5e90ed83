"""Every page and endpoint, as `make bench-pages` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CUSTOMER, SUBSCRIPTION = "cus_00000000000001", "sub_00000000000001"
"""The visitor's, in a database of any size."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request."""

    name: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] | None = None
    """None: GET, else POST."""
    who: str = "visitor"
    """`visitor`, or `staff` who may everything."""
    status: int = 200
    is_json: bool = False


def pages() -> Iterator[Ask]:
    """For customers."""
    base = "/billing/"
    for name in ("", "pricing/", "change/", "cancel/", "pause/", "promotion-code/", "invoices/"):
        yield Ask(name=f"page {name or 'home'}", path=base + name)
    yield Ask(name="page invoices/…", path=f"{base}invoices/in_00000000000001/", status=303)
    yield Ask(name="page return/", path=base + "return/", query={"session_id": "cs_test_1"})
    yield Ask(name="page status/", path=base + "status/")
    yield Ask(name="page behind a feature", path="/gated/")
    yield Ask(name="POST portal/", path=base + "portal/", body={}, status=303)


def endpoints() -> Iterator[Ask]:
    base = "/api/billing/"
    for name in (
        "plans/",
        "invoices/",
        "invoices/in_00000000000001/",
        "payment-method/",
        "dunning/",
        "subscription/",
        "status/",
        "usage/",
        "entitlements/",
    ):
        yield Ask(name=f"API {name}", path=base + name)
    yield Ask(name="API return/", path=base + "return/", query={"session_id": "cs_test_1"})
    for name in ("portal/", "card/"):
        yield Ask(name=f"API POST {name}", path=base + name, body={}, status=201, is_json=True)
    yield Ask(
        name="API POST subscription/promotion-code/",
        path=base + "subscription/promotion-code/",
        body={"code": "NONE"},
        status=400,
        is_json=True,
    )


FILTERS: dict[str, tuple[str, ...]] = {
    "customer": ("linked=yes", "linked=no", "is_deleted__exact=1"),
    "subscription": (
        "status__exact=past_due",
        "status__exact=active",
        "status__exact=incomplete",
        "cancel_at_period_end__exact=1",
    ),
    "checkoutsession": ("status__exact=expired",),
    "invoice": ("status__exact=open",),
    "payment": ("status__exact=paid", "dispute_status__exact=lost"),
    "entitlement": ("feature__id__exact=1", "source_kind__exact=manual"),
    "entitlementchange": ("kind__exact=granted", "cause_kind__exact=person"),
    "event": ("status__exact=failed", "type__exact=invoice.paid"),
    "drift": ("state=left", "kind__exact=entitlement_missing"),
    "emailmessage": ("status__exact=failed",),
    "usagerecord": ("state__exact=refused",),
    "manualgrant": ("feature__id__exact=1",),
    "trialuse": ("kind__exact=subscriber",),
    "reconcilerun": ("scope=all",),
    "price": ("interval=month",),
}
SEARCHES: dict[str, tuple[str, ...]] = {
    "customer": (CUSTOMER, "user00000001@", "user00000001", SUBSCRIPTION, "First Last 1"),
    "subscription": (SUBSCRIPTION, "user00000001@"),
    "invoice": ("in_00000000000001", "A-00000001", "user00000001@"),
    "payment": ("cs_test_00000000000001", CUSTOMER),
    "entitlement": (SUBSCRIPTION, "user00000001@"),
    "entitlementchange": (CUSTOMER,),
    "event": ("evt_00000000000001", CUSTOMER),
    "drift": (CUSTOMER,),
    "emailmessage": (CUSTOMER,),
    "checkoutsession": (CUSTOMER,),
    "usagerecord": (CUSTOMER,),
    "trialuse": (CUSTOMER,),
    "manualgrant": (CUSTOMER,),
}
DATES = {
    "subscription": "stripe_created_at",
    "invoice": "stripe_created_at",
    "event": "received_at",
    "entitlementchange": "created_at",
}
"""Filtered by the last seven days."""


def admin_pages(since: str) -> Iterator[Ask]:
    """The index, and for each model its list, filters, searches, and a row's page."""
    from django.contrib import admin
    from django.urls import reverse

    def ask(name: str, path: str, **given: Any) -> Ask:
        return Ask(name=f"admin {name}", path=path, who="staff", **given)

    yield ask("index", reverse("admin:index"))
    models = {
        model._meta.model_name: model
        for model in admin.site._registry
        if model._meta.app_label == "stripe_billing"
    }
    for name, model in sorted(models.items()):
        listed = reverse(f"admin:stripe_billing_{name}_changelist")
        if name == "dashboard":
            for days in ("7", "30", "90", "365"):
                yield ask(f"dashboard, {days} days", listed, query={"days": days})
            continue
        yield ask(f"{name}s", listed)
        for query in FILTERS.get(name, ()):
            yield ask(f"{name}s?{query}", listed, query=dict([query.split("=")]))
        if name in DATES:
            query = {f"{DATES[name]}__gte": since}
            yield ask(f"{name}s of the last 7 days", listed, query=query)
        for term in SEARCHES.get(name, ()):
            yield ask(f"{name}s?q={term}", listed, query={"q": term})
        row = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        if row is not None:
            yield ask(f"{name}, one", reverse(f"admin:stripe_billing_{name}_change", args=[row]))
    yield ask("timeline", reverse("admin:stripe_billing_customer_timeline", args=[1]))
    last = models["reconcilerun"]._default_manager.latest("pk").pk
    yield ask(
        "reconcilerun, the last", reverse("admin:stripe_billing_reconcilerun_change", args=[last])
    )
    url = reverse("admin:stripe_billing_subscription_changelist")
    yield ask("subscriptions, page 4", url, query={"p": "4"})
    export = {"action": "export_csv", "select_across": "1", "_selected_action": "1"}
    yield ask("subscriptions as CSV, the first bytes", url, body=export)
