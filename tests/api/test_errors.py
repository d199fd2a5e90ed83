"""Every error has a code, whatever the project has set up for its other views."""

import json

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.test import Client
from rest_framework.exceptions import APIException
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from django_stripe_billing.api.errors import ANSWERS, SAFE_TO_SHOW, answer_error, texts
from django_stripe_billing.api.views import BillingAPIView

from .conftest import url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(settings):
    """`hook(error)`: the project's hook raises it."""

    def hook(error):
        def refuse(request, action):
            raise error

        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "SUBSCRIBER": refuse}

    return hook


def told(answer):
    body = answer.json()
    assert body["detail"]
    return answer.status_code, body["code"]


def test_what_rest_framework_refuses_has_a_code(api):
    assert told(api.delete(url("plans"))) == (405, "method_not_allowed")
    assert told(api.put(url("checkout"))) == (405, "method_not_allowed")
    strange = api.get(url("plans"), headers={"Accept": "application/xml"})
    assert told(strange) == (406, "not_acceptable")
    for kind in ("text/plain", "application/xml", "image/png"):
        answer = api.post(url("checkout"), b"x", content_type=kind)
        assert told(answer) == (415, "unsupported_media_type")
    answer = api.post(url("checkout"), b"{", content_type="application/json")
    assert told(answer) == (400, "parse_error")


def test_who_is_not_signed_in_is_told_so(client, monkeypatch):
    from rest_framework.authentication import BasicAuthentication, SessionAuthentication

    monkeypatch.setattr(BillingAPIView, "authentication_classes", [SessionAuthentication])
    assert told(client.get(url("status"))) == (403, "not_authenticated")
    monkeypatch.setattr(BillingAPIView, "authentication_classes", [BasicAuthentication])
    answer = client.get(url("status"))
    assert told(answer) == (401, "not_authenticated")
    assert "WWW-Authenticate" in answer
    answer = client.get(url("status"), headers={"Authorization": "Basic YTpi"})
    assert told(answer) == (401, "authentication_failed")


def test_a_missing_csrf_token_has_a_code(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert told(client.post(url("portal"))) == (403, "permission_denied")


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "²"])
def test_a_length_that_is_no_number_is_a_bad_request(api, length):
    answer = api.post(
        url("checkout"), b"{}", content_type="application/json", CONTENT_LENGTH=length
    )
    assert answer.status_code == 400


def test_a_body_beyond_djangos_limit_is_not_read(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    body = json.dumps({"price": "x" * 1_000})
    answer = api.post(url("checkout"), body, content_type="application/json")
    assert told(answer) == (413, "too_large")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    answer = api.post(url("checkout"), body, content_type="application/json")
    assert told(answer) == (400, "invalid")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (PermissionDenied("Ask your boss."), (403, "permission_denied", "Ask your boss.")),
        (BadRequest("No team."), (400, "bad_request", "No team.")),
        (SuspiciousOperation("secret"), (400, "bad_request", "bad request")),
        (APIException({"a": ["b"]}), (500, "error", None)),
        (APIException("Down.", code="down"), (500, "down", "Down.")),
    ],
)
def test_the_hooks_refusal_has_a_code(api, hook, error, answer):
    hook(error)
    status, code, detail = answer
    body = api.get(url("status"))
    assert told(body) == (status, code)
    assert body.json()["detail"] == detail or detail is None


def test_an_error_of_the_hooks_is_not_ours_to_answer(api, hook):
    hook(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        api.get(url("status"))


def test_the_projects_handler_is_for_its_own_views(api, settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": "tests.api.test_errors.no_handler",
    }
    assert told(api.get(url("invoice", stripe_id="none"))) == (404, "not_found")
    assert APIView().get_exception_handler() is no_handler
    assert BillingAPIView().get_exception_handler() is answer_error


def no_handler(error, context):
    raise AssertionError("the project's handler was asked")


def test_the_projects_throttle_stays_in_force(api, monkeypatch):
    class Once(UserRateThrottle):
        rate = "1/day"

    monkeypatch.setattr(BillingAPIView, "throttle_classes", [Once])
    assert api.get(url("plans")).status_code == 200
    assert told(api.get(url("plans"))) == (429, "throttled")


def test_what_was_sent_is_not_sent_back_at_length(api):
    choice = "<b>" + "x" * 10_000 + "\ud800"
    answer = api.post(url("cancel"), json.dumps({"when": choice}), content_type="application/json")
    assert told(answer) == (400, "invalid")
    assert len(answer.content) < 1_500
    assert answer["Content-Type"].startswith("application/json")


def test_every_code_has_a_sentence():
    """Of ours, or the error's own; a lower-case code in words is for nobody to read."""
    for kind, _status, code in ANSWERS:
        shown = issubclass(kind, SAFE_TO_SHOW)
        assert shown or texts()[code]
