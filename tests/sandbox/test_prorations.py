"""Changes in the middle of a period, to the cent and the second, and their previews."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_stripe_billing.sandbox import Engine, ManualClock, SandboxError
from django_stripe_billing.sandbox.periods import add_intervals

from .conftest import START, Shop

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY
"""The month after START."""


def preview(shop, subscription, **details):
    return shop.call(
        "POST",
        "/v1/invoices/create_preview",
        {"subscription": subscription["id"], "subscription_details": details},
    )


def pending(shop):
    return shop.call("GET", "/v1/invoiceitems", {"pending": True, "limit": 100})["data"]


def content(invoice):
    """What an invoice says, apart from ids."""
    return [
        (line["amount"], line["quantity"], line["period"]["start"], line["period"]["end"])
        for line in invoice["lines"]["data"]
    ]


def first_item(subscription):
    return subscription["items"]["data"][0]


def test_an_upgrade_halfway_credits_half_and_charges_half_at_the_next_renewal(shop):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    item = first_item(subscription)
    shop.change(subscription, items=[{"id": item["id"], "price": dear["id"]}])
    waiting = pending(shop)[::-1]
    assert [row["amount"] for row in waiting] == [-1000, 2500]
    assert all(row["proration"] and not row["discountable"] for row in waiting)
    middle = START + MONTH // 2
    assert waiting[0]["period"] == {"start": middle, "end": START + MONTH}
    assert waiting[0]["description"].startswith("Unused time on 1 ")
    assert len(shop.invoices(subscription)) == 1, "nothing is billed before the renewal"
    shop.advance(MONTH // 2 + HOUR)
    renewal = shop.invoices(subscription)[0]
    assert [line["amount"] for line in renewal["lines"]["data"]] == [-1000, 2500, 5000]
    details = renewal["lines"]["data"][0]["parent"]["subscription_item_details"]
    assert (details["proration"], details["subscription_item"]) == (True, item["id"])
    assert (renewal["total"], renewal["status"]) == (6500, "paid")
    assert pending(shop) == []


def test_always_invoice_bills_the_difference_at_once_and_a_credit_becomes_balance(shop):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    item = first_item(subscription)
    up = shop.change(
        subscription,
        items=[{"id": item["id"], "price": dear["id"]}],
        proration_behavior="always_invoice",
    )
    invoice = shop.invoices(subscription)[0]
    assert up["latest_invoice"] == invoice["id"]
    assert (invoice["total"], invoice["status"]) == (1500, "paid")
    assert invoice["billing_reason"] == "subscription_update"
    shop.change(
        subscription,
        items=[{"id": item["id"], "price": shop.price["id"]}],
        proration_behavior="always_invoice",
    )
    down = shop.invoices(subscription)[0]
    assert (down["total"], down["amount_due"], down["status"]) == (-1500, 0, "paid")
    assert shop.call("GET", f"/v1/customers/{shop.customer['id']}")["balance"] == -1500
    shop.advance(MONTH // 2 + HOUR)
    renewal = shop.invoices(subscription)[0]
    assert (renewal["total"], renewal["amount_paid"], renewal["starting_balance"]) == (
        2000,
        500,
        -1500,
    )


def test_without_proration_the_new_price_counts_from_the_next_renewal(shop):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    item = first_item(subscription)
    shop.change(
        subscription,
        items=[{"id": item["id"], "price": dear["id"]}],
        proration_behavior="none",
    )
    assert pending(shop) == []
    shop.advance(MONTH // 2 + HOUR)
    assert shop.invoices(subscription)[0]["total"] == 5000


def test_another_interval_starts_the_cycle_anew_and_bills_at_once(shop):
    yearly = shop.add_price(20_000, "year")
    subscription = shop.subscribe()
    shop.advance(10 * DAY)
    item = first_item(subscription)
    changed = shop.change(subscription, items=[{"id": item["id"], "price": yearly["id"]}])
    now = START + 10 * DAY
    assert changed["billing_cycle_anchor"] == now
    period = first_item(changed)
    assert period["current_period_start"] == now
    assert period["current_period_end"] == add_intervals(now, interval="year", count=1)
    invoice = shop.invoices(subscription)[0]
    assert [line["amount"] for line in invoice["lines"]["data"]] == [-1333, 20_000]
    assert (invoice["total"], invoice["status"]) == (18_667, "paid")


def test_seats_added_and_an_item_removed_are_prorated(shop):
    extra = shop.add_price(900, "month")
    subscription = shop.subscribe(items=[{"price": shop.price["id"]}, {"price": extra["id"]}])
    base, other = subscription["items"]["data"]
    shop.advance(20 * DAY)
    shop.change(
        subscription,
        items=[{"id": base["id"], "quantity": 3}, {"id": other["id"], "deleted": True}],
    )
    assert sorted(row["amount"] for row in pending(shop)) == [-667, -300, 2000]
    third = shop.call(
        "POST",
        "/v1/subscription_items",
        {"subscription": subscription["id"], "price": extra["id"], "quantity": 2},
    )
    assert third["current_period_end"] == START + MONTH
    assert pending(shop)[0]["amount"] == 600
    path = f"/v1/subscription_items/{third['id']}"
    assert shop.call("POST", path, {"quantity": 1})["quantity"] == 1
    assert shop.call("DELETE", path)["deleted"] is True
    with pytest.raises(SandboxError):
        shop.call("GET", path)


def test_a_trial_is_changed_without_prorations_and_billed_by_the_new_plan(shop):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe(trial_period_days=10)
    shop.advance(DAY)
    item = first_item(subscription)
    shop.change(subscription, items=[{"id": item["id"], "price": dear["id"]}])
    assert pending(shop) == []
    assert preview(shop, subscription)["total"] == 5000
    shop.advance(9 * DAY + HOUR)
    assert shop.invoices(subscription)[0]["total"] == 5000


def test_from_free_to_paid_starts_the_cycle_anew(shop):
    free = shop.add_price(0, "month")
    subscription = shop.subscribe(items=[{"price": free["id"]}])
    shop.advance(10 * DAY)
    item = first_item(subscription)
    changed = shop.change(subscription, items=[{"id": item["id"], "price": shop.price["id"]}])
    assert changed["billing_cycle_anchor"] == START + 10 * DAY
    assert shop.invoices(subscription)[0]["total"] == 2000


def test_the_anchor_is_set_to_now_by_an_object_only(shop):
    subscription = shop.subscribe()
    shop.advance(15 * DAY)
    with pytest.raises(SandboxError):
        shop.change(subscription, billing_cycle_anchor="now")
    kept = shop.change(subscription, billing_cycle_anchor={"type": "unchanged"})
    assert kept["billing_cycle_anchor"] == START
    moved = shop.change(subscription, billing_cycle_anchor={"type": "now"})
    assert moved["billing_cycle_anchor"] == START + 15 * DAY
    assert shop.invoices(subscription)[0]["total"] == 2000 - 1000


def test_an_anchor_in_the_future_bills_the_part_until_then(shop):
    subscription = shop.subscribe(billing_cycle_anchor=START + 10 * DAY)
    assert first_item(subscription)["current_period_end"] == START + 10 * DAY
    whole = START + 10 * DAY - add_intervals(START + 10 * DAY, interval="month", count=-1)
    part = round(Fraction(2000 * 10 * DAY, whole))
    assert shop.invoices(subscription)[0]["total"] == part
    shop.advance(10 * DAY + HOUR)
    assert shop.invoices(subscription)[0]["total"] == 2000
    free = shop.subscribe(billing_cycle_anchor=shop.engine.now + 5 * DAY, proration_behavior="none")
    assert shop.invoices(free)[0]["total"] == 0


@pytest.mark.parametrize(
    ("behavior", "status"), [("allow_incomplete", "past_due"), ("default_incomplete", "past_due")]
)
def test_an_upgrade_that_is_not_paid_is_made_and_past_due(shop, behavior, status):
    yearly = shop.add_price(20_000, "year")
    subscription = shop.subscribe()
    item = first_item(subscription)
    if behavior == "allow_incomplete":
        shop.use_card("pm_card_chargeCustomerFail")
    changed = shop.change(
        subscription,
        items=[{"id": item["id"], "price": yearly["id"]}],
        payment_behavior=behavior,
    )
    assert (changed["status"], first_item(changed)["price"]["id"]) == (status, yearly["id"])
    shop.use_card("pm_card_visa")
    shop.call("POST", f"/v1/invoices/{changed['latest_invoice']}/pay")
    assert shop.read(subscription)["status"] == "active"


def test_error_if_incomplete_changes_nothing(shop):
    yearly = shop.add_price(20_000, "year")
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    before, events = shop.read(subscription), len(shop.engine.events)
    with pytest.raises(SandboxError) as refusal:
        shop.change(
            subscription,
            items=[{"id": first_item(subscription)["id"], "price": yearly["id"]}],
            payment_behavior="error_if_incomplete",
            description="new",
        )
    assert refusal.value.status == 402
    assert shop.read(subscription) == before
    assert len(shop.engine.events) == events
    assert len(shop.invoices(subscription)) == 1


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_pending_update_waits_for_its_payment_or_expires(shop, is_paid):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    shop.use_card("pm_card_chargeCustomerFail")
    values = {
        "items": [{"id": first_item(subscription)["id"], "price": dear["id"], "quantity": 2}],
        "payment_behavior": "pending_if_incomplete",
        "proration_behavior": "always_invoice",
    }
    with pytest.raises(SandboxError) as refusal:
        shop.change(subscription, **values, description="new")
    assert refusal.value.param == "description"
    held = shop.change(subscription, **values)
    assert (held["status"], first_item(held)["price"]["id"]) == ("active", shop.price["id"])
    update = held["pending_update"]
    assert update["expires_at"] == shop.engine.now + 23 * HOUR
    assert update["subscription_items"][0]["price"]["id"] == dear["id"]
    invoice = shop.invoices(subscription)[0]
    assert (invoice["status"], invoice["total"]) == ("open", 4000)
    if is_paid:
        path = f"/v1/invoices/{invoice['id']}/pay"
        shop.call("POST", path, {"payment_method": "pm_card_visa"})
        applied = shop.read(subscription)
        assert (first_item(applied)["price"]["id"], applied["pending_update"]) == (dear["id"], None)
        assert "customer.subscription.pending_update_applied" in shop.types()
        assert pending(shop) == []
    shop.advance(2 * DAY)
    after = shop.read(subscription)
    assert (after["status"], after["pending_update"]) == ("active", None)
    expired = "customer.subscription.pending_update_expired" in shop.types()
    assert expired is not is_paid
    assert shop.invoices(subscription)[0]["status"] == ("paid" if is_paid else "void")


def test_a_price_in_another_currency_is_refused(shop):
    euro = shop.add_price(1000, "month", currency="eur")
    subscription = shop.subscribe()
    for entry in (
        {"price": euro["id"]},
        {"id": first_item(subscription)["id"], "price": euro["id"]},
    ):
        with pytest.raises(SandboxError, match="currency"):
            shop.change(subscription, items=[entry])
    assert pending(shop) == []


def test_a_proration_date_lies_in_the_current_period(shop):
    subscription = shop.subscribe()
    shop.advance(DAY)
    entry = [{"id": first_item(subscription)["id"], "quantity": 2}]
    for wrong in (START - 1, START + MONTH + 1):
        with pytest.raises(SandboxError) as refusal:
            shop.change(subscription, items=entry, proration_date=wrong)
        assert refusal.value.param == "proration_date"


def test_canceling_with_proration_and_invoice_gives_the_rest_back(shop):
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    shown = preview(shop, subscription, cancel_now=True)
    assert shown["total"] == -1000
    shop.call(
        "DELETE",
        f"/v1/subscriptions/{subscription['id']}",
        {"prorate": True, "invoice_now": True},
    )
    assert shop.invoices(subscription)[0]["total"] == -1000
    assert shop.call("GET", f"/v1/customers/{shop.customer['id']}")["balance"] == -1000


def test_an_end_in_the_middle_of_the_period_credits_the_rest(shop):
    subscription = shop.subscribe()
    moment = START + 21 * DAY
    shown = preview(shop, subscription, cancel_at=moment)
    shop.change(subscription, cancel_at=moment)
    shop.advance(25 * DAY)
    assert shop.read(subscription)["ended_at"] == moment
    assert [row["amount"] for row in pending(shop)] == [-600] == [shown["total"]]


def test_the_preview_of_a_subscription_that_ends_has_nothing_to_show(shop):
    subscription = shop.subscribe()
    with pytest.raises(SandboxError) as refusal:
        preview(shop, subscription, cancel_at_period_end=True)
    assert refusal.value.code == "invoice_upcoming_none"
    assert preview(shop, subscription)["total"] == 2000
    shop.change(subscription, cancel_at_period_end=True)
    with pytest.raises(SandboxError):
        preview(shop, subscription)
    shown = preview(shop, subscription, cancel_at_period_end=False)
    assert shown["total"] == 2000


def test_previews_of_a_customer_of_a_new_subscription_and_with_more_items(shop):
    path = "/v1/invoices/create_preview"
    own = {"customer": shop.customer["id"]}
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", path, own)
    assert refusal.value.status == 404
    new = {**own, "subscription_details": {"items": [{"price": shop.price["id"], "quantity": 2}]}}
    assert shop.call("POST", path, new)["total"] == 4000
    assert shop.call("GET", "/v1/subscriptions")["data"] == []
    shop.subscribe()
    more = {**own, "invoice_items": [{"amount": 250, "currency": "usd", "description": "Setup"}]}
    assert shop.call("POST", path, more)["total"] == 2250
    assert shop.call("POST", path, {**more, "preview_mode": "recurring"})["total"] == 2000


def test_a_preview_changes_nothing(shop):
    dear = shop.add_price(5000, "month")
    subscription = shop.subscribe()
    shop.advance(DAY)
    before = shop.read(subscription)
    counts = {kind: len(ids) for kind, ids in shop.engine.state.by_kind.items()}
    entry = [{"id": first_item(subscription)["id"], "price": dear["id"]}]
    for behavior in ("create_prorations", "always_invoice", "none"):
        shown = preview(shop, subscription, items=entry, proration_behavior=behavior)
        assert shown["id"].startswith("upcoming_in_")
    assert shop.read(subscription) == before
    assert {kind: len(ids) for kind, ids in shop.engine.state.by_kind.items()} == counts


changes = st.fixed_dictionaries(
    {
        "price": st.integers(0, 4),
        "quantity": st.integers(0, 7),
        "extra": st.one_of(st.none(), st.integers(1, 5)),
        "removes": st.booleans(),
        "anchor": st.sampled_from([None, "now", "unchanged"]),
        "behavior": st.sampled_from(["create_prorations", "always_invoice", "none"]),
        "balance": st.sampled_from([0, -700, -90_000, 300]),
        "after": st.integers(1, MONTH - 1),
        "between": st.integers(0, 600),
        "trial": st.sampled_from([0, 0, 0, 12]),
    }
)


@settings(max_examples=150, deadline=None)
@given(change=changes, earlier=st.one_of(st.none(), st.integers(1, 9)))
def test_applying_a_change_costs_what_its_preview_said(change, earlier):
    """With the same proration_date, a little later: at once or with the next renewal."""
    shop = Shop(Engine(clock=ManualClock(START)))
    prices = [
        shop.price,
        *(shop.add_price(amount, "month") for amount in (1999, 333, 0)),
        shop.add_price(17_777, "year"),
    ]
    other = shop.add_price(777, "month")
    trial = {"trial_period_days": change["trial"]} if change["trial"] else {}
    subscription = shop.subscribe(
        items=[{"price": shop.price["id"], "quantity": 3}, {"price": other["id"]}], **trial
    )
    shop.call("POST", f"/v1/customers/{shop.customer['id']}", {"balance": change["balance"]})
    base, second = subscription["items"]["data"]
    shop.advance(change["after"] if not trial else min(change["after"], 11 * DAY))
    if earlier is not None:
        shop.change(subscription, items=[{"id": second["id"], "quantity": earlier}])
    at = shop.engine.now
    wanted = {
        "items": [
            {
                "id": base["id"],
                "price": prices[change["price"]]["id"],
                "quantity": change["quantity"],
            },
            *([{"id": second["id"], "deleted": True}] if change["removes"] else []),
            *(
                [{"price": prices[1 + change["extra"] % 3]["id"], "quantity": change["extra"]}]
                if change["extra"] and 1 + change["extra"] % 3 != change["price"]
                else []
            ),
        ],
        "proration_behavior": change["behavior"],
    }
    if change["anchor"]:
        wanted["billing_cycle_anchor"] = {"type": change["anchor"]}
    if change["behavior"] != "none":
        wanted["proration_date"] = at
    shown = preview(shop, subscription, **wanted)
    before = len(shop.invoices(subscription))
    # Between preview and change: the anchor would move, so that only prorations are compared then.
    still_in_period = (
        at + change["between"] < first_item(shop.read(subscription))["current_period_end"]
    )
    if change["anchor"] != "now" and still_in_period and change["price"] != 4:
        shop.advance(change["between"])
    after = shop.change(subscription, **wanted)
    rows = shop.invoices(subscription)
    if len(rows) == before:
        moment = min(item["current_period_end"] for item in after["items"]["data"])
        shop.advance(moment - shop.engine.now + HOUR)
        rows = shop.invoices(subscription)
    made = rows[0]
    assert content(made) == content(shown)
    for name in ("subtotal", "total", "amount_due", "starting_balance", "currency"):
        assert made[name] == shown[name], name


@given(
    amount=st.integers(0, 10**9),
    quantity=st.integers(0, 1000),
    second=st.integers(0, MONTH - 1),
)
@settings(max_examples=60, deadline=None)
def test_a_proration_is_the_exact_share_to_the_nearest_cent(amount, quantity, second):
    shop = Shop(Engine(clock=ManualClock(START)))
    price = shop.add_price(amount, "month")
    subscription = shop.subscribe(items=[{"price": price["id"], "quantity": quantity}])
    shop.advance(second)
    shop.change(
        subscription, items=[{"id": first_item(subscription)["id"], "quantity": quantity + 1}]
    )
    if amount * quantity == 0:
        return  # from free to paid the cycle starts anew
    rows = pending(shop)
    for row, count in zip(rows[::-1], (-quantity, quantity + 1), strict=True):
        exact = Fraction(amount * count * (MONTH - second), MONTH)
        assert abs(row["amount"] - exact) <= Fraction(1, 2)
