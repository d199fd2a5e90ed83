"""A one-off payment from the button to its refund or dispute, played against the sandbox."""

import random
from dataclasses import replace

import pytest

from django_stripe_billing.access import explain, has_feature, limit
from django_stripe_billing.models import EntitlementChange, Event, Payment
from django_stripe_billing.sandbox import Fault, SandboxError
from django_stripe_billing.signals import payment_changed
from django_stripe_billing.stripe_api import CallableHTTPClient

from ..statements import statements
from .conftest import BOOK, DAY, FAILS, SUCCEEDS, held, in_order, paid_at, ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_paid_at_once_is_granted_for_good(shop, stripe_sandbox, buy, subscriber):
    session = buy(quantity=3)
    assert held() == []
    assert set(stripe_sandbox.deliver()) == {200}
    assert held() == [("reports", None, None), ("seats", None, 6)]
    payment = Payment.objects.get()
    assert (payment.status, payment.amount, payment.currency) == ("paid", 15000, "eur")
    assert payment.payment_intent_id == session["payment_intent"]
    assert payment.charge_id == shop.charge_of(session)
    assert limit(subscriber, "seats") == 6
    assert "bought for good" in str(explain(subscriber, "reports"))


def test_the_session_says_what_was_sold(shop, buy):
    session = buy("pass", quantity=2)
    assert session["mode"] == "payment"
    assert session["metadata"]["django_stripe_billing_access_days"] == "30"
    intent = shop.call("GET", f"/v1/payment_intents/{session['payment_intent']}")
    assert intent["metadata"] == session["metadata"]


def test_days_are_granted_until_they_are_over(shop, stripe_sandbox, buy, subscriber):
    session = buy("pass", quantity=2)
    stripe_sandbox.deliver()
    assert held() == ticket(paid_at(session) + 60 * DAY)
    assert has_feature(subscriber, "export")


def test_days_bought_again_begin_when_the_first_ones_end(shop, stripe_sandbox, buy, subscriber):
    first = buy("pass")
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10 * DAY)
    second = buy("pass", quantity=2)
    stripe_sandbox.deliver()
    assert paid_at(second) == paid_at(first) + 10 * DAY
    assert held() == ticket(paid_at(first) + 90 * DAY)
    stripe_sandbox.advance(100 * DAY)
    third = buy("pass")
    stripe_sandbox.deliver()
    assert held() == in_order(ticket(paid_at(first) + 90 * DAY) + ticket(paid_at(third) + 30 * DAY))


def test_a_refund_of_the_first_days_moves_the_later_ones_up(shop, stripe_sandbox, buy):
    first = buy("pass")
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10 * DAY)
    second = buy("pass")
    stripe_sandbox.deliver()
    shop.refund(first)
    stripe_sandbox.deliver()
    assert held() == ticket(paid_at(second) + 30 * DAY)


def test_limits_of_days_in_a_row_do_not_add_up(shop, stripe_sandbox, buy, subscriber):
    feature = shop.features["seats"]["id"]
    shop.call("POST", f"/v1/entitlements/features/{feature}", {"metadata": {"combine": "sum"}})
    shop.sync()
    for price in ("pass", "pass", "book"):
        buy(price)
        stripe_sandbox.deliver()
    assert limit(subscriber, "seats") == 4 + 2


def test_a_debit_is_granted_when_it_has_paid(shop, stripe_sandbox, buy, come_back, subscriber):
    session = buy("pass", payment_method=shop.sepa(SUCCEEDS))
    assert come_back(session["id"]) == "waiting"
    stripe_sandbox.deliver()
    assert Payment.objects.get().status == "unpaid"
    assert held() == []
    assert "takes days" in str(explain(subscriber, "export"))
    begun = stripe_sandbox.engine.now
    stripe_sandbox.advance(5)
    stripe_sandbox.advance(4 * DAY)
    [settled] = [event for event in stripe_sandbox.pending if "async" in event["type"]]
    stripe_sandbox.deliver()
    assert settled["created"] > begun
    assert held() == ticket(settled["created"] + 30 * DAY)
    assert come_back(session["id"]) == "active"


