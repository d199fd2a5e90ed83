"""The restricted key that docs/security.md describes suffices for everything."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_stripe_billing.models import Customer, Invoice, Subscription, UsageRecord
from django_stripe_billing.refunds import refund_invoice
from django_stripe_billing.rules.events import SUBJECTS
from django_stripe_billing.subscriptions import end_subscription
from django_stripe_billing.sync import Cause, sync_customer
from django_stripe_billing.usage import report

from .pages import page

pytestmark = pytest.mark.django_db(transaction=True)


def permissions():
    rows = page("docs/security.md").table("The restricted key")
    return {row[0].strip("`"): row[1] for row in rows}


def missing(requests, *, of_the_site):
    """The requests that the key would be refused."""
    allowed = permissions()
    refused = []
    for method, path in requests:
        found = next((given for start, given in allowed.items() if path.startswith(start)), "none")
        may_write = found == "write" or (found.endswith("write to push") and not of_the_site)
        if found == "none" or (method != "GET" and not may_write):
            refused.append((method, path))
    return refused


def use_something(stripe_sandbox):
    """Usage is sent, and sent again a day after an answer was lost."""
    meter = {"display_name": "Pages", "event_name": "pages"}
    formula = {"default_aggregation": {"formula": "sum"}}
    stripe_sandbox.engine.call("POST", "/v1/billing/meters", meter | formula)
    report(Customer.objects.get().subscriber, "pages", 3)
    call_command("send_usage")
    long_ago = timezone.now() - timedelta(days=2)
    UsageRecord.objects.update(state="pending", is_uncertain=True, first_tried_at=long_ago)
    call_command("send_usage")


def buy_once(stripe_sandbox, buy):
    """Something that is paid once, and disputed at once."""
    price = {"currency": "usd", "unit_amount": 900, "lookup_key": "once"}
    product = {"product_data": {"name": "Book"}}
    stripe_sandbox.call("POST", "/v1/prices", price | product)
    call_command("sync_catalog", verbosity=0)
    buy("once", 1, payment_method="pm_card_createDispute")


def save_a_card(stripe_sandbox, signed_in):
    address = signed_in.post("/billing/setup/")["Location"]
    session = stripe_sandbox.pay(address)
    answer = signed_in.get("/billing/return/", {"session_id": session["id"]})
    assert "saved" in answer.content.decode()


def change_their_mind(stripe_sandbox, signed_in):
    """What a change costs is looked at; it is planned, and taken back; a code is typed in."""
    change = signed_in.get("/billing/change/", {"quantity": "3"})
    later = {"token": change.context["preview"].token, "when": "period_end"}
    assert signed_in.post("/billing/change/", later).status_code == 303
    assert signed_in.post("/billing/change/withdraw/").status_code == 303
    coupon = stripe_sandbox.call("POST", "/v1/coupons", {"percent_off": 10, "duration": "once"})
    promotion = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "TEN"}
    stripe_sandbox.call("POST", "/v1/promotion_codes", promotion)
    assert signed_in.post("/billing/promotion-code/", {"code": "TEN"}).status_code == 303


def pay_late(stripe_sandbox, signed_in):
    """A renewal that the card refuses is told of by the subscription alone, and paid by hand."""
    subscription = Subscription.objects.get()
    customer = {"customer": subscription.customer.stripe_id}
    path = "/v1/payment_methods/pm_card_chargeCustomerFail/attach"
    card = stripe_sandbox.call("POST", path, customer)
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    stripe_sandbox.call("POST", path, {"default_payment_method": card["id"]})
    stripe_sandbox.advance(32 * 86_400)
    for event_type in list(SUBJECTS):
        if event_type.startswith("invoice."):
            stripe_sandbox.drop(event_type)
    stripe_sandbox.deliver()
    assert Subscription.objects.get().status == "past_due"
    assert signed_in.post("/billing/retry/").status_code == 402


def help_somebody():
    """Staff gives some money back, and ends the subscription."""
    cause = Cause(kind="person", id="root")
    invoice = Invoice.objects.exclude(subscription_id="").filter(status="paid").first()
    refund_invoice(invoice, amount=100, reason="duplicate", key=uuid.uuid4())
    end_subscription(Subscription.objects.get(), when="period_end", cause=cause)


def test_it_suffices_for_the_push_and_for_the_site(plans, buy, stripe_sandbox, signed_in):
    engine = stripe_sandbox.engine
    assert missing(engine.requests, of_the_site=False) == []
    engine.requests.clear()

    buy("pro_monthly", 2)
    session = next(iter(engine.state.all("checkout.session")))
    signed_in.get("/billing/return/", {"session_id": session["id"]})
    assert signed_in.post("/billing/portal/").status_code == 303
    buy_once(stripe_sandbox, buy)
    save_a_card(stripe_sandbox, signed_in)
    sync_customer(Customer.objects.get(), cause=Cause(kind="person"))
    call_command("sync_catalog", verbosity=0)
    use_something(stripe_sandbox)
    change_their_mind(stripe_sandbox, signed_in)
    call_command("reconcile_entitlements", "--apply", "--events", "--verify-features", "all")
    pay_late(stripe_sandbox, signed_in)
    help_somebody()
    assert missing(engine.requests, of_the_site=True) == []
    used = {path for path in permissions() for _, seen in engine.requests if seen.startswith(path)}
    shown_within_others = {"/v1/charges", "/v1/payment_methods"}
    assert set(permissions()) - used == {"/v1/subscription_items", *shown_within_others}
