import json
import random
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_stripe_billing import models
from django_stripe_billing.access import has_feature
from django_stripe_billing.exceptions import ReconcileRefusedError
from django_stripe_billing.management.commands.reconcile_entitlements import Command
from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    ReconcileRun,
    Subscription,
)
from django_stripe_billing.reconcile import ChangeLimit, reconcile
from django_stripe_billing.reconcile.leases import close_readers_connection
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.stripe_api import CallableHTTPClient

from ..shop import DAY
from ..statements import statements
from .database import database, kinds

pytestmark = pytest.mark.django_db(transaction=True)


def check_repair(*expected):
    """The drift is found with nothing written, then repaired, and then there is none."""
    before = database()
    dry = reconcile(apply=False)
    assert kinds(dry) == set(expected)
    assert dry.exit_code == 1
    assert database() == before
    applied = reconcile(apply=True)
    assert kinds(applied) == set(expected)
    assert applied.left == []
    assert applied.exit_code == 0
    again = reconcile(apply=False)
    assert (again.drift, again.exit_code) == ([], 0)


def test_when_both_sides_agree_there_is_nothing_to_say(subscription):
    report = reconcile(apply=False)
    assert report.summary == "0 drift, 1 subscription, 8 calls"
    assert report.exit_code == 0


def test_a_lost_purchase_is_found_and_repaired(shop, stripe_sandbox, bound, subscriber):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    check_repair("subscription_missing_here")
    assert has_feature(subscriber, "reports")
    change = EntitlementChange.objects.first()
    assert change.cause_kind == "reconcile"
    assert change.cause_id


def test_a_lost_end_is_found_and_repaired(shop, stripe_sandbox, subscription, subscriber):
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    check_repair("subscription_status", "subscription_cancellation")
    assert not has_feature(subscriber, "reports")


def test_a_lost_renewal_is_found_and_repaired(stripe_sandbox, subscription):
    stripe_sandbox.advance(31 * DAY)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    check_repair("subscription_period", "subscription_fields")


def test_a_lost_change_of_plan_is_found_and_repaired(shop, stripe_sandbox, subscription):
    item = subscription["items"]["data"][0]["id"]
    shop.call(
        "POST",
        f"/v1/subscriptions/{subscription['id']}",
        {"items": [{"id": item, "price": shop.starter_monthly["id"]}]},
    )
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    check_repair("subscription_items")


def test_a_lost_cancellation_within_the_same_second_is_fetched(
    shop, stripe_sandbox, bound, subscriber
):
    made = shop.subscribe(bound)
    stripe_sandbox.deliver()
    shop.call("POST", f"/v1/subscriptions/{made['id']}", {"cancel_at_period_end": True})
    stripe_sandbox.drop()
    report = reconcile(apply=False)
    assert (kinds(report), report.run.calls) == ({"subscription_cancellation"}, 9)
    check_repair("subscription_cancellation")


def test_an_entitlement_that_was_deleted_by_hand_comes_back(subscription, subscriber):
    Entitlement.objects.filter(feature__lookup_key="reports").delete()
    check_repair("entitlement_missing")
    assert has_feature(subscriber, "reports")


def test_an_entitlement_that_was_prolonged_by_hand_is_put_right(subscription):
    Entitlement.objects.update(ends_at=timezone.now() + timezone.timedelta(days=4000))
    check_repair("entitlement_end")


def test_an_entitlement_that_was_added_by_hand_goes(shop, bound, subscription, subscriber):
    row = Subscription.objects.get()
    feature = models.Feature.objects.get(lookup_key="export")
    Entitlement.objects.create(
        customer=bound,
        feature=feature,
        source_kind="subscription",
        source_id=row.stripe_id,
        subscription=row,
    )
    assert has_feature(subscriber, "export")
    check_repair("entitlement_extra")
    assert not has_feature(subscriber, "export")


def test_an_entitlement_without_a_source_goes(bound, subscription, subscriber):
    feature = models.Feature.objects.get(lookup_key="export")
    Entitlement.objects.create(
        customer=bound, feature=feature, source_kind="subscription", source_id="sub_never"
    )
    check_repair("entitlement_extra")
    assert not has_feature(subscriber, "export")


