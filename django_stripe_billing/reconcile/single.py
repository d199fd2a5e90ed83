"""Repairing drift one by one, for a person who asks for it: each is looked at again first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import quote

from django.db import transaction
from django.db.models import QuerySet

from ..catalog import sync_catalog
from ..conf import settings
from ..exceptions import (
    DriftLeftError,
    PersonNeededError,
    ReconcileRefusedError,
    StripeAuthenticationError,
    StripeObjectMissingError,
)
from ..models import (
    Customer,
    Drift,
    Entitlement,
    Event,
    Invoice,
    Payment,
    Price,
    Product,
    ReconcileRun,
    SourceKind,
    Subscription,
)
from ..rules.drift import MEANINGS, Kind
from ..rules.invoices import InvoiceSnapshot
from ..rules.json_values import identifier
from ..rules.snapshots import ENDED_STATUSES, MISSING
from ..stripe_api import TokenBucket, fetch_payment, request
from ..sync import (
    Cause,
    SubscriptionReading,
    apply_subscriptions,
    mark_missing,
    mark_payment_missing,
    parse_fetched,
    recompute,
    recompute_payments,
    recompute_subscriptions,
    revoke_unfounded,
    sync_invoice,
    sync_payment,
)
from ..webhooks import process_again, receive
from .events import as_of
from .fetching import ONCE, compare_once
from .options import Options
from .ownership import is_alive
from .recording import mark
from .repairing import Repairer
from .settled import SETTLED

LEFT = (Drift.State.FOUND, Drift.State.FAILED)

OF_SUBSCRIPTIONS = frozenset(
    kind
    for kind in Kind
    if kind.startswith(("subscription_", "entitlement_")) and MEANINGS[kind].repair
) | {Kind.CUSTOMER_MISSING}
"""Their object is a subscription, and one repair of it settles all of them."""

UNTRUE = (Kind.SUBSCRIPTION_CUSTOMER, Kind.SUBSCRIPTION_MISSING_AT_STRIPE)
"""What is gone when Stripe has the subscription, for the customer that is stored here."""

OF_PAYMENTS = frozenset(kind for kind in Kind if kind.startswith("payment_"))
OF_ENTITLEMENTS = frozenset(kind for kind in Kind if kind.startswith("entitlement_"))
"""Their object is a subscription or a payment."""

OF_CATALOG = frozenset({Kind.PRICE_UNKNOWN, Kind.FEATURE_UNKNOWN})
OF_EVENTS = frozenset({Kind.EVENT_FAILED, Kind.EVENT_STUCK, Kind.EVENT_MISSED})

GONE = "It does not differ any more: nothing was done."
REPAIRED = "repaired"


def repair_drift(drift: Drift, *, cause: Cause) -> str:
    """Look at drift again at Stripe and repair it; returns in a sentence what came of it.

    Everything that is known about the same subscription is settled with it. What came of it is
    written onto the rows; the changes of entitlements have `cause`. Raises PersonNeededError where
    only a person can settle it, ReconcileRefusedError where nothing may be tried now, and whatever
    goes wrong, after it was written onto the row. Asks Stripe, each call once: no transaction may
    be open.
    """
    return DriftRepairs(cause=cause).repair(drift)


class DriftRepairs:
    """The repairs that somebody asks for at once: the catalog is mirrored once for all of them."""

    def __init__(self, *, cause: Cause) -> None:
        self._cause = cause
        self._mirrored: set[str] = set()

    def repair(self, drift: Drift) -> str:
        """As `repair_drift`."""
        entry = Drift.objects.select_related("run").filter(pk=drift.pk).first()
        if entry is None:
            raise DriftLeftError("It was deleted meanwhile, with its run.")
        if not entry.is_left:
            return f"Nothing to do: {entry.get_state_display()} already."
        _check_run(entry.run)
        if entry.kind not in MEANINGS:
            raise DriftLeftError("This version does not know the kind: look at it in a newer one.")
        repair = self._repairs().get(Kind(entry.kind), _ask_a_person)
        try:
            return repair(entry)
        except (PersonNeededError, ReconcileRefusedError):
            raise
        except Exception as error:  # an event's handler of the project's may raise anything
            if not isinstance(error, DriftLeftError):
                mark([entry], Drift.State.FAILED, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            _count_left(entry.run)

    def _repairs(self) -> Mapping[Kind, Callable[[Drift], str]]:
        return {
            **dict.fromkeys(OF_SUBSCRIPTIONS, self._subscription),
            **dict.fromkeys(OF_ENTITLEMENTS, self._entitlement),
            **dict.fromkeys(OF_PAYMENTS, self._payment),
            **dict.fromkeys(OF_CATALOG, self._catalog),
            **dict.fromkeys(OF_EVENTS, _event),
            Kind.SUBSCRIPTION_CUSTOMER: self._subscription,
            Kind.INVOICE_DIFFERS: self._invoice,
            **dict.fromkeys(SETTLED, _look_again),
        }

    # Subscriptions

    def _subscription(self, drift: Drift) -> str:
        account, stripe_id = drift.run.account, drift.object_id
        stored = _stored(drift)
        strays = Entitlement.objects.filter(
            customer__account=account,
            source_kind=SourceKind.SUBSCRIPTION,
            source_id=stripe_id,
            subscription=None,
        )
        try:
            found = compare_once(stripe_id, account=account)
        except StripeObjectMissingError:
            return self._not_at_stripe(drift, stored, strays)
        if self._replace(strays, found.reading):
            mark(_left(drift).filter(kind=Kind.ENTITLEMENT_EXTRA), Drift.State.REPAIRED)
            found = compare_once(stripe_id, account=account)
        left = {difference.kind for difference in found.differences}
        if Kind.SUBSCRIPTION_CUSTOMER in left:
            _ask_a_person(drift, Kind.SUBSCRIPTION_CUSTOMER)
        mark(_left(drift).filter(kind__in=UNTRUE), Drift.State.GONE)
        rows = _together(drift)
        if rows and found.differences:
            _ByHand(drift.run, cause=self._cause).repair([(found, rows)])
        else:
            mark(rows, Drift.State.GONE)
        return _outcome(drift)

    def _replace(self, strays: QuerySet[Entitlement], reading: SubscriptionReading) -> bool:
        """Revoke what has no source, and grant what the source grants in the same moment."""
        with transaction.atomic():
            if not revoke_unfounded(strays, cause=self._cause):
                return False
            apply_subscriptions([reading], cause=self._cause)
            recompute_subscriptions(
                [reading.snapshot.id], account=reading.account, cause=self._cause
            )
        return True

    def _not_at_stripe(
        self, drift: Drift, stored: Subscription | None, strays: QuerySet[Entitlement]
    ) -> str:
        """Stripe has no such subscription; `stored` as it was before Stripe was asked."""
        if stored is None or stored.status in ENDED_STATUSES:
            changes = revoke_unfounded(strays, cause=self._cause)
            changes += recompute_subscriptions(
                [drift.object_id], account=drift.run.account, cause=self._cause
            )
            mark(_together(drift), Drift.State.REPAIRED if changes else Drift.State.GONE)
            return _outcome(drift)
        if drift.kind != Kind.SUBSCRIPTION_MISSING_AT_STRIPE:
            raise StripeObjectMissingError(
                "Stripe does not have the subscription any more. The next run reports that, and"
                " ends it here."
            )
        _check_key(drift.run, stored.customer)
        mark_missing(stored, cause=self._cause)
        after = _stored(drift)
        if after is not None and after.status != MISSING:
            raise DriftLeftError("The subscription changed here meanwhile: try it again.")
        mark(_together(drift), Drift.State.REPAIRED)
        return _outcome(drift)

    # Payments

    def _entitlement(self, drift: Drift) -> str:
        return self._payment(drift) if _is_of_payment(drift) else self._subscription(drift)

    def _payment(self, drift: Drift) -> str:
        """Read the payment anew, and write anew what its customer's payments grant."""
        account = drift.run.account
        stored, held = _payment_here(drift), _granted_by(drift)
        try:
            found = parse_fetched(fetch_payment(drift.object_id, account=account).data)
        except StripeObjectMissingError:
            return self._payment_not_at_stripe(drift, stored)
        if found is None:
            raise DriftLeftError("Stripe does not call it a completed one-off payment.")
        before = stored.snapshot(stored.items.all()) if stored else None
        sync_payment(found, account=account, cause=self._cause)
        after = _payment_here(drift)
        if after is not None:
            recompute_payments(customers=[after.customer_id], account=account, cause=self._cause)
        is_changed = after is not None and after.snapshot(after.items.all()) != before
        self._settle_payment(drift, is_changed=is_changed or _granted_by(drift) != held)
        return _outcome(drift)

    def _payment_not_at_stripe(self, drift: Drift, stored: Payment | None) -> str:
        """Stripe has no such payment; `stored` as it was before Stripe was asked."""
        owners = Entitlement.objects.filter(
            customer__account=drift.run.account,
            source_kind=SourceKind.PAYMENT,
            source_id=drift.object_id,
        ).values_list("customer_id", flat=True)
        if stored is None or stored.status == MISSING:
            changes = recompute_payments(
                customers=list(owners), account=drift.run.account, cause=self._cause
            )
            self._settle_payment(drift, is_changed=changes > 0)
            return _outcome(drift)
        if drift.kind != Kind.PAYMENT_MISSING_AT_STRIPE:
            raise StripeObjectMissingError(
                "Stripe does not have the payment any more. The next run reports that, and ends"
                " what it granted."
            )
        _check_key(drift.run, stored.customer)
        mark_payment_missing(stored, cause=self._cause)
        after = _payment_here(drift)
        if after is not None and after.status != MISSING:
            raise DriftLeftError("The payment changed here meanwhile: try it again.")
        self._settle_payment(drift, is_changed=True)
        return _outcome(drift)

    def _settle_payment(self, drift: Drift, *, is_changed: bool) -> None:
        rows = _left(drift).filter(kind__in=OF_PAYMENTS | OF_ENTITLEMENTS)
        mark(rows, Drift.State.REPAIRED if is_changed else Drift.State.GONE)

    # Invoices

    def _invoice(self, drift: Drift) -> str:
        before = _invoice_here(drift)
        sync_invoice(drift.object_id, account=drift.run.account, cause=self._cause)
        is_changed = _invoice_here(drift) != before
        mark([drift], Drift.State.REPAIRED if is_changed else Drift.State.GONE)
        return _outcome(drift)

    # The catalog

    def _catalog(self, drift: Drift) -> str:
        account = drift.run.account
        if _is_in_catalog(drift):
            mark([drift], Drift.State.GONE)
            return _outcome(drift)
        if account not in self._mirrored:
            sync_catalog(account=account)
            self._mirrored.add(account)
            recompute(account=account, cause=self._cause)
        rows = Drift.objects.filter(run=drift.run, kind__in=OF_CATALOG, state__in=LEFT)
        known = [row for row in rows.select_related("run") if _is_in_catalog(row)]
        mark(known, Drift.State.REPAIRED)
        if drift.pk not in {row.pk for row in known}:
            error = f"Stripe's catalog does not list {drift.object_id}."
            mark([drift], Drift.State.FAILED, error=error)
        return _outcome(drift)


