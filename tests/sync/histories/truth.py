"""What the database must say, worked out from the sandbox's own objects and by other code."""

from graphlib import TopologicalSorter

from django.apps import apps
from django.core import mail
from django.db import DEFAULT_DB_ALIAS

from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    ManualGrant,
    Price,
    Product,
    Subscription,
)
from tests.payloads import DAY


def _dependents_first():
    """The app's models, each before those that it refers to."""
    models = [
        model
        for model in apps.get_app_config("stripe_billing").get_models()
        if not model._meta.proxy
    ]
    fields = {model: model._meta.concrete_fields for model in models}
    graph = {
        model: {field.related_model for field in fields[model]} & set(models) - {model}
        for model in models
    }
    return list(TopologicalSorter(graph).static_order())[::-1]


TABLES = _dependents_first()


def empty_tables():
    """Forget the world before, quickly, with what was mailed in it."""
    mail.outbox = []
    for model in TABLES:
        model._base_manager.all()._raw_delete(DEFAULT_DB_ALIAS)


def differences(engine, *, told, is_all_told):
    """What differs, a line each.

    Customers' details are told by events alone; that one is deleted, a run finds out of those who
    have something without a subscription.
    """
    objects = engine.state.objects.values()
    bought = [one for one in objects if one["object"] == "subscription"]
    products = {one["id"]: one for one in objects if one["object"] == "product"}
    prices = [one for one in objects if one["object"] == "price"]
    gone = set(engine.state.deleted)
    checks = [
        (
            "subscriptions",
            {row.stripe_id: _row(row) for row in _rows()},
            {one["id"]: _told(one) for one in bought},
        ),
        (
            "entitlements",
            _held(),
            {
                (one["id"], key): term
                for one in bought
                if one["customer"] not in gone
                for key, term in _paid_for(one, products, _unpaid(objects, one)).items()
            },
        ),
        ("the sum of the changes", _sum_of_changes(), _held()),
        (
            "products",
            {
                row.stripe_id: (row.name, row.active, row.metadata)
                for row in Product.objects.filter(is_deleted=False)
            },
            {key: (one["name"], one["active"], one["metadata"]) for key, one in products.items()},
        ),
        (
            "prices",
            {
                row.stripe_id: (row.lookup_key, row.nickname, row.active, row.unit_amount)
                for row in Price.objects.filter(is_deleted=False)
            },
            {
                one["id"]: (
                    one["lookup_key"] or "",
                    one["nickname"] or "",
                    one["active"],
                    one["unit_amount"],
                )
                for one in prices
            },
        ),
        ("events", set(Event.objects.values_list("stripe_id", flat=True)), told),
        (
            "unsettled events",
            set(
                Event.objects.exclude(status__in=["processed", "stale", "ignored"]).values_list(
                    "stripe_id", flat=True
                )
            ),
            set(),
        ),
    ]
    given = set(ManualGrant.objects.values_list("customer__stripe_id", flat=True))
    checks += [
        (
            "deleted customers who had something by hand",
            set(
                Customer.objects.filter(is_deleted=True, stripe_id__in=given).values_list(
                    "stripe_id", flat=True
                )
            ),
            gone & given,
        ),
        (
            "what is had by hand",
            set(
                Entitlement.objects.filter(source_kind="manual").values_list(
                    "customer__stripe_id", flat=True
                )
            ),
            given - gone,
        ),
    ]
    if is_all_told:
        checks += [
            (
                "customers",
                {
                    row.stripe_id: "deleted" if row.is_deleted else row.email
                    for row in Customer.objects.all()
                },
                {
                    **{
                        one["id"]: one["email"] or ""
                        for one in objects
                        if one["object"] == "customer"
                    },
                    **dict.fromkeys(gone, "deleted"),
                },
            ),
        ]
    return [line for name, here, stripe in checks for line in _compared(name, here, stripe)]


