"""The admin in a real browser: how things are, why somebody gets in, and drift that is repaired."""

import pytest

from .staging import with_drift

pytestmark = pytest.mark.browser

MODELS = (
    *("checkoutsession", "customer", "drift", "emailmessage", "entitlement", "entitlementchange"),
    *("event", "feature", "invoice", "manualgrant", "payment", "price", "product"),
    *("reconcilerun", "subscription", "trialuse", "usagerecord"),
)
BUTTONS = "Sync from Stripe|Grant a feature|Link to the portal|Repair|Export as CSV".split("|")


@pytest.fixture
def drift(stage):
    return with_drift(stage)


def test_drift_is_repaired_in_the_admin(stage, eyes, drift):
    ada, grace = drift
    page = eyes.sign_in_as_staff("admin")
    page.goto(f"{stage.site}/admin/stripe_billing/reconcilerun/")
    eyes.look(page, "admin-runs")
    page.locator("#result_list tbody a").first.click()
    page.get_by_role("heading", name="By kind").wait_for()
    eyes.look(page, "admin-run")
    report = page.get_by_role("link", name="HTML").get_attribute("href")
    page.goto(f"{stage.site}{report}")
    eyes.look(page, "admin-report")

    page.goto(f"{stage.site}/admin/stripe_billing/drift/")
    eyes.look(page, "admin-drift-list")
    page.locator("#result_list tbody a").first.click()
    eyes.look(page, "admin-drift")
    page.goto(f"{stage.site}/admin/stripe_billing/drift/")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Repair selected")
    page.get_by_role("button", name="Go").click()
    page.get_by_text("Each is looked at again at Stripe").wait_for()
    eyes.look(page, "admin-repair")
    page.get_by_role("button", name="Repair").click()
    page.wait_for_url("**/drift/")
    assert "done" in page.locator(".messagelist").inner_text()
    eyes.look(page, "admin-drift-repaired")
    assert not ada.may_read_reports() and grace.may_read_reports()
    assert stage.manage("reconcile_entitlements").strip().splitlines()[-1].startswith("0 drift")


def test_why_somebody_gets_in(stage, eyes, drift):
    page = eyes.sign_in_as_staff("admin")
    eyes.look(page, "admin-index")
    page.goto(f"{stage.site}/admin/stripe_billing/dashboard/")
    assert page.locator("canvas").first.is_visible()
    eyes.look(page, "admin-dashboard")
    page.goto(f"{stage.site}/admin/stripe_billing/customer/")
    eyes.look(page, "admin-customers")
    page.get_by_role("link", name="cus_").last.click()
    page.get_by_role("heading", name="What this customer may use, and why").wait_for()
    eyes.look(page, "admin-customer")
    page.get_by_role("link", name="Timeline").click()
    page.get_by_role("heading", name="What happened, newest first").wait_for()
    eyes.look(page, "admin-timeline")

    page.go_back()
    page.get_by_role("link", name="Grant a feature").click()
    page.get_by_label("Feature").select_option(label="api_access")
    page.get_by_label("Without end").check()
    page.get_by_label("Reason").fill("Sorry for the outage on Monday")
    eyes.look(page, "admin-grant")
    page.get_by_role("button", name="Continue").click()
    eyes.look(page, "admin-grant-confirmation")
    page.get_by_role("button", name="Yes, do it").click()
    assert "Granted" in page.locator(".messagelist").inner_text()


def test_who_may_only_look_sees_no_buttons(stage, eyes, drift):
    page = eyes.sign_in_as_staff("support")
    page.goto(f"{stage.site}/admin/stripe_billing/customer/")
    page.get_by_role("link", name="cus_").first.click()
    eyes.look(page, "admin-customer-of-support")
    for path in ("customer/", "drift/", "reconcilerun/", "subscription/", "invoice/"):
        page.goto(f"{stage.site}/admin/stripe_billing/{path}")
        expect_no_buttons(page)
        page.locator("#result_list tbody a").first.click()
        expect_no_buttons(page)
    assert page.goto(f"{stage.site}/admin/auth/user/").status == 403


def expect_no_buttons(page):
    page.wait_for_load_state()
    assert page.locator("h1").count() == 1
    for name in BUTTONS:
        assert page.get_by_role("button", name=name, exact=True).count() == 0, name
        assert page.get_by_role("link", name=name, exact=True).count() == 0, name
    assert page.locator("select[name=action] option").count() in {0, 1}


def test_every_list_and_every_page_fits_on_a_phone(stage, eyes, drift):
    page = eyes.sign_in_as_staff("admin")
    for name in MODELS:
        assert page.goto(f"{stage.site}/admin/stripe_billing/{name}/").status == 200
        eyes.glance(page, f"admin-list-{name}")
        first = page.locator("#result_list tbody th a")
        if first.count():
            path = first.first.get_attribute("href")
            assert page.goto(f"{stage.site}{path}").status == 200
            eyes.glance(page, f"admin-page-{name}")
