"""The command: what it takes, what it says, how it ends."""

import csv
import json
import re
import signal
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import django
import jsonschema
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from django_stripe_billing.management.commands import reconcile_entitlements as command
from django_stripe_billing.models import Customer, Drift, Entitlement, ReconcileRun, Subscription
from django_stripe_billing.reconcile import Options, Report, begin, formats, reconcile
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.signals import drift_found

from .crowd import crowd
from .planting import link_all

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "reconcile.schema.json").read_text())


def run(*arguments):
    """Exit code, output and complaints."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("reconcile_entitlements", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def drifting(shop, stripe_sandbox, subscription, bound):
    """A subscription that ended unheard, and an entitlement with an evil name."""
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    Subscription.objects.update(latest_invoice_id="=cmd|' /C calc'!A0")
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    return subscription


# Formats


def test_the_schema_is_one_and_knows_every_kind_and_state():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    drift = SCHEMA["$defs"]["drift"]["properties"]
    assert drift["kind"]["enum"] == [kind.value for kind in Kind]
    assert set(drift["state"]["enum"]) == set(Drift.State.values) - {"gone"}


@pytest.mark.parametrize("options", [(), ("--apply",), ("--only", "subscription_status")])
def test_json_is_as_the_schema_says(drifting, options):
    code, out, _err = run("--format", "json", *options)
    data = json.loads(out)
    jsonschema.validate(data, SCHEMA)
    assert data["exit_code"] == code
    assert len(data["drift"]) == data["drift_found"] > 0


def test_json_of_a_clean_run_and_of_a_broken_one_is_as_the_schema_says(
    shop, stripe_sandbox, subscription
):
    code, out, _err = run("--format", "json")
    jsonschema.validate(json.loads(out), SCHEMA)
    assert (code, json.loads(out)["drift"]) == (0, [])
    stripe_sandbox.engine.state.objects[subscription["id"]]["status"] = "hibernating"
    fault = Fault(path="/v1/subscriptions", skip=1, status=500, times=-1)
    stripe_sandbox.engine.faults.append(fault)
    code, out, _err = run("--format", "json")
    data = json.loads(out)
    jsonschema.validate(data, SCHEMA)
    assert code == data["exit_code"] == 2
    assert data["errors"]


def evil(run, **values):
    return Drift.objects.create(
        run=run,
        **{
            "kind": "customer_unlinked",
            "object_id": "cus_1",
            "subject": "=1+1",
            "customer_id": "+cus",
            "subscriber": "@ada\n<script>alert(1)</script>",
            "here": '-2+3"; <img src=x onerror=alert(1)>',
            "stripe": "\x1b[31m[bold]red[/bold] \x07",
            "error": "\t=HYPERLINK(1)",
            "amount": -5,
            "currency": "usd",
            **values,
        },
    )


def written(report, format):
    out = StringIO()
    formats.WRITERS[format](report, out)
    return out.getvalue()


@pytest.fixture
def evil_report(db):
    made = ReconcileRun.objects.create(state="complete", drift_found=1, notes={"<b>x": 1})
    made.errors = ["<script>no</script> [link=evil]"]
    evil(made)
    return Report(run=made)


def test_csv_holds_no_formula(evil_report):
    [row] = csv.DictReader(StringIO(written(evil_report, "csv")))
    for name in ("subject", "customer", "subscriber", "here", "error"):
        assert row[name].startswith("'"), name
    assert row["subject"] == "'=1+1"
    assert row["amount"] == "-5"  # a number of ours
    assert tuple(row) == formats.COLUMNS


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.addresses = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.addresses += [
            value for name, value in attributes if name in {"src", "href", "action", "srcset"}
        ]


def test_html_is_escaped_and_loads_nothing(evil_report):
    page = written(evil_report, "html")
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe", "b", "object"} & set(tags.found)
    assert tags.addresses
    assert all(re.match(r"/admin/|https://dashboard\.stripe\.com/", at) for at in tags.addresses)
    assert "&lt;script&gt;" in page
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_html_leads_to_the_admin_and_to_stripe(drifting, settings):
    report = reconcile()
    entry = report.drift[0]
    admin = f"/admin/stripe_billing/drift/{entry.pk}/change/"
    assert formats._linked(entry)["admin_url"] in {"", admin}
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_BASE": ""}
    at_stripe = f"https://dashboard.stripe.com/test/subscriptions/{drifting['id']}"
    assert f'href="{at_stripe}"' in written(report, "html")
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_BASE": "http://127.0.0.1:1"}
    assert "dashboard.stripe.com" not in written(report, "html")


def test_the_table_neither_takes_markup_nor_controls_the_terminal(evil_report):
    text = written(evil_report, "table")
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]red[/bold]" in text.replace("\n", "")
    assert "[link=evil]" in text


@pytest.mark.parametrize("format", sorted(formats.WRITERS))
def test_every_format_tells_of_each_difference(drifting, format):
    code, out, _err = run("--format", format)
    assert code == 1
    assert out.count("subscription_cancellation") >= 1
    assert drifting["id"] in re.sub(r"\s", "", out)


# Exit codes


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (["entitlement_extra"], 0),
        (["subscription_status"], 1),
        (["customer_missing", "subscription_status"], 1),
    ],
)
def test_fail_on_chooses_what_makes_the_exit_code_1(drifting, kinds, code):
    ended, out, _err = run("--fail-on", *kinds)
    assert ended == code
    assert "subscription_status" in out


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, RuntimeError, KeyError])
def test_whatever_goes_wrong_ends_with_2_and_never_with_1(subscription, monkeypatch, error):
    def failing(*args, **kwargs):
        raise error("no sk_test_abcdefgh1234")

    monkeypatch.setattr(command, "execute", failing)
    code, _out, err = run()
    assert code == 2
    assert error.__name__ in err
    assert "sk_test" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--customer", "ada@example.com"),
        ("--resume", "--restart"),
        ("--resume",),
        ("--only", "nothing"),
        ("--rate", "0"),
        ("--rate", "nan"),
        ("--workers", "0"),
        ("--max-changes", "101%"),
        ("--since", "yesterday"),
        ("--since", "2999-01-01"),
        ("--verify-features", "0"),
        ("--verify-features", "some"),
        ("--watch", "0"),
        ("--fail-on", "x"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2_before_anything_is_compared(
    subscription, arguments, capsys
):
    runs = ReconcileRun.objects.count()
    with pytest.raises(SystemExit) as end:
        command.Command().run_from_argv(["manage.py", "reconcile_entitlements", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err
    assert ReconcileRun.objects.count() == runs


PARSED = {
    "--only",
    "--rate",
    "--workers",
    "--max-changes",
    "--since",
    "--verify-features",
    "--watch",
    "--fail-on",
}
"""`call_command` raises a plain CommandError for these; from a shell argparse exits with 2."""


def test_a_key_of_the_other_mode_is_refused(subscription):
    Customer.objects.update(livemode=True)
    code, _out, err = run("--apply")
    assert code == 2
    assert "of live mode" in err
    assert Entitlement.objects.count() == 2


def test_a_key_of_another_account_is_refused(shop, stripe_sandbox, subscription):
    assert run()[0] == 0
    stripe_sandbox.engine.state.account_id = "acct_other"
    code, _out, err = run("--apply")
    assert code == 2
    assert "acct_other" in err
    assert run("--allow-empty")[0] == 0


# Resuming


def test_a_dry_run_is_not_silently_resumed_as_a_dry_run_where_repairs_are_asked_for(subscription):
    begin(Options())
    code, _out, err = run("--resume", "--apply")
    assert code == 2
    assert "begun without --apply" in err
    assert run("--resume")[0] == 0


def test_restart_gives_the_old_run_up(subscription):
    broken = begin(Options())
    assert run()[0] == 2
    assert run("--restart")[0] == 0
    broken.refresh_from_db()
    assert (broken.state, broken.active_for) == ("incomplete", None)


# What is told


def test_quiet_says_nothing_where_all_is_well(subscription):
    assert run("--quiet") == (0, "", "")
    assert run("--quiet", "--apply", "--events", "--verify-features", "all") == (0, "", "")


def test_quiet_tells_of_drift_also_where_it_was_repaired(drifting):
    code, out, err = run("--quiet", "--apply")
    assert (code, err) == (0, "")
    assert "subscription_status" in out


def test_quiet_still_writes_whole_json(subscription):
    code, out, _err = run("--quiet", "--format", "json")
    assert (code, json.loads(out)["drift"]) == (0, [])


def test_the_calls_are_told_before_it_starts(subscription):
    _code, _out, err = run()
    assert err.splitlines()[0] == "1 subscriptions are stored: about 9 calls to Stripe."
    later = datetime.fromtimestamp(subscription["created"] + 1, UTC).isoformat()
    assert "0 subscriptions are stored" in run("--since", later)[2]


def test_progress_is_told_in_lines_where_there_is_no_terminal(shop, stripe_sandbox):
    rows = crowd(stripe_sandbox.engine, shop.pro_monthly, 2_500)
    stripe_sandbox.drop()
    link_all(rows)
    run("--apply")
    _code, _out, err = run()
    lines = err.splitlines()[1:]
    assert [line.split(",")[0:2] for line in lines] == [["1", "000 of 2"], ["2", "000 of 2"]]
    assert all(re.fullmatch(r"[\d,]+ of 2,500 compared, [\d,]+/s", line) for line in lines)


def test_a_bar_is_drawn_on_a_terminal(subscription, monkeypatch):
    class Terminal(StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(command.sys, "stderr", terminal)
    assert run()[0] == 0
    assert "subscriptions" in terminal.getvalue()


def told_admins():
    """What was mailed to the admins; customers get their own."""
    return [message for message in mail.outbox if message.to == ["root@example.com"]]


@pytest.fixture
def admins(settings):
    address = "root@example.com"
    settings.ADMINS = [address if django.VERSION >= (6,) else ("Root", address)]
    return settings


@pytest.fixture
def told(db):
    """The runs that drift_found was sent for."""
    runs = []

    def tell(sender, run, **values):
        runs.append(run)

    drift_found.connect(tell)
    yield runs
    drift_found.disconnect(tell)


def test_notify_tells_programs_and_people(drifting, admins, told):
    assert run("--notify")[0] == 1
    assert [run.drift_left for run in told] == [3]
    [message] = told_admins()
    assert "3 drift left" in message.subject
    assert drifting["id"] in message.body
    assert "--apply" in message.body


def test_notify_says_nothing_where_all_is_well(subscription, admins, told):
    assert run("--notify")[0] == 0
    assert (told, told_admins()) == ([], [])


def test_notify_tells_of_what_was_repaired(drifting, admins, told):
    assert run("--notify", "--apply")[0] == 0
    assert len(told) == len(told_admins()) == 1


def test_notify_tells_of_a_run_that_could_not_begin(subscription, stripe_sandbox, admins):
    stripe_sandbox.engine.faults.append(Fault(status=401, times=-1))
    assert run("--notify")[0] == 2
    [message] = told_admins()
    assert "error" in message.subject
    assert "StripeAuthenticationError" in message.body


def test_without_notify_nobody_is_told(drifting, admins, told):
    run("--apply")
    assert (told, told_admins()) == ([], [])


# Watching


@pytest.fixture
def sleeping(monkeypatch):
    """Sleeping takes no time; `turns` are done in the pauses, and then somebody stops it."""
    turns, slept = [], []

    def sleep(seconds):
        slept.append(seconds)
        if not turns:
            raise KeyboardInterrupt
        turns.pop(0)()

    monkeypatch.setattr(command.time, "sleep", sleep)
    return turns, slept


def test_watch_repeats_until_it_is_stopped_and_ends_with_the_last_code(
    shop, stripe_sandbox, subscription, sleeping
):
    turns, slept = sleeping

    def lose():
        shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
        stripe_sandbox.drop()
        stripe_sandbox.advance(10)

    turns[:] = [lambda: None, lose]
    code, out, _err = run("--watch", "7", "--quiet")
    assert (code, slept) == (1, [420] * 3)
    assert ReconcileRun.objects.count() == 3
    assert "subscription_status" in out


def test_watch_outlives_errors_and_broken_runs(stripe_sandbox, subscription, sleeping, monkeypatch):
    turns, _slept = sleeping
    faults = stripe_sandbox.engine.faults
    execute, attempts = command.execute, []

    def unlucky(run, **values):
        attempts.append(run)
        if len(attempts) == 1:
            raise OperationalError("the database has gone away")
        return execute(run, **values)

    monkeypatch.setattr(command, "execute", unlucky)
    faults.append(Fault(status=401, times=-1))
    turns[:] = [faults.clear, lambda: None]
    code, _out, err = run("--watch", "1", "--quiet")
    assert code == 0
    assert "StripeAuthenticationError" in err
    assert "gone away" in err
    assert [run.state for run in ReconcileRun.objects.order_by("pk")] == ["incomplete", "complete"]


def test_what_is_wrong_from_the_start_ends_watch(db):
    assert run("--watch", "1", "--customer", "ada")[0] == 2


# Signals


def test_sigterm_is_as_it_was_when_the_command_has_ended(subscription):
    def ours(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, ours)
    try:
        run()
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)
