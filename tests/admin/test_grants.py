"""Grants by hand in the admin, over real requests."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import explain, has_feature
from django_stripe_billing.models import Customer, Feature, ManualGrant

from .deeds import do, fill, hidden

pytestmark = pytest.mark.django_db(transaction=True)


def page(name, *arguments):
    return reverse(f"admin:stripe_billing_{name}", args=arguments)


@pytest.fixture
def until():
    return (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def export(shop):
    return Feature.objects.get(lookup_key="export")


@pytest.fixture
def grant_url(bought, subscriber):
    return page("customer_deed", Customer.objects.get(subscriber=subscriber).pk, "grant")


def test_a_feature_is_granted_after_confirmation(admin, grant_url, subscriber, export, until):
    asked = fill(admin, grant_url, feature=export.pk, until=until, reason="<i>press</i>")
    assert "may use export until" in asked.text
    assert not ManualGrant.objects.exists()
    answer = admin.post(grant_url, hidden(asked), follow=True)
    assert "Granted: export until" in answer.text
    assert "&lt;i&gt;press" in answer.text
    assert "<i>press" not in answer.text
    assert has_feature(subscriber, "export")
    assert "by root on" in str(explain(subscriber, "export"))
    [entry] = LogEntry.objects.all()
    assert entry.change_message.startswith("Grant a feature: Granted: export until")


def test_a_confirmation_that_is_sent_twice_grants_once(admin, grant_url, export):
    asked = fill(admin, grant_url, feature=export.pk, has_no_end="on", reason="press")
    for _ in range(2):
        admin.post(grant_url, hidden(asked))
    assert ManualGrant.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"reason": "x" * 2001},
        {"until": ""},
        {"has_no_end": "on"},
        {"until": "2020-01-01T00:00"},
        {"until": "tomorrow"},
        {"limit": "-1"},
        {"limit": "9" * 30},
        {"feature": "0"},
        {"feature": "1 OR 1=1"},
        {"key": "no"},
    ],
)
def test_wrong_input_is_named_and_grants_nothing(admin, grant_url, export, until, wrong):
    values = {"feature": export.pk, "until": until, "reason": "press", **wrong}
    answer = fill(admin, grant_url, **values, confirmed="yes")
    assert answer.status_code == 200
    assert "Yes, do it" not in answer.text
    assert not ManualGrant.objects.exists()


def test_who_may_not_grant_gets_403(staff, grant_url, export):
    client = staff("view_customer", "revoke_manualgrant", "view_manualgrant")
    assert client.get(grant_url).status_code == 403
    values = {"feature": export.pk, "has_no_end": "on", "reason": "me", "confirmed": "yes"}
    values["key"] = "4f6b9c1e-8f6c-4d5e-9a2b-111111111111"
    assert client.post(grant_url, values).status_code == 403
    assert client.post(page("manualgrant_add"), values).status_code == 403
    assert "Grant a feature" not in client.get(page("customer_changelist")).text
    customer = Customer.objects.exclude(subscriber=None).get()
    assert "Grant a feature" not in client.get(page("customer_change", customer.pk)).text
    assert not ManualGrant.objects.exists()
    assert not LogEntry.objects.exists()


def test_who_may_grant_but_not_see_the_customer_gets_403(staff, grant_url):
    assert staff("add_manualgrant").get(grant_url).status_code == 403


def test_nobody_gets_in_without_signing_in(client, grant_url):
    assert client.get(grant_url).status_code == 302


def test_who_may_grant_and_look_does(staff, grant_url, subscriber, export):
    client = staff("view_customer", "add_manualgrant")
    do(client, grant_url, feature=export.pk, has_no_end="on", reason="press")
    assert has_feature(subscriber, "export")


def test_a_customer_or_deed_that_does_not_exist_is_a_404(admin, bought):
    assert admin.get(page("customer_deed", 987654, "grant")).status_code == 404
    known = Customer.objects.first().pk
    assert admin.get(page("customer_deed", known, "destroy")).status_code == 404


def test_a_grant_is_revoked_with_a_reason(admin, grant_url, subscriber, export):
    do(admin, grant_url, feature=export.pk, has_no_end="on", reason="press")
    found = ManualGrant.objects.get()
    assert "Revoke" in admin.get(page("manualgrant_change", found.pk)).text
    answer = do(admin, page("manualgrant_deed", found.pk, "revoke"), reason="over")
    assert "was revoked" in answer.text
    assert not has_feature(subscriber, "export")
    found.refresh_from_db()
    assert (found.revoked_by, found.revoke_reason) == ("root", "over")
    again = admin.get(page("manualgrant_deed", found.pk, "revoke"), follow=True)
    assert "not in a state for it" in again.text
    assert LogEntry.objects.count() == 2


def test_who_may_not_revoke_gets_403(admin, staff, grant_url, subscriber, export):
    do(admin, grant_url, feature=export.pk, has_no_end="on", reason="press")
    url = page("manualgrant_deed", ManualGrant.objects.get().pk, "revoke")
    client = staff("view_manualgrant", "add_manualgrant")
    assert client.get(url).status_code == 403
    assert client.post(url, {"reason": "x", "confirmed": "yes"}).status_code == 403
    assert has_feature(subscriber, "export")


def test_somebody_who_never_bought_is_granted_a_feature(admin, shop, other_subscriber, export):
    url = page("manualgrant_add")
    values = {"subscriber": other_subscriber.pk, "feature": export.pk, "reason": "partner"}
    answer = do(admin, url, has_no_end="on", **values)
    assert "Granted: export without end" in answer.text
    assert has_feature(other_subscriber, "export")
    assert Customer.objects.get(subscriber=other_subscriber).stripe_id is None


def test_a_grant_is_never_changed_or_deleted(admin, grant_url, export):
    do(admin, grant_url, feature=export.pk, has_no_end="on", reason="press")
    found = ManualGrant.objects.get()
    assert admin.post(page("manualgrant_change", found.pk), {"reason": "x"}).status_code == 403
    assert admin.post(page("manualgrant_delete", found.pk), {"post": "yes"}).status_code == 403
