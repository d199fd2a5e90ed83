"""Schedules: a plan change that waits for the period's end."""

import pytest

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.sandbox.periods import add_intervals

from .conftest import START

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY
PATH = "/v1/subscription_schedules"


@pytest.fixture
def subscription(shop):
    return shop.subscribe()


@pytest.fixture
def schedule(shop, subscription):
    return shop.call("POST", PATH, {"from_subscription": subscription["id"]})


def phases_to(schedule, price, **values):
    """The phase that runs, and then one with another price."""
    current = schedule["phases"][0]
    return [
        {
            "items": [
                {"price": item["price"], "quantity": item["quantity"]} for item in current["items"]
            ],
            "start_date": current["start_date"],
            "end_date": current["end_date"],
        },
        {"items": [{"price": price["id"], "quantity": 2}], **values},
    ]


def change(shop, schedule, **values):
    return shop.call("POST", f"{PATH}/{schedule['id']}", values)


def test_a_schedule_starts_from_the_running_period(shop, subscription, schedule):
    assert (schedule["status"], schedule["subscription"]) == ("active", subscription["id"])
    assert schedule["current_phase"] == {"start_date": START, "end_date": START + MONTH}
    assert shop.read(subscription)["schedule"] == schedule["id"]
    assert shop.types()[-1] == "subscription_schedule.created"
    with pytest.raises(SandboxError, match="already attached"):
        shop.call("POST", PATH, {"from_subscription": subscription["id"]})
    with pytest.raises(SandboxError, match="cannot set"):
        shop.call("POST", PATH, {"from_subscription": subscription["id"], "end_behavior": "none"})
    with pytest.raises(SandboxError, match="managed by the subscription schedule"):
        shop.change(subscription, cancel_at_period_end=True)


def test_a_direct_change_becomes_the_present_phase(shop, subscription, schedule):
    item = subscription["items"]["data"][0]
    shop.change(subscription, items=[{"id": item["id"], "quantity": 5}])
    found = shop.call("GET", f"{PATH}/{schedule['id']}")
    assert found["phases"][0]["items"][0]["quantity"] == 5
    dear = shop.add_price(5000, "month")
    change(shop, found, phases=phases_to(found, dear, metadata={"plan": "dear"}))
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["metadata"] == {"plan": "dear"}


def test_the_plan_changes_at_the_periods_end_without_prorations(shop, subscription, schedule):
    dear = shop.add_price(5000, "month")
    change(shop, schedule, phases=phases_to(schedule, dear), end_behavior="release")
    shown = shop.call("POST", "/v1/invoices/create_preview", {"subscription": subscription["id"]})
    shop.advance(MONTH - 1)
    assert shop.read(subscription)["items"]["data"][0]["price"]["id"] == shop.price["id"]
    shop.advance(1 + HOUR)
    item = shop.read(subscription)["items"]["data"][0]
    assert (item["price"]["id"], item["quantity"]) == (dear["id"], 2)
    assert item["current_period_start"] == START + MONTH
    renewal = shop.invoices(subscription)[0]
    assert [line["amount"] for line in renewal["lines"]["data"]] == [10_000]
    assert (renewal["total"], renewal["status"]) == (shown["total"], "paid")
    assert len(shop.invoices(subscription)) == 2
    told = shop.events("subscription_schedule.updated")
    assert told[-1] == ("subscription_schedule.updated", START + MONTH)


def test_it_lets_go_after_its_last_phase(shop, subscription, schedule):
    dear = shop.add_price(5000, "month")
    change(shop, schedule, phases=phases_to(schedule, dear))
    end = add_intervals(START, interval="month", count=2)
    shop.advance(end - START + HOUR)
    done = shop.call("GET", f"{PATH}/{schedule['id']}")
    assert (done["status"], done["released_at"], done["subscription"]) == ("released", end, None)
    assert done["released_subscription"] == subscription["id"]
    live = shop.read(subscription)
    assert (live["status"], live["schedule"]) == ("active", None)
    assert shop.invoices(subscription)[0]["total"] == 10_000
    told = shop.events(
        "subscription_schedule.completed",
        "subscription_schedule.expiring",
        "subscription_schedule.released",
    )
    assert told == [
        ("subscription_schedule.expiring", end - 7 * DAY),
        ("subscription_schedule.completed", end),
        ("subscription_schedule.released", end),
    ]


