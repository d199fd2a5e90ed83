"""Invoices of the sandbox: drafted, finalized, paid, retried, voided, given up."""

import pytest

from django_stripe_billing.sandbox import Engine, ManualClock, SandboxError

from .conftest import START, Shop

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY
"""The month after START."""


def act(shop, invoice, verb, **values):
    return shop.call("POST", f"/v1/invoices/{invoice['id']}/{verb}", values)


def add_item(shop, amount=1500, **values):
    return shop.call(
        "POST", "/v1/invoiceitems", {"customer": shop.customer["id"], "amount": amount, **values}
    )


def one_off(shop, amount=1500, **values):
    add_item(shop, amount)
    return shop.call(
        "POST",
        "/v1/invoices",
        {
            "customer": shop.customer["id"],
            "pending_invoice_items_behavior": "include",
            **values,
        },
    )


def test_the_first_invoice_is_paid_at_once_and_numbered(shop):
    subscription = shop.subscribe()
    first = shop.invoices(subscription)[0]
    assert (first["status"], first["billing_reason"]) == ("paid", "subscription_create")
    assert (first["amount_paid"], first["amount_remaining"], first["attempt_count"]) == (2000, 0, 1)
    assert first["number"] == f"{shop.customer['invoice_prefix']}-0001"
    assert first["parent"]["subscription_details"]["subscription"] == subscription["id"]
    line = first["lines"]["data"][0]
    assert line["pricing"]["price_details"]["price"] == shop.price["id"]
    assert line["description"] == "1 \N{MULTIPLICATION SIGN} Pro"


def test_a_renewal_is_a_draft_for_an_hour(shop):
    subscription = shop.subscribe()
    shop.advance(MONTH)
    draft = shop.invoices(subscription)[0]
    assert (draft["status"], draft["number"]) == ("draft", None)
    assert draft["automatically_finalizes_at"] == START + MONTH + HOUR
    assert (draft["auto_advance"], draft["attempted"]) == (True, False)
    assert shop.read(subscription)["latest_invoice"] == draft["id"]
    shop.advance(HOUR)
    paid = shop.invoices(subscription)[0]
    assert (paid["status"], paid["amount_paid"]) == ("paid", 2000)
    assert paid["status_transitions"]["finalized_at"] == START + MONTH + HOUR
    assert paid["number"].endswith("-0002")
    assert shop.types()[-2:] == ["invoice.paid", "invoice.payment_succeeded"]


def test_an_upcoming_invoice_is_told_a_week_before_and_has_no_id(shop):
    shop.subscribe()
    shop.advance(MONTH - 7 * DAY)
    event = shop.engine.events[-1]
    assert (event["type"], event["created"]) == ("invoice.upcoming", START + MONTH - 7 * DAY)
    assert "id" not in event["data"]["object"]
    assert event["data"]["object"]["amount_due"] == 2000


@pytest.fixture(params=["cancel", "unpaid", "past_due", "pause"])
def ending(request):
    return request.param


def test_a_failed_renewal_is_retried_and_ends_as_the_account_is_set(ending):
    shop = Shop(Engine(clock=ManualClock(START), end_of_dunning=ending))
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(MONTH + HOUR)
    failed = START + MONTH + HOUR
    invoice = shop.invoices(subscription)[0]
    assert shop.read(subscription)["status"] == "past_due"
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] == failed + 3 * DAY
    shop.advance(10 * DAY)
    assert shop.events("invoice.payment_failed") == [
        ("invoice.payment_failed", failed + days * DAY) for days in (0, 3, 5, 7)
    ]
    invoice = shop.invoices(subscription)[0]
    assert (invoice["attempt_count"], invoice["next_payment_attempt"]) == (4, None)
    ended = shop.read(subscription)
    expected = {"cancel": "canceled", "pause": "paused"}
    assert ended["status"] == expected.get(ending, ending)
    if ending == "cancel":
        assert ended["cancellation_details"]["reason"] == "payment_failed"
        assert (invoice["status"], invoice["auto_advance"]) == ("open", False)
    if ending == "pause":
        assert ended["status_details"]["paused"]["subscription"]["type"] == "final_payment_failure"
        assert invoice["status_details"]["uncollectible"]["reason"] == "subscription_paused"


