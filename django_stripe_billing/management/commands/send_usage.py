"""`manage.py send_usage`: metered usage from the outbox to Stripe."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import astuple
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...conf import settings
from ...exceptions import BillingError
from ...models import UsageRecord
from ...stripe_api import TokenBucket
from ...usage import send_usage

LIVE_RATE, TEST_RATE = 100.0, 20.0
"""Calls a second; Stripe takes 1,000 meter events a second with a live key.
https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api"""


class Command(BaseCommand):
    help = (
        "Sends the reported usage to Stripe as meter events, oldest first, each counted once. Run"
        " it from cron every few minutes, or with --watch in a container. Several may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--watch",
            type=float,
            metavar="SECONDS",
            help="Repeat for ever, with that pause when nothing is left.",
        )
        parser.add_argument(
            "--rate",
            type=float,
            help=f"Calls a second (default {LIVE_RATE:.0f} live, {TEST_RATE:.0f} in test mode).",
        )
        parser.add_argument("--batch", type=int, default=100, help="Records claimed at a time.")

    def handle(self, *args: Any, **options: Any) -> None:
        rate = options["rate"] or (LIVE_RATE if settings.livemode else TEST_RATE)
        if rate <= 0 or options["batch"] < 1 or (options["watch"] or 1) <= 0:
            raise CommandError("--rate, --batch and --watch take numbers over 0.")
        pace = TokenBucket(rate=rate)
        stopping = threading.Event()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        while True:
            try:
                done = send_usage(pace, batch=options["batch"], until=stopping.is_set)
            except BillingError as error:
                raise CommandError(f"{type(error).__name__}: {error}") from None
            waiting = UsageRecord.objects.filter(state=UsageRecord.State.PENDING).count()
            if any(astuple(done)) or not options["watch"]:
                unclear = f", {done.unclear:,} for a person" if done.unclear else ""
                aside = f", {done.aside:,} set aside" if done.aside else ""
                self.stdout.write(
                    f"{done.sent:,} sent, {done.refused:,} refused,"
                    f" {waiting:,} waiting{aside}{unclear}"
                )
            if not options["watch"] or stopping.is_set():
                if done.left:
                    raise CommandError("Stripe does not answer; nothing is lost. Run it again.")
                return
            deadline = time.monotonic() + options["watch"]
            while time.monotonic() < deadline and not stopping.is_set():
                time.sleep(min(0.2, options["watch"]))
