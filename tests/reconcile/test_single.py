"""Repairing one piece of drift, for a person."""

from functools import partial

import pytest
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.exceptions import (
    DriftLeftError,
    PersonNeededError,
    ReconcileRefusedError,
    StripeObjectMissingError,
    StripeUnavailableError,
)
from django_stripe_billing.models import (
    Customer,
    Drift,
    Entitlement,
    EntitlementChange,
    Event,
    Feature,
    Invoice,
    Price,
    ReconcileRun,
    Subscription,
)
from django_stripe_billing.reconcile import DriftRepairs, reconcile, repair_drift
from django_stripe_billing.reconcile.ownership import at_work, this_process
from django_stripe_billing.rules.drift_kinds import MEANINGS, Kind
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.signals import entitlement_revoked
from django_stripe_billing.sync import Cause, sync_subscription
from django_stripe_billing.webhooks import webhook_handler
from django_stripe_billing.webhooks.registry import unregister

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = Cause(kind="person", id="root")


def find(kind, **options):
    """The drift of a kind that a dry run finds."""
    reconcile(**options)
    return Drift.objects.filter(kind=kind).latest("pk")


def repair(drift):
    return repair_drift(drift, cause=PERSON)


def state(drift):
    drift.refresh_from_db()
    return drift.state


def vanish(stripe_sandbox, stripe_id):
    """Let Stripe know nothing of it any more; returns what it was."""
    held = stripe_sandbox.engine.state.objects[stripe_id]
    stripe_sandbox.engine.state.remove(held)
    return held


@pytest.fixture
def ended(shop, stripe_sandbox, subscription):
    """A subscription that ended at Stripe while nobody listened."""
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    return subscription


@pytest.fixture
def missing(stripe_sandbox, subscription):
    """A live subscription that Stripe does not have."""
    vanish(stripe_sandbox, subscription["id"])
    return subscription


def test_a_lost_end_takes_access_away_and_the_cause_is_the_person(ended, subscriber):
    drift = find("subscription_status")
    assert repair(drift) == "repaired"
    assert not has_feature(subscriber, "reports")
    change = EntitlementChange.objects.filter(kind="revoked").last()
    assert (change.cause_kind, change.cause_id) == ("person", "root")
    assert state(drift) == "repaired"
    assert drift.repaired_at is not None


def test_everything_about_one_subscription_is_settled_at_once_and_counted(ended):
    drift = find("subscription_status")
    assert drift.run.drift_left == 2
    repair(drift)
    assert set(drift.run.drift.values_list("state", flat=True)) == {"repaired"}
    run = ReconcileRun.objects.get(pk=drift.run.pk)
    assert (run.drift_found, run.drift_left, run.changes) == (2, 0, 0)


def test_what_was_repaired_meanwhile_is_left_alone(ended):
    drift = find("subscription_status")
    repair(drift)
    before = EntitlementChange.objects.count()
    assert repair(drift) == "Nothing to do: repaired already."
    assert EntitlementChange.objects.count() == before


def test_what_a_webhook_put_right_meanwhile_is_gone(ended):
    drift = find("subscription_status")
    sync_subscription(ended["id"], cause=Cause(kind="event", id="evt_1"))
    assert "does not differ any more" in repair(drift)
    assert state(drift) == "gone"


def test_a_lost_purchase_is_stored(shop, stripe_sandbox, bound, subscriber):
    shop.subscribe(bound)
    stripe_sandbox.drop()
    assert repair(find("subscription_missing_here")) == "repaired"
    assert has_feature(subscriber, "reports")


def test_a_customer_that_was_missing_comes_with_its_subscription(shop, stripe_sandbox):
    made = shop.add_customer()
    shop.call(
        "POST",
        "/v1/subscriptions",
        {"customer": made["id"], "items": [{"price": shop.pro_monthly["id"]}]},
    )
    stripe_sandbox.drop()
    drift = find("customer_missing")
    assert repair(drift) == "repaired"
    assert Customer.objects.get(stripe_id=made["id"]).subscriber is None
    assert not Drift.objects.filter(run=drift.run, state="found").exists()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda rows: rows.filter(feature__lookup_key="reports").delete(), "entitlement_missing"),
        (lambda rows: rows.update(ends_at=timezone.now()), "entitlement_end"),
        (
            lambda rows: rows.filter(feature__lookup_key="seats").update(limit=500),
            "entitlement_limit",
        ),
    ],
)
def test_entitlements_that_were_changed_by_hand_are_written_anew(
    subscription, subscriber, change, kind
):
    change(Entitlement.objects.all())
    assert repair(find(kind)) == "repaired"
    assert has_feature(subscriber, "reports")
    assert reconcile().drift == []


