"""Another plan or quantity in the pages: shown first, then charged to the cent, once."""

import re

import pytest
from django.core import signing

from django_stripe_billing.access import limit
from django_stripe_billing.models import Invoice, Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.subscriptions.previewing import SALT

from .conftest import url

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = re.compile(r'name="token" value="([^"]+)"')


@pytest.fixture
def active(in_state, shop):
    """Two units of pro, ten days old."""
    in_state("active")
    shop.sandbox.advance(10 * 86_400)
    shop.sandbox.deliver()
    shop.sandbox.engine.requests.clear()
    return Subscription.objects.get()


@pytest.fixture
def preview(page):
    """Look at a change: the page's text and its token."""

    def preview(**asked):
        answer = page("change", **asked)
        assert answer.status_code == 200, answer.text
        return answer.text, TOKEN.search(answer.text)[1]

    return preview


def writes(shop):
    """What was written at Stripe, looking apart."""
    return [
        (method, path)
        for method, path in shop.sandbox.engine.requests
        if method != "GET" and path != "/v1/invoices/create_preview"
    ]


def quantity():
    return Subscription.objects.get().items.get().quantity


def test_the_sum_is_shown_before_and_charged_by_the_click(
    active, shop, preview, send, stripe_sandbox, subscriber
):
    text, token = preview(quantity=5)
    assert writes(shop) == []
    assert "Pro \N{MULTIPLICATION SIGN} 2, $40.00 per month" in text
    assert "Pro \N{MULTIPLICATION SIGN} 5, $100.00 per month" in text
    shown = re.search(r"Change now and pay (\$[\d.]+)", text)[1]
    stripe_sandbox.advance(300)  # the visitor thinks
    answer = send("change", token=token, when="now")
    assert (answer.status_code, answer["Location"]) == (303, url("home"))
    assert limit(subscriber, "seats") == 25
    stripe_sandbox.deliver()
    newest = Invoice.objects.order_by("-stripe_created_at", "-pk").first()
    assert (f"${newest.total / 100:.2f}", newest.status) == (shown, "paid")


def test_another_plan_gives_back_what_is_left(active, preview, send, subscriber, page):
    text, token = preview(price="starter_monthly", quantity=1)
    assert "You pay now" in text and "$0.00" in text
    assert "are kept as credit" in text
    assert "Change now</button>" in text
    assert send("change", token=token, when="now").status_code == 303
    assert limit(subscriber, "seats") == 3
    home = page("home").text
    assert "Starter" in home
    assert "Your subscription is changed." in home


def test_a_second_click_changes_nothing_more_and_is_no_error(active, shop, preview, send):
    _, token = preview(quantity=5)
    first = send("change", token=token, when="now")
    done = writes(shop)
    second = send("change", token=token, when="now")
    assert (first.status_code, second.status_code) == (303, 303)
    assert second["Location"] == url("home")
    assert writes(shop) == done
    assert quantity() == 5


def test_at_the_end_of_the_period_nothing_is_charged_now(
    active, shop, preview, send, page, stripe_sandbox
):
    text, token = preview(price="starter_monthly", quantity=1)
    assert "pay nothing now" in text
    assert send("change", token=token, when="period_end").status_code == 303
    assert quantity() == 2
    text = page("change").text
    assert "A change to Starter is planned for" in text
    again = send("change", token=preview(price="starter_monthly", quantity=1)[1], when="period_end")
    assert again.status_code == 303
    assert send("withdraw_change").status_code == 303
    assert "is planned for" not in page("change").text
    assert send("withdraw_change").status_code == 303


