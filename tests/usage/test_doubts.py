"""What may have arrived a day ago: settled by Stripe's totals, or left to a person."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.exceptions import StripeError
from django_stripe_billing.models import Meter, UsageRecord
from django_stripe_billing.rules.usage import was_counted
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.usage import report, sending, total

LONG_AGO = timedelta(hours=30)


@pytest.mark.parametrize(
    ("value", "others", "rest", "verdict"),
    [
        (3, [], 3, True),
        (3, [], 0, False),
        (3, [5], 5, False),
        (5, [3], 5, True),
        (5, [3], 8, True),
        (3, [3], 6, True),
        (3, [3], 0, False),
        (3, [3], 3, None),
        (3, [1, 2], 3, None),
        (3, [], 4, None),
        (3, [], -1, None),
        (1, [Decimal(2) ** number for number in range(1, 40)], 2, None),
    ],
)
def test_a_total_says_whether_a_value_is_in_it(value, others, rest, verdict):
    numbers = [Decimal(other) for other in others]
    assert was_counted(Decimal(value), others=numbers, rest=Decimal(rest)) is verdict


@pytest.mark.django_db(transaction=True)
class TestMinutes:
    @pytest.fixture(autouse=True)
    def bound(self, shop, subscriber, clock):
        return shop.bind(subscriber)

    @pytest.fixture
    def doubt(self, subscriber, send, clock):
        """Report values of one minute, of which Stripe has counted some; a day passes."""

        def doubt(values, *, counted):
            at = timezone.now().replace(second=1, microsecond=0) - timedelta(minutes=3)
            rows = [report(subscriber, "calls", value, at=at) for value in values]
            counted_ids = [row.pk for row, is_in in zip(rows, counted, strict=True) if is_in]
            UsageRecord.objects.exclude(pk__in=counted_ids).update(
                claimed_until=None, state="refused"
            )
            send()
            UsageRecord.objects.update(
                state="pending",
                is_uncertain=True,
                first_tried_at=timezone.now() - LONG_AGO,
                sent_at=None,
            )
            clock.advance(days=2, delivers=False)  # Stripe has forgotten the identifiers
            return rows

        return doubt

    def values(self, state):
        return [int(row.value) for row in UsageRecord.objects.filter(state=state).order_by("pk")]

    @pytest.mark.parametrize(
        ("values", "counted"),
        [
            ([3, 5], [False, True]),
            ([3, 5], [True, False]),
            ([3, 5, 9], [True, False, True]),
            ([3, 3], [False, False]),
            ([3, 3], [True, True]),
            ([0, 5], [True, False]),
        ],
    )
    def test_values_that_differ_are_told_apart(
        self, shop, add_meter, doubt, send, subscriber, values, counted, bound
    ):
        meter = add_meter()
        doubt(values, counted=counted)
        assert send().sent == len(values)
        assert self.values("sent") == values
        assert in_all(shop, meter, bound) == sum(values)

    def test_a_minute_that_says_nothing_is_left_to_a_person(
        self, shop, add_meter, doubt, send, subscriber, bound, admin_client
    ):
        meter = add_meter()
        _first, second = doubt([3, 3], counted=[True, False])
        done = send()
        assert (done.sent, done.unclear) == (0, 2)
        assert self.values("unclear") == [3, 3]
        assert total(subscriber, "calls") == 6
        assert send().sent == 0
        url = reverse("admin:stripe_billing_usagerecord_send_again", args=[second.pk])
        admin_client.post(url)
        second.refresh_from_db()
        assert (second.state, second.is_uncertain) == ("pending", False)
        assert send().sent == 1
        assert in_all(shop, meter, bound) == 6

    def test_events_of_somebody_else_in_the_minute_leave_it_open(
        self, shop, add_meter, doubt, send, bound
    ):
        add_meter()
        [row] = doubt([5], counted=[False])
        shop.call(
            "POST",
            "/v1/billing/meter_events",
            {
                "event_name": "calls",
                "timestamp": int(row.at.timestamp()),
                "payload": {"stripe_customer_id": bound.stripe_id, "value": "4"},
            },
        )
        assert send().unclear == 1

    def test_a_total_that_lags_behind_hides_nothing(self, shop, add_meter, doubt, send, bound):
        """What was sent just now may not be in the total yet."""
        meter = add_meter()
        rows = doubt([3, 5], counted=[False, False])
        UsageRecord.objects.filter(pk=rows[0].pk).update(
            state="sent", sent_at=timezone.now(), is_uncertain=False
        )
        assert send().sent == 1
        assert in_all(shop, meter, bound) == 5

    @pytest.mark.parametrize("status", [0, 500])
    def test_while_stripe_is_down_all_waits(self, shop, add_meter, doubt, send, status):
        add_meter()
        doubt([3, 5], counted=[True, False])
        fault = Fault(path="/v1/billing", status=status, times=-1)
        shop.sandbox.engine.faults.append(fault)
        assert send().left == 2
        shop.sandbox.engine.faults.clear()
        assert send().sent == 2

    def test_a_key_that_may_not_read_meters_says_so_and_loses_nothing(
        self, shop, add_meter, doubt, send
    ):
        add_meter()
        doubt([3], counted=[False])
        Meter.objects.all().delete()
        fault = Fault(method="GET", path="/v1/billing/meters", status=403, times=-1)
        shop.sandbox.engine.faults.append(fault)
        send()
        assert self.values("sent") == [3]


@pytest.mark.django_db(transaction=True)
class TestMeters:
    def test_they_are_read_once_a_day(self, shop, subscriber, add_meter, send, monkeypatch):
        shop.bind(subscriber)
        add_meter("last")
        report(subscriber, "calls", 3)
        report(subscriber, "calls", 4)
        assert total(subscriber, "calls") == 7
        requests = shop.sandbox.engine.requests
        for _ in range(2):
            requests.clear()
            send()
            report(subscriber, "calls", 4)
        assert [path for _, path in requests] == ["/v1/billing/meter_events"]
        assert Meter.objects.get().formula == "last"
        assert total(subscriber, "calls") == 4
        Meter.objects.update(read_at=timezone.now() - timedelta(days=2), formula="sum")
        send()
        assert Meter.objects.get().formula == "last"

    @pytest.mark.parametrize(
        ("code", "param", "is_sent"),
        [
            ("duplicate_meter_event", "", True),
            ("", "identifier", True),
            ("resource_already_exists", "identifier", True),
            ("parameter_invalid_string_empty", "identifier", False),
            ("", "event_name", False),
        ],
    )
    def test_a_duplicate_is_sent_in_whatever_words(
        self, shop, subscriber, add_meter, send, monkeypatch, code, param, is_sent
    ):
        shop.bind(subscriber)
        add_meter()
        report(subscriber, "calls", 3)
        true = sending.request

        def refuse(method, path, *args, **kwargs):
            if path == "/v1/billing/meter_events":
                raise StripeError("Das kennen wir schon.", code=code, param=param, status=400)
            return true(method, path, *args, **kwargs)

        monkeypatch.setattr(sending, "request", refuse)
        assert send().sent == is_sent


def in_all(shop, meter, customer):
    """What Stripe has counted, in all."""
    now = int(timezone.now().timestamp()) // 60 * 60
    params = {
        "customer": customer.stripe_id,
        "start_time": now - 40 * 86_400,
        "end_time": now + 600,
    }
    path = f"/v1/billing/meters/{meter['id']}/event_summaries"
    return sum(row["aggregated_value"] for row in shop.call("GET", path, params)["data"])
