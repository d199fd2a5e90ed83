"""The one client, against a real HTTP server."""

import json
import os
import subprocess
import sys
import time
import traceback
from email.utils import formatdate

import pytest
from django.db import transaction

from django_stripe_billing.conf import DEFAULTS
from django_stripe_billing.exceptions import (
    PaymentDeclinedError,
    StripeAuthenticationError,
    StripeError,
    StripeObjectMissingError,
    StripeRateLimitError,
    StripeUnavailableError,
)
from django_stripe_billing.rules.ordering import Interval
from django_stripe_billing.stripe_api import counted_calls, paced, request

KEY = "sk_test_only_for_tests"


def test_an_answer_is_plain_data_with_its_interval_and_request_id(stripe):
    stripe.answer(200, {"id": "cus_1", "items": {"data": [{"a": 1.5}]}}, Date=formatdate(1000))
    answer = request("get", "/v1/customers/cus_1")
    assert json.loads(json.dumps(answer.data)) == {"id": "cus_1", "items": {"data": [{"a": 1.5}]}}
    assert isinstance(answer.data["items"]["data"][0], dict)
    assert answer.interval == Interval(low=998, high=1001)
    assert answer.request_id == "req_1"


def test_a_request_names_key_version_account_and_idempotency_key(stripe):
    params = {"metadata": {"a": "ü"}, "expand": ["x"], "active": True}
    request("post", "/v1/customers", params, account="acct_1", idempotency_key="one")
    [(method, path, headers, body)] = stripe.requests
    assert (method, path) == ("POST", "/v1/customers")
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Stripe-Version"] == "2026-10-28.endive"
    assert headers["Stripe-Account"] == "acct_1"
    assert headers["Idempotency-Key"] == "one"
    assert body == "metadata[a]=%C3%BC&expand[0]=x&active=true"


def test_the_platforms_own_requests_name_no_account(stripe):
    request("get", "/v1/customers", {"limit": 3})
    [(_, path, headers, _)] = stripe.requests
    assert path == "/v1/customers?limit=3"
    assert "Stripe-Account" not in headers


def test_the_api_base_may_end_with_a_slash(stripe, configure):
    configure(API_BASE=f"{stripe.url}/")
    request("get", "/v1/customers")
    assert stripe.requests[0][1] == "/v1/customers"


@pytest.mark.parametrize("status", [500, 503, 409, 0])
def test_a_request_is_made_again_under_the_same_key(stripe, configure, status):
    configure(MAX_NETWORK_RETRIES=1)
    stripe.answer(status, {"error": {"message": "down"}})
    stripe.answer(200, {"id": "cus_1"})
    assert request("post", "/v1/customers").data == {"id": "cus_1"}
    keys = [headers["Idempotency-Key"] for _, _, headers, _ in stripe.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_retries_are_on_by_default_and_can_be_turned_off(stripe):
    assert DEFAULTS["MAX_NETWORK_RETRIES"] == 2
    stripe.answer(500)
    with pytest.raises(StripeUnavailableError):  # the suite's settings turn them off
        request("get", "/v1/customers")
    assert len(stripe.requests) == 1


def test_the_elapsed_time_of_retries_widens_the_interval(stripe, configure):
    configure(MAX_NETWORK_RETRIES=1)
    stripe.answer(500)
    stripe.answer(200, Date=formatdate(1000))
    interval = request("get", "/v1/customers").interval
    assert interval.low <= 998
    assert interval.high == 1001


def test_repetitions_take_their_turns_and_are_counted(stripe, configure):
    class Turns:
        taken = 0

        def take(self):
            self.taken += 1

    configure(MAX_NETWORK_RETRIES=2)
    stripe.answer(500)
    stripe.answer(0)
    stripe.answer(200, {"id": "cus_1"})
    turns = Turns()
    with paced(turns), counted_calls() as counter:
        request("get", "/v1/customers/cus_1")
        request("get", "/v1/customers/cus_1")
    assert len(stripe.requests) == 4
    assert turns.taken == counter["calls"] == 4


def test_a_silent_stripe_is_given_up_on(stripe, configure):
    configure(TIMEOUT=0.2)
    stripe.answers.append((200, SlowBody(), {}))
    started = time.monotonic()
    with pytest.raises(StripeUnavailableError):
        request("get", "/v1/customers")
    assert time.monotonic() - started < 2


class SlowBody(bytes):
    def __len__(self):
        time.sleep(0.6)
        return super().__len__()


def test_an_address_where_nobody_listens_is_unavailable(configure):
    configure(API_BASE="http://127.0.0.1:1")
    with pytest.raises(StripeUnavailableError) as failure:
        request("get", "/v1/customers")
    assert failure.value.status == 0


def error(message="no", **values):
    return {"error": {"message": message, **values}}


@pytest.mark.parametrize(
    ("status", "data", "kind", "code"),
    [
        (400, error(code="parameter_unknown", param="nme"), StripeError, "parameter_unknown"),
        (400, error(code="resource_missing"), StripeObjectMissingError, "resource_missing"),
        (404, error(code="resource_missing"), StripeObjectMissingError, "resource_missing"),
        (404, error(), StripeObjectMissingError, ""),
        (400, error(type="idempotency_error"), StripeError, "idempotency_error"),
        (401, error(), StripeAuthenticationError, ""),
        (403, error(code="more_permissions_required"), StripeAuthenticationError, None),
        (
            402,
            error(code="card_declined", type="card_error"),
            PaymentDeclinedError,
            "card_declined",
        ),
        (409, error(code="idempotency_key_in_use"), StripeUnavailableError, None),
        (429, error(code="lock_timeout"), StripeRateLimitError, "lock_timeout"),
        (500, error(), StripeUnavailableError, ""),
        (502, b"<html>Bad gateway</html>", StripeUnavailableError, ""),
        (200, b"<html>Please log in to the hotel's WLAN</html>", StripeUnavailableError, ""),
        (200, b"", StripeUnavailableError, ""),
        (200, b"[" * 100_000, StripeUnavailableError, ""),
    ],
)
def test_each_error_of_stripes_is_one_of_ours(stripe, status, data, kind, code):
    stripe.answer(status, data)
    with pytest.raises(StripeError) as failure:
        request("get", "/v1/customers")
    found = failure.value
    assert type(found) is kind
    assert found.status == status
    assert found.request_id == ("" if isinstance(data, bytes) or status == 200 else "req_1")
    assert code in {None, found.code}
    assert found.is_idempotency_conflict is (code == "idempotency_error")


def test_a_body_that_is_no_text_is_unavailable(stripe):
    stripe.answer(200, b"\xff\xfe")
    with pytest.raises(StripeUnavailableError):
        request("get", "/v1/customers")


def test_a_body_that_breaks_off_is_unavailable(stripe):
    stripe.answer(200, b'{"id": "cus', Content_Length="4000")
    with pytest.raises(StripeUnavailableError):
        request("get", "/v1/customers")


def test_the_parameter_at_fault_is_told(stripe):
    stripe.answer(400, error(param="items[0][price]", code="resource_missing"))
    with pytest.raises(StripeObjectMissingError) as failure:
        request("get", "/v1/customers")
    assert failure.value.param == "items[0][price]"


LEAKY = f"Invalid API Key provided: {KEY}, whsec_abcdef, rk_live_****wxyz, sk_test_****ests."


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (401, error(LEAKY)),
        (400, error(LEAKY, param="x")),
        (500, error(LEAKY)),
        (200, LEAKY.encode()),
        (500, LEAKY.encode()),
        (0, {}),
    ],
)
def test_an_error_holds_no_secret_wherever_one_looks(stripe, status, data):
    stripe.answer(status, data)
    with pytest.raises(StripeError) as failure:
        request("get", "/v1/customers")
    found = failure.value
    assert found.__cause__ is None
    assert found.__context__ is None
    printed = "".join(
        [
            str(found),
            repr(found),
            repr(vars(found)),
            *traceback.format_exception(found),
            *traceback.TracebackException(
                type(found), found, found.__traceback__.tb_next, capture_locals=True
            ).format(),
        ]
    )
    for secret in (KEY, "abcdef", "wxyz", "****ests"):
        assert secret not in printed


