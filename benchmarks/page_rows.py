"""A database as a shop's of three years, of as many subscriptions as one likes, in minutes.

    python -m benchmarks.page_rows NUMBER

Everything follows from a row's number, so that two databases differ in their size alone. Of
subscription 1 everything is alike in all of them: it is the visitor's.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.page_settings")

CURRENCIES = ("usd", "eur", "jpy")
PLANS = (("month", 1, 2_000), ("month", 1, 5_000), ("year", 1, 48_000), ("week", 1, 900))
PRICES = len(CURRENCIES) * len(PLANS)
FEATURES = ("reports", "seats", "export", "audit", "api")

FEWEST = 1_000
"""Rows of the smaller tables: in a small database, too, their lists fill a page."""

DRAW = "(CASE WHEN n = 1 THEN 0 ELSE n * 48271 % 1009 END)"
"""0 to 1008, as good as drawn."""
LIVE = f"{DRAW} < 850"
STATUS = f"""CASE
    WHEN {DRAW} < 790 THEN 'active' WHEN {DRAW} < 815 THEN 'trialing'
    WHEN {DRAW} < 840 THEN 'past_due' WHEN {DRAW} < 845 THEN 'unpaid'
    WHEN {DRAW} < 850 THEN 'paused' WHEN {DRAW} < 860 THEN 'incomplete_expired'
    ELSE 'canceled' END"""
AGE = f"""CASE WHEN n = 1 THEN 100.0 WHEN {STATUS} = 'trialing' THEN n * 7919 % 1300 / 100.0
    ELSE 1.0 + n * 7919 % 109400 / 100.0 END"""
"""Days since the subscription was made."""
BEGAN = f"now() - ({AGE}) * interval '1 day'"
YEAR = "(n * 104729 % 3650000) / 10000.0 * interval '1 day'"
"""Some moment of the last 365 days, as the time that has passed since."""


def fill(number: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SET session_replication_role = replica")
    _catalog()
    series = f"generate_series(1::bigint, {number}) AS n"
    _customers(series)
    _subscriptions(series, number)
    _invoices(number)
    _events(number)
    _others(number)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")


def _catalog() -> None:
    from django_stripe_billing.models import Feature, Price, Product, ProductFeature

    features = [Feature.objects.create(stripe_id=f"feat_{key}", lookup_key=key) for key in FEATURES]
    for at, (interval, count, amount) in enumerate(PLANS):
        product = Product.objects.create(stripe_id=f"prod_{at}", name=f"Plan {at}")
        for feature in features[: 2 + at]:
            ProductFeature.objects.create(product=product, feature=feature)
        for money, currency in enumerate(CURRENCIES):
            Price.objects.create(
                stripe_id=f"price_{at * len(CURRENCIES) + money}",
                product=product,
                lookup_key=f"plan_{at}_{currency}",
                type="recurring",
                currency=currency,
                unit_amount=amount,
                interval=interval,
                interval_count=count,
            )


def _customers(series: str) -> None:
    from django.contrib.auth.models import User

    from django_stripe_billing.models import Customer

    from .inserting import insert

    insert(
        User,
        series,
        id="n",
        username="'user' || lpad(n::text, 8, '0')",
        email="'user' || lpad(n::text, 8, '0') || '@example.com'",
        first_name="'First'",
        last_name="'Last ' || n",
        date_joined=BEGAN,
    )
    insert(
        Customer,
        series,
        id="n",
        stripe_id="'cus_' || lpad(n::text, 14, '0')",
        subscriber="n",
        binding_key="md5(n::text)::uuid",
        email="'user' || lpad(n::text, 8, '0') || '@example.com'",
        name="'First Last ' || n",
        payment_method_id="'pm_' || n",
        default_payment_method_id="'pm_' || n",
        payment_method_type="'card'",
        payment_method_brand="'visa'",
        payment_method_last4="'4242'",
        payment_method_exp_month="12",
        payment_method_exp_year="2099",
        created_at=BEGAN,
    )


def _subscriptions(series: str, number: int) -> None:
    from django_stripe_billing.models import (
        Entitlement,
        EntitlementChange,
        Subscription,
        SubscriptionItem,
    )

    from .inserting import insert

    insert(
        Subscription,
        series,
        id="n",
        stripe_id="'sub_' || lpad(n::text, 14, '0')",
        customer="n",
        status=STATUS,
        stripe_created_at=BEGAN,
        start_at=BEGAN,
        trial_start_at=f"CASE WHEN n % 3 = 0 OR {STATUS} = 'trialing' THEN {BEGAN} END",
        trial_end_at=f"CASE WHEN n % 3 = 0 OR {STATUS} = 'trialing'"
        f" THEN {BEGAN} + interval '14 days' END",
        cancel_at_period_end=f"n % 97 = 0 AND {LIVE}",
        ended_at=f"CASE WHEN {STATUS} = 'canceled' THEN {BEGAN} + ({AGE}) * 0.7 * interval '1 day'"
        " END",
        currency=_one_of(CURRENCIES, f"n % {len(CURRENCIES)}"),
        latest_invoice_id="'in_' || lpad((2 * n)::text, 14, '0')",
        collection_method="'charge_automatically'",
        observed_low="1",
        observed_high="1",
        revision="1",
    )
    price = f"n % {PRICES}"
    insert(
        SubscriptionItem,
        series,
        id="n",
        subscription="n",
        stripe_id="'si_' || lpad(n::text, 14, '0')",
        price_id=f"'price_' || ({price})",
        product_id=f"'prod_' || ({price}) / {len(CURRENCIES)}",
        quantity="CASE WHEN n % 5 = 0 THEN 1 + n % 7 ELSE 1 END",
        current_period_start_at="now() - (n % 28) * interval '1 day'",
        current_period_end_at="now() + (30 - n % 28) * interval '1 day'",
    )
    held = f"generate_series(1::bigint, {number}) AS n, generate_series(0, 1) AS k"
    source = {
        "customer": "n",
        "feature": f"CASE WHEN n = 1 THEN 1 + k ELSE 1 + (n + k) % {len(FEATURES)} END",
        "source_kind": "'subscription'",
        "source_id": "'sub_' || lpad(n::text, 14, '0')",
    }
    insert(
        Entitlement,
        f"{held} WHERE {LIVE}",
        id="2 * n + k",
        **source,
        subscription="n",
        ends_at="now() + (33 - n % 28) * interval '1 day'",
        reason="'paid_period'",
        granted_at=BEGAN,
    )
    insert(
        EntitlementChange,
        held,
        id="2 * n + k",
        **source,
        kind="'granted'",
        after='\'{"limit": null, "reason": "paid_period", "ends_at": 1900000000}\'::jsonb',
        cause_kind="'event'",
        cause_id="'evt_' || lpad(n::text, 14, '0')",
        created_at=BEGAN,
    )


def _invoices(number: int) -> None:
    from django_stripe_billing.models import Invoice

    from .inserting import insert

    status = """CASE WHEN i % 100 < 94 THEN 'paid' WHEN i % 100 < 97 THEN 'open'
        WHEN i % 100 < 99 THEN 'void' ELSE 'draft' END"""
    made = f"now() - {YEAR.replace('n *', 'i *')}"
    pairs = (
        "(SELECT m AS n, 2 * m - 1 + k AS i"
        f" FROM generate_series(1::bigint, {-(-number // 2)}) AS m,"
        " generate_series(0, 1) AS k) AS pairs"
    )
    insert(
        Invoice,
        pairs,
        id="i",
        stripe_id="'in_' || lpad(i::text, 14, '0')",
        customer="n",
        subscription_id="'sub_' || lpad(n::text, 14, '0')",
        number="'A-' || lpad(i::text, 8, '0')",
        status=status,
        billing_reason="'subscription_cycle'",
        currency=_one_of(CURRENCIES, f"n % {len(CURRENCIES)}"),
        total="2000",
        subtotal="2500",
        discount="CASE WHEN n % 12 = 5 THEN 500 ELSE 0 END",
        amount_due="2000",
        amount_paid="CASE WHEN i % 100 < 94 THEN 2000 ELSE 0 END",
        amount_remaining="CASE WHEN i % 100 BETWEEN 94 AND 96 THEN 2000 ELSE 0 END",
        attempt_count="1",
        attempted="true",
        stripe_created_at=made,
        paid_at=f"CASE WHEN i % 100 < 94 THEN {made} END",
        hosted_invoice_url="'https://invoice.stripe.com/i/' || i",
    )


def _events(number: int) -> None:
    from django_stripe_billing.models import Event

    from .inserting import insert

    rows = number * 3 // 2
    received = f"now() - ({rows} - n) * interval '365 days' / {rows}"
    draw = "(n * 48271 % 1009)"
    insert(
        Event,
        f"generate_series(1::bigint, {rows}) AS n",
        id="n",
        stripe_id="'evt_' || lpad(n::text, 14, '0')",
        type=_one_of(
            ("customer.subscription.updated", "invoice.paid", "invoice.updated", "charge.refunded"),
            "n % 4",
        ),
        stripe_created_at=f"{received} - (n % 40) * interval '0.1 seconds'",
        object_id=f"'sub_' || lpad((1 + n % {number})::text, 14, '0')",
        customer_id=f"'cus_' || lpad((1 + n % {number})::text, 14, '0')",
        payload="""'{"data": {"object": {}, "previous_attributes": {"status": "x"}}}'::jsonb""",
        status=f"""CASE WHEN {draw} < 4 THEN 'failed' WHEN {draw} < 20 THEN 'stale'
            WHEN {draw} < 21 THEN 'rejected' WHEN {draw} < 120 THEN 'ignored'
            ELSE 'processed' END""",
        received_at=received,
        processed_at=f"{received} + interval '0.02 seconds'",
    )


def _others(number: int) -> None:
    from .page_rows_apart import drift_and_runs, messages_and_sessions, payments

    payments(max(FEWEST, number // 20), number)
    messages_and_sessions(max(FEWEST, number // 10), number)
    drift_and_runs(max(FEWEST, number // 100), number)


def _one_of(values: tuple[str, ...], index: str) -> str:
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"(ARRAY[{quoted}])[1 + {index}]"


def main(arguments: list[Any]) -> None:
    django.setup()
    fill(int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv)
