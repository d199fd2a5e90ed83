"""Plans, the older name of recurring prices."""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def plan(shop):
    given = {"id": "gold", "currency": "USD", "amount": 1500, "interval": "month"}
    return shop.call("POST", "/v1/plans", {**given, "product": shop.product["id"]})


def test_a_plan_has_the_id_that_was_asked_for_and_is_a_price_too(shop, plan):
    assert (plan["id"], plan["amount"], plan["currency"]) == ("gold", 1500, "usd")
    assert shop.call("GET", "/v1/plans/gold") == plan
    assert shop.call("GET", "/v1/prices/gold")["unit_amount"] == 1500
    assert shop.types()[-1] == "plan.created"
    with pytest.raises(SandboxError, match="already exists"):
        shop.call(
            "POST",
            "/v1/plans",
            {
                "id": "gold",
                "currency": "usd",
                "amount": 1,
                "interval": "month",
                "product": shop.product["id"],
            },
        )


def test_a_plan_may_come_with_its_product_and_in_tiers(shop):
    plan = shop.call(
        "POST",
        "/v1/plans",
        {
            "currency": "usd",
            "interval": "year",
            "product": {"name": "Seats"},
            "billing_scheme": "tiered",
            "tiers_mode": "volume",
            "tiers": [{"up_to": "inf", "unit_amount": 300}],
        },
    )

    assert shop.call("GET", f"/v1/products/{plan['product']}")["name"] == "Seats"
    subscription = shop.subscribe(items=[{"plan": plan["id"], "quantity": 2}])
    assert shop.invoices(subscription)[0]["total"] == 600


def test_plans_are_changed_and_listed(shop, plan):
    changed = shop.call("POST", "/v1/plans/gold", {"nickname": "Gold", "active": False})

    assert (changed["nickname"], changed["active"]) == ("Gold", False)
    listed = shop.call("GET", "/v1/plans", {"active": True})["data"]
    assert [row["id"] for row in listed] == [shop.price["id"]]
    one_off = {"product": shop.product["id"], "currency": "usd", "unit_amount": 5}
    price = shop.call("POST", "/v1/prices", one_off)
    with pytest.raises(SandboxError, match="No such plan"):
        shop.call("GET", f"/v1/plans/{price['id']}")


def test_who_has_a_plan_that_is_deleted_goes_on(shop, plan):
    subscription = shop.subscribe(items=[{"plan": "gold"}])

    assert shop.call("DELETE", "/v1/plans/gold")["deleted"] is True

    with pytest.raises(SandboxError, match="No such plan"):
        shop.call("GET", "/v1/plans/gold")
    with pytest.raises(SandboxError, match="inactive"):
        shop.subscribe(items=[{"plan": "gold"}])
    shop.advance(31 * 86_400)
    assert shop.invoices(subscription)[0]["total"] == 1500
    assert "plan.deleted" in shop.types()


def test_a_subscription_says_how_it_is_to_be_paid(shop):
    options = {"card": {"request_three_d_secure": "any"}}
    subscription = shop.subscribe(
        payment_settings={"payment_method_types": ["card"], "payment_method_options": options}
    )
    assert subscription["payment_settings"]["payment_method_types"] == ["card"]
    assert subscription["payment_settings"]["payment_method_options"] == options

    changed = shop.change(subscription, payment_settings={"payment_method_types": ""})

    assert changed["payment_settings"]["payment_method_types"] is None
    assert changed["payment_settings"]["payment_method_options"] == options