def test_what_a_proxy_made_up_is_not_repeated(stripe):
    stripe.answer(200, b"<html>ada@example.com</html>")
    with pytest.raises(StripeUnavailableError) as failure:
        request("get", "/v1/customers")
    assert "ada@" not in str(failure.value)


def test_without_a_key_stripe_is_not_asked(stripe, configure):
    configure(API_KEY="")
    with pytest.raises(StripeUnavailableError, match="API_KEY"):
        request("get", "/v1/customers")
    assert stripe.requests == []


@pytest.mark.parametrize(
    ("date", "second"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 +0000", 784111777),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
    ],
)
def test_a_date_header_is_read_in_utc_wherever_the_server_stands(stripe, monkeypatch, date, second):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        stripe.answer(200, Date=date)
        assert request("get", "/v1/customers").interval.high == second + 1
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT", "1", "é"])
def test_an_answer_without_a_date_is_placed_by_the_local_clock(stripe, date):
    stripe.answer(200, Date=date if date is None else date.encode("utf-8").decode("latin-1"))
    before = int(time.time())
    interval = request("get", "/v1/customers").interval
    assert before - 2 <= interval.low <= interval.high <= time.time() + 2


def test_calls_are_counted_where_they_are_made(stripe):
    request("get", "/v1/customers")
    with counted_calls() as outer:
        request("get", "/v1/customers")
        with counted_calls() as inner:
            request("get", "/v1/customers")
    assert (outer["calls"], inner["calls"]) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_stripe_is_not_asked_inside_a_transaction(stripe):
    with transaction.atomic(), pytest.raises(RuntimeError, match="non_atomic_requests"):
        request("get", "/v1/customers")
    assert stripe.requests == []


@pytest.mark.django_db
def test_a_testcases_own_transaction_does_not_count(stripe):
    assert request("get", "/v1/customers").data == {}
    with transaction.atomic(), pytest.raises(RuntimeError):
        request("get", "/v1/customers")


def test_telemetry_is_off_and_nothing_is_written_into_the_users_home(stripe, tmp_path):
    """In a process of its own, as stripe-python writes its file once."""
    code = (
        "import django; django.setup();"
        "from django.test import override_settings; from django.conf import settings;"
        "from django_stripe_billing.stripe_api import request;"
        f"given = {{**settings.STRIPE_BILLING, 'API_BASE': {stripe.url!r}}}\n"
        "with override_settings(STRIPE_BILLING=given):\n"
        "    request('get', '/v1/customers'); request('get', '/v1/customers')"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert len(stripe.requests) == 2
    for _, _, headers, _ in stripe.requests:
        assert not [name for name in headers if "telemetry" in name.lower()]
    assert list(tmp_path.rglob("*")) == []
