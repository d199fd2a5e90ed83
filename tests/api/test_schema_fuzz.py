"""Whatever is sent, the answer is one that the schema describes, and never a 5xx.

Schemathesis makes the requests from the schema, good ones and bad ones, and compares each answer
with it: `FUZZ_EXAMPLES=20 pytest -m fuzz tests/api`.
"""

import os

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from django_stripe_billing.models import Invoice, Payment, Subscription

from .conftest import url

pytestmark = pytest.mark.django_db(transaction=True)

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "mode": "all",
            "max-examples": int(os.environ.get("FUZZ_EXAMPLES", "5")),
            "deterministic": True,
            "database": "none",
        }
    }
)
SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True), config=CONFIG)
SCHEMA.app = get_wsgi_application()
OURS = SCHEMA.include(path_regex="^/api/billing/")
NOT_THESE = [ignored_auth, positive_data_acceptance]
"""The cookies stay where it takes its own away; what is well formed may not be on sale."""
unhurried = settings(suppress_health_check=list(HealthCheck), deadline=None)


@pytest.mark.fuzz
@OURS.parametrize()
@unhurried
def test_a_subscriber_is_answered_as_the_schema_says(case, world, headers):
    world.restore()
    lenient = [negative_data_rejection] if is_read_leniently(case) else []
    case.call_and_validate(**headers, excluded_checks=[*NOT_THESE, *lenient])


def is_read_leniently(case):
    """Of a repeated parameter the last one counts, and a form that is none is an empty one."""
    is_repeated = any(isinstance(value, list) for value in (case.query or {}).values())
    return is_repeated or "form" in (case.media_type or "")


@pytest.mark.fuzz
@OURS.parametrize()
@unhurried
def test_a_visitor_is_answered_as_the_schema_says(case, db):
    answer = case.call_and_validate()
    if answer.status_code < 400:
        assert case.path == url("plans")


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


STARTER = {"price": "starter_monthly", "quantity": 1}


class Asking:
    """Requests with values that exist, compared with the schema as the made-up ones are."""

    def __init__(self, world, headers):
        self.world, self.headers = world, headers

    def __call__(self, method, name, body=None, query=None, stripe_id=""):
        path = url(name, stripe_id="ID").replace("ID", "{stripe_id}") if stripe_id else url(name)
        case = SCHEMA[path][method].Case(
            path_parameters={"stripe_id": stripe_id} if stripe_id else {},
            query=query or {},
            body={} if body is None and method == "POST" else body or NOT_SET,
            media_type="application/json" if method == "POST" else None,
        )
        return case.call_and_validate(checks=CHECKS, **self.headers).status_code


@pytest.fixture
def ask(world, headers):
    return Asking(world, headers)


def test_every_endpoint_does_its_work_as_the_schema_says(world, ask):
    own = world.own
    session = own[Payment]
    assert [
        ask("GET", name)
        for name in ("plans", "status", "usage", "entitlements", "invoices", "payments", "dunning")
    ] == [200] * 7
    assert ask("GET", "payment_method") == 200
    assert ask("GET", "invoice", stripe_id=own[Invoice]) == 200
    assert ask("GET", "payment", stripe_id=session) == 200
    assert ask("GET", "return", query={"session_id": session}) == 200
    assert ask("GET", "status", query={"session_id": session}) == 200
    assert ask("GET", "subscription", query={"subscription": own[Subscription]}) == 200
    assert ask("POST", "checkout", {"price": "pass"}) == 201
    assert ask("POST", "checkout", {"price": "pro_monthly"}) == 409
    assert ask("POST", "checkout", {"price": "book"}) == 409
    assert [ask("POST", name) for name in ("setup", "portal", "card")] == [201] * 3
    assert ask("POST", "retry_payment") == 409
    assert ask("POST", "preview", {"quantity": 3}) == 200
    assert ask("POST", "subscription", {"quantity": 3}) == 200
    assert ask("POST", "subscription", {"quantity": 3}) == 409
    assert ask("POST", "subscription", {**STARTER, "when": "period_end"}) == 200
    assert ask("POST", "promotion_code", {"code": "WELCOME"}) == 200
    assert ask("POST", "promotion_code", {"code": "none"}) == 400
    assert ask("POST", "cancel", {"feedback": "unused", "comment": "<b>"}) == 200
    assert ask("POST", "resume") == 200
    assert ask("POST", "pause") == 200
    assert ask("POST", "resume") == 200
    assert ask("POST", "cancel", {"when": "now"}) == 200
    assert ask("POST", "cancel") == 404