# Before anything is done


def _check_run(run: ReconcileRun) -> None:
    if run.livemode is not settings.livemode:
        raise ReconcileRefusedError("The run is of the other mode, live or test, than the API key.")
    if run.active_for and is_alive(run):
        raise ReconcileRefusedError(f"Run {run.pk} is still under way: wait for its end.")


def _check_key(run: ReconcileRun, customer: Customer) -> None:
    """Believe that Stripe lacks something only where the key is certainly the run's account's."""
    try:
        account_id = identifier(request("get", "/v1/account", account=run.account).data)
    except (StripeObjectMissingError, StripeAuthenticationError) as error:
        if error.status == 401:
            raise
        account_id = ""
    if account_id and account_id == run.stripe_account_id:
        return
    if account_id and run.stripe_account_id:
        raise ReconcileRefusedError(
            f"The API key is of the account {account_id}, and the run compared"
            f" {run.stripe_account_id}."
        )
    try:
        path = f"/v1/customers/{quote(str(customer.stripe_id), safe='')}"
        request("get", path, account=run.account)
    except StripeObjectMissingError:
        raise ReconcileRefusedError(
            "Stripe knows neither the subscription nor its customer. Is the API key of the right"
            " account?"
        ) from None


def _ask_a_person(drift: Drift, kind: Kind | None = None) -> NoReturn:
    raise PersonNeededError(MEANINGS[kind or Kind(drift.kind)].advice)


