"""What an event and a question cost: `python -m tests.figures` prints it, and fails on the counts.

Real view, real signature, a real database file. Times are printed and never judged.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

MOST_STATEMENTS = 8
EVENTS = 300


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    if os.environ.get("TEST_DATABASE", "sqlite") != "sqlite":
        sys.exit("The figures are taken on SQLite; unset TEST_DATABASE.")
    with tempfile.TemporaryDirectory() as folder:
        return take(Path(folder) / "figures.sqlite3")


def take(file):
    import django
    from django.conf import settings

    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = str(file)
    settings.DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL"
    django.setup()
    from django.core.management import call_command

    started = time.perf_counter()
    call_command("migrate", verbosity=0, skip_checks=True)
    everything = time.perf_counter() - started
    call_command("migrate", "stripe_billing", "zero", verbosity=0, skip_checks=True)
    started = time.perf_counter()
    call_command("migrate", "stripe_billing", verbosity=0, skip_checks=True)
    print(
        f"migrate from nothing: {time.perf_counter() - started:.2f} s for this app,"
        f" {everything:.2f} s with Django's own"
    )
    goals = [*cost_of_events(), *cost_of_questions()]
    for text, count, most in goals:
        print(f"{'ok    ' if count <= most else 'MISSED'} {text}: {count} (goal: at most {most})")
    return 1 if any(count > most for _, count, most in goals) else 0


def cost_of_events():
    """Statements and calls of an event, in order and on a tie, and its time beside others'."""
    from django.test.utils import override_settings

    from django_stripe_billing.models import Customer, Entitlement
    from django_stripe_billing.webhooks import webhook
    from tests.answers import Answers
    from tests.conftest import make_catalog, make_subscriber
    from tests.minimal_handler import empty, minimal
    from tests.payloads import NOW, invoice

    make_catalog()
    Customer.objects.create(stripe_id="cus_1", subscriber=make_subscriber("ada"))
    answers = Answers()
    given = {**_billing_settings(), "HTTP_CLIENT": answers.client()}
    with override_settings(STRIPE_BILLING=given):
        _post(webhook, renewal(0))
        in_order = _counted(lambda: _post(webhook, renewal(1)), answers)
        answers.objects["/v1/subscriptions/sub_1"] = renewal(2)["data"]["object"]
        tied = {**renewal(2), "created": renewal(1)["created"]}
        answers.date = lambda: tied["created"]
        on_a_tie = _counted(lambda: _post(webhook, tied), answers)
        assert Entitlement.objects.first().ends_at.timestamp() > NOW + 60 * 86_400
        duplicate = _counted(lambda: _post(webhook, tied), answers)
        answers.objects.clear()
        answers.objects["/v1/invoices/in_1"] = invoice("in_1", created=NOW)
        answers.date = lambda: failing(3, "in_1")["created"]
        lost = _counted(lambda: _post(webhook, failing(3, "in_1")), answers)
        _post(webhook, renewal(4))
        failed = _counted(lambda: _post(webhook, failing(4, "in_1")), answers)
        answers.objects.clear()
        calls = len(answers.requests)
        times = [
            (name, _milliseconds(view, range(first, first + EVENTS)))
            for name, view, first in (
                ("an empty view", empty, 0),
                ("a minimal hand-written handler", minimal, 0),
                ("this package", webhook, 10),
            )
        ]
        assert len(answers.requests) == calls, "the timed events are in order: no calls"
    print(f"customer.subscription.updated, the median of {EVENTS}, in process on a SQLite file:")
    for name, (median, slowest) in times:
        print(f"       {median:6.2f} ms ({slowest:.2f} ms for the slowest of twenty) {name}")
    return [
        ("statements for customer.subscription.updated, in order", in_order[0], MOST_STATEMENTS),
        ("calls to Stripe for it, in order", in_order[1], 0),
        ("calls to Stripe for it, on a tie", on_a_tie[1], 1),
        ("statements where it says past_due, its invoice known", failed[0], MOST_STATEMENTS),
        ("calls to Stripe for it", failed[1], 0),
        ("calls to Stripe for it where the invoice's events were lost", lost[1], 1),
        ("statements for a duplicate", duplicate[0], 2),
        ("calls to Stripe for a duplicate", duplicate[1], 0),
    ]


def cost_of_questions():
    """Queries of a request that asks five times, and of one that asks nothing."""
    from django.contrib.auth import get_user_model
    from django.test import Client, override_settings

    client = Client()
    client.force_login(get_user_model().objects.get(username="ada"))
    with override_settings(ROOT_URLCONF="tests.access.urls"):
        found = _queries(lambda: client.get("/five/"))
        answer = client.get("/five/").content.decode()
        silent = _queries(lambda: client.get("/silent/"))
    assert answer == "[True, False, 5, True, 5]", answer
    return [
        ("billing queries of a request with five access questions", len(found), 1),
        ("billing queries of a request that asks nothing", len(silent), 0),
    ]


def renewal(number):
    """The month `number` of one subscription has begun; told in a minute of this day, so that no
    event is of the future."""
    from tests.payloads import DAY, NOW, event, item, items, subscription

    month = 30 * DAY
    start = NOW + number * month
    period = {"current_period_start": start, "current_period_end": start + month}
    renewed = subscription(items=items(item(**period)), latest_invoice=f"in_{number}")
    return event("customer.subscription.updated", renewed, created=NOW - DAY + 60 * number)


def failing(number, invoice_id):
    """The month `number`, which has just begun, could not be paid."""
    told = renewal(number)
    told["created"] += 30
    told["data"]["object"].update(status="past_due", latest_invoice=invoice_id)
    return told


def _billing_settings():
    from django.conf import settings

    return settings.STRIPE_BILLING


def _post(view, payload):
    from django.test import RequestFactory

    from tests.payloads import encoded, signed

    body = encoded(payload)
    request = RequestFactory().post(
        "/", body, content_type="application/json", HTTP_STRIPE_SIGNATURE=signed(body)
    )
    response = view(request)
    assert response.status_code == 200, response.content
    return response


def _counted(action, answers):
    from tests.statements import statements

    before = len(answers.requests)
    with statements() as found:
        action()
    return len(found), len(answers.requests) - before


def _queries(action):
    from tests.statements import statements

    with statements() as found:
        action()
    return [sql for sql in found if "stripe_billing_" in sql]


def _milliseconds(view, numbers):
    """The median and the slowest of twenty, signing included, each event a renewal of its own."""
    payloads = [renewal(number) for number in numbers]
    times = []
    for payload in payloads:
        started = time.perf_counter()
        _post(view, payload)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return times[len(times) // 2], times[-len(times) // 20]


if __name__ == "__main__":
    sys.exit(main())
