"""A customer's story in a real browser, from the pricing page to the end in Stripe's portal."""

import re

import pytest

from .conftest import choose, keep_back, let_through, pay

pytestmark = pytest.mark.browser


def test_from_the_pricing_page_to_the_first_change(stage, eyes):
    visitor = eyes.open()
    visitor.goto(f"{stage.site}/")
    eyes.look(visitor, "front")
    visitor.goto(f"{stage.site}/billing/pricing/")
    eyes.look(visitor, "pricing-visitor")
    visitor.get_by_role("link", name="Sign in").click()
    eyes.look(visitor, "sign-in")

    page = eyes.sign_in("ada")
    eyes.look(page, "team-without-plan")
    page.goto(f"{stage.site}/billing/")
    eyes.look(page, "home-without-plan")
    page.goto(f"{stage.site}/reports/")
    assert page.get_by_role("heading", name="You need a plan for this").is_visible()
    eyes.look(page, "feature-required")

    choose(stage, page, "Team", quantity=2)
    eyes.look(page, "sandbox-checkout")
    pay(page, "4000 0000 0000 0002")
    assert "declined" in page.get_by_role("alert").inner_text()
    eyes.look(page, "sandbox-checkout-declined")
    keep_back(stage)
    pay(page)
    page.wait_for_url("**/billing/return/**")
    assert page.get_by_role("heading", name="Waiting for Stripe").is_visible()
    eyes.look(page, "waiting")
    page.evaluate("window.isSamePage = true")
    let_through(stage)
    page.get_by_role("heading", name="Your subscription is active").wait_for(timeout=30_000)
    assert page.evaluate("window.isSamePage") is True  # without a reload
    assert page.evaluate("document.activeElement.tagName") == "H1"
    eyes.look(page, "active")

    page.goto(f"{stage.site}/reports/")
    assert page.get_by_role("cell", name="January").is_visible()
    eyes.look(page, "feature")
    page.goto(f"{stage.site}/team/")
    eyes.look(page, "team")
    page.goto(f"{stage.site}/billing/pricing/")
    eyes.look(page, "pricing-active")
    page.goto(f"{stage.site}/billing/invoices/")
    eyes.look(page, "invoices")

    page.goto(f"{stage.site}/billing/")
    eyes.look(page, "home-active")
    page.get_by_role("link", name="Change plan or quantity").click()
    page.locator("#quantity-now").fill("4")
    page.locator("form", has=page.locator("#quantity-now")).get_by_role("button").click()
    page.get_by_role("button", name=re.compile("Change now and pay")).dblclick()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Your subscription is changed.").is_visible()
    assert page.get_by_text("2 of 20").is_visible()


def test_another_plan_with_its_cost_first(stage, eyes, buy):
    page = eyes.sign_in("ada")
    buy(page, "Starter")
    page.goto(f"{stage.site}/billing/change/")
    eyes.look(page, "change")
    card = page.locator("article", has=page.get_by_role("heading", name="Team", exact=True)).first
    card.get_by_label("Quantity").fill("3")
    card.get_by_role("button").click()
    facts = page.locator("dl").inner_text()
    assert "Starter" in facts and "$87.00" in facts
    assert page.get_by_text("You pay now").is_visible()
    eyes.look(page, "change-preview")
    page.get_by_role("button", name=re.compile("Change now and pay")).click()
    page.wait_for_url("**/billing/")
    assert page.get_by_role("heading", name="Team", exact=True).is_visible()
    assert page.get_by_text("2 of 15").is_visible()

    page.goto(f"{stage.site}/billing/change/?price=starter_monthly&quantity=1")
    page.get_by_role("button", name=re.compile("pay nothing now")).click()
    page.wait_for_url("**/billing/")
    page.goto(f"{stage.site}/billing/change/")
    assert page.get_by_text("A change to Starter is planned").is_visible()
    eyes.look(page, "change-planned")
    page.get_by_role("button", name="Take it back").click()
    page.goto(f"{stage.site}/billing/change/?price=nothing")
    eyes.look(page, "change-refused")


def test_to_the_end_and_back(stage, eyes, buy):
    page = eyes.sign_in("ada")
    buy(page, "Team", quantity=1)
    page.goto(f"{stage.site}/billing/pause/")
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

    page.get_by_role("button", name="Addresses, tax ids and more").click()
    page.wait_for_url(f"{stage.sandbox}/**")
    eyes.look(page, "sandbox-portal")
    page.get_by_role("button", name="Cancel at the end of the period").click()
    page.get_by_role("button", name="Keep the subscription").wait_for()
    stage.operate("wait")
    page.get_by_role("link", name="Back to the shop").click()
    page.wait_for_url("**/billing/")
    assert page.get_by_text("Ends soon").is_visible()


def test_the_operator_of_the_sandbox(stage, eyes, buy):
    buy(eyes.sign_in("ada"), "Team", quantity=2)
    operator = eyes.open()
    operator.goto(f"{stage.sandbox}/")
    eyes.look(operator, "sandbox-operator")
    subscription = stage.stripe("GET", "/v1/subscriptions")["data"][0]["id"]
    operator.goto(f"{stage.sandbox}/objects/{subscription}")
    eyes.look(operator, "sandbox-object")
    operator.goto(stage.stripe("GET", "/v1/invoices")["data"][0]["hosted_invoice_url"])
    eyes.look(operator, "sandbox-invoice")
    operator.goto(f"{stage.sandbox}/p/session/none")
    eyes.look(operator, "sandbox-not-found")
