"""A plans file into Stripe: what differs is written, once, and nothing of anybody else's."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_stripe_billing.checkout import sold_prices
from django_stripe_billing.models import Feature, Price, Product, ProductFeature
from django_stripe_billing.sandbox import Fault

from .test_plan_file import ONCE

EXAMPLE = Path(__file__).parents[2] / "example_project" / "plans.toml"


def test_an_empty_stripe_gets_everything_and_the_database_mirrors_it(plans, capsys):
    out, writes = plans.push(capsys)
    assert len(writes) == 2 + 2 + 3 + 3  # features, products, attached features, prices
    assert "Done: 10 writes" in out
    assert "2 features, 2 products, 3 prices" in out
    pro = Product.objects.get(name="Pro")
    assert pro.metadata["limit:seats"] == "5 per unit"
    link = ProductFeature.objects.get(product=pro, feature__lookup_key="seats")
    assert (link.limit, link.is_limit_per_unit) == (5, True)
    assert Feature.objects.get(lookup_key="seats").combine == "sum"
    monthly = Price.objects.get(lookup_key="pro_monthly")
    assert (monthly.unit_amount, monthly.interval, monthly.terms.quantity_max) == (
        2000,
        "month",
        10,
    )
    assert Price.objects.get(lookup_key="pro_setup").type == "one_time"
    assert Price.objects.get(lookup_key="starter_monthly").terms.trial_days == 14


def test_a_second_push_writes_nothing(plans, capsys):
    plans.push(capsys)
    out, writes = plans.push(capsys)
    assert writes == []
    assert "Nothing to do" in out
    assert "created" not in out


def test_another_amount_is_a_new_price_that_takes_the_lookup_key(plans, capsys):
    plans.push(capsys)
    old = plans.price("pro_monthly")
    plans.change("unit_amount = 2000", "unit_amount = 2500")
    out, writes = plans.push(capsys)
    new = plans.price("pro_monthly")
    assert (new["unit_amount"], new["active"]) == (2500, True)
    before = plans.call("GET", f"/v1/prices/{old['id']}")
    assert (before["lookup_key"], before["active"]) == (None, False)
    assert f"instead of {old['id']}" in out
    assert len(writes) == 2
    holders = Price.objects.filter(lookup_key="pro_monthly")
    assert [row.stripe_id for row in holders] == [new["id"]]
    assert plans.push(capsys)[1] == []


def test_the_old_amount_again_takes_the_old_price_again(plans, capsys):
    plans.push(capsys)
    old = plans.price("pro_monthly")
    plans.change("unit_amount = 2000", "unit_amount = 2500")
    plans.push(capsys)
    plans.change("unit_amount = 2500", "unit_amount = 2000")
    plans.push(capsys)
    back = plans.price("pro_monthly")
    assert (back["id"], back["active"]) == (old["id"], True)
    assert len(plans.at_stripe("/v1/prices", active=True)) == 3
    assert plans.push(capsys)[1] == []


@pytest.mark.parametrize(
    ("old", "new", "writes"),
    [
        ('name = "Pro"', 'name = "Pro team"', 1),
        ('description = "For teams."\n', "", 1),
        ('limits.seats = "5 per unit"', "limits.seats = 9", 1),
        ('limits.seats = "5 per unit"\n', "", 1),
        ("grace_days = 4\n", "", 1),
        ("trial_days = 14\n", "", 1),
        ("quantity_max = 10\n", "quantity_max = 20\nnickname = 'm'\n", 1),
        ('combine = "sum"\n', "", 1),
        ('name = "Reports"', 'name = "Reporting"', 1),
        ('features = ["reports", "seats"]\nlimits.seats = "5 per unit"', "", 3),
    ],
)
def test_what_can_be_changed_is_changed_in_place(plans, capsys, old, new, writes):
    plans.push(capsys)
    prices = {row["id"] for row in plans.at_stripe("/v1/prices")}
    plans.change(old, new)
    assert len(plans.push(capsys)[1]) == writes
    assert {row["id"] for row in plans.at_stripe("/v1/prices")} == prices
    assert plans.push(capsys)[1] == []


def test_a_feature_that_leaves_a_product_is_detached_and_remembered(plans, capsys):
    plans.push(capsys)
    plans.change(
        'features = ["reports", "seats"]\nlimits.seats = "5 per unit"', 'features = ["seats"]'
    )
    out, _ = plans.push(capsys)
    assert "detached" in out
    link = ProductFeature.objects.get(product__name="Pro", feature__lookup_key="reports")
    assert link.removed_at is not None


def test_metadata_of_others_stays(plans, capsys):
    plans.push(capsys)
    [pro] = [row for row in plans.at_stripe("/v1/products") if row["name"] == "Pro"]
    plans.call("POST", f"/v1/products/{pro['id']}", {"metadata": {"tax": "digital"}})
    plans.change('limits.seats = "5 per unit"', "limits.seats = 9")
    plans.push(capsys)
    metadata = plans.call("GET", f"/v1/products/{pro['id']}")["metadata"]
    assert (metadata["tax"], metadata["limit:seats"]) == ("digital", "9")


def test_a_dry_run_says_all_and_writes_nothing(plans, capsys):
    out, writes = plans.push(capsys, "--dry-run")
    assert writes == []
    assert "10 writes would be made" in out
    assert not Product.objects.exists()
    assert plans.push(capsys)[1] != []


def test_what_the_file_names_no_more_is_left_unless_it_is_pruned(plans, capsys):
    plans.push(capsys)
    start = plans.text.index("[products.starter]")
    plans.text = plans.text[:start]
    out, writes = plans.push(capsys)
    assert writes == []
    assert "--prune" in out
    out, writes = plans.push(capsys, "--prune")
    assert len(writes) == 2
    assert plans.price("starter_monthly")["active"] is False
    assert Product.objects.get(name="Starter").active is False
    assert plans.push(capsys, "--prune")[1] == []


def test_what_the_file_did_not_make_is_neither_taken_nor_pruned(plans, capsys):
    product = plans.call("POST", "/v1/products", {"name": "Pro"})
    theirs = plans.call(
        "POST",
        "/v1/prices",
        {
            "product": product["id"],
            "currency": "usd",
            "unit_amount": 1,
            "lookup_key": "pro_monthly",
            "recurring": {"interval": "month"},
        },
    )
    with pytest.raises(CommandError, match=f"{theirs['id']} holds the lookup key pro_monthly"):
        plans.push(capsys)
    assert plans.at_stripe("/v1/entitlements/features") == []
    plans.change("prices.pro_monthly", "prices.pro_month")
    plans.push(capsys, "--prune")
    assert plans.call("GET", f"/v1/prices/{theirs['id']}")["active"] is True


def test_two_products_of_one_key_are_a_conflict(plans, capsys):
    for _ in range(2):
        metadata = {"catalog_key": "pro"}
        plans.call("POST", "/v1/products", {"name": "Pro", "metadata": metadata})
    with pytest.raises(CommandError, match="Several products"):
        plans.push(capsys)


def test_a_product_is_given_to_the_file_by_its_metadata(plans, capsys):
    metadata = {"catalog_key": "pro"}
    given = plans.call("POST", "/v1/products", {"name": "Old", "metadata": metadata})
    plans.push(capsys)
    assert plans.call("GET", f"/v1/products/{given['id']}")["name"] == "Pro"
    assert len(plans.at_stripe("/v1/products")) == 2


@pytest.mark.parametrize("skip", range(10))
@pytest.mark.parametrize("is_after", [False, True])
def test_a_push_that_breaks_off_anywhere_is_finished_by_the_next(plans, capsys, skip, is_after):
    plans.sandbox.engine.faults.append(Fault(method="POST", status=0, skip=skip, is_after=is_after))
    with pytest.raises(CommandError, match="Run it again"):
        plans.push(capsys)
    plans.push(capsys)
    assert len(plans.at_stripe("/v1/products")) == 2
    assert len(plans.at_stripe("/v1/prices")) == 3
    assert len(plans.at_stripe("/v1/entitlements/features")) == 2
    assert plans.push(capsys)[1] == []


def test_another_account_has_its_own_catalog(plans, capsys):
    plans.push(capsys, "--account", "acct_1")
    assert set(Product.objects.values_list("account", flat=True)) == {"acct_1"}


def test_the_examples_plans_are_pushed_twice(plans, capsys):
    plans.text = EXAMPLE.read_text()
    plans.push(capsys)
    assert plans.push(capsys)[1] == []


def test_without_mirroring_the_database_is_as_it_was(plans, capsys):
    plans.push(capsys, "--no-sync")
    assert not Product.objects.exists()
    call_command("sync_catalog")
    assert Product.objects.count() == 2


def test_prices_that_are_paid_once_are_pushed_and_sold(db, stripe_sandbox, tmp_path):
    path = tmp_path / "plans.toml"
    path.write_text(ONCE)
    call_command("push_catalog", str(path), verbosity=0)
    assert {price.lookup_key: price.type for price in sold_prices()} == {
        "pass": "one_time",
        "plan": "recurring",
    }
    assert Product.objects.get(name="Pass").metadata["access_days"] == "30"
    path.write_text(ONCE.replace("access_days = 30\n", ""))
    call_command("push_catalog", str(path), verbosity=0)
    assert "access_days" not in Product.objects.get(name="Pass").metadata
