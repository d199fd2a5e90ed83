"""The admin's pages in django-unfold, beside the stock admin's in test_admin."""

import re
from pathlib import Path

import pytest

from .eyes import Eyes
from .staging import Theatre, with_drift
from .test_admin import MODELS

pytestmark = pytest.mark.browser


@pytest.fixture
def theatre(database):
    """The example project with unfold as its admin."""
    root = str(Path(__file__).parents[2])
    settings = "tests.browser.unfold_settings"
    found = Theatre(database, DJANGO_SETTINGS_MODULE=settings, PYTHONPATH=root)
    yield found
    found.close()


def test_everything_looks_right_in_unfold(stage, eyes):
    with_drift(stage)
    page = eyes.sign_in_as_staff("admin")
    for name in MODELS:
        shown = answer(page, f"{stage.site}/admin/stripe_billing/{name}/")
        first = re.search(rf'href="(/admin/stripe_billing/{name}/\d+/change/)[?"]', shown)
        assert "material-symbols-outlined" in shown  # unfold's own icons
        if first:
            assert "border-base-200" in answer(page, f"{stage.site}{first[1]}")  # and its fields
    see_the_pages(stage, eyes, page)
    see_what_is_done(stage, eyes, page)


def answer(page, url):
    """A page's source, without showing it."""
    found = page.request.get(url)
    assert found.status == 200, url
    return found.text()


def see_the_pages(stage, eyes: Eyes, page):
    root = f"{stage.site}/admin/stripe_billing"
    page.goto(f"{root}/dashboard/")
    assert page.locator("canvas").first.is_visible()
    eyes.look(page, "unfold-dashboard", is_loaded_again=True)
    page.goto(f"{root}/reconcilerun/")
    eyes.look(page, "unfold-runs", is_loaded_again=True)
    page.goto(f"{root}/reconcilerun/2/change/")
    eyes.look(page, "unfold-run", is_loaded_again=True)
    page.goto(f"{root}/customer/")
    page.get_by_role("link", name="cus_").last.click()
    page.get_by_role("heading", name="What this customer may use, and why").wait_for()
    eyes.look(page, "unfold-customer", is_loaded_again=True)
    page.get_by_role("link", name="Timeline").click()
    page.get_by_role("heading", name="What happened, newest first").wait_for()
    eyes.look(page, "unfold-timeline", is_loaded_again=True)
    page.go_back()
    page.get_by_role("link", name="Grant a feature").click()
    page.get_by_label("Without end").wait_for()
    eyes.look(page, "unfold-grant", is_loaded_again=True)


def see_what_is_done(stage, eyes, page):
    page.goto(f"{stage.site}/admin/stripe_billing/drift/")
    eyes.look(page, "unfold-drift-list", is_loaded_again=True)
    page.locator(".action-select").first.check()
    page.locator("select[name=action]").select_option(label="Repair selected")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("Each is looked at again at Stripe").wait_for()
    eyes.look(page, "unfold-repair")
    page.get_by_role("button", name="Repair").click()
    page.get_by_text("Repair: 1 done.").wait_for()
