"""`--verify-features`: Stripe's active entitlements as a second opinion."""

import pytest
from django.core.management import call_command

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import (
    Customer,
    Entitlement,
    Feature,
    ProductFeature,
    ReconcileRun,
    Subscription,
)
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.sandbox import Fault

from ..conftest import make_subscriber
from ..shop import DAY
from .database import kinds

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/v1/entitlements/active_entitlements"
FEATURES = frozenset({Kind.FEATURE_DISAGREEMENT, Kind.FEATURE_UNKNOWN})


@pytest.fixture
def renewed(shop, stripe_sandbox, bound):
    """A subscription in its second period."""
    made = shop.subscribe(bound)
    stripe_sandbox.deliver()
    renew(stripe_sandbox)
    return made


def renew(stripe_sandbox):
    stripe_sandbox.advance(32 * DAY)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(2 * DAY)
    stripe_sandbox.deliver()


def take_off(shop, key):
    """Take a feature off the product, at Stripe."""
    links = ProductFeature.objects.filter(product__stripe_id=shop.pro["id"])
    link = links.get(feature__lookup_key=key)
    shop.call("DELETE", f"/v1/products/{shop.pro['id']}/features/{link.stripe_id}")


def verify(number=-1, **values):
    return reconcile(**{"only": FEATURES, "verify_features": number, **values})


def said(report):
    return {(entry.kind, entry.subject, entry.here, entry.stripe) for entry in report.drift}


def held(stripe_sandbox, bound):
    return stripe_sandbox.engine.state.notes[bound.stripe_id]["entitlements"]


def asked(stripe_sandbox):
    return [path for _method, path in stripe_sandbox.engine.requests].count(PATH)


def test_two_opinions_that_agree_are_no_drift(stripe_sandbox, bound, renewed):
    report = verify()
    assert (report.drift, report.exit_code) == ([], 0)
    assert asked(stripe_sandbox) == 1
    assert report.run.calls == 9


def test_what_stripe_no_longer_lists_and_is_granted_here_is_told(
    shop, stripe_sandbox, bound, renewed
):
    held(stripe_sandbox, bound).pop(shop.features["reports"]["id"])
    before = list(Entitlement.objects.order_by("pk").values())
    report = verify(apply=True)
    assert said(report) == {
        ("feature_disagreement", "reports", "reports: granted", "reports: not active")
    }
    assert report.exit_code == 1
    assert list(Entitlement.objects.order_by("pk").values()) == before
    [entry] = report.drift
    assert "Where it differs still" in entry.error
    assert (entry.object_id, entry.subscriber) == (bound.stripe_id, str(bound.subscriber))


def test_what_stripe_lists_and_is_not_granted_here_is_told(shop, stripe_sandbox, bound, renewed):
    from django_stripe_billing.sandbox.resources.active_entitlements import _build

    feature = shop.features["export"]["id"]
    held(stripe_sandbox, bound)[feature] = _build(stripe_sandbox.engine, feature)
    assert said(verify()) == {
        ("feature_disagreement", "export", "export: not granted", "export: active")
    }


def test_what_the_mirrored_catalog_explains_is_repaired(
    shop, stripe_sandbox, bound, renewed, subscriber
):
    """One customer's run does not compare the catalog by itself."""
    path = f"/v1/products/{shop.pro['id']}/features"
    shop.call("POST", path, {"entitlement_feature": shop.features["export"]["id"]})
    stripe_sandbox.drop()
    renew(stripe_sandbox)
    only = frozenset({Kind.FEATURE_DISAGREEMENT})
    report = verify(apply=True, only=only, customer_id=bound.stripe_id)
    assert [(entry.subject, entry.state) for entry in report.drift] == [("export", "repaired")]
    assert has_feature(subscriber, "export")


