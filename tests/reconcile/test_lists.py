"""Stripe's list in every shape in which it may arrive, whole or broken."""

import json

import pytest

from django_stripe_billing.exceptions import ReconcileRefusedError
from django_stripe_billing.models import Drift, Entitlement, ReconcileRun, Subscription
from django_stripe_billing.reconcile import ChangeLimit, Report, begin, execute, reconcile, resume
from django_stripe_billing.reconcile.options import Options
from django_stripe_billing.rules.drift_kinds import Kind

from .crowd import crowd, hide, show
from .database import database, kinds

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ChangeLimit.parse("100%")
ONLY_MISSING = frozenset({Kind.SUBSCRIPTION_MISSING_AT_STRIPE})
SUBSCRIPTIONS = frozenset(kind for kind in Kind if kind.value.startswith("subscription_"))


@pytest.fixture
def people(shop, stripe_sandbox):
    """250 subscriptions that are stored, three in each second: seconds lie across page ends."""
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, 250, per_second=3)
    assert reconcile(apply=True, max_changes=ALL).run.listed == 250
    stripe_sandbox.advance(10)
    return rows


def compare(**values):
    """A run of what lists alone show."""
    return reconcile(**{"only": SUBSCRIPTIONS, **values})


def resumed():
    return Report(run=execute(resume()))


# Whole lists


