"""manage.py sync_catalog: Stripe's catalog into the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...catalog import sync_catalog
from ...exceptions import BillingError


class Command(BaseCommand):
    help = "Mirrors Stripe's features, products and prices into the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", default="", help="Mirror this connected account (acct_…).")
        parser.add_argument(
            "--accept-missing",
            action="store_true",
            help="Mark the stored products as deleted even if Stripe has none of them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summary = sync_catalog(
                account=options["account"], accept_missing=options["accept_missing"]
            )
        except BillingError as error:
            raise CommandError(
                f"{error}\nThe catalog is not fully mirrored. Run sync_catalog again when this is"
                " mended."
            ) from None
        self.stdout.write(f"{summary}")
