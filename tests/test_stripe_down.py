"""Stripe answers 429, 500 or nothing, before or after it did what it was asked: one clear error,
and whoever tries again has it once."""

from contextlib import suppress

import pytest
from django.urls import reverse

from django_stripe_billing import exceptions, subscriptions
from django_stripe_billing.checkout import start_checkout, start_setup
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient
from tests.acts import (
    CALLS,
    DISCOUNTED,
    NO_TROUBLE,
    PAID,
    REMAINS,
    SCHEDULED,
    WRITES,
    cancel_now,
    cancel_scheduled,
    change,
    change_later,
    end_scheduled,
    give_coupon,
    resume_scheduled,
    use_code,
    use_code_scheduled,
)
from tests.renewals import HOUR
from tests.subscriptions.conftest import at_stripe, bound, row

__all__ = ["at_stripe", "bound", "row"]
pytestmark = pytest.mark.django_db(transaction=True)

FAULTS = [(500, False), (500, True), (0, True)]
"""HTTP status, 0 for a broken connection; whether Stripe did it before that."""


DONE_ALREADY = (
    exceptions.NothingToChangeError,
    exceptions.NothingToPayError,
    exceptions.SubscriptionNotFoundError,
    exceptions.SubscriptionStateError,
)


@pytest.fixture
def prepare(shop, row, bound, subscriber, at_stripe):
    """What comes before each act."""

    def fail_renewal():
        shop.sandbox.engine.state.declines.append("insufficient_funds")
        [item] = at_stripe()["items"]["data"]
        until = item["current_period_end"] + 2 * HOUR
        shop.sandbox.advance(until - shop.sandbox.engine.clock.now())
        shop.sandbox.deliver()

    def offer_code():
        coupon = shop.call("POST", "/v1/coupons", {"percent_off": 25, "duration": "forever"})
        promotion = {"type": "coupon", "coupon": coupon["id"]}
        shop.call("POST", "/v1/promotion_codes", {"promotion": promotion, "code": "WELCOME"})

    def schedule():
        subscriptions.change_quantity(subscriber, 1, when="period_end")

    def offer_code_and_schedule():
        offer_code()
        schedule()

    def offer_coupon_and_schedule():
        terms = {"id": "WELCOME", "percent_off": 25, "duration": "forever"}
        shop.call("POST", "/v1/coupons", terms)
        schedule()

    def end_by_schedule():
        schedule()
        subscriptions.cancel(subscriber)

    before = {
        **dict.fromkeys(SCHEDULED, schedule),
        use_code_scheduled: offer_code_and_schedule,
        give_coupon: offer_coupon_and_schedule,
        resume_scheduled: end_by_schedule,
        subscriptions.resume: lambda: subscriptions.cancel(subscriber),
        subscriptions.unpause: lambda: subscriptions.pause(subscriber),
        use_code: offer_code,
        retry_payment: fail_renewal,
    }

    def prepare(act):
        before.get(act, lambda: None)()
        shop.sandbox.deliver()

    return prepare


def paid(sandbox):
    return len([event for event in sandbox.engine.events if event["type"] == "invoice.paid"])


def name(act):
    return act.__name__


