"""Reconcile runs and drift in the admin, over real requests."""

import csv
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import (
    Customer,
    Drift,
    EntitlementChange,
    ReconcileRun,
    ReconcileWindow,
    Subscription,
)
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.reconcile.ownership import at_work, this_process
from django_stripe_billing.rules.drift_kinds import MEANINGS, Kind
from django_stripe_billing.sandbox import Fault

from ..statements import statements
from ..threads import needs_threads, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.patience.LONGEST_PAUSE", 0)
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)


@pytest.fixture
def ended(shop, stripe_sandbox, bought):
    """A subscription that ended at Stripe while nobody listened."""
    stripe_sandbox.advance(100)
    shop.call("DELETE", f"/v1/subscriptions/{bought['id']}")
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    return bought


@pytest.fixture
def drift(ended):
    """What a dry run finds of it."""
    reconcile()
    return Drift.objects.get(kind="subscription_status")


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


def text_of(answer):
    return answer.content.decode()


def selected(*rows, **values):
    return {"action": "repair", "_selected_action": [row.pk for row in rows], **values}


def confirmed(*rows):
    return selected(*rows, confirmed="yes")


def add_runs(number, **values):
    """Complete runs, a day after each other."""
    return [
        ReconcileRun.objects.create(
            **{
                "state": "complete",
                "started_at": timezone.now() - timedelta(days=number - index),
                "drift_found": index % 7,
                "drift_left": index % 3,
                "options": {"customer_id": ""},
                **values,
            }
        )
        for index in range(number)
    ]


def add_drift(run, number, **values):
    return [
        Drift.objects.create(
            run=run, **{"kind": "subscription_status", "object_id": f"sub_{index}", **values}
        )
        for index in range(number)
    ]


# Runs


def test_the_list_of_runs_says_what_each_found(admin, drift):
    text = text_of(admin.get(page("reconcilerun_changelist")))
    assert "dry run" in text
    assert re.search(r'field-found">2<', text)
    assert re.search(r'field-left">2<', text)
    assert re.search(r'field-outcome">complete<', text)


def test_the_history_is_a_table_that_the_page_draws(admin):
    runs = add_runs(70)
    text = text_of(admin.get(page("reconcilerun_changelist")))
    table = text[text.index("<table data-chart") : text.index("</figure>")]
    shown = [int(number) for number in re.findall(r"</th><td>(\d+)</td>", table)]
    assert shown == [run.pk for run in runs[-60:]]
    last = runs[-1]
    assert table.count(f'data-value="{last.drift_left}"') >= 1
    assert "last 60 runs" in text


def test_the_history_is_that_of_the_filtered_runs(admin):
    add_runs(3)
    add_runs(2, options={"customer_id": "cus_1"})
    for scope, number in (("all", 3), ("one", 2)):
        text = text_of(admin.get(page("reconcilerun_changelist"), {"scope": scope}))
        assert f"last {number} runs" in text


def test_one_run_is_no_history(admin):
    add_runs(1)
    assert "data-chart" not in text_of(admin.get(page("reconcilerun_changelist")))


def test_the_pages_have_no_inline_script_or_style_of_ours(admin, drift):
    add_runs(3)
    pages = [
        admin.get(page("reconcilerun_changelist")),
        admin.get(page("reconcilerun_change", drift.run_id)),
        admin.get(page("drift_changelist")),
        admin.get(page("drift_change", drift.pk)),
        admin.post(page("drift_changelist"), selected(drift)),
    ]
    for answer in pages:
        assert answer.status_code == 200
        text = text_of(answer)
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)
        assert "<style" not in text
        assert not re.search(r"\s(style|on\w+)=", text)
        assert not re.search(r'(src|href)="(https?:)?//(?!dashboard\.stripe\.com)', text)


def test_the_files_of_the_chart_are_ours_and_need_nothing_more():
    for name in ("admin.css", "charts.js", "vendor/chart.umd.min.js"):
        found = finders.find(f"stripe_billing/{name}")
        assert found
        assert "sourceMappingURL" not in Path(found).read_text()


def test_the_runs_page_shows_the_report(admin, drift):
    run = drift.run
    ReconcileRun.objects.update(
        errors=["It was <b>cut</b> short."], notes={"unknown status <i>": 3}, state="incomplete"
    )
    text = text_of(admin.get(page("reconcilerun_change", run.pk)))
    assert "The run is incomplete" in text
    assert "It was &lt;b&gt;cut&lt;/b&gt; short." in text
    assert "unknown status &lt;i&gt; (3 times): it grants nothing here." in text
    assert "$20.00" in text
    assert str(MEANINGS[Kind.SUBSCRIPTION_STATUS].sentence) in text
    assert page("drift_change", drift.pk) in text
    assert f"{page('drift_changelist')}?run={run.pk}" in text
    assert "Parts of the account" in text


