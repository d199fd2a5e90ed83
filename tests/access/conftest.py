from datetime import timedelta

import pytest
from django.utils import timezone

from django_stripe_billing.models import Customer, Entitlement, Feature, Subscription


@pytest.fixture
def features(catalog):
    return {feature.lookup_key: feature for feature in Feature.objects.all()}


@pytest.fixture
def grant(features):
    """Write an entitlement row as the door would."""

    def grant(customer, key="reports", *, source="sub_1", days=30, limit=None, **values):
        subscription, _ = Subscription.objects.get_or_create(
            stripe_id=source,
            defaults={
                "customer": customer,
                "status": "active",
                "stripe_created_at": timezone.now(),
            },
        )
        return Entitlement.objects.create(
            customer=customer,
            feature=features[key],
            source_kind="subscription",
            source_id=source,
            subscription=subscription,
            ends_at=None if days is None else timezone.now() + timedelta(days=days),
            limit=limit,
            reason="paid_period",
            **values,
        )

    return grant


@pytest.fixture
def other_customer(other_subscriber):
    return Customer.objects.create(stripe_id="cus_other", subscriber=other_subscriber)
