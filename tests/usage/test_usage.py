"""Usage: reported with the work, sent once, whatever happens on the way."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from django_stripe_billing.exceptions import StripeAuthenticationError, UsageError
from django_stripe_billing.models import Customer, UsageRecord
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient, TokenBucket
from django_stripe_billing.usage import Sent, report, send_usage, total

pytestmark = pytest.mark.django_db(transaction=True)

METER_EVENTS = "/v1/billing/meter_events"


@pytest.fixture
def meter(shop):
    return shop.call(
        "POST",
        "/v1/billing/meters",
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
        },
    )


@pytest.fixture
def bound(shop, subscriber):
    return shop.bind(subscriber)


def send():
    return send_usage(TokenBucket(rate=100_000))


def counted(shop, meter, customer):
    """What Stripe has counted, in all."""
    now = int(timezone.now().timestamp()) // 60 * 60
    params = {
        "customer": customer.stripe_id,
        "start_time": now - 40 * 86_400,
        "end_time": now + 600,
    }
    path = f"/v1/billing/meters/{meter['id']}/event_summaries"
    return sum(row["aggregated_value"] for row in shop.call("GET", path, params)["data"])


def states():
    return list(UsageRecord.objects.order_by("pk").values_list("state", flat=True))


# Reporting


def test_usage_is_part_of_the_callers_transaction(bound, subscriber):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        report(subscriber, "calls", 3)
        _ = 1 / 0
    assert not UsageRecord.objects.exists()


def test_the_same_identifier_is_the_same_usage(bound, subscriber):
    first = report(subscriber, "calls", 3, identifier="invoice-17")
    assert report(subscriber, "calls", 3, identifier="invoice-17") == first
    with pytest.raises(UsageError, match="another usage"):
        report(subscriber, "calls", 4, identifier="invoice-17")
    assert UsageRecord.objects.count() == 1


def test_another_subscribers_identifier_is_not_theirs(bound, shop, subscriber, other_subscriber):
    shop.bind(other_subscriber)
    report(subscriber, "calls", 3, identifier="one")
    with pytest.raises(UsageError):
        report(other_subscriber, "calls", 3, identifier="one")


@pytest.mark.parametrize(
    "bad",
    [
        {"value": 1.5},
        {"value": True},
        {"value": -1},
        {"value": Decimal("NaN")},
        {"value": Decimal("0.0000001")},
        {"value": 10**18},
        {"value": "3"},
        {"meter": ""},
        {"meter": "m" * 101},
        {"identifier": ""},
        {"identifier": "i" * 101},
        {"at": datetime(2026, 1, 1)},
        {"at": timedelta(days=-36)},
        {"at": timedelta(minutes=10)},
    ],
)
def test_what_stripe_would_refuse_is_refused_here(bound, subscriber, bad):
    given = {"meter": "calls", "value": 1, **bad}
    if isinstance(given.get("at"), timedelta):
        given["at"] += timezone.now()
    with pytest.raises(UsageError):
        report(subscriber, given.pop("meter"), given.pop("value"), **given)
    assert not UsageRecord.objects.exists()


def test_usage_waits_for_a_customer_that_is_not_in_stripe_yet(shop, meter, subscriber):
    report(subscriber, "calls", 3)
    assert send().sent == 0
    assert states() == ["pending"]
    made = shop.add_customer()
    shop.sandbox.drop()
    Customer.objects.update(stripe_id=made["id"])
    assert send().sent == 1
    assert counted(shop, meter, Customer.objects.get()) == 3


def test_the_total_counts_the_current_period_and_nobody_else(
    shop, bound, stripe_sandbox, subscriber, other_subscriber
):
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    shop.bind(other_subscriber)
    report(other_subscriber, "calls", 50)
    report(subscriber, "calls", 3, at=timezone.now() + timedelta(seconds=30))
    report(subscriber, "calls", Decimal("0.25"), at=timezone.now() + timedelta(seconds=30))
    report(subscriber, "calls", 7, at=timezone.now() - timedelta(days=2))
    report(subscriber, "mails", 9)
    assert total(subscriber, "calls") == Decimal("3.25")
    assert total(subscriber, "calls", since=timezone.now() - timedelta(days=3)) == Decimal("10.25")
    assert total(None, "calls") == 0


# Sending


def test_usage_arrives_once(shop, meter, bound, subscriber):
    for value in (3, 4, Decimal("2.5")):
        report(subscriber, "calls", value)
    assert (send().sent, send().sent) == (3, 0)
    assert counted(shop, meter, bound) == Decimal("9.5")
    assert states() == ["sent"] * 3


def test_a_crash_after_the_answer_counts_nothing_twice(shop, meter, bound, subscriber):
    record = report(subscriber, "calls", 3)
    send()
    UsageRecord.objects.update(state="pending", is_uncertain=True, first_tried_at=timezone.now())
    assert send().sent == 1
    assert counted(shop, meter, bound) == 3
    record.refresh_from_db()
    assert (record.state, record.is_uncertain, record.attempts) == ("sent", False, 2)


def test_a_lost_answer_counts_nothing_twice(shop, meter, bound, stripe_sandbox, subscriber):
    report(subscriber, "calls", 3)
    stripe_sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=0, is_after=True))
    assert send().left == 1
    assert send().sent == 1
    assert counted(shop, meter, bound) == 3


def test_stripe_may_be_down_for_a_day(shop, meter, bound, stripe_sandbox, subscriber):
    for value in (3, 4):
        report(subscriber, "calls", value)
    stripe_sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=500, times=-1))
    assert send().left == 2
    UsageRecord.objects.filter(first_tried_at__isnull=False).update(
        first_tried_at=timezone.now() - timedelta(hours=30)
    )
    stripe_sandbox.engine.faults.clear()
    assert (send().sent, states()) == (2, ["sent", "sent"])
    assert counted(shop, meter, bound) == 7


def test_what_arrived_more_than_a_day_ago_is_found_in_stripes_totals(
    shop, meter, bound, stripe_sandbox, subscriber
):
    for value in (3, 4):
        report(subscriber, "calls", value, at=timezone.now() - timedelta(minutes=3))
    send()
    UsageRecord.objects.filter(value=4).update(
        state="pending",
        is_uncertain=True,
        first_tried_at=timezone.now() - timedelta(hours=30),
        identifier="forgotten",
    )
    assert send().sent == 1
    assert counted(shop, meter, bound) == 7


def test_a_refused_record_does_not_hold_up_the_others(shop, meter, bound, subscriber):
    report(subscriber, "no_such_meter", 3)
    report(subscriber, "calls", 4)
    done = send()
    assert (done.sent, done.refused) == (1, 1)
    refused = UsageRecord.objects.get(state="refused")
    assert "no_such_meter" in refused.error


@pytest.mark.parametrize("identifier", ["export-2026-€", "export-\n2", " export", "出" * 100])
def test_an_identifier_may_be_written_in_any_letters(
    shop, meter, bound, subscriber, identifier, stripe_sandbox
):
    report(subscriber, "calls", 3, identifier=identifier)
    report(subscriber, "calls", 4)
    assert send().sent == 2
    assert counted(shop, meter, bound) == 7


def silent_about(sandbox, record):
    """Stripe is there, and calls about this one record are never answered."""
    inner = sandbox.engine.handle

    def handle(method, asked, body, headers):
        if record.identifier in body:
            raise ConnectionError("Broken pipe")
        return inner(method, asked, body, headers)

    return CallableHTTPClient(handle)


def test_a_record_that_never_gets_an_answer_does_not_hold_up_the_others_for_ever(
    shop, meter, bound, stripe_sandbox, subscriber, settings
):
    bad = report(subscriber, "calls", 3)
    for value in (4, 5):
        report(subscriber, "calls", value)
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "HTTP_CLIENT": silent_about(stripe_sandbox, bad),
    }
    assert [send().left for _ in range(2)] == [3, 3]
    done = send()
    assert (done.sent, done.aside, done.left) == (2, 1, 0)
    assert states() == ["pending", "sent", "sent"]
    bad.refresh_from_db()
    assert "Broken pipe" in bad.error
    assert send() == Sent()
    UsageRecord.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "HTTP_CLIENT": CallableHTTPClient(stripe_sandbox.engine.handle),
    }
    assert send().sent == 1
    assert counted(shop, meter, bound) == 12


def test_while_stripe_is_down_no_record_is_blamed_for_it(
    shop, meter, bound, stripe_sandbox, subscriber
):
    for value in (3, 4):
        report(subscriber, "calls", value)
    stripe_sandbox.engine.faults.append(Fault(status=0, times=-1))
    assert [send().left for _ in range(5)] == [2] * 5
    assert UsageRecord.objects.filter(is_uncertain=True).count() == 1
    stripe_sandbox.engine.faults.clear()
    assert send().sent == 2


def test_where_only_usage_is_not_taken_a_round_stops_after_a_few(
    shop, meter, bound, stripe_sandbox, subscriber
):
    for value in range(1, 8):
        report(subscriber, "calls", value)
    stripe_sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=500, times=-1))
    for _ in range(2):
        send()
    done = send()
    assert (done.aside, done.left) == (3, 4)
    stripe_sandbox.engine.faults.clear()
    UsageRecord.objects.update(claimed_until=None)
    assert send().sent == 7
    assert counted(shop, meter, bound) == 28


@pytest.mark.parametrize("status", [0, 404])
def test_a_total_that_cannot_be_had_holds_up_its_own_minute_alone(
    shop, meter, bound, stripe_sandbox, subscriber, status
):
    report(subscriber, "calls", 3, at=timezone.now() - timedelta(minutes=3))
    send()
    UsageRecord.objects.update(
        state="pending", is_uncertain=True, first_tried_at=timezone.now() - timedelta(hours=30)
    )
    UsageRecord.objects.update(attempts=5)
    report(subscriber, "calls", 4)
    totals = f"/v1/billing/meters/{meter['id']}/event_summaries"
    stripe_sandbox.engine.faults.append(Fault(path=totals, status=status, times=-1))
    done = send()
    assert (done.sent, done.left) == (1, 0)
    assert states() == ["unclear" if status else "pending", "sent"]


def test_usage_that_waited_too_long_is_refused_and_says_so(shop, meter, bound, subscriber):
    report(subscriber, "calls", 3)
    UsageRecord.objects.update(at=timezone.now() - timedelta(days=36))
    assert send().refused == 1
    assert "35 days" in UsageRecord.objects.get().error


def test_a_claimed_record_is_left_alone_until_its_lease_ends(shop, meter, bound, subscriber):
    report(subscriber, "calls", 3)
    UsageRecord.objects.update(claimed_until=timezone.now() + timedelta(minutes=5))
    assert send().sent == 0
    UsageRecord.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert send().sent == 1


def test_a_wrong_key_stops_at_once_and_loses_nothing(bound, stripe_sandbox, subscriber):
    report(subscriber, "calls", 3)
    stripe_sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=401))
    with pytest.raises(StripeAuthenticationError):
        send()
    assert states() == ["pending"]


def test_the_command_says_what_it_did(shop, meter, bound, stripe_sandbox, subscriber, capsys):
    report(subscriber, "calls", 3)
    call_command("send_usage")
    assert capsys.readouterr().out == "1 sent, 0 refused, 0 waiting\n"
    report(subscriber, "calls", 3)
    stripe_sandbox.engine.faults.append(Fault(path=METER_EVENTS, status=503))
    with pytest.raises(CommandError, match="nothing is lost"):
        call_command("send_usage")
    with pytest.raises(CommandError):
        call_command("send_usage", rate=-1.0)
