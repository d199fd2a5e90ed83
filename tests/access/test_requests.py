"""`request.billing`, the gates, and templates, through real requests."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from django_stripe_billing.models import Feature

from ..statements import statements
from .urls import Gated

pytestmark = [pytest.mark.urls("tests.access.urls"), pytest.mark.django_db]


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def ours(asked):
    return [sql for sql in asked if "stripe_billing_" in sql]


def test_five_questions_are_one_query(signed_in, customer, grant):
    grant(customer)
    grant(customer, "seats", limit=5)
    with statements() as asked:
        answer = signed_in.get("/five/")
    assert answer.content.decode() == "[True, False, 5, True, 5]"
    print(f"five access questions in a request: {len(ours(asked))} query")
    assert len(ours(asked)) == 1


def test_a_request_that_asks_nothing_costs_nothing(signed_in, customer, grant):
    with statements() as asked:
        signed_in.get("/silent/")
    assert asked == []


def test_templates_ask_by_feature(signed_in, customer, grant):
    grant(customer)
    grant(customer, "seats", limit=5)
    with statements() as asked:
        answer = signed_in.get("/template/")
    assert answer.content.decode() == "reports 5"
    assert len(ours(asked)) == 1


@pytest.mark.parametrize("key", ["items", "keys", "values", "copy", "get", "clear", "pop"])
def test_a_feature_that_is_named_like_a_method_is_granted_as_any_other(
    signed_in, customer, grant, features, key
):
    Feature.objects.filter(lookup_key="seats").update(lookup_key=key)
    source = "{{% if billing.{0}.{1} %}}granted{{% endif %}}{{{{ billing.features.reports.key }}}}"
    grant(customer)
    for name in ("features", "limits"):
        answer = signed_in.get("/template/", {"source": source.format(name, key)})
        assert answer.content.decode() == "reports"
    features["seats"].refresh_from_db()
    grant(customer, "seats", limit=5)
    for name in ("features", "limits"):
        answer = signed_in.get("/template/", {"source": source.format(name, key)})
        assert answer.content.decode() == "grantedreports"


def test_a_template_for_nobody_shows_nothing(client, db):
    assert client.get("/template/").content.decode().strip() == ""


@pytest.mark.parametrize("url", ["/gated/", "/class/", "/redirecting/"])
def test_a_gate_opens_for_who_has_the_feature(signed_in, customer, grant, url):
    grant(customer)
    assert signed_in.get(url).content == b"in"


@pytest.mark.parametrize("url", ["/gated/", "/class/"])
def test_a_gate_is_403_for_who_has_it_not(signed_in, customer, url):
    assert signed_in.get(url).status_code == 403


def test_a_gate_may_redirect_instead(signed_in, customer):
    answer = signed_in.get("/redirecting/")
    assert (answer.status_code, answer["Location"]) == (302, "/plans/")


def test_a_class_may_redirect_instead(signed_in, customer, monkeypatch):
    monkeypatch.setattr(Gated, "feature_redirect_to", "/plans/")
    answer = signed_in.get("/class/")
    assert (answer.status_code, answer["Location"]) == (302, "/plans/")


@pytest.mark.parametrize("url", ["/gated/", "/class/", "/redirecting/"])
def test_a_gate_sends_visitors_to_sign_in(client, db, url):
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=")


def test_a_class_that_names_no_feature_is_an_error(signed_in, customer):
    with pytest.raises(Exception, match="required_feature"):
        signed_in.get("/forgotten/")


def test_the_api_answers_403_with_a_code(signed_in, customer, grant):
    answer = signed_in.get("/api/")
    assert answer.status_code == 403
    assert "reports" in answer.json()["detail"]
    grant(customer)
    assert signed_in.get("/api/").status_code == 200


def test_permissions_compose(signed_in, customer, grant):
    grant(customer, "seats", limit=1)
    assert signed_in.get("/api/either/").status_code == 200
    assert signed_in.get("/api/").status_code == 403


def test_the_api_is_closed_to_visitors(client, db):
    assert client.get("/api/").status_code in {401, 403}


def test_a_user_who_signs_in_during_a_request_is_asked_about_anew(rf, user, customer, grant):
    from django.contrib.auth.models import AnonymousUser

    from django_stripe_billing.access import Billing

    grant(customer)
    request = rf.get("/")
    request.user = AnonymousUser()
    billing = Billing(request)
    assert not billing.has("reports")
    request.user = user
    assert billing.has("reports")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/async/", "/async-class/"])
def test_an_async_view_is_gated_too(user, customer, grant, path):
    async def status(client):
        return (await client.get(path)).status_code

    async def play():
        client = AsyncClient()
        await client.aforce_login(user)
        found = await status(AsyncClient()), await status(client)
        await sync_to_async(connections.close_all)()  # of the thread that runs what is not async
        return found

    assert asyncio.run(play()) == (302, 403)
    grant(customer)

    async def again():
        client = AsyncClient()
        await client.aforce_login(user)
        found = await status(client)
        await sync_to_async(connections.close_all)()  # of the thread that runs what is not async
        return found

    assert asyncio.run(again()) == 200
