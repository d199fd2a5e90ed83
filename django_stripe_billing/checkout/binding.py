"""Binding a subscriber to a Stripe customer, before anything is sold."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from ..conf import settings
from ..exceptions import CustomerConflictError
from ..models import Customer
from ..rules.snapshots import CustomerSnapshot, parse_customer
from ..stripe_api import request
from ..sync import Cause, apply_customer


def bind_customer(subscriber: Any) -> Customer:
    """The subscriber's customer, created in Stripe when there is none; at most one call.

    The row comes first and is unique per subscriber, and its key makes the creation in Stripe
    idempotent: two tabs, or a retry after a lost answer, make one customer. A customer that was
    deleted in Stripe is left behind, and a new one bound. Raises StripeError.
    """
    customer = _row_of(subscriber)
    if customer.stripe_id:
        return customer
    answer = request(
        "post",
        "/v1/customers",
        {
            **settings.callable("CUSTOMER_DETAILS")(subscriber),
            "metadata": {"subscriber": f"{subscriber._meta.label}:{subscriber.pk}"},
        },
        idempotency_key=f"customer-{customer.binding_key}",
    )
    snapshot = parse_customer(answer.data)
    if snapshot is None:
        raise CustomerConflictError("Stripe's answer to the creation of a customer has no id.")
    bound = _take_stripe_id(customer, snapshot)
    apply_customer(snapshot, answer.interval, cause=Cause(kind="checkout"))
    return bound


def _row_of(subscriber: Any) -> Customer:
    own = Customer.objects.filter(account="", subscriber=subscriber)
    found = own.first()
    if found is not None and not found.is_deleted:
        return found
    try:
        with transaction.atomic():
            own.filter(is_deleted=True).update(subscriber=None)
            return Customer.objects.create(subscriber=subscriber, livemode=settings.livemode)
    except IntegrityError:  # another tab was faster
        return own.get()


def _take_stripe_id(customer: Customer, snapshot: CustomerSnapshot) -> Customer:
    """Write the new customer's id onto the row.

    `customer.created` may have come first and made a row without a subscriber: that one, which may
    hold subscriptions already, then takes the place of ours.
    """
    with transaction.atomic():
        rows = list(
            Customer.objects.select_for_update()
            .filter(Q(pk=customer.pk) | Q(account="", stripe_id=snapshot.id))
            .order_by("pk")
        )
        ours = next((row for row in rows if row.pk == customer.pk), None)
        theirs = next((row for row in rows if row.stripe_id == snapshot.id), None)
        if theirs is not None:
            if theirs.subscriber_id not in {None, customer.subscriber_id}:
                raise CustomerConflictError(f"{snapshot.id} is bound to another subscriber.")
            if ours is not None and ours.pk != theirs.pk:
                ours.delete()
            theirs.subscriber_id = customer.subscriber_id
            theirs.save(update_fields=["subscriber"])
            return theirs
        if ours is None:
            return Customer.objects.get(account="", subscriber_id=customer.subscriber_id)
        ours.stripe_id = snapshot.id
        ours.email, ours.name = snapshot.email, snapshot.name
        ours.save(update_fields=["stripe_id", "email", "name"])
        return ours
