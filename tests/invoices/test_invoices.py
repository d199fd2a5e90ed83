"""A subscriber's invoices, card and credit: their own alone, by function, page and API."""

import itertools
import logging
import random
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import engines
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from django_stripe_billing.access import Billing, dunning_of
from django_stripe_billing.exceptions import InvoiceNotFoundError
from django_stripe_billing.invoices import (
    PaymentMethod,
    credit_of,
    invoice_of,
    invoices_of,
    payment_method_of,
)
from django_stripe_billing.models import Customer, Invoice
from django_stripe_billing.money import formatted
from django_stripe_billing.rules.dunning import is_unpaid, unpaid_since
from django_stripe_billing.rules.invoices import parse_invoice
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient
from tests.conftest import make_subscriber
from tests.payloads import DAY, NOW, event, invoice, paid
from tests.statements import statements
from tests.webhooks.test_view import post

pytestmark = pytest.mark.django_db(transaction=True)

VISA = PaymentMethod(type="card", brand="visa", last4="4242", exp_month=12, exp_year=2034)


def page(name, *arguments):
    return reverse(f"stripe_billing:{name}", args=arguments)


def api(name, *arguments):
    return reverse(f"stripe_billing_api:{name}", args=arguments)


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def eve(other_subscriber, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.get(username="eve"))
    return client


@pytest.fixture
def billed(customer):
    """Three invoices: a draft, an open one, a paid one."""
    for number, payload in enumerate(
        [invoice(status="draft"), invoice(), paid(invoice(currency="jpy"))]
    ):
        row = Invoice(stripe_id=f"in_{number}", customer=customer)
        row.take(parse_invoice({**payload, "created": NOW - number}))
        row.save()


class TestOwn:
    def test_invoices_are_listed_newest_first_without_drafts(self, billed, subscriber):
        assert [row.stripe_id for row in invoices_of(subscriber)] == ["in_1", "in_2"]

    def test_nobody_sees_another_ones(self, billed, other_subscriber, eve):
        assert list(invoices_of(other_subscriber)) == []
        assert list(invoices_of(None)) == list(invoices_of(AnonymousUser())) == []
        with pytest.raises(InvoiceNotFoundError):
            invoice_of(other_subscriber, "in_1")
        assert eve.get(api("invoices")).json()["results"] == []
        assert eve.get(api("invoice", "in_1")).status_code == 404
        assert eve.get(page("invoice", "in_1")).status_code == 404
        assert "A-0001" not in eve.get(page("invoices")).text

    def test_no_parameter_chooses_the_tenant(self, billed, eve, subscriber):
        asked = {"customer": "cus_1", "subscriber": subscriber.pk, "user": subscriber.pk}
        assert eve.get(api("invoices"), asked).json()["count"] == 0

    @pytest.mark.parametrize("name", ["in_0", "in_9", "x" * 300, "%00", "in_1;"])
    def test_what_is_not_there_is_a_404(self, billed, signed_in, name):
        assert signed_in.get(page("invoice", name)).status_code == 404
        assert signed_in.get(api("invoice", name)).status_code == 404

    def test_a_nul_is_no_name_of_an_invoice(self, billed, signed_in):
        for path in (page("invoices"), api("invoices")):
            assert signed_in.get(f"{path}%00/").status_code == 404

    def test_who_is_not_signed_in_is_asked_to(self, billed, client):
        for name in ("invoices", "payment_method", "dunning"):
            assert client.get(api(name)).status_code == 403
        for name in ("card", "retry_payment"):
            assert client.post(api(name)).status_code == 403
        assert client.get(page("invoices")).status_code == 302
        assert client.post(page("retry_payment")).status_code == 302

    def test_what_changes_something_is_no_get_and_needs_its_token(self, signed_in, user):
        for name in ("retry_payment", "update_card"):
            assert signed_in.get(page(name)).status_code == 405
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(user)
        assert strict.post(page("retry_payment")).status_code == 403
        assert strict.post(api("retry_payment")).status_code == 403