def test_the_verdict_is_a_sentence(admin):
    for values, said in (
        ({"drift_found": 0, "drift_left": 0}, "Stripe and the database agree."),
        ({"drift_found": 2, "drift_left": 0}, "Everything that differed is repaired."),
        ({"drift_found": 2, "drift_left": 1}, "Stripe and the database differ."),
        ({"state": "incomplete"}, "Run it again"),
        ({"state": "running", "owner": "gone:1:1"}, "has broken off"),
    ):
        [run] = add_runs(1, beat_at=timezone.now() - timedelta(days=1), **values)
        assert said in text_of(admin.get(page("reconcilerun_change", run.pk)))
    [run] = add_runs(1, state="running", owner=this_process())
    with at_work(run):
        text = text_of(admin.get(page("reconcilerun_change", run.pk)))
    assert "still under way" in text
    assert "--resume" not in text


def test_a_broken_off_run_is_not_called_running(admin):
    add_runs(1, state="running", owner="gone:1:1", beat_at=timezone.now() - timedelta(days=1))
    assert 'field-outcome">broken off<' in text_of(admin.get(page("reconcilerun_changelist")))


def test_the_page_of_a_large_run_shows_the_first_and_leads_to_the_others(admin):
    [run] = add_runs(1)
    add_drift(run, 60)
    text = text_of(admin.get(page("reconcilerun_change", run.pk)))
    assert text.count('"billing-object">sub_') == 50
    assert "All drift of this run" in text


# The report as a file


@pytest.mark.parametrize("form", ["html", "csv", "json"])
def test_the_report_is_a_file_that_nobody_keeps(admin, drift, form):
    answer = admin.get(page("reconcilerun_report", drift.run_id, form))
    text = b"".join(answer.streaming_content).decode()
    assert drift.object_id in text
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert f"reconcile-run-{drift.run_id}.{form}" in answer["Content-Disposition"]
    assert answer["Content-Disposition"].startswith("attachment") is (form != "html")
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    if form == "json":
        assert json.loads(text)["drift_found"] == 2
    elif form == "csv":
        assert [row["kind"] for row in csv.DictReader(text.splitlines())] == [
            "subscription_status",
            "subscription_cancellation",
        ]


def test_the_report_is_for_those_who_may_see_the_run(staff, drift):
    client = staff("view_drift")
    url = page("reconcilerun_report", drift.run_id, "json")
    assert client.get(url).status_code == 403
    client.logout()
    assert client.get(url).status_code == 302


def test_there_is_no_other_report(admin):
    [run] = add_runs(1)
    for path in ((run.pk, "table"), (run.pk, "exe"), (run.pk + 1, "json"), ("x", "json")):
        assert admin.get(page("reconcilerun_report", *path)).status_code == 404


def test_hostile_values_do_nothing_in_the_report(admin):
    [run] = add_runs(1)
    add_drift(run, 1, here="<script>alert(1)</script>", subscriber="=cmd()")
    for form in ("html", "csv", "json"):
        answer = admin.get(page("reconcilerun_report", run.pk, form))
        text = b"".join(answer.streaming_content).decode()
        if form == "html":
            assert "<script>alert" not in text
        if form == "csv":
            assert "'=cmd()" in text


# Drift


def test_the_drift_page_says_what_it_means_and_where_to_look(admin, drift, subscriber):
    text = text_of(admin.get(page("drift_change", drift.pk)))
    assert "The status differs." in text
    assert "It is read from Stripe again" in text
    assert page("subscription_change", Subscription.objects.get().pk) in text
    assert page("customer_change", Customer.objects.get().pk) in text
    assert f"https://dashboard.stripe.com/test/subscriptions/{drift.object_id}" in text
    assert 'rel="noopener noreferrer"' in text


def test_each_kind_has_its_page(admin):
    [run] = add_runs(1)
    for kind, meaning in MEANINGS.items():
        [row] = add_drift(run, 1, kind=kind, object_id="x")
        text = text_of(admin.get(page("drift_change", row.pk)))
        assert meaning.sentence.replace("'", "&#x27;") in text
        assert ('value="Repair"' in text) is bool(meaning.repair)
        assert ('value="Look again"' in text) is not bool(meaning.repair)


