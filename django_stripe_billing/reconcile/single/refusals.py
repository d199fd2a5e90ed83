"""What stands in the way of a repair: the wrong key, a run under way, a person who must decide."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import quote

from ...conf import settings
from ...exceptions import (
    PersonNeededError,
    ReconcileRefusedError,
    StripeAuthenticationError,
    StripeObjectMissingError,
)
from ...models import Customer, Drift, ReconcileRun
from ...rules.drift_kinds import MEANINGS, Kind
from ...rules.json_values import identifier
from ...stripe_api import request
from ..ownership import is_alive


def check_run(run: ReconcileRun) -> None:
    if run.livemode is not settings.livemode:
        raise ReconcileRefusedError("The run is of the other mode, live or test, than the API key.")
    if run.active_for and is_alive(run):
        raise ReconcileRefusedError(f"Run {run.pk} is still under way: wait for its end.")


def check_key(run: ReconcileRun, customer: Customer) -> None:
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


def ask_a_person(drift: Drift, kind: Kind | None = None) -> NoReturn:
    raise PersonNeededError(MEANINGS[kind or Kind(drift.kind)].advice)
