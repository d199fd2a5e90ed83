"""What events about invoices do to access: grace by the oldest unpaid one, in any order."""

import itertools
from datetime import UTC, datetime

import pytest

from django_stripe_billing.models import Entitlement, Event, Invoice, Subscription
from django_stripe_billing.webhooks import process_again
from tests.payloads import DAY, NOW, event, invoice, item, items, paid, subscription
from tests.statements import statements
from tests.webhooks.test_view import post

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * DAY


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


def deliver(*payloads):
    return [post(payload).status_code for payload in payloads]


def changed(status, *, at, **values):
    return event("customer.subscription.updated", subscription(status=status, **values), created=at)


def told(kind, payload, *, at=NOW):
    return event(f"invoice.{kind}", payload, created=at)


def end_of(key="reports"):
    row = Entitlement.objects.filter(feature__lookup_key=key).first()
    return row and (int(row.ends_at.timestamp()), row.reason)


@pytest.fixture
def subscribed(catalog, customer):
    deliver(event("customer.subscription.created", subscription(), created=NOW - 60))


def test_the_grace_counts_from_the_oldest_unpaid_invoice_in_any_order(catalog, customer):
    first = invoice("in_1", created=NOW - 40 * DAY)
    later = invoice("in_2", created=NOW - 10 * DAY)
    events = [
        lambda: changed("past_due", at=NOW),
        lambda: told("payment_failed", first, at=NOW - 39 * DAY),
        lambda: told("payment_failed", later, at=NOW - 9 * DAY),
    ]
    for order in itertools.permutations(events):
        for model in (Event, Invoice, Subscription, Entitlement):
            model.objects.all().delete()
        assert set(deliver(*(make() for make in order))) == {200}
        assert end_of() == (NOW - 33 * DAY, "past_due_grace")


def test_without_a_known_invoice_the_period_stands_in(subscribed):
    deliver(changed("past_due", at=NOW))
    assert end_of() == (NOW + WEEK, "past_due_grace")


def test_a_key_that_may_not_read_invoices_keeps_nobody_in(subscribed, stripe):
    refusal = {"error": {"type": "invalid_request_error", "message": "rak_invoice_read is missing"}}
    stripe.objects["/v1/invoices/in_1"] = (403, refusal)
    assert deliver(changed("past_due", at=NOW, latest_invoice="in_1")) == [200]
    assert Subscription.objects.get().status == "past_due"
    assert end_of() == (NOW + WEEK, "past_due_grace")


def test_the_grace_of_the_product_comes_before_that_of_the_settings(subscribed, catalog):
    catalog.metadata = {"grace_days": "2"}
    catalog.save()
    deliver(told("payment_failed", invoice(created=NOW - DAY)), changed("past_due", at=NOW))
    assert end_of() == (NOW + DAY, "past_due_grace")


def test_a_grace_that_has_run_out_is_not_given_again_with_the_next_period(subscribed):
    deliver(told("payment_failed", invoice(created=NOW - 40 * DAY), at=NOW - 39 * DAY))
    renewed = items(item(current_period_start=NOW, current_period_end=NOW + 30 * DAY))
    deliver(changed("past_due", at=NOW, items=renewed))
    assert end_of() == (NOW - 33 * DAY, "past_due_grace")


def test_paying_the_oldest_invoice_moves_the_grace_to_the_next(subscribed):
    first, later = invoice("in_1", created=NOW - 9 * DAY), invoice("in_2", created=NOW - DAY)
    deliver(told("payment_failed", first), told("payment_failed", later))
    deliver(changed("past_due", at=NOW))
    assert end_of() == (NOW - 2 * DAY, "past_due_grace")
    deliver(told("paid", paid(first), at=NOW + 1))
    assert end_of() == (NOW + 6 * DAY, "past_due_grace")
    deliver(changed("active", at=NOW + 2))
    assert end_of() == (NOW + 33 * DAY, "paid_period")


@pytest.mark.parametrize("way", ["voided", "marked_uncollectible"])
def test_an_invoice_that_is_given_up_no_longer_counts(subscribed, way):
    status = {"voided": "void", "marked_uncollectible": "uncollectible"}[way]
    first, later = invoice("in_1", created=NOW - 9 * DAY), invoice("in_2", created=NOW - DAY)
    deliver(told("payment_failed", first), told("payment_failed", later))
    deliver(changed("past_due", at=NOW))
    deliver(told(way, {**first, "status": status}, at=NOW + 1))
    assert end_of() == (NOW + 6 * DAY, "past_due_grace")


