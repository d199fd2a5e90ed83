"""A subscriber's own subscription: read, preview, change, end, resume, pause."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from .. import subscriptions
from ..models import Subscription
from .errors import answered
from .views import BillingAPIView

Given = dict[str, Any]


class ItemSerializer(serializers.Serializer[Any]):
    price = serializers.CharField(source="price_id")
    product = serializers.CharField(source="product_id")
    quantity = serializers.IntegerField(allow_null=True)
    current_period_start = serializers.DateTimeField(source="current_period_start_at")
    current_period_end = serializers.DateTimeField(source="current_period_end_at")


class SubscriptionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="stripe_id")
    status = serializers.CharField()
    currency = serializers.CharField()
    is_ending = serializers.BooleanField()
    cancel_at = serializers.DateTimeField()
    cancel_at_period_end = serializers.BooleanField()
    trial_end = serializers.DateTimeField(source="trial_end_at")
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


class ChangeSerializer(serializers.Serializer[Any]):
    """A `token` of a preview, or a price and a quantity, and when.

    A change without proration is not for subscribers to choose: they would have the dearer plan
    until the next period for the price of the present one.
    """

    token = serializers.CharField(required=False, max_length=2000)
    price = serializers.CharField(required=False, max_length=255)
    quantity = serializers.IntegerField(required=False)
    when = serializers.ChoiceField(choices=["now", "period_end"], default="now")
    subscription = serializers.CharField(required=False, max_length=255)


class CancelSerializer(serializers.Serializer[Any]):
    when = serializers.ChoiceField(choices=["period_end", "now"], default="period_end")
    feedback = serializers.ChoiceField(choices=subscriptions.FEEDBACK, required=False)
    comment = serializers.CharField(required=False, max_length=500, allow_blank=True)
    subscription = serializers.CharField(required=False, max_length=255)


class WhichSerializer(serializers.Serializer[Any]):
    subscription = serializers.CharField(required=False, max_length=255)


class CodeSerializer(WhichSerializer):
    code = serializers.CharField(max_length=200)


class SubscriptionView(BillingAPIView):
    """GET: the subscription. POST: change its plan or quantity."""

    def get(self, request: Request) -> Response:
        given = _read(WhichSerializer, request.query_params)
        with answered():
            row = subscriptions.own_subscription(self.subscriber(request, "access"), **given)
        return Response(SubscriptionSerializer(row).data)

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "change")
        given = _read(ChangeSerializer, request.data)
        token = given.pop("token", "")
        with answered():
            if token:
                row = subscriptions.accept_preview(subscriber, token)
            else:
                row = _changed(subscriber, given)
        return Response(SubscriptionSerializer(row).data)


class PreviewView(BillingAPIView):
    """POST `price` and `quantity`: what the change would cost now. Changes nothing."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "change")
        given = _read(ChangeSerializer, request.data)
        given.pop("when")
        given.pop("token", None)
        with answered():
            preview = subscriptions.preview_change(subscriber, **given)
        return Response(PreviewSerializer(preview).data)


class _ActionView(BillingAPIView, ABC):
    """POST: one thing done to the subscription; answers what it is then."""

    serializer: type[serializers.Serializer[Any]] = WhichSerializer

    @abstractmethod
    def act(self, subscriber: Any, **given: Any) -> Subscription:
        """Do it; the subscription as it is then."""

    def post(self, request: Request) -> Response:
        subscriber = self.subscriber(request, "change")
        given = _read(self.serializer, request.data)
        with answered():
            row = self.act(subscriber, **given)
        return Response(SubscriptionSerializer(row).data)


class CancelView(_ActionView):
    """POST `when`, `feedback` and `comment`: end it at the period's end, or now."""

    serializer = CancelSerializer

    def act(self, subscriber: Any, **given: Any) -> Subscription:
        return subscriptions.cancel(subscriber, **given)


class ResumeView(_ActionView):
    """POST: take a coming end back, or go on with a paused subscription."""

    def act(self, subscriber: Any, **given: Any) -> Subscription:
        return subscriptions.resume(subscriber, **given)


class PauseView(_ActionView):
    """POST: suspend it, with its access, until it is resumed."""

    def act(self, subscriber: Any, **given: Any) -> Subscription:
        return subscriptions.pause(subscriber, **given)


class PromotionCodeView(_ActionView):
    """POST `code`: put its discount on the subscription."""

    serializer = CodeSerializer

    def act(self, subscriber: Any, **given: Any) -> Subscription:
        return subscriptions.apply_promotion_code(subscriber, **given)


def _changed(subscriber: Any, given: Given) -> Subscription:
    if given.get("price"):
        return subscriptions.change_plan(subscriber, **given)
    given.pop("price", None)
    return subscriptions.change_quantity(subscriber, given.pop("quantity", None), **given)


def _read(serializer: type[serializers.Serializer[Any]], data: Any) -> Given:
    wanted = serializer(data=data)
    wanted.is_valid(raise_exception=True)
    return dict(wanted.validated_data)