def test_an_entitlement_without_a_source_goes(subscription, subscriber):
    Entitlement.objects.create(
        customer=Customer.objects.get(),
        feature=Feature.objects.get(lookup_key="export"),
        source_kind="subscription",
        source_id="sub_never",
    )
    assert repair(find("entitlement_extra")) == "repaired"
    assert not has_feature(subscriber, "export")
    assert has_feature(subscriber, "reports")


def _note_loss(subscriber, lost, **kwargs):
    lost.append(not has_feature(subscriber, "reports"))


def test_an_entitlement_cut_off_from_its_subscription_is_joined_to_it(subscription, subscriber):
    Entitlement.objects.filter(feature__lookup_key="reports").update(subscription=None)
    drift = find("entitlement_extra")
    lost = []
    check = partial(_note_loss, subscriber, lost)
    entitlement_revoked.connect(check)
    try:
        assert repair(drift) == "repaired"
    finally:
        entitlement_revoked.disconnect(check)
    assert lost == [False]
    assert Entitlement.objects.get(feature__lookup_key="reports").subscription is not None
    assert reconcile().drift == []


def test_an_entitlement_of_an_ended_subscription_goes(ended, subscriber):
    sync_subscription(ended["id"], cause=PERSON)
    Entitlement.objects.create(
        customer=Customer.objects.get(),
        feature=Feature.objects.get(lookup_key="export"),
        source_kind="subscription",
        source_id=ended["id"],
        subscription=Subscription.objects.get(),
    )
    assert repair(find("entitlement_extra")) == "repaired"
    assert not has_feature(subscriber, "export")


# Missing at Stripe


def test_what_stripe_does_not_have_ends_here_after_stripe_has_said_so(missing, subscriber):
    reconcile(allow_empty=True)
    drift = Drift.objects.get(kind="subscription_missing_at_stripe")
    assert repair(drift) == "repaired"
    assert Subscription.objects.get().status == "missing"
    assert not has_feature(subscriber, "reports")


def test_what_stripe_has_again_is_gone(stripe_sandbox, subscription, subscriber):
    held = vanish(stripe_sandbox, subscription["id"])
    reconcile(allow_empty=True)
    stripe_sandbox.engine.state.add(held)
    drift = Drift.objects.get(kind="subscription_missing_at_stripe")
    assert "does not differ any more" in repair(drift)
    assert has_feature(subscriber, "reports")


def test_a_key_of_another_account_ends_nothing(missing, subscriber):
    reconcile(allow_empty=True)
    ReconcileRun.objects.update(stripe_account_id="acct_another")
    drift = Drift.objects.get(kind="subscription_missing_at_stripe")
    with pytest.raises(ReconcileRefusedError, match="acct_another"):
        repair(drift)
    assert state(drift) == "found"
    assert has_feature(subscriber, "reports")


def test_where_the_key_does_not_say_whose_it_is_the_customer_tells(
    stripe_sandbox, missing, subscriber
):
    reconcile(allow_empty=True)
    ReconcileRun.objects.update(stripe_account_id="")
    drift = Drift.objects.get(kind="subscription_missing_at_stripe")
    held = vanish(stripe_sandbox, Customer.objects.get().stripe_id)
    with pytest.raises(ReconcileRefusedError, match="nor its customer"):
        repair(drift)
    assert has_feature(subscriber, "reports")
    stripe_sandbox.engine.state.add(held)
    assert repair(drift) == "repaired"
    assert not has_feature(subscriber, "reports")


def test_a_subscription_that_vanished_since_the_run_is_not_ended_by_another_repair(
    stripe_sandbox, subscription, subscriber
):
    Entitlement.objects.update(ends_at=timezone.now() + timezone.timedelta(days=4000))
    drift = find("entitlement_end")
    vanish(stripe_sandbox, subscription["id"])
    with pytest.raises(StripeObjectMissingError, match="next run"):
        repair(drift)
    assert state(drift) == "failed"
    assert has_feature(subscriber, "reports")


# What goes wrong


