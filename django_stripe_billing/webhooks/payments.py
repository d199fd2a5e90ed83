"""What events about payments do to the database, inside the event's transaction.

No payload is taken at its word, because a payment's state lives in several objects: an event about
any of them makes us fetch all, unless what is stored was read after the event.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from ..models import CheckoutSession, Event, Invoice, Payment
from ..rules import snapshots
from ..rules.events import EventSnapshot, Subject
from ..rules.invoice_money import parse_invoice_money
from ..rules.json_values import JSONObject, customer_of, identifier, mapping
from ..rules.ordering import Verdict
from ..stripe_api import fetch_payment
from ..sync import (
    Cause,
    PaymentReading,
    apply_invoice_money,
    apply_payment,
    close_sessions,
    expect_payment,
    parse_fetched,
)
from . import subjects
from .answers import PROCESSED, STALE, UNREADABLE, Fetched, Fetches, NeedsFetch, Result, Wanted
from .subjects import SubjectHandler

NOBODYS = Result(
    status=Event.Status.PROCESSED,
    note="The checkout has no customer, so there is nobody to grant anything to.",
)
NOT_OURS = Result(
    status=Event.Status.IGNORED,
    note="It is about no payment of a checkout that is known here, and no invoice.",
)
SETTLED = "checkout.session.async_payment_succeeded"


@dataclass(frozen=True, kw_only=True)
class WantedPayment(Wanted):
    """A payment to fetch by its session, and what its row is made from before that."""

    customer_id: str = ""
    payment_intent_id: str = ""


def fetch_wanted_payment(wanted: Wanted, *, account: str) -> Fetched:
    """Fetch a payment with no transaction open; its row comes first."""
    revision = expect_payment(
        wanted.id,
        account=account,
        customer_id=getattr(wanted, "customer_id", ""),
        payment_intent_id=getattr(wanted, "payment_intent_id", ""),
    )
    answer = fetch_payment(wanted.id, account=account)
    return Fetched(data=answer.data, interval=answer.interval, revision=revision)


def on_checkout_session(event: EventSnapshot, fetches: Fetches) -> Result:
    """A session in `payment` mode is a purchase; the others are not for here."""
    session = snapshots.parse_checkout_session(event.object)
    if session is None or session.mode not in {"payment", "setup"}:
        return subjects.on_checkout_session(event, fetches)
    is_over = session.status == "expired" or (session.status, session.mode) == (
        "complete",
        "payment",
    )
    if is_over:  # that a card was saved is noted when it has become the default, on the way back
        own = CheckoutSession.objects.filter(account=event.account, stripe_id=session.id)
        close_sessions(own, session.status)
    if session.status != "complete" or session.mode == "setup":
        return PROCESSED
    if not session.customer_id:
        return NOBODYS
    wanted = WantedPayment(
        subject=Subject.PAYMENT,
        id=session.id,
        customer_id=session.customer_id,
        payment_intent_id=session.payment_intent_id,
    )
    row = Payment.objects.filter(account=event.account, stripe_id=session.id).first()
    return _settle(event, wanted, row, fetches)


def on_payment(event: EventSnapshot, fetches: Fetches) -> Result:
    """A charge, refund or dispute: it belongs to a payment by its payment intent, or charge."""
    is_charge = event.object.get("object") == "charge"
    charge_id = event.object_id if is_charge else identifier(event.object.get("charge"))
    intent_id = identifier(event.object.get("payment_intent"))
    which = Q(payment_intent_id=intent_id) & ~Q(payment_intent_id="")
    which |= Q(charge_id=charge_id) & ~Q(charge_id="")
    row = Payment.objects.filter(which, account=event.account).first()
    if row is None:
        is_possible = intent_id and _may_have_paid_an_invoice(event)
        return _on_invoice_money(event, intent_id, fetches) if is_possible else NOT_OURS
    wanted = WantedPayment(subject=Subject.PAYMENT, id=row.stripe_id)
    return _settle(event, wanted, row, fetches)


def _may_have_paid_an_invoice(event: EventSnapshot) -> bool:
    """Money that has nothing to do with us costs no call where that can be seen."""
    if event.object.get("object") == "charge" and not customer_of(event.object):
        return False
    return Invoice.objects.filter(account=event.account, amount_paid__gt=0).exists()


def _on_invoice_money(event: EventSnapshot, intent_id: str, fetches: Fetches) -> Result:
    """It paid an invoice, perhaps: neither the charge nor the refund or dispute says which."""
    wanted = Wanted(subject=Subject.INVOICE_MONEY, id=intent_id)
    fetched = fetches.get(wanted)
    if fetched is None:
        raise NeedsFetch(wanted, may_lack=True)
    found = parse_invoice_money(
        fetched.data.get("payments"), fetched.data.get("intent"), _disputes_of(fetched.data)
    )
    if found is None:
        return NOT_OURS
    invoice = Wanted(subject=Subject.INVOICE, id=found.invoice_id)
    subjects.apply_fetched_invoice(event, invoice, fetches)
    try:
        is_newer = apply_invoice_money(found, fetched.interval, account=event.account)
    except Invoice.DoesNotExist:
        if invoice in fetches:
            return UNREADABLE
        raise NeedsFetch(invoice) from None
    return PROCESSED if is_newer else STALE


def _disputes_of(data: JSONObject) -> list[JSONObject]:
    rows = data.get("disputes")
    return [mapping(row) for row in rows] if isinstance(rows, list) else []


def _settle(event: EventSnapshot, wanted: Wanted, row: Payment | None, fetches: Fetches) -> Result:
    fetched = fetches.get(wanted)
    settled_at = event.created if event.type == SETTLED else None
    if fetched is None:
        raise NeedsFetch(wanted)
    snapshot = parse_fetched(fetched.data)
    if snapshot is None:
        return UNREADABLE
    verdict = apply_payment(
        PaymentReading(
            snapshot=snapshot,
            interval=fetched.interval,
            account=event.account,
            revision=fetched.revision,
        ),
        cause=Cause(kind="event", id=event.id),
        settled_at=settled_at,
    )
    if verdict is Verdict.AMBIGUOUS:
        raise NeedsFetch(wanted)
    return STALE if verdict is Verdict.STALE else PROCESSED


PAYMENT_HANDLERS: dict[Subject, SubjectHandler] = {
    Subject.CHECKOUT_SESSION: on_checkout_session,
    Subject.PAYMENT: on_payment,
}