class TestPages:
    def test_the_api_gives_pages(self, billed, signed_in, subscriber):
        first = signed_in.get(api("invoices"), {"page_size": 1}).json()
        assert first["count"] == 2
        [row] = first["results"]
        assert (row["id"], row["total"], row["total_text"]) == ("in_1", 2000, "$20.00")
        assert (row["url"], row["pdf"]) == (
            "https://invoice.stripe.com/i/1",
            "https://invoice.stripe.com/i/1/pdf",
        )
        [second] = signed_in.get(first["next"]).json()["results"]
        assert (second["id"], second["total_text"]) == ("in_2", "¥2,000")
        assert signed_in.get(api("invoices"), {"page": 99}).status_code == 404
        assert signed_in.get(api("invoice", "in_2")).json() == second

    def test_the_page_shows_amounts_and_links(self, billed, signed_in, stripe_answers):
        text = signed_in.get(page("invoices")).text
        assert "$20.00" in text and "¥2,000" in text
        assert "https://invoice.stripe.com/i/1/pdf" in text
        answer = signed_in.get(page("invoice", "in_1"))
        assert (answer.status_code, answer["Location"]) == (303, "https://invoice.stripe.com/i/1")

    def test_the_page_needs_no_answer_of_stripes(self, billed, signed_in, stripe_answers, caplog):
        with caplog.at_level(logging.WARNING):
            assert signed_in.get(page("invoices"), {"page": "x"}).status_code == 200

    def test_many_invoices_cost_no_more_queries(self, billed, signed_in, subscriber, customer):
        Customer.objects.update(payment_method_id="pm_1", payment_method_type="card")
        for number in range(30):
            row = Invoice(stripe_id=f"in_more_{number}", customer=customer)
            row.take(parse_invoice(paid(invoice())))
            row.save()
        with statements() as asked:
            assert signed_in.get(page("invoices")).status_code == 200
        assert len(asked) <= 9, asked
        with statements() as asked:
            assert len(signed_in.get(api("invoices")).json()["results"]) == 20
        assert len(asked) <= 5, asked


class TestPaymentMethod:
    def test_it_is_told_by_events_and_shown_without_a_call(
        self, shop, stripe_sandbox, subscriber, signed_in
    ):
        shop.bind(subscriber)
        before = len(stripe_sandbox.engine.requests)
        found = payment_method_of(subscriber)
        assert (found.type, found.brand, found.last4) == ("card", "visa", "4242")
        told = signed_in.get(api("payment_method")).json()
        assert (told["payment_method"]["last4"], told["credit"]) == ("4242", None)
        assert "4242" in signed_in.get(page("invoices")).text
        assert len(stripe_sandbox.engine.requests) == before

    def test_another_default_card_is_shown_at_once(self, shop, stripe_sandbox, subscriber):
        customer = shop.bind(subscriber)
        use(shop, customer, "pm_card_mastercard")
        stripe_sandbox.deliver()
        found = payment_method_of(subscriber)
        assert (found.brand, found.last4) == ("mastercard", "4444")

    def test_a_card_of_checkout_is_found_on_the_subscription(
        self, shop, stripe_sandbox, signed_in, subscriber
    ):
        answer = signed_in.post(page("checkout"), {"price": "pro_monthly"})
        stripe_sandbox.pay(answer["Location"])
        stripe_sandbox.deliver()
        Customer.objects.update(payment_method_id="", payment_method_type="")
        assert payment_method_of(subscriber).last4 == "4242"
        before = len(stripe_sandbox.engine.requests)
        assert payment_method_of(subscriber).last4 == "4242"
        assert len(stripe_sandbox.engine.requests) == before

    def test_a_detached_card_is_forgotten(self, shop, stripe_sandbox, subscriber):
        customer = shop.bind(subscriber)
        row = Customer.objects.get(pk=customer.pk)
        shop.call("POST", f"/v1/payment_methods/{row.payment_method_id}/detach")
        stripe_sandbox.deliver()
        assert payment_method_of(subscriber) is None

    def test_who_never_bought_has_none(self, subscriber, stripe_answers):
        assert payment_method_of(subscriber) is payment_method_of(None) is None
        assert stripe_answers.requests == []

    def test_events_in_any_order_leave_the_last_default(self, customer, stripe_answers):
        gone = method("detached", "pm_1", "visa", at=NOW + 7)
        gone["data"]["object"]["customer"] = None
        gone["data"]["previous_attributes"] = {"customer": "cus_1"}
        history = [
            gone,
            method("attached", "pm_1", "visa", at=NOW),
            defaults("pm_1", at=NOW),
            method("attached", "pm_2", "amex", at=NOW + 5),
            defaults("pm_2", at=NOW + 5),
            method("automatically_updated", "pm_2", "amex", at=NOW + 9, exp_year=2040),
        ]
        orders = list(itertools.permutations(history))
        for order in random.Random(1).sample(orders, 100):
            Customer.objects.update(
                payment_method_id="",
                payment_method_type="",
                payment_method_observed=-1,
                payment_method_heard=-1,
                default_payment_method_id="",
                observed_low=-1,
                observed_high=-1,
            )
            for payload in order:
                assert post({**payload, "id": f"evt_{next(ids)}"}).status_code == 200
            row = Customer.objects.get()
            assert row.default_payment_method_id == "pm_2"
            is_right = row.payment_method_id == "pm_2" and row.payment_method_exp_year == 2040
            assert is_right or not row.is_payment_method_known  # then it is fetched when asked for

    def test_another_card_is_given_in_the_portal(self, shop, stripe_sandbox, signed_in, subscriber):
        shop.bind(subscriber)
        for answer in (
            signed_in.post(page("update_card"))["Location"],
            signed_in.post(api("card")).json()["url"],
        ):
            assert "/p/session/" in answer
        sessions = [
            entry
            for entry in stripe_sandbox.engine.state.objects.values()
            if entry["object"] == "billing_portal.session"
        ]
        assert {entry["flow"]["type"] for entry in sessions} == {"payment_method_update"}