def test_after_unpaid_invoices_stay_drafts_until_the_open_one_is_paid(shop):
    shop.engine.end_of_dunning = "unpaid"
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(2 * MONTH + DAY)
    newest, failed, _ = shop.invoices(subscription)
    assert (newest["status"], newest["auto_advance"], failed["status"]) == ("draft", False, "open")
    shop.use_card("pm_card_visa")
    shop.advance(DAY)
    assert shop.read(subscription)["status"] == "unpaid"
    act(shop, newest, "pay")
    assert shop.read(subscription)["status"] == "active"
    assert shop.invoices(subscription)[1]["status"] == "open"


def test_paying_the_open_invoice_recovers_the_subscription(shop):
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(MONTH + HOUR)
    invoice = shop.invoices(subscription)[0]
    with pytest.raises(SandboxError) as refusal:
        act(shop, invoice, "pay")
    assert (refusal.value.status, refusal.value.code) == (402, "card_declined")
    assert shop.invoices(subscription)[0]["attempt_count"] == 1, "a try by hand does not count"
    paid = act(shop, invoice, "pay", payment_method="pm_card_visa")
    assert (paid["status"], paid["next_payment_attempt"]) == ("paid", None)
    assert shop.read(subscription)["status"] == "active"
    event = shop.engine.events[-1]
    assert event["type"] == "customer.subscription.updated"
    assert event["data"]["previous_attributes"] == {"status": "past_due"}
    with pytest.raises(SandboxError, match="already paid"):
        act(shop, invoice, "pay")
    shop.advance(20 * DAY)
    assert shop.read(subscription)["status"] == "active"


@pytest.mark.parametrize(("verb", "status"), [("void", "void"), ("mark_uncollectible",) * 2])
def test_a_void_or_uncollectible_latest_invoice_is_judged_anew(shop, verb, status):
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(MONTH + HOUR)
    invoice = act(shop, shop.invoices(subscription)[0], verb)
    assert invoice["status"] == status.removeprefix("mark_")
    assert shop.read(subscription)["status"] == "active"
    assert invoice["next_payment_attempt"] is None


def test_voiding_the_first_invoice_expires_an_incomplete_subscription(shop):
    subscription = shop.subscribe(payment_behavior="default_incomplete")
    invoice = shop.invoices(subscription)[0]
    assert (subscription["status"], invoice["status"]) == ("incomplete", "open")
    assert (invoice["attempted"], invoice["attempt_count"]) == (False, 0)
    act(shop, invoice, "void")
    assert shop.read(subscription)["status"] == "incomplete_expired"
    assert shop.types().count("invoice.voided") == 1


def test_paying_the_first_invoice_activates_an_incomplete_subscription(shop):
    subscription = shop.subscribe(payment_behavior="default_incomplete")
    act(shop, shop.invoices(subscription)[0], "pay")
    assert shop.read(subscription)["status"] == "active"
    shop.advance(2 * DAY)
    assert shop.read(subscription)["status"] == "active"


def test_an_invoice_that_is_sent_waits_for_its_due_date(shop):
    with pytest.raises(SandboxError) as refusal:
        shop.subscribe(collection_method="send_invoice")
    assert refusal.value.param == "days_until_due"
    subscription = shop.subscribe(collection_method="send_invoice", days_until_due=10)
    invoice = shop.invoices(subscription)[0]
    assert (subscription["status"], invoice["status"]) == ("active", "draft")
    shop.advance(HOUR)
    invoice = shop.invoices(subscription)[0]
    assert invoice["status"] == "open"
    assert invoice["due_date"] == START + HOUR + 10 * DAY
    assert (invoice["attempted"], invoice["next_payment_attempt"]) == (False, None)
    assert "invoice.sent" in shop.types()
    shop.advance(10 * DAY)
    assert shop.read(subscription)["status"] == "past_due"
    assert shop.events("invoice.overdue") == [("invoice.overdue", START + HOUR + 10 * DAY)]
    act(shop, invoice, "pay", paid_out_of_band=True)
    assert shop.read(subscription)["status"] == "active"
    assert "invoice.paid" in shop.types()
    assert "invoice.payment_succeeded" not in shop.types()


def test_a_one_off_invoice_takes_up_pending_items_and_is_paid(shop):
    invoice = one_off(shop, 1500, metadata={"order": "7"})
    assert (invoice["status"], invoice["amount_due"], invoice["parent"]) == ("draft", 1500, None)
    assert (invoice["billing_reason"], invoice["auto_advance"]) == ("manual", False)
    opened = act(shop, invoice, "finalize")
    assert opened["status"] == "open"
    paid = act(shop, invoice, "pay")
    assert (paid["status"], paid["metadata"]) == ("paid", {"order": "7"})
    payments = shop.call("GET", "/v1/invoice_payments", {"invoice": invoice["id"]})["data"]
    assert [(row["status"], row["amount_paid"]) for row in payments] == [("paid", 1500)]
    intent = payments[0]["payment"]["payment_intent"]
    found = shop.call(
        "GET",
        "/v1/invoice_payments",
        {"payment": {"type": "payment_intent", "payment_intent": intent}},
    )
    assert [row["invoice"] for row in found["data"]] == [invoice["id"]]
    expanded = shop.call("GET", f"/v1/invoices/{invoice['id']}", {"expand": ["payments"]})
    assert expanded["payments"]["data"][0]["id"] == payments[0]["id"]


