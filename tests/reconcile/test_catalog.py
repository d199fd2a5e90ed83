"""The catalog: what a product grants differs here and at Stripe, and nobody was told."""

import pytest

from django_stripe_billing import access
from django_stripe_billing.models import Feature, Price, Product
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.sandbox import Fault

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400


def told(report):
    return [(entry.kind, entry.object_id, entry.subject, entry.state) for entry in report.drift]


def later(sandbox, seconds=7200):
    sandbox.drop()
    sandbox.advance(seconds)


def check(*expected):
    """A dry run tells, `--apply` repairs, and then nothing is left."""
    assert {entry[:3] for entry in told(reconcile())} == set(expected)
    assert set(told(reconcile(apply=True))) == {(*entry, "repaired") for entry in expected}
    again = reconcile()
    assert (told(again), again.exit_code) == ([], 0)


def test_another_limit_reaches_who_has_it_in_the_same_run(
    shop, stripe_sandbox, subscription, subscriber
):
    assert access.limit(subscriber, "seats") == 5
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"metadata": {"limit:seats": "9"}})
    later(stripe_sandbox)
    dry = reconcile()
    assert dry.exit_code == 1
    [entry] = dry.drift
    assert (entry.kind, entry.object_id) == ("product_differs", shop.pro["id"])
    assert "metadata limit:seats=9" in entry.stripe
    assert access.limit(subscriber, "seats") == 5
    report = reconcile(apply=True)
    assert report.exit_code == 0
    assert told(report) == [("product_differs", shop.pro["id"], "", "repaired")]
    assert access.limit(subscriber, "seats") == 9


def test_a_feature_that_was_attached_long_ago_is_found_and_granted(
    shop, stripe_sandbox, subscription, subscriber
):
    path = f"/v1/products/{shop.pro['id']}/features"
    shop.call("POST", path, {"entitlement_feature": shop.features["export"]["id"]})
    later(stripe_sandbox)
    check(("product_differs", shop.pro["id"], "export"))
    assert access.has_feature(subscriber, "export")


def test_a_feature_that_was_taken_off_stays_until_the_period_ends(
    shop, stripe_sandbox, subscription, subscriber
):
    path = f"/v1/products/{shop.pro['id']}/features"
    links = shop.call("GET", path, {})["data"]
    [link] = [one for one in links if one["entitlement_feature"]["lookup_key"] == "reports"]
    shop.call("DELETE", f"{path}/{link['id']}", {})
    later(stripe_sandbox)
    check(("product_differs", shop.pro["id"], "reports"))
    assert access.has_feature(subscriber, "reports")


def test_a_changed_price_a_new_one_and_a_new_product(shop, stripe_sandbox, subscription):
    shop.call("POST", f"/v1/prices/{shop.pro_monthly['id']}", {"nickname": "Monthly"})
    product = shop.add_product("Extra", ["export"])
    price = shop.call(
        "POST",
        "/v1/prices",
        {"product": product["id"], "currency": "usd", "unit_amount": 100},
    )
    later(stripe_sandbox)
    check(
        ("price_differs", shop.pro_monthly["id"], ""),
        ("feature_unknown", product["id"], ""),
        ("price_unknown", price["id"], ""),
    )
    assert Price.objects.filter(stripe_id=price["id"]).exists()


def test_a_feature_with_another_rule_and_one_that_is_new(shop, stripe_sandbox, subscription):
    seats = shop.features["seats"]["id"]
    shop.call("POST", f"/v1/entitlements/features/{seats}", {"metadata": {"combine": "sum"}})
    new = shop.call("POST", "/v1/entitlements/features", {"name": "New", "lookup_key": "new"})
    path = f"/v1/products/{shop.pro['id']}/features"
    shop.call("POST", path, {"entitlement_feature": new["id"]})
    later(stripe_sandbox)
    check(
        ("feature_differs", seats, ""),
        ("feature_unknown", new["id"], ""),
        ("product_differs", shop.pro["id"], "new"),
    )
    assert Feature.objects.get(lookup_key="seats").combine == "sum"


def test_a_product_that_stripe_deleted(shop, stripe_sandbox, subscription):
    product = shop.add_product("Short", [])
    shop.sync()
    shop.call("DELETE", f"/v1/products/{product['id']}", {})
    later(stripe_sandbox)
    check(("product_differs", product["id"], ""))
    assert Product.objects.get(stripe_id=product["id"]).is_deleted


def test_a_change_of_the_same_second_is_fetched(shop, stripe_sandbox, subscription):
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "One"})
    stripe_sandbox.deliver()
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "Two"})
    stripe_sandbox.drop()
    check(("product_differs", shop.pro["id"], ""))


def test_a_webhook_that_came_first_is_no_drift(shop, stripe_sandbox, subscription):
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "One"})
    stripe_sandbox.deliver()
    report = reconcile(apply=True)
    assert (told(report), report.exit_code) == ([], 0)


def test_a_catalog_of_which_stripe_has_nothing_stops_the_run(shop, stripe_sandbox, subscription):
    state = stripe_sandbox.engine.state
    for product in list(state.all("product")):
        state.by_kind["product"].remove(product["id"])
    report = reconcile(apply=True)
    assert report.exit_code == 2
    assert "none of the" in report.errors[0]
    assert not Product.objects.filter(is_deleted=True).exists()


def test_a_cut_list_of_products_makes_the_run_incomplete(shop, stripe_sandbox, subscription):
    stripe_sandbox.engine.state.by_kind["product"].remove(shop.pro["id"])
    report = reconcile(apply=True)
    assert report.exit_code == 2
    assert "left out" in report.errors[0]
    assert not Product.objects.filter(is_deleted=True).exists()


def test_stripe_down_makes_the_run_incomplete(shop, stripe_sandbox, subscription):
    stripe_sandbox.engine.faults.append(Fault(path="/v1/prices", status=500, times=-1))
    assert reconcile(apply=True).exit_code == 2


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.parametrize("path", ["/v1/products", "/v1/prices"])
def test_a_catalog_that_can_not_be_read_hinders_nothing_else(
    shop, stripe_sandbox, subscription, subscriber, path, status
):
    """A key without that permission: it says so, and who paid is let in all the same."""
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    later(stripe_sandbox)
    stripe_sandbox.engine.faults.append(Fault(path=path, status=status, times=-1))
    report = reconcile(apply=True)
    assert report.exit_code == 2
    [error] = report.errors
    assert "The catalog was not compared" in error
    assert {(entry.kind, entry.state) for entry in report.drift} >= {
        ("subscription_status", "repaired")
    }
    assert not access.has_feature(subscriber, "reports")
    stripe_sandbox.engine.faults.clear()
    assert reconcile(apply=True).exit_code == 0


def test_what_could_not_be_repaired_says_so(shop, stripe_sandbox, subscription, monkeypatch):
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "Other"})
    later(stripe_sandbox)
    monkeypatch.setattr(
        "django_stripe_billing.reconcile.catalog_check.sync_catalog", lambda **values: None
    )
    [entry] = reconcile(apply=True).left
    assert entry.state == "failed"
    assert "still" in entry.error


def test_one_customers_run_leaves_everybodys_catalog_alone(
    shop, stripe_sandbox, subscription, bound
):
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "Other"})
    later(stripe_sandbox)
    assert told(reconcile(apply=True, customer_id=bound.stripe_id)) == []
    assert told(reconcile(apply=True, only=frozenset(["subscription_status"]))) == []
