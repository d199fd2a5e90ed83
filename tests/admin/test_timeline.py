"""A customer's timeline in the admin, over real requests."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.grants import grant, revoke
from django_stripe_billing.models import Customer, EmailMessage, Event, Invoice, Payment
from tests.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


@pytest.fixture
def customer(bought, subscriber):
    return Customer.objects.get(subscriber=subscriber)


@pytest.fixture
def url(customer):
    return page("customer_timeline", customer.pk)


def lines(answer):
    """The rows of the table as text: at, about, what, cause."""
    body = answer.text.partition('id="timeline"')[2]
    rows = re.findall(r"<tr>(<td[^>]*>.*?)</tr>", body, re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


def test_everything_stands_in_one_list_with_its_cause(admin, shop, customer, url, subscriber):
    grant(subscriber, "export", until=None, reason="press", by="ada")
    revoke(subscriber, "export", reason="over", by="sam")
    admin.post(page("customer_sync", customer.pk))
    Payment.objects.create(
        stripe_id="cs_1",
        customer=customer,
        status="paid",
        amount=500,
        currency="usd",
        paid_at=timezone.now() - timedelta(days=2),
    )
    found = lines(admin.get(url))
    text = ["|".join(row[1:]) for row in found]

    def one(pattern):
        [line] = [line for line in text if re.search(pattern, line)]
        return line

    assert "event|customer.subscription.created, processed|" in one("subscription.created")
    one(r"access\|export: granted \(grant \d+\)\|person ada: press")
    one(r"access\|export: revoked \(grant \d+\)\|person sam: over")
    one(r"access\|reports: granted until .*\|event evt_")
    one(r"payment\|cs_1, \$5.00: paid\|a checkout")
    one(r"invoice\|.*\$20.00: paid\|subscription create")
    one(r"invoice\|.*was paid: \$20.00\|attempt 1")
    one(r"e-mail\|receipt, .*\|about in_")
    one(r"subscription\|sub_.* began")
    one(r"admin\|cus_.*Sync from Stripe: .*\|root")


def test_the_newest_comes_first_and_each_page_goes_on_where_the_last_one_ended(
    admin, customer, url
):
    Event.objects.filter(customer_id=customer.stripe_id).delete()
    for number in range(120):
        row = Event.objects.create(
            stripe_id=f"evt_{number:03}",
            type=f"invoice.number_{number:03}",
            customer_id=customer.stripe_id,
            payload={},
            status="processed",
        )
        moment = timezone.now() - timedelta(days=100 - number / 10)
        Event.objects.filter(pk=row.pk).update(received_at=moment)
    found = []
    for number in (1, 2, 3):
        found += [row[2] for row in lines(admin.get(url, {"page": number}))]
    events = [text for text in found if text.startswith("invoice.number_")]
    assert events == sorted(events, reverse=True)
    assert len(events) == 120
    assert admin.get(url, {"page": "x"}).status_code == 200
    assert lines(admin.get(url, {"page": "999"})) == lines(admin.get(url, {"page": "3"}))


def test_the_number_of_queries_is_constant(admin, shop, stripe_sandbox, customer, url):
    admin.get(url)
    counts = []
    for _ in range(2):
        with statements() as asked:
            admin.get(url)
        counts.append(len(asked))
        for price in (shop.pro_monthly, shop.starter_monthly):
            shop.subscribe(customer, price)
        stripe_sandbox.deliver()
    print(f"statements of the timeline: {counts}")
    assert counts[0] == counts[1] <= 40


def test_a_feature_is_answered_in_a_sentence(admin, url):
    text = admin.get(url).text
    assert re.search(r"<li>Yes: reports may be used until .* grants it until", text)
    assert re.search(r"<li>No: export may not be used now. .*does not include export.</li>", text)


def test_names_notes_and_messages_are_escaped(admin, customer, url, subscriber):
    grant(subscriber, "export", until=None, reason="<script>alert(1)</script>", by="<b>ada</b>")
    Event.objects.update(
        note="<img src=x>",
        payload={"data": {"previous_attributes": {"<u>name</u>": 1}}, "request": "<s>req</s>"},
    )
    EmailMessage.objects.update(recipient='"><svg onload=x>')
    Invoice.objects.update(number="<i>1</i>")
    text = admin.get(url).text.partition('id="timeline"')[2]
    for tag in (
        "<script>alert",
        "<b>ada",
        "<img src=x",
        "<u>name",
        "<s>req",
        "<svg onload",
        "<i>1",
    ):
        assert tag not in text
    assert "&lt;u&gt;name&lt;/u&gt;" in text
    assert "&lt;i&gt;1" in text


def test_odd_payloads_break_nothing(admin, customer, url):
    for payload in ([], "x", {"data": []}, {"data": {"previous_attributes": []}}, {"request": 1}):
        Event.objects.update(payload=payload)
        assert admin.get(url).status_code == 200


def test_a_reader_sees_only_what_they_may_view(staff, url):
    client = staff("view_customer", "view_event")
    labels = {row[1] for row in lines(client.get(url))}
    assert labels == {"event"}


def test_without_the_permission_to_view_customers_it_is_a_403(staff, url):
    assert staff("view_event").get(url).status_code == 403


def test_a_customer_that_does_not_exist_is_a_404(admin, customer):
    assert admin.get(page("customer_timeline", 987654)).status_code == 404


def test_the_customer_page_leads_there(admin, customer, url):
    assert f'href="{url}"' in admin.get(page("customer_change", customer.pk)).text