def test_it_ends_the_subscription_where_it_says_so(shop, subscription, schedule):
    change(shop, schedule, end_behavior="cancel", metadata={"why": "left"})
    assert shop.read(subscription)["cancel_at"] == START + MONTH
    change(shop, schedule, end_behavior="release")
    assert shop.read(subscription)["cancel_at"] is None
    change(shop, schedule, end_behavior="cancel")
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["ended_at"] == START + MONTH
    done = shop.call("GET", f"{PATH}/{schedule['id']}")
    assert (done["status"], done["completed_at"]) == ("completed", START + MONTH)
    assert done["metadata"] == {"why": "left"}
    assert len(shop.invoices(subscription)) == 1


def test_a_change_to_another_interval_starts_its_cycle_at_the_phase(shop, subscription, schedule):
    yearly = shop.add_price(20_000, "year")
    change(shop, schedule, phases=phases_to(schedule, yearly))
    shown = shop.call("POST", "/v1/invoices/create_preview", {"subscription": subscription["id"]})
    shop.advance(MONTH + HOUR)
    live = shop.read(subscription)
    assert live["billing_cycle_anchor"] == START + MONTH
    item = live["items"]["data"][0]
    assert item["current_period_end"] == add_intervals(START + MONTH, interval="year", count=1)
    assert shop.invoices(subscription)[0]["total"] == shown["total"] == 40_000