def test_a_kind_of_a_newer_version_is_shown_all_the_same(admin):
    [run] = add_runs(1)
    [row] = add_drift(run, 1, kind="subscription_colour")
    for url in (
        page("drift_change", row.pk),
        page("drift_changelist"),
        page("reconcilerun_change", run.pk),
    ):
        text = text_of(admin.get(url))
        assert "subscription colour" in text or "subscription_colour" in text


def test_drift_is_filtered_and_found(admin):
    run, _other = add_runs(2)
    add_drift(run, 2, kind="price_unknown")
    add_drift(run, 2, kind="customer_missing", state="repaired")
    add_drift(run, 2, kind="event_failed", state="failed")
    add_drift(run, 1, customer_id="cus_7", subscriber="ada")
    for values, number in (
        ({}, 7),
        ({"state": "left"}, 5),
        ({"state": "repaired"}, 2),
        ({"kind__exact": "price_unknown"}, 2),
        ({"q": "cus_7"}, 1),
        ({"q": "ada"}, 1),
        ({"run": run.pk}, 7),
        ({"run": "999999"}, 0),
        ({"run": "x' or 1"}, 0),
        ({"run": "9" * 40}, 0),
    ):
        answer = admin.get(page("drift_changelist"), values)
        assert answer.context_data["cl"].result_count == number, values


def test_the_filter_by_run_offers_the_newest_and_the_chosen(admin):
    runs = add_runs(15)
    add_drift(runs[0], 1)
    answer = admin.get(page("drift_changelist"), {"run": str(runs[0].pk)})
    assert answer.context_data["cl"].result_count == 1
    offered = answer.context_data["cl"].filter_specs[0].lookup_choices
    assert len(offered) == 11


def test_hostile_values_are_escaped(admin):
    [run] = add_runs(1, stripe_account_id="<script>x", options={"customer_id": "<img src=x>"})
    nasty = "<script>alert(1)</script>"
    [row] = add_drift(
        run,
        1,
        object_id=f"sub_{nasty}",
        subject=nasty,
        customer_id=nasty,
        subscriber=nasty,
        here=nasty * 400,
        stripe=nasty,
        error=nasty,
    )
    for answer in (
        admin.get(page("drift_changelist")),
        admin.get(page("drift_change", row.pk)),
        admin.get(page("reconcilerun_changelist")),
        admin.get(page("reconcilerun_change", run.pk)),
        admin.post(page("drift_changelist"), selected(row)),
        admin.post(page("drift_changelist"), confirmed(row), follow=True),
    ):
        assert answer.status_code == 200
        assert "<script>alert" not in text_of(answer)
        assert "<script>x" not in text_of(answer)
        assert "<img src=x>" not in text_of(answer)


def test_the_pages_keep_their_number_of_queries(admin, drift):
    counts = {}

    def measure():
        for name, arguments in (
            ("reconcilerun_changelist", ()),
            ("reconcilerun_change", (drift.run_id,)),
            ("drift_changelist", ()),
            ("drift_change", (drift.pk,)),
        ):
            with statements() as asked:
                assert admin.get(page(name, *arguments)).status_code == 200
            counts.setdefault(name, []).append(len(asked))

    add_runs(2)
    measure()
    measure()
    for run in add_runs(12):
        add_drift(run, 6)
    add_drift(drift.run, 40, amount=500, currency="eur")
    for number in range(8):
        ReconcileWindow.objects.create(
            run=drift.run, created_from=number, created_before=number + 1, lowest=number
        )
    measure()
    print(f"statements of each page, with few rows twice and then many: {counts}")
    assert all(few == many for _first, few, many in counts.values()), counts


# Repairing


def test_the_action_asks_before_it_does_anything(admin, drift, subscriber):
    answer = admin.post(page("drift_changelist"), selected(drift))
    text = text_of(answer)
    assert "looked at again at Stripe" in text
    assert drift.object_id in text
    assert "It is read from Stripe again" in text
    assert has_feature(subscriber, "reports")
    assert LogEntry.objects.count() == 0
    drift.refresh_from_db()
    assert drift.state == "found"