def test_a_debit_that_the_bank_refuses_grants_nothing(shop, stripe_sandbox, buy, come_back):
    session = buy(payment_method=shop.sepa(FAILS))
    stripe_sandbox.deliver()
    stripe_sandbox.advance(5)
    stripe_sandbox.deliver()
    assert (Payment.objects.get().status, held()) == ("failed", [])
    assert come_back(session["id"]) == "failed"


def test_a_debit_is_not_begun_twice(shop, stripe_sandbox, buy, post):
    buy(payment_method=shop.sepa(SUCCEEDS))
    answer = post("book")
    assert answer.status_code == 409
    assert "under way" in answer.content.decode()


def test_a_declined_card_leaves_nothing(shop, stripe_sandbox, buy):
    with pytest.raises(SandboxError):
        buy(payment_method="pm_card_chargeDeclined")
    stripe_sandbox.deliver()
    assert not Payment.objects.exists()
    buy()
    stripe_sandbox.deliver()
    assert held() == BOOK


@pytest.mark.parametrize(
    ("policy", "after_part", "after_all"),
    [("full", BOOK, []), ("any", [], []), ("never", BOOK, BOOK)],
)
def test_refunds_revoke_by_the_policy(
    shop, stripe_sandbox, buy, settings, policy, after_part, after_all
):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "REFUNDS": policy}
    session = buy()
    stripe_sandbox.deliver()
    shop.refund(session, 2000)
    stripe_sandbox.deliver()
    assert Payment.objects.get().amount_refunded == 2000
    assert held() == after_part
    shop.refund(session, 3000)
    stripe_sandbox.deliver()
    assert held() == after_all


def test_a_refund_that_fails_restores(shop, stripe_sandbox, buy):
    session = buy(payment_method="pm_card_refundFail")
    stripe_sandbox.deliver()
    shop.refund(session)
    stripe_sandbox.deliver()
    assert held() == []
    stripe_sandbox.advance(DAY)
    stripe_sandbox.deliver()
    assert held() == BOOK


@pytest.mark.parametrize(
    ("policy", "while_open", "lost"),
    [("open", [], []), ("lost", BOOK, []), ("never", BOOK, BOOK)],
)
@pytest.mark.parametrize("is_won", [True, False])
def test_disputes_revoke_and_restore_by_the_policy(
    shop, stripe_sandbox, buy, settings, policy, while_open, lost, is_won, subscriber
):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "DISPUTES": policy}
    session = buy()
    stripe_sandbox.deliver()
    dispute = shop.dispute(session)
    stripe_sandbox.deliver()
    assert held() == while_open
    if not while_open:
        assert "dispute is needs_response" in str(explain(subscriber, "reports"))
    shop.decide(dispute, is_won=is_won)
    stripe_sandbox.deliver()
    assert held() == (BOOK if is_won else lost)


def test_an_inquiry_revokes_nothing(shop, stripe_sandbox, buy):
    buy(payment_method="pm_card_createDisputeInquiry")
    stripe_sandbox.deliver()
    assert Payment.objects.get().dispute_status == "warning_needs_response"
    assert held() == BOOK


def test_a_purchase_of_nothing_to_pay_counts_as_paid(shop, stripe_sandbox, buy):
    shop.add_once(shop.book, 0, "free")
    shop.sync()
    session = buy("free")
    assert session["payment_status"] == "no_payment_required"
    stripe_sandbox.deliver()
    assert held() == BOOK
    assert Payment.objects.get().paid_at is not None


# What is sold, and to whom


