"""Extending a trial from the admin while a change waits for its end."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.models import Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.subscriptions import change_plan, scheduled_change

from .deeds import do

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(shop, stripe_sandbox, subscriber):
    """A trial of pro, and starter from its end on."""
    shop.subscribe(shop.bind(subscriber), trial_period_days=10)
    stripe_sandbox.deliver()
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    stripe_sandbox.deliver()
    return Subscription.objects.get()


@pytest.fixture
def extend(admin, waiting):
    """Let the trial end five days later; what the page says."""
    until = (waiting.trial_end_at + timedelta(days=5)).replace(second=0)
    url = reverse("admin:stripe_billing_subscription_deed", args=[waiting.pk, "extend-trial"])
    typed = timezone.localtime(until).strftime("%Y-%m-%dT%H:%M")
    return lambda: do(admin, url, until=typed).text


def test_what_is_scheduled_waits_for_the_new_end(shop, waiting, extend):
    assert "The trial ends on" in extend()
    row = Subscription.objects.get()
    assert row.trial_end_at > waiting.trial_end_at
    assert scheduled_change(row).at == row.trial_end_at
    assert scheduled_change(row).price_id == shop.starter_monthly["id"]


def test_what_stripe_refuses_is_told_and_moves_nothing(stripe_sandbox, waiting, extend):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path="/v1/subscription_schedules", status=400)
    )
    assert "The trial ends on" not in extend()
    row = Subscription.objects.get()
    assert row.trial_end_at == scheduled_change(row).at == waiting.trial_end_at