def test_a_trial_is_not_put_off(in_state, preview):
    in_state("trial")
    text, _ = preview(quantity=5)
    assert "pay nothing now" not in text


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"price": "none"}, "There is no such price on sale."),
        ({"price": "pro_monthly"}, "That is the present plan and quantity."),
        ({"quantity": "11"}, "is from 1 to 10"),
        ({"quantity": "0"}, "is from 1 to 10"),
        ({"quantity": "-1"}, "is from 1 to 10"),
        ({"quantity": "many"}, "is from 1 to 10"),
        ({"quantity": "9" * 10_000}, "is from 1 to 10"),
        ({"price": "x" * 10_000}, "There is no such price on sale."),
        ({"price": "<b>"}, "There is no such price on sale."),
        ({"price": "\0"}, "There is no such price on sale."),
    ],
)
def test_what_can_not_be_is_said_on_the_page_again(active, shop, page, asked, text):
    answer = page("change", **asked)
    assert answer.status_code == 400
    assert text in answer.text
    assert "Other plans" in answer.text  # nothing is lost
    assert writes(shop) == []


def forged(**values):
    row = Subscription.objects.get()
    told = {
        "subscriber": "auth.User:0",
        "subscription": row.stripe_id,
        "revision": row.revision,
        "price": row.items.get().price_id,
        "quantity": 9,
        "proration_date": 1,
    }
    return signing.dumps({**told, **values}, key="another key", salt=SALT)


def test_forged_fields_change_nothing(active, shop, send, preview):
    _, token = preview(quantity=3)
    for wrong in ("", "x", token[:-1], forged(), token.replace(":", ".")):
        given = {"token": wrong, "price": "pro_monthly", "quantity": 9, "proration_date": 1}
        answer = send("change", **given)
        assert answer.status_code == 409
        assert "Look at it again" in answer.text
    assert writes(shop) == []
    send("change", token=token, price="starter_monthly", quantity=9, customer="cus_x", when="never")
    assert quantity() == 3


def test_somebody_elses_token_is_worth_nothing(active, shop, preview, stranger, other_subscriber):
    _, token = preview(quantity=3)
    assert stranger.post(url("change"), {"token": token})["Location"] == url("home")
    theirs = shop.bind(other_subscriber)
    shop.subscribe(theirs)
    shop.sandbox.deliver()
    before = writes(shop)
    answer = stranger.post(url("change"), {"token": token})
    assert answer.status_code == 404
    assert writes(shop) == before


def test_an_old_preview_is_shown_anew(active, shop, preview, send):
    _, token = preview(quantity=5)
    _, other = preview(quantity=3)
    assert send("change", token=other).status_code == 303
    answer = send("change", token=token)
    assert answer.status_code == 409
    assert "has changed meanwhile" in answer.text
    assert quantity() == 3


def test_a_declined_card_is_said_on_the_page_and_changes_nothing(
    active, preview, send, stripe_sandbox
):
    _, token = preview(quantity=5)
    stripe_sandbox.engine.state.declines.append("insufficient_funds")
    answer = send("change", token=token, when="now")
    assert answer.status_code == 402
    assert 'role="alert"' in answer.text
    assert quantity() == 2


@pytest.mark.parametrize(("status", "code"), [(0, 503), (429, 503), (500, 503), (400, 502)])
def test_stripe_down_is_said_on_the_page(active, page, send, preview, stripe_sandbox, status, code):
    _, token = preview(quantity=5)
    stripe_sandbox.engine.faults.append(Fault(status=status, times=-1))
    assert page("change", quantity=4).status_code == code
    assert send("change", token=token, when="now").status_code == code
    assert page("change").status_code == 200  # what is planned is not known, and nothing else lacks


def test_nobody_falls_below_what_is_in_use(active, page, settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "USAGE_COUNTERS": {"seats": lambda _: 7}}
    answer = page("change", quantity=1)
    assert answer.status_code == 400
    assert "7 seats are in use" in answer.text


def test_who_has_two_subscriptions_says_which(active, shop, subscriber, page):
    customer = subscriber.stripe_customers.get()
    shop.subscribe(customer, shop.starter_monthly)
    shop.sandbox.deliver()
    assert page("change")["Location"] == url("home")
    home = page("home").text
    for row in Subscription.objects.all():
        link = f"{url('change')}?subscription={row.stripe_id}"
        assert link in home
        assert page("change", subscription=row.stripe_id).status_code == 200
