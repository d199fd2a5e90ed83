"""E-mails about money: once for each cause, to the right person, and never in the way."""

import random

import django
import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from django_stripe_billing.emails import send_email
from django_stripe_billing.emails.outbox import WAITED_TOO_LONG
from django_stripe_billing.emails.wishes import DEFAULT_WISHES
from django_stripe_billing.models import Customer, EmailMessage, Event, Price, Product
from django_stripe_billing.webhooks import process_again
from tests.payloads import DAY, NOW, event, invoice, paid, subscription
from tests.webhooks.test_view import post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


@pytest.fixture
def subscribed(catalog, customer):
    deliver(event("customer.subscription.created", subscription(), created=NOW - 60))
    mail.outbox.clear()


@pytest.fixture
def configured(settings):
    def configure(**values):
        settings.STRIPE_BILLING = {**django_settings.STRIPE_BILLING, **values}

    return configure


def deliver(*payloads):
    return [post(payload).status_code for payload in payloads]


def told(kind, payload, *, at=NOW):
    return event(f"invoice.{kind}", payload, created=at)


def upcoming(**values):
    payload = invoice(status="draft", next_payment_attempt=NOW + 7 * DAY, **values)
    del payload["id"]
    return told("upcoming", payload)


def trial_ends(**values):
    values = {"status": "trialing", "trial_end": NOW + 3 * DAY, **values}
    return event("customer.subscription.trial_will_end", subscription(**values), created=NOW)


def ended(**values):
    gone = subscription(status="canceled", ended_at=NOW, **values)
    return event("customer.subscription.deleted", gone, created=NOW)


CAUSES = {
    "receipt": lambda: told("paid", paid(invoice())),
    "payment_failed": lambda: told("payment_failed", invoice()),
    "action_required": lambda: told("payment_action_required", invoice()),
    "trial_ending": trial_ends,
    "renewal_coming": upcoming,
    "subscription_ended": ended,
}


def subjects():
    return [message.subject for message in mail.outbox]


def test_every_kind_has_its_switch_and_its_cause():
    assert list(DEFAULT_WISHES) == EmailMessage.Kind.values == list(CAUSES)


@pytest.mark.parametrize("kind", CAUSES)
def test_a_cause_that_is_told_again_and_again_sends_one_email(subscribed, kind, configured):
    configured(EMAILS={"renewal_coming": True})
    payload = CAUSES[kind]()
    assert set(deliver(payload, payload, {**payload, "id": "evt_twin"})) == {200}
    process_again(Event.objects.get(stripe_id=payload["id"]))
    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject and "\n" not in message.subject
    assert message.body.strip()
    [(html, kind_of_content)] = message.alternatives
    assert kind_of_content == "text/html"
    assert "<html" in html
    row = EmailMessage.objects.get()
    assert (row.kind, row.status, row.recipient, row.attempts) == (
        kind,
        EmailMessage.Status.SENT,
        "ada@example.com",
        1,
    )
    assert row.subject == message.subject


@pytest.mark.parametrize("kind", CAUSES)
def test_a_kind_that_is_switched_off_leaves_no_row(subscribed, kind, configured):
    configured(EMAILS={kind: False})
    deliver(CAUSES[kind]())
    assert not mail.outbox
    assert not EmailMessage.objects.exists()


def wants_nothing(context):
    return context["amount_minor"] > 1_000_000


def test_a_function_of_the_context_decides(subscribed, configured):
    configured(EMAILS={"receipt": "tests.emails.test_emails.wants_nothing"})
    deliver(CAUSES["receipt"]())
    assert not mail.outbox
    assert EmailMessage.objects.get().status == EmailMessage.Status.SKIPPED


@pytest.mark.parametrize(
    ("interval", "count", "is_sent"),
    [("month", 1, False), ("year", 1, True), ("month", 12, True), ("week", 52, False)],
)
def test_by_default_only_yearly_renewals_are_told_of(subscribed, interval, count, is_sent):
    Price.objects.update(interval=interval, interval_count=count)
    deliver(upcoming())
    assert bool(mail.outbox) is is_sent