def test_what_stripe_does_not_have_ends_here(shop, stripe_sandbox, bound, subscription, subscriber):
    keep = shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    state = stripe_sandbox.engine.state
    state.remove(state.objects[subscription["id"]])
    check_repair("subscription_missing_at_stripe")
    assert Subscription.objects.get(stripe_id=subscription["id"]).status == "missing"
    assert Entitlement.objects.filter(source_id=subscription["id"]).count() == 0
    assert Entitlement.objects.filter(source_id=keep["id"]).count() == 2


def test_a_subscription_that_hides_from_the_list_is_fetched_before_it_is_judged(
    stripe_sandbox, subscription
):
    stripe_sandbox.engine.state.by_kind["subscription"].remove(subscription["id"])
    report = reconcile(apply=True, allow_empty=True)
    assert (report.drift, report.exit_code) == ([], 2)
    assert f"left out {subscription['id']}" in report.errors[0]
    assert Entitlement.objects.count() == 2


def test_an_empty_list_revokes_nothing(stripe_sandbox, subscription):
    stripe_sandbox.engine.reset()
    with pytest.raises(ReconcileRefusedError, match="right account"):
        reconcile(apply=True)
    assert Entitlement.objects.count() == 2
    assert not ReconcileRun.objects.exists()


def test_a_webhook_that_comes_while_the_list_is_read_wins(
    shop, stripe_sandbox, subscription, settings
):
    """The page was read before the cancellation, and is looked at after its webhook."""
    inner = stripe_sandbox.engine.handle
    done = []

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if path.startswith("/v1/subscriptions?") and not done:
            done.append(1)
            stripe_sandbox.advance(5)
            shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
            stripe_sandbox.deliver()
            close_readers_connection()
        return answer

    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "HTTP_CLIENT": CallableHTTPClient(handle),
    }
    report = reconcile(apply=True)
    assert (report.drift, report.exit_code) == ([], 0)
    assert Subscription.objects.get().status == "canceled"


def test_a_broken_run_is_incomplete_and_says_how_far_it_came(shop, stripe_sandbox, bound):
    for _ in range(120):
        shop.subscribe(bound, items=[{"price": shop.pro_monthly["id"]}])
    stripe_sandbox.drop()
    stripe_sandbox.engine.faults.append(
        Fault(path="/v1/subscriptions", skip=1, status=500, times=-1)
    )
    report = reconcile(apply=False)
    assert not report.run.is_complete
    assert report.exit_code == 2
    assert "Stopped after 100 subscriptions" in report.errors[0]


def test_a_repair_that_fails_is_reported_and_the_others_go_on(
    shop, stripe_sandbox, bound, subscription, other_subscriber
):
    other = shop.bind(other_subscriber)
    Subscription.objects.update(customer=other)
    shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.drop()
    report = reconcile(apply=True)
    assert report.exit_code == 1
    assert {entry.kind: entry.state for entry in report.drift} == {
        "subscription_customer": "failed",
        "subscription_missing_here": "repaired",
    }
    assert "which of the two has paid" in report.left[0].error


def test_one_customer_can_be_compared_alone(
    shop, stripe_sandbox, bound, subscription, other_subscriber
):
    other = shop.bind(other_subscriber)
    shop.subscribe(other)
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.drop()
    stripe_sandbox.advance(5)
    report = reconcile(apply=True, customer_id=other.stripe_id)
    assert kinds(report) == {"subscription_missing_here"}
    assert Subscription.objects.get(stripe_id=subscription["id"]).status == "active"


def test_what_this_version_does_not_know_is_counted_and_grants_nothing(
    shop, stripe_sandbox, bound, subscription
):
    state = stripe_sandbox.engine.state.objects[subscription["id"]]
    state["status"] = "hibernating"
    report = reconcile(apply=True)
    assert report.run.notes == {"unknown status hibernating": 1}
    assert Entitlement.objects.count() == 0


