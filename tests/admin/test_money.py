"""The admin about invoices, what is unpaid, and e-mails."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import reverse

from django_stripe_billing.models import EmailMessage, Invoice
from tests.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(client, django_user_model, clock):
    client.force_login(django_user_model.objects.create_superuser("root", "root@example.com", "x"))
    return client


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


def test_a_customers_page_says_what_is_unpaid_and_shows_the_last_invoices(
    shop,
    payer,
    clock,
    break_card,
    admin,
):
    shop.sandbox.engine.end_of_dunning = "past_due"
    text = admin.get(page("customer_change", payer.pk)).text
    assert "is past_due" not in text
    assert text.count("$20.00") == 1
    break_card()
    clock.to_renewal(payer.subscription)
    with statements() as asked:
        text = admin.get(page("customer_change", payer.pk)).text
    assert f"{payer.subscription['id']} is past_due: $20.00 is missing after 1 attempts." in text
    assert "Access goes on until" in text
    assert Invoice.objects.unpaid().get().number in text
    assert len(asked) <= 30
    clock.advance(days=8)
    text = admin.get(page("customer_change", payer.pk)).text
    assert "Access has ended" in text


def test_an_invoice_is_read_from_stripe_again(shop, payer, clock, break_card, admin):
    break_card()
    clock.to_renewal(payer.subscription)
    row = Invoice.objects.unpaid().get()
    shop.call("POST", f"/v1/invoices/{row.stripe_id}/void")
    shop.sandbox.drop()
    answer = admin.post(page("invoice_sync", row.pk), follow=True)
    assert "read from Stripe, void" in answer.text
    row.refresh_from_db()
    assert row.status == "void"


def test_invoices_of_the_past_come_with_a_sync_and_send_no_email(shop, payer, admin):
    Invoice.objects.all().delete()
    EmailMessage.objects.all().delete()
    mail.outbox.clear()
    admin.post(page("customer_sync", payer.pk))
    assert Invoice.objects.get().status == "paid"
    assert not mail.outbox
    assert not EmailMessage.objects.exists()


def test_an_email_is_sent_again_by_who_may(payer, admin, client, django_user_model):
    row = EmailMessage.objects.get(kind="receipt")
    assert row.status == EmailMessage.Status.SENT
    mail.outbox.clear()
    answer = admin.post(page("emailmessage_send", row.pk), follow=True)
    assert "sent" in answer.text
    assert len(mail.outbox) == 1
    sam = django_user_model.objects.create_user("sam", password="x", is_staff=True)
    sam.user_permissions.set(Permission.objects.filter(codename="view_emailmessage"))
    client.force_login(sam)
    assert client.post(page("emailmessage_send", row.pk)).status_code == 403
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("name", ["invoice", "emailmessage"])
def test_lists_and_pages_change_nothing(payer, admin, name):
    row = {"invoice": Invoice, "emailmessage": EmailMessage}[name].objects.first()
    assert admin.get(page(f"{name}_changelist"), {"q": "in_"}).status_code == 200
    assert admin.get(page(f"{name}_change", row.pk)).status_code == 200
    assert admin.post(page(f"{name}_change", row.pk), {"status": "void"}).status_code == 403
    assert admin.get(page(f"{name}_add")).status_code == 403
