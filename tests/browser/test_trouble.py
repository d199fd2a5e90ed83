"""What goes wrong: a payment fails, the login expires, there is no JavaScript, somebody may not."""

import re

import pytest

from .conftest import choose, keep_back, let_through, pay

pytestmark = pytest.mark.browser

PAGES = ("", "pricing/", "change/", "cancel/", "pause/", "invoices/", "change/?quantity=4")


def test_a_payment_that_fails_is_said_and_mended(stage, eyes, buy):
    page = eyes.sign_in("ada")
    buy(page, "Starter")
    stage.operate("decline", code="insufficient_funds")
    stage.operate("advance", interval="month")
    stage.operate("advance", seconds=7_200)
    stage.operate("wait")
    page.goto(f"{stage.site}/billing/")
    assert page.get_by_text("Your last payment failed.").is_visible()
    eyes.look(page, "home-past-due")
    page.get_by_role("button", name="Try the payment again").click()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Your last payment failed.").count() == 0
    assert page.get_by_text("All is paid.").is_visible()


def test_a_login_that_expires_in_the_checkout_loses_nothing(stage, eyes):
    page = eyes.sign_in("ada")
    page.goto(f"{stage.site}/billing/pricing/")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Subscribe").first.click()
    page.wait_for_url("**/accounts/login/**")
    sign_in_again(page)
    page.wait_for_url("**/billing/pricing/")

    choose(stage, page, "Starter")
    page.context.clear_cookies()
    pay(page)
    page.wait_for_url("**/accounts/login/**")
    eyes.look(page, "sign-in-after-paying")
    sign_in_again(page)
    page.wait_for_url("**/billing/return/**")
    page.get_by_role("heading", name="Your subscription is active").wait_for(timeout=30_000)
    page.goto(f"{stage.site}/reports/")
    assert page.get_by_role("cell", name="January").is_visible()


def sign_in_again(page):
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "sandbox-only")
    page.press("[name=password]", "Enter")


def test_everything_works_without_javascript(stage, eyes):
    page = eyes.sign_in("ada", java_script_enabled=False)
    choose(stage, page, "Team", quantity=1)
    page.fill("[name=card_number]", "4000 0000 0000 0002")
    page.get_by_role("button", name="Subscribe").click()
    assert "declined" in page.get_by_role("alert").inner_text()
    keep_back(stage)
    pay(page)
    page.wait_for_url("**/billing/return/**")
    assert page.locator("noscript meta[http-equiv=refresh], meta[http-equiv=refresh]").count() == 1
    let_through(stage)
    page.get_by_role("heading", name="Your subscription is active").wait_for(timeout=30_000)
    page.goto(f"{stage.site}/billing/change/")
    page.locator("#quantity-now").fill("2")
    page.locator("form", has=page.locator("#quantity-now")).get_by_role("button").click()
    page.get_by_role("button", name=re.compile("Change now and pay")).click()
    page.wait_for_url("**/billing/")
    page.get_by_role("link", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the subscription").click()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Ends soon").is_visible()


def test_who_may_not_is_told_so(stage, eyes, buy):
    buy(eyes.sign_in("ada"), "Starter")
    invoice = stage.stripe("GET", "/v1/invoices")["data"][0]["id"]
    member = eyes.sign_in("charles")
    assert member.goto(f"{stage.site}/billing/").status == 403
    eyes.look(member, "denied")
    stranger = eyes.sign_in("linus")
    for path in (f"invoices/{invoice}/", "return/?session_id=cs_test_none"):
        assert stranger.request.get(f"{stage.site}/billing/{path}").status == 404


def test_longer_words_fit_as_well(stage, eyes, buy):
    page = eyes.sign_in("ada")
    buy(page, "Team", quantity=2)
    for language in ("fr", "de", "es"):
        own = eyes.open(
            locale=language,
            viewport={"width": 375, "height": 900},
            storage_state=page.context.storage_state(),
        )
        for name in PAGES:
            own.goto(f"{stage.site}/billing/{name}")
            assert own.evaluate("document.documentElement.lang") == language
            assert own.evaluate("document.documentElement.scrollWidth") <= 375, name
