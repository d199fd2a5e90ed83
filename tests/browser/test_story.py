"""A customer's story in a real browser, from the pricing page to a payment that fails."""

import re

import pytest

pytestmark = pytest.mark.browser

DAY = 86_400


@pytest.fixture
def buy(stage):
    """Buy a plan on the pricing page, as a signed-in page; ends on the page of the way back."""

    def buy(page, plan, quantity=None):
        page.goto(f"{stage.site}/billing/pricing/")
        card = page.locator("article", has=page.get_by_role("heading", name=plan))
        if quantity:
            card.get_by_label("Quantity").fill(str(quantity))
        card.get_by_role("button").click()
        page.fill("[name=card_number]", "4242 4242 4242 4242")
        page.press("[name=card_number]", "Enter")
        page.wait_for_url("**/billing/return/**")

    return buy


def keep_back(stage):
    """Neither webhooks nor Stripe's answers about checkouts arrive."""
    stage.operate("hold", holding=True)
    stage.operate("fault", method="GET", path="/v1/checkout/sessions", status=500, times=-1)


def let_through(stage):
    stage.operate("mend")
    stage.operate("hold", holding=False)
    stage.operate("wait")


def test_from_the_pricing_page_to_the_end(stage, eyes, buy):
    visitor = eyes.open()
    visitor.goto(f"{stage.site}/billing/pricing/")
    eyes.look(visitor, "pricing-visitor")
    page = eyes.sign_in("ada")
    page.goto(f"{stage.site}/billing/")
    eyes.look(page, "home-without-plan")
    page.goto(f"{stage.site}/reports/")
    assert page.get_by_role("heading", name="You need a plan for this").is_visible()
    eyes.look(page, "feature-required")

    keep_back(stage)
    buy(page, "Team", quantity=2)
    assert page.get_by_role("heading", name="Waiting for Stripe").is_visible()
    eyes.look(page, "waiting")
    page.evaluate("window.isSamePage = true")
    let_through(stage)
    page.get_by_role("heading", name="Your subscription is active").wait_for(timeout=30_000)
    assert page.evaluate("window.isSamePage") is True  # without a reload
    assert page.evaluate("document.activeElement.tagName") == "H1"
    eyes.look(page, "active")

    page.get_by_role("link", name="Go on").click()
    eyes.look(page, "home-active")
    page.goto(f"{stage.site}/billing/pricing/")
    eyes.look(page, "pricing-active")
    page.goto(f"{stage.site}/billing/invoices/")
    eyes.look(page, "invoices")

    page.goto(f"{stage.site}/billing/")
    page.get_by_role("link", name="Change plan or quantity").click()
    eyes.look(page, "change")
    page.locator("#quantity-now").fill("4")
    page.locator("form", has=page.locator("#quantity-now")).get_by_role("button").click()
    eyes.look(page, "change-preview")
    page.get_by_role("button", name=re.compile("Change now and pay")).dblclick()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Your subscription is changed.").is_visible()
    assert page.get_by_text("2 of 20").is_visible()

    page.get_by_role("link", name="Pause").click()
    eyes.look(page, "pause")
    page.goto(f"{stage.site}/billing/promotion-code/")
    page.get_by_label("Promotion code").fill("NONE")
    page.get_by_role("button", name="Use it").click()
    assert page.get_by_role("alert").inner_text() == "There is no such code."
    eyes.look(page, "promotion-code")
    page.goto(f"{stage.site}/billing/cancel/")
    eyes.look(page, "cancel")
    page.get_by_label("It is too expensive.").check()
    page.get_by_role("button", name="Cancel the subscription").click()
    page.wait_for_url("**/billing/")
    eyes.look(page, "home-cancelling")
    page.get_by_role("link", name="Resume").click()
    eyes.look(page, "resume")
    page.get_by_role("button", name="Go on with it").click()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Your subscription goes on.").is_visible()
    page.goto(f"{stage.site}/billing/change/?price=nothing")
    eyes.look(page, "change-refused")


def test_a_payment_that_fails_is_said_and_mended(stage, eyes, buy):
    page = eyes.sign_in("ada")
    buy(page, "Starter")
    stage.operate("decline", code="insufficient_funds")
    stage.operate("advance", seconds=31 * DAY + 7_200)
    stage.operate("wait")
    page.goto(f"{stage.site}/billing/")
    assert page.get_by_text("Your last payment failed.").is_visible()
    eyes.look(page, "home-past-due")
    page.get_by_role("button", name="Try the payment again").click()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Your last payment failed.").count() == 0
    assert page.get_by_text("All is paid.").is_visible()


def test_everything_works_without_javascript(stage, eyes, buy):
    page = eyes.sign_in("ada", java_script_enabled=False)
    keep_back(stage)
    buy(page, "Team", quantity=1)
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


def test_the_eyes_see_what_is_wrong(stage, eyes):
    page = eyes.open(viewport={"width": 375, "height": 900})
    page.goto(f"{stage.site}/billing/pricing/")
    page.evaluate("document.querySelector('h1').style.color = 'silver'")
    page.evaluate("document.querySelector('h1').style.width = '900px'")
    eyes._judge(page, "spoiled", 375)
    found, eyes.problems = eyes.problems, []
    assert any("contrast" in problem for problem in found)
    assert any("wide" in problem for problem in found)


def test_the_keyboard_reaches_everything(stage, eyes):
    page = eyes.open()
    page.goto(f"{stage.site}/billing/pricing/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        tag = page.evaluate("document.activeElement.tagName")
        assert tag == "BODY" or outline != "none"
    assert reached >= {"Ledgerly", "Pricing", "Sign in", "Monthly", "Yearly", "Subscribe"}


@pytest.mark.parametrize("language", ["fr", "de", "es"])
def test_longer_words_fit_as_well(stage, eyes, buy, language):
    page = eyes.sign_in("ada")
    buy(page, "Team", quantity=2)
    own = eyes.open(
        locale=language,
        viewport={"width": 375, "height": 900},
        storage_state=page.context.storage_state(),
    )
    for name in ("", "pricing/", "change/", "cancel/", "pause/", "invoices/", "change/?quantity=4"):
        own.goto(f"{stage.site}/billing/{name}")
        assert own.evaluate("document.documentElement.lang") == language
        assert own.evaluate("document.documentElement.scrollWidth") <= 375, name
