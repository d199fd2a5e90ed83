"""The billing home, the page of a gate, and the way back from Stripe."""

from decimal import Decimal

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from django_stripe_billing.access import feature_required
from django_stripe_billing.models import Customer
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.usage import report
from django_stripe_billing.views.wording import STATUSES

from .conftest import Markup, url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        ("nothing", ["You have no plan", "See the plans", "There are no invoices yet."]),
        ("trial", ["Trial until", "Nothing has been charged yet", "Cancel"]),
        ("active", ["All is paid.", "$40.00 per month", "Renews on", "Visa •••• 4242", "PDF"]),
        ("past_due", ["Your last payment failed.", "is still to be paid", "Try the payment again"]),
        ("cancelling", ["You have cancelled it.", "Ends on", "Resume"]),
        ("paused", ["Paused", "Resume"]),
        ("ended", ["Pro ended on", "See the plans"]),
    ],
)
def test_it_says_in_plain_words_where_they_stand(in_state, page, state, parts):
    in_state(state)
    text = page("home").text
    for part in parts:
        assert part in text, part


@pytest.mark.parametrize("status", [*STATUSES, "missing", "of_tomorrow"])
def test_every_status_has_words_and_an_unknown_one_breaks_nothing(in_state, page, status):
    in_state("active")
    Customer.objects.get().subscriptions.update(status=status)
    answer = page("home")
    assert answer.status_code == 200
    assert Markup(answer.text).problems == []


def test_usage_is_drawn_with_its_limit(in_state, page, settings, subscriber):
    in_state("active")
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "USAGE_COUNTERS": {"seats": lambda _: 9}}
    report(subscriber, "page_views", Decimal("12.5"))
    text = page("home").text
    assert "9 of 10" in text
    assert '<progress aria-labelledby="usage-1" max="10" value="9"></progress>' in text
    assert "billing-full" in text
    assert "Page views" in text and "12.5" in text


def test_more_than_the_limit_fills_the_bar(in_state, page, settings):
    in_state("active")
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "USAGE_COUNTERS": {"seats": lambda _: 1_200, "export": lambda _: 1},
    }
    text = page("home").text
    assert 'max="10" value="10"' in text
    assert "Export" not in text  # it is not theirs


def test_somebody_elses_money_is_not_shown(in_state, stranger):
    in_state("active")
    text = stranger.get(url("home"), {"customer": "cus_1", "subscriber": "1"}).text
    assert "You have no plan" in text
    assert "4242" not in text


def test_stripe_down_takes_the_page_nothing_but_the_card(in_state, page, stripe_sandbox):
    in_state("active")
    Customer.objects.update(payment_method_type="")
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    text = page("home").text
    assert "All is paid." in text
    assert "Nothing is on file." in text


@feature_required("export")
def export(request):
    return HttpResponse("in")


def ask(user, **headers):
    request = RequestFactory().get("/export/", headers=headers)
    request.user, request.session = user, {}
    return export(request)


def test_a_gate_names_the_plans_that_open_it(in_state, shop, user, settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "PRICING_URL": "/pricing/"}
    shop.add_price(shop.add_product("Business", ["export"]), 9_900, "business")
    shop.sync()
    answer = ask(user)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "You need a plan for this" in text
    assert "It is part of: Business." in text
    assert 'href="/pricing/?feature=export"' in text
    assert Markup(text).problems == []


def test_a_gate_says_that_a_payment_is_missing(in_state, user, subscriber):
    in_state("past_due")
    assert "Your last payment failed." in ask(user).content.decode()


def test_who_takes_no_html_gets_djangos_own_refusal(in_state, user):
    from django.core.exceptions import PermissionDenied

    with pytest.raises(PermissionDenied, match="This needs a plan with export"):
        ask(user, accept="application/json")


def test_a_gate_of_a_feature_that_nobody_knows_is_closed_all_the_same(db, user):
    assert ask(user).status_code == 403


def test_the_waiting_page_goes_on_without_javascript_too(shop, stripe_sandbox, page, send):
    session = stripe_sandbox.pay(send("checkout", price="pro_monthly")["Location"])
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    waiting = page("checkout_return", session_id=session["id"]).text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in waiting
    assert 'role="status"' in waiting and "waiting.js" in waiting
    assert Markup(waiting).problems == []
    stripe_sandbox.engine.faults.clear()
    stripe_sandbox.deliver()
    active = page("checkout_return", session_id=session["id"]).text
    assert "Your subscription is active." in active
    assert "waiting.js" not in active
    assert Markup(active).problems == []


def test_an_expired_login_comes_back_to_the_checkout(shop, stripe_sandbox, send, client):
    session = stripe_sandbox.pay(send("checkout", price="pro_monthly")["Location"])
    client.logout()
    answer = client.get(url("checkout_return"), {"session_id": session["id"]})
    assert answer["Location"].endswith(f"?next=/billing/return/%3Fsession_id%3D{session['id']}")
    assert client.get("/billing//evil.example/").status_code == 404


def test_a_long_name_breaks_nothing(shop, page):
    product = shop.add_product("x" * 5_000, ["export"])
    shop.add_price(product, 100, "long")
    shop.sync()
    assert page("pricing").status_code == 200
