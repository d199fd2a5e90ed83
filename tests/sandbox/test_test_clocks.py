"""Test clocks: some customers' time is moved, and what is due happens at its own moment."""

import pytest

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.sandbox.periods import add_intervals

from .conftest import START

DAY, HOUR = 86_400, 3_600
PAST = 1_577_836_800
"""1 January 2020."""


@pytest.fixture
def clock(engine):
    return engine.call("POST", "/v1/test_helpers/test_clocks", {"frozen_time": PAST, "name": "A"})


@pytest.fixture
def customer(shop, clock):
    return shop.call(
        "POST",
        "/v1/customers",
        {
            "test_clock": clock["id"],
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        },
    )


def months(count, *, start=PAST):
    return add_intervals(start, interval="month", count=count)


def advance(shop, clock, to):
    """Advance and wait, as an external client would."""
    path = f"/v1/test_helpers/test_clocks/{clock['id']}"
    answer = shop.call("POST", f"{path}/advance", {"frozen_time": to})
    assert answer["status"] == "advancing"
    assert answer["status_details"] == {"advancing": {"target_frozen_time": to}}
    ready = shop.call("GET", path)
    assert (ready["status"], ready["frozen_time"], ready["status_details"]) == ("ready", to, {})


def test_a_clock_stands_at_its_time_and_is_kept_for_a_week(engine, clock):
    assert clock["status"] == "ready"
    assert (clock["frozen_time"], clock["created"]) == (PAST, START)
    assert clock["deletes_after"] == START + 7 * DAY
    listed = engine.call("GET", "/v1/test_helpers/test_clocks")["data"]
    assert [row["id"] for row in listed] == [clock["id"]]
    engine.clock.advance(7 * DAY)
    with pytest.raises(SandboxError) as refusal:
        engine.call("GET", f"/v1/test_helpers/test_clocks/{clock['id']}")
    assert refusal.value.status == 404


def test_it_becomes_ready_by_itself(engine, clock):
    path = f"/v1/test_helpers/test_clocks/{clock['id']}/advance"
    engine.call("POST", path, {"frozen_time": PAST + DAY})
    assert engine.state.objects[clock["id"]]["status"] == "advancing"
    engine.tick()
    assert engine.state.objects[clock["id"]]["status"] == "ready"
    told = [event["type"].rpartition(".")[2] for event in engine.events]
    assert told == ["created", "advancing", "ready"]


def test_what_hangs_on_a_clock_has_its_time(shop, customer):
    subscription = shop.subscribe(customer=customer["id"])
    assert customer["created"] == subscription["created"] == PAST
    assert subscription["test_clock"] == customer["test_clock"]
    invoice = shop.call("GET", f"/v1/invoices/{subscription['latest_invoice']}")
    assert (invoice["created"], invoice["test_clock"]) == (PAST, customer["test_clock"])
    assert invoice["status_transitions"]["paid_at"] == PAST
    for event in shop.engine.events:
        if event["data"]["object"].get("customer") == customer["id"]:
            assert event["created"] == PAST
    other = shop.subscribe()
    assert (other["created"], other["test_clock"]) == (START, None)


