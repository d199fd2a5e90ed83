"""The example project with its sandbox as processes, and Chromium in front of it.

`pip install '.[browser]'`, a `chromium` in the path (or its path in CHROMIUM), then
`pytest -m browser tests/browser`. With SCREENSHOTS=folder every page that is looked at is kept.
"""

import os
import shutil
from pathlib import Path

import pytest

from .eyes import Eyes
from .staging import Theatre, seeded


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "There is no chromium in the path, and CHROMIUM is not set."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    return seeded(tmp_path_factory.mktemp("seeded") / "demo.sqlite3")


@pytest.fixture(scope="session")
def theatre(database):
    found = Theatre(database)
    yield found
    found.close()


@pytest.fixture
def stage(theatre):
    """A site and a sandbox, with the plans pushed and nothing sold."""
    return theatre.set_up()


@pytest.fixture
def eyes(chromium, stage):
    """Somebody who looks at pages and notes what is wrong with them."""
    folder = os.environ.get("SCREENSHOTS")
    found = Eyes(chromium, stage.site, Path(folder) if folder else None)
    yield found
    found.close()
    assert not found.problems, "\n".join(found.problems)


@pytest.fixture
def buy(stage):
    """Buy a plan on the pricing page, as a signed-in page; ends on the page of the way back."""

    def buy(page, plan, quantity=None, card="4242 4242 4242 4242"):
        choose(stage, page, plan, quantity=quantity)
        pay(page, card)
        page.wait_for_url("**/billing/return/**")

    return buy


def choose(stage, page, plan, *, quantity=None):
    """Press Subscribe; ends on the sandbox's checkout page."""
    page.goto(f"{stage.site}/billing/pricing/")
    card = page.locator("article", has=page.get_by_role("heading", name=plan, exact=True))
    if quantity:
        card.get_by_label("Quantity").fill(str(quantity))
    card.get_by_role("button").click()
    page.wait_for_url(f"{stage.sandbox}/**")


def pay(page, card="4242 4242 4242 4242"):
    page.fill("[name=card_number]", card)
    page.press("[name=card_number]", "Enter")


def keep_back(stage):
    """Neither webhooks nor Stripe's answers about checkouts arrive."""
    stage.operate("hold", holding=True)
    stage.operate("fault", method="GET", path="/v1/checkout/sessions", status=500, times=-1)


def let_through(stage):
    stage.operate("mend")
    stage.operate("hold", holding=False)
    stage.operate("wait")
