"""Refusals of a bank, or of a price, as exceptions that a visitor can be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from ..exceptions import (
    ActionRequiredError,
    PriceNotSoldError,
    PriceWithdrawnError,
    StripeError,
)

ACTION_CODES = frozenset(
    {
        "authentication_required",
        "subscription_payment_intent_requires_action",
        "invoice_payment_intent_requires_action",
    }
)
"""https://docs.stripe.com/error-codes"""


def declined(error: StripeError) -> StripeError:
    """The typed refusal that an error of Stripe's stands for; other errors as they are."""
    if error.code not in ACTION_CODES:
        return error
    return ActionRequiredError(
        _("The bank asks to confirm this payment."),
        code=error.code,
        param=error.param,
        status=error.status,
        request_id=error.request_id,
    )


INACTIVE = "price specified is inactive"
"""Stripe's words; there is no code for it."""


@contextmanager
def prices_refused(*, keeps_price: bool = False) -> Iterator[None]:
    """Tell a refusal of the price that a change is to: PriceNotSoldError.

    `keeps_price`, or what Stripe says of the first phase of a schedule, is about the price that
    they have: PriceWithdrawnError. Other errors pass as they are.
    """
    try:
        yield
    except StripeError as error:
        if INACTIVE not in str(error):
            raise
        is_present = keeps_price or error.param.startswith("phases[0]")
    else:
        return
    if is_present:
        raise PriceWithdrawnError(
            _("Nothing can be planned from a price no longer sold. A change now is possible.")
        )
    raise PriceNotSoldError(_("There is no such price on sale."))
