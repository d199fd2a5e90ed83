"""One-off payments: readings from Stripe → rows → entitlements.

A payment's state is spread over a session, a payment intent's charge, and disputes, each told of by
events in any order. So no event is taken at its word: one about any of them makes us fetch all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from ..conf import settings
from ..exceptions import CustomerConflictError
from ..models import Customer, Entitlement, Payment, PaymentItem, SourceKind
from ..models.mirrored import to_datetime
from ..rules.ordering import Interval, Verdict
from ..rules.payment_snapshots import PAID, PaymentSnapshot
from ..rules.payments import wanted_by_payment
from ..rules.snapshots import MISSING
from .catalog_terms import read_catalog
from .deadlocks import begun_anew
from .door import Cause, Grant, write_entitlements
from .locking import lock_named_products
from .mirror import judge_row
from .payment_news import PaymentNews, tell_of_payment
from .stored import lock_customers
from .subscriptions import NO_ROW

BATCH = 500
"""Customers whose payments are recalculated under one set of locks."""


@dataclass(frozen=True, kw_only=True)
class PaymentReading:
    """A payment as it was fetched, in an interval of Stripe's clock."""

    snapshot: PaymentSnapshot
    interval: Interval
    account: str = ""
    revision: int
    """The stored revision that was noted before the request left."""


def expect_payment(
    session_id: str, *, account: str = "", customer_id: str = "", payment_intent_id: str = ""
) -> int:
    """The stored revision, to be noted before a fetch; a payment that is not known gets a row.

    With that row committed first, a refund that is told of while the fetch is under way finds it,
    and fetches again. One that was told of before, the fetch contains. Without a customer there is
    nothing to make it from: NO_ROW.
    """
    with transaction.atomic(durable=True):
        known = Payment.objects.filter(account=account, stripe_id=session_id)
        revision = known.values_list("revision", flat=True).first()
        if revision is not None:
            return revision
        if not customer_id:
            return NO_ROW
        customer = lock_customers([customer_id], account=account, livemode=settings.livemode)
        row, _is_new = Payment.objects.get_or_create(
            account=account,
            stripe_id=session_id,
            defaults={
                "customer": customer[customer_id],
                "payment_intent_id": payment_intent_id,
                "livemode": settings.livemode,
            },
        )
        return row.revision


@begun_anew
def apply_payment(
    reading: PaymentReading, *, cause: Cause, settled_at: int | None = None
) -> Verdict:
    """Judge a fetched payment by the ordering rule, store it, and write what its customer has.

    `settled_at` is the second in which Stripe said that a delayed method has paid. AMBIGUOUS:
    nothing was written, and it must be fetched again. Asks Stripe nothing.
    """
    snapshot, account = reading.snapshot, reading.account
    with transaction.atomic():
        customer = lock_customers(
            [snapshot.customer_id], account=account, livemode=settings.livemode
        )[snapshot.customer_id]
        row = Payment.objects.filter(account=account, stripe_id=snapshot.id).first()
        if row is None:
            row = Payment(account=account, stripe_id=snapshot.id, customer=customer)
        elif row.customer_id != customer.pk:
            raise CustomerConflictError(f"{row} is stored for another customer than {customer}.")
        row.customer = customer
        items = list(row.items.all()) if row.pk else []
        held = row.snapshot(items)
        verdict, interval = Verdict.NEWER, reading.interval
        if row.pk:
            verdict, interval = judge_row(
                row,
                reading.interval,
                same_content=held == snapshot,
                revision=reading.revision,
            )
        if verdict is Verdict.AMBIGUOUS:
            return verdict
        was_unpaid = bool(row.status) and row.paid_at is None
        if verdict is Verdict.NEWER:
            row.take(snapshot)
            row.observe(interval)
        is_dated = _date(row, settled_at, read_at=reading.interval.high - 1, was_unpaid=was_unpaid)
        if verdict is not Verdict.NEWER and not is_dated:
            return verdict
        row.save()
        _write_items(row, items, snapshot if verdict is Verdict.NEWER else held)
        before = {item.product_id for item in held.items}
        lock_named_products(snapshot.product_ids - before, account=account)
        write_payment_grants([customer], account=account, cause=cause)
        if held != row.snapshot(row.items.all()) or is_dated:
            tell_of_payment(
                PaymentNews(
                    payment=row,
                    status_before=held.status,
                    is_told=cause.kind == "event",
                    has_invoice=snapshot.has_invoice,
                )
            )
        return verdict


