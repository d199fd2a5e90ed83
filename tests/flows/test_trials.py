"""Trials: announced, charged at the end, or ended as the plan says where there is no card."""

import pytest

from django_stripe_billing.access import dunning_of, has_feature
from django_stripe_billing.models import Invoice, Subscription
from tests.shop import DAY

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_trial_is_announced_and_charged_at_its_end(
    payer, buy, subscriber, clock, heard, mails, at_stripe
):
    session = buy("starter_monthly")
    trial_end = at_stripe(session)["trial_end"]
    assert trial_end == clock.now + 14 * DAY
    clock.advance(days=10)
    mails()
    assert heard.of("trial_will_end") == []
    clock.advance(days=2)
    assert heard.of("trial_will_end") == ["trial_will_end"]
    assert int(heard.last("trial_will_end")["trial_end_at"].timestamp()) == trial_end
    assert mails() == ["trial_ending"]
    assert has_feature(subscriber, "reports")
    clock.advance(days=2, hours=2)
    assert Subscription.objects.get().status == "active"
    assert Invoice.objects.latest("stripe_created_at").amount_paid == 900
    assert mails() == ["receipt"]
    clock.to_renewal({"id": session["subscription"]})
    assert has_feature(subscriber, "reports")


@pytest.mark.parametrize(
    ("end", "status"),
    [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")],
)
def test_a_trial_without_a_card_ends_as_the_plan_says(
    shop, cardless, buy, subscriber, clock, mails, end, status
):
    terms = {"trial_days": "14", "trial_without_card": "true", "trial_end": end}
    shop.add_price(shop.pro, 500, "cardless", **terms)
    shop.sync()
    buy("cardless", payment_method="")
    clock.advance(days=12)
    assert has_feature(subscriber, "reports")
    assert "trial_ending" in mails()
    clock.advance(days=2, hours=2)
    assert Subscription.objects.get().status == status
    has_grace = status == "past_due"
    assert has_feature(subscriber, "reports") is has_grace
    assert (dunning_of(subscriber) is not None) is has_grace
    clock.advance(days=8, delivers=False)
    assert not has_feature(subscriber, "reports")


def test_nobody_tells_of_the_end_and_it_ends_by_the_clock(shop, cardless, buy, subscriber, clock):
    shop.add_price(shop.pro, 500, "cardless", trial_days="14", trial_without_card="true")
    shop.sync()
    buy("cardless", payment_method="")
    clock.advance(days=16, delivers=False)
    assert has_feature(subscriber, "reports"), "three days of leeway for a late event"
    clock.advance(days=2, delivers=False)
    assert not has_feature(subscriber, "reports")
