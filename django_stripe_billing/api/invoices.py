"""The endpoints about money: invoices, what is unpaid, what is charged."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers, status
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from ..access import dunning_of
from ..dunning import retry_payment
from ..invoices import credit_of, invoice_of, invoices_of, payment_method_of
from ..models import Invoice
from ..money import formatted
from ..portal import start_portal
from .errors import answered
from .views import BillingAPIView


class InvoiceSerializer(serializers.Serializer[Any]):
    """An invoice. Amounts are in the currency's minor unit; `total_text` is for people."""

    id = serializers.CharField(source="stripe_id")
    number = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField(source="stripe_created_at")
    due_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    total = serializers.IntegerField()
    amount_paid = serializers.IntegerField()
    amount_remaining = serializers.IntegerField()
    total_text = serializers.SerializerMethodField()
    url = serializers.CharField(source="hosted_invoice_url")
    pdf = serializers.CharField(source="invoice_pdf")

    def get_total_text(self, invoice: Invoice) -> str:
        return formatted(invoice.total, invoice.currency) if invoice.currency else ""


class PaymentMethodSerializer(serializers.Serializer[Any]):
    """What is charged: of a card the brand, the last four and the expiry."""

    type = serializers.CharField()
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)


class DunningSerializer(serializers.Serializer[Any]):
    """An unpaid invoice, and until when access goes on."""

    status = serializers.CharField()
    invoice = serializers.CharField(source="invoice_id")
    pay_url = serializers.CharField()
    amount = serializers.IntegerField()
    currency = serializers.CharField()
    amount_text = serializers.CharField()
    attempt = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    needs_action = serializers.BooleanField()
    started_at = serializers.DateTimeField(allow_null=True)
    access_ends_at = serializers.DateTimeField(allow_null=True)
    has_access = serializers.BooleanField()


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
