"""What the API takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..models import Invoice, Price
from ..money import formatted


class CheckoutSerializer(serializers.Serializer[Any]):
    """A checkout names a price and a quantity; everything else comes from the catalog."""

    price = serializers.CharField(max_length=255, help_text="Lookup key or Stripe id.")
    quantity = serializers.IntegerField(default=1)


class PlanFeatureSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="feature.lookup_key")
    name = serializers.CharField(source="feature.name")
    limit = serializers.IntegerField(allow_null=True)
    is_limit_per_unit = serializers.BooleanField()


class PlanSerializer(serializers.Serializer[Any]):
    """A price on sale. `amount` is in the currency's minor unit."""

    price = serializers.CharField(source="stripe_id")
    lookup_key = serializers.CharField()
    product = serializers.CharField(source="product.name")
    description = serializers.CharField(source="product.description")
    amount = serializers.IntegerField(source="unit_amount", allow_null=True)
    currency = serializers.CharField()
    interval = serializers.CharField()
    interval_count = serializers.IntegerField()
    quantity_min = serializers.IntegerField(source="terms.quantity_min")
    quantity_max = serializers.IntegerField(source="terms.quantity_max")
    trial_days = serializers.IntegerField(source="terms.trial_days")
    features = serializers.SerializerMethodField()

    def get_features(self, price: Price) -> Any:
        links = [link for link in price.product.product_features.all() if link.removed_at is None]
        return PlanFeatureSerializer(links, many=True).data


class FeatureAccessSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


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
