"""`--events`: what never arrived is found at Stripe, and processed as if it had arrived."""

import math
import random
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

import pytest

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import EntitlementChange, Event, ReconcileRun, Subscription
from django_stripe_billing.reconcile import Report, execute, reconcile, resume
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.rules.events import SUBJECTS
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.webhooks import handled_types, webhook_handler
from django_stripe_billing.webhooks.registry import unregister

from ..shop import DAY
from .database import database, kinds

pytestmark = pytest.mark.django_db(transaction=True)

LATER = 600
"""Seconds after which an event is no longer on its way."""


@pytest.fixture
def looked(shop, stripe_sandbox):
    """A run that has looked for events: nothing is missing until now."""
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True)
    assert report.exit_code == 0
    stripe_sandbox.advance(2 * 3600)
    return report


def test_a_lost_event_is_told_and_then_processed_like_any_other(
    shop, stripe_sandbox, bound, subscriber, looked
):
    shop.subscribe(bound)
    lost = stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    before = database()
    dry = reconcile(events=True)
    assert {"event_missed", "subscription_missing_here"} == kinds(dry)
    assert database() == before
    report = reconcile(apply=True, events=True)
    assert kinds(report) == {"event_missed"}
    assert {entry.state for entry in report.drift} == {"repaired"}
    assert report.exit_code == 0
    assert has_feature(subscriber, "reports")
    assert EntitlementChange.objects.first().cause_kind == "event"
    ours = {event["id"] for event in lost if event["type"].startswith("customer.subscription")}
    assert ours <= {entry.object_id for entry in report.drift}
    again = reconcile(events=True)
    assert (again.drift, again.exit_code) == ([], 0)


def test_events_are_processed_oldest_first(shop, stripe_sandbox, bound, looked):
    seen = []
    handler = webhook_handler("customer.subscription.updated")(
        lambda event: seen.append(event.stripe_created_at)
    )
    made = shop.subscribe(bound)
    for number in range(120):
        stripe_sandbox.advance(1)
        values = {"metadata": {"number": str(number)}}
        shop.call("POST", f"/v1/subscriptions/{made['id']}", values)
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    try:
        assert reconcile(apply=True, events=True).exit_code == 0
    finally:
        unregister(handler)
    assert len(seen) == 120
    assert seen == sorted(seen)


def test_they_are_so_through_all_lists(shop, stripe_sandbox, bound, looked):
    seen = []
    types = ("customer.updated", "product.updated")
    handler = webhook_handler(*types)(lambda event: seen.append(event.type))
    paths = [f"/v1/customers/{bound.stripe_id}", f"/v1/products/{shop.pro['id']}"]
    for number in range(6):
        stripe_sandbox.advance(50)
        shop.call("POST", paths[number % 2], {"description": f"Number {number}"})
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    try:
        assert reconcile(apply=True, events=True).exit_code == 0
    finally:
        unregister(handler)
    assert seen == [*types] * 3


def test_events_of_types_that_only_the_project_handles_are_processed(
    shop, stripe_sandbox, bound, looked
):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    seen = []
    handler = webhook_handler("invoice.paid")(lambda event: seen.append(event.type))
    try:
        reconcile(apply=True, events=True)
    finally:
        unregister(handler)
    assert seen == ["invoice.paid"]


def test_what_may_still_arrive_by_itself_is_not_missed(shop, stripe_sandbox, bound, looked):
    shop.subscribe(bound)
    assert "event_missed" not in kinds(reconcile(events=True))


@pytest.mark.parametrize("behind", [3600, 40 * DAY])
def test_an_event_that_seems_to_come_from_the_future_is_missed_too(
    shop, stripe_sandbox, bound, looked, subscriber, settings, behind
):
    inner = stripe_sandbox.engine.handle

    def handle(*call):
        answer = inner(*call)
        answer.headers["Date"] = formatdate(stripe_sandbox.engine.now - behind, usegmt=True)
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    shop.subscribe(bound)
    lost = stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True)
    assert "event_missed" in kinds(report)
    assert {entry.state for entry in report.drift} == {"repaired"}
    assert Event.objects.filter(stripe_id__in=[event["id"] for event in lost]).exists()
    assert has_feature(subscriber, "reports")


def test_events_that_come_while_the_list_is_read_shift_no_page(
    shop, stripe_sandbox, bound, looked, settings
):
    path = f"/v1/customers/{bound.stripe_id}"
    for number in range(130):
        stripe_sandbox.advance(1)
        shop.call("POST", path, {"description": f"Number {number}"})
    lost = {event["id"] for event in stripe_sandbox.drop()}
    stripe_sandbox.advance(LATER)
    inner, pages = stripe_sandbox.engine.handle, []

    def handle(method, asked, body, headers):
        answer = inner(method, asked, body, headers)
        if asked.startswith("/v1/events?") and b"customer.updated" in answer.body:
            pages.append(asked)
            for number in range(20 if len(pages) == 1 else 0):
                stripe_sandbox.advance(1)
                shop.call("POST", path, {"description": f"Later {number}"})
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    report = reconcile(apply=True, events=True)
    assert len(pages) == 4
    assert {entry.state for entry in report.drift} == {"repaired"}
    assert {entry.object_id for entry in report.drift} == lost


def test_what_arrived_is_not_missed(shop, stripe_sandbox, bound, looked):
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(LATER)
    report = reconcile(events=True)
    assert (report.drift, report.exit_code) == ([], 0)


