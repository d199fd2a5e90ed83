"""The errors of this package: nouns, each with what the reader needs to mend it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, ImproperlyConfigured, PermissionDenied
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


class PaymentDeclinedError(StripeError):
    """A card or bank refused the payment. Its text is for the visitor.

    `decline_code` says why, as far as the bank tells. https://docs.stripe.com/declines/codes
    """

    def __init__(self, message: str, *, decline_code: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.decline_code = decline_code


class ActionRequiredError(StripeError):
    """The bank asks the customer to confirm, at `hosted_url` where there is one."""

    def __init__(self, message: str, *, hosted_url: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.hosted_url = hosted_url


class StripeAuthenticationError(StripeError):
    """The API key is wrong, expired, or lacks a permission."""


class StripeObjectMissingError(StripeError):
    """Stripe has no such object, for this key in this mode."""


class SignatureError(BadRequest):
    """A webhook body that Stripe did not sign, or not for us. Answered with 400."""


class PriceNotSoldError(BadRequest):
    """The price is not in the catalog, or not offered."""


class PriceWithdrawnError(BadRequest):
    """The present price is archived: Stripe plans nothing from it. A change now, and an end, go."""


class QuantityError(BadRequest):
    """The quantity is outside the bounds of the price."""


class QuantityInUseError(QuantityError):
    """More is in use than the change would leave: `used` of the feature, over `limit`."""

    def __init__(self, message: str, *, feature: str, used: int, limit: int) -> None:
        super().__init__(message)
        self.feature, self.used, self.limit = feature, used, limit


class CurrencyMismatchError(BadRequest):
    """A subscription keeps its currency, and a customer has one for all of theirs at a time."""


class NothingToChangeError(BadRequest):
    """It is so already."""


class OtherSellerError(BadRequest):
    """The money of the new plan would go to another connected account."""


class PromotionCodeError(BadRequest):
    """There is no such code, or not for this subscription."""


class PreviewExpiredError(BadRequest):
    """The preview is old, somebody else's, or of a subscription that has changed since."""


class SubscriptionNotFoundError(Http404):
    """There is no such subscription, or it is somebody else's; which of the two is not said."""


class SubscriptionStateError(BadRequest):
    """The subscription's `status` does not allow it; the message says what to do first."""

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class CheckoutNotFoundError(Http404):
    """There is no such checkout, or it is somebody else's; which of the two is not said."""


class AlreadySubscribedError(BillingError):
    """The subscriber has a live subscription to this product; send them to the portal."""


class AlreadyOwnedError(BillingError):
    """The subscriber has bought this product for good, or is about to: its text says which."""


class CustomerConflictError(BillingError):
    """The Stripe customer belongs to another subscriber."""


class UnsettledError(BillingError):
    """An object kept changing while it was fetched; Stripe's redelivery tries again."""


class UsageError(ValueError):
    """Usage that Stripe would refuse, for its time, value or identifier: a programming error."""


class ConnectError(ImproperlyConfigured):
    """A split that Stripe would not take, or an account that is not in CONNECT_ACCOUNTS."""


class ReconcileRefusedError(BillingError):
    """The run was not begun: another one is under way, or the key is not of this database."""


class ChangesRefusedError(BillingError):
    """An event would change more than the reconcile run that found it may."""


class DriftLeftError(BillingError):
    """The drift could not be repaired; the text says why."""


class PersonNeededError(DriftLeftError):
    """Only a person can settle the drift; the text says how."""


class PaymentNotFoundError(Http404):
    """There is no such payment, or it is somebody else's; which of the two is not said."""


class TooManyRequestsError(BillingError):
    """Somebody asked too often for what calls Stripe; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GrantError(BadRequest):
    """A grant by hand without a reason, an end to come, or a feature that is known."""


class RefundError(BadRequest):
    """The amount is more than was paid, or nothing was paid; the text says how much is left."""


class NothingToPayError(BillingError):
    """The subscriber has no open invoice."""


class InvoiceNotFoundError(Http404):
    """There is no such invoice, or it is somebody else's; which of the two is not said."""


class NoCustomerError(PermissionDenied):
    """The subscriber has no Stripe customer yet, so there is no portal to open."""
