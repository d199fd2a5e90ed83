"""Binding a subscriber to a Stripe customer, before anything is sold."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from ..conf import settings
from ..exceptions import CustomerConflictError, StripeError, StripeUnavailableError
from ..models import Customer
from ..rules.json_values import metadata
from ..rules.ordering import Interval
from ..rules.snapshots import CustomerSnapshot, parse_customer
from ..stripe_api import pages, request
from ..sync import Cause, apply_customer, move_manual_grants

logger = logging.getLogger("django_stripe_billing.checkout")

BINDING = "django_stripe_billing_binding"
"""The metadata key by which a customer is found again whose creation was answered with 5xx."""

TYPED_IN = frozenset({"email", "name"})
"""Details that people wrote somewhere, perhaps long ago: they may be none."""

CLOCKS_DIFFER = timedelta(minutes=10)

KEY_KEPT = timedelta(hours=24)
"""How long Stripe knows an idempotency key, at least."""


def bind_customer(subscriber: Any, *, account: str = "") -> Customer:
    """The subscriber's customer in an account, created there when there is none; at most one call.

    The row comes first and is unique per subscriber, and its key makes the creation in Stripe
    idempotent: two tabs, or a retry after a lost answer, make one customer. A customer that was
    deleted in Stripe is left behind, and a new one bound. Raises StripeError.
    """
    customer = customer_row(subscriber, account=account)
    if customer.stripe_id:
        return customer
    snapshot, interval = _create(subscriber, customer)
    bound = _take_stripe_id(customer, snapshot)
    apply_customer(snapshot, interval, account=account, cause=Cause(kind="checkout"))
    return bound


def link_customer(customer: Customer, subscriber: Any, *, cause: Cause) -> Customer:
    """Give a customer that was made in Stripe to a subscriber: what it paid for is theirs then.

    What the subscriber was granted by hand before moves along. Raises CustomerConflictError where
    either of the two has a partner already. The caller has checked who may, and who it is.
    """
    with transaction.atomic():
        partners = Q(account=customer.account, subscriber=subscriber)
        rows = Customer.objects.select_for_update().filter(Q(pk=customer.pk) | partners)
        found = {row.pk: row for row in rows.order_by("pk")}
        row = found.pop(customer.pk)
        if row.subscriber_id is not None or row.is_deleted:
            raise CustomerConflictError(f"{row} was linked, or deleted, meanwhile.")
        for other in found.values():
            if other.stripe_id or other.usage.exists():
                raise CustomerConflictError(f"{subscriber} has the customer {other} already.")
            move_manual_grants(other, row, cause=cause)
            other.delete()
        row.subscriber = subscriber
        row.save(update_fields=["subscriber"])
    return row


def _create(
    subscriber: Any, customer: Customer, *, left_out: frozenset[str] = frozenset()
) -> tuple[CustomerSnapshot, Interval]:
    """The customer in Stripe, created under the row's key.

    A 5xx answer leaves open whether it was created, and Stripe repeats that answer for the key; a
    conflict says that the key was used for other details, and not what came of that. So we look for
    the customer, and without one take another key for the next attempt. So we do before a second
    attempt that comes when Stripe may have forgotten the key.

    An address or a name that Stripe refuses keeps nobody from paying: it is left out, and Checkout
    asks for it.
    """
    if _is_key_old(customer):
        found = _find(customer)
        if found is not None:
            return found
        _take_new_key(customer)
    if customer.asked_at is None:
        customer.asked_at = timezone.now()
        customer.save(update_fields=["asked_at"])
    details = settings.callable("CUSTOMER_DETAILS")(subscriber)
    try:
        answer = request(
            "post",
            "/v1/customers",
            {
                **{name: value for name, value in details.items() if name not in left_out},
                "metadata": {
                    "subscriber": f"{subscriber._meta.label}:{subscriber.pk}",
                    BINDING: str(customer.binding_key),
                },
            },
            account=customer.account,
            idempotency_key=f"customer-{customer.binding_key}",
        )
    except StripeError as error:
        if error.status == 400 and error.param in TYPED_IN & details.keys() - left_out:
            logger.warning("%s is created without %s, which Stripe refuses", customer, error.param)
            _take_new_key(customer)
            return _create(subscriber, customer, left_out=left_out | {error.param})
        is_indeterminate = isinstance(error, StripeUnavailableError) and error.status >= 500
        if not (is_indeterminate or error.is_idempotency_conflict):
            raise
        found = _find(customer)
        if found is None:
            _take_new_key(customer)
            raise
        return found
    snapshot = parse_customer(answer.data)
    if snapshot is None:
        raise StripeUnavailableError("Stripe's answer to the creation of a customer has no id.")
    return snapshot, answer.interval


def _is_key_old(customer: Customer) -> bool:
    asked = customer.asked_at
    return asked is not None and timezone.now() - asked > KEY_KEPT - CLOCKS_DIFFER


def _take_new_key(customer: Customer) -> None:
    """For the next attempt, unless another tab has bound the customer or taken one."""
    key = uuid.uuid4()
    same = Customer.objects.filter(pk=customer.pk, stripe_id=None, binding_key=customer.binding_key)
    if same.update(binding_key=key, asked_at=None):
        customer.binding_key, customer.asked_at = key, None
    else:
        customer.refresh_from_db(fields=["binding_key", "asked_at"])


def _find(customer: Customer) -> tuple[CustomerSnapshot, Interval] | None:
    """The customer that was created under the row's key, among those of the day after it was asked
    for. Our own metadata on a customer is trusted here: nobody but the holder of the key can set
    it."""
    age = timezone.now() - (customer.asked_at or customer.created_at) + CLOCKS_DIFFER
    now = request("get", "/v1/customers", {"limit": 1}, account=customer.account).interval.low
    begin = now - int(age.total_seconds())
    created = {"gte": begin, "lte": begin + int((KEY_KEPT + 2 * CLOCKS_DIFFER).total_seconds())}
    for page in pages("/v1/customers", {"created": created}, account=customer.account):
        for row in page.rows:
            if metadata(row.get("metadata")).get(BINDING) == str(customer.binding_key):
                snapshot = parse_customer(row)
                return None if snapshot is None else (snapshot, page.interval)
    return None


def customer_row(subscriber: Any, *, account: str = "") -> Customer:
    """The subscriber's row, made where there is none; it may not be in Stripe yet."""
    own = Customer.objects.filter(account=account, subscriber=subscriber)
    found = own.first()
    if found is not None and not found.is_deleted:
        return found
    try:
        with transaction.atomic():
            own.filter(is_deleted=True).update(subscriber=None)
            return Customer.objects.create(
                account=account, subscriber=subscriber, livemode=settings.livemode
            )
    except IntegrityError:  # another tab was faster
        return own.get()