class TestCredit:
    def test_credit_is_mirrored_and_shown(self, shop, stripe_sandbox, subscriber, signed_in):
        customer = shop.bind(subscriber)
        assert credit_of(subscriber) is None
        shop.subscribe(customer)
        shop.call(
            "POST",
            f"/v1/customers/{customer.stripe_id}/balance_transactions",
            {"amount": -1250, "currency": "usd"},
        )
        shop.call("POST", f"/v1/customers/{customer.stripe_id}", {"description": "credited"})
        stripe_sandbox.deliver()
        found = credit_of(subscriber)
        assert (found.amount, found.currency, str(found)) == (1250, "usd", "$12.50")
        assert "$12.50" in signed_in.get(page("invoices")).text


class TestTaxes:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, {}),
            (
                {"AUTOMATIC_TAX": True},
                {"automatic_tax[enabled]": "true", "customer_update[address]": "auto"},
            ),
            (
                {"TAX_ID_COLLECTION": True},
                {"tax_id_collection[enabled]": "true", "customer_update[name]": "auto"},
            ),
            (
                {"AUTOMATIC_TAX": True, "TAX_ID_COLLECTION": True},
                {
                    "automatic_tax[enabled]": "true",
                    "tax_id_collection[enabled]": "true",
                    "customer_update[address]": "auto",
                    "customer_update[name]": "auto",
                },
            ),
        ],
    )
    def test_settings_are_passed_on_to_checkout(
        self, shop, stripe_sandbox, signed_in, settings, given, expected
    ):
        sent = []

        def noting(method, path, body, headers):
            if (method.lower(), path) == ("post", "/v1/checkout/sessions"):
                sent.append(dict(parse_qsl(body)))
            return stripe_sandbox.engine.handle(method, path, body, headers)

        client = CallableHTTPClient(noting)
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **given, "HTTP_CLIENT": client}
        assert signed_in.post(page("checkout"), {"price": "pro_monthly"}).status_code == 303
        [params] = sent
        taxes = ("automatic_tax", "tax_id_collection", "customer_update")
        assert {key: params[key] for key in params if key.startswith(taxes)} == expected


class TestMoney:
    @pytest.mark.parametrize(
        ("amount", "currency", "language", "text"),
        [
            (1999, "usd", "en", "$19.99"),
            (1999, "jpy", "en", "¥1,999"),
            (1999, "kwd", "en", "KWD1.999"),
            (1999, "eur", "de", "19,99\xa0€"),
            (0, "usd", "en", "$0.00"),
            (-500, "usd", "en", "-$5.00"),
        ],
    )
    def test_amounts_are_written_as_the_currency_is(self, amount, currency, language, text):
        with translation.override(language):
            assert formatted(amount, currency) == text
            template = engines["django"].from_string("{% load billing %}{{ a|money:c }}")
            assert template.render({"a": amount, "c": currency}) == text

    @pytest.mark.parametrize(("amount", "currency"), [(None, "usd"), (5, ""), ("5", "usd"), (5, 5)])
    def test_what_is_no_amount_is_written_as_nothing(self, amount, currency):
        template = engines["django"].from_string("{% load billing %}{{ a|money:c }}")
        assert template.render({"a": amount, "c": currency}) == ""


