"""Handlers of the project's own: what they write commits with the event, or not at all."""

import logging
from contextlib import contextmanager, suppress

import pytest
from django.db import IntegrityError, transaction

from django_stripe_billing.models import Event, Feature, Subscription
from django_stripe_billing.signals import entitlement_granted, subscription_changed
from django_stripe_billing.webhooks import webhook_handler
from django_stripe_billing.webhooks.registry import unregister
from tests.payloads import NOW, event, subscription

from .test_view import post

pytestmark = pytest.mark.django_db(transaction=True)

CREATED = "customer.subscription.created"
UPDATED = "customer.subscription.updated"


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


@contextmanager
def handling(event_type, handler):
    webhook_handler(event_type)(handler)
    try:
        yield
    finally:
        unregister(handler)


@contextmanager
def receiving(signal, receiver):
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def created():
    return event(CREATED, subscription())


def test_what_a_handler_writes_commits_with_the_event(catalog, customer):
    def write(row):
        Feature.objects.create(stripe_id="feat_new", lookup_key=row.payload["data"]["object"]["id"])

    with handling(CREATED, write):
        assert post(created()).status_code == 200
    assert Feature.objects.filter(lookup_key="sub_1").exists()


def test_a_handler_sees_what_became_of_the_event(catalog, customer):
    seen = []
    with handling(UPDATED, lambda row: seen.append((row.status, row.note, row.pk is not None))):
        post(event(UPDATED, subscription(), created=NOW + 9))
        post(event(UPDATED, subscription(status="unpaid"), created=NOW))
    assert [status for status, _, _ in seen] == ["processed", "stale"]
    assert seen[1][1].startswith("Something newer")
    assert all(is_stored for _, _, is_stored in seen)


def test_an_error_of_the_database_that_a_handler_swallows_is_not_acknowledged(catalog, customer):
    """On PostgreSQL the transaction is lost from there on, and its commit says nothing of it."""

    def swallow(row):
        with suppress(IntegrityError):
            Feature.objects.create(stripe_id="feat_reports", lookup_key="again")

    with handling(CREATED, swallow):
        answer = post(created())
    is_stored = Subscription.objects.exists()
    assert answer.status_code == (200 if is_stored else 503)
    assert Event.objects.get().status == ("processed" if is_stored else "failed")


def test_a_handler_that_rolls_back_rolls_back_its_own_work_alone(catalog, customer):
    def roll_back(row):
        Feature.objects.create(stripe_id="feat_new", lookup_key="new")
        transaction.set_rollback(True)

    with handling(CREATED, roll_back):
        assert post(created()).status_code == 200
    assert Event.objects.get().status == Event.Status.PROCESSED
    assert Subscription.objects.exists()
    assert not Feature.objects.filter(lookup_key="new").exists()


def test_a_receiver_that_raises_keeps_no_other_from_hearing(catalog, customer, caplog):
    heard = []

    def fail(**kwargs):
        raise RuntimeError("a receiver broke")

    def hear(subscription, **kwargs):
        heard.append(subscription.stripe_id)

    with (
        receiving(entitlement_granted, fail),
        receiving(subscription_changed, fail),
        receiving(subscription_changed, hear),
    ):
        assert post(created()).status_code == 200
    assert heard == ["sub_1"]
    assert Event.objects.get().status == Event.Status.PROCESSED
    assert "a receiver broke" in caplog.text


def test_what_a_handler_leaves_for_after_the_commit_never_undoes_it(catalog, customer):
    def later(row):
        transaction.on_commit(lambda: 1 / 0)

    heard = []
    with (
        handling(CREATED, later),
        receiving(subscription_changed, lambda **kwargs: heard.append(1)),
    ):
        payload = created()
        assert post(payload).status_code == 500
        assert Event.objects.get().status == Event.Status.PROCESSED
        assert post(payload).status_code == 200
    assert Subscription.objects.count() == 1


def test_signals_inside_a_transaction_of_the_projects_own_wait_for_it(catalog, customer):
    heard = []

    def hear(subscription, **kwargs):
        heard.append(subscription.stripe_id)

    def play(*, is_kept):
        try:
            with transaction.atomic():
                post(created())
                assert heard == []
                if not is_kept:
                    raise KeyError
        except KeyError:
            pass

    with receiving(subscription_changed, hear):
        play(is_kept=False)
        assert heard == []
        play(is_kept=True)
    assert heard == ["sub_1"]


def test_a_failure_is_logged_once_with_its_trace_and_without_secrets(catalog, customer, caplog):
    def fail(row):
        raise RuntimeError("sk_test_abcdef123456 and whsec_abcdef are no good\0")

    with handling(CREATED, fail), caplog.at_level(logging.DEBUG, "django_stripe_billing"):
        assert post(created()).status_code == 500
    ours = [record for record in caplog.records if record.name.startswith("django_stripe_billing")]
    assert len(ours) == 1
    assert "in fail" in ours[0].getMessage()
    for record in caplog.records:
        text = logging.Formatter().format(record)
        assert "abcdef" not in text
    assert Event.objects.get().error == "RuntimeError: [secret] and [secret] are no good"


def test_an_event_that_failed_is_not_lost_when_the_failure_is_told_twice(catalog, customer):
    def fail(row):
        raise RuntimeError("broken")

    payload = created()
    with handling(CREATED, fail):
        for _ in range(3):
            assert post(payload).status_code == 500
    row = Event.objects.get()
    assert (row.status, row.attempts) == (Event.Status.FAILED, 3)