def test_after_random_losses_one_run_makes_both_sides_equal(
    shop, stripe_sandbox, bound, subscriber
):
    choice = random.Random(7)
    live = []
    for _ in range(60):
        stripe_sandbox.engine.clock.advance(choice.choice([0, 0, 1, 30]))
        if not live or choice.random() < 0.3:
            price = choice.choice([shop.pro_monthly, shop.starter_monthly])
            live.append(shop.subscribe(bound, price)["id"])
        else:
            path = f"/v1/subscriptions/{choice.choice(live)}"
            action = choice.choice(["end", "quantity", "cancel"])
            item = shop.call("GET", path)["items"]["data"][0]["id"]
            if action == "end":
                shop.call("DELETE", path)
                live.remove(path.rpartition("/")[2])
            elif action == "quantity":
                new = {"items": [{"id": item, "quantity": choice.randint(1, 9)}]}
                shop.call("POST", path, new)
            else:
                shop.call("POST", path, {"cancel_at_period_end": choice.random() < 0.5})
        if choice.random() < 0.5:
            stripe_sandbox.drop()
        else:
            stripe_sandbox.deliver(shuffle=choice, copies=choice.randint(1, 2))
    stripe_sandbox.drop()
    repaired = reconcile(apply=True, max_changes=ChangeLimit.parse("100%"))
    assert {entry.kind for entry in repaired.left} <= {"subscription_duplicate"}
    clean = reconcile(apply=False)
    assert kinds(clean) <= {"subscription_duplicate"}
    assert clean.errors == []
    assert set(live) == set(
        Subscription.objects.exclude(status="canceled").values_list("stripe_id", flat=True)
    )


def test_a_page_without_drift_takes_three_queries(shop, stripe_sandbox, bound):
    counts = {}
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    reconcile()
    for number in (2, 60, 100, 200, 300):
        for _ in range(number - Subscription.objects.count()):
            shop.subscribe(bound)
        stripe_sandbox.drop()
        stripe_sandbox.advance(10)
        reconcile(apply=True)
        with statements() as asked:
            reconcile(only=frozenset({Kind.SUBSCRIPTION_STATUS}))
        counts[number] = len(asked)
    print(f"statements of a run, by subscriptions: {counts}")
    assert counts[2] == counts[60] == counts[100]
    assert (counts[200] - counts[100], counts[300] - counts[200]) == (3, 3)


# The command


def run(*arguments):
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("reconcile_entitlements", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code
    return code, out.getvalue(), err.getvalue()


def test_the_command_ends_with_0_1_and_0(shop, stripe_sandbox, subscription, subscriber):
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.drop()
    stripe_sandbox.advance(5)
    code, out, _ = run()
    assert code == 1
    assert "Run it again with --apply" in out
    assert out.strip().endswith("2 drift, 1 subscription, 10 calls")
    code, out, _ = run("--apply")
    assert (code, out.count("repaired")) == (0, 2)
    code, out, _ = run()
    assert (code, out.strip()) == (0, "0 drift, 1 subscription, 7 calls")


def test_the_command_speaks_json(shop, stripe_sandbox, bound):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    code, out, _ = run("--format", "json")
    report = json.loads(out)
    assert code == report["exit_code"] == 1
    assert report["complete"] is True
    assert (report["subscriptions"], report["calls"]) == (1, 7)
    [drift] = report["drift"]
    assert drift["kind"] == "subscription_missing_here"
    assert drift["customer"] == bound.stripe_id
    assert drift["state"] == "found"
    assert (drift["amount"], drift["currency"]) == (2000, "usd")


def test_the_command_ends_with_2_when_stripe_is_down(stripe_sandbox, subscription):
    stripe_sandbox.engine.faults.append(Fault(status=0, times=-1))
    with pytest.raises(CommandError) as refusal:
        run("--apply")
    assert refusal.value.returncode == 2
    assert Entitlement.objects.count() == 2


def test_the_command_ends_with_2_for_a_wrong_customer(db):
    with pytest.raises(CommandError) as refusal:
        run("--customer", "ada@example.com")
    assert refusal.value.returncode == 2


def test_the_command_ends_with_2_for_a_wrong_setting(db, settings, capsys):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "LEEWAY": 3}
    with pytest.raises(SystemExit) as refusal:
        Command().run_from_argv(["manage.py", "reconcile_entitlements"])
    assert refusal.value.code == 2
    assert "LEEWAY" in capsys.readouterr().err


def test_customers_that_nobody_is_linked_to_are_compared_too(shop, stripe_sandbox):
    made = shop.add_customer()
    shop.call(
        "POST",
        "/v1/subscriptions",
        {"customer": made["id"], "items": [{"price": shop.pro_monthly["id"]}]},
    )
    stripe_sandbox.drop()
    applied = reconcile(apply=True)
    assert kinds(applied) == {
        "subscription_missing_here",
        "customer_missing",
        "customer_unlinked",
    }
    assert [entry.kind for entry in applied.left] == ["customer_unlinked"]
    assert Customer.objects.get(stripe_id=made["id"]).subscriber is None
