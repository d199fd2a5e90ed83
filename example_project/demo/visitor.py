"""Somebody with a browser, as far as HTTP goes: cookies, forms, redirects one at a time."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import requests

from teams.seeds import PASSWORD

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """A signed-in user of the site."""

    def __init__(self, site: str, username: str) -> None:
        self.site = site
        self.username = username
        self._session = requests.Session()
        answer = self.submit(
            "/accounts/login/", "/accounts/login/", username=username, password=PASSWORD
        )
        assert answer.status_code == 302, f"{username} could not sign in: {answer.status_code}"

    def get(self, url: str) -> requests.Response:
        """One page; redirects are not followed."""
        return self._session.get(urljoin(self.site, url), allow_redirects=False, timeout=60)

    def submit(self, page: str, action: str, **fields: object) -> requests.Response:
        """Open a page of the site and send a form of it."""
        found = _TOKEN.search(self.get(page).text)
        assert found, f"{page} has no form"
        return self._session.post(
            urljoin(self.site, action),
            data={**fields, "csrfmiddlewaretoken": found[1]},
            headers={"Referer": urljoin(self.site, page)},
            allow_redirects=False,
            timeout=60,
        )

    def may_read_reports(self) -> bool:
        return self.get("/reports/").status_code == 200

    def start_checkout(self, price: str, **fields: object) -> str:
        """Press Subscribe; the address of Stripe's page."""
        answer = self.submit("/billing/pricing/", "/billing/checkout/", price=price, **fields)
        assert answer.status_code == 303, f"checkout: {answer.status_code} {answer.text[:300]}"
        return answer.headers["Location"]

    def pay(self, url: str, *, card: str = "4242 4242 4242 4242") -> requests.Response:
        """Fill in Stripe's page."""
        return requests.post(url, data={"card_number": card}, allow_redirects=False, timeout=60)

    def open_portal(self) -> str:
        answer = self.submit("/billing/", "/billing/portal/")
        assert answer.status_code == 303, f"portal: {answer.status_code} {answer.text[:300]}"
        return answer.headers["Location"]

    def use_portal(self, url: str, **fields: str) -> requests.Response:
        """Press a button of Stripe's customer portal."""
        return requests.post(url, data=fields, allow_redirects=False, timeout=60)
