"""The REST endpoints. Who may act for which subscriber is decided by the one hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from ..access import entitlements
from ..checkout import read_return, sold_prices, start_checkout, start_setup, status_of
from ..portal import start_portal
from ..subscribers import resolve_subscriber
from ..usage import totals
from .errors import answer_error, refuse_long_body
from .operations import Operation, Shape, documented, operation_of
from .serializers import (
    CheckoutSerializer,
    FeatureAccessSerializer,
    PlanSerializer,
    ReturnSerializer,
    SessionSerializer,
    StatusSerializer,
    URLSerializer,
    UsageSerializer,
)
from .throttling import StripeThrottle


@method_decorator(never_cache, name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class BillingAPIView(APIView):
    """Authentication is the project's; the subscriber hook decides who may act."""

    permission_classes = [AllowAny]

    def subscriber(self, request: Request, action: str) -> Model:
        """Whom the request acts for. Raises PermissionDenied, or NotAuthenticated before it."""
        if not request.user or not request.user.is_authenticated:
            self.permission_denied(request)
        return resolve_subscriber(request._request, action)

    def body(self, request: Request, shape: Shape) -> dict[str, Any]:
        """What was sent. Raises ValidationError, or what REST framework answers to other bodies."""
        refuse_long_body(request)
        try:
            data = request.data
        except (RecursionError, LookupError) as error:  # nested too deep; a charset of no text
            raise ParseError from error
        return read(shape, data)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        """Ours, whatever the project's is: it gives every error its code."""
        return answer_error

    def get_throttles(self) -> list[BaseThrottle]:
        """The project's, and ours on what calls Stripe."""
        found = operation_of(self, self.request.method or "")
        own: list[BaseThrottle] = [StripeThrottle()] if found and found.calls_stripe else []
        return [*super().get_throttles(), *own]


def read(shape: Shape, data: Any) -> dict[str, Any]:
    """Valid data. Raises ValidationError."""
    wanted = shape(data=data)
    wanted.is_valid(raise_exception=True)
    return dict(wanted.validated_data)


class PlansView(BillingAPIView):
    """What is on sale."""

    @documented(Operation(gives=PlanSerializer, is_list=True, is_open=True))
    def get(self, request: Request) -> Response:
        """What is on sale, for everybody."""
        return Response(PlanSerializer(sold_prices(), many=True).data)


class CheckoutView(BillingAPIView):
    """Buying."""

    @documented(
        Operation(
            takes=CheckoutSerializer,
            gives=URLSerializer,
            status=201,
            codes=(
                "price_not_sold",
                "quantity_out_of_bounds",
                "currency_mismatch",
                "already_subscribed",
                "already_owned",
            ),
            calls_stripe=True,
        )
    )
    def post(self, request: Request) -> Response:
        """Begin a checkout: send the visitor to `url`, Stripe's checkout page.

        Asking again leads to the same page: a customer has one open checkout at most.
        """
        subscriber = self.subscriber(request, "checkout")
        wanted = self.body(request, CheckoutSerializer)
        url = start_checkout(request._request, subscriber, **wanted)
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class SetupView(BillingAPIView):
    """Saving a card."""

    @documented(Operation(gives=URLSerializer, status=201, calls_stripe=True))
    def post(self, request: Request) -> Response:
        """Save a card without buying anything: send the visitor to `url`."""
        url = start_setup(request._request, self.subscriber(request, "portal"))
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class PortalView(BillingAPIView):
    """Stripe's customer portal."""

    @documented(
        Operation(gives=URLSerializer, status=201, codes=("no_customer",), calls_stripe=True)
    )
    def post(self, request: Request) -> Response:
        """Open Stripe's customer portal: follow `url` at once, it is a bearer link."""
        url = start_portal(request._request, self.subscriber(request, "portal"))
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class ReturnView(BillingAPIView):
    """The way back from Stripe."""

    @documented(
        Operation(
            asks=SessionSerializer, gives=ReturnSerializer, codes=("not_found",), calls_stripe=True
        )
    )
    def get(self, request: Request) -> Response:
        """What became of the checkout `session_id`: Stripe is asked, and what it says is stored.

        The page that the visitor comes back to does the same.
        """
        subscriber = self.subscriber(request, "checkout")
        state = read_return(subscriber, request.query_params.get("session_id", ""))
        return Response(ReturnSerializer(state).data)


class StatusView(BillingAPIView):
    """What somebody has."""

    @documented(Operation(asks=SessionSerializer, gives=StatusSerializer))
    def get(self, request: Request) -> Response:
        """What the subscriber has now, from the database alone; made for polling.

        With the `session_id` of a checkout, active once that one is complete.
        """
        session_id = request.query_params.get("session_id", "")
        found = status_of(self.subscriber(request, "access"), session_id=session_id)
        return Response({"active": found.is_active, "features": sorted(found.features)})


class EntitlementsView(BillingAPIView):
    """What may be used."""

    @documented(Operation(gives=FeatureAccessSerializer, is_list=True))
    def get(self, request: Request) -> Response:
        """What may be used now, with limits and ends: a row for each feature."""
        held = entitlements(self.subscriber(request, "access"))
        rows = [held[key] for key in sorted(held)]
        return Response(FeatureAccessSerializer(rows, many=True).data)


class UsageView(BillingAPIView):
    """Metered usage."""

    @documented(Operation(gives=UsageSerializer, is_list=True))
    def get(self, request: Request) -> Response:
        """What was used of each meter in the current period."""
        found = totals(self.subscriber(request, "access"))
        rows = [{"meter": meter, "total": total} for meter, total in sorted(found.items())]
        return Response(UsageSerializer(rows, many=True).data)