def test_an_automatic_one_off_invoice_is_finalized_charged_and_retried(shop):
    shop.use_card("pm_card_chargeCustomerFail")
    invoice = one_off(shop, auto_advance=True)
    shop.advance(20 * DAY)
    found = shop.call("GET", f"/v1/invoices/{invoice['id']}")
    assert (found["status"], found["attempt_count"]) == ("open", 4)


def test_a_deleted_draft_gives_its_items_back(shop):
    invoice = one_off(shop)
    shop.call("DELETE", f"/v1/invoices/{invoice['id']}")
    pending = shop.call("GET", "/v1/invoiceitems", {"pending": True})["data"]
    assert [row["amount"] for row in pending] == [1500]
    assert one_off(shop, 500)["total"] == 2000
    done = act(shop, one_off(shop), "finalize")
    with pytest.raises(SandboxError, match="only delete draft"):
        shop.call("DELETE", f"/v1/invoices/{done['id']}")


def test_items_of_a_draft_may_be_added_changed_and_removed(shop):
    invoice = one_off(shop, 1000)
    extra = add_item(shop, 300, invoice=invoice["id"])
    path = f"/v1/invoices/{invoice['id']}"
    assert shop.call("GET", path)["total"] == 1300
    shop.call("POST", f"/v1/invoiceitems/{extra['id']}", {"amount": 400})
    assert shop.call("GET", path)["total"] == 1400
    shop.call("DELETE", f"/v1/invoiceitems/{extra['id']}")
    assert shop.call("GET", f"{path}/lines")["data"][0]["amount"] == 1000
    shop.call("POST", path, {"description": "Thanks", "auto_advance": True})
    act(shop, invoice, "finalize")
    for method, wrong in (("POST", {"description": "x"}), ("POST", {"number": "1"})):
        with pytest.raises(SandboxError, match="Finalized"):
            shop.call(method, path, wrong)
    with pytest.raises(SandboxError, match="draft invoice only"):
        add_item(shop, 300, invoice=invoice["id"])
    with pytest.raises(SandboxError, match="already finalized"):
        act(shop, invoice, "finalize")


def test_credit_pays_invoices_and_comes_back_when_they_are_voided(shop):
    path = f"/v1/customers/{shop.customer['id']}"
    shop.call("POST", f"{path}/balance_transactions", {"amount": -1200, "currency": "usd"})
    assert shop.call("GET", path)["balance"] == -1200
    invoice = one_off(shop, 2000)
    assert invoice["amount_due"] == 800
    done = act(shop, invoice, "finalize")
    assert (done["starting_balance"], done["ending_balance"], done["total"]) == (-1200, 0, 2000)
    assert shop.call("GET", path)["balance"] == 0
    act(shop, invoice, "void")
    rows = shop.call("GET", f"{path}/balance_transactions")["data"]
    assert [(row["type"], row["amount"]) for row in rows] == [
        ("unapplied_from_invoice", -1200),
        ("applied_to_invoice", 1200),
        ("adjustment", -1200),
    ]
    assert rows[0]["ending_balance"] == shop.call("GET", path)["balance"] == -1200
    covered = act(shop, one_off(shop, 700), "finalize")
    assert (covered["status"], covered["amount_due"]) == ("paid", 0)
    assert shop.call("GET", path)["balance"] == -500
    assert shop.call("POST", path, {"balance": 0})["balance"] == 0


def test_transitions_that_stripe_refuses_are_refused(shop):
    draft = one_off(shop)
    for verb in ("void", "mark_uncollectible", "send"):
        with pytest.raises(SandboxError):
            act(shop, draft, verb)
    paid = act(shop, draft, "pay")
    for verb in ("void", "mark_uncollectible", "finalize", "pay", "send"):
        with pytest.raises(SandboxError):
            act(shop, paid, verb)
    assert shop.call("GET", f"/v1/invoices/{draft['id']}")["status"] == "paid"


