"""Random histories of one subscription, played against the real code.

The subscription changes at random moments, often several times within one second. Events arrive
late, twice, out of order, or not at all; fetches take time, and other events are handled while they
wait; pages of a list are judged long after they were read. At the end the stored subscription and
what it grants must be what Stripe has. `python -m tests.sync.histories 10000` plays them outside
pytest.
"""

import heapq
import itertools
import json
import math
import random
import sys
from email.utils import formatdate
from types import SimpleNamespace

from django.test import RequestFactory
from django.utils import timezone

from tests.payloads import DAY, encoded, event, item, items, signed, subscription

START = 1_790_000_000
STATUSES = ["active", "active", "past_due", "trialing", "unpaid", "paused"]


class History:
    """Virtual time, the versions of one subscription, and what is still to come."""

    def __init__(self, *, seed, loss):
        self.random = random.Random(seed)
        self.loss = loss
        self.now = float(START)
        self.queue = []
        self.ties = itertools.count()
        self.fetches = 0
        self.customer = f"cus_{seed}"
        self.id = f"sub_{seed}"
        self.versions = self._versions()

    def _versions(self):
        moment, versions = START + self.random.random(), []
        count = self.random.randint(1, 6)
        for number in range(1, count + 1):
            ends = number == count and self.random.random() < 0.2
            status = "canceled" if ends else self.random.choice(STATUSES)
            period = {"current_period_start": START, "current_period_end": START + number * DAY}
            state = subscription(
                self.id,
                self.customer,
                status,
                created=START,
                start_date=START,
                items=items(item(f"si_{self.id}", quantity=number, **period)),
            )
            versions.append((moment, state))
            step = self.random.choice([0.0005, 0.01, 0.2, 0.6, 1.1, 3])
            moment += step * self.random.random() * 2
        return versions

    def state_at(self, moment):
        known = [state for changed, state in self.versions if changed <= moment]
        return known[-1] if known else None

    def at(self, moment, action, *arguments):
        heapq.heappush(self.queue, (moment, next(self.ties), action, arguments))

    def run_until(self, moment):
        while self.queue and self.queue[0][0] <= moment:
            due, _, action, arguments = heapq.heappop(self.queue)
            self.now = max(self.now, due)
            action(*arguments)
        self.now = max(self.now, moment)

    def handle(self, method, path, body, headers):
        """Stripe's side of a fetch: other things happen on the way there and on the way back."""
        self.fetches += 1
        latency = self.random.choice([0.01, 0.1, 0.5, 1.5, 4]) * self.random.random()
        arrives = self.now + latency
        read_at = self.now + latency * self.random.random()
        self.run_until(read_at)
        state = self.state_at(read_at)
        self.run_until(arrives)
        status = 200 if state else 404
        data = state or {"error": {"code": "resource_missing", "message": "no such"}}
        headers = {"Date": formatdate(math.floor(arrives), usegmt=True), "Request-Id": "req"}
        return SimpleNamespace(status=status, headers=headers, body=json.dumps(data).encode())

    def schedule(self, deliver, apply_page):
        for number, (moment, state) in enumerate(self.versions):
            if self.random.random() < self.loss:
                continue
            kind = "created" if number == 0 else "updated"
            payload = event(f"customer.subscription.{kind}", state, created=math.floor(moment))
            payload["id"] = f"evt_{self.id}_{number}"
            for _ in range(1 + (self.random.random() < 0.3)):
                late = self.random.choice([0.001, 0.05, 0.5, 2, 10]) * self.random.random()
                self.at(moment + late, deliver, payload)
        last = self.versions[-1][0]
        for _ in range(self.random.randint(0, 2)):
            self.at(START + self.random.random() * (last - START + 3), self._page, apply_page)
        if self.loss:
            self.at(last + 30, self._page, apply_page)

    def _page(self, apply_page):
        latency = self.random.choice([0.05, 0.5, 2]) * self.random.random()
        read_at = self.now + latency * self.random.random()
        self.at(self.now + latency, self._page_arrived, apply_page, self.now, read_at)

    def _page_arrived(self, apply_page, started, read_at):
        state = self.state_at(read_at)
        if state is not None:
            delay = self.random.random() * 2
            self.at(self.now + delay, apply_page, state, math.floor(self.now), self.now - started)


