"""Virtual time, the sandbox in it, and the ways from there to the database."""

import heapq
import io
import itertools
import json
import math
import random
from collections import Counter
from email.utils import formatdate
from types import SimpleNamespace

from django.conf import settings
from django.core.management import call_command
from django.test import RequestFactory, override_settings

from django_stripe_billing.exceptions import UnsettledError
from django_stripe_billing.models import Customer, Event, Feature, ManualGrant
from django_stripe_billing.reconcile import ChangeLimit, reconcile
from django_stripe_billing.rules.events import SUBJECTS
from django_stripe_billing.rules.ordering import of_answer
from django_stripe_billing.rules.snapshots import parse_subscription
from django_stripe_billing.sandbox import Engine
from django_stripe_billing.stripe_api import CallableHTTPClient, client
from django_stripe_billing.sync import (
    Cause,
    SubscriptionReading,
    add_manual_grant,
    settle,
    sync_subscription,
)
from django_stripe_billing.webhooks import webhook
from tests.payloads import encoded, signed

from .stories import Catalog, Story
from .truth import differences, empty_tables

START = 1_790_000_000
DEEPEST = 5
"""How many fetches wait at once, each for what happens during another."""

FOR_PEOPLE = {"customer_unlinked", "customer_deleted", "subscription_duplicate"}
"""Drift that no command repairs."""

CAUSE = Cause(kind="reconcile", id="history")


def ties(events):
    """How many events are about an object as another one of the same second."""
    moments = Counter((event["created"], event["data"]["object"].get("id")) for event in events)
    return sum(number - 1 for number in moments.values())


class World:
    """Some customers of one sandbox. It is also the sandbox's clock."""

    def __init__(self, *, seed, customers, loss):
        self.random = random.Random(seed)
        self.loss = loss
        self.moment = START + self.random.random()
        self.queue, self.ties = [], itertools.count()
        self.depth = 0
        self.counted = Counter()
        self.told = set()
        self.engine = Engine(clock=self, seed=seed)
        self.engine.subscribe(self.tell)
        self.factory = RequestFactory()
        self.customers = customers

    def now(self):
        return self.moment

    def some(self, *choices):
        """A random part of one of these durations, so that short and long ones both happen."""
        return self.random.choice(choices) * self.random.random()

    def at(self, moment, action, *arguments):
        heapq.heappush(self.queue, (moment, next(self.ties), action, arguments))

    def run_until(self, moment):
        while self.queue and self.queue[0][0] <= moment:
            due, _, action, arguments = heapq.heappop(self.queue)
            self.moment = max(self.moment, due)
            action(*arguments)
        if moment < math.inf:
            self.moment = max(self.moment, moment)

    def play(self):
        """All of it, from an empty database; what differs in the end, a line each."""
        empty_tables()
        is_all_told = not self.loss
        given = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(self.answer)}
        real_time, client.time = client.time, SimpleNamespace(monotonic=self.now)
        try:
            with override_settings(STRIPE_BILLING=given):
                catalog = Catalog(self)
                call_command("sync_catalog", stdout=io.StringIO())
                catalog.begin()
                for _ in range(self.customers):
                    Story(self, catalog).begin()
                self.run_until(math.inf)
                if self.loss:
                    self.reconcile()
        finally:
            client.time = real_time
        self.counted["stale"] = Event.objects.filter(status=Event.Status.STALE).count()
        told = [event for event in self.engine.events if event["id"] in self.told]
        self.counted["ties"] = ties(told)
        return differences(self.engine, told=self.told, is_all_told=is_all_told)

    def reconcile(self):
        """After losses one run makes both sides equal; webhooks go on arriving meanwhile."""
        self.loss = 0.0
        self.moment += 60
        self.give()
        limit = ChangeLimit.parse("100%")
        report = reconcile(apply=True, max_changes=limit, rate=100_000.0)
        assert report.run.is_complete, report.errors
        assert {entry.kind for entry in report.left} <= FOR_PEOPLE, report.left
        self.run_until(math.inf)

    def give(self):
        """Some have a feature by hand, which a deletion that nobody was told of must end."""
        feature = Feature.objects.filter(lookup_key="reports").first()
        for customer in Customer.objects.filter(is_deleted=False):
            if feature and self.random.random() < 0.5:
                grant = ManualGrant(customer=customer, feature=feature, reason="a present")
                add_manual_grant(grant, cause=CAUSE)

    def tell(self, event):
        """An event of the sandbox's: lost, or delivered once or twice, sooner or later."""
        is_ours = event["type"] in SUBJECTS
        if not is_ours and self.random.random() < 0.8:
            return  # of the many that are stored and ignored, a few will do
        self.counted["events"] += 1
        if self.random.random() < self.loss:
            self.counted["lost"] += 1
            return
        self.told.add(event["id"])
        for _copy in range(1 + (self.random.random() < 0.3)):
            late = self.some(0.001, 0.05, 0.5, 2, 10)
            self.at(self.moment + late, self.deliver, event)

    def deliver(self, event, attempt=1):
        body = encoded(event)
        request = self.factory.post(
            "/", body, content_type="application/json", HTTP_STRIPE_SIGNATURE=signed(body)
        )
        status = webhook(request).status_code
        self.counted["deliveries"] += 1
        if status != 200:
            assert attempt < 30, f"{event['id']} is never taken: {status}"
            self.counted["refused"] += 1
            self.at(self.moment + 1, self.deliver, event, attempt + 1)

    def answer(self, method, path, body, headers):
        """The sandbox's answer to us. Other things happen on the way there and on the way back."""
        self.counted["calls"] += 1
        latency = self.some(0.01, 0.1, 0.5, 1.5, 4)
        arrives = self.moment + latency
        read_at = self.moment + latency * self.random.random()
        is_deep = self.depth >= DEEPEST
        self.depth += 1
        try:
            if not is_deep:
                self.run_until(read_at)
            answer = self.engine.handle(method, path, body, headers)
            if not is_deep:
                self.run_until(arrives)
        finally:
            self.depth -= 1
        date = formatdate(math.floor(self.moment), usegmt=True)
        return SimpleNamespace(
            status=answer.status, headers={**answer.headers, "Date": date}, body=answer.body
        )

    def read_page(self):
        """A list as reconcile reads it: judged later, when it is no longer what Stripe has."""
        started = self.moment
        latency = self.some(0.05, 0.5, 2)
        read_at = started + latency * self.random.random()
        self.at(read_at, self.page_read, started, started + latency)

    def page_read(self, started, arrives):
        page = self.engine.call("GET", "/v1/subscriptions", {"status": "all", "limit": 100})
        rows = json.loads(json.dumps(page["data"]))
        interval = of_answer(date=math.floor(arrives), elapsed=arrives - started)
        self.at(arrives + self.random.random() * 2, self.judge_page, rows, interval)

    def judge_page(self, rows, interval):
        readings = [
            SubscriptionReading(snapshot=parse_subscription(row), interval=interval) for row in rows
        ]
        self.counted["pages"] += 1
        settle(readings, cause=CAUSE)

    def come_back(self, subscription_id):
        """The return page, or an admin: a fetch that nobody's event asked for."""
        self.counted["returns"] += 1
        try:
            sync_subscription(subscription_id, cause=CAUSE)
        except UnsettledError:
            self.counted["unsettled"] += 1
