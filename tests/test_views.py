"""The pages, as a visitor, a stranger and a proxy see them."""

import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse, reverse_lazy

from django_stripe_billing.sandbox import Fault

pytestmark = pytest.mark.django_db(transaction=True)

POSTS = ["checkout", "portal"]
GETS = ["checkout_return", "status"]


def url(name):
    return reverse(f"stripe_billing:{name}")


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def configure(settings):
    def configure(**values):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **values}

    return configure


@pytest.mark.parametrize("name", POSTS)
def test_what_changes_something_is_a_post(signed_in, name):
    for method in ("get", "head", "put", "delete"):
        assert getattr(signed_in, method)(url(name)).status_code == 405


@pytest.mark.parametrize("name", GETS)
def test_what_only_tells_is_a_get(signed_in, name):
    for method in ("post", "put", "delete"):
        assert getattr(signed_in, method)(url(name)).status_code == 405


@pytest.mark.parametrize("name", POSTS)
def test_a_post_from_another_site_is_refused(shop, user, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post(url(name), {"price": "pro_monthly"}).status_code == 403
    token = "x" * 32
    client.cookies["csrftoken"] = token
    forged = client.post(
        url(name),
        {"price": "pro_monthly", "csrfmiddlewaretoken": token},
        headers={"Origin": "https://evil.example"},
    )
    assert forged.status_code == 403
    assert ("POST", "/v1/customers") not in shop.sandbox.engine.requests


def test_no_page_may_be_kept_by_a_cache(shop, stripe_sandbox, signed_in):
    answers = [
        signed_in.post(url("checkout"), {"price": "pro_monthly"}),
        signed_in.post(url("checkout"), {"price": "none"}),
        signed_in.post(url("portal")),
        signed_in.get(url("checkout_return"), {"session_id": "cs_test_none"}),
        signed_in.get(url("status")),
        Client().get(url("status")),
        Client().get(url("checkout_return")),
    ]
    session_id = answers[0]["Location"].rpartition("/")[2]
    answers.append(signed_in.get(url("checkout_return"), {"session_id": session_id}))
    assert [answer.status_code for answer in answers] == [303, 400, 303, 404, 200, 403, 302, 200]
    for answer in answers:
        if answer.status_code != 404:
            assert "no-store" in answer["Cache-Control"]
            assert "private" in answer["Cache-Control"]


def test_no_parameter_says_where_the_visitor_goes(shop, stripe_sandbox, signed_in):
    evil = "https://evil.example/"
    names = ("next", "success_url", "cancel_url", "return_url", "redirect_to", "url")
    fields = dict.fromkeys(names, evil)
    answer = signed_in.post(f"{url('checkout')}?next={evil}", {"price": "pro_monthly", **fields})
    session_id = answer["Location"].rpartition("/")[2]
    session = shop.call("GET", f"/v1/checkout/sessions/{session_id}")
    assert evil not in f"{answer['Location']} {session}"
    page = signed_in.get(url("checkout_return"), {"session_id": session_id, **fields})
    assert evil not in page.content.decode()
    assert evil not in Client().post(url("portal"), fields)["Location"]


def test_a_host_that_is_not_ours_is_never_told_to_stripe(shop, stripe_sandbox, signed_in, settings):
    settings.ALLOWED_HOSTS = ["shop.example"]
    stripe_sandbox.engine.requests.clear()
    for headers in ({"host": "evil.example"}, {"host": "shop.example:80@evil.example"}):
        answer = signed_in.post(url("checkout"), {"price": "pro_monthly"}, headers=headers)
        assert answer.status_code == 400
    assert ("POST", "/v1/checkout/sessions") not in stripe_sandbox.engine.requests
    answer = signed_in.post(
        url("checkout"),
        {"price": "pro_monthly"},
        headers={"host": "shop.example", "x-forwarded-host": "evil.example"},
    )
    session_id = answer["Location"].rpartition("/")[2]
    session = shop.call("GET", f"/v1/checkout/sessions/{session_id}")
    assert session["success_url"].startswith("http://shop.example/billing/return/")


def test_pages_may_be_named_by_reverse_lazy(shop, signed_in, configure):
    configure(PRICING_URL=reverse_lazy("stripe_billing:status"))
    assert signed_in.post(url("portal"))["Location"] == "/billing/status/"
    assert "next=/billing/status/" in Client().post(url("checkout"))["Location"]
    answer = signed_in.post(url("checkout"), {"price": "pro_monthly"})
    session_id = answer["Location"].rpartition("/")[2]
    session = shop.call("GET", f"/v1/checkout/sessions/{session_id}")
    assert session["cancel_url"] == "http://testserver/billing/status/"


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (0, 503, "does not answer"),
        (429, 503, "does not answer"),
        (500, 503, "does not answer"),
        (409, 503, "does not answer"),
        (401, 502, "refused that"),
        (403, 502, "refused that"),
        (400, 502, "refused that"),
    ],
)
@pytest.mark.parametrize("name", POSTS)
def test_an_error_of_stripes_is_one_clear_page(
    shop, stripe_sandbox, signed_in, subscriber, name, status, code, text
):
    shop.bind(subscriber)
    stripe_sandbox.engine.faults.append(Fault(status=status, times=-1))
    answer = signed_in.post(url(name), {"price": "pro_monthly"})
    assert answer.status_code == code
    assert text in answer.content.decode()


