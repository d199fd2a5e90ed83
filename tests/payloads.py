"""Stripe payloads for tests, in the shape of endive."""

import hashlib
import hmac
import itertools
import json
import time

SECRET = "whsec_only_for_tests"
DAY = 86_400
NOW = int(time.time())
_numbers = itertools.count(1)


def subscription(subscription_id="sub_1", customer="cus_1", status="active", **values):
    return {
        "id": subscription_id,
        "object": "subscription",
        "customer": customer,
        "status": status,
        "livemode": False,
        "created": NOW,
        "start_date": NOW,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "currency": "usd",
        "collection_method": "charge_automatically",
        "latest_invoice": "in_1",
        "items": {"object": "list", "data": [item()], "has_more": False},
        **values,
    }


def item(item_id="si_1", *, product="prod_pro", price="price_pro", **values):
    return {
        "id": item_id,
        "object": "subscription_item",
        "quantity": 1,
        "current_period_start": NOW,
        "current_period_end": NOW + 30 * DAY,
        "price": {"id": price, "object": "price", "product": product},
        **values,
    }


def items(*entries):
    return {"object": "list", "data": list(entries), "has_more": False}


def invoice(invoice_id="in_1", customer="cus_1", subscription="sub_1", **values):
    """Open, and tried once in vain."""
    return {
        "id": invoice_id,
        "object": "invoice",
        "number": "A-0001",
        "customer": customer,
        "status": "open",
        "livemode": False,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": NOW,
        "currency": "usd",
        "total": 2000,
        "amount_due": 2000,
        "amount_paid": 0,
        "amount_remaining": 2000,
        "attempt_count": 1,
        "attempted": True,
        "next_payment_attempt": NOW + 3 * DAY,
        "hosted_invoice_url": "https://invoice.stripe.com/i/1",
        "invoice_pdf": "https://invoice.stripe.com/i/1/pdf",
        "due_date": None,
        "period_start": NOW - 30 * DAY,
        "period_end": NOW,
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription, "metadata": {}},
        },
        "status_transitions": {"paid_at": None},
        **values,
    }


def paid(payload, at=NOW):
    """The same invoice, paid."""
    return {
        **payload,
        "status": "paid",
        "amount_paid": payload["amount_due"],
        "amount_remaining": 0,
        "next_payment_attempt": None,
        "status_transitions": {"paid_at": at},
    }


def event(event_type, payload, **values):
    return {
        "id": f"evt_{next(_numbers)}",
        "object": "event",
        "type": event_type,
        "created": NOW,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": payload},
        **values,
    }


def signed(body, *, secret=SECRET, timestamp=None):
    """The Stripe-Signature header of a body."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def encoded(payload):
    return json.dumps(payload).encode()
