"""Each field of each endpoint with what nobody means to send: a clear answer with a code."""

import json

import pytest
from django.contrib.auth import get_user_model

from django_stripe_billing.models import Customer, Invoice, Payment, Subscription

from .conftest import signed_in_as, url

pytestmark = pytest.mark.django_db(transaction=True)

BAD = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**30,
    10**400,
    "",
    " ",
    "\0",
    "\ud800",
    "x" * 10_000,
    "<script>alert(1)</script>",
    "'; DROP TABLE stripe_billing_customer; --",
    "é" * 300,
    [],
    {},
    [[{}]],
]

BODIES = {
    "checkout": {"price": "pass", "quantity": 1},
    "subscription": {"price": "pro_monthly", "quantity": 3, "when": "now"},
    "preview": {"price": "pro_monthly", "quantity": 3},
    "cancel": {"when": "period_end", "feedback": "unused", "comment": "Bye"},
    "resume": {},
    "pause": {},
    "promotion_code": {"code": "WELCOME"},
    "setup": {},
    "portal": {},
    "card": {},
    "retry_payment": {},
}
"""By endpoint, a good request."""
MORE = {
    **dict.fromkeys(("preview", "cancel", "resume", "pause", "promotion_code"), ("subscription",)),
    "subscription": ("subscription", "token"),
}
"""By endpoint, the fields that a good request may do without."""


def assert_clear(answer):
    """An error says what is wrong, in a form that does not change."""
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        body = answer.json()
        assert body["detail"]
        assert len(body["detail"]) < 500
        assert body["code"].isidentifier()
        assert ("fields" in body) is (body["code"] == "invalid")


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_value_in_any_field_is_answered_clearly(world, name):
    for field in (*BODIES[name], *MORE.get(name, ())):
        for value in BAD:
            world.restore()
            answer = world.post(name, {**BODIES[name], field: value})
            assert_clear(answer)
    assert Customer.objects.count() == 2


NO_OBJECTS = [
    b"[]",
    b"5",
    b"null",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b'{"quantity": NaN}',
    b'{"quantity": 1' + b"0" * 5_000 + b"}",
    b'{"price": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
]


def test_a_body_that_is_no_object_is_answered_clearly(world):
    for name in BODIES:
        for body in NO_OBJECTS:
            world.restore()
            answer = world.client.post(url(name), body, content_type="application/json")
            assert_clear(answer)
            if name in {"checkout", "promotion_code"}:
                assert answer.json()["code"] in {"invalid", "parse_error"}


CHARSETS = ["hex", "rot13", "base64", "none", "utf-7", "utf-16", "idna"]


@pytest.mark.parametrize("form", ["application/json", "application/x-www-form-urlencoded"])
def test_no_charset_is_an_error_of_ours(world, form):
    for charset in CHARSETS:
        for body in (b'{"price": "pro_monthly"}', b"price=%41&quantity=1", b"\xff"):
            kind = f"{form}; charset={charset}"
            assert_clear(world.client.generic("POST", url("checkout"), body, content_type=kind))


def test_bad_values_in_addresses_are_answered_clearly(world):
    for bad in BAD:
        value = str(bad).encode("utf-8", "replace").decode()
        for name in ("return", "status"):
            assert_clear(world.get(name, {"session_id": value}))
        assert_clear(world.get("subscription", {"subscription": value}))
        for name in ("invoices", "payments"):
            for field in ("page", "page_size"):
                assert_clear(world.get(name, {field: value}))
        for name in ("invoice", "payment"):
            if value:
                assert_clear(world.get(name, stripe_id=value))
                assert_clear(world.get(name, stripe_id=f"{value}/\n/{value}"))


def test_what_is_theirs_is_not_found_as_if_it_were_not_there(world):
    for name, model in (("invoice", Invoice), ("payment", Payment)):
        assert world.get(name, stripe_id=world.own[model]).status_code == 200
        theirs = world.get(name, stripe_id=world.theirs[model])
        none = world.get(name, stripe_id="in_none")
        assert (theirs.status_code, theirs.json()) == (none.status_code, none.json())
        assert none.json()["code"] == "not_found"
    theirs = {"subscription": world.theirs[Subscription]}
    none = {"subscription": "sub_none"}
    for name in ("subscription", "preview", "cancel", "resume", "pause", "promotion_code"):
        answers = [world.post(name, {**BODIES[name], **which}) for which in (theirs, none)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
    answers = [world.get("subscription", which) for which in (theirs, none)]
    assert answers[0].json() == answers[1].json()


def test_forged_fields_have_no_effect(world):
    forged = {
        "customer": "cus_none",
        "subscriber": 1,
        "account": "acct_1",
        "amount": 1,
        "unit_amount": 1,
        "prorate": False,
        "proration_behavior": "none",
        "trial_days": 99,
        "discounts": [{"coupon": "x"}],
        "success_url": "https://evil.example",
    }
    session_id = world.post("checkout", {**BODIES["checkout"], **forged}).json()["url"]
    session = world.shop.call("GET", f"/v1/checkout/sessions/{session_id.rpartition('/')[2]}")
    assert session["customer"] == world.customers[world.ada].stripe_id
    assert session["amount_total"] == 1000
    assert "evil" not in json.dumps(session)
    plain = world.post("preview", BODIES["preview"]).json()
    wish = world.post("preview", {**BODIES["preview"], **forged}).json()
    assert (wish["total"], wish["amount_due"]) == (plain["total"], plain["amount_due"])


def test_asking_again_does_nothing_again(world):
    urls = {world.post("checkout", BODIES["checkout"]).json()["url"] for _ in range(3)}
    assert len(urls) == 1
    answers = [world.post("subscription", BODIES["subscription"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 409, 409]
    token = world.post("preview", {"quantity": 4}).json()["token"]
    answers = [world.post("subscription", {"token": token}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    answers = [world.post("cancel", BODIES["cancel"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert Subscription.objects.filter(customer=world.customers[world.ada]).count() == 1


def test_somebody_elses_preview_is_worth_nothing(world):
    token = world.post("preview", {"quantity": 4}).json()["token"]
    world.client = signed_in_as(get_user_model().objects.get(username="eve"))
    answer = world.post("subscription", {"token": token})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_subscription")
    assert [row.items.get().quantity for row in Subscription.objects.all()] == [2, 2]