def test_confirmed_it_repairs_and_leaves_log_entries(admin, drift, subscriber):
    other = Drift.objects.get(kind="subscription_cancellation")
    answer = admin.post(page("drift_changelist"), confirmed(drift, other), follow=True)
    assert "Repair: 2 done." in text_of(answer)
    assert not has_feature(subscriber, "reports")
    assert set(Drift.objects.values_list("state", flat=True)) == {"repaired"}
    change = EntitlementChange.objects.filter(kind="revoked").first()
    assert (change.cause_kind, change.cause_id) == ("person", "root")
    entries = {entry.object_id: entry for entry in LogEntry.objects.all()}
    assert set(entries) == {str(drift.pk), str(other.pk)}
    assert "reports revoked" in "".join(entry.change_message for entry in entries.values())


def test_the_button_repairs_too(admin, drift, subscriber):
    answer = admin.post(page("drift_repair", drift.pk), follow=True)
    assert "repaired: reports revoked, seats revoked" in text_of(answer)
    assert not has_feature(subscriber, "reports")
    assert 'value="Repair"' not in text_of(answer)


def test_a_second_click_does_nothing_more(admin, drift):
    for _click in range(2):
        answer = admin.post(page("drift_repair", drift.pk), follow=True)
    assert "Nothing to do: repaired already." in text_of(answer)
    assert EntitlementChange.objects.filter(kind="revoked").count() == 2


@needs_threads
def test_two_clicks_at_once_repair_once(admin, drift, django_user_model):
    user = django_user_model.objects.get(username="root")

    def click():
        client = Client()
        client.force_login(user)
        return client.post(page("drift_repair", drift.pk)).status_code

    assert together(click, click, click) == [302, 302, 302]
    assert EntitlementChange.objects.filter(kind="revoked").count() == 2
    assert set(Drift.objects.values_list("state", flat=True)) == {"repaired"}
    assert LogEntry.objects.count() == 3


def test_what_somebody_else_repaired_between_the_two_pages_is_left_alone(admin, drift):
    admin.post(page("drift_changelist"), selected(drift))
    reconcile(apply=True)
    Drift.objects.filter(pk=drift.pk).update(state="repaired")
    before = EntitlementChange.objects.count()
    answer = admin.post(page("drift_changelist"), confirmed(drift), follow=True)
    assert answer.status_code == 200
    assert EntitlementChange.objects.count() == before


def test_what_a_webhook_put_right_meanwhile_is_told_to_be_gone(admin, drift):
    reconcile(apply=True)
    answer = admin.post(page("drift_repair", drift.pk), follow=True)
    assert "does not differ any more" in text_of(answer)
    drift.refresh_from_db()
    assert drift.state == "gone"


def test_stripe_down_is_a_message_and_can_be_tried_again(admin, stripe_sandbox, drift):
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = admin.post(page("drift_changelist"), confirmed(drift), follow=True)
    assert answer.status_code == 200
    assert 'class="error"' in text_of(answer)
    drift.refresh_from_db()
    assert (drift.state, bool(drift.error)) == ("failed", True)
    stripe_sandbox.engine.faults.clear()
    admin.post(page("drift_changelist"), confirmed(drift))
    drift.refresh_from_db()
    assert drift.state == "repaired"


def test_what_only_a_person_can_settle_is_said_so(admin, drift):
    customer = Customer.objects.get()
    Customer.objects.update(subscriber=None)
    Drift.objects.filter(pk=drift.pk).update(kind="customer_unlinked", object_id=customer.stripe_id)
    text = text_of(admin.post(page("drift_changelist"), selected(drift)))
    assert "Only a person can settle it:" in text
    answer = admin.post(page("drift_changelist"), confirmed(drift), follow=True)
    assert "Link the customer to its subscriber" in text_of(answer)
    drift.refresh_from_db()
    assert drift.state == "found"


def test_too_many_at_once_are_refused_before_the_question(admin, stripe_sandbox):
    [run] = add_runs(1)
    rows = add_drift(run, 101)
    before = len(stripe_sandbox.engine.requests)
    answer = admin.post(page("drift_changelist"), confirmed(*rows), follow=True)
    assert "at most 100 at once" in text_of(answer)
    assert len(stripe_sandbox.engine.requests) == before


def test_repairs_work_where_every_request_is_a_transaction(admin, drift):
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        answer = admin.post(page("drift_changelist"), confirmed(drift), follow=True)
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert "Repair: 1 done." in text_of(answer)


def test_repairs_are_posted_with_a_token(drift, django_user_model):
    django_user_model.objects.create_superuser("root", "root@example.com", "x")
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.get(username="root"))
    assert client.post(page("drift_repair", drift.pk)).status_code == 403
    assert client.post(page("drift_changelist"), confirmed(drift)).status_code == 403
    assert client.get(page("drift_repair", drift.pk)).status_code == 405
    drift.refresh_from_db()
    assert drift.state == "found"


