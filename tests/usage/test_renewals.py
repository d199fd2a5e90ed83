"""Usage from the report to the renewal's invoice, on Stripe's clock, with crashes and outages."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from django_stripe_billing.models import Invoice, UsageRecord
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.usage import report, sending, total

pytestmark = pytest.mark.django_db(transaction=True)

METER_EVENTS = "/v1/billing/meter_events"


class Killed(BaseException):
    """kill -9: nothing that comes after it is done."""


@pytest.fixture
def payer(shop, subscriber, clock):
    return shop.bind(subscriber)


@pytest.fixture
def metered(shop, payer, add_meter):
    """Three cents a call, beside a plan of $20.00."""

    def metered(formula="sum"):
        meter = add_meter(formula)
        price = shop.call(
            "POST",
            "/v1/prices",
            {
                "product": shop.pro["id"],
                "currency": "usd",
                "unit_amount": 3,
                "recurring": {"interval": "month", "usage_type": "metered", "meter": meter["id"]},
            },
        )
        shop.sync()
        items = [{"price": shop.pro_monthly["id"]}, {"price": price["id"]}]
        payer.subscription = shop.subscribe(payer, items=items)
        shop.sandbox.deliver()

    return metered


@pytest.fixture
def die(monkeypatch):
    """The process that sends is killed once, after or before the call leaves."""

    def die(*, name):
        true = getattr(sending, name)

        def killed(*args, **kwargs):
            monkeypatch.setattr(sending, name, true)
            raise Killed

        monkeypatch.setattr(sending, name, killed)

    return die


def billed(clock, payer):
    """What the renewal's invoice charges for usage, in cents."""
    clock.to_renewal(payer.subscription)
    invoice = Invoice.objects.order_by("-stripe_created_at", "-pk").first()
    assert invoice.status == "paid"
    return invoice.total - 2000


def states():
    return list(UsageRecord.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize("moment", ["_finish", "request"], ids=["answered", "not_sent"])
def test_a_killed_worker_and_a_day_without_stripe_bill_exactly_what_was_used(
    shop, payer, subscriber, clock, metered, send, die, moment
):
    metered()
    clock.advance(days=2)
    for value in (3, 5, Decimal("7.5")):
        report(subscriber, "calls", value)
    die(name=moment)
    with pytest.raises(Killed):
        send()
    assert send().sent == 0, "the batch is the dead worker's until its lease ends"
    shop.sandbox.engine.faults.append(Fault(path="/v1/billing", status=500, times=-1))
    for _ in range(5):
        clock.advance(hours=5)
        assert send().left == 3
    report(subscriber, "calls", 11)
    shop.sandbox.engine.faults.clear()
    done = send()
    assert (done.sent, done.refused, done.unclear, done.left) == (4, 0, 0, 0)
    assert states() == ["sent"] * 4
    assert total(subscriber, "calls") == Decimal("26.5")
    assert billed(clock, payer) == 80  # 26.5 calls at three cents: 79.5


@pytest.mark.parametrize(("formula", "used"), [("sum", 14), ("count", 3), ("last", 4)])
def test_what_is_shown_is_what_is_billed(
    shop, payer, subscriber, clock, metered, send, formula, used
):
    metered(formula)
    for value in (3, 7, 4):
        clock.advance(days=1)
        report(subscriber, "calls", value)
    report(subscriber, "calls", 9, at=timezone.now() - timedelta(hours=5))
    UsageRecord.objects.filter(value=9).delete()
    send()
    assert total(subscriber, "calls") == used
    assert billed(clock, payer) == 3 * used


def test_a_value_that_is_reported_late_is_not_the_last(
    shop, payer, subscriber, clock, metered, send
):
    metered("last")
    clock.advance(days=3)
    report(subscriber, "calls", 4)
    report(subscriber, "calls", 9, at=timezone.now() - timedelta(hours=5))
    send()
    assert total(subscriber, "calls") == 4
    assert billed(clock, payer) == 12


def test_lost_answers_of_one_minute_are_told_apart(shop, payer, subscriber, clock, metered, send):
    """The first never arrived, the second did, and neither was answered."""
    metered()
    clock.advance(days=1)
    lost, _counted = report(subscriber, "calls", 3), report(subscriber, "calls", 5)
    shop.sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=0))
    send()
    UsageRecord.objects.filter(pk=lost.pk).update(claimed_until=timezone.now() + timedelta(days=1))
    shop.sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=0, is_after=True))
    send()
    clock.advance(hours=25)
    assert send().sent == 2
    assert states() == ["sent", "sent"]
    assert billed(clock, payer) == 24
