"""Lost webhooks about payments are found by a run, and repaired through the same door."""

from email.utils import formatdate
from importlib import import_module

import pytest

from django_stripe_billing.models import Customer, Entitlement, Payment
from django_stripe_billing.reconcile import Options, begin, estimate, execute, resume
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient

from ..threads import needs_threads
from .conftest import BOOK, DAY, FAILS, SUCCEEDS, held, paid_at, ticket

pytestmark = pytest.mark.django_db(transaction=True)


def reconcile(**options):
    return execute(begin(Options(**options)))


def found(run):
    return {row.kind: row.state for row in run.drift.exclude(state="gone")}


@pytest.fixture
def bought(shop, stripe_sandbox, buy):
    session = buy()
    stripe_sandbox.deliver()
    stripe_sandbox.advance(100)
    return session


def later(sandbox):
    """What happened is over, and nobody was told."""
    sandbox.drop()
    sandbox.advance(100)


def check(kinds, sandbox):
    """A run reports, changes nothing, repairs when told to, and then finds nothing more."""
    before = held()
    report = reconcile()
    assert set(found(report)) == kinds
    assert report.is_complete
    assert held() == before
    run = reconcile(apply=True)
    assert found(run) == dict.fromkeys(kinds, "repaired")
    again = reconcile()
    assert (found(again), again.is_complete) == ({}, True)


def test_nothing_is_found_where_nothing_was_lost(shop, stripe_sandbox, bought):
    run = reconcile()
    assert (found(run), run.is_complete) == ({}, True)


def test_who_sells_subscriptions_alone_pays_no_call(shop, stripe_sandbox):
    from django_stripe_billing.models import Price

    Price.objects.filter(type="one_time").delete()
    stripe_sandbox.engine.requests.clear()
    reconcile()
    assert ("GET", "/v1/checkout/sessions") not in stripe_sandbox.engine.requests
    reconcile(payments=True)
    assert ("GET", "/v1/checkout/sessions") in stripe_sandbox.engine.requests


def test_a_lost_purchase(shop, stripe_sandbox, buy):
    buy()
    later(stripe_sandbox)
    check({"payment_missing"}, stripe_sandbox)
    assert held() == BOOK


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_lost_purchase_on_a_test_clock_that_is_ahead(
    shop, stripe_sandbox, buy, subscriber, is_alone
):
    path = "/v1/test_helpers/test_clocks"
    clock = shop.call("POST", path, {"frozen_time": stripe_sandbox.engine.now})
    customer = shop.call("POST", "/v1/customers", {"test_clock": clock["id"]})
    stripe_sandbox.deliver()
    Customer.objects.filter(stripe_id=customer["id"]).update(subscriber=subscriber)
    year = {"frozen_time": clock["frozen_time"] + 365 * DAY}
    shop.call("POST", f"{path}/{clock['id']}/advance", year)
    buy()
    stripe_sandbox.drop()
    run = reconcile(apply=True, customer_id=customer["id"] if is_alone else "")
    assert found(run) == {"payment_missing": "repaired"}
    assert held() == BOOK


def test_a_lost_debit_that_has_paid(shop, stripe_sandbox, buy):
    session = buy("pass", payment_method=shop.sepa(SUCCEEDS))
    stripe_sandbox.deliver()
    stripe_sandbox.advance(5)
    later(stripe_sandbox)
    check({"payment_status"}, stripe_sandbox)
    assert held() == ticket(paid_at(session) + 30 * DAY)
    assert paid_at(session) >= stripe_sandbox.engine.now - 5  # no day is lost that was not usable


def test_a_lost_debit_that_was_refused(shop, stripe_sandbox, buy):
    buy(payment_method=shop.sepa(FAILS))
    stripe_sandbox.deliver()
    stripe_sandbox.advance(5)
    later(stripe_sandbox)
    check({"payment_status"}, stripe_sandbox)
    assert held() == []


def test_a_lost_refund(shop, stripe_sandbox, bought):
    shop.refund(bought)
    later(stripe_sandbox)
    check({"payment_refunded"}, stripe_sandbox)
    assert held() == []


