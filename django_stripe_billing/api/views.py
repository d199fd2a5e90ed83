"""The REST endpoints. Who may act for which subscriber is decided by the one hook."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework import status
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..access import dunning_of, entitlements
from ..checkout import read_return, sold_prices, start_checkout, status_of
from ..dunning import retry_payment
from ..invoices import credit_of, invoice_of, invoices_of, payment_method_of
from ..portal import start_portal
from ..subscribers import resolve_subscriber
from .errors import answered
from .serializers import (
    CheckoutSerializer,
    DunningSerializer,
    FeatureAccessSerializer,
    InvoiceSerializer,
    PaymentMethodSerializer,
    PlanSerializer,
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


class PortalView(BillingAPIView):
    """POST: `{"url": …}` of Stripe's customer portal; follow it at once."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            url = start_portal(request._request, subscriber)
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class ReturnView(BillingAPIView):
    """GET with a `session_id`: `{"status": …}`, active, waiting, open or expired.

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


class InvoicePages(PageNumberPagination):
    """`?page=2`; up to a hundred with `?page_size=`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100


class InvoicesView(BillingAPIView):
    """GET: the subscriber's invoices, newest first, in pages."""

    def get(self, request: Request) -> Response:
        pages = InvoicePages()
        rows = pages.paginate_queryset(
            invoices_of(self.subscriber(request, "portal")), request, view=self
        )
        return pages.get_paginated_response(InvoiceSerializer(rows, many=True).data)


class InvoiceView(BillingAPIView):
    """GET: one of the subscriber's own invoices; 404 for another's."""

    def get(self, request: Request, stripe_id: str) -> Response:
        found = invoice_of(self.subscriber(request, "portal"), stripe_id)
        return Response(InvoiceSerializer(found).data)


class PaymentMethodView(BillingAPIView):
    """GET: `{"payment_method": …, "credit": …}`; each may be null."""

    def get(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            method = payment_method_of(subscriber)
        credit = credit_of(subscriber)
        return Response(
            {
                "payment_method": method and PaymentMethodSerializer(method).data,
                "credit": credit and {"amount": credit.amount, "currency": credit.currency},
            }
        )


class CardView(BillingAPIView):
    """POST: `{"url": …}` of the portal's page for another card; follow it at once."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            url = start_portal(request._request, subscriber, flow="payment_method_update")
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class DunningView(BillingAPIView):
    """GET: `{"dunning": …}`, the subscriber's unpaid invoice; null when all is paid."""

    def get(self, request: Request) -> Response:
        found = dunning_of(self.subscriber(request, "portal"))
        return Response({"dunning": found and DunningSerializer(found).data})


class RetryPaymentView(BillingAPIView):
    """POST: charge the oldest open invoice again; the invoice, paid.

    402 with a `url` where the payer must confirm with their bank.
    """

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "portal")
        with answered():
            paid = retry_payment(subscriber)
        return Response(InvoiceSerializer(paid).data)