def test_a_feature_that_the_catalog_lacks_is_unknown_and_then_mirrored(
    shop, stripe_sandbox, bound, renewed
):
    made = shop.call("POST", "/v1/entitlements/features", {"name": "New", "lookup_key": "new"})
    shop.call(
        "POST", f"/v1/products/{shop.pro['id']}/features", {"entitlement_feature": made["id"]}
    )
    renew(stripe_sandbox)
    assert {(entry.kind, entry.object_id) for entry in verify().drift} == {
        ("feature_unknown", made["id"])
    }
    assert verify(apply=True).exit_code == 0
    assert Feature.objects.filter(lookup_key="new").exists()
    renew(stripe_sandbox)
    assert verify().drift == []


def test_what_other_drift_explains_is_no_disagreement(stripe_sandbox, bound, renewed):
    held(stripe_sandbox, bound).clear()
    stripe_sandbox.engine.state.objects[renewed["id"]]["status"] = "unpaid"
    assert kinds(verify(only=frozenset())) == {"subscription_status"}


# What a documented delay explains


def test_a_feature_attached_in_this_period_is_no_disagreement(shop, stripe_sandbox, bound, renewed):
    """Here it is granted at once, at Stripe with the next period."""
    feature = {"entitlement_feature": shop.features["export"]["id"]}
    shop.call("POST", f"/v1/products/{shop.pro['id']}/features", feature)
    shop.sync()
    Entitlement.objects.filter(feature__lookup_key="export").update(
        granted_at=Subscription.objects.get().items.get().current_period_start_at
    )
    stripe_sandbox.advance(2 * DAY)
    assert Entitlement.objects.filter(feature__lookup_key="export").exists()
    assert verify().drift == []
    renew(stripe_sandbox)
    assert verify().drift == []


def test_a_feature_removed_in_this_period_is_no_disagreement(shop, stripe_sandbox, bound, renewed):
    """Both sides keep it until the period ends."""
    link = ProductFeature.objects.get(
        product__stripe_id=shop.pro["id"], feature__lookup_key="reports"
    )
    shop.call("DELETE", f"/v1/products/{shop.pro['id']}/features/{link.stripe_id}")
    shop.sync()
    stripe_sandbox.advance(2 * DAY)
    assert "reports" in {row["lookup_key"] for row in held(stripe_sandbox, bound).values()}
    assert verify().drift == []
    renew(stripe_sandbox)
    assert "reports" not in {row["lookup_key"] for row in held(stripe_sandbox, bound).values()}
    assert verify().drift == []


def test_a_removal_that_was_never_mirrored_is_told_after_the_renewal(
    shop, stripe_sandbox, bound, renewed
):
    link = ProductFeature.objects.get(
        product__stripe_id=shop.pro["id"], feature__lookup_key="reports"
    )
    shop.call("DELETE", f"/v1/products/{shop.pro['id']}/features/{link.stripe_id}")
    renew(stripe_sandbox)
    assert {entry.subject for entry in verify().drift} == {"reports"}


def test_a_subscription_in_its_first_period_is_not_judged(shop, stripe_sandbox, bound):
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(DAY)
    held(stripe_sandbox, bound).clear()
    Entitlement.objects.update(
        granted_at=Subscription.objects.get().items.get().current_period_start_at
    )
    assert verify().drift == []


def test_a_customer_whose_subscription_changed_just_now_is_not_judged(
    shop, stripe_sandbox, bound, renewed
):
    shop.call("POST", f"/v1/subscriptions/{renewed['id']}", {"cancel_at_period_end": True})
    stripe_sandbox.deliver()
    held(stripe_sandbox, bound).clear()
    assert verify().drift == []
    stripe_sandbox.advance(3700)
    assert {entry.subject for entry in verify().drift} == {"reports", "seats"}


@pytest.mark.parametrize("status", ["trialing", "past_due", "paused", "unpaid", "incomplete"])
@pytest.mark.parametrize("is_listed", [True, False])
def test_a_status_whose_treatment_is_not_documented_is_not_judged(
    stripe_sandbox, bound, renewed, status, is_listed
):
    stripe_sandbox.engine.state.objects[renewed["id"]]["status"] = status
    Subscription.objects.update(status=status)
    if not is_listed:
        held(stripe_sandbox, bound).clear()
    assert verify().drift == []