# Permissions


def test_support_may_look_and_sees_no_action(staff, drift):
    client = staff("view_drift", "view_reconcilerun")
    for name, arguments in (
        ("drift_changelist", ()),
        ("drift_change", (drift.pk,)),
        ("reconcilerun_changelist", ()),
        ("reconcilerun_change", (drift.run_id,)),
    ):
        answer = client.get(page(name, *arguments))
        assert answer.status_code == 200
        assert "Repair selected" not in text_of(answer)
        assert 'value="Repair"' not in text_of(answer)
        assert "deletelink" not in text_of(answer)
    assert page("customer_change", Customer.objects.get().pk) not in text_of(
        client.get(page("drift_change", drift.pk))
    )
    assert client.post(page("drift_repair", drift.pk)).status_code == 403
    client.post(page("drift_changelist"), confirmed(drift))
    drift.refresh_from_db()
    assert drift.state == "found"
    assert LogEntry.objects.count() == 0


def test_who_may_repair_repairs(staff, drift):
    client = staff("view_drift", "repair_drift")
    assert "Repair selected" in text_of(client.get(page("drift_changelist")))
    client.post(page("drift_changelist"), confirmed(drift))
    drift.refresh_from_db()
    assert drift.state == "repaired"
    assert EntitlementChange.objects.filter(cause_kind="person", cause_id="sam").exists()


def test_who_may_see_runs_alone_gets_no_links_to_drift(staff, drift):
    client = staff("view_reconcilerun")
    text = text_of(client.get(page("reconcilerun_change", drift.run_id)))
    assert page("drift_changelist") not in text
    assert client.get(page("drift_changelist")).status_code == 403


def test_who_may_repair_but_not_view_does_nothing(staff, drift):
    client = staff("repair_drift")
    assert client.post(page("drift_repair", drift.pk)).status_code == 403
    assert client.post(page("drift_changelist"), confirmed(drift)).status_code == 403


# Nothing is changed otherwise


@pytest.mark.parametrize("model", ["drift", "reconcilerun"])
def test_nothing_is_added_or_changed(admin, drift, model):
    row = drift if model == "drift" else drift.run
    assert admin.get(page(f"{model}_add")).status_code == 403
    assert admin.post(page(f"{model}_change", row.pk), {"state": "repaired"}).status_code == 403


def test_drift_is_not_deleted(admin, drift):
    assert admin.post(page("drift_delete", drift.pk), {"post": "yes"}).status_code == 403
    assert Drift.objects.count() == 2


def test_an_old_run_is_deleted_with_its_drift(admin, drift):
    add_runs(1, stripe_account_id=drift.run.stripe_account_id)
    text = text_of(admin.get(page("reconcilerun_delete", drift.run_id)))
    assert "Are you sure" in text
    admin.post(page("reconcilerun_delete", drift.run_id), {"post": "yes"})
    assert ReconcileRun.objects.count() == 1
    assert (Drift.objects.count(), ReconcileWindow.objects.count()) == (0, 0)


def test_the_newest_run_stays(admin, drift):
    url = page("reconcilerun_delete", drift.run_id)
    assert admin.post(url, {"post": "yes"}).status_code == 403
    values = {
        "action": "delete_selected",
        "_selected_action": [drift.run_id],
        "post": "yes",
    }
    admin.post(page("reconcilerun_changelist"), values)
    assert ReconcileRun.objects.count() == 1


def test_a_run_that_is_needed_keeps_the_others_of_a_selection(admin):
    old, newest = add_runs(2)
    values = {"action": "delete_selected", "_selected_action": [old.pk, newest.pk], "post": "yes"}
    text = text_of(admin.post(page("reconcilerun_changelist"), values))
    assert "protected" in text
    assert ReconcileRun.objects.count() == 2
    values["_selected_action"] = [old.pk]
    admin.post(page("reconcilerun_changelist"), values)
    assert list(ReconcileRun.objects.all()) == [newest]


def test_a_run_that_is_under_way_stays(admin):
    active, _later = add_runs(2)
    ReconcileRun.objects.filter(pk=active.pk).update(active_for="account ", state="running")
    assert admin.post(page("reconcilerun_delete", active.pk), {"post": "yes"}).status_code == 403


def test_who_may_not_delete_runs_does_not(staff, drift):
    add_runs(1)
    client = staff("view_reconcilerun")
    assert (
        client.post(page("reconcilerun_delete", drift.run_id), {"post": "yes"}).status_code == 403
    )