def test_stripe_down_is_written_onto_the_row_and_can_be_tried_again(stripe_sandbox, ended):
    drift = find("subscription_status")
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    with pytest.raises(StripeUnavailableError):
        repair(drift)
    assert state(drift) == "failed"
    assert "StripeUnavailableError" in drift.error
    stripe_sandbox.engine.faults.clear()
    assert repair(drift) == "repaired"
    assert state(drift) == "repaired"
    assert drift.error == ""


def test_what_differs_still_has_failed(subscription):
    Subscription.objects.update(status="canceled")
    drift = find("subscription_status")
    with pytest.raises(DriftLeftError, match="never comes back"):
        repair(drift)
    assert state(drift) == "failed"


def test_a_run_of_the_other_mode_is_refused(ended, subscriber):
    drift = find("subscription_status")
    ReconcileRun.objects.update(livemode=True)
    with pytest.raises(ReconcileRefusedError, match="other mode"):
        repair(drift)
    assert (state(drift), has_feature(subscriber, "reports")) == ("found", True)


def test_a_run_that_is_under_way_is_left_alone(ended):
    drift = find("subscription_status")
    ReconcileRun.objects.update(active_for="account ", owner=this_process(), state="running")
    with at_work(drift.run), pytest.raises(ReconcileRefusedError, match="under way"):
        repair(drift)
    assert state(drift) == "found"


def test_drift_that_was_deleted_meanwhile_is_said_so(ended):
    drift = find("subscription_status")
    ReconcileRun.objects.all().delete()
    with pytest.raises(DriftLeftError, match="deleted meanwhile"):
        repair(drift)


def test_a_kind_of_a_newer_version_is_left_alone(ended):
    drift = find("subscription_status")
    Drift.objects.filter(pk=drift.pk).update(kind="subscription_colour")
    with pytest.raises(DriftLeftError, match="does not know"):
        repair(drift)
    assert state(drift) == "found"


# The other kinds


def test_an_invoice_that_nobody_told_of_gives_grace_and_is_gone_when_told(
    stripe_sandbox,
    clock,
    payer,
    break_card,
):
    break_card()
    clock.to_renewal(payer.subscription, delivers=False)
    stripe_sandbox.drop()
    sync_subscription(payer.subscription["id"], cause=Cause(kind="event", id="evt_1"))
    clock.advance(hours=1, delivers=False)
    stripe_sandbox.drop()
    drift = find("invoice_differs", customer_id=payer.stripe_id)  # on a test clock
    assert repair(drift) == "repaired"
    invoice = Invoice.objects.get(stripe_id=drift.object_id)
    assert invoice.status == "open"
    again = Drift.objects.create(
        run=drift.run, kind="invoice_differs", object_id=drift.object_id, subject="again"
    )
    assert "does not differ any more" in repair(again)
    assert state(again) == "gone"


def test_the_catalog_is_mirrored_once_for_all_that_it_lacks(shop, stripe_sandbox, bound):
    shop.subscribe(bound, shop.pro_monthly)
    shop.subscribe(bound, shop.starter_monthly)
    stripe_sandbox.deliver()
    Price.objects.all().delete()
    reconcile()
    first, second = Drift.objects.filter(kind="price_unknown")
    repairs = DriftRepairs(cause=PERSON)
    before = len(stripe_sandbox.engine.requests)
    assert repairs.repair(first) == "repaired"
    asked = len(stripe_sandbox.engine.requests)
    assert asked > before
    assert repairs.repair(second) == "Nothing to do: repaired already."
    assert len(stripe_sandbox.engine.requests) == asked
    assert Price.objects.count() == 2


def test_a_price_that_stripe_does_not_list_is_asked_for_once(subscription):
    run = reconcile().run
    rows = [
        Drift.objects.create(run=run, kind="price_unknown", object_id=f"price_no_{number}")
        for number in range(2)
    ]
    repairs = DriftRepairs(cause=PERSON)
    for row in rows:
        with pytest.raises(DriftLeftError, match="does not list price_no_"):
            repairs.repair(row)
        assert state(row) == "failed"


