"""Fetching from Stripe and applying, with no transaction open while Stripe is asked."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from django.db import transaction

from ..exceptions import StripeError, UnsettledError
from ..models import Customer, Invoice, Subscription
from ..rules.invoices import parse_invoice
from ..rules.json_values import customer_parameter
from ..rules.ordering import Interval, Verdict
from ..rules.snapshots import parse_customer, parse_subscription
from ..stripe_api import fetch_subscription, pages, request
from .customers import apply_customer
from .door import Cause
from .invoices import InvoiceReading, apply_invoice
from .payment_fetching import sells_payments, sync_customer_payments
from .subscriptions import NO_ROW, Outcome, SubscriptionReading, apply_subscriptions

ATTEMPTS = 5
"""How often an object is fetched that keeps changing meanwhile."""


def read_subscription(stripe_id: str, *, account: str = "") -> SubscriptionReading:
    """Fetch a subscription by id, noting the stored revision before the request leaves.

    Raises StripeError, and RuntimeError inside a transaction.
    """
    revision = _stored_revision(Subscription, stripe_id, account=account)
    answer = fetch_subscription(stripe_id, account=account)
    snapshot = parse_subscription(answer.data)
    if snapshot is None or snapshot.id != stripe_id:
        raise StripeError(f"Stripe's answer for subscription {stripe_id} can't be read.")
    return SubscriptionReading(
        snapshot=snapshot,
        interval=answer.interval,
        account=account,
        revision=revision,
    )


def sync_subscription(
    stripe_id: str, *, account: str = "", cause: Cause, attempts: int = ATTEMPTS
) -> Outcome:
    """Fetch a subscription by id and apply it, again while it changes meanwhile.

    Raises UnsettledError after `attempts` fetches, StripeError when Stripe does not answer.
    """
    for _attempt in range(attempts):
        reading = read_subscription(stripe_id, account=account)
        [outcome] = apply_subscriptions([reading], cause=cause)
        if outcome.verdict is not Verdict.AMBIGUOUS:
            return outcome
    raise UnsettledError(f"{stripe_id} changed during each of {attempts} fetches.")


def read_invoice(stripe_id: str, *, account: str = "") -> InvoiceReading:
    """Fetch an invoice by id, noting the stored revision before the request leaves.

    Raises StripeError, and RuntimeError inside a transaction.
    """
    revision = _stored_revision(Invoice, stripe_id, account=account)
    answer = request("get", f"/v1/invoices/{quote(stripe_id, safe='')}", account=account)
    snapshot = parse_invoice(answer.data)
    if snapshot is None or snapshot.id != stripe_id:
        raise StripeError(f"Stripe's answer for invoice {stripe_id} can't be read.")
    return InvoiceReading(
        snapshot=snapshot,
        interval=answer.interval,
        account=account,
        revision=revision,
    )


def sync_invoice(
    stripe_id: str, *, account: str = "", cause: Cause, attempts: int = ATTEMPTS
) -> Verdict:
    """Fetch an invoice by id and apply it, again while it changes meanwhile.

    Raises UnsettledError after `attempts` fetches, StripeError when Stripe does not answer.
    """
    for _attempt in range(attempts):
        verdict = apply_invoice(read_invoice(stripe_id, account=account), cause=cause)
        if verdict is not Verdict.AMBIGUOUS:
            return verdict
    raise UnsettledError(f"{stripe_id} changed during each of {attempts} fetches.")


def sync_customer_invoices(customer_id: str, *, account: str = "", cause: Cause) -> None:
    """Every invoice of a Stripe customer, from Stripe."""
    params = {customer_parameter(customer_id): customer_id}
    for page in pages("/v1/invoices", params, account=account):
        for row in page.rows:
            snapshot = parse_invoice(row)
            if snapshot is None or not snapshot.id:
                continue
            reading = InvoiceReading(snapshot=snapshot, interval=page.interval, account=account)
            if apply_invoice(reading, cause=cause) is Verdict.AMBIGUOUS:
                sync_invoice(snapshot.id, account=account, cause=cause)


def settle(readings: Sequence[SubscriptionReading], *, cause: Cause) -> list[Outcome]:
    """Apply readings, and fetch the ambiguous ones by id."""
    return [
        sync_subscription(outcome.stripe_id, account=outcome.account, cause=cause)
        if outcome.verdict is Verdict.AMBIGUOUS
        else outcome
        for outcome in apply_subscriptions(readings, cause=cause)
    ]


def sync_customer_subscriptions(
    customer_id: str, *, account: str = "", cause: Cause
) -> list[Outcome]:
    """Every subscription of a Stripe customer, ended ones too, from Stripe."""
    outcomes = []
    params = {customer_parameter(customer_id): customer_id, "status": "all"}
    for page in pages("/v1/subscriptions", params, account=account):
        outcomes += settle(
            [
                SubscriptionReading(snapshot=snapshot, interval=page.interval, account=account)
                for row in page.rows
                if (snapshot := parse_subscription(row)) is not None
            ],
            cause=cause,
        )
    return outcomes


def sync_customer(customer: Customer, *, cause: Cause) -> None:
    """A customer and all its subscriptions and payments, from Stripe. Raises StripeError."""
    if not customer.stripe_id:
        return
    if customer_parameter(customer.stripe_id) != "customer":  # there is no object of ours to read
        _sync_purchases(customer, cause=cause)
        return
    for _attempt in range(ATTEMPTS):
        revision, interval, data = _read_customer(customer.stripe_id, account=customer.account)
        snapshot = parse_customer(data)
        if snapshot is None:
            raise StripeError(f"Stripe's answer for {customer.stripe_id} can't be read.")
        verdict = apply_customer(
            snapshot, interval, account=customer.account, revision=revision, cause=cause
        )
        if verdict is not Verdict.AMBIGUOUS:
            break
    else:
        raise UnsettledError(f"{customer.stripe_id} changed during each of {ATTEMPTS} fetches.")
    if not snapshot.is_deleted:
        _sync_purchases(customer, cause=cause)


def _sync_purchases(customer: Customer, *, cause: Cause) -> None:
    stripe_id = str(customer.stripe_id)
    sync_customer_subscriptions(stripe_id, account=customer.account, cause=cause)
    if sells_payments(customer.account):
        sync_customer_payments(stripe_id, account=customer.account, cause=cause)


def _read_customer(stripe_id: str, *, account: str) -> tuple[int, Interval, dict[str, object]]:
    revision = _stored_revision(Customer, stripe_id, account=account)
    answer = request("get", f"/v1/customers/{quote(stripe_id, safe='')}", account=account)
    return revision, answer.interval, answer.data


def _stored_revision(
    model: type[Customer | Invoice | Subscription], stripe_id: str, *, account: str
) -> int:
    """Read before a request leaves, with no transaction open: RuntimeError inside one."""
    with transaction.atomic(durable=True):
        rows = model._default_manager.filter(account=account, stripe_id=stripe_id)
        revision = rows.values_list("revision", flat=True).first()
    return NO_ROW if revision is None else revision