def test_a_phase_in_the_middle_of_a_period_prorates(shop, subscription, schedule):
    dear = shop.add_price(5000, "month")
    phases = phases_to(schedule, dear)
    phases[0]["end_date"] = START + MONTH // 2
    change(shop, schedule, phases=phases)
    shop.advance(MONTH // 2)
    rows = shop.call("GET", "/v1/invoiceitems", {"pending": True})["data"]
    assert sorted(row["amount"] for row in rows) == [-1000, 5000]


def test_releasing_and_canceling_by_hand(shop, subscription, schedule):
    released = shop.call("POST", f"{PATH}/{schedule['id']}/release")
    assert released["status"] == "released"
    assert shop.read(subscription)["schedule"] is None
    for verb in ("/release", "/cancel", ""):
        with pytest.raises(SandboxError, match="released"):
            shop.call("POST", f"{PATH}/{schedule['id']}{verb}")
    second = shop.call("POST", PATH, {"from_subscription": subscription["id"]})
    shop.advance(MONTH // 2)
    canceled = shop.call("POST", f"{PATH}/{second['id']}/cancel")
    assert canceled["status"] == "canceled"
    assert shop.read(subscription)["status"] == "canceled"
    assert shop.invoices(subscription)[0]["total"] == -1000
    listed = shop.call("GET", PATH, {"customer": shop.customer["id"]})["data"]
    assert [row["id"] for row in listed] == [second["id"], schedule["id"]]


@pytest.mark.parametrize("starts_in", [0, 3 * DAY])
def test_a_schedule_can_begin_a_subscription(shop, starts_in):
    given = {
        "customer": shop.customer["id"],
        "start_date": START + starts_in,
        "phases": [
            {
                "items": [{"price": shop.price["id"], "quantity": 2}],
                "duration": {"interval": "month", "interval_count": 1},
            }
        ],
    }
    schedule = shop.call("POST", PATH, given)
    assert schedule["status"] == ("active" if not starts_in else "not_started")
    shop.advance(starts_in)
    schedule = shop.call("GET", f"{PATH}/{schedule['id']}")
    subscription = shop.read({"id": schedule["subscription"]})
    assert (subscription["status"], subscription["created"]) == ("active", START + starts_in)
    invoice = shop.invoices(subscription)[0]
    assert (invoice["total"], invoice["status"]) == (4000, "draft")
    shop.advance(3600)
    assert shop.invoices(subscription)[0]["status"] == "paid"


def start_with(shop, customer):
    phase = {
        "items": [{"price": shop.price["id"]}],
        "duration": {"interval": "month", "interval_count": 12},
    }
    given = {"customer": customer["id"], "start_date": "now", "phases": [phase]}
    schedule = shop.call("POST", PATH, given)
    return schedule, shop.read({"id": schedule["subscription"]})


def test_a_schedule_begins_for_a_customer_without_a_card_who_stays_past_due(shop):
    _, subscription = start_with(shop, shop.call("POST", "/v1/customers", {}))
    assert subscription["status"] == "active"
    shop.advance(3600)
    assert shop.read(subscription)["status"] == "past_due"
    invoice = shop.invoices(subscription)[0]
    assert (invoice["attempt_count"], invoice["next_payment_attempt"]) == (1, None)
    shop.advance(20 * DAY)
    assert shop.read(subscription)["status"] == "past_due", "there was nothing to try again"


def test_a_schedule_is_aborted_when_its_subscription_ends_for_want_of_money(shop):
    shop.use_card("pm_card_chargeCustomerFail")
    schedule, subscription = start_with(shop, shop.customer)
    shop.advance(8 * DAY)
    assert shop.read(subscription)["status"] == "canceled"
    assert shop.call("GET", f"{PATH}/{schedule['id']}")["status"] == "canceled"
    assert shop.types()[-4:-1] == [
        "subscription_schedule.canceled",
        "subscription_schedule.aborted",
        "customer.subscription.deleted",
    ]


def test_phases_that_do_not_fit_are_refused(shop, schedule):
    dear = shop.add_price(5000, "month")
    good = phases_to(schedule, dear)
    gap = [good[0], {**good[1], "start_date": START + MONTH + DAY}]
    backwards = [{**good[0], "end_date": START - 1}]
    future = [{**good[0], "start_date": START + DAY}]
    nothing = [{**good[0], "items": []}]
    for wrong in (gap, backwards, future, nothing):
        with pytest.raises(SandboxError) as refusal:
            change(shop, schedule, phases=wrong)
        assert refusal.value.param.startswith("phases")
    assert shop.call("GET", f"{PATH}/{schedule['id']}")["phases"] == schedule["phases"]


def test_a_trial_ends_with_its_phase_and_both_can_be_moved(shop):
    subscription = shop.subscribe(trial_period_days=10)
    path = "/v1/subscription_schedules"
    schedule = shop.call("POST", path, {"from_subscription": subscription["id"]})
    [phase] = schedule["phases"]
    assert phase["trial_end"] == phase["end_date"] == subscription["trial_end"]
    later = subscription["trial_end"] + 7 * DAY
    items = [{"price": shop.price["id"]}]
    dear = {"items": [{"price": shop.add_price(9000, "month")["id"]}], "start_date": later}
    first = {"items": items, "start_date": phase["start_date"], "end_date": later}
    path = f"{path}/{schedule['id']}"
    with pytest.raises(SandboxError, match="within its phase"):
        shop.call("POST", path, {"phases": [{**first, "trial_end": later + 1}, dear]})
    shop.call("POST", path, {"phases": [{**first, "trial_end": later}, dear]})
    moved = shop.read(subscription)
    assert (moved["status"], moved["trial_end"]) == ("trialing", later)
    assert moved["items"]["data"][0]["current_period_end"] == later
    shop.advance(12 * DAY)
    assert shop.read(subscription)["status"] == "trialing"
    shop.advance(5 * DAY + HOUR)
    assert shop.read(subscription)["status"] == "active"
    assert shop.invoices(subscription)[0]["total"] == 9000


def test_a_trial_that_is_ended_by_hand_is_none_in_its_schedule(shop):
    subscription = shop.subscribe(trial_period_days=10)
    path = "/v1/subscription_schedules"
    schedule = shop.call("POST", path, {"from_subscription": subscription["id"]})
    shop.change(subscription, trial_end="now")
    [phase] = shop.call("GET", f"{path}/{schedule['id']}")["phases"]
    assert phase["trial_end"] is None