def test_what_the_emails_say(subscribed, configured):
    configured(EMAILS={"renewal_coming": True})
    Product.objects.update(name="Pro & Co")
    deliver(told("payment_failed", invoice()))
    [message] = mail.outbox
    assert message.subject == "Your payment of $20.00 failed"
    assert "https://invoice.stripe.com/i/1" in message.body
    assert "Pro & Co" in message.body
    assert "Pro &amp; Co" in message.alternatives[0][0]
    deliver(told("paid", paid(invoice()), at=NOW + 1))
    assert mail.outbox[-1].subject == "Your payment of $20.00 for Pro & Co"
    assert "https://invoice.stripe.com/i/1/pdf" in mail.outbox[-1].body
    assert "A-0001" in mail.outbox[-1].body


def test_what_a_customer_calls_themselves_is_escaped(subscribed):
    Product.objects.update(name="<script>alert(1)</script>")
    deliver(CAUSES["receipt"]())
    assert "<script>" not in mail.outbox[0].alternatives[0][0]


def test_a_template_of_the_projects_comes_first(subscribed, settings, tmp_path):
    folder = tmp_path / "stripe_billing" / "email"
    folder.mkdir(parents=True)
    (folder / "receipt.subject.txt").write_text("Danke, {{ subscriber.pk }}:\n {{ amount }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    deliver(CAUSES["receipt"]())
    pk = Customer.objects.get().subscriber_id
    assert subjects() == [f"Danke, {pk}: $20.00"]


def german(customer):
    return "de"


def test_amounts_and_days_are_written_in_the_customers_language(subscribed, configured):
    configured(EMAIL_LANGUAGE="tests.emails.test_emails.german")
    deliver(told("payment_failed", invoice()))
    assert "20,00" in mail.outbox[0].subject


def accounting(customer, kind):
    return "" if kind == "receipt" else "accounts@example.com"


def test_the_hook_names_the_recipient_or_nobody(subscribed, configured):
    configured(EMAIL_RECIPIENT="tests.emails.test_emails.accounting")
    deliver(told("payment_failed", invoice()), told("paid", paid(invoice()), at=NOW + 1))
    assert [message.to for message in mail.outbox] == [["accounts@example.com"]]
    assert EmailMessage.objects.get(kind="receipt").status == EmailMessage.Status.SKIPPED


def test_a_customer_without_a_subscriber_gets_it_at_stripes_address(subscribed):
    Customer.objects.update(subscriber=None, email="from-stripe@example.com")
    deliver(CAUSES["receipt"]())
    assert mail.outbox[0].to == ["from-stripe@example.com"]


def test_nothing_is_sent_for_nothing(subscribed):
    free = invoice(total=0, amount_due=0, amount_remaining=0, attempted=False, attempt_count=0)
    deliver(told("paid", paid(free)), upcoming(amount_due=0))
    assert not mail.outbox


ACTION = "Please confirm your payment of $20.00"


class TestThreeDSecure:
    """Stripe tells of a payment that must be confirmed as failed, too: one e-mail an attempt."""

    FAILED = staticmethod(lambda **values: told("payment_failed", invoice(**values)))
    ACTION = staticmethod(lambda **values: told("payment_action_required", invoice(**values)))

    @pytest.mark.parametrize("seed", range(4))
    def test_one_email_an_attempt_in_any_order(self, subscribed, seed):
        payloads = [self.FAILED(), self.ACTION()] * 2
        random.Random(seed).shuffle(payloads)
        deliver(*payloads)
        [message] = mail.outbox
        assert invoice()["hosted_invoice_url"] in message.body

    def test_the_confirmation_is_asked_for_where_it_is_heard_of_first(self, subscribed):
        deliver(self.ACTION(), self.FAILED())
        assert subjects() == [ACTION]

    def test_a_failure_that_was_sent_leads_to_the_confirmation(self, subscribed):
        deliver(self.FAILED(), self.ACTION())
        [message] = mail.outbox
        assert message.subject != ACTION
        assert "confirm the payment" in message.body
        assert invoice()["hosted_invoice_url"] in message.body

    def test_a_failure_that_was_not_sent_yet_becomes_the_confirmation(self, subscribed):
        with transaction.atomic():
            deliver(self.FAILED(), self.ACTION())
        assert subjects() == [ACTION]

    def test_a_failure_that_could_not_be_sent_becomes_the_confirmation(self, subscribed, settings):
        mail_by(settings, "tests.emails.test_emails.Broken")
        deliver(self.FAILED(), self.ACTION())
        mail_by(settings, "django.core.mail.backends.locmem.EmailBackend")
        call_command("send_billing_emails")
        assert subjects() == [ACTION]

    def test_the_next_attempt_has_its_own(self, subscribed):
        deliver(self.FAILED(), self.ACTION())
        deliver(self.ACTION(attempt_count=2), self.FAILED(attempt_count=2))
        assert len(mail.outbox) == 2
        assert subjects()[1] == ACTION

    @pytest.mark.parametrize("turn", [1, -1])
    def test_where_confirmations_are_switched_off_the_failure_is_told(
        self, subscribed, configured, turn
    ):
        configured(EMAILS={"action_required": False})
        deliver(*[self.FAILED(), self.ACTION()][::turn])
        assert [row.kind for row in EmailMessage.objects.all()] == ["payment_failed"]
        assert len(mail.outbox) == 1


def test_what_rolls_back_sends_nothing(subscribed):
    with pytest.raises(KeyError), transaction.atomic():
        deliver(CAUSES["receipt"]())
        assert not mail.outbox
        raise KeyError
    assert not mail.outbox
    deliver(CAUSES["receipt"]())
    assert len(mail.outbox) == 1


class Broken:
    """A mail server that does not answer."""

    def __init__(self, *args, **kwargs):
        pass

    def send_messages(self, messages):
        raise OSError("no route to mail.example.com with sk_test_abcdef")


def mail_by(settings, backend):
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


@pytest.fixture
def broken(settings):
    mail_by(settings, "tests.emails.test_emails.Broken")


def test_a_mail_server_that_is_down_fails_no_webhook_and_is_made_up_for(
    subscribed, settings, broken, caplog, capsys
):
    assert deliver(CAUSES["receipt"]()) == [200]
    row = EmailMessage.objects.get()
    assert row.status == EmailMessage.Status.FAILED
    assert row.error == "OSError: no route to mail.example.com with [secret]"
    assert "abcdef" not in caplog.text
    with pytest.raises(SystemExit):
        call_command("send_billing_emails")
    mail_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    call_command("send_billing_emails")
    assert subjects() == ["Your payment of $20.00 for Pro"]
    call_command("send_billing_emails")
    assert capsys.readouterr().out.splitlines() == [
        "0 sent, 1 failed",
        "1 sent, 0 failed",
        "0 sent, 0 failed",
    ]


def test_a_template_that_is_broken_fails_no_webhook(subscribed, settings, tmp_path):
    folder = tmp_path / "stripe_billing" / "email"
    folder.mkdir(parents=True)
    (folder / "receipt.html").write_text("{% load nothing %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    assert deliver(CAUSES["receipt"]()) == [200]
    assert EmailMessage.objects.get().status == EmailMessage.Status.FAILED


def test_an_email_that_a_dying_process_left_is_sent_later(subscribed):
    deliver(CAUSES["receipt"]())
    mail.outbox.clear()
    EmailMessage.objects.update(status=EmailMessage.Status.WAITING)
    call_command("send_billing_emails", verbosity=0)
    assert not mail.outbox  # another process may be at it just now
    EmailMessage.objects.update(created_at=timezone.now() - 2 * WAITED_TOO_LONG)
    call_command("send_billing_emails", verbosity=0)
    assert len(mail.outbox) == 1


def test_who_comes_second_does_not_send_again(subscribed):
    deliver(CAUSES["receipt"]())
    pk = EmailMessage.objects.get().pk
    assert send_email(pk) == EmailMessage.Status.SENT
    assert len(mail.outbox) == 1
    assert send_email(pk, again=True) == EmailMessage.Status.SENT
    assert len(mail.outbox) == 2


def test_a_shuffled_history_sends_what_an_ordered_one_sends(subscribed):
    history = [
        told("created", invoice(status="draft", attempted=False, attempt_count=0)),
        told("payment_failed", invoice(), at=NOW + 1),
        told("updated", invoice(attempt_count=2), at=NOW + 2),
        told("payment_failed", invoice(attempt_count=2), at=NOW + 2),
        told("paid", paid(invoice(attempt_count=3)), at=NOW + 3),
        told("payment_succeeded", paid(invoice(attempt_count=3)), at=NOW + 3),
    ]
    for seed in range(10):
        EmailMessage.objects.all().delete()
        Event.objects.all().delete()
        Customer.objects.get().invoices.all().delete()
        mail.outbox.clear()
        shuffled = history * 2
        random.Random(seed).shuffle(shuffled)
        assert set(deliver(*shuffled)) == {200}
        sent = list(EmailMessage.objects.values_list("kind", "key"))
        assert len(sent) == len(set(sent))
        assert ("receipt", "in_1") in sent
