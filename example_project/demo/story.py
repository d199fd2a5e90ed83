"""The main job, told as it happens: buy → webhook → access → inspect → reconcile → renew."""

from __future__ import annotations

import re
import time

from .renewal import FailedRenewal
from .telling import Teller
from .visitor import Visitor


class Story(Teller):
    """Ada and Grace, two teams' owners, and what the site makes of what Stripe says."""

    _ada: Visitor
    _grace: Visitor

    def tell(self) -> None:
        """Every chapter. Raises AssertionError where one does not hold."""
        started = time.monotonic()
        self._set_up()
        self._nobody_gets_in_without_paying()
        self._declined_card()
        self._redirect_is_not_payment()
        self._webhook_opens_the_door()
        self._explain()
        self._buying_twice()
        self._cancel()
        self._lose_webhooks()
        self._reconcile()
        FailedRenewal(self._stage, self._grace, chapters=self._number).tell()
        self._stage.close()
        print(f"\nThat was the whole story, in {time.monotonic() - started:.0f} seconds.")

    def _set_up(self) -> None:
        self._chapter("An empty database, a sandbox for Stripe, and a small SaaS")
        started = time.monotonic()
        self._stage.manage("migrate", "--verbosity", "0")
        seconds = time.monotonic() - started
        self._say(f"migrated a fresh SQLite file in {seconds:.1f} s, process start included")
        self._stage.manage("seed")
        self._stage.open()
        self._say(f"site {self._stage.site}, sandbox {self._stage.sandbox}")
        pushed = self._stage.manage("push_catalog", "plans.toml")
        self._say(f"pushed plans.toml: {_outcome(pushed)}")
        again = self._stage.manage("push_catalog", "plans.toml")
        self._say(f"pushed it again:   {_outcome(again)}")

    def _nobody_gets_in_without_paying(self) -> None:
        self._chapter("Ada signs in. Her team, Analytical Engines, has not paid")
        self._ada = Visitor(self._stage.site, "ada")
        self._held(self._ada.get("/reports/").status_code == 403, "GET /reports/ answers 403")
        self._held(
            self._ada.get("/api/reports/").status_code == 403, "GET /api/reports/ answers 403"
        )

    def _declined_card(self) -> None:
        self._chapter("She presses Subscribe, and her first card is declined")
        self._url = self._ada.start_checkout("team_monthly", quantity=2)
        self._held(self._url.startswith(self._stage.sandbox), "the site sends her to Stripe's page")
        again = self._ada.start_checkout("team_monthly", quantity=2)
        self._held(again == self._url, "a second click leads to the same open session")
        answer = self._ada.pay(self._url, card="4000 0000 0000 0002")
        self._held(answer.status_code == 402, "the page says that the card was declined")
        self._held(not self._ada.may_read_reports(), "nothing is granted")

    def _redirect_is_not_payment(self) -> None:
        self._chapter("She pays. We keep the webhooks back, and Stripe from answering")
        self._stage.operate("hold", holding=True)
        answer = self._ada.pay(self._url)
        self._held(answer.status_code == 303, "4242 4242 4242 4242 pays, and Stripe sends her back")
        self._stage.operate(
            "fault", method="GET", path="/v1/checkout/sessions", status=500, times=-1
        )
        page = self._ada.get(answer.headers["Location"])
        self._held(page.status_code == 200, "the return page waits for Stripe")
        self._held(not self._ada.may_read_reports(), "the redirect alone has opened nothing")
        forged = self._ada.get("/billing/return/?session_id=cs_test_of_somebody_else")
        self._held(
            forged.status_code in {200, 404} and not self._ada.may_read_reports(),
            "nor does a made-up session id",
        )

    def _webhook_opens_the_door(self) -> None:
        self._chapter("Now the webhooks arrive")
        waiting = self._stage.operate("hold", holding=False)
        assert waiting == {"holding": False}
        self._until(self._ada.may_read_reports, "the webhook has switched access on")
        self._held(self._ada.get("/api/reports/").status_code == 200, "the API answers, too")
        page = self._ada.get("/team/").text
        self._held("of 10" in page, "two units of 5 seats each make 10 seats")
        charles = Visitor(self._stage.site, "charles")
        self._held(charles.may_read_reports(), "Charles, a member of the team, gets in as well")
        linus = Visitor(self._stage.site, "linus")
        self._held(not linus.may_read_reports(), "Linus, of another team, does not")

    def _explain(self) -> None:
        self._chapter("Why may Analytical Engines read reports?")
        self._print_explanation("Analytical Engines")

    def _buying_twice(self) -> None:
        self._chapter("Ada presses Subscribe again")
        self._stage.operate("mend")
        answer = self._ada.submit(
            "/billing/pricing/", "/billing/checkout/", price="team_monthly", quantity=1
        )
        self._held(
            answer.status_code == 303 and "/p/session/" in answer.headers["Location"],
            "she is sent to the customer portal, and not sold it twice",
        )

    def _cancel(self) -> None:
        self._chapter("She cancels in the portal, to the end of the period")
        subscriptions = self._stage.stripe("GET", "/v1/subscriptions")["data"]
        answer = self._ada.use_portal(
            self._ada.open_portal(), action="cancel", subscription=subscriptions[0]["id"]
        )
        self._held(answer.status_code == 303, "the portal takes it")
        self._stage.operate("wait")
        self._held(self._ada.may_read_reports(), "the paid period is hers to the end")
        self._print_explanation("Analytical Engines")

    def _lose_webhooks(self) -> None:
        self._chapter("We lose every webhook of a busy night")
        self._stage.operate("hold", holding=True)
        path = f"/v1/subscriptions/{self._subscription()['id']}"
        self._stage.stripe("DELETE", path)
        self._say("Analytical Engines was ended at once, in Stripe's Dashboard")
        grace = Visitor(self._stage.site, "grace")
        grace.pay(grace.start_checkout("starter_monthly"))
        self._say("Cobol Works bought Starter, and closed the browser before it came back")
        lost = self._stage.operate("drop")["dropped"]
        self._stage.operate("hold", holding=False)
        self._say(f"{lost} webhooks lost for good")
        self._grace = grace
        self._held(self._ada.may_read_reports(), "Analytical Engines is still let in: drift")
        self._held(not grace.may_read_reports(), "Cobol Works is kept out, and has paid: drift")

    def _reconcile(self) -> None:
        self._chapter("The nightly job compares both sides")
        self._print(self._stage.manage("reconcile_entitlements", expected=1))
        self._say("It found the drift and repaired nothing. With --apply:")
        self._print(self._stage.manage("reconcile_entitlements", "--apply"))
        self._held(not self._ada.may_read_reports(), "Analytical Engines is out")
        self._held(self._grace.may_read_reports(), "Cobol Works is in")
        self._say("Once more:")
        clean = self._stage.manage("reconcile_entitlements")
        self._print(clean)
        self._held(_last_line(clean).startswith("0 drift"), "both sides agree")

    def _subscription(self) -> dict[str, str]:
        found: dict[str, str] = self._stage.stripe("GET", "/v1/subscriptions")["data"][0]
        return found


def _last_line(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if re.search(r"\w", line)]
    return lines[-1] if lines else ""


def _outcome(pushed: str) -> str:
    """The line of push_catalog that counts its writes."""
    return next(line for line in pushed.splitlines() if " writes" in line)