def _date(row: Payment, settled_at: int | None, *, read_at: int, was_unpaid: bool) -> bool:
    """Set when it was paid; whether that changed.

    At once: when it was charged. By a delayed method: when Stripe said so, and where that event was
    lost, when it was found out, so that nobody loses days that they could not use.
    """
    paid_at = row.paid_at
    if row.status == PAID:
        if settled_at is not None:
            row.paid_at = to_datetime(settled_at)
        elif row.paid_at is None:
            row.paid_at = to_datetime(read_at) if was_unpaid else row.charged_at
    return row.paid_at != paid_at


def _write_items(row: Payment, held: Sequence[PaymentItem], snapshot: PaymentSnapshot) -> None:
    """Make the lines those of the snapshot; they never change once the session is complete."""
    if tuple(sorted((item.snapshot() for item in held), key=lambda one: one.id)) == snapshot.items:
        return
    row.items.all().delete()
    PaymentItem.objects.bulk_create(
        PaymentItem(
            payment=row,
            stripe_id=item.id,
            price_id=item.price_id,
            product_id=item.product_id,
            quantity=item.quantity,
        )
        for item in snapshot.items
    )


def mark_payment_missing(payment: Payment, *, cause: Cause) -> None:
    """End a payment that Stripe says it does not have, and what it granted.

    `payment` as it was read before Stripe was asked: when it changed since, nothing is done.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(pk=payment.customer_id)
        row = Payment.objects.get(pk=payment.pk)
        if row.revision != payment.revision or row.status == MISSING:
            return
        status_before, row.status = row.status, MISSING
        row.revision += 1
        row.save(update_fields=["status", "revision"])
        write_payment_grants([customer], account=row.account, cause=cause)
        row.customer = customer
        tell_of_payment(PaymentNews(payment=row, status_before=status_before))


def recompute_payments(
    *,
    product_ids: Iterable[str] | None = None,
    customers: Iterable[int] | None = None,
    account: str = "",
    cause: Cause,
) -> int:
    """Write anew what stored payments grant, from the rows alone; returns the changes made.

    Of the customers who bought one of `product_ids` (Stripe's), of `customers` (primary keys), or
    of all. A constant number of queries for each 500 customers.
    """
    owners = Customer.objects.filter(account=account)
    if product_ids is not None:
        owners = owners.filter(payments__items__product_id__in=product_ids)
    elif customers is not None:
        owners = owners.filter(pk__in=customers)
    else:
        owners = owners.filter(payments__isnull=False)
    keys = sorted(set(owners.order_by().values_list("pk", flat=True)))
    changed = 0
    for start in range(0, len(keys), BATCH):
        with transaction.atomic():
            rows = Customer.objects.select_for_update().filter(pk__in=keys[start : start + BATCH])
            changed += write_payment_grants(list(rows.order_by("pk")), account=account, cause=cause)
    return changed


def write_payment_grants(customers: Sequence[Customer], *, account: str, cause: Cause) -> int:
    """Write what all payments of these customers grant; returns the number of changes.

    The caller holds the customers' locks, in a transaction.
    """
    payments: dict[int, list[Payment]] = defaultdict(list)
    for row in Payment.objects.filter(customer__in=customers).prefetch_related("items"):
        payments[row.customer_id].append(row)
    held: dict[int, dict[str, list[Entitlement]]] = defaultdict(lambda: defaultdict(list))
    own = Entitlement.objects.filter(customer__in=customers, source_kind=SourceKind.PAYMENT)
    for entitlement in own.select_related("feature"):
        held[entitlement.customer_id][entitlement.source_id].append(entitlement)
    products = {
        item.product_id
        for rows in payments.values()
        for row in rows
        for item in row.items.all()
        if item.product_id
    }
    catalog = read_catalog(products, account=account)
    grants = []
    for customer in customers:
        for row in payments[customer.pk]:
            row.customer = customer
        wanted = wanted_by_payment(
            [row.purchase() for row in payments[customer.pk]],
            catalog=catalog.products,
            policy=settings.payment_policy,
            is_customer_deleted=customer.is_deleted,
        )
        grants += [
            Grant(
                customer=customer,
                source_kind=SourceKind.PAYMENT,
                source_id=source_id,
                subscription=None,
                terms={
                    catalog.features[key].pk: term
                    for key, term in wanted.get(source_id, {}).items()
                },
                held=tuple(held[customer.pk][source_id]),
            )
            for source_id in sorted(wanted.keys() | held[customer.pk].keys())
        ]
    features = {feature.pk: feature for feature in catalog.features.values()}
    return len(write_entitlements(grants, cause=cause, features=features))
