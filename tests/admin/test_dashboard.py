"""The dashboard in the admin, over real requests."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.admin.dashboard import facts
from django_stripe_billing.grants import grant
from django_stripe_billing.models import (
    Customer,
    Event,
    Feature,
    Invoice,
    Payment,
    Price,
    Subscription,
)
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.rules.figures import spans
from tests.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

URL = "admin:stripe_billing_dashboard_changelist"


def revenue(days=30):
    return [entry["text"] for entry in facts(days)["revenue"]]


@pytest.fixture
def add_price(shop, stripe_sandbox):
    """A price that is mirrored here."""

    def add_price(amount, interval, count=1, currency="usd"):
        made = shop.call(
            "POST",
            "/v1/prices",
            {
                "product": shop.pro["id"],
                "currency": currency,
                "unit_amount": amount,
                "recurring": {"interval": interval, "interval_count": count},
            },
        )
        shop.sync()
        return made

    return add_price


@pytest.fixture
def subscribe(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)

    def subscribe(price=None, quantity=1, **values):
        items = [{"price": (price or shop.pro_monthly)["id"], "quantity": quantity}]
        made = shop.subscribe(customer, items=items, **values)
        assert set(stripe_sandbox.deliver()) == {200}
        return made

    return subscribe


# Revenue


def test_prices_are_brought_to_a_month_and_added_up(subscribe, add_price):
    subscribe(quantity=3)
    subscribe(add_price(24_000, "year"))
    subscribe(add_price(1000, "week"))
    assert revenue() == ["$123.48"]  # 60 + 20 + 43.48


def test_currencies_stand_apart(shop, stripe_sandbox, subscribe, add_price, other_subscriber):
    subscribe()
    price = add_price(3000, "month", currency="jpy")
    shop.subscribe(shop.bind(other_subscriber), price)
    stripe_sandbox.deliver()
    assert revenue() == ["¥3,000", "$20.00"]


def test_discounts_count_while_the_last_invoice_has_them(shop, stripe_sandbox, subscribe):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 25, "duration": "forever"})
    once = shop.call(
        "POST", "/v1/coupons", {"amount_off": 500, "currency": "usd", "duration": "once"}
    )
    subscribe(quantity=2, discounts=[{"coupon": coupon["id"]}])
    assert revenue() == ["$30.00"]
    subscribe(discounts=[{"coupon": once["id"]}])
    assert revenue() == ["$45.00"]
    subscribe()
    assert revenue() == ["$65.00"]
    stripe_sandbox.advance(32 * 86_400)
    stripe_sandbox.deliver()
    assert revenue() == ["$70.00"]


def test_trials_and_what_has_ended_bring_nothing(shop, stripe_sandbox, subscribe):
    subscribe(trial_period_days=10)
    ended = subscribe()
    assert revenue() == ["$20.00"]
    shop.call("DELETE", f"/v1/subscriptions/{ended['id']}")
    stripe_sandbox.deliver()
    assert revenue() == []


def test_units_without_a_fixed_price_are_told_and_not_counted(admin, subscribe):
    subscribe(quantity=2)
    Price.objects.update(unit_amount=None)
    found = facts(30)
    assert (found["revenue"], found["unpriced"]) == ([], 2)
    assert "2 units have no fixed price" in admin.get(reverse(URL)).text
    Price.objects.update(usage_type="metered")
    assert facts(30)["unpriced"] == 0
    Price.objects.all().delete()
    assert facts(30)["unpriced"] == 2


# What began, what ended, what is owed


def test_trials_conversion_and_churn(shop, payer, clock):
    shop.subscribe(payer, trial_period_days=3)
    going = shop.subscribe(payer, trial_period_days=3, cancel_at_period_end=True)
    shop.sandbox.deliver()
    found = facts(7)["subscriptions"]
    assert (found["active"], found["trialing"], found["trials_begun"]) == (1, 2, 2)
    assert (found["trials_over"], found["conversion"], found["ending"]) == (0, None, 1)
    clock.advance(days=5)
    found = facts(7)["subscriptions"]
    assert (found["trialing"], found["trials_over"], found["trials_paid"]) == (0, 2, 1)
    assert found["conversion"] == 50.0
    assert Subscription.objects.get(stripe_id=going["id"]).status == "canceled"
    clock.advance(days=6)
    shop.call("DELETE", f"/v1/subscriptions/{payer.subscription['id']}")
    clock.advance(hours=1)
    found = facts(7)["subscriptions"]
    assert (found["at_start"], found["ended"], found["began"]) == (2, 1, 0)
    assert found["churn"] == 50.0
    (part,) = [part for part in found["parts"] if part["ended"]]
    ended = Subscription.objects.get(stripe_id=payer.subscription["id"]).ended_at
    assert (part["ended"], part["span"].begins) == (1, ended.date())


def test_money_that_is_past_due(payer, clock, break_card):
    assert facts(30)["past_due"] == []
    break_card()
    clock.to_renewal(payer.subscription)
    found = facts(90)
    assert found["past_due"] == [{"currency": "usd", "number": 1, "text": "$20.00"}]
    assert found["subscriptions"]["past_due"] == 1
    assert [entry["text"] for entry in found["revenue"]] == ["$20.00"]
    [taking] = found["takings"]
    assert (taking["currency"], taking["text"]) == ("USD", "$20.00")
    assert sum(float(part["value"]) for part in taking["parts"]) == 20


@pytest.mark.parametrize("days", [1, 40])
def test_an_unfinished_checkout_is_no_subscription(db, customer, days):
    for status in ("incomplete", "incomplete_expired", "missing"):
        Subscription.objects.create(
            stripe_id=f"sub_{status}",
            customer=customer,
            status=status,
            stripe_created_at=timezone.now() - timedelta(days=days),
        )
    found = facts(30)["subscriptions"]
    assert (found["began"], found["at_start"], found["active"]) == (0, 0, 0)


# Features, webhooks, reconcile


def test_customers_are_counted_by_feature_and_source(subscribe, subscriber, other_subscriber):
    subscribe()
    subscribe()
    grant(other_subscriber, "reports", until=None, reason="press", by="root")
    grant(subscriber, "reports", until=None, reason="press", by="root")
    grant(other_subscriber, "export", until=None, reason="press", by="root")
    found = {row["key"]: row for row in facts(30)["entitlements"]}
    assert found["reports"] == {
        "key": "reports",
        "customers": 2,
        "subscription": 1,
        "payment": 0,
        "manual": 2,
    }
    assert found["export"]["customers"] == 1
    Customer.objects.filter(subscriber=other_subscriber).update(is_deleted=True)
    assert [row["key"] for row in facts(30)["entitlements"]] == ["reports", "seats"]


def test_the_health_of_webhooks(admin, db):
    now = timezone.now()
    for number in range(100):
        row = Event.objects.create(
            stripe_id=f"evt_{number}",
            type="x.y",
            payload={},
            status="failed" if number < 3 else "stale" if number < 5 else "processed",
            stripe_created_at=now - timedelta(seconds=number + 1),
            processed_at=now,
        )
        Event.objects.filter(pk=row.pk).update(received_at=now - timedelta(hours=1))
    Event.objects.filter(stripe_id="evt_99").update(received_at=now - timedelta(days=40))
    found = facts(30)["webhooks"]
    assert (found["received"], found["failed"], found["stale"]) == (99, 3, 2)
    assert (found["p50"], found["p95"]) == (50.0, 95.0)
    assert (found["parts"][-1]["bad"], found["parts"][-1]["good"]) == (3, 96)
    text = admin.get(reverse(URL)).text
    assert "half of the last 99 within 50.0 s, 95 % within 95.0 s" in text
    assert re.search(r"99 received: 94 processed, 0 ignored, 2 stale, 0 rejected", text)


def test_the_last_reconcile_of_the_whole_account(
    admin, subscribe, stripe_sandbox, shop, monkeypatch
):
    monkeypatch.setattr("django_stripe_billing.reconcile.patience.LONGEST_PAUSE", 0)
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)
    assert "There was none yet." in admin.get(reverse(URL)).text
    made = subscribe()
    shop.call("DELETE", f"/v1/subscriptions/{made['id']}")
    stripe_sandbox.drop()
    reconcile()
    assert "Stripe and the database differ." in admin.get(reverse(URL)).text
    reconcile(apply=True)
    reconcile(apply=True, customer_id=Customer.objects.exclude(subscriber=None).get().stripe_id)
    assert "Everything that differed is repaired." in admin.get(reverse(URL)).text


# The page


@pytest.mark.parametrize(("days", "bars"), [(7, 7), (30, 30), (90, 15), (365, 14)])
def test_a_range_is_cut_into_parts_that_cover_it(days, bars):
    today = timezone.now().date()
    parts = spans(today, days=days)
    assert len(parts) == bars
    assert (parts[-1].ends - parts[0].begins).days == days
    assert parts[-1].ends == today + timedelta(days=1)
    assert all(one.ends == other.begins for one, other in pairwise(parts))


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_each_range_opens_with_tables_for_its_charts(admin, subscribe, days):
    subscribe()
    text = admin.get(reverse(URL), {"days": days}).text
    assert f'href="?days={days}" class="billing-chosen" aria-current="page"' in text
    assert text.count("<canvas") == text.count("<table data-chart>") == 4
    assert (
        text.count('<th scope="row" data-label=') == 3 * len(facts(days)["webhooks"]["parts"]) + 2
    )


@pytest.mark.parametrize("days", ["", "0", "31", "-7", "x", "9" * 400, "30 OR 1=1"])
def test_another_range_is_thirty_days(admin, db, days):
    assert '"?days=30" class="billing-chosen"' in admin.get(reverse(URL), {"days": days}).text


def test_numbers_are_for_machines_where_they_are_drawn(admin, subscribe, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    settings.LANGUAGE_CODE = "de"
    subscribe(quantity=9)
    values = re.findall(r'data-value="([^"]*)"', admin.get(reverse(URL), {"days": 7}).text)
    assert "180.00" in values
    assert all(re.fullmatch(r"\d+(\.\d+)?", value) for value in values)


def test_the_page_needs_no_inline_script_or_style(admin, subscribe):
    subscribe()
    body = admin.get(reverse(URL)).text.partition('id="content-main"')[2]
    assert not re.search(r"<script(?![^>]*\bsrc=)", body)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", body)
    head = admin.get(reverse(URL)).text
    assert "stripe_billing/vendor/chart.umd.min.js" in head
    assert not re.search(r'(src|href)="(https?:)?//', head)


def test_the_number_of_queries_is_constant(staff, shop, stripe_sandbox, subscribe, add_price):
    client = staff("view_dashboard", "view_event", "view_subscription")
    subscribe()
    counts = []
    for round_ in range(2):
        client.get(reverse(URL))
        for days in (7, 30, 90, 365):
            with statements() as asked:
                assert client.get(reverse(URL), {"days": days}).status_code == 200
            counts.append(len(asked))
        if not round_:
            for number in range(6):
                coupon = shop.call(
                    "POST", "/v1/coupons", {"percent_off": number + 1, "duration": "forever"}
                )
                price = add_price(100 * (number + 1), "month")
                subscribe(price, discounts=[{"coupon": coupon["id"]}])
    print(f"statements of the dashboard: {counts}")
    assert len(set(counts)) == 1
    assert counts[0] < 15


def test_who_may_not_see_it_gets_403_and_no_link(staff, subscribe):
    client = staff("view_subscription", "view_invoice")
    assert client.get(reverse(URL)).status_code == 403
    assert reverse(URL) not in client.get(reverse("admin:index")).text


def test_who_may_see_it_sees_links_only_to_what_they_may_view(staff, subscribe):
    client = staff("view_dashboard", "view_event")
    assert reverse(URL) in client.get(reverse("admin:index")).text
    text = client.get(reverse(URL)).text
    assert "/event/?status__exact=failed" in text
    assert "/subscription/" not in text


def test_a_dashboard_has_no_rows_to_open_add_or_delete(admin, bought):
    for path in ("add/", f"{Subscription.objects.get().pk}/change/", "1/delete/"):
        assert admin.get(reverse(URL) + path).status_code == 404
    assert admin.post(reverse(URL), {"action": "export_csv"}).status_code in {200, 405}
    assert Subscription.objects.exists()


def test_names_are_escaped(admin, subscribe):
    subscribe()
    Feature.objects.filter(lookup_key="reports").update(lookup_key="<script>x</script>")
    Invoice.objects.update(currency="<b>")
    text = admin.get(reverse(URL)).text
    assert "<script>x" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;x" in text


def test_an_empty_database_has_an_empty_dashboard(admin, db):
    assert not Payment.objects.exists()
    answer = admin.get(reverse(URL))
    assert answer.status_code == 200
    assert "There was none yet." in answer.text
