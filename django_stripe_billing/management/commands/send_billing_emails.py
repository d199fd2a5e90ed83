from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...emails import send_email, unsent_emails
from ...models import EmailMessage


class Command(BaseCommand):
    help = (
        "Send the e-mails that failed, and those that a process left behind. For a cron job, every"
        " few minutes; ends with 1 when one still can't be sent."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        outcomes = [send_email(row.pk) for row in list(unsent_emails())]
        sent = outcomes.count(EmailMessage.Status.SENT)
        failed = outcomes.count(EmailMessage.Status.FAILED)
        if options["verbosity"] > 0:
            self.stdout.write(f"{sent} sent, {failed} failed")
        if failed:
            raise SystemExit(1)
