"""What one writes by hand, to compare with: an empty view, and a handler that does the least.

The handler verifies, and updates what the subscription grants. It keeps no event, so it does a
duplicate again; it takes the last event for the newest; it records nothing.
"""

import stripe
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from django_stripe_billing.models import Entitlement, Subscription, SubscriptionItem
from django_stripe_billing.models.mirrored import to_datetime

DAY = 86_400


@csrf_exempt
def empty(request):
    """The body is read, and nothing is done with it."""
    return HttpResponse(f"{len(request.body)}")


@csrf_exempt
def minimal(request):
    event = stripe.Webhook.construct_event(
        request.body,
        request.headers["Stripe-Signature"],
        settings.STRIPE_BILLING["WEBHOOK_SECRETS"][0],
    )
    data = event["data"]["object"]
    with transaction.atomic():
        row = Subscription.objects.select_for_update().get(stripe_id=data["id"])
        row.status = data["status"]
        row.save(update_fields=["status"])
        item = data["items"]["data"][0]
        end = item["current_period_end"]
        SubscriptionItem.objects.filter(subscription=row).update(
            quantity=item["quantity"], current_period_end_at=to_datetime(end)
        )
        Entitlement.objects.filter(subscription=row).update(ends_at=to_datetime(end + 3 * DAY))
    return HttpResponse("ok")
