"""A renewal fails: the grace period, its end by the clock alone, and the recovery."""

from __future__ import annotations

import html
import re

import requests

from .stage import Stage
from .telling import Teller
from .visitor import Visitor

HOUR = 3_600
TEAM = "Cobol Works"

AROUND_THE_END = f"""
from datetime import timedelta
from unittest.mock import patch

from django.utils import timezone
from django_stripe_billing.access import dunning_of, explain, has_feature
from teams.models import Team

team = Team.objects.get(name={TEAM!r})
end = dunning_of(team).access_ends_at
for minutes in (-1, 1):
    with patch.object(timezone, "now", return_value=end + timedelta(minutes=minutes)):
        print(has_feature(team, "reports"))
        explanation = explain(team, "reports")
print(explanation)
"""
"""With the site's clock a minute before the grace is over, and a minute after."""

IN_ANOTHER_MONTH = f"""
from datetime import timedelta
from unittest.mock import patch

from django.utils import timezone
from django_stripe_billing.access import has_feature
from teams.models import Team

later = timezone.now() + timedelta(days=45)
with patch.object(timezone, "now", return_value=later):
    print(has_feature(Team.objects.get(name={TEAM!r}), "reports"))
"""

EMAILS = """
from django_stripe_billing.models import EmailMessage

for row in EmailMessage.objects.filter(status="sent").order_by("pk"):
    print(f"e-mail to {row.recipient}: {row.subject}")
"""


class FailedRenewal(Teller):
    """Grace's team has a monthly plan; her card has no money left."""

    def __init__(self, stage: Stage, grace: Visitor, *, chapters: int) -> None:
        super().__init__(stage, chapters=chapters)
        self._grace = grace

    def tell(self) -> None:
        """Every chapter. Raises AssertionError where one does not hold."""
        link = self._renewal_fails()
        self._the_clock_ends_it()
        self._recovery(link)

    def _renewal_fails(self) -> str:
        """The address of the unpaid invoice."""
        self._chapter(f"A month goes by, and the card of {TEAM} is declined at the renewal")
        self._stage.operate("decline", code="insufficient_funds")
        self._stage.operate("advance", interval="month")
        self._stage.operate("advance", seconds=2 * HOUR)
        self._stage.operate("wait")
        banner = self._banner()
        self._held("Your last payment failed" in banner, "the site says so:")
        self._print(_text(banner))
        found = re.search(r'href="([^"]+)"', banner)
        assert found, "the banner has no link to pay"
        link = html.unescape(found[1])
        invoice = requests.get(link, timeout=30)
        self._held(
            link.startswith(self._stage.sandbox) and "9.00 USD" in invoice.text,
            '"Pay now" leads to the invoice, on Stripe\'s page',
        )
        self._held(self._grace.may_read_reports(), "access goes on: a grace period runs")
        self._print_explanation(TEAM)
        return link

    def _the_clock_ends_it(self) -> None:
        self._chapter("What if nobody pays, and no webhook ever comes again?")
        before, after, *explanation = self._shell(AROUND_THE_END).strip().splitlines()
        self._held(before == "True", "a minute before the grace is over, the reports are open")
        self._held(after == "False", "a minute later they are not: the clock alone has ended it")
        self._print("\n".join(explanation))
        assert "the grace period is over" in "\n".join(explanation)

    def _recovery(self, link: str) -> None:
        self._chapter("Grace presses the button: try the card again")
        self._stage.operate("decline", code="insufficient_funds")
        answer = self._grace.submit("/team/", "/billing/retry/")
        self._held(
            answer.status_code == 402 and "insufficient funds" in answer.text,
            "it is declined once more, and the page says why",
        )
        self._say("She follows the link, and pays with another card on Stripe's page")
        self._held(self._grace.pay(link).status_code == 303, "Stripe takes the money")
        self._until(lambda: not self._banner(), "the webhook comes, and the warning is gone")
        self._held(self._grace.may_read_reports(), "the reports are open")
        self._held(self._shell(IN_ANOTHER_MONTH).strip() == "True", "and will be for another month")
        self._say("What the site has written meanwhile:")
        written = self._shell(EMAILS)
        assert "to grace@example.com: Your payment of $9.00 failed" in written
        assert "to grace@example.com: Your payment of $9.00 for Starter" in written
        self._print(written)

    def _banner(self) -> str:
        """The warning on the team's page, as HTML; '' where there is none."""
        found = re.search(
            r'<div class="billing-banner".*?</div>', self._grace.get("/team/").text, re.DOTALL
        )
        return found[0] if found else ""


def _text(markup: str) -> str:
    """What a visitor reads."""
    words = html.unescape(re.sub(r"<[^>]+>", " ", markup)).split()
    return " ".join(words)
