"""Fetching one-off payments from Stripe and applying them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..exceptions import StripeError, UnsettledError
from ..models import Payment, Price
from ..rules.json_values import customer_parameter, mapping, objects
from ..rules.ordering import Verdict
from ..rules.payment_snapshots import PaymentSnapshot, parse_payment
from ..stripe_api import PAYMENT_EXPANSIONS, Page, fetch_payment, pages
from .door import Cause
from .payments import PaymentReading, apply_payment, expect_payment

ATTEMPTS = 5
"""How often a payment is fetched that keeps changing meanwhile."""


def sells_payments(account: str = "") -> bool:
    """Whether there is anything to look for: a price that is paid once, or a payment; two queries.

    Who sells subscriptions alone pays no call for the others.
    """
    return (
        Payment.objects.filter(account=account).exists()
        or Price.objects.filter(account=account, type="one_time").exists()
    )


def parse_fetched(data: object) -> PaymentSnapshot | None:
    """The payment in an answer of `fetch_payment`."""
    fetched = mapping(data)
    return parse_payment(fetched.get("session"), objects(fetched.get("disputes")))


def read_payment(
    session: PaymentSnapshot, *, account: str = "", is_row_made: bool = True
) -> PaymentReading:
    """Fetch a payment by its session, noting the stored revision before the request leaves.

    `is_row_made` as for `expect_payment`; without it, what is read must not be applied. Raises
    StripeError, and RuntimeError inside a transaction.
    """
    revision = expect_payment(
        session.id,
        account=account,
        customer_id=session.customer_id if is_row_made else "",
        payment_intent_id=session.payment_intent_id,
    )
    answer = fetch_payment(session.id, account=account)
    snapshot = parse_fetched(answer.data)
    if snapshot is None or snapshot.id != session.id:
        raise StripeError(f"Stripe's answer for the payment {session.id} can't be read.")
    return PaymentReading(
        snapshot=snapshot, interval=answer.interval, account=account, revision=revision
    )


def sync_payment(session: PaymentSnapshot, *, account: str = "", cause: Cause) -> Verdict:
    """Fetch a payment and apply it, again while it changes meanwhile.

    Of `session`, the ids are needed alone. Raises UnsettledError, and StripeError when Stripe does
    not answer.
    """
    for _attempt in range(ATTEMPTS):
        verdict = apply_payment(read_payment(session, account=account), cause=cause)
        if verdict is not Verdict.AMBIGUOUS:
            return verdict
    raise UnsettledError(f"{session.id} changed during each of {ATTEMPTS} fetches.")


def payment_pages(*, account: str = "", **params: Any) -> Iterator[Page]:
    """Stripe's completed sessions, of every mode, with what `parse_payment` needs."""
    wanted = {"status": "complete", "expand": [f"data.{path}" for path in PAYMENT_EXPANSIONS]}
    yield from pages("/v1/checkout/sessions", {**wanted, **params}, account=account)


def suspects(page: Page, *, account: str = "") -> list[PaymentSnapshot]:
    """The payments of a page that seem to differ from what is stored; two queries.

    A page says that there is a dispute and not what became of it, so each with one is suspect.
    """
    listed = [found for row in page.rows if (found := parse_payment(row)) is not None]
    rows = Payment.objects.filter(account=account, stripe_id__in=[one.id for one in listed])
    stored = {
        row.stripe_id: row.snapshot(row.items.all())
        for row in rows.select_related("customer").prefetch_related("items")
    }
    return [
        one for one in listed if one.is_disputed or not one.is_complete or stored.get(one.id) != one
    ]


def sync_customer_payments(customer_id: str, *, account: str = "", cause: Cause) -> None:
    """Every payment of a Stripe customer, from Stripe. Raises StripeError."""
    for page in payment_pages(account=account, **{customer_parameter(customer_id): customer_id}):
        for found in suspects(page, account=account):
            sync_payment(found, account=account, cause=cause)
