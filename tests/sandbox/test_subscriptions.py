"""How the sandbox's subscriptions live. Numbers and transitions as in Stripe's documentation."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START

DAY = 86_400


def test_the_list_leaves_canceled_ones_out_unless_asked(shop):
    live, gone = shop.subscribe(), shop.subscribe()
    shop.call("DELETE", f"/v1/subscriptions/{gone['id']}")

    def ids(**params):
        rows = shop.call("GET", "/v1/subscriptions", params)["data"]
        return [row["id"] for row in rows]

    assert ids() == [live["id"]]
    assert ids(status="all") == [gone["id"], live["id"]]
    assert ids(status="canceled") == ids(status="ended") == [gone["id"]]
    assert ids(price="price_other") == []


def test_a_renewal_moves_the_periods_and_is_told(shop):
    subscription = shop.subscribe()
    shop.advance(31 * DAY)
    item = shop.read(subscription)["items"]["data"][0]
    old = subscription["items"]["data"][0]
    assert item["current_period_start"] == old["current_period_end"]
    event = next(e for e in shop.engine.events if e["type"] == "customer.subscription.updated")
    assert "items" in event["data"]["previous_attributes"]
    assert shop.read(subscription)["status"] == "active"


def test_a_month_ends_on_its_last_day(engine, shop):
    engine.clock.advance(1_801_440_000 - START)  # 31 January 2027
    subscription = shop.subscribe()
    ends = subscription["items"]["data"][0]["current_period_end"]
    assert ends == 1_803_859_200  # 28 February 2027


def test_a_failing_card_makes_it_past_due_and_at_last_canceled(shop):
    subscription = shop.subscribe()
    method = shop.call(
        "POST",
        "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
        {"customer": shop.customer["id"]},
    )
    shop.call(
        "POST",
        f"/v1/subscriptions/{subscription['id']}",
        {"default_payment_method": method["id"]},
    )
    shop.advance(31 * DAY)
    assert shop.read(subscription)["status"] == "past_due"
    assert "invoice.payment_failed" in shop.types()
    for _ in range(3):
        shop.advance(3 * DAY)
    ended = shop.read(subscription)
    assert ended["status"] == "canceled"
    assert ended["cancellation_details"]["reason"] == "payment_failed"


def test_a_trial_is_announced_three_days_before_its_end(shop):
    subscription = shop.subscribe(trial_period_days=10)
    assert subscription["status"] == "trialing"
    assert "customer.subscription.trial_will_end" not in shop.types()
    shop.advance(7 * DAY)
    assert "customer.subscription.trial_will_end" in shop.types()
    shop.advance(3 * DAY)
    assert shop.read(subscription)["status"] == "active"


def test_a_trial_without_payment_method_pauses_and_resumes(shop):
    other = shop.call("POST", "/v1/customers", {})
    subscription = shop.subscribe(
        customer=other["id"],
        trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
    )
    path = f"/v1/subscriptions/{subscription['id']}"
    shop.call("POST", path, {"trial_end": "now"})
    assert shop.read(subscription)["status"] == "paused"
    assert "customer.subscription.paused" in shop.types()
    method = shop.call("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": other["id"]})
    shop.call("POST", path, {"default_payment_method": method["id"]})
    assert shop.call("POST", f"{path}/resume")["status"] == "active"
    assert shop.types()[-2:].count("customer.subscription.resumed") == 1


def test_a_first_payment_that_fails_leaves_it_incomplete_for_23_hours(shop):
    customer = shop.call("POST", "/v1/customers", {"payment_method": "pm_card_chargeCustomerFail"})
    methods = shop.call("GET", f"/v1/customers/{customer['id']}/payment_methods")["data"]
    subscription = shop.subscribe(customer=customer["id"], default_payment_method=methods[0]["id"])
    assert subscription["status"] == "incomplete"
    with pytest.raises(SandboxError, match="can only update"):
        shop.call("POST", f"/v1/subscriptions/{subscription['id']}", {"cancel_at_period_end": True})
    shop.advance(23 * 3600)
    assert shop.read(subscription)["status"] == "incomplete_expired"
    assert shop.types().count("customer.subscription.deleted") == 0


def test_cancel_at_period_end_states_the_end_and_can_be_taken_back(shop):
    subscription = shop.subscribe()
    path = f"/v1/subscriptions/{subscription['id']}"
    ending = shop.call("POST", path, {"cancel_at_period_end": True})
    assert ending["cancel_at"] == ending["items"]["data"][0]["current_period_end"]
    assert ending["canceled_at"] == START
    kept = shop.call("POST", path, {"cancel_at_period_end": False})
    assert (kept["cancel_at"], kept["canceled_at"]) == (None, None)
    shop.call("POST", path, {"cancel_at": "min_period_end"})
    shop.advance(31 * DAY)
    assert shop.read(subscription)["status"] == "canceled"


def test_a_price_without_quantity_resets_the_quantity_and_an_entry_without_id_is_added(shop):
    yearly, extra = shop.add_price(20_000, "year"), shop.add_price(500, "month")
    subscription = shop.subscribe(items=[{"price": shop.price["id"], "quantity": 4}])
    item = subscription["items"]["data"][0]
    path = f"/v1/subscriptions/{subscription['id']}"
    added = shop.call("POST", path, {"items": [{"price": extra["id"]}]})
    assert len(added["items"]["data"]) == 2
    changed = shop.call("POST", path, {"items": [{"id": item["id"], "price": yearly["id"]}]})
    assert changed["items"]["data"][0]["quantity"] == 1
    assert changed["items"]["data"][0]["current_period_end"] > item["current_period_end"]


def test_features_reach_entitlements_with_the_next_period(shop):
    subscription = shop.subscribe()

    def keys():
        params = {"customer": shop.customer["id"]}
        rows = shop.call("GET", "/v1/entitlements/active_entitlements", params)["data"]
        return {row["lookup_key"] for row in rows}

    assert keys() == {"reports"}
    extra = shop.call("POST", "/v1/entitlements/features", {"name": "A", "lookup_key": "api"})
    path = f"/v1/products/{shop.product['id']}/features"
    shop.call("POST", path, {"entitlement_feature": extra["id"]})
    assert keys() == {"reports"}
    shop.advance(31 * DAY)
    assert keys() == {"reports", "api"}
    assert shop.types().count("entitlements.active_entitlement_summary.updated") == 2
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    assert keys() == set()


def test_checkout_makes_the_subscription_only_when_it_is_paid(shop):
    session = shop.checkout()
    assert (session["subscription"], session["url"].rpartition("/")[2]) == (None, session["id"])
    with pytest.raises(SandboxError) as refusal:
        shop.engine.complete_checkout(session["id"], payment_method="pm_card_chargeDeclined")
    assert (refusal.value.status, refusal.value.code) == (402, "card_declined")
    assert shop.call("GET", "/v1/subscriptions")["data"] == []
    done = shop.engine.complete_checkout(session["id"])
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    assert shop.read({"id": done["subscription"]})["status"] == "active"
    with pytest.raises(SandboxError, match="no longer open"):
        shop.engine.complete_checkout(session["id"])


def test_a_session_expires_by_itself_or_when_told(shop):
    first, second = shop.checkout(), shop.checkout()
    shop.call("POST", f"/v1/checkout/sessions/{first['id']}/expire")
    shop.advance(DAY)
    for session in (first, second):
        found = shop.call("GET", f"/v1/checkout/sessions/{session['id']}")
        assert (found["status"], found["url"]) == ("expired", None)
    assert shop.types().count("checkout.session.expired") == 2
    with pytest.raises(SandboxError, match="can be expired"):
        shop.call("POST", f"/v1/checkout/sessions/{first['id']}/expire")
