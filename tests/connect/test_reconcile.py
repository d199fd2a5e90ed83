"""Reconcile with --account: one account at a time, and no other is touched."""

import pytest
from django.core.management import CommandError, call_command

from django_stripe_billing.access import has_feature
from django_stripe_billing.exceptions import ReconcileRefusedError
from django_stripe_billing.models import Drift, Event, ReconcileRun, Subscription
from django_stripe_billing.reconcile import reconcile

from ..shop import DAY
from .conftest import ACCOUNT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def both(shop, seller, subscriber, stripe_sandbox):
    """The subscriber has `pro` from the platform and from the seller; both were lost on the way."""
    ours, theirs = shop.bind(subscriber), seller.bind(subscriber)
    shop.subscribe(ours)
    seller.subscribe(theirs)
    stripe_sandbox.drop()
    return ours, theirs


def test_a_run_of_an_account_repairs_that_account_only(both, subscriber):
    report = reconcile(account=ACCOUNT, apply=True)
    assert report.left == []
    assert has_feature(subscriber, "reports", account=ACCOUNT)
    assert not has_feature(subscriber, "reports")
    assert set(Subscription.objects.values_list("account", flat=True)) == {ACCOUNT}
    assert reconcile(account=ACCOUNT).exit_code == 0
    assert reconcile(apply=True).left == []
    assert has_feature(subscriber, "reports")
    assert set(ReconcileRun.objects.values_list("account", flat=True)) == {"", ACCOUNT}


def test_the_command_takes_the_account(both, subscriber, capsys):
    call_command("reconcile_entitlements", "--apply", account=ACCOUNT)
    assert has_feature(subscriber, "reports", account=ACCOUNT)


def test_missed_events_are_received_as_the_accounts(both, stripe_sandbox, subscriber):
    stripe_sandbox.advance(DAY)
    stripe_sandbox.drop()
    Event.objects.all().delete()
    report = reconcile(account=ACCOUNT, apply=True, events=True)
    assert report.left == []
    assert Event.objects.exists()
    assert set(Event.objects.values_list("account", flat=True)) == {ACCOUNT}
    assert {row.run.account for row in Drift.objects.all()} == {ACCOUNT}


def test_an_event_that_both_accounts_tell_of_is_looked_for_in_its_own(both, stripe_sandbox):
    """A row of the platform's with the same id does not pass for the account's."""
    stripe_sandbox.advance(DAY)
    stripe_sandbox.drop()
    told = [event for event in stripe_sandbox.engine.events if event.get("account") == ACCOUNT]
    Event.objects.filter(account=ACCOUNT).delete()
    for event in told:
        Event.objects.create(
            stripe_id=event["id"], type=event["type"], payload={}, status="processed"
        )
    reconcile(account=ACCOUNT, apply=True, events=True)
    received = Event.objects.filter(account=ACCOUNT).values_list("stripe_id", flat=True)
    assert received
    assert set(received) <= {event["id"] for event in told}


def test_an_account_that_is_not_accepted_is_refused(both, configure):
    configure(CONNECT_ACCOUNTS=[])
    with pytest.raises(ReconcileRefusedError, match="CONNECT_ACCOUNTS"):
        reconcile(account=ACCOUNT, apply=True)
    with pytest.raises(CommandError, match="CONNECT_ACCOUNTS"):
        call_command("reconcile_entitlements", account=ACCOUNT)
    assert not Subscription.objects.exists()