@pytest.mark.parametrize("is_won", [True, False])
def test_a_lost_dispute_and_its_lost_end(shop, stripe_sandbox, bought, is_won):
    dispute = shop.dispute(bought)
    later(stripe_sandbox)
    check({"payment_disputed"}, stripe_sandbox)
    assert held() == []
    shop.decide(dispute, is_won=is_won)
    later(stripe_sandbox)
    check({"payment_disputed"}, stripe_sandbox)
    assert held() == (BOOK if is_won else [])


def test_a_payment_that_stripe_does_not_have(shop, stripe_sandbox, bought):
    assert reconcile().is_complete  # with this key
    state = stripe_sandbox.engine.state
    state.remove(state.objects[bought["id"]])
    check({"payment_missing_at_stripe"}, stripe_sandbox)
    assert held() == []
    assert Payment.objects.get().status == "missing"


def test_a_payment_that_a_cut_list_leaves_out_is_kept(shop, stripe_sandbox, bought):
    stripe_sandbox.engine.state.by_kind["checkout.session"].remove(bought["id"])
    run = reconcile(apply=True)
    assert not run.is_complete
    assert "cut short" in run.errors[0]
    assert held() == BOOK


def test_entitlements_that_were_changed_by_hand(shop, stripe_sandbox, bought):
    Entitlement.objects.filter(feature__lookup_key="reports").delete()
    Entitlement.objects.filter(feature__lookup_key="seats").update(limit=99)
    check({"entitlement_missing", "entitlement_limit"}, stripe_sandbox)
    assert held() == BOOK


def test_an_entitlement_of_no_payment(shop, stripe_sandbox, bought):
    row = Entitlement.objects.get(feature__lookup_key="reports")
    row.pk, row.source_id = None, "cs_test_invented"
    row.save()
    check({"entitlement_extra"}, stripe_sandbox)
    assert held() == BOOK


def test_a_customer_whom_nobody_is_linked_to(shop, stripe_sandbox, bought):
    Customer.objects.update(subscriber=None)
    assert found(reconcile(apply=True)) == {"customer_unlinked": "found"}


def test_no_more_is_changed_than_allowed(shop, stripe_sandbox, bought):
    from django_stripe_billing.reconcile import ChangeLimit

    shop.refund(bought)
    later(stripe_sandbox)
    run = reconcile(apply=True, max_changes=ChangeLimit(number=0, is_share=False))
    assert found(run) == {"payment_refunded": "found"}
    assert held() == BOOK


def test_one_customer_is_compared_alone(shop, stripe_sandbox, bought, other_subscriber):
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
    shop.refund(bought)
    later(stripe_sandbox)
    assert found(reconcile(customer_id=theirs.stripe_id)) == {"payment_missing": "found"}


def test_stripe_down_makes_the_run_incomplete_and_harms_nothing(shop, stripe_sandbox, bought):
    assert reconcile().is_complete
    shop.refund(bought)
    later(stripe_sandbox)
    stripe_sandbox.engine.faults.append(Fault(path="/v1/checkout", status=500, times=-1))
    run = reconcile(apply=True)
    assert (run.is_complete, held()) == (False, BOOK)
    stripe_sandbox.engine.faults.clear()
    run = reconcile(apply=True)
    assert (run.is_complete, held()) == (True, [])


def test_a_webhook_during_the_run_is_not_overwritten(shop, stripe_sandbox, bought, settings):
    """The run reads the payment as paid; the refund arrives before it compares."""
    Payment.objects.update(amount=1)  # so that it is suspected
    inner, done = stripe_sandbox.engine.handle, []

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if path.startswith(f"/v1/checkout/sessions/{bought['id']}") and not done:
            done.append(1)
            shop.refund(bought)
            stripe_sandbox.deliver()
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    run = reconcile(apply=True)
    assert done
    assert run.is_complete
    assert held() == []
    assert Payment.objects.get().amount_refunded == 5000


