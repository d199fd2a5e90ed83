"""The endpoint that Stripe posts events to."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ..conf import settings
from ..exceptions import SignatureError
from ..stripe_api import verify
from .processing import WrongModeError, logger, receive


@csrf_exempt
@login_not_required
@transaction.non_atomic_requests
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Verify, store, sync, answer.

    200 `{"received": true}` means that the event is in the database. 400: not signed for us, or of
    the wrong mode; 405: not a POST; 413: body over WEBHOOK_MAX_BYTES; 500: processing failed,
    Stripe sends it again; 503: the database did not answer.
    https://docs.stripe.com/webhooks
    """
    try:
        body = _body(request)
    except (UnreadablePostError, ValueError):
        return _refusal("The body broke off, or its length is no number.", status=400)
    if body is None:
        return _refusal("The body is larger than WEBHOOK_MAX_BYTES.", status=413)
    try:
        payload = verify(body, request.headers.get("Stripe-Signature", ""))
    except SignatureError as error:
        logger.warning("Webhook refused: %s", error)
        return _refusal(str(error), status=400)
    try:
        event = receive(payload)
    except WrongModeError as error:
        return _refusal(str(error), status=400)
    except (DatabaseError, InterfaceError):
        return _refusal("The database did not answer; send it again.", status=503)
    except Exception:
        return _refusal("Processing failed; send it again.", status=500)
    if event is None:
        return _refusal("The body is no Stripe event.", status=400)
    return JsonResponse({"received": True})


def _body(request: HttpRequest) -> bytes | None:
    """The raw body, or None when it is over the limit; a declared length is believed first."""
    limit = settings.WEBHOOK_MAX_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        return None
    try:
        body = request.body
    except RequestDataTooBig:
        return None
    return body if len(body) <= limit else None


def _refusal(reason: str, *, status: int) -> JsonResponse:
    return JsonResponse({"received": False, "error": reason}, status=status)
