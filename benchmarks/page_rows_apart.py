"""The tables of `page_rows` that have fewer rows than there are subscriptions."""

from __future__ import annotations

from .inserting import insert

RUNS = 60


def payments(number: int, customers: int) -> None:
    from django_stripe_billing.models import Payment, PaymentItem, TrialUse

    series = f"generate_series(1::bigint, {number}) AS n"
    moment = "now() - n % 700 * interval '12 hours'"
    insert(
        Payment,
        series,
        id="n",
        stripe_id="'cs_test_' || lpad(n::text, 14, '0')",
        customer=f"1 + (n - 1) % {customers}",
        payment_intent_id="'pi_' || n",
        charge_id="'ch_' || n",
        status="'paid'",
        amount="4900",
        currency="'usd'",
        stripe_created_at=moment,
        charged_at=moment,
        paid_at=moment,
    )
    insert(
        PaymentItem,
        series,
        id="n",
        payment="n",
        stripe_id="'li_' || n",
        price_id="'price_0'",
        product_id="'prod_0'",
    )
    insert(
        TrialUse,
        series,
        id="n",
        kind="'subscriber'",
        value="n::text",
        customer=f"1 + (n - 1) % {customers}",
        created_at=moment,
    )


def messages_and_sessions(number: int, customers: int) -> None:
    from django_stripe_billing.models import (
        CheckoutSession,
        EmailMessage,
        ManualGrant,
        UsageRecord,
    )

    series = f"generate_series(1::bigint, {number}) AS n"
    moment = "now() - n % 700 * interval '12 hours'"
    insert(
        EmailMessage,
        series,
        id="n",
        kind="'receipt'",
        key="'in_' || lpad(n::text, 14, '0')",
        customer=f"1 + (n - 1) % {customers}",
        recipient="'user' || lpad(n::text, 8, '0') || '@example.com'",
        status="CASE WHEN n % 20 = 3 THEN 'failed' ELSE 'sent' END",
        created_at=moment,
        sent_at=moment,
    )
    insert(
        CheckoutSession,
        series,
        id="n",
        stripe_id="'cs_test_' || lpad(n::text, 14, '0')",
        customer=f"1 + (n - 1) % {customers}",
        idempotency_key="md5('cs' || n)::uuid",
        price_id="'price_0'",
        mode="'subscription'",
        status="CASE WHEN n % 3 = 2 THEN 'expired' ELSE 'complete' END",
        created_at=moment,
    )
    insert(
        UsageRecord,
        series,
        id="n",
        customer=f"1 + (n - 1) % {customers}",
        meter="'api_calls'",
        value="n % 90 + 1",
        at=moment,
        identifier="md5('use' || n)",
        state="CASE WHEN n % 20 = 3 THEN 'refused' ELSE 'sent' END",
        created_at=moment,
    )
    insert(
        ManualGrant,
        f"generate_series(1::bigint, {-(-number // 10)}) AS n",
        id="n",
        customer=f"1 + (n - 1) % {customers}",
        feature="1 + n % 5",
        key="md5('grant' || n)::uuid",
        reason="'Sorry for the outage'",
        granted_by="'root'",
        until="now() + interval '30 days'",
        granted_at=moment,
    )


def drift_and_runs(number: int, customers: int) -> None:
    from django_stripe_billing.models import Drift, ReconcileRun, ReconcileWindow
    from django_stripe_billing.reconcile import Options

    for day in range(RUNS):
        run = ReconcileRun.objects.create(
            state="complete", options=Options().as_json(), drift_found=day % 7, drift_left=0
        )
    ReconcileWindow.objects.create(
        run=run, created_from=0, created_before=1_900_000_000, state="done", lowest=0
    )
    insert(
        Drift,
        f"generate_series(1::bigint, {number}) AS n",
        id="n",
        run=str(run.pk),
        kind="CASE WHEN n % 2 = 0 THEN 'entitlement_missing' ELSE 'subscription_status' END",
        object_id="'sub_' || lpad(n::text, 14, '0')",
        customer_id=f"'cus_' || lpad((1 + (n - 1) % {customers})::text, 14, '0')",
        subscriber="'user' || lpad(n::text, 8, '0')",
        amount="2000",
        currency="'usd'",
        state="CASE WHEN n % 10 = 0 THEN 'found' ELSE 'repaired' END",
    )
