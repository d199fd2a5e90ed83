"""The admin over real requests."""

import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.grants import grant
from django_stripe_billing.models import Customer, Event, Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.webhooks import webhook_handler
from django_stripe_billing.webhooks.registry import unregister

from ..statements import statements
from .deeds import do, fill, hidden

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = [
    "customer",
    "product",
    "price",
    "feature",
    "subscription",
    "entitlement",
    "entitlementchange",
    "event",
    "checkoutsession",
    "invoice",
    "emailmessage",
    "payment",
    "trialuse",
]


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_page_opens_and_shows_no_secret(admin, bought, settings, model):
    answer = admin.get(page(f"{model}_changelist"), {"q": "ada"})
    assert answer.status_code == 200
    rows = admin.get(page(f"{model}_changelist"))
    from django.apps import apps

    for row in apps.get_model("stripe_billing", model).objects.all()[:3]:
        shown = admin.get(page(f"{model}_change", row.pk))
        assert shown.status_code == 200
        for text in (shown.content.decode(), rows.content.decode()):
            assert settings.STRIPE_BILLING["API_KEY"] not in text
            assert not any(secret in text for secret in settings.STRIPE_BILLING["WEBHOOK_SECRETS"])


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_or_deleted(admin, bought, model):
    assert admin.get(page(f"{model}_add")).status_code == 403
    from django.apps import apps

    for row in apps.get_model("stripe_billing", model).objects.all()[:1]:
        assert admin.post(page(f"{model}_delete", row.pk), {"post": "yes"}).status_code == 403


def test_the_lists_keep_their_number_of_queries(admin, shop, stripe_sandbox, bought):
    counts = {}

    def measure():
        for model in MODELS:
            with statements() as asked:
                admin.get(page(f"{model}_changelist"))
            counts.setdefault(model, []).append(len(asked))

    measure()
    for number in range(12):
        made = shop.add_customer(email=f"{number}@example.com")
        shop.call(
            "POST",
            "/v1/subscriptions",
            {"customer": made["id"], "items": [{"price": shop.pro_monthly["id"]}]},
        )
        shop.add_price(shop.pro, 100 + number, f"extra_{number}")
    stripe_sandbox.deliver()
    measure()
    print(f"statements of each list, with few rows and many: {counts}")
    assert all(few == many for few, many in counts.values()), counts


def test_the_customer_page_answers_why(admin, bought, subscriber):
    customer = Customer.objects.get(subscriber=subscriber)
    text = admin.get(page("customer_change", customer.pk), {"feature": "export"}).content.decode()
    assert bought["id"] in text
    assert "grants it until" in text
    assert "which does not include export" in text
    assert "customer.subscription.created" in text
    typo = admin.get(page("customer_change", customer.pk), {"feature": "exprot"}).content.decode()
    assert "did you mean &#x27;export&#x27;?" in typo


def test_the_customer_page_keeps_its_number_of_queries(
    admin, shop, stripe_sandbox, bought, subscriber
):
    customer = Customer.objects.get(subscriber=subscriber)
    counts = []
    admin.get(page("customer_change", customer.pk))  # fills Django's cache of content types
    for _ in range(2):
        with statements() as asked:
            admin.get(page("customer_change", customer.pk))
        counts.append(len(asked))
        for price in (shop.pro_monthly, shop.starter_monthly):
            shop.subscribe(customer, price)
        stripe_sandbox.deliver()
    print(f"statements of the customer page: {counts}")
    assert counts[0] == counts[1]


def test_names_are_escaped(admin, bought):
    Customer.objects.update(name="<script>alert(1)</script>", email='"><img src=x>')
    for url in (page("customer_changelist"), page("customer_change", Customer.objects.get().pk)):
        text = admin.get(url).content.decode()
        assert "<script>alert(1)" not in text
        assert "<img src=x>" not in text


def test_sync_reads_stripe_and_leaves_a_log_entry(admin, shop, stripe_sandbox, bought, subscriber):
    shop.call("DELETE", f"/v1/subscriptions/{bought['id']}")
    stripe_sandbox.drop()
    row = Subscription.objects.get()
    answer = admin.post(page("subscription_sync", row.pk), follow=True)
    assert "read from Stripe, canceled: reports revoked, seats revoked." in answer.content.decode()
    assert not has_feature(subscriber, "reports")
    entry = LogEntry.objects.get()
    assert entry.user.username == "root"
    assert "Sync from Stripe" in entry.change_message
    change = Customer.objects.get().entitlement_changes.first()
    assert (change.cause_kind, change.cause_id) == ("person", "root")


