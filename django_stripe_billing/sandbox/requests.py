"""Requests to the sandbox: who may ask, what is answered, and what is kept for a repetition."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from . import form, parameters
from .errors import InvalidParameterError, SandboxError
from .expand import expand
from .faults import Fault
from .idempotency import Keys
from .older_versions import Tolerance, tolerance
from .resources import INCLUDE, ROUTES, test_clocks
from .routes import Call, match
from .state import StripeObject

if TYPE_CHECKING:
    from .engine import Engine

_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{4,}")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]+")
_VERSION = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?(;.*)?")


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def _key_of(authorization: str) -> str:
    """The API key, as a bearer's or as the user of basic authentication, as `curl -u` sends it."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


class Requests:
    """Answers the requests to an engine; the caller holds its lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys: defaultdict[str, Keys] = defaultdict(Keys)
        self.request_id: str | None = None
        """Of the request that is being answered, for its events."""
        self.idempotency_key: str | None = None

    def answer(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        """Answer as the account that the request acts for."""
        with self._engine.on_account(self._acted_for(headers)):
            return self._answer(method, path, query, body, headers)

    def fail(
        self, fault: Fault, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        """The fault's answer; Stripe remembers a 5xx under the request's idempotency key, too."""
        if fault.status == 0:
            raise ConnectionError("The sandbox broke the connection, as it was told to.")
        kind = "api_error" if fault.status >= 500 else "invalid_request_error"
        error = {"error": {"type": kind, "message": "A fault, as the sandbox was told."}}
        self.request_id = self._engine.state.new_id("req_")
        encoded = json.dumps(error).encode()
        key = headers.get("idempotency-key", "")
        if key and method == "POST" and fault.status >= 500:
            request = (method, path, body)
            self._keys[self._acted_for(headers)].remember(
                key, request, status=fault.status, body=encoded, now=self._engine.clock.now()
            )
        return self._response(fault.status, encoded)

    def _acted_for(self, headers: Mapping[str, str]) -> str:
        named = headers.get("stripe-account", "")
        return named if _ACCOUNT.fullmatch(named) else self._engine.account

    def _answer(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        keys = self._keys[self._engine.account]
        self.request_id = self._engine.state.new_id("req_")
        key = headers.get("idempotency-key", "") if method == "POST" else ""
        self.idempotency_key = key or None
        request = (method, path, body)
        try:
            self._authorise(headers)
            if key and (kept := keys.recall(key, request, now=self._engine.clock.now())):
                return self._response(kept.status, kept.body, replayed=True)
            status, data = 200, self._operate(method, path, query, body, headers)
        except SandboxError as error:
            status, data = error.status, error.body()
            if isinstance(error, InvalidParameterError):
                key = ""
        finally:
            self.idempotency_key = None
        encoded = json.dumps(data).encode()
        response = self._response(status, encoded)
        self.request_id = None
        if key and status not in {401, 409, 429}:
            keys.remember(key, request, status=status, body=encoded, now=self._engine.clock.now())
        return response

    def _operate(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> StripeObject:
        found = match(ROUTES, method, path)
        if found is None:
            raise InvalidParameterError(f"Unrecognized request URL ({method}: {path}).", status=404)
        route, ids = found
        allowed = tolerance(headers)
        given = form.decode(body if method == "POST" else query)
        params = parameters.read(route.name, given, tolerance=allowed)
        paths = params.pop("expand", None) or []
        is_tolerant = allowed is not Tolerance.NOTHING
        call = Call(engine=self._engine, ids=ids, params=params, is_tolerant=is_tolerant)
        with self._engine.on_clock(test_clocks.named_by(self._engine.state, ids, params)):
            answer = copy.deepcopy(route.operation(call))
            expand(answer, paths, find=self._copy_of, include=self._included)
        return answer

    def _authorise(self, headers: Mapping[str, str]) -> None:
        if not _KEY.fullmatch(_key_of(headers.get("authorization", ""))):
            raise InvalidParameterError(
                "Invalid API Key provided: the sandbox takes sk_test_ and rk_test_ keys.",
                status=401,
            )
        account = headers.get("stripe-account")
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise InvalidParameterError(
                f"The provided key does not have access to account '{account}' (or that account"
                " does not exist).",
                status=403,
                code="account_invalid",
            )
        version = headers.get("stripe-version")
        if version is not None and not _VERSION.fullmatch(version):
            raise InvalidParameterError(f"Invalid Stripe API version: {version}")

    def _copy_of(self, object_id: str) -> StripeObject | None:
        state = self._engine.state
        return copy.deepcopy(state.objects.get(object_id) or state.deleted.get(object_id))

    def _included(self, obj: StripeObject, name: str) -> Any:
        include = INCLUDE.get((str(obj.get("object")), name))
        return None if include is None else copy.deepcopy(include(self._engine, obj))

    def _response(self, status: int, body: bytes, *, replayed: bool = False) -> Response:
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(int(self._engine.clock.now()), usegmt=True),
            "Request-Id": self.request_id or "",
            "Stripe-Version": self._engine.api_version,
        }
        if self._engine.account:
            headers["Stripe-Account"] = self._engine.account
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(status=status, headers=headers, body=body)
