"""`insert` stores what `bulk_create` stores, on each database."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, models, transaction

from django_stripe_billing.models import (
    Customer,
    Drift,
    EntitlementChange,
    Feature,
    ReconcileRun,
    Subscription,
    SubscriptionItem,
)
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.sync import insertion
from django_stripe_billing.sync.insertion import insert

from ..statements import statements

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 3, 29, 1, 30, 15, 123456, UTC)


def stored(model):
    names = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    return list(model.objects.order_by("pk").values_list(*names))


def drift(run, number, **values):
    return Drift(run=run, kind="event_missed", object_id=f"evt_{number}", **values)


def customers(number):
    return [Customer(stripe_id=f"cus_{n}", email="ä'\"%s ☃\\", name="%%") for n in range(number)]


MADE = {
    "customers, some without a Stripe id": lambda: [
        *customers(3),
        Customer(livemode=True, is_deleted=True, observed_low=2**40, binding_key=uuid.uuid4()),
        Customer(),
    ],
    "subscriptions with moments of other zones, and none": lambda: [
        Subscription(
            stripe_id=f"sub_{number}",
            customer=Customer.objects.get_or_create(stripe_id="cus_one")[0],
            status="active",
            stripe_created_at=moment,
            cancel_at=None,
            start_at=moment,
        )
        for number, moment in enumerate(
            [MOMENT, MOMENT.replace(microsecond=0), MOMENT.astimezone(timezone(timedelta(hours=9)))]
        )
    ],
    "changes, with JSON and null": lambda: [
        EntitlementChange(
            customer=Customer.objects.get_or_create(stripe_id="cus_one")[0],
            feature=Feature.objects.get_or_create(stripe_id="feat_1", lookup_key="one")[0],
            kind=EntitlementChange.Kind.GRANTED,
            source_kind="subscription",
            source_id="sub_1",
            before=None,
            after=after,
            cause_kind="reconcile",
        )
        for after in ({"ends_at": 5, "limit": None, "reason": "ä"}, None, {}, {"reason": "'"})
    ],
    "drift, with members of enumerations and amounts": lambda: [
        Drift(
            run=ReconcileRun.objects.get_or_create(account="")[0],
            kind=Kind.EVENT_MISSED,
            object_id=f"evt_{amount}",
            amount=amount,
        )
        for amount in (None, 0, -1, 2**62)
    ],
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_rows_are_stored_as_bulk_create_stores_them(make):
    model = type(make()[0])
    rows = make()
    moment, key = MOMENT + timedelta(days=1), iter(range(1, 99))
    for row in rows:  # what differs with each call
        for field in model._meta.concrete_fields:
            if isinstance(field, models.DateTimeField) and field.attname.endswith(
                ("created_at", "found_at")
            ):
                setattr(row, field.attname, getattr(row, field.attname) and moment)
            if isinstance(field, models.UUIDField):
                setattr(row, field.attname, uuid.UUID(int=next(key)))
    names = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    copies = [model(**{name: getattr(row, name) for name in names}) for row in rows]
    model.objects.bulk_create(copies)
    expected = stored(model)
    model.objects.all().delete()
    insert(rows)
    dated = names.index("created_at") if model is Customer else None
    assert [blank(row, dated) for row in stored(model)] == [blank(row, dated) for row in expected]


def blank(row, place):
    """Without the moment that the database row was made at."""
    return [value for number, value in enumerate(row) if number != place]


def test_each_row_gets_its_own_primary_key():
    run = ReconcileRun.objects.create()
    rows = [drift(run, number, subject=str(number)) for number in range(250)]
    insert(rows)
    assert {row.pk: row.object_id for row in rows} == dict(
        Drift.objects.values_list("pk", "object_id")
    )
    assert all(not row._state.adding and row._state.db == "default" for row in rows)
    rows[7].error = "changed"
    rows[7].save()
    assert Drift.objects.get(object_id="evt_7").error == "changed"
    assert Drift.objects.count() == 250


def test_a_moment_of_making_is_set():
    rows = customers(2)
    insert(rows)
    made = list(Customer.objects.order_by("pk").values_list("created_at", flat=True))
    assert all(moment is not None and moment.tzinfo is not None for moment in made)
    assert [row.created_at for row in rows] == made


def test_a_second_row_of_the_same_name_is_refused_and_none_is_stored():
    run = ReconcileRun.objects.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([drift(run, 1), drift(run, 2), drift(run, 1)])
    assert not Drift.objects.exists()


def test_a_moment_without_a_zone_is_warned_of_as_ever():
    customer = Customer.objects.create(stripe_id="cus_1")
    row = Subscription(
        stripe_id="sub_1", customer=customer, stripe_created_at=datetime(2026, 1, 1, 12)
    )
    with pytest.warns(RuntimeWarning, match="naive datetime"):
        insert([row])


def test_a_wrong_value_is_refused_as_ever():
    customer = Customer.objects.create(stripe_id="cus_1")
    subscription = Subscription.objects.create(
        stripe_id="sub_1", customer=customer, stripe_created_at=MOMENT
    )
    with pytest.raises(ValueError, match="quantity"):
        insert([SubscriptionItem(subscription=subscription, stripe_id="si_1", quantity="many")])


def test_nothing_takes_no_statement():
    with statements() as asked:
        insert([])
    assert asked == []


def test_a_database_that_returns_no_keys_gets_djangos_own_way(monkeypatch):
    monkeypatch.setattr(insertion, "VENDORS", frozenset())
    insertion._insertion.cache_clear()
    run = ReconcileRun.objects.create()
    insert([drift(run, number) for number in range(3)])
    assert insertion._insertion(Drift, "default") is None
    insertion._insertion.cache_clear()
    assert Drift.objects.count() == 3


def test_a_model_with_a_key_of_its_own_gets_djangos_own_way():
    assert not insertion._is_plain(Session, connection)
    assert insertion._is_plain(User, connection)
