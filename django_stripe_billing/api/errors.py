"""Our errors as REST framework's, with codes that do not change."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

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
    PriceWithdrawnError,
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
    (PriceWithdrawnError, status.HTTP_409_CONFLICT, "price_withdrawn"),
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

GENERAL: list[tuple[int, str]] = [
    (status.HTTP_400_BAD_REQUEST, "invalid"),
    (status.HTTP_400_BAD_REQUEST, "parse_error"),
    (status.HTTP_400_BAD_REQUEST, "bad_request"),
    (status.HTTP_401_UNAUTHORIZED, "not_authenticated"),
    (status.HTTP_401_UNAUTHORIZED, "authentication_failed"),
    (status.HTTP_403_FORBIDDEN, "permission_denied"),
    (status.HTTP_404_NOT_FOUND, "not_found"),
    (status.HTTP_405_METHOD_NOT_ALLOWED, "method_not_allowed"),
    (status.HTTP_406_NOT_ACCEPTABLE, "not_acceptable"),
    (status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "too_large"),
    (status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    (status.HTTP_429_TOO_MANY_REQUESTS, "throttled"),
]
"""What is not about billing: REST framework's own codes, `bad_request` and `too_large`."""

SAFE_TO_SHOW = (
    SubscriptionNotFoundError,
    CurrencyMismatchError,
    NothingToChangeError,
    OtherSellerError,
    PromotionCodeError,
    PreviewExpiredError,
    SubscriptionStateError,
    PriceNotSoldError,
    PriceWithdrawnError,
    QuantityError,
    AlreadyOwnedError,
    NoCustomerError,
    PaymentDeclinedError,
    ActionRequiredError,
    NothingToPayError,
)
"""Errors whose text is for the visitor; the others have one of these, or their code in words."""

LONGEST = 300
"""Characters of a message: some repeat what was sent."""

Context = dict[str, Any]


def texts() -> dict[str, str]:
    """By code, in the active language."""
    return {
        "already_subscribed": _("You have subscribed to this already."),
        "stripe_unavailable": _("The payment provider does not answer. Try again soon."),
        "stripe_error": _("The payment provider refused that. We have been told."),
    }


class BillingAPIError(APIException):
    """`{"detail": …, "code": …}`, and a `url` where there is one to go to."""

    def __init__(self, *, status_code: int, code: str, detail: str, url: str = "") -> None:
        super().__init__({"detail": detail, "code": code, **({"url": url} if url else {})}, code)
        self.status_code = status_code


def refuse_long_body(request: Request) -> None:
    """Django's own limit, which REST framework's parser of JSON does not know."""
    longest = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = str(request.META.get("CONTENT_LENGTH") or 0)
    if not length.isascii() or not length.isdigit():
        raise BillingAPIError(
            status_code=status.HTTP_400_BAD_REQUEST,
            code="invalid",
            detail="The request's length is no number.",
        )
    if longest is not None and int(length) > longest:
        raise BillingAPIError(
            status_code=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
            code="too_large",
            detail=f"At most {longest} bytes.",
        )


def answer_error(error: Exception, context: Context) -> Response | None:
    """REST framework's exception handler for our views: every answer has a `detail` and a `code`.

    None where it is none of ours to answer, which Django makes a 500.
    """
    known = _as_api_error(error)
    response = exception_handler(known, context)
    if response is None or isinstance(known, BillingAPIError):
        return response
    if isinstance(known, ValidationError):
        response.data = {"detail": _first(known.detail), "code": "invalid"}
        response.data["fields"] = _fields(known.detail)
    else:
        code = getattr(response.data["detail"], "code", "") if _is_plain(response.data) else ""
        detail = response.data["detail"] if _is_plain(response.data) else str(error)
        response.data = {"detail": _shown(detail), "code": code or _code_of(response.status_code)}
    return response


def _as_api_error(error: Exception) -> Exception:
    """Ours, and Django's, as one that REST framework answers; any other as it is."""
    for kind, status_code, code in ANSWERS:
        if isinstance(error, kind):
            return _billing_error(error, status_code=status_code, code=code)
    if isinstance(error, SuspiciousOperation):
        logging.getLogger(f"django.security.{type(error).__name__}").error(str(error))
    if isinstance(error, BadRequest | SuspiciousOperation):
        detail = _shown(str(error)) if isinstance(error, BadRequest) else "bad request"
        return BillingAPIError(
            status_code=status.HTTP_400_BAD_REQUEST, code="bad_request", detail=detail
        )
    return error


def _billing_error(error: Exception, *, status_code: int, code: str) -> BillingAPIError:
    if status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.warning("Stripe: %s", error)
    detail = str(error) if isinstance(error, SAFE_TO_SHOW) else ""
    url = error.hosted_url if isinstance(error, ActionRequiredError) else ""
    return BillingAPIError(
        status_code=status_code,
        code=code,
        detail=detail or texts().get(code) or code.replace("_", " "),
        url=url,
    )


def _is_plain(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("detail"), str)


def _code_of(status_code: int) -> str:
    return next((code for known, code in GENERAL if known == status_code), "error")


def _fields(detail: Any) -> dict[str, list[str]]:
    """By field, what is wrong with it; `non_field_errors` for what is about no single one."""
    if not isinstance(detail, dict):
        return {"non_field_errors": _lines(detail)}
    return {_shown(str(name)): _lines(lines) for name, lines in detail.items()}


def _lines(found: Any) -> list[str]:
    if isinstance(found, dict):
        return [line for lines in found.values() for line in _lines(lines)]
    if isinstance(found, list):
        return [line for lines in found for line in _lines(lines)]
    return [_shown(str(found))]


def _first(detail: Any) -> str:
    """The first thing that is wrong, with its field."""
    for name, lines in _fields(detail).items():
        for line in lines:
            return line if name == "non_field_errors" else f"{name}: {line}"
    return "invalid"


def _shown(text: str) -> str:
    """Short, and without the halves of surrogate pairs, which no answer could carry."""
    return text[:LONGEST].encode("utf-8", "replace").decode()
