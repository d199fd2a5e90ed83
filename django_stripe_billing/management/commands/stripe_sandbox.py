"""`manage.py stripe_sandbox`: a stand-in for Stripe on this machine."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...conf import settings
from ...sandbox.deliveries import HttpDeliveries
from ...sandbox.engine import RETRY_DAYS, EndOfDunning, Engine
from ...sandbox.server import SandboxServer


class Command(BaseCommand):
    help = (
        "Serves a stand-in for the part of Stripe that this package uses: its API, a checkout page"
        " and a customer portal. Nothing is kept when it stops. Set"
        ' STRIPE_BILLING["API_BASE"] to the address that it prints. Refuses to run without DEBUG.'
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=12111, help="0 picks a free one.")
        parser.add_argument(
            "--forward-to",
            default="",
            metavar="URL",
            help="Your webhook, for example http://127.0.0.1:8000/billing/webhook/.",
        )
        parser.add_argument(
            "--secret",
            default="",
            help='Signs the webhooks; without it the first of STRIPE_BILLING["WEBHOOK_SECRETS"].',
        )
        parser.add_argument(
            "--connect-secret",
            default="",
            help="Signs the webhooks of connected accounts; without it the first of"
            ' STRIPE_BILLING["CONNECT_WEBHOOK_SECRETS"].',
        )
        parser.add_argument(
            "--retry-days",
            type=_days,
            default=RETRY_DAYS,
            metavar="DAYS",
            help="Days after the first failure on which an invoice is charged again, for example"
            " 3,5,7 (the default); none for no retries.",
        )
        parser.add_argument(
            "--end-of-dunning",
            choices=get_args(EndOfDunning),
            default="cancel",
            help="What becomes of a subscription when the last attempt has failed.",
        )
        parser.add_argument(
            "--port-file", type=Path, help="A file to write the port to, once it listens."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not django_settings.DEBUG:
            raise CommandError(
                "The sandbox lets everybody in without paying: it runs with DEBUG = True only."
            )
        secret = options["secret"] or next(iter(settings.webhook_secrets), "")
        if options["forward_to"] and not secret:
            raise CommandError(
                "Webhooks need a signing secret: pass --secret whsec_…, or set"
                ' STRIPE_BILLING["WEBHOOK_SECRETS"].'
            )
        if options["forward_to"] and not _is_address(options["forward_to"]):
            raise CommandError(
                f"--forward-to takes a URL such as http://127.0.0.1:8000/billing/webhook/, not"
                f" {options['forward_to']!r}."
            )
        engine = self.engine(options)
        deliveries = HttpDeliveries(
            engine,
            options["forward_to"],
            secret=secret,
            connect_secret=options["connect_secret"]
            or next(iter(settings.connect_webhook_secrets), ""),
        )
        try:
            server = SandboxServer(engine, deliveries, host=options["host"], port=options["port"])
        except OSError as error:
            raise CommandError(
                f"Can't listen on {options['host']}:{options['port']}: {error.strerror}."
                " Pass another --port, or --port 0 for a free one."
            ) from None
        self._announce(server, options["forward_to"])
        if options["port_file"]:
            options["port_file"].write_text(str(server.server_address[1]))
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: _interrupt())
        try:
            server.run()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def engine(self, options: dict[str, Any]) -> Engine:
        """The account that these options describe."""
        return Engine(retry_days=options["retry_days"], end_of_dunning=options["end_of_dunning"])

    def _announce(self, server: SandboxServer, forward_to: str) -> None:
        self.stdout.write(f"Stripe sandbox on {server.url}")
        self.stdout.write(f'  STRIPE_BILLING["API_BASE"] = "{server.url}"')
        target = forward_to or "webhook endpoints made over the API only (or pass --forward-to)"
        self.stdout.write(f"  webhooks go to {target}")
        self.stdout.flush()


def _days(text: str) -> tuple[int, ...]:
    """`3,5,7`, or `none`."""
    if text == "none":
        return ()
    days = tuple(int(day) if day.strip().isdecimal() else 0 for day in text.split(","))
    if days[0] < 1 or list(days) != sorted(set(days)):
        raise ArgumentTypeError(f"{text!r} is no list of days in order, such as 3,5,7, nor none.")
    return days


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _interrupt() -> None:
    raise KeyboardInterrupt
