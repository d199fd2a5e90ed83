"""Refusals of a bank, as exceptions that a visitor can be told."""

from __future__ import annotations

from django.utils.translation import gettext as _

from ..exceptions import ActionRequiredError, StripeError

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
