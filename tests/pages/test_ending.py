"""Cancelling, resuming, pausing and codes in the pages."""

import pytest

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.subscriptions import FEEDBACK
from django_stripe_billing.views.ending import REASONS

from .conftest import url

pytestmark = pytest.mark.django_db(transaction=True)


def row():
    return Subscription.objects.get()


def test_cancelling_says_until_when_and_keeps_access(in_state, shop, page, send, subscriber):
    in_state("active")
    text = page("cancel").text
    assert "Cancel Pro?" in text
    assert "Everything works until" in text
    answer = send("cancel", feedback="too_expensive", comment="<b>It is dear</b>")
    assert (answer.status_code, answer["Location"]) == (303, url("home"))
    assert row().is_ending
    assert has_feature(subscriber, "reports")
    told = shop.call("GET", f"/v1/subscriptions/{row().stripe_id}")["cancellation_details"]
    assert (told["feedback"], told["comment"]) == ("too_expensive", "<b>It is dear</b>")
    home = page("home").text
    assert "Your subscription is cancelled." in home
    assert "Ends on" in home and "Resume" in home
    assert send("cancel")["Location"] == url("home")  # a second click


def test_nothing_is_promised_to_who_has_not_paid(in_state, page):
    in_state("past_due")
    text = page("cancel").text
    assert "It ends with the paid period" in text
    assert "Everything works until" not in text


def test_every_reason_that_stripe_counts_has_its_words():
    assert REASONS.keys() == set(FEEDBACK)


@pytest.mark.parametrize(
    "given", [{"feedback": "none"}, {"comment": "x" * 10_000}, {"comment": "a\0b"}]
)
def test_a_wrong_form_comes_back_with_what_was_written(in_state, page, send, given):
    in_state("active")
    answer = send("cancel", **given)
    assert answer.status_code == 400
    assert "billing-field-error" in answer.text
    assert not row().is_ending


def test_forged_fields_do_not_end_it_now(in_state, send):
    in_state("active")
    send("cancel", when="now", prorate="true", cancel_at="1")
    assert (row().status, row().is_ending) == ("active", True)


def test_an_end_is_taken_back(in_state, page, send):
    in_state("cancelling")
    text = page("resume").text
    assert "Nothing is charged now." in text
    assert "$40.00 per month" in text
    assert send("resume")["Location"] == url("home")
    assert not row().is_ending
    assert send("resume")["Location"] == url("home")
    assert "Renews on" in page("home").text


def test_a_pause_and_its_end(in_state, page, send, subscriber):
    in_state("active")
    assert "Access stops at once" in page("pause").text
    assert send("pause")["Location"] == url("home")
    assert not has_feature(subscriber, "reports")
    assert send("pause")["Location"] == url("home")
    assert "No access and no charges" in page("home").text
    assert "less what was left" in page("resume").text
    assert send("resume")["Location"] == url("home")
    assert has_feature(subscriber, "reports")


def test_with_a_declined_card_a_pause_goes_on(in_state, page, send, stripe_sandbox):
    in_state("active")
    stripe_sandbox.advance(10 * 86_400)
    stripe_sandbox.deliver()
    send("pause")
    stripe_sandbox.engine.state.declines += ["insufficient_funds"] * 2
    answer = send("resume")
    assert answer.status_code == 402
    assert "Your card has insufficient funds." in answer.text
    stripe_sandbox.deliver()
    assert row().status == "paused"
    [unpaid, _first] = in_state.shop.call("GET", "/v1/invoices")["data"]
    assert 0 < unpaid["total"] < 4_000  # what was not used is credited


@pytest.mark.parametrize("name", ["cancel", "pause"])
def test_stripe_down_is_said_on_the_page(in_state, send, stripe_sandbox, name):
    in_state("active")
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = send(name)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert row().status == "active"


def test_a_code_gives_its_discount(in_state, shop, page, send):
    in_state("active")
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "forever"})
    shop.call(
        "POST",
        "/v1/promotion_codes",
        {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "HALF"},
    )
    assert send("promotion_code", code=" half ")["Location"] == url("home")
    assert "The discount counts" in page("home").text


@pytest.mark.parametrize("code", ["", "none", "x" * 10_000, "<b>", "\0"])
def test_a_wrong_code_is_an_error_of_its_field(in_state, send, code):
    in_state("active")
    answer = send("promotion_code", code=code)
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert "<b>" not in answer.text


def test_only_who_may_change_changes(in_state, page, send, settings):
    """The hook is asked for `change`, once, and what it denies is 403."""
    in_state("active")
    asked = []
    subscriber = in_state.subscriber

    def hook(request, action):
        from django.core.exceptions import PermissionDenied

        asked.append(action)
        if action == "change":
            raise PermissionDenied("Only an owner may change it.")
        return subscriber

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "SUBSCRIBER": hook}
    for name in ("change", "cancel", "resume", "pause", "promotion_code", "withdraw_change"):
        answer = send(name)
        assert answer.status_code == 403, name
        assert "Only an owner may change it." in answer.text
    assert asked.count("change") == 6
    assert page("home").status_code == 200
    assert "portal" in asked
    assert not row().is_ending