def test_a_deleted_buyer_is_seen_on_the_page_and_loses_what_was_bought(
    shop, stripe_sandbox, bought
):
    customer = Customer.objects.get()
    shop.call("DELETE", f"/v1/customers/{customer.stripe_id}", {})
    later(stripe_sandbox)
    check({"customer_deleted_at_stripe"}, stripe_sandbox)
    assert held() == []


# Many of them


def copies(sandbox, session, number, *, seconds_apart=1):
    """That many payments like one, each a second older than the one before; their ids."""
    state = sandbox.engine.state
    ids = []
    for place in range(number):
        twin = {**state.objects[session["id"]], "id": f"{session['id']}{place:04d}"}
        twin["created"] -= (place + 1) * seconds_apart
        state.objects[twin["id"]] = twin
        state.by_kind["checkout.session"].insert(0, twin["id"])
        state.notes[twin["id"]] = state.notes[session["id"]]
        ids.append(twin["id"])
    return ids


def test_a_first_sync_stores_all_of_them(shop, stripe_sandbox, buy):
    session = buy()
    copies(stripe_sandbox, session, 14)
    later(stripe_sandbox)
    run = reconcile(apply=True)
    assert (run.drift_found, run.drift_left, run.changes) == (15, 0, 0)
    assert Payment.objects.count() == 15


def test_what_is_given_is_free_and_what_is_taken_counts(shop, stripe_sandbox, bought):
    copies(stripe_sandbox, bought, 14)
    reconcile(apply=True)
    Entitlement.objects.all().delete()
    Payment.objects.filter(stripe_id=bought["id"]).update(status="unpaid", paid_at=None)
    run = reconcile(apply=True)
    assert (run.drift_left, run.changes) == (0, 0)
    shop.refund(bought)
    later(stripe_sandbox)
    run = reconcile(apply=True)  # of fifteen that grant the same for good, the last takes it away
    assert (found(run), run.changes) == ({"payment_refunded": "repaired"}, 1)
    assert held() == []


def test_what_grants_something_is_live_for_the_limit(shop, stripe_sandbox, bought):
    copies(stripe_sandbox, bought, 14)
    reconcile(apply=True)
    assert begin(Options()).live_before == 15


@pytest.fixture
def small_pages(monkeypatch):
    module = import_module("django_stripe_billing.stripe_api.pages")  # a function has its name
    monkeypatch.setattr(module, "PAGE_SIZE", 10)


def test_a_page_is_compared_with_its_range_of_time_and_leaves_a_checkpoint(
    shop, stripe_sandbox, bought, small_pages
):
    """25 on three pages; the run breaks off on the second, and goes on from there."""
    ids = copies(stripe_sandbox, bought, 24)
    reconcile(apply=True)
    assert Payment.objects.count() == 25
    state = stripe_sandbox.engine.state
    state.remove(state.objects[ids[2]])
    state.remove(state.objects[ids[20]])
    path = "/v1/checkout/sessions"
    fault = Fault(path=path, skip=1, status=500, times=-1)
    stripe_sandbox.engine.faults.append(fault)
    run = reconcile(apply=True)
    window = run.windows.get(of="payments")
    assert (run.state, window.listed, window.compared) == ("incomplete", 10, 10)
    stripe_sandbox.engine.faults.clear()
    stripe_sandbox.engine.requests.clear()
    run = execute(resume())
    assert run.is_complete
    window = run.windows.get(of="payments")
    assert (window.listed, window.compared) == (23, 23)
    lists = [asked for _method, asked in stripe_sandbox.engine.requests if asked == path]
    assert len(lists) == 2
    assert found(run) == {"payment_missing_at_stripe": "repaired"}
    assert run.drift.count() == 2
    assert set(Payment.objects.filter(status="missing").values_list("stripe_id", flat=True)) == {
        ids[2],
        ids[20],
    }


