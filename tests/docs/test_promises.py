"""What the documents promise in words about subscribers who pay already."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_stripe_billing.access import entitlements, has_feature, limit
from django_stripe_billing.models import Entitlement, Subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def push(buy, tmp_path, stripe_sandbox):
    """Ada has two units of pro; then the plans file is changed, pushed, and told of."""
    buy("pro_monthly", 2)
    path = tmp_path / "plans.toml"

    def push(old, new, *options):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        call_command("push_catalog", "plans.toml", *options, verbosity=0)
        assert set(stripe_sandbox.deliver()) <= {200}

    return push


def test_an_added_feature_is_theirs_at_once(push, subscriber):
    push("[features.reports]", '[features.export]\nname = "Export"\n\n[features.reports]')
    assert not has_feature(subscriber, "export")
    push('"reports", "seats"]', '"reports", "seats", "export"]')
    assert has_feature(subscriber, "export")


def test_a_removed_feature_stays_until_the_period_ends(push, subscriber):
    push('["reports", "seats"]', '["seats"]')
    item = Subscription.objects.get().items.get()
    assert entitlements(subscriber)["reports"].ends_at == item.current_period_end_at


@pytest.mark.parametrize(("terms", "seats"), [("7 per unit", 14), ("1 per unit", 2)])
def test_a_changed_limit_counts_at_once_be_it_more_or_less(push, subscriber, terms, seats):
    push("5 per unit", terms)
    assert limit(subscriber, "seats") == seats


def test_a_new_amount_is_a_new_price_and_they_keep_theirs(push, subscriber, signed_in):
    held = Subscription.objects.get().items.get().price_id
    push("unit_amount = 2900", "unit_amount = 3900")
    [plan] = signed_in.get(reverse("stripe_billing_api:plans")).json()
    assert plan["amount"] == 3900
    assert plan["price"] != held
    assert Subscription.objects.get().items.get().price_id == held
    assert has_feature(subscriber, "reports")


@pytest.mark.parametrize("options", [(), ("--prune",)])
def test_a_product_that_left_the_file_is_kept_by_those_who_have_it(
    push, tmp_path, subscriber, options
):
    text = (tmp_path / "plans.toml").read_text()
    push(text[text.index("[products.pro]") :], "", *options)
    assert has_feature(subscriber, "reports")
    assert limit(subscriber, "seats") == 10


def test_a_changed_leeway_reaches_everybody_with_reconcile(push, subscriber, settings):
    before = Entitlement.objects.first().ends_at
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "LEEWAY": timedelta(days=5)}
    call_command("reconcile_entitlements", "--apply")
    assert Entitlement.objects.first().ends_at == before + timedelta(days=2)


def test_a_second_plan_of_the_same_product_is_not_sold(push, stripe_sandbox, signed_in):
    answer = signed_in.post(reverse("stripe_billing:checkout"), {"price": "pro_monthly"})
    assert "/p/session/" in answer["Location"]
