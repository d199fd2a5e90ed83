"""Our errors as REST framework's, with codes that do not change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework import status
from rest_framework.exceptions import APIException

from ..exceptions import (
    ActionRequiredError,
    AlreadyOwnedError,
    AlreadySubscribedError,
    BillingError,
    CurrencyMismatchError,
    NoCustomerError,
    NothingToChangeError,
    NothingToPayError,
    OtherSellerError,
    PaymentDeclinedError,
    PreviewExpiredError,
    PriceNotSoldError,
    PromotionCodeError,
    QuantityError,
    QuantityInUseError,
    StripeUnavailableError,
    SubscriptionNotFoundError,
    SubscriptionStateError,
)

logger = logging.getLogger("django_stripe_billing.api")

ANSWERS: list[tuple[type[Exception], int, str]] = [
    (SubscriptionNotFoundError, status.HTTP_404_NOT_FOUND, "no_subscription"),
    (QuantityInUseError, status.HTTP_409_CONFLICT, "quantity_in_use"),
    (CurrencyMismatchError, status.HTTP_400_BAD_REQUEST, "currency_mismatch"),
    (NothingToChangeError, status.HTTP_409_CONFLICT, "nothing_to_change"),
    (OtherSellerError, status.HTTP_409_CONFLICT, "other_seller"),
    (PromotionCodeError, status.HTTP_400_BAD_REQUEST, "promotion_code_refused"),
    (PreviewExpiredError, status.HTTP_409_CONFLICT, "preview_expired"),
    (SubscriptionStateError, status.HTTP_409_CONFLICT, "wrong_state"),
    (PriceNotSoldError, status.HTTP_400_BAD_REQUEST, "price_not_sold"),
    (QuantityError, status.HTTP_400_BAD_REQUEST, "quantity_out_of_bounds"),
    (AlreadySubscribedError, status.HTTP_409_CONFLICT, "already_subscribed"),
    (PaymentDeclinedError, status.HTTP_402_PAYMENT_REQUIRED, "payment_declined"),
    (ActionRequiredError, status.HTTP_402_PAYMENT_REQUIRED, "payment_action_required"),
    (NothingToPayError, status.HTTP_409_CONFLICT, "nothing_to_pay"),
    (AlreadyOwnedError, status.HTTP_409_CONFLICT, "already_owned"),
    (NoCustomerError, status.HTTP_404_NOT_FOUND, "no_customer"),
    (StripeUnavailableError, status.HTTP_503_SERVICE_UNAVAILABLE, "stripe_unavailable"),
    (BillingError, status.HTTP_502_BAD_GATEWAY, "stripe_error"),
]
"""Exception, HTTP status, and the `code` in the body; the first that fits."""

SAFE_TO_SHOW = (
    SubscriptionNotFoundError,
    CurrencyMismatchError,
    NothingToChangeError,
    OtherSellerError,
    PromotionCodeError,
    PreviewExpiredError,
    SubscriptionStateError,
    PriceNotSoldError,
    QuantityError,
    AlreadyOwnedError,
    NoCustomerError,
    PaymentDeclinedError,
)
"""Errors whose text is for the visitor; of the others only the code is shown."""


class BillingAPIError(APIException):
    """`{"detail": …, "code": …}`, and a `url` where there is one to go to."""

    def __init__(self, *, status_code: int, code: str, detail: str, url: str = "") -> None:
        body = {"detail": detail, "code": code, **({"url": url} if url else {})}
        super().__init__(body, code)
        self.status_code = status_code


@contextmanager
def answered() -> Iterator[None]:
    """Raise what REST framework answers for each of our errors."""
    try:
        yield
    except tuple(kind for kind, _, _ in ANSWERS) as error:
        status_code, code = next(
            (status_code, code) for kind, status_code, code in ANSWERS if isinstance(error, kind)
        )
        if status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
            logger.warning("Stripe: %s", error)
        detail = str(error) if isinstance(error, SAFE_TO_SHOW) else code.replace("_", " ")
        url = error.hosted_url if isinstance(error, ActionRequiredError) else ""
        raise BillingAPIError(status_code=status_code, code=code, detail=detail, url=url) from None