# One subscription


class _ByHand(Repairer):
    """A person chose what to repair, so that there is no limit, and the cause is that person."""

    def __init__(self, run: ReconcileRun, *, cause: Cause) -> None:
        super().__init__(run, Options(account=run.account), pace=TokenBucket(rate=20.0))
        self._patience = ONCE
        self.cause = cause

    def allows(self, number: int) -> bool:
        return True


def _stored(drift: Drift) -> Subscription | None:
    rows = Subscription.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    return rows.select_related("customer").first()


def _left(drift: Drift) -> QuerySet[Drift]:
    """What is left of the run about the same object."""
    return Drift.objects.filter(run=drift.run, object_id=drift.object_id, state__in=LEFT)


def _together(drift: Drift) -> list[Drift]:
    """What one repair of the subscription settles, errors of earlier attempts forgotten."""
    rows = list(_left(drift).filter(kind__in=OF_SUBSCRIPTIONS).order_by("pk"))
    for row in rows:
        row.error = ""
    return rows


# The other kinds


def _invoice_here(drift: Drift) -> InvoiceSnapshot | None:
    rows = Invoice.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    row = rows.select_related("customer").first()
    return row.snapshot() if row else None


def _payment_here(drift: Drift) -> Payment | None:
    rows = Payment.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    return rows.select_related("customer").prefetch_related("items").first()


