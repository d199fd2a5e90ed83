"""What the API takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..models import Price
from ..rules.catalog import access_days_of


class CheckoutSerializer(serializers.Serializer[Any]):
    """A checkout names a price and a quantity; everything else comes from the catalog."""

    price = serializers.CharField(max_length=255, help_text="Lookup key or Stripe id.")
    quantity = serializers.IntegerField(default=1)


class URLSerializer(serializers.Serializer[Any]):
    """Where to send the visitor."""

    url = serializers.CharField()


class SessionSerializer(serializers.Serializer[Any]):
    session_id = serializers.CharField(
        required=False, allow_blank=True, help_text="Of a checkout, cs_…."
    )


class ReturnSerializer(serializers.Serializer[Any]):
    """What became of a checkout."""

    status = serializers.CharField(
        help_text="active, waiting (for Stripe), open (not paid), expired, failed (a debit that"
        " the bank refused), refused (a trial that this card had before) or saved (a card)."
    )


class StatusSerializer(serializers.Serializer[Any]):
    """What a subscriber has now: the keys of their features."""

    active = serializers.BooleanField()
    features = serializers.ListField(child=serializers.CharField())


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
    interval = serializers.CharField(help_text="Empty for a price that is paid once.")
    interval_count = serializers.IntegerField()
    quantity_min = serializers.IntegerField(source="terms.quantity_min")
    quantity_max = serializers.IntegerField(source="terms.quantity_max")
    trial_days = serializers.IntegerField(source="terms.trial_days")
    access_days = serializers.SerializerMethodField(
        help_text="What a unit of a price that is paid once is worth; null: for good."
    )
    features = PlanFeatureSerializer(many=True, source="product.current_features")

    def get_access_days(self, price: Price) -> int | None:
        return None if price.is_recurring else access_days_of(price.product.metadata)


class FeatureAccessSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class UsageSerializer(serializers.Serializer[Any]):
    """What was used of a meter in the current period, as a decimal string."""

    meter = serializers.CharField()
    total = serializers.DecimalField(max_digits=None, decimal_places=6, normalize_output=True)