def test_an_event_that_failed_here_is_processed_again(shop, stripe_sandbox, bound, looked):
    def failing(event):
        raise RuntimeError("no")

    handler = webhook_handler("customer.subscription.created")(failing)
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    still = reconcile(
        apply=True, events=True, only=frozenset({Kind.EVENT_FAILED, Kind.EVENT_MISSED})
    )
    assert {(entry.kind, entry.state) for entry in still.drift} == {("event_failed", "failed")}
    unregister(handler)
    done = reconcile(apply=True, events=True)
    assert {(entry.kind, entry.state) for entry in done.drift} >= {("event_failed", "repaired")}
    assert done.exit_code == 0
    assert Subscription.objects.get().status == "active"


def test_one_event_that_fails_stops_no_other(shop, stripe_sandbox, bound, looked):
    def failing(event):
        raise RuntimeError("no")

    shop.subscribe(bound)
    stripe_sandbox.advance(1)
    shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    handler = webhook_handler("customer.subscription.trial_will_end", "invoice.paid")(failing)
    try:
        report = reconcile(apply=True, events=True)
    finally:
        unregister(handler)
    states = {(entry.kind, entry.state) for entry in report.drift}
    assert {("event_missed", "failed"), ("event_missed", "repaired")} <= states
    assert Subscription.objects.count() == 2


def test_payloads_of_a_version_that_is_not_known_are_fetched(shop, stripe_sandbox, bound, looked):
    stripe_sandbox.engine.api_version = "2031-01-01.zebra"
    made = shop.subscribe(bound)
    stripe_sandbox.drop()
    for event in stripe_sandbox.engine.state.all("event"):
        if event["type"].startswith("customer.subscription"):
            event["data"]["object"].pop("items")
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True)
    assert report.exit_code == 0
    assert ("GET", f"/v1/subscriptions/{made['id']}") in stripe_sandbox.engine.requests
    assert Subscription.objects.get().items.count() == 1


def test_an_old_event_cannot_put_back_what_is_newer(shop, stripe_sandbox, bound, looked):
    made = shop.subscribe(bound)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    shop.call("DELETE", f"/v1/subscriptions/{made['id']}")
    stripe_sandbox.deliver()
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True)
    assert report.exit_code == 0
    assert Subscription.objects.get().status == "canceled"
    assert Event.objects.get(type="customer.subscription.created").status == "stale"


def test_the_gap_is_stated_on_the_first_run_and_after_a_long_time(shop, stripe_sandbox):
    first = reconcile(apply=True, events=True)
    [note] = first.notes
    assert "none were asked for since ever" in note
    second = reconcile(apply=True, events=True)
    assert second.notes == []
    stripe_sandbox.advance(29 * DAY)
    assert reconcile(events=True).notes == []
    stripe_sandbox.advance(10 * DAY)
    [note] = reconcile(apply=True, events=True).notes
    assert "are gone" in note
    assert "ever" not in note


def test_only_a_run_that_processed_events_counts_as_having_looked(
    shop, stripe_sandbox, bound, looked
):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    reconcile(events=True)
    reconcile(apply=True)
    reconcile(
        apply=True, events=True, customer_id=bound.stripe_id, only=frozenset({Kind.EVENT_STUCK})
    )
    stripe_sandbox.advance(2 * DAY)
    report = reconcile(apply=True, events=True)
    assert "event_missed" in kinds(report)


def test_the_events_of_one_customer_alone(shop, stripe_sandbox, bound, looked):
    shop.subscribe(bound)
    other = shop.add_customer()
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True, customer_id=bound.stripe_id)
    assert {entry.customer_id for entry in report.drift} == {bound.stripe_id}
    assert not Event.objects.filter(customer_id=other["id"]).exists()


def test_lists_of_events_are_of_twenty_types_at_most_and_of_thirty_days(
    shop, stripe_sandbox, settings
):
    inner, asked = stripe_sandbox.engine.handle, []

    def handle(method, path, body, headers):
        asked.append(path)
        return inner(method, path, body, headers)

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    reconcile(events=True)
    lists = [number for number, path in enumerate(asked) if path.startswith("/v1/events?")]
    assert len(lists) == math.ceil(len({*SUBJECTS, *handled_types()}) / 20)
    for number in lists:
        query = parse_qs(urlsplit(asked[number]).query)
        assert 0 < sum(name.startswith("types[") for name in query) <= 20
        assert int(query["created[gte]"][0]) == stripe_sandbox.engine.now + 1 - 30 * DAY
    compared = next(number for number, path in enumerate(asked) if "status=all" in path)
    assert max(lists) < compared


def test_stripe_that_does_not_answer_makes_the_run_incomplete_and_it_can_be_resumed(
    shop, stripe_sandbox, bound, looked
):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    stripe_sandbox.advance(LATER)
    stripe_sandbox.engine.faults.append(Fault(path="/v1/events", status=503, times=-1))
    assert reconcile(apply=True, events=True).exit_code == 2
    stripe_sandbox.engine.faults.clear()
    report = Report(run=execute(resume()))
    assert (report.exit_code, kinds(report)) == (0, {"event_missed"})
    assert ReconcileRun.objects.first().resumed == 1


def test_after_random_losses_the_events_alone_make_both_sides_equal(
    shop, stripe_sandbox, bound, looked
):
    choice = random.Random(11)
    live = [shop.subscribe(bound)["id"] for _ in range(3)]
    for _ in range(40):
        stripe_sandbox.advance(choice.choice([0, 1, 30]))
        path = f"/v1/subscriptions/{choice.choice(live)}"
        shop.call("POST", path, {"cancel_at_period_end": choice.random() < 0.5})
        if choice.random() < 0.5:
            stripe_sandbox.drop()
        else:
            stripe_sandbox.deliver(shuffle=choice)
    stripe_sandbox.advance(LATER)
    report = reconcile(apply=True, events=True)
    assert kinds(report) == {"event_missed", "subscription_duplicate"}