def test_sync_of_a_customer_reads_its_subscriptions(admin, shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    shop.subscribe(customer)
    stripe_sandbox.drop()
    admin.post(page("customer_sync", customer.pk))
    assert has_feature(subscriber, "reports")


def test_the_lists_have_the_actions_too(admin, shop, stripe_sandbox, bought):
    shop.call("DELETE", f"/v1/subscriptions/{bought['id']}")
    stripe_sandbox.drop()
    row = Subscription.objects.get()
    admin.post(page("subscription_changelist"), {"action": "sync", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.status == "canceled"


def test_the_actions_work_where_every_request_is_a_transaction(admin, shop, bought):
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        row = Subscription.objects.get()
        by_button = admin.post(page("subscription_sync", row.pk), follow=True)
        assert "read from Stripe" in by_button.content.decode()
        listed = {"action": "sync", "_selected_action": [row.pk]}
        by_list = admin.post(page("subscription_changelist"), listed, follow=True)
        assert "Sync from Stripe: 1 done." in by_list.content.decode()
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_stripe_down_is_a_message(admin, stripe_sandbox, bought):
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = admin.post(page("subscription_sync", Subscription.objects.get().pk), follow=True)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()


def test_a_failed_event_is_processed_again(admin, stripe_sandbox, shop):
    def broken(event):
        raise RuntimeError("not today")

    webhook_handler("customer.created")(broken)
    try:
        shop.call("POST", "/v1/customers", {"email": "late@example.com"})
        assert stripe_sandbox.deliver() == [500]
        event = Event.objects.get(type="customer.created", status="failed")
        answer = admin.post(page("event_process", event.pk), follow=True)
        assert "not today" in answer.content.decode()
    finally:
        unregister(broken)
    admin.post(page("event_process", event.pk))
    event.refresh_from_db()
    assert event.status == "processed"
    assert Customer.objects.filter(email="late@example.com").exists()
    assert LogEntry.objects.count() == 2


def test_who_only_looks_may_not_act(staff, bought):
    client = staff("view_subscription", "view_event")
    row = Subscription.objects.get()
    assert client.get(page("subscription_change", row.pk)).status_code == 200
    assert (
        "Sync from Stripe" not in client.get(page("subscription_change", row.pk)).content.decode()
    )
    assert client.post(page("subscription_sync", row.pk)).status_code == 403
    assert client.post(page("event_process", Event.objects.first().pk)).status_code == 403
    assert client.get(page("customer_changelist")).status_code == 403
    assert LogEntry.objects.count() == 0


def test_who_may_act_acts(staff, bought):
    client = staff("view_subscription", "sync_subscription")
    row = Subscription.objects.get()
    assert client.get(page("subscription_sync", row.pk)).status_code == 405
    assert client.post(page("subscription_sync", row.pk)).status_code == 302
    assert LogEntry.objects.count() == 1


def test_an_unlinked_customer_is_linked_once(admin, shop, stripe_sandbox, subscriber):
    made = shop.add_customer()
    shop.call(
        "POST",
        "/v1/subscriptions",
        {"customer": made["id"], "items": [{"price": shop.pro_monthly["id"]}]},
    )
    stripe_sandbox.deliver()
    row = Customer.objects.get(stripe_id=made["id"])
    answer = do(admin, page("customer_deed", row.pk, "link"), subscriber=subscriber.pk)
    assert "Linked to" in answer.text
    assert has_feature(subscriber, "reports")
    assert LogEntry.objects.get().change_message.startswith("Link to a subscriber: Linked to")
    other = shop.add_customer()
    stripe_sandbox.deliver()
    second = Customer.objects.get(stripe_id=other["id"])
    answer = fill(admin, page("customer_deed", second.pk, "link"), subscriber=subscriber.pk)
    assert "already" in answer.text
    second.refresh_from_db()
    assert second.subscriber is None


def test_a_linked_customer_is_not_moved(admin, bought, subscriber, other_subscriber):
    row = Customer.objects.get(subscriber=subscriber)
    url = page("customer_deed", row.pk, "link")
    sent = {"subscriber": other_subscriber.pk, "confirmed": "yes", "key": str(uuid.uuid4())}
    assert "not in a state" in admin.post(url, sent, follow=True).text
    assert admin.post(page("customer_change", row.pk), sent).status_code == 403
    row.refresh_from_db()
    assert row.subscriber == subscriber


def test_two_people_who_link_at_once_link_once(admin, shop, stripe_sandbox, subscriber):
    rows = [Customer.objects.create(stripe_id=f"cus_{number}") for number in range(2)]
    asked = [
        fill(admin, page("customer_deed", row.pk, "link"), subscriber=subscriber.pk) for row in rows
    ]
    for row, answer in zip(rows, asked, strict=True):
        admin.post(page("customer_deed", row.pk, "link"), hidden(answer))
    assert Customer.objects.get(subscriber=subscriber) == rows[0]


def test_what_was_granted_by_hand_moves_to_the_customer_that_is_linked(admin, shop, subscriber):
    grant(subscriber, "export", until=None, reason="press", by="root")
    row = Customer.objects.create(stripe_id="cus_1")
    do(admin, page("customer_deed", row.pk, "link"), subscriber=subscriber.pk)
    row.refresh_from_db()
    assert row.subscriber == subscriber
    assert Customer.objects.filter(subscriber=subscriber).count() == 1
    assert has_feature(subscriber, "export")
    assert row.grants.get().is_running


def test_who_may_not_link_gets_403(staff, db, subscriber):
    row = Customer.objects.create(stripe_id="cus_1")
    client = staff("view_customer", "sync_customer", "add_manualgrant")
    url = page("customer_deed", row.pk, "link")
    assert client.get(url).status_code == 403
    sent = {"subscriber": subscriber.pk, "confirmed": "yes", "key": str(uuid.uuid4())}
    assert client.post(url, sent).status_code == 403
    row.refresh_from_db()
    assert row.subscriber is None


def test_the_payload_is_readable_and_escaped(admin, db):
    event = Event.objects.create(
        stripe_id="evt_1",
        type="customer.created",
        payload={"data": {"object": {"name": "<b>ada</b>"}}},
        status="processed",
        stripe_created_at=timezone.now(),
    )
    text = admin.get(page("event_change", event.pk)).content.decode()
    assert "&lt;b&gt;ada&lt;/b&gt;" in text
    assert "<b>ada</b>" not in text


def test_dashboard_links_know_the_mode(admin, bought):
    text = admin.get(page("subscription_changelist")).content.decode()
    assert f"https://dashboard.stripe.com/test/subscriptions/{bought['id']}" in text
    assert 'rel="noopener noreferrer"' in text
