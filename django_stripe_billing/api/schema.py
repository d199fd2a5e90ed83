"""The OpenAPI schema of our views, for projects with drf-spectacular; loaded only for them.

Each view's `Operation` becomes drf-spectacular's `extend_schema`: the answer, and by status every
error with the codes that it may carry.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.views import APIView

from .errors import ANSWERS, GENERAL
from .operations import Operation, operation_of

TAG = "billing"
TEXT = {"type": "string"}
STATUSES = {
    400: "What was sent is wrong.",
    401: "Nobody is signed in.",
    402: "The payment did not go through; `url` is where to confirm it, if there is such a page.",
    403: "Nobody is signed in, or they may not do that, or the CSRF token is missing.",
    404: "There is none of theirs.",
    406: "No such format.",
    409: "Not as things are.",
    413: "The body is longer than `DATA_UPLOAD_MAX_MEMORY_SIZE`.",
    415: "Bodies are JSON or forms.",
    429: "Too often: see `Retry-After`, in seconds.",
    502: "Stripe refused; the log says why.",
    503: "Stripe does not answer: try again soon.",
}
_STATUS_OF = {code: status for _, status, code in ANSWERS} | {
    code: status for status, code in GENERAL
}


class BillingViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # registers itself
    """All views of ours."""

    target_class = "django_stripe_billing.api.views.BillingAPIView"
    match_subclasses = True

    def view_replacement(self) -> type[APIView]:
        original: type[APIView] = getattr(self.target, "cls", self.target)
        own: dict[str, Any] = {"permission_classes": [IsAuthenticated]}  # so says the hook
        for method in ("get", "post"):
            found = operation_of(original, method)
            if found is not None:
                own[method] = _described(getattr(original, method), found, original, method)
            if found is not None and found.is_open:
                own["permission_classes"] = [AllowAny]
        return type(original.__name__, (original,), {"__doc__": original.__doc__, **own})


def _described(function: Any, found: Operation, view: type[APIView], method: str) -> Any:
    def handler(self: Any, *args: Any, **named: Any) -> Any:
        return function(self, *args, **named)

    handler.__doc__, handler.__name__ = function.__doc__, method
    summary, _, description = (function.__doc__ or "").strip().partition("\n\n")
    return extend_schema(
        operation_id=f"billing_{method}_{_name_of(view)}",
        tags=[TAG],
        summary=" ".join(summary.split()),
        description=" ".join(description.split()) or " ".join(summary.split()),
        parameters=[found.asks] if found.asks else [],
        request=found.takes,
        responses={found.status: _answer(found), **errors_of(found, method=method)},
        filters=False,
    )(handler)


def _name_of(view: type[APIView]) -> str:
    """`PaymentMethodView`: `payment_method`."""
    name = view.__name__.removesuffix("View")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _answer(found: Operation) -> Any:
    if not found.is_paginated:
        return found.gives(many=True) if found.is_list else found.gives
    return inline_serializer(
        f"{found.gives.__name__.removesuffix('Serializer')}Page",
        {
            "count": serializers.IntegerField(),
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "results": found.gives(many=True),
        },
    )


def codes_of(found: Operation, *, method: str) -> list[str]:
    """All codes that an operation's errors may carry."""
    codes = [*found.codes, "not_acceptable", "bad_request", "throttled"]
    if not found.is_open:
        codes += ["not_authenticated", "authentication_failed", "permission_denied"]
    if found.takes or found.asks:
        codes.append("invalid")
    if found.is_paginated:
        codes.append("not_found")
    if method == "post":
        codes += ["parse_error", "unsupported_media_type", "too_large"]
    if found.calls_stripe:
        codes += ["stripe_unavailable", "stripe_error"]
    return codes


def errors_of(found: Operation, *, method: str) -> dict[int, OpenApiResponse]:
    """By status, the body of an error."""
    by_status: dict[int, list[str]] = {}
    for code in codes_of(found, method=method):
        by_status.setdefault(_STATUS_OF[code], []).append(code)
    refused = {"not_authenticated", "authentication_failed"}
    if 401 in by_status:  # without a challenge to send, REST framework answers 403
        by_status[403] = [*by_status.get(403, []), *sorted(refused)]
    return {
        status: OpenApiResponse(_body(codes), description=STATUSES[status])
        for status, codes in sorted(by_status.items())
    }


def _body(codes: list[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"detail": TEXT, "code": {**TEXT, "enum": sorted(codes)}}
    if "invalid" in codes:
        properties["fields"] = {
            "type": "object",
            "additionalProperties": {"type": "array", "items": TEXT},
            "description": "By field, what is wrong with it.",
        }
    if "payment_action_required" in codes:
        properties["url"] = {**TEXT, "description": "Where the payer confirms with their bank."}
    return {"type": "object", "properties": properties, "required": ["detail", "code"]}