def test_an_invoice_that_is_sent_has_its_grace_from_the_due_date(subscribed):
    sent = invoice(
        created=NOW - 30 * DAY,
        due_date=NOW,
        attempted=False,
        attempt_count=0,
        collection_method="send_invoice",
    )
    deliver(told("overdue", sent), changed("past_due", at=NOW))
    assert end_of() == (NOW + WEEK, "past_due_grace")


@pytest.mark.parametrize("status", ["unpaid", "paused", "canceled", "new to us"])
def test_no_other_status_has_a_grace(subscribed, status):
    deliver(told("payment_failed", invoice()), changed(status, at=NOW))
    assert end_of() is None


def test_a_late_event_does_not_reopen_a_paid_invoice(subscribed):
    deliver(told("paid", paid(invoice()), at=NOW))
    assert deliver(told("payment_failed", invoice(attempt_count=3), at=NOW)) == [200]
    assert Invoice.objects.get().status == "paid"
    assert Event.objects.filter(status=Event.Status.STALE).count() == 1


def test_draft_open_and_paid_in_one_second_need_no_call(subscribed, stripe):
    fresh = invoice(attempted=False, attempt_count=0)
    draft = {**fresh, "status": "draft", "hosted_invoice_url": None}
    payloads = [
        told("created", draft),
        told("finalized", fresh),
        told("paid", paid(fresh)),
        told("payment_succeeded", paid(fresh)),
    ]
    for order in itertools.permutations(payloads):
        Event.objects.all().delete()
        Invoice.objects.all().delete()
        assert set(deliver(*order)) == {200}
        assert Invoice.objects.get().status == "paid"
    assert stripe.requests == []


def test_two_states_of_one_second_that_do_not_say_which_is_later_are_fetched(subscribed, stripe):
    stripe.objects["/v1/invoices/in_1"] = invoice(amount_remaining=500)
    deliver(told("updated", invoice()), told("updated", invoice(amount_remaining=700)))
    assert Invoice.objects.get().amount_remaining == 500
    assert len(stripe.requests) == 1


def test_an_event_of_an_unknown_release_is_fetched(subscribed, stripe):
    stripe.objects["/v1/invoices/in_1"] = invoice()
    unknown = told("payment_failed", {"id": "in_1", "object": "invoice"})
    deliver({**unknown, "api_version": "2031-01-01.unheard"})
    assert Invoice.objects.get().attempt_count == 1


def test_a_deleted_draft_stays_deleted(subscribed):
    draft = invoice(status="draft")
    deliver(
        told("created", draft),
        told("deleted", {**draft, "deleted": True}, at=NOW + 1),
        told("updated", draft, at=NOW + 2),
    )
    assert Invoice.objects.get().status == "deleted"


def test_an_invoice_of_another_customer_than_the_stored_one_is_refused(subscribed):
    deliver(told("finalized", invoice()))
    assert deliver(told("paid", paid(invoice(customer="cus_2")), at=NOW + 1)) == [500]
    assert Invoice.objects.get().status == "open"


def test_an_invoice_of_nobody_known_waits_with_its_customer(db):
    assert deliver(told("finalized", invoice(customer="cus_new"))) == [200]
    assert Invoice.objects.get().customer.subscriber is None


@pytest.mark.parametrize("kind", ["paid", "payment_failed", "upcoming", "deleted", "overdue"])
@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"id": 7},
        {"id": "in_1"},
        {"customer": []},
        {"id": "in_9", "customer": "cus_1", "created": "x", "status": 5},
    ],
)
def test_what_is_no_invoice_is_recorded_and_does_no_harm(subscribed, kind, junk):
    assert deliver(told(kind, junk)) == [200]


def test_a_failed_payment_is_told_once_for_each_attempt(subscribed, heard):
    deliver(told("payment_failed", invoice()), told("payment_failed", invoice()))
    deliver(told("updated", invoice()))
    assert heard.of("payment_failed") == ["payment_failed"]
    deliver(told("payment_failed", invoice(attempt_count=2), at=NOW + 1))
    assert heard.last("payment_failed")["attempt"] == 2
    process_again(Event.objects.filter(type="invoice.payment_failed").first())
    assert heard.of("payment_failed") == ["payment_failed"] * 2


