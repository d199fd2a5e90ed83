"""`manage.py reconcile_entitlements`: the nightly proof that both sides agree."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections

from ...exceptions import BillingError
from ...models import ReconcileRun
from ...reconcile import TENTH, Options, Report, begin, discard, estimate, execute, resume
from ...reconcile.formats import WRITERS
from ...reconcile.notifying import notify, notify_failure
from ...rules.drift_kinds import Kind
from ...stripe_api import without_secrets
from .. import arguments
from ..progress import progress

logger = logging.getLogger("django_stripe_billing.reconcile")

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
            type=arguments.moment,
            metavar="WHEN",
            help="Only subscriptions created since: a date, a moment (UTC), or 30d, 12h.",
        )
        what.add_argument("--account", default="", metavar="acct_…", help="A connected account.")
        what.add_argument(
            "--only",
            nargs="+",
            type=arguments.kind,
            default=[],
            metavar="KIND",
            help="These kinds alone.",
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
            type=arguments.sample,
            metavar="N",
            help="Cross-check N customers, or `all`, with Stripe's own active entitlements.",
        )
        repair = parser.add_argument_group("what is repaired")
        repair.add_argument("--apply", action="store_true", help="Repair what differs.")
        repair.add_argument(
            "--max-changes",
            type=arguments.limit,
            default=TENTH,
            metavar="N|N%",
            help="Stop repairing before more subscriptions than that were changed: a number, or a"
            " share of the live ones, to which what is new here does not count. By default 10%%, no"
            " less than 10, of changes that take access away; those that give it do not count.",
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
            type=arguments.rate,
            metavar="N",
            help="Calls to Stripe a second (default 20 with a live key, 10 with a test key).",
        )
        how.add_argument(
            "--workers",
            type=arguments.workers,
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
            "--watch",
            type=arguments.minutes,
            metavar="MINUTES",
            help="Repeat for ever, with that pause.",
        )
        told = parser.add_argument_group("what is told")
        told.add_argument("--format", choices=sorted(WRITERS), default="table")
        told.add_argument(
            "--fail-on",
            nargs="+",
            type=arguments.kind,
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
            with progress(run, self.stderr.write, is_quiet=options["quiet"]) as tell:
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