def test_a_failed_event_is_processed_again(shop, stripe_sandbox):
    def broken(event):
        raise RuntimeError("not today")

    webhook_handler("customer.created")(broken)
    try:
        shop.call("POST", "/v1/customers", {"email": "late@example.com"})
        stripe_sandbox.deliver()
        drift = find("event_failed")
        with pytest.raises(RuntimeError, match="not today"):
            repair(drift)
        assert state(drift) == "failed"
    finally:
        unregister(broken)
    assert repair(drift) == "repaired"
    assert Event.objects.get(stripe_id=drift.object_id).status == "processed"
    assert repair(drift) == "Nothing to do: repaired already."


def test_an_event_that_was_sent_again_meanwhile_is_gone(shop, stripe_sandbox):
    made = shop.call("POST", "/v1/customers", {"email": "late@example.com"})
    stripe_sandbox.deliver()
    event = Event.objects.get(object_id=made["id"])
    Event.objects.filter(pk=event.pk).update(status="failed", processed_at=None)
    drift = find("event_failed")
    Event.objects.filter(pk=event.pk).update(status="processed", processed_at=timezone.now())
    assert "does not differ any more" in repair(drift)


def test_an_event_that_never_arrived_is_asked_for(shop, stripe_sandbox):
    made = shop.call("POST", "/v1/customers", {"email": "late@example.com"})
    [lost] = stripe_sandbox.drop()
    run = reconcile().run
    drift = Drift.objects.create(run=run, kind="event_missed", object_id=lost["id"])
    assert repair(drift) == "repaired"
    assert Customer.objects.filter(stripe_id=made["id"]).exists()


def test_a_person_links_a_customer_and_then_it_is_gone(shop, stripe_sandbox, bound, subscriber):
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    Customer.objects.update(subscriber=None)
    drift = find("customer_unlinked")
    with pytest.raises(PersonNeededError, match="Link the customer"):
        repair(drift)
    assert state(drift) == "found"
    Customer.objects.update(subscriber=subscriber)
    repair(drift)
    assert state(drift) == "gone"


def test_a_second_customer_is_a_persons_decision(shop, stripe_sandbox, bound):
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    Customer.objects.create(stripe_id="cus_linked", email="ada@example.com")
    Customer.objects.filter(pk=bound.pk).update(email="Ada@example.com", subscriber=None)
    Customer.objects.filter(stripe_id="cus_linked").update(subscriber=bound.subscriber)
    drift = find("customer_duplicate")
    with pytest.raises(PersonNeededError, match="which is the right one"):
        repair(drift)
    shop.call("DELETE", f"/v1/subscriptions/{Subscription.objects.get().stripe_id}")
    stripe_sandbox.deliver()
    repair(drift)
    assert state(drift) == "gone"


def test_two_subscriptions_to_one_product_are_a_persons_decision(shop, stripe_sandbox, bound):
    first, _second = shop.subscribe(bound), shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    drift = find("subscription_duplicate")
    with pytest.raises(PersonNeededError, match="Cancel and refund"):
        repair(drift)
    shop.call("DELETE", f"/v1/subscriptions/{first['id']}")
    stripe_sandbox.deliver()
    repair(drift)
    assert state(drift) == "gone"


def test_a_subscription_of_another_customer_is_a_persons_decision(
    shop, stripe_sandbox, subscription
):
    other = Customer.objects.create(stripe_id="cus_other")
    held = Customer.objects.exclude(pk=other.pk).get()
    Subscription.objects.update(customer=other)
    drift = find("subscription_customer")
    with pytest.raises(PersonNeededError, match="which of the two has paid"):
        repair(drift)
    assert Subscription.objects.get().customer == other
    Subscription.objects.update(customer=held)
    repair(drift)
    assert state(drift) == "gone"


def test_a_deleted_customer_is_a_persons_decision(subscription):
    Customer.objects.update(is_deleted=True)
    drift = find("customer_deleted")
    with pytest.raises(PersonNeededError, match="never comes back"):
        repair(drift)
    Customer.objects.update(is_deleted=False)
    repair(drift)
    assert state(drift) == "gone"


def test_every_kind_is_repaired_or_explained(subscription):
    """No kind ends in an error of ours, whatever the row says."""
    run = reconcile().run
    for kind in Kind:
        drift = Drift.objects.create(run=run, kind=kind, object_id="sub_unknown")
        try:
            outcome = repair(drift)
        except PersonNeededError as error:
            assert str(error) == MEANINGS[kind].advice != ""
        except (DriftLeftError, StripeObjectMissingError) as error:
            assert str(error)
        else:
            assert outcome
    assert Entitlement.objects.count() == 2
