"""The pricing page: the catalog, for a visitor and for somebody who has a plan."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from django_stripe_billing.models import Price

from .conftest import Markup, url

pytestmark = pytest.mark.django_db(transaction=True)


def get(**asked):
    return Client().get(url("pricing"), asked).text


def test_a_visitor_sees_what_is_on_sale(shop):
    text = get()
    for part in ("Pro", "$20.00", "per month", "Seats: 5 per unit", "Starter", "$9.00", "Reports"):
        assert part in text
    assert "14 days free" in text
    assert "Start the free trial" in text
    assert "Your plan" not in text
    assert 'aria-label="Billing period"' not in text  # there is nothing to choose


def test_buying_is_a_post_with_a_price_and_bounds(shop, page, client):
    markup = Markup(page("pricing").text)
    forms = [given for tag, given in markup.tags if tag == "form" and given["method"] == "post"]
    assert {given["action"] for given in forms} == {url("checkout")}
    [quantity] = [given for tag, given in markup.tags if given.get("type") == "number"]
    assert (quantity["min"], quantity["max"], quantity["value"]) == ("1", "10", "1")
    answer = client.post(url("checkout"), {"price": "pro_monthly", "quantity": "3"})
    assert answer.status_code == 303


def test_without_plans_it_says_so(db):
    assert "Nothing is on sale" in get()


def test_the_interval_is_chosen_by_a_link(yearly):
    assert "$20.00" in get() and "$200.00" not in get()
    text = get(interval="year-1")
    assert "$200.00" in text and "$20.00" not in text
    assert "That is $16.67 per month." in text
    assert "Save 16 %" in text
    assert "$9.00" in text  # it is sold by the month only, and still shown
    assert 'href="?interval=month-1&amp;currency=usd"' in text


def test_the_currency_is_chosen_by_a_link(yearly):
    text = get(currency="eur")
    assert "€18.00" in text and "$" not in text
    assert 'href="?currency=usd&amp;interval=month-1"' in text


@pytest.mark.parametrize(
    "asked",
    [
        {"interval": "century-9"},
        {"interval": "year"},
        {"interval": "year-" + "9" * 10_000},
        {"interval": "year-²"},
        {"currency": "<b>"},
        {"currency": "x" * 10_000},
        {"feature": '"><script>'},
    ],
)
def test_what_is_not_on_sale_counts_as_no_wish(yearly, asked):
    text = get(**asked)
    assert "$20.00" in text
    assert Markup(text).problems == []


def test_the_present_plan_is_marked_and_others_are_changes(in_state, page):
    in_state("active")
    text = page("pricing").text
    assert text.count("Your plan") == 1
    assert "Manage your plan" in text
    assert "See what changes" in text
    assert "Subscribe" not in text
    assert "days free" not in text  # they had their chance


def test_somebody_who_pays_in_euros_by_the_year_sees_that_first(yearly, in_state, page, shop):
    customer = shop.bind(in_state.subscriber)
    price = Price.objects.get(lookup_key="pro_euro")
    shop.subscribe(customer, {"id": price.stripe_id})
    shop.sandbox.deliver()
    assert "€18.00" in page("pricing").text


def test_a_trial_that_was_taken_is_not_promised_again(in_state, page, client, shop):
    assert "14 days free" in page("pricing").text
    in_state("ended")
    text = page("pricing").text
    assert "days free" not in text
    assert "Subscribe" in text


def test_the_plans_with_a_feature_are_marked(shop):
    assert "billing-plan-wanted" in get(feature="reports")
    assert "billing-plan-wanted" not in get(feature="nothing")


def test_what_was_bought_for_good_is_marked(shop, stripe_sandbox, page, send):
    book = shop.add_product("Book", ["export"])
    shop.call(
        "POST",
        "/v1/prices",
        {"product": book["id"], "currency": "usd", "unit_amount": 5000, "lookup_key": "book"},
    )
    call_command("sync_catalog", verbosity=0)
    assert "Paid once." in page("pricing").text
    stripe_sandbox.pay(send("checkout", price="book")["Location"])
    stripe_sandbox.deliver()
    assert page("pricing").text.count("Your plan") == 1


def test_the_page_speaks_the_visitors_language(shop, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:1],
        "django.middleware.locale.LocaleMiddleware",
        *settings.MIDDLEWARE[1:],
    ]
    with translation.override("en"):  # what the middleware activates ends here
        text = Client().get(url("pricing"), headers={"accept-language": "de"}).text
    assert "Tarife und Preise" in text
    assert "pro Monat" in text
    assert '<html lang="de"' in text
    assert "20,00\xa0$" in text
