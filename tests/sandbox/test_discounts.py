"""Coupons, promotion codes and what they take off."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.sandbox.discounts import Coupon, Line, discount_amounts

DAY = 86_400
PERCENT = Coupon(percent_off=Decimal("12.5"))


@pytest.mark.parametrize(
    ("lines", "coupons", "expected"),
    [
        ([1000], [Coupon(percent_off=Decimal(25))], [[250]]),
        ([1999, 1], [PERCENT], [[250, 0]]),
        ([4, 4], [PERCENT], [[1, 1]]),
        ([1000, 500], [Coupon(amount_off=300)], [[200, 100]]),
        ([100, 100, 100], [Coupon(amount_off=100)], [[34, 33, 33]]),
        ([500], [Coupon(amount_off=900)], [[500]]),
        ([1000], [Coupon(percent_off=Decimal(50)), Coupon(amount_off=400)], [[500], [400]]),
        ([1000], [Coupon(amount_off=400), Coupon(percent_off=Decimal(50))], [[400], [300]]),
        ([1000, -400], [Coupon(percent_off=Decimal(50))], [[500, -200]]),
        ([1000, -400], [Coupon(amount_off=2000)], [[1000, 0]]),
        ([], [PERCENT], [[]]),
        ([100], [], []),
    ],
)
def test_coupons_take_off_what_they_say(lines, coupons, expected):
    assert discount_amounts([Line(amount=amount) for amount in lines], coupons) == expected


def test_a_coupon_of_some_products_leaves_the_others_alone():
    lines = [
        Line(amount=1000, product="prod_a"),
        Line(amount=1000, product="prod_b"),
        Line(amount=1000, product="prod_a", is_discountable=False),
    ]
    coupon = Coupon(amount_off=1500, products=frozenset({"prod_a"}))
    assert discount_amounts(lines, [coupon]) == [[1000, 0, 0]]


@given(
    st.lists(st.integers(0, 10**7), max_size=8),
    st.lists(
        st.one_of(
            st.builds(Coupon, amount_off=st.integers(1, 10**7)),
            st.builds(Coupon, percent_off=st.decimals("0.01", "100", places=2)),
        ),
        max_size=4,
    ),
)
def test_no_line_falls_below_zero_and_an_amount_is_spread_to_the_last_cent(amounts, coupons):
    table = discount_amounts([Line(amount=amount) for amount in amounts], coupons)
    left = list(amounts)
    for coupon, taken in zip(coupons, table, strict=True):
        if coupon.percent_off is None:
            assert sum(taken) == min(coupon.amount_off, sum(left))
        left = [amount - off for amount, off in zip(left, taken, strict=True)]
        assert all(amount >= 0 for amount in left)


def coupon(shop, **values):
    return shop.call("POST", "/v1/coupons", values)


def latest_invoice(shop, subscription):
    found = shop.read(subscription)["latest_invoice"]
    return shop.call("GET", f"/v1/invoices/{found}", {"expand": ["discounts.source.coupon"]})


def test_a_coupon_is_created_read_renamed_listed_and_deleted(shop):
    made = coupon(shop, percent_off=25.5, duration="forever", name="Quarter")
    assert (made["percent_off"], made["amount_off"], made["valid"]) == (25.5, None, True)
    path = f"/v1/coupons/{made['id']}"
    assert shop.call("POST", path, {"name": "Less"})["name"] == "Less"
    assert [row["id"] for row in shop.call("GET", "/v1/coupons")["data"]] == [made["id"]]
    assert shop.call("DELETE", path)["deleted"] is True
    with pytest.raises(SandboxError) as refusal:
        shop.call("GET", path)
    assert refusal.value.status == 404
    assert [kind for kind in shop.types() if kind.startswith("coupon.")] == [
        "coupon.created",
        "coupon.updated",
        "coupon.deleted",
    ]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "percent_off"),
        ({"percent_off": 10, "amount_off": 10}, "percent_off"),
        ({"percent_off": 0}, "percent_off"),
        ({"percent_off": 100.5}, "percent_off"),
        ({"amount_off": 10}, "currency"),
        ({"amount_off": 0, "currency": "usd"}, "amount_off"),
        ({"percent_off": 10, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 10, "redeem_by": 1}, "redeem_by"),
        ({"percent_off": 10, "max_redemptions": 0}, "max_redemptions"),
        ({"percent_off": 10, "applies_to": {"products": ["prod_0"]}}, "applies_to[products][0]"),
        ({"percent_off": 10, "duration": "always"}, "duration"),
    ],
)
def test_a_coupon_that_stripe_would_refuse_is_refused(shop, params, param):
    with pytest.raises(SandboxError) as refusal:
        coupon(shop, **params)
    assert (refusal.value.status, refusal.value.param) == (400, param)


def test_a_coupon_for_once_takes_off_the_first_invoice_only(shop):
    made = coupon(shop, percent_off=50)
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    first = latest_invoice(shop, subscription)
    assert (first["subtotal"], first["total"], first["amount_paid"]) == (2000, 1000, 1000)
    (taken,) = first["total_discount_amounts"]
    assert taken["amount"] == 1000
    assert first["discounts"][0]["source"]["coupon"]["id"] == made["id"]
    assert first["lines"]["data"][0]["discount_amounts"] == [taken]
    assert subscription["discounts"] == []
    assert "customer.discount.deleted" in shop.types()
    shop.advance(31 * DAY)
    assert latest_invoice(shop, subscription)["total"] == 2000
    (intent, _) = shop.call("GET", "/v1/payment_intents")["data"]
    assert intent["amount"] == 2000


def test_a_repeating_coupon_ends_after_its_months_and_forever_never(shop):
    three = coupon(shop, amount_off=500, currency="usd", duration="repeating", duration_in_months=2)
    forever = coupon(shop, percent_off=10, duration="forever")
    subscription = shop.subscribe(discounts=[{"coupon": three["id"]}, {"coupon": forever["id"]}])
    assert len(subscription["discounts"]) == 2
    totals = []
    for _ in range(4):
        totals.append(latest_invoice(shop, subscription)["total"])
        shop.advance(31 * DAY)
    assert totals == [1350, 1350, 1800, 1800]
    assert len(shop.read(subscription)["discounts"]) == 1


def test_discounts_of_a_subscription_are_kept_by_id_replaced_and_taken_away(shop):
    forever = coupon(shop, percent_off=10, duration="forever")
    other = coupon(shop, percent_off=20, duration="forever")
    subscription = shop.subscribe(discounts=[{"coupon": forever["id"]}])
    path = f"/v1/subscriptions/{subscription['id']}"
    (held,) = subscription["discounts"]
    both = shop.call("POST", path, {"discounts": [{"discount": held}, {"coupon": other["id"]}]})
    assert both["discounts"][0] == held
    shown = shop.call("GET", path, {"expand": ["discounts"]})["discounts"][1]
    assert shown["source"] == {"coupon": other["id"], "type": "coupon"}
    assert shown["subscription"] == subscription["id"]
    with pytest.raises(SandboxError, match="No such discount"):
        shop.call("POST", path, {"discounts": [{"discount": "di_other"}]})
    assert shop.call("POST", path, {"discounts": ""})["discounts"] == []
    with pytest.raises(SandboxError, match="No active discount"):
        shop.call("DELETE", f"{path}/discount")


def test_a_whole_coupon_needs_no_payment_method(shop):
    free = coupon(shop, percent_off=100, duration="forever")
    poor = shop.call("POST", "/v1/customers", {})
    subscription = shop.subscribe(customer=poor["id"], discounts=[{"coupon": free["id"]}])
    assert subscription["status"] == "active"
    assert latest_invoice(shop, subscription)["amount_due"] == 0
    with pytest.raises(SandboxError, match="no attached payment source"):
        shop.subscribe(customer=poor["id"])


def test_a_coupon_runs_out_by_number_and_by_date(shop):
    few = coupon(shop, percent_off=10, max_redemptions=1)
    dated = coupon(shop, percent_off=10, redeem_by=shop.engine.now + DAY)
    shop.subscribe(discounts=[{"coupon": few["id"]}])
    shop.advance(DAY)
    for spent in (few, dated):
        assert shop.call("GET", f"/v1/coupons/{spent['id']}")["valid"] is False
        with pytest.raises(SandboxError) as refusal:
            shop.subscribe(discounts=[{"coupon": spent["id"]}])
        assert refusal.value.code == "coupon_expired"


def test_a_coupon_in_another_currency_is_refused_and_nothing_is_created(shop):
    euros = coupon(shop, amount_off=100, currency="eur")
    with pytest.raises(SandboxError, match="eur"):
        shop.subscribe(discounts=[{"coupon": euros["id"]}])
    assert shop.call("GET", "/v1/subscriptions")["data"] == []


def promotion(shop, made, **values):
    given = {"promotion": {"type": "coupon", "coupon": made["id"]}, **values}
    return shop.call("POST", "/v1/promotion_codes", given)


def test_a_promotion_code_is_typed_in_by_customers_and_found_by_code(shop):
    made = coupon(shop, percent_off=10, duration="forever")
    code = promotion(shop, made, code="FALL20", max_redemptions=1)
    assert code["promotion"] == {"type": "coupon", "coupon": made["id"]}
    with pytest.raises(SandboxError, match="already exists"):
        promotion(shop, made, code="fall20")
    found = shop.call("GET", "/v1/promotion_codes", {"code": "fall20", "active": True})["data"]
    assert [row["id"] for row in found] == [code["id"]]
    subscription = shop.subscribe(discounts=[{"promotion_code": code["id"]}])
    (held,) = shop.call(
        "GET", f"/v1/subscriptions/{subscription['id']}", {"expand": ["discounts"]}
    )["discounts"]
    assert held["promotion_code"] == code["id"]
    spent = shop.call("GET", f"/v1/promotion_codes/{code['id']}")
    assert (spent["times_redeemed"], spent["active"]) == (1, False)
    with pytest.raises(SandboxError, match="no longer active"):
        shop.subscribe(discounts=[{"promotion_code": code["id"]}])


def test_a_promotion_code_has_restrictions(shop):
    made = coupon(shop, percent_off=10)
    stranger = shop.call("POST", "/v1/customers", {})
    limits = [
        (promotion(shop, made, customer=stranger["id"]), "another customer"),
        (
            promotion(
                shop,
                made,
                restrictions={"minimum_amount": 5000, "minimum_amount_currency": "usd"},
            ),
            "at least 5000",
        ),
        (
            promotion(shop, made, restrictions={"first_time_transaction": True}),
            "prior transactions",
        ),
    ]
    shop.subscribe()
    for code, complaint in limits:
        with pytest.raises(SandboxError, match=complaint):
            shop.subscribe(discounts=[{"promotion_code": code["id"]}])
    dated = promotion(shop, made, expires_at=shop.engine.now + DAY)
    shop.advance(DAY)
    assert shop.call("GET", f"/v1/promotion_codes/{dated['id']}")["active"] is False
    assert shop.types()[-1] == "promotion_code.updated"


def test_a_coupon_of_one_product_takes_nothing_off_another(shop):
    other = shop.call("POST", "/v1/products", {"name": "Other"})
    made = coupon(shop, percent_off=50, applies_to={"products": [other["id"]]})
    path = f"/v1/coupons/{made['id']}"
    shown = shop.call("GET", path, {"expand": ["applies_to"]})
    assert shown["applies_to"] == {"products": [other["id"]]}
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    assert latest_invoice(shop, subscription)["total"] == 2000


def test_a_customers_discount_comes_from_older_versions_and_is_taken_away(shop):
    made = coupon(shop, percent_off=50, duration="forever")
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    customer_path = f"/v1/customers/{shop.customer['id']}"
    answer = shop.engine.handle("POST", customer_path, f"coupon={made['id']}", headers)
    assert answer.json()["discount"]["source"]["coupon"] == made["id"]
    assert latest_invoice(shop, shop.subscribe())["total"] == 1000
    assert shop.call("DELETE", f"{customer_path}/discount")["deleted"] is True
    assert shop.call("GET", customer_path)["discount"] is None
    assert shop.types()[-1] == "customer.discount.deleted"
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", customer_path, {"coupon": made["id"]})
    assert refusal.value.code == "parameter_unknown"