def _granted_by(drift: Drift) -> list[tuple[object, ...]]:
    """What the payment grants here, to be compared."""
    rows = Entitlement.objects.filter(
        customer__account=drift.run.account,
        source_kind=SourceKind.PAYMENT,
        source_id=drift.object_id,
    )
    return sorted(rows.values_list("customer_id", "feature_id", "ends_at", "limit", "reason"))


def _is_of_payment(drift: Drift) -> bool:
    return _payment_here(drift) is not None or bool(_granted_by(drift))


def _is_in_catalog(drift: Drift) -> bool:
    model = Price if drift.kind == Kind.PRICE_UNKNOWN else Product
    rows = model._default_manager.filter(account=drift.run.account, stripe_id=drift.object_id)
    return rows.exists()


def _event(drift: Drift) -> str:
    event = Event.objects.filter(account=drift.run.account, stripe_id=drift.object_id).first()
    if event is not None and event.is_settled and event.processed_at is not None:
        mark([drift], Drift.State.GONE)
        return _outcome(drift)
    if event is not None:
        process_again(event)
    elif drift.kind == Kind.EVENT_MISSED:
        account = drift.run.account
        path = f"/v1/events/{quote(drift.object_id, safe='')}"
        receive(as_of(account, request("get", path, account=account).data))
    else:
        raise DriftLeftError("The event is not stored any more.")
    mark([drift], Drift.State.REPAIRED)
    return _outcome(drift)


def _look_again(drift: Drift) -> str:
    if not SETTLED[Kind(drift.kind)](drift):
        _ask_a_person(drift)
    mark([drift], Drift.State.GONE)
    return _outcome(drift)


# What came of it


def _outcome(drift: Drift) -> str:
    """The sentence for what the rows say now. Raises DriftLeftError when it is left."""
    drift.refresh_from_db(fields=["state", "error"])
    if drift.is_left:
        raise DriftLeftError(drift.error or "It differs still.")
    return REPAIRED if drift.state == Drift.State.REPAIRED else GONE


def _count_left(run: ReconcileRun) -> None:
    """The run's count of what is left is that of its rows, also after it has ended."""
    left = Drift.objects.filter(run=run, state__in=LEFT).count()
    ReconcileRun.objects.filter(pk=run.pk, active_for=None).update(drift_left=left)
