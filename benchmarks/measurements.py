"""One measurement in a process of its own, so that its peak of memory is its own.

    python -m benchmarks.measurements floor|fill|dry|dry_fast|apply|first NUMBER

JSON is decoded by the standard library, as in a plain installation; by orjson for `dry_fast`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

import django

from . import page_server
from .statements import Statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

BATCH = 2_000


def floor() -> dict:
    """Read every page and decode it, nothing else."""
    import requests

    session, number, cursor = requests.Session(), 0, None
    base = os.environ["BENCHMARK_API_BASE"] + "/v1/subscriptions"
    while True:
        params = {"status": "all", "limit": 100}
        if cursor:
            params["starting_after"] = cursor
        page = json.loads(session.get(base, params=params).content)
        number += len(page["data"])
        if not page["has_more"]:
            return {"subscriptions": number}
        cursor = page["data"][-1]["id"]


def catalog() -> None:
    from django_stripe_billing.models import Feature, Price, Product, ProductFeature

    product = Product.objects.create(stripe_id=page_server.PRODUCT, name="Benchmark")
    for key in ("reports", "seats"):
        feature = Feature.objects.create(stripe_id=f"feat_{key}", lookup_key=key, name=key)
        ProductFeature.objects.create(product=product, feature=feature)
    Price.objects.create(
        stripe_id=page_server.PRICE,
        product=product,
        type="recurring",
        currency="usd",
        unit_amount=2000,
        interval="month",
        interval_count=1,
        usage_type="licensed",
    )


def fill(number: int) -> dict:
    """Store what the page server has, all of it unchanged and long ago."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    from django_stripe_billing.models import (
        Customer,
        Entitlement,
        Feature,
        Subscription,
        SubscriptionItem,
    )

    call_command("flush", interactive=False, verbosity=0)
    catalog()
    features = list(Feature.objects.order_by("pk"))
    end = datetime.fromtimestamp(page_server.PERIOD_END, UTC)
    start = datetime.fromtimestamp(page_server.PERIOD_START, UTC)
    for first in range(0, number, BATCH):
        numbers = range(first, min(first + BATCH, number))
        users = User.objects.bulk_create(User(username=f"user{n:014d}") for n in numbers)
        customers = Customer.objects.bulk_create(
            Customer(stripe_id=f"cus_{n:014d}", subscriber=user, observed_low=1, observed_high=1)
            for n, user in zip(numbers, users, strict=True)
        )
        created = [datetime.fromtimestamp(page_server.NEWEST - n, UTC) for n in numbers]
        rows = Subscription.objects.bulk_create(
            Subscription(
                stripe_id=f"sub_{n:014d}",
                customer=customer,
                status="active",
                stripe_created_at=moment,
                start_at=moment,
                currency="usd",
                collection_method="charge_automatically",
                observed_low=1,
                observed_high=1,
                revision=1,
            )
            for n, customer, moment in zip(numbers, customers, created, strict=True)
        )
        SubscriptionItem.objects.bulk_create(
            SubscriptionItem(
                subscription=row,
                stripe_id=f"si_{n:014d}",
                price_id=page_server.PRICE,
                product_id=page_server.PRODUCT,
                quantity=1,
                current_period_start_at=start,
                current_period_end_at=end,
            )
            for n, row in zip(numbers, rows, strict=True)
        )
        Entitlement.objects.bulk_create(
            Entitlement(
                customer=row.customer,
                feature=feature,
                source_kind="subscription",
                source_id=row.stripe_id,
                subscription=row,
                ends_at=end + timedelta(days=3),
                reason="paid_period",
            )
            for row in rows
            for feature in features
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does it on a server that people use
    return {"subscriptions": number}


def run(**options: object) -> dict:
    from django.db import connection

    from django_stripe_billing.models import Drift
    from django_stripe_billing.reconcile import Options, reconcile
    from django_stripe_billing.rules.drift_kinds import Kind

    statements = Statements()
    with connection.execute_wrapper(statements):  # one worker: one thread, one connection
        report = reconcile(Options(rate=100_000, allow_empty=True, workers=1, **options))
    left = report.run.drift.filter(state__in=[Drift.State.FOUND, Drift.State.FAILED])
    return {
        "subscriptions": report.run.listed,
        "compared": report.run.compared,
        "calls": report.run.calls,
        "statements": statements.number,
        "drift": report.run.drift_found,
        "left": left.exclude(kind=Kind.CUSTOMER_UNLINKED).count(),  # nobody signed up here
        "errors": report.errors,
    }


def main() -> None:
    what, number = sys.argv[1], int(sys.argv[2])
    django.setup()
    if what != "dry_fast":
        use_standard_json()
    if what == "first":
        from django.core.management import call_command

        call_command("flush", interactive=False, verbosity=0)
        catalog()
    started = time.perf_counter()
    result = {
        "floor": floor,
        "fill": lambda: fill(number),
        "dry": run,
        "dry_fast": run,
        "apply": lambda: run(apply=True, max_changes=_everything()),
        "first": lambda: run(apply=True, max_changes=_everything()),
    }[what]()
    result["seconds"] = time.perf_counter() - started
    result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def use_standard_json() -> None:
    from django_stripe_billing.stripe_api import decoding

    decoding.orjson = None


def _everything() -> object:
    from django_stripe_billing.reconcile import ChangeLimit

    return ChangeLimit.parse("100%")


if __name__ == "__main__":
    main()
