"""A subscriber's own subscription: read, preview, change, end, resume, pause."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from .. import subscriptions
from ..models import Subscription
from .operations import Operation, documented
from .views import BillingAPIView, read

Given = dict[str, Any]

WHEN = ["now", "period_end"]
CHANGE_CODES = (
    "no_subscription",
    "wrong_state",
    "nothing_to_change",
    "payment_declined",
    "payment_action_required",
)
WISH_CODES = ("price_not_sold", "quantity_out_of_bounds", "quantity_in_use", "currency_mismatch")


class ItemSerializer(serializers.Serializer[Any]):
    price = serializers.CharField(source="price_id")
    product = serializers.CharField(source="product_id")
    quantity = serializers.IntegerField(allow_null=True)
    current_period_start = serializers.DateTimeField(
        source="current_period_start_at", allow_null=True
    )
    current_period_end = serializers.DateTimeField(source="current_period_end_at", allow_null=True)


class SubscriptionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="stripe_id")
    status = serializers.CharField()
    currency = serializers.CharField()
    is_ending = serializers.BooleanField()
    cancel_at = serializers.DateTimeField(allow_null=True)
    cancel_at_period_end = serializers.BooleanField()
    trial_end = serializers.DateTimeField(source="trial_end_at", allow_null=True)
    items = ItemSerializer(many=True, source="items.all")


class PreviewLineSerializer(serializers.Serializer[Any]):
    description = serializers.CharField()
    amount = serializers.IntegerField()
    is_proration = serializers.BooleanField()


class PreviewSerializer(serializers.Serializer[Any]):
    """Amounts are in the currency's minor unit; `token` makes the change for this sum."""

    lines = PreviewLineSerializer(many=True)
    total = serializers.IntegerField()
    amount_due = serializers.IntegerField()
    is_due_later = serializers.BooleanField()
    currency = serializers.CharField()
    renewal_amount = serializers.IntegerField(allow_null=True)
    renews_at = serializers.DateTimeField(allow_null=True)
    price = serializers.CharField()
    quantity = serializers.IntegerField()
    token = serializers.CharField()


class WishSerializer(serializers.Serializer[Any]):
    """A price, a quantity, or both."""

    price = serializers.CharField(
        required=False, max_length=255, help_text="Lookup key or Stripe id."
    )
    quantity = serializers.IntegerField(required=False)
    subscription = serializers.CharField(
        required=False, max_length=255, help_text="For who has several."
    )


class ChangeSerializer(WishSerializer):
    """A `token` of a preview, or a price and a quantity, and when.

    A change without proration is not for subscribers to choose: they would have the dearer plan
    until the next period for the price of the present one.
    """

    token = serializers.CharField(required=False, max_length=2000)
    when = serializers.ChoiceField(choices=WHEN, default="now")


class CancelSerializer(serializers.Serializer[Any]):
    when = serializers.ChoiceField(choices=WHEN, default="period_end")
    feedback = serializers.ChoiceField(choices=subscriptions.FEEDBACK, required=False)
    comment = serializers.CharField(required=False, max_length=500, allow_blank=True)
    subscription = serializers.CharField(required=False, max_length=255)


class WhichSerializer(serializers.Serializer[Any]):
    subscription = serializers.CharField(
        required=False, max_length=255, allow_blank=True, help_text="For who has several."
    )


class CodeSerializer(WhichSerializer):
    code = serializers.CharField(max_length=200)


def changing(takes: type[serializers.Serializer[Any]], *codes: str) -> Operation:
    """An operation that changes the subscription and answers with what it is then."""
    return Operation(
        takes=takes,
        gives=SubscriptionSerializer,
        codes=(*CHANGE_CODES, *codes),
        calls_stripe=True,
    )


class SubscriptionView(BillingAPIView):
    """The subscription."""

    @documented(
        Operation(asks=WhichSerializer, gives=SubscriptionSerializer, codes=("no_subscription",))
    )
    def get(self, request: Request) -> Response:
        """The subscription; `subscription` names it for who has several."""
        subscriber = self.subscriber(request, "access")
        given = read(WhichSerializer, request.query_params)
        row = subscriptions.own_subscription(subscriber, **given)
        return Response(SubscriptionSerializer(row).data)

    @documented(
        changing(
            ChangeSerializer, *WISH_CODES, "price_withdrawn", "other_seller", "preview_expired"
        )
    )
    def post(self, request: Request) -> Response:
        """Change the plan (`price`), the `quantity` alone, or both; or take a preview's `token`."""
        subscriber = self.subscriber(request, "change")
        given = self.body(request, ChangeSerializer)
        token = given.pop("token", "")
        if token:
            row = subscriptions.accept_preview(subscriber, token)
        else:
            row = _changed(subscriber, given)
        return Response(SubscriptionSerializer(row).data)


class PreviewView(BillingAPIView):
    """What a change costs."""

    @documented(
        Operation(
            takes=WishSerializer,
            gives=PreviewSerializer,
            codes=(
                "no_subscription",
                "wrong_state",
                "nothing_to_change",
                *WISH_CODES,
                "other_seller",
            ),
            calls_stripe=True,
        )
    )
    def post(self, request: Request) -> Response:
        """What a change would cost now. Changes nothing; `token` makes the change for this sum."""
        subscriber = self.subscriber(request, "change")
        preview = subscriptions.preview_change(subscriber, **self.body(request, WishSerializer))
        return Response(PreviewSerializer(preview).data)


class CancelView(BillingAPIView):
    """Ending it."""

    @documented(changing(CancelSerializer))
    def post(self, request: Request) -> Response:
        """End the subscription at the period's end, or now."""
        subscriber = self.subscriber(request, "change")
        row = subscriptions.cancel(subscriber, **self.body(request, CancelSerializer))
        return Response(SubscriptionSerializer(row).data)


class ResumeView(BillingAPIView):
    """Going on."""

    @documented(changing(WhichSerializer))
    def post(self, request: Request) -> Response:
        """Take a coming end back, or go on with a paused subscription."""
        subscriber = self.subscriber(request, "change")
        row = subscriptions.resume(subscriber, **self.body(request, WhichSerializer))
        return Response(SubscriptionSerializer(row).data)


class PauseView(BillingAPIView):
    """Suspending it."""

    @documented(changing(WhichSerializer))
    def post(self, request: Request) -> Response:
        """Suspend the subscription, with its access, until it is resumed."""
        subscriber = self.subscriber(request, "change")
        row = subscriptions.pause(subscriber, **self.body(request, WhichSerializer))
        return Response(SubscriptionSerializer(row).data)


class PromotionCodeView(BillingAPIView):
    """A discount."""

    @documented(changing(CodeSerializer, "promotion_code_refused"))
    def post(self, request: Request) -> Response:
        """Put the discount of a promotion code on the subscription."""
        subscriber = self.subscriber(request, "change")
        row = subscriptions.apply_promotion_code(subscriber, **self.body(request, CodeSerializer))
        return Response(SubscriptionSerializer(row).data)


def _changed(subscriber: Any, given: Given) -> Subscription:
    if given.get("price"):
        return subscriptions.change_plan(subscriber, **given)
    given.pop("price", None)
    return subscriptions.change_quantity(subscriber, given.pop("quantity", None), **given)