def test_a_failure_that_is_told_after_the_payment_is_not_passed_on(subscribed, heard):
    deliver(told("paid", paid(invoice()), at=NOW + 5), told("payment_failed", invoice()))
    assert heard.of("payment_failed", "invoice_paid") == ["invoice_paid"]


def test_paid_and_payment_succeeded_are_one_payment(subscribed, heard):
    deliver(told("payment_succeeded", paid(invoice())), told("paid", paid(invoice())))
    assert heard.of("invoice_paid") == ["invoice_paid"]


def test_a_bank_that_wants_a_confirmation_is_told_and_forgotten_with_the_next_attempt(
    subscribed, heard
):
    deliver(told("payment_action_required", invoice()))
    assert Invoice.objects.get().needs_action
    assert heard.of("payment_action_required") == ["payment_action_required"]
    deliver(told("payment_failed", invoice(attempt_count=2), at=NOW + 1))
    assert not Invoice.objects.get().needs_action


def test_trouble_is_told_when_it_starts_and_when_it_is_over(subscribed, heard):
    deliver(
        changed("past_due", at=NOW),
        changed("unpaid", at=NOW + 1),
        changed("active", at=NOW + 2),
        changed("active", at=NOW + 2),
    )
    assert heard.of("dunning_started", "dunning_recovered") == [
        "dunning_started",
        "dunning_recovered",
    ]


def test_a_coming_end_is_told_once(subscribed, heard):
    ends = changed("active", at=NOW, cancel_at=NOW + 9 * DAY)
    deliver(
        ends, ends, changed("active", at=NOW + 1, cancel_at=NOW + 9 * DAY, latest_invoice="in_9")
    )
    assert heard.of("access_ending") == ["access_ending"]
    given = heard.last("access_ending")
    assert (given["reason"], given["ends_at"]) == (
        "cancel_at",
        datetime.fromtimestamp(NOW + 9 * DAY, UTC),
    )
    deliver(changed("active", at=NOW + 2), changed("active", at=NOW + 3, cancel_at=NOW + 5 * DAY))
    assert heard.of("access_ending") == ["access_ending"] * 2


def test_the_begin_of_a_grace_is_told_once_though_the_invoice_comes_later(subscribed, heard):
    deliver(changed("past_due", at=NOW), told("payment_failed", invoice(created=NOW + 40)))
    assert end_of() == (NOW + 40 + WEEK, "past_due_grace")
    assert heard.of("access_ending") == ["access_ending"]


def test_the_end_of_a_subscription_is_told_once(subscribed, heard):
    gone = event("customer.subscription.deleted", subscription(status="canceled"), created=NOW)
    deliver(gone, {**gone, "id": "evt_again"})
    assert heard.of("subscription_ended") == ["subscription_ended"]


def test_what_never_began_does_not_end(catalog, customer, heard):
    deliver(
        event("customer.subscription.created", subscription(status="incomplete"), created=NOW),
        changed("incomplete_expired", at=NOW + 1),
        event("customer.subscription.deleted", subscription("sub_2", status="canceled")),
    )
    assert heard.of("subscription_ended") == []


def test_a_renewal_is_told_of_beforehand(subscribed, heard):
    upcoming = invoice(status="draft", next_payment_attempt=NOW + WEEK)
    del upcoming["id"]
    deliver(told("upcoming", upcoming))
    given = heard.last("renewal_coming")
    assert (given["amount"], given["currency"]) == (2000, "usd")
    assert given["at"] == datetime.fromtimestamp(NOW + WEEK, UTC)
    assert not Invoice.objects.exists()


def test_an_upcoming_invoice_of_somebody_elses_subscription_says_nothing(subscribed, heard):
    upcoming = invoice(customer="cus_2", status="draft")
    del upcoming["id"]
    assert deliver(told("upcoming", upcoming)) == [200]
    assert heard.of("renewal_coming") == []


def test_an_invoice_costs_few_statements(subscribed, stripe, settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "EMAILS": {"receipt": False}}
    deliver(told("created", invoice(status="draft", attempted=False, attempt_count=0)))
    with statements() as found:
        deliver(told("paid", paid(invoice()), at=NOW + 1))
    assert len(found) == 4, found
    with statements() as found:
        deliver(changed("past_due", at=NOW))
    assert len(found) <= 8, found
    assert stripe.requests == []
