"""What staff does at Stripe from the admin, over real requests: trials, ends, refunds, links."""

import csv
import io
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Customer, Invoice, Payment, Subscription
from django_stripe_billing.sandbox import Fault

from .deeds import do, fill, hidden

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


def typed(moment):
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def trial(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    shop.subscribe(customer, trial_period_days=10)
    stripe_sandbox.deliver()
    return Subscription.objects.get()


@pytest.fixture
def running(bought):
    return Subscription.objects.get()


@pytest.fixture
def payment(shop, stripe_sandbox, subscriber, client, user):
    """50 dollars for export, for good."""
    product = shop.add_product("Book", ["export"])
    shop.call(
        "POST",
        "/v1/prices",
        {"product": product["id"], "currency": "usd", "unit_amount": 5000, "lookup_key": "book"},
    )
    shop.sync()
    stripe_sandbox.deliver()
    client.force_login(user)
    answer = client.post(reverse("stripe_billing:checkout"), {"price": "book"})
    stripe_sandbox.pay(answer["Location"])
    assert set(stripe_sandbox.deliver()) == {200}
    return Payment.objects.get()


@pytest.fixture
def refund_url(payment):
    return page("payment_deed", payment.pk, "refund")


@pytest.fixture
def root(payment, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", "root@example.com", "x"))
    return client


def refunds(shop):
    return [refund["amount"] for refund in shop.call("GET", "/v1/refunds")["data"]]


# Trials


def test_a_trial_is_extended(admin, shop, trial, stripe_sandbox):
    url = page("subscription_deed", trial.pk, "extend-trial")
    until = (trial.trial_end_at + 5 * DAY).replace(second=0)
    answer = do(admin, url, until=typed(until))
    assert "The trial ends on" in answer.text
    trial.refresh_from_db()
    assert (trial.status, trial.trial_end_at) == ("trialing", until)
    found = shop.call("GET", f"/v1/subscriptions/{trial.stripe_id}")
    assert found["trial_end"] == int(until.timestamp())
    change = trial.customer.entitlement_changes.filter(feature__lookup_key="reports").first()
    assert (change.kind, change.cause_id) == ("changed", "root")
    assert stripe_sandbox.deliver()
    assert "Extend the trial: The trial ends" in LogEntry.objects.get().change_message


def test_a_trial_is_not_shortened_and_does_not_last_for_ever(admin, trial):
    url = page("subscription_deed", trial.pk, "extend-trial")
    for moment in (trial.trial_end_at - DAY, timezone.now() - DAY, timezone.now() + 800 * DAY):
        answer = fill(admin, url, until=typed(moment), confirmed="yes")
        assert "errorlist" in answer.text
    assert "errorlist" in fill(admin, url, until="soon", confirmed="yes").text
    end = trial.trial_end_at
    trial.refresh_from_db()
    assert trial.trial_end_at == end


def test_only_a_running_trial_is_extended(admin, running):
    url = page("subscription_deed", running.pk, "extend-trial")
    assert "not in a state" in admin.get(url, follow=True).text
    assert "Extend the trial" not in admin.get(page("subscription_change", running.pk)).text


# Cancelling


def test_a_subscription_is_cancelled_with_its_period(admin, shop, running, subscriber):
    url = page("subscription_deed", running.pk, "cancel")
    answer = do(admin, url, when="period_end")
    assert "ends with its period" in answer.text
    running.refresh_from_db()
    assert running.is_ending
    assert has_feature(subscriber, "reports")
    again = fill(admin, url, when="period_end")
    assert "set to end already" in again.text


def test_a_subscription_is_cancelled_at_once(admin, shop, running, subscriber):
    url = page("subscription_deed", running.pk, "cancel")
    do(admin, url, when="now")
    assert not has_feature(subscriber, "reports")
    found = shop.call("GET", f"/v1/subscriptions/{running.stripe_id}")
    assert found["status"] == "canceled"
    change = running.customer.entitlement_changes.first()
    assert (change.cause_kind, change.cause_id) == ("person", "root")
    assert "not in a state" in admin.get(url, follow=True).text


def test_nothing_happens_before_it_is_confirmed(admin, running):
    asked = fill(admin, page("subscription_deed", running.pk, "cancel"), when="now")
    assert "ends at once" in asked.text
    running.refresh_from_db()
    assert running.status == "active"
    assert not LogEntry.objects.exists()


def test_stripe_down_is_a_message_and_a_log_entry(admin, stripe_sandbox, running):
    url = page("subscription_deed", running.pk, "cancel")
    asked = fill(admin, url, when="now")
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = admin.post(url, hidden(asked), follow=True)
    assert 'class="error"' in answer.text
    assert LogEntry.objects.count() == 1
    running.refresh_from_db()
    assert running.status == "active"


def test_deeds_work_where_every_request_is_a_transaction(admin, running):
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        do(admin, page("subscription_deed", running.pk, "cancel"), when="now")
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    running.refresh_from_db()
    assert running.status == "canceled"


# Refunds


def test_a_part_of_a_payment_is_refunded_and_then_the_rest(
    root, shop, payment, refund_url, subscriber
):
    asked = fill(root, refund_url, amount="12.34", reason="duplicate")
    assert "$12.34" in asked.text
    assert refunds(shop) == []
    root.post(refund_url, hidden(asked))
    payment.refresh_from_db()
    assert payment.amount_refunded == 1234
    assert has_feature(subscriber, "export")
    assert "At most $37.66" in root.get(refund_url).text
    do(root, refund_url, amount="37.66", reason="duplicate")
    assert sorted(refunds(shop)) == [1234, 3766]
    assert not has_feature(subscriber, "export")
    assert "not in a state" in root.get(refund_url, follow=True).text


def test_a_refund_that_is_sent_twice_is_made_once(root, shop, payment, refund_url):
    asked = fill(root, refund_url, amount="10", reason="duplicate")
    root.post(refund_url, hidden(asked))
    Payment.objects.update(amount_refunded=0)  # as if the first answer had been lost
    root.post(refund_url, hidden(asked))
    assert refunds(shop) == [1000]


@pytest.mark.parametrize("status", [0, 500])
def test_a_refund_whose_answer_is_lost_is_seen_and_not_made_again(
    root, shop, payment, refund_url, stripe_sandbox, status
):
    asked = fill(root, refund_url, amount="50", reason="duplicate")
    fault = Fault(method="POST", path="/v1/refunds", status=status, is_after=True)
    stripe_sandbox.engine.faults.append(fault)
    answer = root.post(refund_url, hidden(asked), follow=True)
    assert 'class="error"' in answer.text
    payment.refresh_from_db()
    assert payment.amount_refunded == 5000
    assert "not in a state" in root.get(refund_url, follow=True).text
    assert refunds(shop) == [5000]


@pytest.mark.parametrize("amount", ["50.01", "0", "-1", "1.001", "", "NaN", "1e30", "ten"])
def test_a_wrong_amount_is_named_and_refunds_nothing(root, shop, refund_url, amount):
    answer = fill(root, refund_url, amount=amount, reason="duplicate", confirmed="yes")
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    assert refunds(shop) == []


def test_an_invoice_is_refunded_and_its_subscription_goes_on(admin, shop, running, subscriber):
    invoice = Invoice.objects.get()
    url = page("invoice_deed", invoice.pk, "refund")
    answer = do(admin, url, amount="15", reason="requested_by_customer")
    assert "Refunded: $15.00" in answer.text
    assert refunds(shop) == [1500]
    too_much = do(admin, url, amount="6", reason="requested_by_customer")
    assert "Between nothing and $5.00 can be refunded." in too_much.text
    assert refunds(shop) == [1500]
    assert has_feature(subscriber, "reports")


# The portal


def test_a_link_to_the_portal_is_shown_once_and_kept_nowhere(admin, running):
    url = page("customer_deed", running.customer_id, "portal")
    answer = do(admin, url)
    [link] = [part for part in answer.text.split('"') if part.startswith("http") and "/p/" in part]
    assert link not in LogEntry.objects.get().change_message
    assert "no-store" in answer["Cache-Control"]
    assert link not in admin.get(page("customer_change", running.customer_id)).text


# Permissions


def test_each_deed_needs_its_permission(staff, running):
    client = staff(
        "view_customer", "view_subscription", "view_payment", "view_invoice", "sync_subscription"
    )
    urls = [
        page("subscription_deed", running.pk, "extend-trial"),
        page("subscription_deed", running.pk, "cancel"),
        page("customer_deed", running.customer_id, "portal"),
        page("customer_deed", running.customer_id, "grant"),
        page("invoice_deed", Invoice.objects.get().pk, "refund"),
    ]
    for url in urls:
        assert client.get(url).status_code == 403
        assert client.post(url, {"confirmed": "yes", "when": "now"}).status_code == 403
    text = client.get(page("subscription_change", running.pk)).text
    assert "/do/" not in text
    running.refresh_from_db()
    assert running.status == "active"
    assert not LogEntry.objects.exists()


def test_who_may_cancel_cancels(staff, running):
    client = staff("view_subscription", "cancel_subscription")
    assert "/do/cancel/" in client.get(page("subscription_change", running.pk)).text
    do(client, page("subscription_deed", running.pk, "cancel"), when="now")
    running.refresh_from_db()
    assert running.status == "canceled"


# Lists as files


def read(answer):
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def export(client, name, *rows):
    data = {"action": "export_csv", "_selected_action": [row.pk for row in rows]}
    return client.post(page(f"{name}_changelist"), data)


def test_a_list_is_exported_and_no_cell_is_a_formula(admin, bought):
    names = ["=1+1", "+1", "-1", "@x", "\tx", 'a "quoted", name']
    rows = [
        Customer.objects.create(stripe_id=f"cus_{n}", name=name) for n, name in enumerate(names)
    ]
    answer = export(admin, "customer", *rows)
    assert answer["Content-Disposition"] == 'attachment; filename="customers.csv"'
    found = {row["name"] for row in read(answer)}
    assert found == {"'=1+1", "'+1", "'-1", "'@x", "'\tx", 'a "quoted", name'}
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.change_message) == ("root", "Export as CSV: 6 rows")
    assert admin.get(reverse("admin:index")).status_code == 200  # it lists that entry


def test_no_bearer_link_and_no_payload_is_exported(admin, bought):
    invoice = Invoice.objects.get()
    assert invoice.hosted_invoice_url
    text = b"".join(export(admin, "invoice", invoice).streaming_content).decode()
    assert invoice.stripe_id in text
    assert invoice.hosted_invoice_url not in text
    assert "binding_key" not in text


@pytest.mark.parametrize("name", ["subscription", "payment", "entitlement", "event", "manualgrant"])
def test_every_list_can_be_exported(admin, bought, name):
    rows = apps.get_model("stripe_billing", name).objects.all()[:3]
    if rows:
        assert len(read(export(admin, name, *rows))) == len(rows)


def test_who_may_not_export_is_offered_no_export(staff, bought):
    client = staff("view_customer")
    row = Customer.objects.first()
    assert "export_csv" not in client.get(page("customer_changelist")).text
    answer = export(client, "customer", row)
    assert "text/csv" not in answer["Content-Type"]
    assert not LogEntry.objects.exists()