def play(*, seed, loss):
    """Play one history against the database; returns (what differs, or '', and the fetches)."""
    from django.test import override_settings

    from django_stripe_billing.models import Subscription
    from django_stripe_billing.rules.ordering import of_answer
    from django_stripe_billing.rules.snapshots import parse_subscription
    from django_stripe_billing.stripe_api import CallableHTTPClient, client
    from django_stripe_billing.sync import Cause, SubscriptionReading, settle
    from django_stripe_billing.webhooks import webhook

    history = History(seed=seed, loss=loss)
    factory = RequestFactory()

    def deliver(payload):
        body = encoded(payload)
        request = factory.post(
            "/", body, content_type="application/json", HTTP_STRIPE_SIGNATURE=signed(body)
        )
        response = webhook(request)
        if response.status_code != 200:  # Stripe sends it again
            history.at(history.now + 1, deliver, payload)

    def apply_page(state, date, elapsed):
        reading = SubscriptionReading(
            snapshot=parse_subscription(state), interval=of_answer(date=date, elapsed=elapsed)
        )
        settle([reading], cause=Cause(kind="reconcile", id="history"))

    history.schedule(deliver, apply_page)
    real_time, client.time = client.time, SimpleNamespace(monotonic=lambda: history.now)
    try:
        with override_settings(STRIPE_BILLING=_settings(CallableHTTPClient(history.handle))):
            history.run_until(math.inf)
    finally:
        client.time = real_time
    wanted = parse_subscription(history.versions[-1][1])
    row = Subscription.objects.select_related("customer").get(stripe_id=history.id)
    stored = row.snapshot(row.items.all())
    if stored != wanted:
        return f"seed {seed}: stored {stored}, Stripe has {wanted}", history.fetches
    return _entitlement_difference(row, wanted), history.fetches


def _entitlement_difference(row, wanted):
    """An independent sum: active and trialing grant both features, past_due within its grace."""
    [line] = wanted.items
    paid_until = {
        "active": line.current_period_end + 3 * DAY,
        "trialing": line.current_period_end + 3 * DAY,
        "past_due": line.current_period_start + 7 * DAY,
    }.get(wanted.status)
    expected = (
        set()
        if paid_until is None
        else {("reports", paid_until, None), ("seats", paid_until, 5 * line.quantity)}
    )
    held = {
        (entry.feature.lookup_key, int(entry.ends_at.timestamp()), entry.limit)
        for entry in row.entitlements.select_related("feature")
    }
    return "" if held == expected else f"{row.stripe_id}: holds {held}, paid for {expected}"


def _settings(http_client):
    from django.conf import settings

    return {**settings.STRIPE_BILLING, "HTTP_CLIENT": http_client}


def play_many(count, *, loss, first=0):
    """Play histories; returns (the divergences, the fetches)."""
    divergences, fetches = [], 0
    for seed in range(first, first + count):
        difference, own = play(seed=seed, loss=loss)
        fetches += own
        if difference:
            divergences.append(difference)
    return divergences, fetches


def main(count):
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.conftest import make_catalog

    databases = setup_databases(verbosity=0, interactive=False)
    make_catalog()
    failed = 0
    for first, loss in ((0, 0.0), (count, 0.4)):
        started = timezone.now()
        divergences, fetches = play_many(count // 2, loss=loss, first=first)
        failed += len(divergences)
        seconds = (timezone.now() - started).total_seconds()
        print(
            f"loss {loss:.0%}: {len(divergences)} divergences in {count // 2} histories,"
            f" {fetches} fetches, {seconds:.0f} s"
        )
        for line in divergences[:5]:
            print("  ", line)
    teardown_databases(databases, verbosity=0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
