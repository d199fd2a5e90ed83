"""The endpoints about what was paid once."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Payment
from ..money import formatted
from ..payments import payment_of, payments_of
from .operations import Operation, documented
from .pages import PageSerializer, paginated
from .views import BillingAPIView


class PaymentItemSerializer(serializers.Serializer[Any]):
    """What was bought."""

    price = serializers.CharField(source="price_id")
    product = serializers.CharField(source="product_id")
    quantity = serializers.IntegerField()


class PaymentSerializer(serializers.Serializer[Any]):
    """A one-off payment. Amounts are in the currency's minor unit; `amount_text` is for people."""

    id = serializers.CharField(source="stripe_id", help_text="The checkout's, cs_….")
    status = serializers.CharField(help_text="paid, unpaid (a debit is under way) or failed.")
    created_at = serializers.DateTimeField(source="stripe_created_at", allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    amount = serializers.IntegerField()
    amount_refunded = serializers.IntegerField()
    amount_text = serializers.SerializerMethodField()
    is_disputed = serializers.SerializerMethodField()
    has_access = serializers.BooleanField(help_text="It grants something now.")
    access_ends_at = serializers.DateTimeField(
        allow_null=True, help_text="null: it grants nothing, or for good."
    )
    items = PaymentItemSerializer(many=True, source="items.all")

    def get_amount_text(self, payment: Payment) -> str:
        return formatted(payment.amount, payment.currency) if payment.currency else ""

    def get_is_disputed(self, payment: Payment) -> bool:
        return bool(payment.dispute_status)


class PaymentsView(BillingAPIView):
    """One-off payments."""

    @documented(Operation(asks=PageSerializer, gives=PaymentSerializer, is_paginated=True))
    def get(self, request: Request) -> Response:
        """The subscriber's one-off payments, newest first."""
        rows = payments_of(self.subscriber(request, "portal"))
        return paginated(rows, PaymentSerializer, request, self)


class PaymentView(BillingAPIView):
    """A one-off payment."""

    @documented(Operation(gives=PaymentSerializer, codes=("not_found",)))
    def get(self, request: Request, stripe_id: str) -> Response:
        """One of the subscriber's own payments; another's is not found."""
        found = payment_of(self.subscriber(request, "portal"), stripe_id)
        return Response(PaymentSerializer(found).data)
