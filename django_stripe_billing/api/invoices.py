"""The endpoints about money: invoices, what is unpaid, what is charged."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ..access import dunning_of
from ..dunning import retry_payment
from ..invoices import credit_of, invoice_of, invoices_of, payment_method_of
from ..models import Invoice
from ..money import formatted
from ..portal import start_portal
from .operations import Operation, documented
from .pages import PageSerializer, paginated
from .serializers import URLSerializer
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


class CreditSerializer(serializers.Serializer[Any]):
    """What the next invoices use up."""

    amount = serializers.IntegerField()
    currency = serializers.CharField()


class ChargedSerializer(serializers.Serializer[Any]):
    payment_method = PaymentMethodSerializer(allow_null=True)
    credit = CreditSerializer(allow_null=True)


class OwedSerializer(serializers.Serializer[Any]):
    dunning = DunningSerializer(allow_null=True, help_text="null: all is paid.")


class InvoicesView(BillingAPIView):
    """Invoices."""

    @documented(Operation(asks=PageSerializer, gives=InvoiceSerializer, is_paginated=True))
    def get(self, request: Request) -> Response:
        """The subscriber's invoices, newest first."""
        rows = invoices_of(self.subscriber(request, "portal"))
        return paginated(rows, InvoiceSerializer, request, self)


class InvoiceView(BillingAPIView):
    """An invoice."""

    @documented(Operation(gives=InvoiceSerializer, codes=("not_found",)))
    def get(self, request: Request, stripe_id: str) -> Response:
        """One of the subscriber's own invoices; another's is not found."""
        found = invoice_of(self.subscriber(request, "portal"), stripe_id)
        return Response(InvoiceSerializer(found).data)


class PaymentMethodView(BillingAPIView):
    """What is charged."""

    @documented(Operation(gives=ChargedSerializer, calls_stripe=True))
    def get(self, request: Request) -> Response:
        """The payment method on file, and the credit; each may be null.

        Known from webhooks; Stripe is asked where nothing is known yet.
        """
        subscriber = self.subscriber(request, "portal")
        found = {
            "payment_method": payment_method_of(subscriber),
            "credit": credit_of(subscriber),
        }
        return Response(ChargedSerializer(found).data)


class CardView(BillingAPIView):
    """Another card."""

    @documented(
        Operation(gives=URLSerializer, status=201, codes=("no_customer",), calls_stripe=True)
    )
    def post(self, request: Request) -> Response:
        """Open the portal's page for another card: follow `url` at once."""
        subscriber = self.subscriber(request, "portal")
        url = start_portal(request._request, subscriber, flow="payment_method_update")
        return Response({"url": url}, status=status.HTTP_201_CREATED)


class DunningView(BillingAPIView):
    """What is unpaid."""

    @documented(Operation(gives=OwedSerializer))
    def get(self, request: Request) -> Response:
        """The subscriber's unpaid invoice, and until when access goes on."""
        found = dunning_of(self.subscriber(request, "portal"))
        return Response(OwedSerializer({"dunning": found}).data)


class RetryPaymentView(BillingAPIView):
    """Paying what is unpaid."""

    @documented(
        Operation(
            gives=InvoiceSerializer,
            codes=("nothing_to_pay", "no_customer", "payment_declined", "payment_action_required"),
            calls_stripe=True,
        )
    )
    def post(self, request: Request) -> Response:
        """Charge the oldest open invoice again; the invoice, paid.

        402 with a `url` where the payer must confirm with their bank.
        """
        paid = retry_payment(self.subscriber(request, "portal"))
        return Response(InvoiceSerializer(paid).data)