@needs_threads
def test_several_workers_share_the_payments(shop, stripe_sandbox, bought):
    copies(stripe_sandbox, bought, 39)
    reconcile(apply=True)
    run = reconcile(workers=2)
    windows = run.windows.filter(of="payments")
    assert (run.is_complete, found(run), len(windows)) == (True, {}, 8)
    assert sum(window.listed for window in windows) == 40


def test_payments_of_one_second_are_none_missing(shop, stripe_sandbox, bought, small_pages):
    copies(stripe_sandbox, bought, 24, seconds_apart=0)
    reconcile(apply=True)
    run = reconcile()
    assert (found(run), run.is_complete) == ({}, True)


def test_a_dropped_row_makes_the_run_incomplete(shop, stripe_sandbox, bought, monkeypatch):
    from django_stripe_billing.reconcile.payment_pages import PaymentWorker

    monkeypatch.setattr(PaymentWorker, "_unreadable", lambda worker, listed: 1)
    run = reconcile()
    assert not run.is_complete
    assert "1 payments were listed, and 0 of them compared." in run.errors


def test_they_are_in_the_estimate(shop, stripe_sandbox, bought):
    before = estimate(Options()).calls
    customer = Payment.objects.get().customer
    Payment.objects.bulk_create(
        Payment(stripe_id=f"cs_{number}", customer=customer) for number in range(100)
    )
    assert estimate(Options()).calls == before + 1


# What lists hide


@pytest.fixture
def hidden(shop, stripe_sandbox, bought):
    """On a test clock, of which no event has told yet."""
    customer = Customer.objects.get()
    state = stripe_sandbox.engine.state
    state.objects[customer.stripe_id]["test_clock"] = "clock_1"
    state.by_kind["checkout.session"].remove(bought["id"])
    return customer


def test_what_hangs_on_a_test_clock_makes_no_run_incomplete(shop, stripe_sandbox, hidden):
    run = reconcile()
    assert (found(run), run.errors) == ({}, [])
    hidden.refresh_from_db()
    assert hidden.test_clock_id == ""
    run = reconcile(apply=True)
    assert (found(run), run.errors, held()) == ({}, [], BOOK)
    hidden.refresh_from_db()
    assert hidden.test_clock_id == "clock_1"
    stripe_sandbox.engine.requests.clear()
    assert reconcile().is_complete
    paths = [path for _method, path in stripe_sandbox.engine.requests]
    assert not any(path.startswith("/v1/checkout/sessions/") for path in paths)


def test_a_buyer_on_a_test_clock_who_was_deleted_is_found(shop, stripe_sandbox, hidden):
    reconcile(apply=True)
    shop.call("DELETE", f"/v1/customers/{hidden.stripe_id}", {})
    later(stripe_sandbox)
    check({"customer_deleted_at_stripe"}, stripe_sandbox)
    assert held() == []


def test_an_account_that_knows_neither_payment_nor_customer_revokes_nothing(
    shop, stripe_sandbox, bought
):
    assert reconcile().is_complete
    state = stripe_sandbox.engine.state
    state.remove(state.objects[bought["id"]])
    state.remove(state.objects[Customer.objects.get().stripe_id])
    run = reconcile(apply=True)
    assert not run.is_complete
    assert "right account" in run.errors[0]
    assert held() == BOOK
    assert found(reconcile(apply=True, allow_empty=True))["payment_missing_at_stripe"] == "repaired"


def test_what_was_created_after_the_run_began_is_never_missing(
    shop, stripe_sandbox, bought, small_pages, settings
):
    """All of them seem to be created later than the run's first answer says that it is."""
    ids = copies(stripe_sandbox, bought, 24)
    reconcile(apply=True)
    state, inner = stripe_sandbox.engine.state, stripe_sandbox.engine.handle
    state.remove(state.objects[ids[15]])

    def handle(*call):
        answer = inner(*call)
        answer.headers["Date"] = formatdate(stripe_sandbox.engine.now - 40 * DAY, usegmt=True)
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}
    run = reconcile(apply=True)
    assert (found(run), run.is_complete) == ({}, True)
    assert run.windows.get(of="payments").listed == 24