def test_an_archived_feature_still_grants(shop, stripe_sandbox, bound, renewed):
    shop.call(
        "POST", f"/v1/entitlements/features/{shop.features['reports']['id']}", {"active": False}
    )
    shop.sync()
    assert not Feature.objects.get(lookup_key="reports").active
    assert verify().drift == []


# Whom it asks about


@pytest.fixture
def crowd_of_linked(shop, stripe_sandbox):
    for number in range(12):
        shop.subscribe(shop.bind(make_subscriber(f"person{number}")))
    stripe_sandbox.deliver()
    renew(stripe_sandbox)
    for person in Customer.objects.all():
        held(stripe_sandbox, person).clear()


def test_a_sample_is_of_that_size_and_another_in_each_run(stripe_sandbox, crowd_of_linked):
    samples = []
    for _ in range(6):
        before = asked(stripe_sandbox)
        report = verify(4)
        assert asked(stripe_sandbox) - before == 4
        samples.append(frozenset(entry.object_id for entry in report.drift))
        assert len(samples[-1]) == 4
    assert len(set(samples)) > 1


def test_a_sample_is_the_same_when_the_run_is_resumed(stripe_sandbox, crowd_of_linked):
    from django_stripe_billing.reconcile import Report, execute, resume

    broken = Fault(path=PATH, skip=3, status=503, times=-1)
    stripe_sandbox.engine.faults.append(broken)
    first = verify(4)
    assert first.exit_code == 2
    before = {entry.object_id for entry in first.drift}
    stripe_sandbox.engine.faults.clear()
    whole = Report(run=execute(resume()))
    after = {entry.object_id for entry in whole.drift}
    assert before < after
    assert (len(before), len(after)) == (3, 4)


@pytest.mark.parametrize("number", [12, 500, -1])
def test_all_are_asked_about_where_there_are_no_more(stripe_sandbox, crowd_of_linked, number):
    assert len({entry.object_id for entry in verify(number).drift}) == 12


def test_one_customer_alone(stripe_sandbox, crowd_of_linked):
    person = Customer.objects.last()
    report = verify(2, customer_id=person.stripe_id)
    assert {entry.object_id for entry in report.drift} == {person.stripe_id}


def test_nobody_is_asked_about_who_is_unlinked_deleted_or_has_nothing(
    shop, stripe_sandbox, bound, other_subscriber
):
    shop.bind(other_subscriber)
    made = shop.add_customer()
    items = [{"price": shop.pro_monthly["id"]}]
    shop.call("POST", "/v1/subscriptions", {"customer": made["id"], "items": items})
    stripe_sandbox.deliver()
    verify()
    assert asked(stripe_sandbox) == 0


def test_more_features_than_a_page_holds_are_all_read(shop, stripe_sandbox, bound, renewed):
    rows = held(stripe_sandbox, bound)
    for number in range(230):
        rows[f"feat_{number}"] = {
            "id": f"ent_{number}",
            "object": "entitlements.active_entitlement",
            "feature": f"feat_{number}",
            "lookup_key": f"key{number}",
        }
    report = verify()
    assert asked(stripe_sandbox) == 3
    assert kinds(report) == {"feature_unknown"}
    assert len(report.drift) == 230


def test_a_customer_that_stripe_does_not_have_stops_nothing(stripe_sandbox, bound, renewed):
    state = stripe_sandbox.engine.state
    state.remove(state.objects[bound.stripe_id])
    assert verify().exit_code == 0


@pytest.mark.parametrize("status", [403, 503, 0])
def test_an_answer_that_does_not_come_makes_the_run_incomplete(stripe_sandbox, renewed, status):
    stripe_sandbox.engine.faults.append(Fault(path=PATH, status=status, times=-1))
    assert verify().exit_code == 2
    assert not ReconcileRun.objects.first().is_complete


def test_the_command_takes_a_number_or_all(stripe_sandbox, renewed, capsys):
    call_command("reconcile_entitlements", "--verify-features", "all")
    told = capsys.readouterr()
    assert "about 10 calls" in told.err
    assert told.out.strip().endswith("0 drift, 1 subscription, 9 calls")