def test_what_is_owned_for_good_is_not_sold_again(shop, stripe_sandbox, buy, post):
    buy()
    stripe_sandbox.drop()  # nobody told us
    answer = post("book")
    assert answer.status_code == 409
    assert "bought Book already" in answer.content.decode()
    assert held() == BOOK
    assert post("pass").status_code == 303


def test_what_was_refunded_is_sold_again(shop, stripe_sandbox, buy):
    shop.refund(buy())
    stripe_sandbox.drop()
    buy()
    stripe_sandbox.deliver()
    assert held() == BOOK


def test_a_double_click_makes_one_session(shop, post):
    assert post("book")["Location"] == post("book")["Location"]
    assert len(shop.call("GET", "/v1/checkout/sessions")["data"]) == 1


@pytest.mark.parametrize(
    "fields",
    [{"price": "none"}, {"quantity": "6"}, {"quantity": "0"}, {"quantity": "x"}, {"price": ""}],
)
def test_what_is_not_on_sale_is_400(shop, post, fields):
    assert post(**{"price": "book", **fields}).status_code == 400


@pytest.mark.parametrize("days", ["", "0", "-3", "soon", "1e3", "99999999999999999999"])
def test_days_that_nobody_can_read_are_not_sold(shop, post, days):
    product = shop.add_product("Odd", ["export"], access_days=days or " ")
    shop.add_once(product, 100, "odd")
    shop.sync()
    assert post("odd").status_code == 400


def test_a_price_that_was_archived_meanwhile_is_not_sold(shop, stripe_sandbox, post):
    shop.call("POST", f"/v1/prices/{shop.book_once['id']}", {"active": False})
    answer = post("book")  # Stripe refuses: nobody told us
    assert answer.status_code == 502
    stripe_sandbox.deliver()
    assert post("book").status_code == 400
    assert not Payment.objects.exists()


def test_a_price_in_another_currency_than_the_customers_is_sold_as_it_is(shop, stripe_sandbox, buy):
    shop.add_once(shop.book, 700, "book_yen", currency="jpy")
    shop.sync()
    buy("pass")
    buy("book_yen")
    stripe_sandbox.deliver()
    assert sorted(Payment.objects.values_list("currency", "amount")) == [
        ("eur", 1000),
        ("jpy", 700),
    ]


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("status", [0, 500])
def test_a_lost_answer_and_a_retry_make_one_session(shop, stripe_sandbox, post, status, is_after):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path="/v1/checkout/sessions", status=status, is_after=is_after)
    )
    assert post().status_code == 503
    assert post().status_code == 303
    sessions = shop.call("GET", "/v1/checkout/sessions", {"status": "open"})["data"]
    assert len(sessions) == 1


# Coming back


def test_coming_back_stores_what_was_paid(shop, stripe_sandbox, buy, come_back, subscriber):
    session = buy()
    assert come_back(session["id"]) == "active"
    assert held() == BOOK
    assert EntitlementChange.objects.first().cause_id == session["id"]
    stripe_sandbox.deliver()
    assert EntitlementChange.objects.count() == 2


def test_while_stripe_is_down_the_page_waits(shop, stripe_sandbox, buy, come_back):
    session = buy()
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1, skip=1))
    assert come_back(session["id"]) == "waiting"
    stripe_sandbox.engine.faults.clear()
    assert come_back(session["id"]) == "active"


def test_somebody_elses_payment_is_404(shop, stripe_sandbox, buy, come_back, other_subscriber):
    theirs = shop.bind(other_subscriber)
    session = shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "customer": theirs.stripe_id,
            "line_items": [{"price": shop.book_once["id"], "quantity": 1}],
            "success_url": "https://example.com",
        },
    )
    stripe_sandbox.engine.complete_checkout(session["id"])
    buy("pass")
    assert come_back(session["id"]) == 404
    assert held() == []
    stripe_sandbox.deliver()
    assert has_feature(other_subscriber, "reports")


