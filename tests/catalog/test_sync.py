"""Stripe's catalog into the database: all of it, again and again, in a constant number of steps."""

import pytest
from django.core.management import CommandError, call_command

from django_stripe_billing.catalog import ForeignCatalogError, sync_catalog
from django_stripe_billing.models import Entitlement, Feature, Price, Product, ProductFeature
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient
from tests.statements import statements


def test_a_second_run_changes_nothing(shop):
    again = sync_catalog()
    assert (again.features, again.products, again.prices, again.changed) == (3, 2, 2, 0)


def test_what_webhooks_lost_is_found(shop, stripe_sandbox):
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"name": "Pro 2"})
    shop.call("POST", f"/v1/prices/{shop.pro_monthly['id']}", {"active": False})
    shop.call("POST", f"/v1/entitlements/features/{shop.features['reports']['id']}", {"name": "R"})
    extra = shop.add_product("Extra", ["export"])
    stripe_sandbox.drop()
    stripe_sandbox.advance(5)
    assert sync_catalog().changed == 4
    assert Product.objects.get(stripe_id=shop.pro["id"]).name == "Pro 2"
    assert not Price.objects.get(stripe_id=shop.pro_monthly["id"]).active
    assert Feature.objects.get(lookup_key="reports").name == "R"
    assert ProductFeature.objects.get(product__stripe_id=extra["id"]).feature.lookup_key == "export"
    assert sync_catalog().changed == 0


def test_an_archived_feature_still_grants_where_it_is_attached(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    shop.subscribe(customer)
    stripe_sandbox.deliver()
    path = f"/v1/entitlements/features/{shop.features['reports']['id']}"
    shop.call("POST", path, {"active": False})
    stripe_sandbox.advance(5)
    sync_catalog()
    assert not Feature.objects.get(lookup_key="reports").active
    assert Entitlement.objects.filter(feature__lookup_key="reports").exists()


def test_a_product_that_is_gone_is_marked_and_not_for_sale(shop, stripe_sandbox):
    lone = shop.call("POST", "/v1/products", {"name": "Lone"})
    stripe_sandbox.deliver()
    shop.call("DELETE", f"/v1/products/{lone['id']}")
    stripe_sandbox.drop()
    sync_catalog()
    row = Product.objects.get(stripe_id=lone["id"])
    assert (row.is_deleted, row.active) == (True, False)
    assert sync_catalog().changed == 0


def test_another_rule_for_limits_reaches_subscribers(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    prices = [{"price": shop.pro_monthly["id"]}, {"price": shop.starter_monthly["id"]}]
    shop.subscribe(customer, items=prices)
    stripe_sandbox.deliver()
    seats = Entitlement.objects.filter(feature__lookup_key="seats")
    assert seats.get().limit == 5
    path = f"/v1/entitlements/features/{shop.features['seats']['id']}"
    shop.call("POST", path, {"metadata": {"combine": "sum"}})
    stripe_sandbox.advance(5)
    sync_catalog()
    assert seats.get().limit == 8


def test_in_live_mode_a_foreign_catalog_is_refused(shop, stripe_sandbox, settings):
    """The sandbox takes test keys alone: the live one is exchanged on the way."""

    def handle(method, path, body, headers):
        test_key = {**headers, "Authorization": "Bearer sk_test_sandbox"}
        return stripe_sandbox.engine.handle(method, path, body, test_key)

    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "API_KEY": "sk_live_abcdef",
        "HTTP_CLIENT": CallableHTTPClient(handle),
    }
    sync_catalog()  # some of what is stored is Stripe's
    for number, product in enumerate(Product.objects.all()):
        product.stripe_id = f"prod_of_another_{number}"
        product.save()
    with pytest.raises(ForeignCatalogError, match="another account"):
        sync_catalog()
    assert not Product.objects.filter(is_deleted=True).exists()
    with pytest.raises(CommandError, match="--accept-missing"):
        call_command("sync_catalog")
    call_command("sync_catalog", "--accept-missing")
    assert Product.objects.filter(is_deleted=True).count() == 2


@pytest.mark.parametrize("skip", range(7))
def test_a_run_that_breaks_off_is_finished_by_the_next(shop, stripe_sandbox, skip):
    shop.add_product("Extra", ["export"])
    stripe_sandbox.drop()
    stripe_sandbox.engine.faults.append(Fault(method="GET", status=500, skip=skip))
    with pytest.raises(CommandError, match="not fully mirrored"):
        call_command("sync_catalog")
    call_command("sync_catalog")
    assert ProductFeature.objects.filter(product__name="Extra").count() == 1
    assert sync_catalog().changed == 0


def test_the_statements_grow_with_what_stripe_has_and_not_with_the_subscribers(
    shop, stripe_sandbox, subscriber
):
    with statements() as alone:
        sync_catalog()
    for _ in range(20):
        made = shop.add_customer()
        items = [{"price": shop.pro_monthly["id"]}]
        shop.call("POST", "/v1/subscriptions", {"customer": made["id"], "items": items})
    stripe_sandbox.deliver()
    with statements() as crowded:
        sync_catalog()
    assert len(crowded) <= len(alone)
