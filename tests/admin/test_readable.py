"""What the admin's pages say is for people: money, names, words."""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from django_stripe_billing.admin.readable import link, money, term
from django_stripe_billing.models import (
    Customer,
    Drift,
    Entitlement,
    EntitlementChange,
    Event,
    Invoice,
    Price,
    Subscription,
)
from django_stripe_billing.reconcile import reconcile

pytestmark = pytest.mark.django_db(transaction=True)


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(900, "usd", "$9.00"), (0, "jpy", "¥0"), (900, "", "900"), (None, "usd", "—")],
)
def test_minor_units_are_shown_as_money(amount, currency, shown):
    assert money("total", "total")(SimpleNamespace(total=amount, currency=currency)) == shown


def test_links_are_links_and_nothing_is_a_dash():
    shown = link("url", "page")
    assert 'href="https://x/?a=1&amp;b=2"' in shown(SimpleNamespace(url="https://x/?a=1&b=2"))
    assert shown(SimpleNamespace(url="")) == "—"


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ({"ends_at": 1798397763, "limit": 5, "reason": "paid_period"}, "until Dec. 27, 2026"),
        ({"ends_at": None, "limit": 5, "reason": ""}, "up to 5"),
        (
            {"ends_at": None, "limit": None, "reason": "manual"},
            "without end, without limit (manual)",
        ),
        (None, "—"),
    ],
)
def test_a_term_is_a_sentence(kept, shown):
    found = term("after", "after")(SimpleNamespace(after=kept))
    assert found.startswith(shown)


def test_an_invoice_is_money_and_leads_to_its_subscription(admin, bought):
    text = admin.get(page("invoice_change", Invoice.objects.get().pk)).text
    subscription = Subscription.objects.get()
    assert ">$20.00<" in text and ">2000<" not in text
    assert page("subscription_change", subscription.pk) in text
    assert f'href="{Invoice.objects.get().hosted_invoice_url}"' in text
    Subscription.objects.all().delete()
    assert bought["id"] in admin.get(page("invoice_change", Invoice.objects.get().pk)).text


def test_prices_are_money_in_their_list_and_on_their_page(admin, bought):
    price = Price.objects.get(unit_amount=2000, interval="month")
    for url in (page("price_changelist"), page("price_change", price.pk)):
        assert ">$20.00<" in admin.get(url).text, url


def test_rows_have_names(admin, bought):
    reports = Entitlement.objects.get(feature__lookup_key="reports")
    assert "reports until " in admin.get(page("entitlement_change", reports.pk)).text
    change = EntitlementChange.objects.get(feature__lookup_key="reports")
    text = admin.get(page("entitlementchange_change", change.pk)).text
    assert "reports granted" in text and "(paid period)" in text and "ends_at" not in text
    Entitlement.objects.update(ends_at=None)
    assert str(Entitlement.objects.get(pk=reports.pk)) == "reports"


def test_kinds_of_drift_are_words(admin, bought):
    Subscription.objects.update(status="canceled")
    reconcile()
    assert ">subscription missing here<" in admin.get(page("drift_changelist")).text
    found = Drift.objects.get(kind="subscription_status")
    assert f"subscription status: {bought['id']}" in admin.get(page("drift_change", found.pk)).text


def test_a_customers_page_begins_with_what_may_be_used(admin, bought, subscriber):
    url = page("customer_change", Customer.objects.get(subscriber=subscriber).pk)
    text = admin.get(url).text
    assert text.index("May use now:") < text.index("<strong>reports</strong>")
    assert text.index("<strong>reports</strong>") < text.index('id="explanations"')
    Entitlement.objects.all().delete()
    assert "nothing. <a" in admin.get(url).text


def test_the_dashboard_begins_with_what_needs_somebody(admin, staff, bought):
    Subscription.objects.update(status="canceled")
    run = reconcile().run
    Event.objects.filter(pk=Event.objects.first().pk).update(status="failed")
    text = admin.get(page("dashboard_changelist")).text
    top = text[: text.index("Active subscriptions")]
    assert page("reconcilerun_change", run.pk) in top and "Stripe and the database differ." in top
    assert "1 has failed." in top
    limited = staff("view_dashboard").get(page("dashboard_changelist")).text
    assert page("reconcilerun_change", run.pk) not in limited