def _take_stripe_id(customer: Customer, snapshot: CustomerSnapshot) -> Customer:
    """Write the new customer's id onto the row.

    `customer.created` may have come first and made a row without a subscriber: that one, which may
    hold subscriptions already, then takes the place of ours.
    """
    try:
        return _merge(customer, snapshot)
    except IntegrityError:  # the webhook was making that row at this moment: now it is there
        return _merge(customer, snapshot)


def _merge(customer: Customer, snapshot: CustomerSnapshot) -> Customer:
    with transaction.atomic():
        rows = list(
            Customer.objects.select_for_update()
            .filter(Q(pk=customer.pk) | Q(account=customer.account, stripe_id=snapshot.id))
            .order_by("pk")
        )
        ours = next((row for row in rows if row.pk == customer.pk), None)
        theirs = next((row for row in rows if row.stripe_id == snapshot.id), None)
        if theirs is not None:
            if theirs.subscriber_id not in {None, customer.subscriber_id}:
                raise CustomerConflictError(f"{snapshot.id} is bound to another subscriber.")
            if ours is not None and ours.pk != theirs.pk:
                move_manual_grants(ours, theirs, cause=Cause(kind="checkout"))
                ours.delete()
            theirs.subscriber_id = customer.subscriber_id
            theirs.save(update_fields=["subscriber"])
            return theirs
        if ours is None:
            return Customer.objects.get(
                account=customer.account, subscriber_id=customer.subscriber_id
            )
        ours.stripe_id = snapshot.id
        ours.email, ours.name = snapshot.email, snapshot.name
        ours.save(update_fields=["stripe_id", "email", "name"])
        return ours