def test_the_status_turns_active_with_the_payment(shop, stripe_sandbox, buy, signed_in):
    def status(**params):
        return signed_in.get("/billing/status/", params).json()

    session = buy(payment_method=shop.sepa(SUCCEEDS))
    stripe_sandbox.deliver()
    assert status(session_id=session["id"])["active"] is False
    stripe_sandbox.advance(5)
    stripe_sandbox.deliver()
    with statements() as asked:
        assert status(session_id=session["id"]) == {
            "active": True,
            "features": ["reports", "seats"],
        }
    assert len([sql for sql in asked if "stripe_billing_" in sql]) == 4
    shop.refund(session)
    stripe_sandbox.deliver()
    assert status()["active"] is False


# Webhooks


def test_each_event_in_any_order_and_twice_leads_to_the_same(shop, stripe_sandbox, buy):
    session = buy("pass")
    shop.refund(session, 300)
    dispute = shop.dispute(session)
    shop.decide(dispute, is_won=True)
    stripe_sandbox.deliver(shuffle=random.Random(3), copies=2)
    assert held() == ticket(paid_at(session) + 30 * DAY)
    payment = Payment.objects.get()
    assert (payment.amount_refunded, payment.dispute_status) == (300, "won")


def test_a_refund_during_the_fetch_of_the_purchase_is_not_lost(shop, stripe_sandbox, buy, settings):
    """The refund is made and told of after Stripe has answered, before the answer is stored."""
    from django_stripe_billing.stripe_api import CallableHTTPClient

    session = buy()
    inner, done = stripe_sandbox.engine.handle, []

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if session["id"] in path and not done:
            done.append(1)
            waiting = list(stripe_sandbox.pending)
            stripe_sandbox.drop()
            shop.refund(session)
            assert set(stripe_sandbox.deliver()) == {200}
            stripe_sandbox.mailbox.pending.extend(
                event for event in waiting if event["type"] != "checkout.session.completed"
            )
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    stripe_sandbox.deliver()
    assert done
    assert Payment.objects.get().amount_refunded == 5000
    assert held() == []


def test_an_event_about_a_payment_costs_its_fetch_however_late_it_comes(shop, stripe_sandbox, buy):
    session = buy()
    stripe_sandbox.deliver()
    shop.refund(session, 100)
    stripe_sandbox.advance(60)
    events = list(stripe_sandbox.pending)
    assert len(events) >= 2
    stripe_sandbox.engine.requests.clear()
    stripe_sandbox.deliver()
    paths = [path for _, path in stripe_sandbox.engine.requests]
    assert set(paths) == {f"/v1/checkout/sessions/{session['id']}"}
    assert len(paths) <= len(events)  # answers and events may be of two clocks


def test_a_dispute_is_heard_though_its_charge_does_not_say_so(shop, buy, stripe_sandbox, settings):
    replaced = []

    def handle(method, path, body, headers):
        answer = stripe_sandbox.engine.handle(method, path, body, headers)
        replaced.append(answer.body.count(b'"disputed": true,'))
        return replace(answer, body=answer.body.replace(b'"disputed": true,', b""))

    session = buy()
    stripe_sandbox.deliver()
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "HTTP_CLIENT": CallableHTTPClient(handle),
    }
    shop.dispute(session)
    stripe_sandbox.deliver()
    assert Payment.objects.get().dispute_status == "needs_response"
    assert any(replaced)


def test_refunds_and_disputes_of_no_checkout_cost_no_call(shop, stripe_sandbox):
    intent = shop.call(
        "POST",
        "/v1/payment_intents",
        {"amount": 100, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True},
    )
    shop.refund({"payment_intent": intent["id"]})
    stripe_sandbox.engine.requests.clear()
    stripe_sandbox.deliver()
    assert stripe_sandbox.engine.requests == []
    told = Event.objects.filter(type__contains="refund")
    assert set(told.values_list("status", flat=True)) == {"ignored"}
    assert not Payment.objects.exists()