@pytest.mark.parametrize(("status", "is_after"), FAULTS)
@pytest.mark.parametrize(
    ("act", "skip"),
    [(act, skip) for act, number in CALLS.items() for skip in range(number)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_whoever_tries_again_has_it_once(
    prepare, stripe_sandbox, subscriber, at_stripe, act, status, is_after, skip
):
    prepare(act)
    engine = stripe_sandbox.engine
    fault = Fault(status=status, is_after=is_after, skip=skip)
    engine.faults.append(fault)
    try:
        act(subscriber)
    except exceptions.StripeUnavailableError as error:
        assert error.status == status
        assert str(error)
        engine.faults.clear()
        try:
            act(subscriber)
        except DONE_ALREADY:
            assert is_after
    assert fault.times == 0
    engine.faults.clear()
    assert NO_TROUBLE[act](at_stripe())
    assert set(stripe_sandbox.deliver()) <= {200}
    assert NO_TROUBLE[act](at_stripe())
    assert paid(stripe_sandbox) == PAID.get(act, 1)
    schedules = stripe_sandbox.call("GET", "/v1/subscription_schedules")["data"]
    has_one = act in {change_later, resume_scheduled, *SCHEDULED}
    assert len(schedules) == (1 if has_one else 0)
    if act in DISCOUNTED:
        assert schedules[0]["phases"][1]["discounts"]
    assert reconcile().drift == []


@pytest.mark.parametrize(
    ("act", "skip"),
    [(act, skip) for act in NO_TROUBLE for skip in range(WRITES.get(act, 1))],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_stripe_refuses_is_not_half_done(
    prepare, stripe_sandbox, subscriber, at_stripe, act, skip
):
    """A definite 400 for one write after the other; only what is said to be may remain of it."""
    prepare(act)
    before = at_stripe()
    waited = planned(stripe_sandbox)
    fault = Fault(method="DELETE" if act is cancel_now else "POST", status=400, skip=skip)
    stripe_sandbox.engine.faults.append(fault)
    with suppress(exceptions.StripeError, exceptions.PromotionCodeError):
        act(subscriber)
        assert act in {cancel_scheduled, end_scheduled}  # by another call, or without the reason
        assert NO_TROUBLE[act](at_stripe())
        stripe_sandbox.deliver()
        assert reconcile().drift == []
        return
    assert fault.times == 0
    stripe_sandbox.deliver()
    after = at_stripe()
    assert reconcile().drift == []
    assert planned(stripe_sandbox) == waited
    if (act, skip) not in REMAINS:
        assert after == before
    if act in SCHEDULED:
        assert after["schedule"] == before["schedule"]
    stripe_sandbox.engine.faults.clear()
    act(subscriber)
    assert NO_TROUBLE[act](at_stripe())


def planned(sandbox):
    """What live schedules will make of the subscription."""
    found = sandbox.call("GET", "/v1/subscription_schedules")["data"]
    return [
        [item["quantity"] for phase in one["phases"] for item in phase["items"][:1]][1:]
        for one in found
        if one["status"] == "active"
    ]


@pytest.mark.parametrize("status", [500, 429])
@pytest.mark.parametrize("act", NO_TROUBLE, ids=name)
def test_an_outage_does_nothing_and_is_over_when_it_is_over(
    prepare, stripe_sandbox, subscriber, at_stripe, act, status
):
    """Stripe repeats a 5xx once for its idempotency key; the next attempt has another."""
    prepare(act)
    engine, before = stripe_sandbox.engine, at_stripe()
    engine.faults.append(Fault(status=status, times=-1))
    for _ in range(3):
        with pytest.raises(exceptions.StripeUnavailableError):
            act(subscriber)
    engine.faults.clear()
    assert at_stripe() == before
    assert not stripe_sandbox.pending
    assert reconcile().drift == []
    try:
        act(subscriber)
    except exceptions.StripeUnavailableError:
        assert status == 500
        act(subscriber)
    stripe_sandbox.deliver()
    assert NO_TROUBLE[act](at_stripe())
    assert paid(stripe_sandbox) == PAID.get(act, 1)
    assert reconcile().drift == []


@pytest.mark.parametrize("body", [b"", b"null"])
@pytest.mark.parametrize(
    "act", [change, cancel_now, subscriptions.unpause, retry_payment], ids=name
)
def test_an_answer_that_can_not_be_read_is_none(
    prepare, stripe_sandbox, subscriber, at_stripe, settings, monkeypatch, act, body
):
    """Stripe has done it; what came back is a proxy's."""
    prepare(act)
    inner, spoilt = stripe_sandbox.engine.handle, []

    def handle(method, path, sent, headers):
        answer = inner(method, path, sent, headers)
        if method == "GET" or spoilt:
            return answer
        spoilt.append(path)
        return type(answer)(status=200, headers=answer.headers, body=body)

    monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", CallableHTTPClient(handle))
    with pytest.raises(exceptions.StripeUnavailableError):
        act(subscriber)
    assert spoilt
    with suppress(*DONE_ALREADY):
        act(subscriber)
    stripe_sandbox.deliver()
    assert NO_TROUBLE[act](at_stripe())
    assert paid(stripe_sandbox) == PAID.get(act, 1)
    assert reconcile().drift == []


ENDPOINTS = {
    "checkout": {"price": "starter_monthly"},
    "setup": {},
    "portal": {},
    "card": {},
    "subscription": {"quantity": 4},
    "preview": {"quantity": 4},
    "cancel": {},
    "pause": {},
    "promotion_code": {"code": "WELCOME"},
}
PAGES = {"checkout": {"price": "starter_monthly"}, "setup": {}, "portal": {}, "update_card": {}}


@pytest.mark.parametrize("status", [500, 0, 429])
def test_whoever_asks_over_rest_or_on_a_page_is_told_to_try_again(
    row, stripe_sandbox, client, user, status
):
    client.force_login(user)
    stripe_sandbox.engine.faults.append(Fault(status=status, times=-1))
    for endpoint, data in ENDPOINTS.items():
        url = reverse(f"stripe_billing_api:{endpoint}")
        answer = client.post(url, data, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable"), endpoint
    for page, data in PAGES.items():
        answer = client.post(reverse(f"stripe_billing:{page}"), data)
        assert answer.status_code == 503, page
        assert "Try again soon" in answer.content.decode()
    for page in ("invoices", "status"):  # these need no Stripe
        assert client.get(reverse(f"stripe_billing:{page}")).status_code == 200


@pytest.mark.parametrize("status", [500, 0, 429])
def test_an_unpaid_invoice_waits_for_stripe_to_be_back(
    prepare, stripe_sandbox, client, user, status
):
    prepare(retry_payment)
    client.force_login(user)
    stripe_sandbox.engine.faults.append(Fault(status=status, times=-1))
    answer = client.post(reverse("stripe_billing_api:retry_payment"))
    assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
    assert client.post(reverse("stripe_billing:retry_payment")).status_code == 503


OURS = ("subscription-", "pay-", "checkout-", "setup-", "customer-")
"""How the keys begin that are made here; stripe-python adds one of its own where none is given."""


def test_every_write_has_an_idempotency_key(
    prepare, stripe_sandbox, subscriber, rf, user, settings, monkeypatch
):
    inner, writes = stripe_sandbox.engine.handle, []

    def handle(method, path, body, headers):
        if method == "POST":
            keys = {key.lower(): value for key, value in headers.items()}
            writes.append((path, keys.get("idempotency-key", "")))
        return inner(method, path, body, headers)

    client = CallableHTTPClient(handle)
    monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", client)
    request = rf.post("/")
    request.user = user
    for act in (change_later, subscriptions.withdraw_scheduled_change, change):
        act(subscriber)
    for act in (subscriptions.cancel, subscriptions.resume, subscriptions.pause):
        act(subscriber)
    subscriptions.unpause(subscriber)
    start_checkout(request, subscriber, price="starter_monthly")
    start_setup(request, subscriber)
    assert len(writes) >= 9
    assert [path for path, key in writes if not key.startswith(OURS)] == []
    assert len({key for _, key in writes}) == len(writes)
