"""Every kind of drift, planted at once among many subscriptions."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_stripe_billing.models import (
    Customer,
    Entitlement,
    Event,
    Feature,
    Invoice,
    ManualGrant,
    Subscription,
    SubscriptionItem,
    TrialUse,
)
from django_stripe_billing.reconcile import ChangeLimit, reconcile
from django_stripe_billing.sync import Cause, add_manual_grant, sync_invoice, sync_subscription

from .crowd import crowd, show

LATER = 7200
"""Seconds after which nothing is on its way, and nothing has changed just now."""


@dataclass(kw_only=True)
class Planted:
    """What a run must find."""

    expected: set[tuple[str, str]] = field(default_factory=set)
    """Kind and object."""
    for_people: set[tuple[str, str]] = field(default_factory=set)
    """Those of them that no run repairs."""
    revealed: set[tuple[str, str]] = field(default_factory=set)
    """What shows only when the rest was repaired, and is for people, too."""

    def add(self, kind, object_id, *, is_for_people=False):
        self.expected.add((kind, object_id))
        if is_for_people:
            self.for_people.add((kind, object_id))


def populate(shop, sandbox, number):
    """That many subscriptions on both sides, each of a linked customer, all equal."""
    engine = sandbox.engine
    rows = crowd(engine, shop.pro_monthly, number, per_second=2)
    sandbox.drop()
    link_all(rows)
    report = reconcile(apply=True, events=True, max_changes=ChangeLimit.parse("100%"))
    assert report.run.listed == number
    Entitlement.objects.update(granted_at=timezone.now() - timedelta(days=4000))
    sandbox.advance(LATER)
    return rows


def link_all(rows):
    """A subscriber for each customer."""
    model = Customer._meta.get_field("subscriber").related_model
    name = "username" if model is get_user_model() else "name"
    first = model.objects.count()
    model.objects.bulk_create(
        [model(**{name: f"person{first + place}"}) for place in range(len(rows))]
    )
    people = list(model.objects.order_by("-pk")[: len(rows)])
    Customer.objects.bulk_create(
        [
            Customer(stripe_id=row["customer"], subscriber=person)
            for row, person in zip(rows, people, strict=True)
        ]
    )


def grant(customer):
    """A feature for good, given by hand: what a deleted customer must lose."""
    feature = Feature.objects.get(lookup_key="export")
    row = ManualGrant(customer=customer, feature=feature, reason="a present")
    add_manual_grant(row, cause=Cause(kind="person", id="boss"))


def plant(shop, sandbox, rows):
    """Plant each kind on subscriptions of its own, spread over all pages; what must be found."""
    engine, planted = sandbox.engine, Planted()
    state = engine.state
    step = len(rows) // 40
    assert step >= 3
    spots = iter(rows[step // 2 :: step])

    def here(row):
        return Subscription.objects.filter(stripe_id=row["id"])

    # Rows that differ

    row = next(spots)
    here(row).delete()
    planted.add("subscription_missing_here", row["id"])

    row = next(spots)
    here(row).delete()
    Customer.objects.filter(stripe_id=row["customer"]).delete()
    planted.add("subscription_missing_here", row["id"])
    planted.add("customer_missing", row["id"])
    planted.revealed.add(("customer_unlinked", row["customer"]))

    row = next(spots)
    state.remove(row)
    planted.add("subscription_missing_at_stripe", row["id"])

    row, other = next(spots), next(spots)
    here(row).update(customer=Customer.objects.get(stripe_id=other["customer"]))
    planted.add("subscription_customer", row["id"], is_for_people=True)
    planted.add("subscription_duplicate", min(row["id"], other["id"]), is_for_people=True)

    row = next(spots)
    here(row).update(status="past_due")
    planted.add("subscription_status", row["id"])

    row = next(spots)
    row["status"] = "unpaid"
    planted.add("subscription_status", row["id"])

    row = next(spots)
    items = SubscriptionItem.objects.filter(subscription__stripe_id=row["id"])
    items.update(current_period_end_at=timezone.now() + timedelta(days=900))
    planted.add("subscription_period", row["id"])

    row = next(spots)  # the second item: not only the first is looked at
    second = {**row["items"]["data"][0], "id": f"{row['items']['data'][0]['id']}x", "quantity": 3}
    row["items"]["data"].append(second)
    planted.add("subscription_items", row["id"])
    planted.add("subscription_period", row["id"])

    row = next(spots)
    items = SubscriptionItem.objects.filter(subscription__stripe_id=row["id"])
    items.update(quantity=9)
    planted.add("subscription_items", row["id"])

    row = next(spots)
    row["cancel_at"] = row["canceled_at"] = engine.now
    planted.add("subscription_cancellation", row["id"])

    row = next(spots)
    here(row).update(collection_method="send_invoice")
    planted.add("subscription_fields", row["id"])

    row = next(spots)
    twin = {**row, "id": f"{row['id']}twin", "latest_invoice": f"{row['latest_invoice']}twin"}
    part = {**row["items"]["data"][0], "id": f"{row['items']['data'][0]['id']}twin"}
    twin["items"] = {**row["items"], "data": [part]}
    state.objects[twin["id"]] = twin
    show(engine, twin)
    planted.add("subscription_missing_here", twin["id"])
    planted.revealed.add(("subscription_duplicate", row["id"]))

    # Entitlements

    row = next(spots)
    Entitlement.objects.filter(source_id=row["id"], feature__lookup_key="reports").delete()
    planted.add("entitlement_missing", row["id"])

    row = next(spots)
    stored = here(row).get()
    export = Feature.objects.get(lookup_key="export")
    Entitlement.objects.create(
        customer=stored.customer,
        feature=export,
        source_kind="subscription",
        source_id=row["id"],
        subscription=stored,
    )
    planted.add("entitlement_extra", row["id"])

    row = next(spots)
    Entitlement.objects.create(
        customer=Customer.objects.get(stripe_id=row["customer"]),
        feature=export,
        source_kind="subscription",
        source_id="sub_never",
    )
    planted.add("entitlement_extra", "sub_never")

    row = next(spots)
    held = Entitlement.objects.filter(source_id=row["id"], feature__lookup_key="reports")
    held.update(ends_at=timezone.now() + timedelta(days=4000))
    planted.add("entitlement_end", row["id"])

    row = next(spots)
    Entitlement.objects.filter(source_id=row["id"], feature__lookup_key="seats").update(limit=99)
    planted.add("entitlement_limit", row["id"])

    # Customers

    row = next(spots)
    Customer.objects.filter(stripe_id=row["customer"]).update(is_deleted=True)
    planted.add("customer_deleted", row["id"], is_for_people=True)
    planted.add("entitlement_extra", row["id"])

    row = next(spots)
    Customer.objects.filter(stripe_id=row["customer"]).update(subscriber=None)
    planted.add("customer_unlinked", row["customer"], is_for_people=True)

    row, other = next(spots), next(spots)
    Customer.objects.filter(stripe_id=other["customer"]).update(email="ada@example.com")
    Customer.objects.filter(stripe_id=row["customer"]).update(
        subscriber=None, email="Ada@example.com"
    )
    planted.add("customer_unlinked", row["customer"], is_for_people=True)
    planted.add("customer_duplicate", row["customer"], is_for_people=True)

    row = next(spots)
    gone = {"id": row["customer"], "object": "customer", "deleted": True}
    state.remove(state.objects[row["customer"]], answers=gone)
    row["status"] = "canceled"
    grant(Customer.objects.get(stripe_id=row["customer"]))
    planted.add("subscription_status", row["id"])
    planted.add("customer_deleted_at_stripe", row["customer"])

    # The catalog

    state.objects[shop.starter["id"]]["metadata"]["limit:seats"] = "7"
    planted.add("product_differs", shop.starter["id"])

    state.objects[shop.starter_monthly["id"]]["nickname"] = "Monthly"
    planted.add("price_differs", shop.starter_monthly["id"])

    seats = shop.features["seats"]["id"]
    shop.call("POST", f"/v1/entitlements/features/{seats}", {"name": "Places"})
    planted.add("feature_differs", seats)

    row = next(spots)
    price = {**state.objects[shop.pro_monthly["id"]], "id": "price_new"}
    price |= {"lookup_key": "new", "unit_amount": 4200}
    state.add(price)
    row["items"]["data"][0]["price"] = price
    planted.add("price_unknown", "price_new")
    planted.add("subscription_items", row["id"])

    row = next(spots)
    product = {**state.objects[shop.pro["id"]], "id": "prod_new"}
    state.add(product)
    second_price = {**price, "id": "price_newer", "lookup_key": "newer", "product": "prod_new"}
    state.add(second_price)
    row["items"]["data"][0]["price"] = second_price
    state.notes[row["customer"]]["entitlements"].clear()
    planted.add("price_unknown", "price_newer")
    planted.add("feature_unknown", "prod_new")
    planted.add("subscription_items", row["id"])

    # Invoices

    row = next(spots)
    model = next(one for one in state.objects.values() if one["object"] == "invoice")
    invoice = {**model, "id": f"{row['latest_invoice']}open", "customer": row["customer"]}
    invoice |= {"status": "open", "attempted": True, "attempt_count": 1}
    invoice |= {"amount_remaining": invoice["amount_due"], "amount_paid": 0}
    state.add(invoice)
    sync_invoice(invoice["id"], cause=Cause(kind="event", id="evt_invoice"))
    Invoice.objects.filter(stripe_id=invoice["id"]).update(attempt_count=5)
    planted.add("invoice_differs", invoice["id"])

    # Trials

    row = next(spots)
    row |= {"status": "trialing", "trial_end": row["items"]["data"][0]["current_period_end"]}
    sync_subscription(row["id"], cause=Cause(kind="event", id="evt_trial"))
    person = Customer.objects.get(stripe_id=row["customer"])
    TrialUse.objects.create(kind="subscriber", value="planted", customer=person)
    path = "/v1/payment_methods/pm_card_mastercard/attach"
    shop.call("POST", path, {"customer": row["customer"]})
    state.remove(next(state.all("event")))  # long ago: Stripe does not list it any more
    planted.add("trial_card_unknown", row["customer"])

    # Stripe's own opinion

    row = next(spots)
    state.notes[row["customer"]]["entitlements"].pop(shop.features["reports"]["id"])
    planted.add("feature_disagreement", row["customer"], is_for_people=True)

    # Events

    row = next(spots)
    person = state.objects[row["customer"]]
    for status, kind in (("failed", "event_failed"), ("processed", "event_stuck")):
        engine.emit("customer.updated", person)
        [event] = list(state.all("event"))[:1]
        made = Event.objects.create(
            stripe_id=event["id"],
            type=event["type"],
            api_version=event["api_version"],
            object_id=person["id"],
            customer_id=person["id"],
            payload=event,
            status=status,
            error="RuntimeError: no" if status == "failed" else "",
        )
        long_ago = timezone.now() - timedelta(hours=2)
        Event.objects.filter(pk=made.pk).update(received_at=long_ago)
        planted.add(kind, event["id"])
    engine.emit("customer.updated", person)
    [missed] = list(state.all("event"))[:1]
    planted.add("event_missed", missed["id"])
    sandbox.drop()

    return planted
