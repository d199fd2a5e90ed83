"""Webhooks that arrive while a run repairs, at each step: none is overwritten, none lost."""

import threading

import pytest
from django.db import connection, connections, transaction

from django_stripe_billing.models import Entitlement, Subscription
from django_stripe_billing.reconcile import (
    Report,
    execute,
    fetching,
    reconcile,
    repairing,
    resume,
    settling,
    working,
)
from django_stripe_billing.sync import subscriptions

from .database import database

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = {
    "the page was read": (working.WindowWorker, "_take", "before"),
    "rows were read": (working.PageReader, "read", "after"),
    "it was confirmed": (settling, "confirm", "after"),
    "it was fetched by its id": (fetching, "read_subscription", "after"),
    "it was recorded": (settling, "record", "after"),
    "it is about to be written": (repairing, "settle", "before"),
    "it was written": (repairing, "settle", "after"),
    "it was looked at again": (repairing.Repairer, "_equal_now", "before"),
}
"""Where somebody else acts: around the first call of a function."""


def around(monkeypatch, owner, name, when, act):
    """Act once, before or after the first call of a function."""
    function, done = getattr(owner, name), []

    def called(*args, **kwargs):
        if when == "before" and not done:
            done.append(True)
            act()
        answer = function(*args, **kwargs)
        if when == "after" and not done:
            done.append(True)
            act()
        return answer

    monkeypatch.setattr(owner, name, called)
    return done


CHANGES = {
    "it ends": lambda shop, path, item: shop.call("DELETE", path),
    "it is set to end": lambda shop, path, item: shop.call(
        "POST", path, {"cancel_at_period_end": True}
    ),
    "its quantity grows": lambda shop, path, item: shop.call(
        "POST", path, {"items": [{"id": item, "quantity": 7}]}
    ),
    "its plan changes": lambda shop, path, item: shop.call(
        "POST", path, {"items": [{"id": item, "price": shop.starter_monthly["id"]}]}
    ),
}


def equal_on_both_sides(shop, stripe_id):
    """The stored subscription is Stripe's, and its entitlements are what it grants."""
    again = reconcile(apply=False)
    assert again.errors == []
    assert again.drift == []
    remote = shop.call("GET", f"/v1/subscriptions/{stripe_id}")
    row = Subscription.objects.get(stripe_id=stripe_id)
    assert row.status == remote["status"]
    assert row.items.get().quantity == remote["items"]["data"][0]["quantity"]
    assert Entitlement.objects.filter(source_id=stripe_id).count() == (
        0 if remote["status"] == "canceled" else 2
    )


@pytest.mark.parametrize("seconds", [0, 1, 5], ids=["same second", "next second", "later"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", STEPS)
def test_a_webhook_is_neither_overwritten_nor_lost(
    shop, stripe_sandbox, bound, subscription, monkeypatch, step, change, seconds
):
    path = f"/v1/subscriptions/{subscription['id']}"
    item = subscription["items"]["data"][0]["id"]
    shop.call("POST", path, {"items": [{"id": item, "quantity": 3}]})  # nobody hears of that
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)

    def act():
        stripe_sandbox.advance(seconds)
        CHANGES[change](shop, path, item)
        assert set(stripe_sandbox.deliver()) == {200}

    if step == "it was fetched by its id":  # which only what takes away is
        Entitlement.objects.filter(source_id=subscription["id"]).update(limit=500)
    owner, name, when = STEPS[step]
    done = around(monkeypatch, owner, name, when, act)
    report = reconcile(apply=True)
    assert report.errors == []
    if step != "it was fetched by its id":
        assert done
    monkeypatch.undo()
    equal_on_both_sides(shop, subscription["id"])


@pytest.mark.parametrize("change", CHANGES)
def test_between_rows_and_entitlements_nobody_gets_and_a_run_that_dies_there_leaves_neither(
    shop, stripe_sandbox, bound, subscription, monkeypatch, change
):
    class Killed(BaseException):
        pass

    def act():
        raise Killed

    path = f"/v1/subscriptions/{subscription['id']}"
    item = subscription["items"]["data"][0]["id"]
    shop.call("POST", path, {"items": [{"id": item, "quantity": 3}]})
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    before = database()
    around(monkeypatch, subscriptions, "write_grants", "before", act)
    with pytest.raises(Killed):
        reconcile(apply=True)
    monkeypatch.undo()
    assert database() == before
    stripe_sandbox.advance(3)
    CHANGES[change](shop, path, item)
    assert set(stripe_sandbox.deliver()) == {200}
    assert Report(run=execute(resume())).exit_code == 0
    equal_on_both_sides(shop, subscription["id"])


@pytest.mark.parametrize("change", CHANGES)
def test_a_webhook_in_another_thread_waits_until_the_repair_has_committed(
    shop, stripe_sandbox, bound, subscription, monkeypatch, change
):
    """A database in memory knows no waiting: there it is posted when the lock is released."""
    path = f"/v1/subscriptions/{subscription['id']}"
    item = subscription["items"]["data"][0]["id"]
    shop.call("POST", path, {"items": [{"id": item, "quantity": 3}]})
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    statuses = []

    def deliver():
        try:
            statuses.extend(stripe_sandbox.deliver())
        finally:
            if threading.current_thread() is writer:
                connections.close_all()

    writer = threading.Thread(target=deliver)

    def act():
        stripe_sandbox.advance(3)
        CHANGES[change](shop, path, item)
        if connection.vendor == "sqlite":
            transaction.on_commit(deliver)
            return
        writer.start()
        writer.join(timeout=0.5)
        assert writer.is_alive()
        assert statuses == []

    done = around(monkeypatch, subscriptions, "write_grants", "before", act)
    report = reconcile(apply=True)
    if writer.ident:
        writer.join()
    monkeypatch.undo()
    assert done
    assert report.errors == []
    assert set(statuses) == {200}
    equal_on_both_sides(shop, subscription["id"])
