"""Visits a page for each line that it reads, and prints its queries and its time as JSON.

python -m benchmarks.page_visits REPEAT
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django

from .page_paths import CUSTOMER, SUBSCRIPTION, Ask, admin_pages, endpoints, pages
from .statements import Statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.page_settings")

MOST_SECONDS = 20
"""After so long, a page is not asked for again."""


def visit_all(repeat: int) -> Iterator[dict[str, Any]]:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client, override_settings

    users = get_user_model().objects
    clients = {"visitor": Client(), "staff": Client()}
    clients["visitor"].force_login(users.get(pk=1))
    clients["staff"].force_login(users.create_superuser(username="root"))
    since = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    billing = {**settings.STRIPE_BILLING, "HTTP_CLIENT": stripe(), "MAX_NETWORK_RETRIES": 0}
    with override_settings(STRIPE_BILLING=billing, ALLOWED_HOSTS=["*"]):
        for ask in (*pages(), *endpoints(), *admin_pages(f"{since} 00:00:00+00:00")):
            sys.stdin.readline()
            yield measured(clients[ask.who], ask, repeat)
        sys.stdin.readline()
        yield webhook(repeat)


def measured(client: Any, ask: Ask, repeat: int) -> dict[str, Any]:
    """The median of `repeat` visits after one to warm up."""
    started = time.perf_counter()
    status, queries, _seconds = once(client, ask)
    times = []
    for _ in range(repeat):
        status, queries, seconds = once(client, ask)
        times.append(seconds)
        if time.perf_counter() - started > MOST_SECONDS:
            break
    return {
        "name": ask.name,
        "status": status,
        "wanted": ask.status,
        "queries": queries,
        "milliseconds": statistics.median(times) * 1000,
    }


def once(client: Any, ask: Ask) -> tuple[int, int, float]:
    from django.db import connection

    statements = Statements()
    with connection.execute_wrapper(statements):
        started = time.perf_counter()
        if ask.body is None:
            answer = client.get(ask.path, ask.query)
        elif ask.is_json:
            answer = client.post(ask.path, ask.body, content_type="application/json")
        else:
            answer = client.post(ask.path, ask.body)
        if answer.streaming:
            next(iter(answer))
        seconds = time.perf_counter() - started
        answer.close()
    return answer.status_code, statements.number, seconds


def webhook(repeat: int) -> dict[str, Any]:
    """Renewals of the visitor's subscription, each newer than the one before."""
    from django.test import Client

    from tests import payloads

    client, at = Client(), int(time.time())
    numbers, known = iter(range(repeat + 2)), subscription()  # one period: only the first is news

    class Poster:
        def post(self, path: str, body: Any) -> Any:
            number = next(numbers)
            renewed = {**known, "latest_invoice": f"in_{number}"}
            payload = payloads.event("customer.subscription.updated", renewed, created=at + number)
            text = payloads.encoded({**payload, "id": f"evt_bench_{number}"})
            signature = payloads.signed(text, secret="whsec_benchmark", timestamp=at)
            return client.post(
                path, text, content_type="application/json", HTTP_STRIPE_SIGNATURE=signature
            )

    return measured(Poster(), Ask(name="POST webhook/", path="/billing/webhook/", body={}), repeat)


def subscription() -> dict[str, Any]:
    from tests import payloads

    day = 86_400
    item = payloads.item(
        "si_00000000000001",
        product="prod_0",
        price="price_1",
        current_period_start=int(time.time()) - day,
        current_period_end=int(time.time()) + 29 * day,
    )
    return payloads.subscription(
        SUBSCRIPTION,
        CUSTOMER,
        latest_invoice="in_00000000000002",
        items=payloads.items(item),
        schedule=None,
    )


def stripe() -> Any:
    """Answers in process: what is slow of a page is then our own."""
    from tests.answers import Answers

    answers = Answers()
    answers.objects = {
        f"/v1/subscriptions/{SUBSCRIPTION}": subscription(),
        "/v1/checkout/sessions/cs_test_1": {
            "id": "cs_test_1",
            "object": "checkout.session",
            "customer": CUSTOMER,
            "mode": "subscription",
            "status": "open",
        },
        "/v1/billing_portal/sessions": {"id": "bps_1", "url": "https://billing.stripe.com/x"},
        "/v1/promotion_codes": {"object": "list", "data": [], "has_more": False},
    }
    return answers.client()


def main() -> None:
    django.setup()
    logging.disable(logging.CRITICAL)
    for result in visit_all(int(sys.argv[1])):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