@pytest.mark.parametrize("per_second", [1, 7, 100, 250, 1000])
@pytest.mark.parametrize("number", [99, 100, 101, 200, 301])
def test_no_second_of_creation_confuses_the_two_directions(
    shop, stripe_sandbox, number, per_second
):
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, number, per_second=per_second)
    reconcile(apply=True, max_changes=ALL)
    stripe_sandbox.advance(10)
    clean = compare()
    assert (clean.drift, clean.errors) == ([], [])
    assert (clean.run.listed, clean.run.compared) == (number, number)
    gone = rows[:: max(number // 6, 1)]
    for row in gone:
        stripe_sandbox.engine.state.remove(row)
    found = compare()
    assert found.errors == []
    assert {entry.object_id for entry in found.drift} == {row["id"] for row in gone}
    assert kinds(found) == {Kind.SUBSCRIPTION_MISSING_AT_STRIPE}


@pytest.mark.parametrize("parts", [2, 4, 64])
def test_windows_together_list_everything_once(people, parts, monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.run.WINDOWS_PER_WORKER", parts)
    run = begin(Options(workers=2, only=SUBSCRIPTIONS))
    run.options["workers"] = 1  # one thread works on all of them
    report = Report(run=execute(run))
    assert report.run.windows.count() > parts
    assert (report.drift, report.errors) == ([], [])
    assert (report.run.listed, report.run.compared) == (250, 250)


def test_since_leaves_out_what_is_older(people, stripe_sandbox):
    new = people[-90:]
    for row in (people[0], new[0], new[-1]):
        stripe_sandbox.engine.state.remove(row)
    report = compare(since=new[0]["created"])
    older = [row for row in people[:-90] if row["created"] == new[0]["created"]]
    assert report.run.listed == 88 + len(older)
    assert {entry.object_id for entry in report.drift} == {new[0]["id"], new[-1]["id"]}


def test_since_in_the_future_is_refused(people, stripe_sandbox):
    with pytest.raises(ReconcileRefusedError, match="future"):
        compare(since=stripe_sandbox.engine.now + 60)
    assert ReconcileRun.objects.count() == 1


def test_since_holds_for_one_customer_too(people, stripe_sandbox):
    mine = people[100]
    report = compare(customer_id=mine["customer"], since=mine["created"] + 1)
    assert (report.run.listed, report.errors) == (0, [])
    assert compare(customer_id=mine["customer"]).run.listed == 1


def test_a_customer_on_a_test_clock_is_compared_though_its_clock_is_ahead(people, stripe_sandbox):
    ahead = stripe_sandbox.engine.state.objects[people[5]["id"]]
    ahead |= {"test_clock": "clock_1", "created": stripe_sandbox.engine.now + 10_000_000}
    report = compare(customer_id=ahead["customer"])
    assert (report.run.listed, report.run.compared, report.errors) == (1, 1, [])
    assert kinds(report) == {"subscription_fields"}


@pytest.fixture
def answering(stripe_sandbox, settings):
    """`answering(change)`: change pages of subscriptions; `change(number, page, asked)`."""
    from django_stripe_billing.stripe_api import CallableHTTPClient

    def start(change):
        inner, pages = stripe_sandbox.engine.handle, []

        def handle(method, asked, body, headers):
            answer = inner(method, asked, body, headers)
            if not asked.startswith("/v1/subscriptions?") or answer.status != 200:
                return answer
            page = answer.json()
            pages.append(page)
            changed = change(len(pages), page, asked)
            data = json.dumps(page if changed is None else changed).encode()
            return type(answer)(status=200, headers=answer.headers, body=data)

        settings.STRIPE_BILLING = {
            **settings.STRIPE_BILLING,
            "HTTP_CLIENT": CallableHTTPClient(handle),
        }

    return start


def test_short_pages_with_more_to_come_are_whole(people, answering, stripe_sandbox):
    def shorten(number, page, asked):
        page["data"] = page["data"][: 7 if number % 2 else 40]
        page["has_more"] = page["data"][-1]["id"] != people[0]["id"]

    answering(shorten)
    report = compare()
    assert (report.drift, report.errors) == ([], [])
    assert (report.run.listed, report.run.compared) == (250, 250)


def test_subscriptions_in_an_older_shape_are_equal_all_the_same(people, answering):
    """Before basil the period stood on the subscription, and prices were plans."""

    def age(number, page, asked):
        for row in page["data"]:
            for item in row["items"]["data"]:
                row["current_period_start"] = item.pop("current_period_start")
                row["current_period_end"] = item.pop("current_period_end")
            row["latest_invoice"] = {"id": row["latest_invoice"], "object": "invoice"}

    answering(age)
    report = reconcile(only=SUBSCRIPTIONS | {Kind.PRICE_UNKNOWN, Kind.FEATURE_UNKNOWN})
    assert (report.drift, report.errors) == ([], [])
    assert report.run.compared == 250


def test_an_unknown_price_is_told_also_of_subscriptions_in_an_older_shape(people, answering):
    def age(number, page, asked):
        for row in page["data"]:
            row["latest_invoice"] = {"id": row["latest_invoice"], "object": "invoice"}

    answering(age)
    from django_stripe_billing.models import Price

    Price.objects.all().delete()
    report = reconcile(only=frozenset({Kind.PRICE_UNKNOWN}))
    assert kinds(report) == {"price_unknown"}


@pytest.mark.parametrize("status", [None, [], {}, 7])
def test_a_status_that_is_no_text_grants_nothing_and_stops_nothing(people, answering, status):
    def spoil(number, page, asked):
        page["data"][0]["status"] = status

    answering(spoil)
    report = compare()
    assert report.run.compared == report.run.listed == 250


# Broken lists


def test_a_cursor_that_is_gone_is_replaced_by_its_second(people, stripe_sandbox, answering):
    state = stripe_sandbox.engine.state
    deleted = []

    def delete(number, page, asked):
        if number <= 2:
            deleted.append(page["data"][-1]["id"])
            state.remove(state.objects[deleted[-1]])

    answering(delete)
    report = compare()
    assert (report.errors, report.drift) == ([], [])
    assert report.run.listed == report.run.compared == 250
    found = compare()
    assert {entry.object_id for entry in found.drift} == set(deleted)


def test_a_resumed_run_whose_cursor_is_gone_goes_on(people, stripe_sandbox):
    from django_stripe_billing.sandbox import Fault

    broken = Fault(path="/v1/subscriptions", skip=1, status=500, times=-1)
    stripe_sandbox.engine.faults.append(broken)
    assert compare().exit_code == 2
    stripe_sandbox.engine.faults.clear()
    window = ReconcileRun.objects.first().windows.get()
    stripe_sandbox.engine.state.remove(stripe_sandbox.engine.state.objects[window.cursor])
    report = resumed()
    assert (report.errors, report.drift, report.exit_code) == ([], [], 0)
    assert report.run.listed == report.run.compared == 250


def check_nothing_was_concluded(report, before):
    assert report.exit_code == 2
    assert report.errors
    assert not report.run.is_complete
    assert database() == before
    assert Entitlement.objects.count() == 500


@pytest.mark.parametrize("lost", [slice(0, 5), slice(100, 110), slice(-5, None)])
def test_rows_that_a_list_leaves_out_are_never_revoked(people, stripe_sandbox, lost):
    before = database()
    hide(stripe_sandbox.engine, *people[lost])
    check_nothing_was_concluded(reconcile(apply=True), before)


def test_a_list_that_loses_a_page_in_the_middle_revokes_nothing(people, stripe_sandbox):
    before = database()
    hide(stripe_sandbox.engine, *people[50:150])
    report = reconcile(apply=True)
    check_nothing_was_concluded(report, before)
    assert "100 live subscriptions are not in Stripe's list" in report.errors[0]


def test_a_list_that_ends_early_revokes_nothing(people, answering):
    def end(number, page, asked):
        if number == 2:
            page["has_more"] = False

    before = database()
    answering(end)
    check_nothing_was_concluded(reconcile(apply=True), before)
    answering(lambda number, page, asked: None)


def test_a_list_that_is_empty_revokes_nothing(people, answering):
    before = database()
    answering(lambda number, page, asked: {**page, "data": [], "has_more": False})
    report = reconcile(apply=True)
    check_nothing_was_concluded(report, before)
    assert "lists no subscription at all" in report.errors[0]


@pytest.mark.parametrize(
    "page",
    [
        {"data": [], "has_more": True},
        {"data": None, "has_more": False},
        {"data": [None], "has_more": False},
        {"data": [{"id": "sub_x", "customer": "cus_x"}], "has_more": True},
        {"data": [{"id": "sub_x", "customer": "cus_x", "created": "today"}], "has_more": True},
        {},
    ],
)
def test_a_page_that_makes_no_sense_revokes_nothing(people, answering, page):
    before = database()
    answering(lambda number, whole, asked: page if number > 1 else None)
    check_nothing_was_concluded(reconcile(apply=True), before)


def test_a_row_without_an_id_makes_the_run_incomplete(people, answering):
    def spoil(number, page, asked):
        if number == 1:
            page["data"][3]["id"] = page["data"][4]["id"] = None

    answering(spoil)
    report = compare()
    assert report.exit_code == 2
    assert any("250 subscriptions were listed" in error for error in report.errors)


def test_a_cut_list_is_noticed_whatever_kinds_are_asked_for(people, stripe_sandbox):
    hide(stripe_sandbox.engine, *people[:3])
    report = reconcile(only=frozenset({Kind.SUBSCRIPTION_STATUS}))
    assert (report.exit_code, report.drift) == (2, [])
    assert len(report.errors) == 3


def test_what_is_missing_is_not_told_where_nobody_asked(people, stripe_sandbox):
    stripe_sandbox.engine.state.remove(people[7])
    report = reconcile(apply=True, only=frozenset({Kind.SUBSCRIPTION_STATUS}))
    assert (report.exit_code, report.drift) == (0, [])
    assert Subscription.objects.get(stripe_id=people[7]["id"]).status == "active"


# Resuming after a broken list


def test_a_run_that_saw_a_cut_list_lists_it_anew_when_it_is_resumed(people, stripe_sandbox):
    hide(stripe_sandbox.engine, *people[100:103])
    assert compare(apply=True).exit_code == 2
    again = resumed()
    assert again.exit_code == 2
    assert len(again.errors) == 3
    show(stripe_sandbox.engine, *people[100:103])
    whole = resumed()
    assert (whole.exit_code, whole.errors, whole.drift) == (0, [], [])
    assert whole.run.listed == whole.run.compared == 250


@pytest.mark.parametrize("lost", [slice(0, 250), slice(0, 100)])
def test_a_run_that_saw_far_too_little_can_be_resumed_with_a_whole_list(
    people, stripe_sandbox, lost
):
    hide(stripe_sandbox.engine, *people[lost])
    broken = compare(apply=True)
    assert broken.exit_code == 2
    show(stripe_sandbox.engine, *people[lost])
    stripe_sandbox.engine.state.remove(people[20])
    whole = resumed()
    assert (whole.exit_code, whole.errors) == (0, [])
    assert [(entry.object_id, entry.state) for entry in whole.drift] == [
        (people[20]["id"], "repaired")
    ]


def test_what_could_not_be_read_is_read_when_the_run_is_resumed(people, stripe_sandbox, answering):
    def spoil(number, page, asked):
        if number == 1:
            page["data"][3]["customer"] = None

    answering(spoil)
    assert compare().exit_code == 2
    whole = resumed()
    assert (whole.exit_code, whole.errors) == (0, [])


def test_only_the_windows_with_errors_are_listed_anew(people, stripe_sandbox, monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.run.WINDOWS_PER_WORKER", 3)
    run = begin(Options(workers=2, only=SUBSCRIPTIONS))
    run.options["workers"] = 1
    run.save()
    hide(stripe_sandbox.engine, people[0])
    assert execute(run).is_complete is False
    show(stripe_sandbox.engine, people[0])
    asked = stripe_sandbox.engine.requests
    asked.clear()
    assert resumed().exit_code == 0
    assert [path for _method, path in asked].count("/v1/subscriptions") == 1


def test_too_many_missing_ones_do_not_hinder_allow_empty(people, stripe_sandbox, monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.working.MOST_MISSING", 50)
    monkeypatch.setattr("django_stripe_billing.reconcile.working.MOST_ROWS", 60)
    for row in people:
        stripe_sandbox.engine.state.remove(row)
    report = compare(apply=True, allow_empty=True, max_changes=ALL)
    assert (report.errors, report.exit_code) == ([], 0)
    assert set(Subscription.objects.values_list("status", flat=True)) == {"missing"}
    assert Drift.objects.filter(run=report.run).count() == 250