def test_what_stripe_says_is_logged_and_not_shown(shop, stripe_sandbox, signed_in, caplog):
    stripe_sandbox.engine.faults.append(Fault(status=400))
    with caplog.at_level(logging.ERROR, "django_stripe_billing.views"):
        answer = signed_in.post(url("checkout"), {"price": "pro_monthly"})
    assert "as the sandbox was told" in caplog.text
    assert "as the sandbox was told" not in answer.content.decode()


@pytest.mark.parametrize("name", [*POSTS, "checkout_return"])
def test_what_the_hook_denies_is_a_403_with_its_reason(shop, signed_in, configure, name):
    def deny(request, action):
        raise PermissionDenied("Only <b>owners</b> may do that.")

    configure(SUBSCRIBER=deny)
    method = signed_in.get if name == "checkout_return" else signed_in.post
    answer = method(url(name), {"price": "pro_monthly"})
    assert answer.status_code == 403
    assert "Only &lt;b&gt;owners&lt;/b&gt; may do that." in answer.content.decode()


def test_the_hook_is_asked_for_the_action_of_the_page(shop, signed_in, configure, subscriber):
    asked = []

    def resolve(request, action):
        asked.append(action)
        return subscriber

    configure(SUBSCRIBER=resolve)
    signed_in.post(url("checkout"), {"price": "pro_monthly"})
    signed_in.post(url("portal"))
    signed_in.get(url("checkout_return"), {"session_id": "cs_test_x"})
    signed_in.get(url("status"))
    assert asked == ["checkout", "portal", "checkout", "access"]


@pytest.mark.parametrize("session_id", ['"><script>alert(1)</script>', "cs_test_'onload='x"])
def test_nothing_from_the_address_is_markup(shop, stripe_sandbox, signed_in, session_id):
    signed_in.post(url("checkout"), {"price": "pro_monthly"})
    answer = signed_in.get(url("checkout_return"), {"session_id": session_id})
    assert answer.status_code == 404
    assert "<script>alert" not in answer.content.decode()


def test_the_waiting_page_asks_for_its_own_session(shop, stripe_sandbox, signed_in):
    answer = signed_in.post(url("checkout"), {"price": "pro_monthly"})
    session = stripe_sandbox.pay(answer["Location"])
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    page = signed_in.get(url("checkout_return"), {"session_id": session["id"]}).content.decode()
    assert f'data-status-url="/billing/status/?session_id={session["id"]}"' in page


def test_every_page_works_where_requests_are_transactions_and_sign_in_is_required(
    shop, stripe_sandbox, signed_in, settings
):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        answer = signed_in.post(url("checkout"), {"price": "pro_monthly"})
        session = stripe_sandbox.pay(answer["Location"])
        back = signed_in.get(url("checkout_return"), {"session_id": session["id"]})
        assert "is active" in back.content.decode()
        assert signed_in.get(url("status")).json()["active"] is True
        assert "/p/session/" in signed_in.post(url("portal"))["Location"]
        assert set(stripe_sandbox.deliver()) == {200}
        assert Client().get(url("status")).status_code == 403
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_template_of_the_projects_own_takes_the_place_of_ours(shop, signed_in, settings):
    from django.template import loader

    templates = settings.TEMPLATES[0]
    own = {"stripe_billing/error.html": "Oh no: {{ message }} ({{ status }})"}
    settings.TEMPLATES = [
        {
            **templates,
            "APP_DIRS": False,
            "OPTIONS": {
                **templates["OPTIONS"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", own),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ]
    assert loader.get_template("stripe_billing/error.html")
    answer = signed_in.post(url("checkout"), {"price": "none"})
    assert answer.content.decode() == "Oh no: There is no such price on sale. (400)"
