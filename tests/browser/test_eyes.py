"""The eyes see what is wrong; else the story would prove nothing."""

import pytest

from .eyes import Eyes

pytestmark = pytest.mark.browser


@pytest.fixture
def page(stage, chromium):
    """The pricing page with eyes of its own, whose findings are expected: `page.found(name)`."""
    eyes = Eyes(chromium, stage.site)
    page = eyes.open(viewport={"width": 375, "height": 900})
    page.goto(f"{stage.site}/billing/pricing/")

    def found(*words):
        eyes.judge(page, "spoiled", 375)
        eyes.examine(page, "spoiled")
        return [problem for problem in eyes.problems if all(word in problem for word in words)]

    page.found = found
    yield page
    eyes.close()


def test_the_eyes_see_what_is_wrong(page, stage):
    assert page.found() == []
    page.evaluate("document.querySelector('h1').style.color = 'silver'")
    page.evaluate("document.querySelector('h1').style.width = '900px'")
    page.evaluate("document.querySelector('h2').replaceWith(document.createElement('h1'))")
    assert page.found("contrast", "Plans and prices")
    assert page.found("spoiled is 9", "wide")
    assert page.found("2 first headings")

    page.evaluate("document.querySelector('main a').innerHTML = '<img src=/static/teams/icon.svg>'")
    assert page.found("axe critical image-alt")
    assert page.found("axe serious color-contrast")

    # What is inline, and what is from elsewhere, is kept out; a file that is missing is named.
    page.evaluate("document.body.setAttribute('onclick', 'window.ran = true')")
    page.evaluate(
        """() => new Promise((done) => {
          const image = document.createElement("img");
          image.onerror = done;
          image.src = "http://127.0.0.1:9/elsewhere.png";
          document.body.append(image);
        }).then(() => null)"""
    )
    assert page.found("Policy: script-src-attr keeps inline out")
    assert page.found("Policy: img-src keeps http://127.0.0.1:9/elsewhere.png out")
    page.evaluate("fetch('/static/missing.css').then(() => null)")
    assert page.found("404 for", "/static/missing.css")
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    assert page.found("thrown")


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
