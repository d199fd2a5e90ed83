"""A deadlock's victim begins anew wherever Stripe's objects are applied, not for webhooks alone."""

import pytest
from django.db import OperationalError, transaction
from django.db.models.signals import post_init

from django_stripe_billing.models import Entitlement, Subscription
from django_stripe_billing.rules.ordering import of_event
from django_stripe_billing.rules.snapshots import parse_subscription
from django_stripe_billing.sync import Cause, SubscriptionReading, apply_subscriptions
from tests.payloads import NOW, subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def victim():
    """Breaks the transaction off as often as `times` says, in its midst."""

    class Victim:
        times = 0
        met = 0

        def __call__(self, **given):
            if self.times:
                self.times -= 1
                self.met += 1
                raise OperationalError("deadlock detected")

    found = Victim()
    post_init.connect(found, sender=Entitlement)
    yield found
    post_init.disconnect(found, sender=Entitlement)


def apply():
    reading = SubscriptionReading(
        snapshot=parse_subscription(subscription()), interval=of_event(NOW)
    )
    return apply_subscriptions([reading], cause=Cause(kind="checkout", id="cs_1"))


def test_what_was_broken_off_begins_anew(catalog, customer, victim):
    victim.times = 3
    apply()
    assert victim.met == 3
    assert Subscription.objects.get().revision == 1
    assert Entitlement.objects.count() == 2


def test_it_is_not_tried_for_ever(catalog, customer, victim):
    victim.times = 4
    with pytest.raises(OperationalError):
        apply()
    assert not Subscription.objects.exists()


def test_within_another_transaction_that_one_has_to_begin_anew(catalog, customer, victim):
    victim.times = 1
    with pytest.raises(OperationalError), transaction.atomic():
        apply()
    assert victim.met == 1
