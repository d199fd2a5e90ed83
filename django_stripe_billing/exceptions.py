"""The errors of this package: nouns, each with what the reader needs to mend it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404


class BillingError(Exception):
    """Base of the errors that are not the visitor's fault."""


class StripeError(BillingError):
    """Stripe answered with an error, or did not answer.

    Carries no secret: `code` is Stripe's error code, `param` the parameter at fault, `status` the
    HTTP status (0 without an answer), `request_id` what Stripe's support asks for.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        param: str = "",
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.status = status
        self.request_id = request_id

    @property
    def is_idempotency_conflict(self) -> bool:
        """The idempotency key was used before, for another request."""
        return self.code == "idempotency_error"


class StripeUnavailableError(StripeError):
    """No answer, a 5xx, or a rate limit: the same call may succeed later."""


class StripeRateLimitError(StripeUnavailableError):
    """Too many calls. `reason` is Stripe's `Stripe-Rate-Limited-Reason` header, or ''.

    https://docs.stripe.com/rate-limits
    """

    def __init__(self, message: str, *, reason: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.reason = reason


class StripeAuthenticationError(StripeError):
    """The API key is wrong, expired, or lacks a permission."""


class StripeObjectMissingError(StripeError):
    """Stripe has no such object, for this key in this mode."""


class SignatureError(BadRequest):
    """A webhook body that Stripe did not sign, or not for us. Answered with 400."""


class PriceNotSoldError(BadRequest):
    """The price is not in the catalog, or not offered."""


class QuantityError(BadRequest):
    """The quantity is outside the bounds of the price."""


class CheckoutNotFoundError(Http404):
    """There is no such checkout, or it is somebody else's; which of the two is not said."""


class AlreadySubscribedError(BillingError):
    """The subscriber has a live subscription to this product; send them to the portal."""


class CustomerConflictError(BillingError):
    """The Stripe customer belongs to another subscriber."""


class UnsettledError(BillingError):
    """An object kept changing while it was fetched; Stripe's redelivery tries again."""


class UsageError(ValueError):
    """Usage that Stripe would refuse, for its time, value or identifier: a programming error."""


class ReconcileRefusedError(BillingError):
    """The run was not begun: another one is under way, or the key is not of this database."""


class NoCustomerError(PermissionDenied):
    """The subscriber has no Stripe customer yet, so there is no portal to open."""
