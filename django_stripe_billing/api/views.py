"""The REST endpoints. Who may act for which subscriber is decided by the one hook."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..access import entitlements
from ..checkout import read_return, sold_prices, start_checkout, start_setup, status_of
from ..portal import start_portal
from ..subscribers import resolve_subscriber
from ..usage import totals
from .errors import answered
from .serializers import (
    CheckoutSerializer,
    FeatureAccessSerializer,
    PlanSerializer,
    UsageSerializer,
)


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


class PlansView(BillingAPIView):
    """GET: what is on sale. Open to everybody."""

    def get(self, request: Request) -> Response:
        return Response(PlanSerializer(sold_prices(), many=True).data)


class CheckoutView(BillingAPIView):
    """POST `price` and `quantity`: `{"url": …}` of Stripe's checkout page."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "checkout")
        wanted = CheckoutSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with answered():
            url = start_checkout(request._request, subscriber, **wanted.validated_data)
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class SetupView(BillingAPIView):
    """POST: `{"url": …}` of Stripe's page on which a card is saved."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            url = start_setup(request._request, subscriber)
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class PortalView(BillingAPIView):
    """POST: `{"url": …}` of Stripe's customer portal; follow it at once."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            url = start_portal(request._request, subscriber)
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class ReturnView(BillingAPIView):
    """GET with a `session_id`: `{"status": …}`, one of `ReturnState`'s.

    Asks Stripe what became of the checkout, and stores it; the page that the visitor comes back to
    does the same.
    """

    def get(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "checkout")
        with answered():
            state = read_return(subscriber, request.query_params.get("session_id", ""))
        return Response({"status": state.status})


class StatusView(BillingAPIView):
    """GET: `{"active": …, "features": […]}`, from the database alone; made for polling.

    With the `session_id` of a checkout, active once that one is complete.
    """

    def get(self, request: Request) -> Response:
        session_id = request.query_params.get("session_id", "")
        found = status_of(self.subscriber(request, "access"), session_id=session_id)
        return Response({"active": found.is_active, "features": sorted(found.features)})


class EntitlementsView(BillingAPIView):
    """GET: what may be used now, with limits and ends."""

    def get(self, request: Request) -> Response:
        held: dict[str, Any] = entitlements(self.subscriber(request, "access"))
        rows = [held[key] for key in sorted(held)]
        return Response(FeatureAccessSerializer(rows, many=True).data)


class UsageView(BillingAPIView):
    """GET: what was used of each meter in the current period."""

    def get(self, request: Request) -> Response:
        found = totals(self.subscriber(request, "access"))
        rows = [{"meter": meter, "total": total} for meter, total in sorted(found.items())]
        return Response(UsageSerializer(rows, many=True).data)