def _compared(name, here, stripe):
    if here == stripe:
        return []
    if isinstance(here, set):
        return [f"{name}: here alone {here - stripe}, Stripe's alone {stripe - here}"]
    return [
        f"{name}: {key} is {here.get(key)} here, {stripe.get(key)} at Stripe"
        for key in here.keys() | stripe.keys()
        if here.get(key) != stripe.get(key)
    ]


def _rows():
    return Subscription.objects.select_related("customer").prefetch_related("items")


def _seconds(moment):
    return None if moment is None else int(moment.timestamp())


def _row(row):
    return {
        "customer": row.customer.stripe_id,
        "status": row.status,
        "created": _seconds(row.stripe_created_at),
        "trial": (_seconds(row.trial_start_at), _seconds(row.trial_end_at)),
        "cancel_at": _seconds(row.cancel_at),
        "cancel_at_period_end": row.cancel_at_period_end,
        "canceled_at": _seconds(row.canceled_at),
        "ended_at": _seconds(row.ended_at),
        "latest_invoice": row.latest_invoice_id,
        "items": {
            item.stripe_id: (
                item.price_id,
                item.product_id,
                item.quantity,
                _seconds(item.current_period_start_at),
                _seconds(item.current_period_end_at),
            )
            for item in row.items.all()
        },
    }


def _told(one):
    return {
        "customer": one["customer"],
        "status": one["status"],
        "created": one["created"],
        "trial": (one["trial_start"], one["trial_end"]),
        "cancel_at": one["cancel_at"],
        "cancel_at_period_end": one["cancel_at_period_end"],
        "canceled_at": one["canceled_at"],
        "ended_at": one["ended_at"],
        "latest_invoice": one["latest_invoice"] or "",
        "items": {
            item["id"]: (
                item["price"]["id"],
                item["price"]["product"],
                item["quantity"],
                item["current_period_start"],
                item["current_period_end"],
            )
            for item in one["items"]["data"]
        },
    }


def _held():
    return {
        (row.source_id, row.feature.lookup_key): (_seconds(row.ends_at), row.limit)
        for row in Entitlement.objects.filter(source_kind="subscription").select_related("feature")
    }


def _unpaid(objects, subscription):
    """When the invoices were made that are tried and open, the oldest first."""
    return sorted(
        invoice["created"]
        for invoice in objects
        if invoice["object"] == "invoice"
        and (invoice["parent"] or {}).get("subscription_details", {}).get("subscription")
        == subscription["id"]
        and invoice["status"] == "open"
        and invoice["attempted"]
        and invoice["amount_remaining"]
    )


def _paid_for(one, products, unpaid):
    """Both features of each item's product, until the end that its status allows."""
    found = {}
    for item in one["items"]["data"]:
        metadata = products[item["price"]["product"]]["metadata"]
        start, end = item["current_period_start"], item["current_period_end"]
        ends = {
            "active": end + 3 * DAY,
            "trialing": end + 3 * DAY,
            "past_due": next(iter(unpaid), start) + int(metadata.get("grace_days", "7")) * DAY,
        }
        if one["status"] not in ends or item["quantity"] == 0:
            continue
        end = min(ends[one["status"]], one["cancel_at"] or 2**40)
        for key in ("reports", "seats"):
            limit = _limit(metadata.get(f"limit:{key}"), item["quantity"])
            if key in found:
                end, limit = max(end, found[key][0]), _larger(limit, found[key][1])
            found[key] = (end, limit)
    return found


def _limit(text, quantity):
    if text is None:
        return None
    number, _, per_unit = text.partition(" ")
    return int(number) * (quantity if per_unit else 1)


def _larger(one, other):
    return None if None in (one, other) else max(one, other)


def _sum_of_changes():
    """The append-only record, replayed: each change begins where the one before ended."""
    held = {}
    changes = EntitlementChange.objects.filter(source_kind="subscription").order_by("pk")
    for change in changes.select_related("feature"):
        key = (change.source_id, change.feature.lookup_key)
        before = change.before and (change.before["ends_at"], change.before["limit"])
        if held.pop(key, None) != before:
            held[("broken chain", change.pk)] = key
        if change.after:
            held[key] = (change.after["ends_at"], change.after["limit"])
    return held