def test_two_renewals_happen_each_at_its_own_moment(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"])
    advance(shop, clock, months(2))
    rows = shop.invoices(subscription)
    assert [row["created"] for row in rows] == [months(2), months(1), PAST]
    assert [row["status"] for row in rows] == ["draft", "paid", "paid"]
    first = rows[1]
    assert first["billing_reason"] == "subscription_cycle"
    assert first["status_transitions"]["finalized_at"] == months(1) + HOUR
    assert (first["period_start"], first["period_end"]) == (PAST, months(1))
    told = shop.events("invoice.created", "invoice.finalized", "invoice.paid")
    assert told[3:] == [
        ("invoice.created", months(1)),
        ("invoice.finalized", months(1) + HOUR),
        ("invoice.paid", months(1) + HOUR),
        ("invoice.created", months(2)),
    ]
    item = shop.read(subscription)["items"]["data"][0]
    assert (item["current_period_start"], item["current_period_end"]) == (months(2), months(3))


def test_the_clocks_own_events_come_before_and_after_what_they_bring(shop, clock, customer):
    shop.subscribe(customer=customer["id"])
    before = len(shop.engine.events)
    advance(shop, clock, months(1))
    told = shop.engine.events[before:]
    assert told[0]["type"] == "test_helpers.test_clock.advancing"
    assert told[-1]["type"] == "test_helpers.test_clock.ready"
    moments = [event["created"] for event in told]
    assert moments == sorted(moments)


def test_a_clock_never_goes_backwards_nor_too_far(shop, clock, customer):
    path = f"/v1/test_helpers/test_clocks/{clock['id']}/advance"
    for wrong in (PAST, PAST - 1, add_intervals(PAST, interval="year", count=2) + 1):
        with pytest.raises(SandboxError) as refusal:
            shop.call("POST", path, {"frozen_time": wrong})
        assert (refusal.value.status, refusal.value.param) == (400, "frozen_time")
    subscription = shop.subscribe(customer=customer["id"])
    with pytest.raises(SandboxError, match="at most 2 intervals"):
        shop.call("POST", path, {"frozen_time": months(2) + 1})
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    advance(shop, clock, add_intervals(PAST, interval="year", count=2))


def test_lists_hide_what_hangs_on_a_clock_unless_asked(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"])

    def ids(kind, **params):
        return [row["id"] for row in shop.call("GET", f"/v1/{kind}", params)["data"]]

    assert customer["id"] not in ids("customers")
    assert ids("customers", test_clock=clock["id"]) == [customer["id"]]
    assert ids("subscriptions") == ids("invoices") == []
    assert ids("subscriptions", test_clock=clock["id"]) == [subscription["id"]]
    assert ids("subscriptions", customer=customer["id"]) == [subscription["id"]]
    assert ids("invoices", customer=customer["id"]) == [subscription["latest_invoice"]]


def test_deleting_a_clock_deletes_what_hangs_on_it(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"])
    answer = shop.call("DELETE", f"/v1/test_helpers/test_clocks/{clock['id']}")
    assert answer["deleted"] is True
    assert shop.call("GET", f"/v1/customers/{customer['id']}")["deleted"] is True
    for path in (
        f"/v1/subscriptions/{subscription['id']}",
        f"/v1/invoices/{subscription['latest_invoice']}",
        f"/v1/test_helpers/test_clocks/{clock['id']}",
    ):
        with pytest.raises(SandboxError) as refusal:
            shop.call("GET", path)
        assert refusal.value.code == "resource_missing"
    shop.advance(400 * DAY)
    assert shop.types()[-1] == "test_helpers.test_clock.deleted"


def test_an_existing_customer_can_be_hung_on_a_clock_for_good(shop):
    daily = shop.add_price(100, "day")
    subscription = shop.subscribe(items=[{"price": daily["id"]}])
    clock = shop.call(
        "POST",
        "/v1/test_helpers/test_clocks",
        {"frozen_time": START, "customer": shop.customer["id"]},
    )
    assert shop.read(subscription)["test_clock"] == clock["id"]
    shop.advance(6 * DAY)
    assert shop.read(subscription)["items"] == subscription["items"]
    advance(shop, clock, START + DAY + HOUR)
    assert shop.read(subscription)["items"]["data"][0]["current_period_start"] == START + DAY
    with pytest.raises(SandboxError, match="already attached"):
        shop.call(
            "POST",
            "/v1/test_helpers/test_clocks",
            {"frozen_time": START + 7 * DAY, "customer": shop.customer["id"]},
        )
    assert len(shop.call("GET", "/v1/test_helpers/test_clocks")["data"]) == 1


def test_a_clock_holds_three_customers_with_three_subscriptions_each(shop, clock, customer):
    for _ in range(3):
        shop.subscribe(customer=customer["id"])
    with pytest.raises(SandboxError, match="no more subscriptions"):
        shop.subscribe(customer=customer["id"])
    for _ in range(2):
        shop.call("POST", "/v1/customers", {"test_clock": clock["id"]})
    with pytest.raises(SandboxError, match="no more customers"):
        shop.call("POST", "/v1/customers", {"test_clock": clock["id"]})


def test_an_unknown_clock_is_refused(shop):
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", "/v1/customers", {"test_clock": "clock_0"})
    assert (refusal.value.status, refusal.value.param) == (400, "test_clock")


def test_metadata_that_looks_like_a_clocks_customer_hangs_nothing_on_it(shop, customer):
    other = shop.call("POST", "/v1/customers", {"metadata": {"twin": customer["id"]}})
    assert (other["created"], other["test_clock"]) == (START, None)


def test_the_sandboxs_own_clock_jumps_over_two_renewals_in_order(shop):
    subscription = shop.subscribe()
    start = subscription["created"]
    shop.advance(62 * DAY)
    rows = shop.invoices(subscription)
    assert [row["created"] for row in rows] == [months(n, start=start) for n in (2, 1, 0)]
    assert [row["status"] for row in rows] == ["paid"] * 3
    moments = [event["created"] for event in shop.engine.events]
    assert moments == sorted(moments)


def test_a_trial_on_a_clock_is_announced_billed_and_paid_at_its_moments(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"], trial_period_days=14)
    advance(shop, clock, PAST + 15 * DAY)
    told = shop.events("customer.subscription.trial_will_end", "invoice.upcoming", "invoice.paid")
    assert told == [
        ("invoice.paid", PAST),
        ("invoice.upcoming", PAST + 7 * DAY),
        ("customer.subscription.trial_will_end", PAST + 11 * DAY),
        ("invoice.paid", PAST + 14 * DAY + HOUR),
    ]
    assert shop.read(subscription)["status"] == "active"


def test_incomplete_expires_and_planned_ends_come_to_the_second(shop, clock):
    poor = shop.call(
        "POST",
        "/v1/customers",
        {
            "test_clock": clock["id"],
            "payment_method": "pm_card_chargeCustomerFail",
            "invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"},
        },
    )
    subscription = shop.subscribe(customer=poor["id"])
    assert subscription["status"] == "incomplete"
    advance(shop, clock, PAST + 2 * DAY)
    expired = shop.read(subscription)
    assert expired["status"] == "incomplete_expired"
    assert expired["ended_at"] == PAST + 23 * HOUR
    invoice = shop.invoices(subscription)[0]
    assert (invoice["status"], invoice["attempt_count"]) == ("void", 1)
    assert "customer.subscription.deleted" not in shop.types()


def test_cancellation_at_period_end_happens_at_the_periods_end(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"])
    shop.change(subscription, cancel_at_period_end=True)
    advance(shop, clock, months(1) + 5 * DAY)
    ended = shop.read(subscription)
    assert (ended["status"], ended["ended_at"]) == ("canceled", months(1))
    assert shop.events("customer.subscription.deleted") == [
        ("customer.subscription.deleted", months(1))
    ]
    assert len(shop.invoices(subscription)) == 1
    assert "invoice.upcoming" not in shop.types()


def test_an_item_by_itself_is_changed_at_the_time_of_its_clock(shop, clock, customer):
    subscription = shop.subscribe(customer=customer["id"])
    item = subscription["items"]["data"][0]["id"]
    advance(shop, clock, PAST + 15 * DAY + 12 * HOUR)  # half of January

    shop.call("POST", f"/v1/subscription_items/{item}", {"quantity": 3})

    waiting = shop.call("GET", "/v1/invoiceitems", {"customer": customer["id"]})["data"]
    assert [entry["amount"] for entry in waiting] == [3000, -1000]
    assert waiting[0]["date"] == PAST + 15 * DAY + 12 * HOUR
