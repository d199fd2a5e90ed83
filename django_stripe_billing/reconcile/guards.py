"""What is checked before a run: the mode, the account, and that no other one is under way."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet

from ..conf import settings
from ..connect import is_accepted
from ..exceptions import (
    ReconcileRefusedError,
    StripeAuthenticationError,
    StripeObjectMissingError,
)
from ..models import Customer, Payment, ReconcileRun, Subscription
from ..rules.json_values import identifier
from ..rules.payment_snapshots import PAID
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import TokenBucket, request
from .options import Options
from .ownership import is_alive
from .patience import Patience
from .rates import default_rate

SAMPLE = 3
"""Of how many stored subscriptions or payments a key of an unknown account must know one."""


def check_accepted(account: str) -> None:
    if not is_accepted(account):
        raise ReconcileRefusedError(f'{account} is none of STRIPE_BILLING["CONNECT_ACCOUNTS"].')


def check_mode(account: str) -> None:
    other = Customer.objects.filter(account=account, livemode=not settings.livemode)
    if other.exclude(stripe_id=None).exists():
        here, key = ("test", "live") if settings.livemode else ("live", "test")
        raise ReconcileRefusedError(
            f"The API key is a {key} one, and the database holds customers of {here} mode."
            ' One database serves one mode: check STRIPE_BILLING["API_KEY"] and the database.'
        )


def ask_account(options: Options) -> tuple[str, int]:
    """Whose key it is ('' where it may not say), and the second of Stripe's clock.

    Raises ReconcileRefusedError for another account than the last complete run's, and for one that
    knows nothing of what is stored here.
    """
    patience = Patience(TokenBucket(rate=options.rate or default_rate()))
    account_id, interval = "", None
    try:
        answer = patience(lambda: request("get", "/v1/account", account=options.account))
        account_id, interval = identifier(answer.data), answer.interval
    except (StripeObjectMissingError, StripeAuthenticationError) as error:
        if error.status == 401:
            raise
    known = ReconcileRun.objects.filter(account=options.account).exclude(stripe_account_id="")
    last = known.filter(state=ReconcileRun.State.COMPLETE).order_by("-pk").first()
    if not options.allow_empty:
        if last is not None and account_id not in {"", last.stripe_account_id}:
            raise ReconcileRefusedError(
                f"The API key is of the account {account_id}, and this database was compared with"
                f" {last.stripe_account_id} before. If that is meant, run it with --allow-empty."
            )
        if (last is None or not account_id) and not options.customer_id:
            _check_sample(options, patience)
    if interval is None:
        params = {"limit": 1}
        interval = patience(
            lambda: request("get", "/v1/subscriptions", params, account=options.account)
        ).interval
    return account_id, interval.high - 1


def _check_sample(options: Options, patience: Patience) -> None:
    """Refuse an account that has none of our newest live subscriptions, or payments without any."""
    running = Subscription.objects.filter(account=options.account)
    ids = _newest(running.exclude(status__in=ENDED_STATUSES))
    path, noun = "/v1/subscriptions", "live subscriptions"
    if not ids:
        ids = _newest(Payment.objects.filter(account=options.account, status=PAID))
        path, noun = "/v1/checkout/sessions", "payments"
    for stripe_id in ids:
        one = f"{path}/{quote(stripe_id, safe='')}"
        try:
            patience(partial(request, "get", one, account=options.account))
        except StripeObjectMissingError:
            continue
        return
    if ids:
        raise ReconcileRefusedError(
            f"Stripe does not have {' nor '.join(ids)}, the newest {noun} here. Is the"
            " API key of the right account and mode? If so, run it with --allow-empty."
        )


def _newest(rows: QuerySet[Any]) -> list[str]:
    return list(rows.order_by("-stripe_created_at").values_list("stripe_id", flat=True)[:SAMPLE])


def refuse_second(account: str) -> None:
    if ReconcileRun.objects.filter(active_for=f"account {account}").exists():
        raise ReconcileRefusedError(refusal(account))


def refusal(account: str) -> str:
    run = ReconcileRun.objects.filter(active_for=f"account {account}").first()
    if run is None:
        return "Another run has begun or ended just now; try again."
    if is_alive(run):
        return (
            f"Run {run.pk} is under way since {run.started_at:%H:%M:%S} UTC ({run.owner})."
            " There is one at a time: wait for it, or stop that process."
        )
    return (
        f"Run {run.pk} of {run.started_at:%Y-%m-%d %H:%M} UTC has broken off."
        " Go on with it: --resume. Or give it up and begin anew: --restart."
    )
