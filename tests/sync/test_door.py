"""The one door: rows, records and signals agree, whatever went through it."""

import ast
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction

import django_stripe_billing
from django_stripe_billing.models import Customer, Entitlement, EntitlementChange, Feature
from django_stripe_billing.rules.entitlements import Term
from django_stripe_billing.signals import (
    entitlement_changed,
    entitlement_granted,
    entitlement_revoked,
)
from django_stripe_billing.sync.door import Cause, Grant, write_entitlements
from tests.statements import statements

pytestmark = pytest.mark.django_db

CAUSE = Cause(kind="person", id="root")
SIGNALS = {
    "granted": entitlement_granted,
    "changed": entitlement_changed,
    "revoked": entitlement_revoked,
}


@contextmanager
def listening():
    heard, receivers = [], []
    for kind, signal in SIGNALS.items():

        def receive(customer, feature, change, kind=kind, **kwargs):
            heard.append((kind, feature.lookup_key, change.kind))

        receivers.append((signal, receive))
        signal.connect(receive)
    yield heard
    for signal, receive in receivers:
        signal.disconnect(receive)


@pytest.fixture
def features(catalog):
    return {row.lookup_key: row for row in Feature.objects.all()}


def write(customer, features, source="sub_1", **terms):
    grant = Grant(
        customer=customer,
        source_kind="subscription",
        source_id=source,
        subscription=None,
        terms={features[key].pk: term for key, term in terms.items()},
        held=tuple(Entitlement.objects.filter(customer=customer, source_id=source)),
    )
    by_pk = {feature.pk: feature for feature in features.values()}
    with transaction.atomic():
        return write_entitlements([grant], cause=CAUSE, features=by_pk)


def term(ends_at=1_000_000, limit=None, reason="paid_period"):
    return Term(ends_at=ends_at, limit=limit, reason=reason)


@pytest.mark.django_db(transaction=True)
def test_each_difference_is_written_recorded_and_told_once(customer, features):
    with listening() as heard:
        write(customer, features, reports=term(), seats=term(limit=5))
        write(customer, features, reports=term(), seats=term(limit=5))
        write(customer, features, reports=term(ends_at=2_000_000))
        write(customer, features)
    assert heard == [
        ("granted", "reports", "granted"),
        ("granted", "seats", "granted"),
        ("changed", "reports", "changed"),
        ("revoked", "seats", "revoked"),
        ("revoked", "reports", "revoked"),
    ]
    records = list(EntitlementChange.objects.order_by("pk").values_list("before", "after"))
    seats = {"ends_at": 1_000_000, "limit": 5, "reason": "paid_period"}
    assert records[1] == (None, seats)
    assert records[3] == (seats, None)
    assert not Entitlement.objects.exists()
    causes = EntitlementChange.objects.values_list("cause_kind", "cause_id")
    assert set(causes) == {("person", "root")}


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_told_to_nobody(customer, features):
    with listening() as heard, pytest.raises(KeyError), transaction.atomic():
        write(customer, features, reports=term())
        raise KeyError
    assert heard == []
    assert not EntitlementChange.objects.exists()


def test_one_source_never_touches_what_another_grants(customer, features):
    write(customer, features, "sub_1", reports=term(limit=1))
    write(customer, features, "sub_2", reports=term(limit=2), seats=term())
    write(customer, features, "sub_2")
    [row] = Entitlement.objects.all()
    assert (row.source_id, row.limit) == ("sub_1", 1)


def test_the_same_again_costs_nothing(customer, features):
    write(customer, features, reports=term())
    held = tuple(Entitlement.objects.all())
    grant = Grant(
        customer=customer,
        source_kind="subscription",
        source_id="sub_1",
        subscription=None,
        terms={features["reports"].pk: term()},
        held=held,
    )
    with statements() as asked:
        assert write_entitlements([grant], cause=CAUSE, features={}) == []
    assert asked == []


@pytest.mark.parametrize("count", [1, 40])
def test_the_statements_do_not_grow_with_the_grants(features, count):
    customers = [Customer.objects.create(stripe_id=f"cus_{number}") for number in range(count)]

    def grants(*keys, held):
        return [
            Grant(
                customer=customer,
                source_kind="subscription",
                source_id=f"sub_{customer.pk}",
                subscription=None,
                terms={features[key].pk: term(limit=held) for key in keys},
                held=tuple(Entitlement.objects.filter(customer=customer)),
            )
            for customer in customers
        ]

    write_entitlements(grants("reports", held=0), cause=CAUSE, features={})
    second = grants("seats", held=1)
    with statements() as asked:
        write_entitlements(second, cause=CAUSE, features={})
    assert len(asked) == 3  # deleted, created, recorded
    third = grants("seats", held=2)
    with statements() as asked:
        write_entitlements(third, cause=CAUSE, features={})
    assert len(asked) == 2  # updated, recorded


def test_a_long_cause_is_cut_and_not_refused(customer, features):
    grant = Grant(
        customer=customer,
        source_kind="subscription",
        source_id="sub_1",
        subscription=None,
        terms={features["reports"].pk: term()},
        held=(),
    )
    cause = Cause(kind="person", id="x" * 300)
    [change] = write_entitlements([grant], cause=cause, features={})
    assert len(change.cause_id) == 255


WRITING = {"create", "bulk_create", "bulk_update", "update", "get_or_create", "update_or_create"}


def writes_entitlements(tree):
    """Whether code calls a writing method on the manager of `Entitlement`, or saves a new one."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node.func)
        method = text.rpartition(".")[2]
        if text.startswith(("Entitlement.objects", "EntitlementChange.objects")) and (
            method in WRITING | {"delete"}
        ):
            return True
    return False


def test_no_other_module_writes_entitlements():
    package = Path(django_stripe_billing.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if writes_entitlements(ast.parse(path.read_text()))
    }
    assert found == {"sync/door.py"}
