"""Repairing drift one by one, for a person who asks for it: each is looked at again first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ...exceptions import DriftLeftError, PersonNeededError, ReconcileRefusedError
from ...models import Drift
from ...rules.drift_kinds import MEANINGS, Kind
from ...sync import Cause
from ..catalog_repair import UNKNOWN, is_in_catalog, judge, mirror_for
from ..recording import mark
from ..settled import SETTLED
from .customers import repair_customer
from .others import look_again, repair_event, repair_invoice, repair_trial
from .payments import is_of_payment, repair_payment
from .refusals import ask_a_person, check_run
from .rows import (
    LEFT,
    OF_CATALOG,
    OF_ENTITLEMENTS,
    OF_EVENTS,
    OF_PAYMENTS,
    OF_SUBSCRIPTIONS,
    count_left,
    outcome,
)
from .subscriptions import repair_subscription


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
        check_run(entry.run)
        if entry.kind not in MEANINGS:
            raise DriftLeftError("This version does not know the kind: look at it in a newer one.")
        repair = self._repairs().get(Kind(entry.kind), ask_a_person)
        try:
            return repair(entry)
        except (PersonNeededError, ReconcileRefusedError):
            raise
        except Exception as error:  # an event's handler of the project's may raise anything
            if not isinstance(error, DriftLeftError):
                mark([entry], Drift.State.FAILED, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            count_left(entry.run)

    def _repairs(self) -> Mapping[Kind, Callable[[Drift], str]]:
        subscription = partial(repair_subscription, cause=self._cause)
        payment = partial(repair_payment, cause=self._cause)
        return {
            **dict.fromkeys(OF_SUBSCRIPTIONS, subscription),
            **dict.fromkeys(OF_ENTITLEMENTS, self._entitlement),
            **dict.fromkeys(OF_PAYMENTS, payment),
            **dict.fromkeys(OF_CATALOG, self._catalog),
            **dict.fromkeys(OF_EVENTS, repair_event),
            Kind.SUBSCRIPTION_CUSTOMER: subscription,
            Kind.TRIAL_CARD_UNKNOWN: partial(repair_trial, cause=self._cause),
            Kind.CUSTOMER_DELETED_AT_STRIPE: partial(repair_customer, cause=self._cause),
            Kind.INVOICE_DIFFERS: partial(repair_invoice, cause=self._cause),
            **dict.fromkeys(SETTLED, look_again),
        }

    def _entitlement(self, drift: Drift) -> str:
        repair = repair_payment if is_of_payment(drift) else repair_subscription
        return repair(drift, cause=self._cause)

    def _catalog(self, drift: Drift) -> str:
        account = drift.run.account
        if drift.kind in UNKNOWN and is_in_catalog(drift):
            mark([drift], Drift.State.GONE)
            return outcome(drift)
        rows = Drift.objects.filter(run=drift.run, kind__in=OF_CATALOG, state__in=LEFT)
        left = list(rows.select_related("run"))
        if account not in self._mirrored:
            mirror_for(left, account=account, cause=self._cause)
            self._mirrored.add(account)
        judge(left)
        return outcome(drift)
