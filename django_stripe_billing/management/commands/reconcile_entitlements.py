"""`manage.py reconcile_entitlements`: the nightly proof that both sides agree."""

from __future__ import annotations

import logging
import re
import signal
import sys
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import Sum
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ...exceptions import BillingError
from ...models import ReconcileRun
from ...reconcile import ChangeLimit, Options, Report, begin, discard, estimate, execute, resume
from ...reconcile.formats import WRITERS
from ...reconcile.notifying import notify, notify_failure
from ...rules.drift import Kind
from ...stripe_api import without_secrets

logger = logging.getLogger("django_stripe_billing.reconcile")

_AGO = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

EPILOG = (
    "Exit codes: 0 both sides agree, or everything was repaired; 1 drift is left; 2 an error, or"
    " not everything was compared. Kinds of drift: " + ", ".join(kind.value for kind in Kind) + "."
)


class Command(BaseCommand):
    help = (
        "Compares every subscription at Stripe with the database, both ways, and reports each"
        " difference. Changes nothing unless --apply is given. Run it from cron every night, with"
        " --apply once you trust it."
    )

    # Run in `handle`: a failed check must exit with 2, and Django would exit with 1.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = EPILOG
        what = parser.add_argument_group("what is compared")
        what.add_argument("--customer", default="", metavar="cus_…", help="This customer alone.")
        what.add_argument(
            "--since",
            type=_moment,
            metavar="WHEN",
            help="Only subscriptions created since: a date, a moment (UTC), or 30d, 12h.",
        )
        what.add_argument("--account", default="", metavar="acct_…", help="A connected account.")
        what.add_argument(
            "--only", nargs="+", type=_kind, default=[], metavar="KIND", help="These kinds alone."
        )
        what.add_argument(
            "--events",
            action="store_true",
            help="First look for events that never arrived, and process them.",
        )
        what.add_argument(
            "--payments",
            action="store_true",
            help="Compare one-off payments although none is known here; else they are compared"
            " where one is, or a price that is paid once.",
        )
        what.add_argument(
            "--verify-features",
            type=_sample,
            metavar="N",
            help="Cross-check N customers, or `all`, with Stripe's own active entitlements.",
        )
        repair = parser.add_argument_group("what is repaired")
        repair.add_argument("--apply", action="store_true", help="Repair what differs.")
        repair.add_argument(
            "--max-changes",
            type=_limit,
            default=ChangeLimit(number=10, is_share=True),
            metavar="N|N%",
            help="Stop repairing before more subscriptions than that were changed: a number, or a"
            " share of the live ones (default 10%%; a share never means less than 10, and does not"
            " count what is new here).",
        )
        repair.add_argument(
            "--allow-empty",
            action="store_true",
            help="Go on although Stripe lists no subscription, or the account is another one.",
        )
        how = parser.add_argument_group("how it runs")
        how.add_argument("--resume", action="store_true", help="Go on with a run that broke off.")
        how.add_argument(
            "--restart", action="store_true", help="Give up a run that broke off, and begin anew."
        )
        how.add_argument(
            "--rate",
            type=_rate,
            metavar="N",
            help="Calls to Stripe a second (default 20 with a live key, 10 with a test key).",
        )
        how.add_argument(
            "--workers",
            type=_workers,
            default=1,
            metavar="N",
            help="Threads, or with --distribute tasks.",
        )
        how.add_argument(
            "--distribute",
            action="store_true",
            help="Let workers of Django's task framework do it; this command waits for them.",
        )
        how.add_argument(
            "--watch", type=_minutes, metavar="MINUTES", help="Repeat for ever, with that pause."
        )
        told = parser.add_argument_group("what is told")
        told.add_argument("--format", choices=sorted(WRITERS), default="table")
        told.add_argument(
            "--fail-on",
            nargs="+",
            type=_kind,
            default=[],
            metavar="KIND",
            help="Exit with 1 for drift of these kinds alone.",
        )
        told.add_argument("--quiet", action="store_true", help="Say nothing where all is well.")
        told.add_argument(
            "--notify",
            action="store_true",
            help="Send the drift_found signal, and an e-mail to ADMINS, where not all was well.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._check_options(options)
        with _ending_softly():
            while True:
                try:
                    code = self._once(options)
                except KeyboardInterrupt:
                    text = "Interrupted; --resume goes on from here."
                    raise CommandError(text, returncode=2) from None
                if not options["watch"]:
                    break
                try:
                    time.sleep(options["watch"] * 60)
                except KeyboardInterrupt:
                    break
                close_old_connections()  # the database may have hung up meanwhile
                options = {**options, "resume": False, "restart": True}
        if code:
            sys.exit(code)

    def _check_options(self, options: dict[str, Any]) -> None:
        customer = options["customer"]
        if customer and not customer.startswith("cus_"):
            raise CommandError(
                f"--customer takes a Stripe customer, cus_…, not {customer!r}.", returncode=2
            )
        if options["resume"] and options["restart"]:
            raise CommandError(
                "--resume goes on with the old run, --restart gives it up: take one.", returncode=2
            )

    def _once(self, options: dict[str, Any]) -> int:
        try:
            if not options.get("skip_checks"):  # as call_command() asks
                self.check()
            run = self._begun(options)
            with self._progress(run, is_quiet=options["quiet"]) as tell:
                execute(run, tell=tell)
            report = Report(run=run, fail_on=frozenset(options["fail_on"]))
            self._write(report, options)
            if options["notify"]:
                notify(report)
        except CommandError as error:
            return self._failed(str(error), options)
        except (BillingError, DatabaseError, InterfaceError, ImproperlyConfigured) as error:
            return self._failed(without_secrets(f"{type(error).__name__}: {error}"), options)
        except Exception as error:  # 1 would mean that drift is left
            logger.exception("reconcile_entitlements failed")
            return self._failed(without_secrets(f"{type(error).__name__}: {error}"), options)
        return report.exit_code

    def _failed(self, text: str, options: dict[str, Any]) -> int:
        """An error ends the command, unless it watches: then the next turn may go well."""
        if options["notify"]:
            notify_failure(text)
        if not options["watch"]:
            raise CommandError(text, returncode=2) from None
        self.stderr.write(self.style.ERROR(text))
        return 2

    def _begun(self, options: dict[str, Any]) -> ReconcileRun:
        account = options["account"]
        if options["resume"]:
            return self._resumed(account, apply=options["apply"])
        if options["restart"]:
            discard(account)
        asked = Options(
            apply=options["apply"],
            account=account,
            customer_id=options["customer"],
            since=options["since"],
            only=frozenset(options["only"]),
            max_changes=options["max_changes"],
            rate=options["rate"],
            workers=options["workers"],
            is_distributed=options["distribute"],
            allow_empty=options["allow_empty"],
            events=options["events"],
            payments=options["payments"],
            verify_features=options["verify_features"],
        )
        if not options["quiet"]:
            plan = estimate(asked)
            self.stderr.write(
                f"{plan.subscriptions:,} subscriptions are stored:"
                f" about {plan.calls:,} calls to Stripe."
            )
        return begin(asked)

    def _resumed(self, account: str, *, apply: bool) -> ReconcileRun:
        last = ReconcileRun.objects.filter(account=account).order_by("-pk").first()
        if apply and last is not None and not last.is_complete and not last.is_applying:
            raise CommandError(
                f"Run {last.pk} was begun without --apply, and a resumed run goes on as it was"
                " begun. Finish it without --apply, or begin anew: --restart --apply."
            )
        return resume(account)

    @contextmanager
    def _progress(self, run: ReconcileRun, *, is_quiet: bool) -> Iterator[Any]:
        """A bar on a terminal; elsewhere a line for each tenth."""
        total = estimate(Options.from_json(run.options)).subscriptions
        done = run.windows.aggregate(done=Sum("compared"))["done"] or 0
        if is_quiet:
            yield lambda number: None
        elif sys.stderr.isatty():
            columns = (
                TextColumn("subscriptions"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
                task = bar.add_task("subscriptions", total=total or None, completed=done)
                yield lambda number: bar.advance(task, number)
        else:
            yield _Lines(self.stderr.write, total=total, done=done)

    def _write(self, report: Report, options: dict[str, Any]) -> None:
        is_well = report.exit_code == 0 and not report.run.drift_found
        if options["quiet"] and is_well and options["format"] == "table":
            return
        WRITERS[options["format"]](report, cast(TextIO, self.stdout))


@contextmanager
def _ending_softly() -> Iterator[None]:
    """SIGTERM leaves a checkpoint like Ctrl-C, as long as the block lasts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class _Rate(ProgressColumn):
    """Subscriptions a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s")


class _Lines:
    """Tells of each tenth in a line of its own."""

    def __init__(self, write: Any, *, total: int, done: int = 0) -> None:
        self._write = write
        self._step = max(total // 10, 1_000)
        self._next = done + self._step
        self._done = self._before = done
        self._total = total
        self._started = time.monotonic()

    def __call__(self, number: int) -> None:
        self._done += number
        if self._done >= self._next:
            self._next += self._step
            done = self._done - self._before
            rate = done / max(time.monotonic() - self._started, 0.001)
            self._write(f"{self._done:,} of {self._total:,} compared, {rate:,.0f}/s")


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise ArgumentTypeError(f"{text!r} is no kind of drift. Kinds: {known}") from None


def _limit(text: str) -> ChangeLimit:
    try:
        return ChangeLimit.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _sample(text: str) -> int:
    if text == "all":
        return -1
    return _whole(text, lowest=1)


def _whole(text: str, *, lowest: int, highest: int = 1_000_000_000) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ArgumentTypeError(f"{text!r} is no whole number from {lowest:,} to {highest:,}.")
    return int(text)


def _workers(text: str) -> int:
    return _whole(text, lowest=1, highest=64)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 100_000:
        raise ArgumentTypeError(f"{text!r} is no number of calls a second.")
    return rate


def _minutes(text: str) -> int:
    return _whole(text, lowest=1, highest=100_000)


def _moment(text: str) -> int:
    """Unix seconds of a date, a moment, or a time ago."""
    ago = _AGO.fullmatch(text)
    if ago:
        return int(time.time() - timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds())
    try:
        moment = parse_datetime(text)
        day = parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        raise ArgumentTypeError(f"{text!r} is no date: write 2026-11-24, or 30d for 30 days ago.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