def test_a_checkout_of_nobody_is_noted(shop, stripe_sandbox):
    session = shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "line_items": [{"price": shop.book_once["id"], "quantity": 1}],
            "success_url": "https://example.com",
        },
    )
    stripe_sandbox.engine.complete_checkout(session["id"])
    assert set(stripe_sandbox.deliver()) == {200}
    event = Event.objects.get(type="checkout.session.completed")
    assert (event.status, "no customer" in event.note) == ("processed", True)


def test_stripe_down_in_the_middle_leaves_the_event_to_be_sent_again(shop, stripe_sandbox, buy):
    buy()
    stripe_sandbox.engine.faults.append(Fault(method="GET", status=500))
    waiting = list(stripe_sandbox.pending)
    assert 500 in stripe_sandbox.deliver()
    assert held() == []
    stripe_sandbox.mailbox.pending.extend(waiting)
    assert set(stripe_sandbox.deliver()) == {200}
    assert held() == BOOK


def test_each_change_is_announced_once(shop, stripe_sandbox, buy):
    told = []

    def hear(payment, status_before, **kwargs):
        told.append((payment.status, status_before, payment.amount_refunded))

    payment_changed.connect(hear)
    try:
        session = buy(payment_method=shop.sepa(SUCCEEDS))
        stripe_sandbox.deliver(copies=2)
        stripe_sandbox.advance(5)
        stripe_sandbox.deliver(copies=2)
        shop.refund(session)
        stripe_sandbox.deliver(copies=2)
    finally:
        payment_changed.disconnect(hear)
    assert told == [("unpaid", "", 0), ("paid", "unpaid", 0), ("paid", "paid", 5000)]


# The catalog, the customer


def test_a_changed_catalog_reaches_those_who_have_bought(shop, stripe_sandbox, buy):
    session = buy()
    stripe_sandbox.deliver()
    shop.call(
        "POST",
        f"/v1/products/{shop.book['id']}/features",
        {"entitlement_feature": shop.features["export"]["id"]},
    )
    shop.call("POST", f"/v1/products/{shop.book['id']}", {"metadata": {"limit:seats": "7"}})
    shop.sync()
    assert held() == [("export", None, None), ("reports", None, None), ("seats", None, 7)]
    [link] = [
        link
        for link in shop.call("GET", f"/v1/products/{shop.book['id']}/features")["data"]
        if link["entitlement_feature"]["id"] == shop.features["reports"]["id"]
    ]
    stripe_sandbox.advance(DAY)
    shop.call("DELETE", f"/v1/products/{shop.book['id']}/features/{link['id']}")
    shop.sync()
    assert ("reports", None, None) in held()  # it was part of what they bought
    assert session


def test_what_was_sold_for_good_stays_so(shop, stripe_sandbox, buy):
    buy()
    session = buy("pass")
    stripe_sandbox.deliver()
    for product, days in ((shop.book, "10"), (shop.ticket, "5")):
        shop.call("POST", f"/v1/products/{product['id']}", {"metadata": {"access_days": days}})
    shop.sync()
    assert held() == in_order(BOOK + ticket(paid_at(session) + 30 * DAY))


def test_a_deleted_customer_has_nothing(shop, stripe_sandbox, buy, subscriber):
    buy()
    stripe_sandbox.deliver()
    shop.call("DELETE", f"/v1/customers/{Payment.objects.get().customer.stripe_id}")
    stripe_sandbox.deliver()
    assert held() == []
    assert not has_feature(subscriber, "reports")


def test_a_subscription_beside_a_payment_is_not_touched(shop, stripe_sandbox, buy, subscriber):
    session = buy()
    buy("pro_monthly")
    stripe_sandbox.deliver()
    assert limit(subscriber, "seats") == 5
    shop.refund(session)
    stripe_sandbox.deliver()
    assert has_feature(subscriber, "reports")
    assert held() == []