class TestTrouble:
    def banner(self, user):
        request = RequestFactory().get("/")
        request.user, request.session = user, {}
        request.billing = Billing(request)
        template = '{% include "stripe_billing/dunning_banner.html" %}'
        return engines["django"].from_string(template).render({}, request), request.billing

    def test_the_banner_leads_to_the_payment(
        self, shop, payer, user, subscriber, clock, break_card, signed_in
    ):
        assert self.banner(user)[0].strip() == ""
        break_card()
        clock.to_renewal(payer.subscription)
        text, _ = self.banner(user)
        assert dunning_of(subscriber).pay_url in text
        assert "$20.00" in text
        told = signed_in.get(api("dunning")).json()["dunning"]
        assert (told["status"], told["amount"], told["has_access"]) == ("past_due", 2000, True)
        assert signed_in.post(page("retry_payment")).status_code == 402
        refused = signed_in.post(api("retry_payment"))
        assert (refused.status_code, refused.json()["code"]) == (402, "payment_declined")
        break_card("pm_card_visa")
        assert signed_in.post(page("retry_payment")).status_code == 303
        assert self.banner(user)[0].strip() == ""
        again = signed_in.post(api("retry_payment"))
        assert (again.status_code, again.json()["code"]) == (409, "nothing_to_pay")
        assert signed_in.post(page("retry_payment")).status_code == 303
        assert signed_in.get(api("dunning")).json() == {"dunning": None}

    def test_asking_costs_one_query_and_not_asking_none(self, customer, user):
        with statements() as asked:
            _, billing = self.banner(user)
            assert billing.trouble is None
        assert len([sql for sql in asked if "stripe_billing_" in sql]) == 1

    def test_stripe_down_is_a_503_and_nothing_is_lost(
        self, shop, stripe_sandbox, payer, clock, break_card, signed_in
    ):
        break_card()
        clock.to_renewal(payer.subscription)
        for status in (0, 429, 500):
            stripe_sandbox.engine.faults.append(Fault(path="/v1/invoices", status=status))
            answer = signed_in.post(api("retry_payment"))
            assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
        break_card("pm_card_visa")
        assert signed_in.post(api("retry_payment")).json()["status"] == "paid"

    def test_the_query_agrees_with_the_rule(self, customer):
        shapes = itertools.product(
            ["draft", "open", "paid", "void", "uncollectible", "new to us"],
            [0, 100],
            [0, 2],
            [True, False],
            [None, NOW + 5 * DAY],
        )
        for number, (status, remaining, attempts, attempted, due) in enumerate(shapes):
            row = Invoice(stripe_id=f"in_{number}", customer=customer)
            row.take(
                parse_invoice(
                    invoice(
                        status=status,
                        amount_remaining=remaining,
                        attempt_count=attempts,
                        attempted=attempted,
                        due_date=due,
                    )
                )
            )
            row.save()
        unpaid = {row.stripe_id: row for row in Invoice.objects.unpaid()}
        for row in Invoice.objects.select_related("customer"):
            snapshot = row.snapshot()
            assert (row.stripe_id in unpaid) is is_unpaid(snapshot)
            if row.stripe_id in unpaid:
                since = int(unpaid[row.stripe_id].unpaid_since.timestamp())
                assert since == unpaid_since(snapshot)


ids = itertools.count(10_000)


def use(shop, customer, name):
    made = shop.call("POST", f"/v1/payment_methods/{name}/attach", {"customer": customer.stripe_id})
    shop.call(
        "POST",
        f"/v1/customers/{customer.stripe_id}",
        {"invoice_settings": {"default_payment_method": made["id"]}},
    )


def method(verb, method_id, brand, *, at, exp_year=2030):
    card = {"brand": brand, "last4": "4242", "exp_month": 1, "exp_year": exp_year}
    payload = {"id": method_id, "object": "payment_method", "type": "card", "card": card}
    return event(f"payment_method.{verb}", {**payload, "customer": "cus_1"}, created=at)


def defaults(method_id, *, at):
    settings = {"default_payment_method": method_id}
    payload = {"id": "cus_1", "object": "customer", "invoice_settings": settings}
    return event("customer.updated", payload, created=at)


def test_somebody_elses_portal_is_not_opened(shop, stripe_sandbox, subscriber):
    shop.bind(subscriber)
    client = Client()
    client.force_login(make_user("mallory"))
    assert client.post(api("card")).json()["code"] == "no_customer"


def make_user(name):
    from django.contrib.auth import get_user_model

    make_subscriber(name)
    return get_user_model().objects.get(username=name)