def test_a_moment_in_the_past_is_refused(shop):
    with pytest.raises(SandboxError) as refusal:
        one_off(shop, collection_method="send_invoice", due_date=START)
    assert refusal.value.param == "due_date"
    path = f"/v1/invoices/{one_off(shop)['id']}"
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", path, {"auto_advance": True, "automatically_finalizes_at": START})
    assert refusal.value.param == "automatically_finalizes_at"
    shop.call("POST", path, {"auto_advance": True, "automatically_finalizes_at": START + 60})
    shop.advance(60)
    assert shop.call("GET", path)["status"] == "paid"


def test_someone_elses_card_pays_nothing(shop):
    other = shop.call("POST", "/v1/customers", {"payment_method": "pm_card_visa"})
    path = f"/v1/customers/{other['id']}/payment_methods"
    method = shop.call("GET", path)["data"][0]
    with pytest.raises(SandboxError, match="already been attached"):
        act(shop, one_off(shop), "pay", payment_method=method["id"])


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")],
)
def test_paused_collection_sets_invoices_aside_until_it_resumes(shop, behavior, status):
    subscription = shop.subscribe()
    resumes_at = START + MONTH + 10 * DAY
    shop.change(subscription, pause_collection={"behavior": behavior, "resumes_at": resumes_at})
    shop.advance(MONTH + DAY)
    assert shop.invoices(subscription)[0]["status"] == status
    assert shop.read(subscription)["status"] == "active"
    shop.advance(10 * DAY)
    assert shop.read(subscription)["pause_collection"] is None
    shop.advance(MONTH)
    assert shop.invoices(subscription)[0]["status"] == "paid"
    assert "customer.subscription.paused" not in shop.types()


def test_lists_filter_by_status_subscription_due_date_and_creation(shop):
    subscription = shop.subscribe()
    shop.advance(MONTH)

    def ids(**params):
        return [row["status"] for row in shop.call("GET", "/v1/invoices", params)["data"]]

    assert ids() == ["draft", "paid"]
    assert ids(status="draft") == ids(created={"gt": START}) == ["draft"]
    assert ids(subscription=subscription["id"], customer=shop.customer["id"]) == ["draft", "paid"]
    assert ids(due_date={"gt": 0}) == []


def test_the_first_invoice_takes_one_off_items_and_credit_along(shop):
    add_item(shop, 500)
    poor = shop.call("POST", "/v1/customers", {"balance": -2600})
    setup = shop.add_price(600, "month", recurring=None)
    subscription = shop.subscribe(
        customer=poor["id"], add_invoice_items=[{"price": setup["id"], "quantity": 1}]
    )
    first = shop.invoices(subscription)[0]
    assert (first["total"], first["amount_due"], first["status"]) == (2600, 0, "paid")
    with pytest.raises(SandboxError, match="no attached payment source"):
        shop.subscribe(customer=poor["id"])
    assert shop.invoices(shop.subscribe())[0]["total"] == 2500


def test_what_belongs_to_another_customer_is_refused(shop):
    subscription, draft = shop.subscribe(), one_off(shop)
    other = shop.call("POST", "/v1/customers", {})
    for path, values in (
        ("invoiceitems", {"amount": 1, "invoice": draft["id"]}),
        ("invoiceitems", {"amount": 1, "subscription": subscription["id"]}),
        ("invoices", {"subscription": subscription["id"]}),
    ):
        with pytest.raises(SandboxError, match="another customer"):
            shop.call("POST", f"/v1/{path}", {"customer": other["id"], **values})
    assert add_item(shop, 10**7)["pricing"]["unit_amount_decimal"] == "10000000"


def test_a_deleted_customers_invoices_stand_still(shop):
    invoice = one_off(shop, auto_advance=True)
    subscription = shop.subscribe()
    shop.advance(MONTH)
    draft = shop.invoices(subscription)[0]
    later = shop.call(
        "POST",
        "/v1/subscription_schedules",
        {
            "customer": shop.customer["id"],
            "start_date": shop.engine.now + DAY,
            "phases": [{"items": [{"price": shop.price["id"]}]}],
        },
    )
    shop.call("DELETE", f"/v1/customers/{shop.customer['id']}")
    shop.advance(MONTH)
    assert shop.call("GET", f"/v1/invoices/{draft['id']}")["status"] == "draft"
    assert shop.call("GET", f"/v1/invoices/{invoice['id']}")["status"] == "paid"
    path = f"/v1/subscription_schedules/{later['id']}"
    assert shop.call("GET", path)["status"] == "canceled"
    with pytest.raises(SandboxError, match="No such customer"):
        act(shop, draft, "finalize")
