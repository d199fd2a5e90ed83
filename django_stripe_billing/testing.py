"""pytest fixtures for the projects that use this package.

In your conftest.py: `pytest_plugins = ["django_stripe_billing.testing"]`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from .conf import settings as billing_settings
from .sandbox import Engine, Mailbox, ManualClock
from .sandbox.periods import add_intervals
from .stripe_api import CallableHTTPClient

SECRET = "whsec_stripe_sandbox"  # noqa: S105 - of the sandbox
CONNECT_SECRET = "whsec_stripe_sandbox_connect"  # noqa: S105 - of its connected accounts


class StripeSandbox:
    """Stripe inside the test's process: no network, no account, and webhooks that you post.

    `engine` is the stand-in, `mailbox` holds the events that it has made.
    """

    def __init__(self) -> None:
        self.engine = Engine(clock=ManualClock(int(time.time())))
        self.mailbox = Mailbox(
            self.engine, self._post, secret=SECRET, connect_secret=CONNECT_SECRET
        )
        self._client = Client()

    @property
    def pending(self) -> list[dict[str, Any]]:
        """The events that no webhook has told of yet."""
        return self.mailbox.pending

    def call(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, *, account: str = ""
    ) -> Any:
        """Do to Stripe what somebody does there: `call("DELETE", "/v1/subscriptions/sub_…")`.

        `account` acts as that connected account, which is opened at its first use.
        """
        return self.engine.call(method, path, params, account=account)

    def deliver(self, **how: Any) -> list[int]:
        """Post the pending events, signed, to the project's webhook; the HTTP statuses."""
        return self.mailbox.deliver(**how)

    def drop(self, event_type: str = "") -> list[dict[str, Any]]:
        """Lose the pending events, all or those of a type."""
        return self.mailbox.drop(event_type)

    def pay(self, url: str, *, payment_method: str = "pm_card_visa") -> dict[str, Any]:
        """Pay the hosted checkout page at this URL, as a visitor would; the completed session."""
        session_id = url.rpartition("/")[2]
        return self.engine.complete_checkout(session_id, payment_method=payment_method)

    def advance(self, seconds: float = 0, *, months: int = 0) -> None:
        """Move Stripe's clock by calendar months and by seconds, and let happen what is due."""
        clock = self.engine.clock
        assert isinstance(clock, ManualClock)  # noqa: S101 - as made above
        later = add_intervals(self.engine.now, interval="month", count=months)
        clock.advance(later - self.engine.now + seconds)
        self.engine.tick()

    def _post(self, body: bytes, signature: str) -> int:
        response = self._client.post(
            reverse("stripe_billing:webhook"),
            body,
            content_type="application/json",
            headers={"Stripe-Signature": signature},
        )
        return int(response.status_code)


@pytest.fixture
def stripe_sandbox(settings: Any) -> StripeSandbox:
    """Stripe's sandbox in process, set as the project's Stripe for the test.

    Through pytest-django's `settings`, so that what a test changes besides is restored in order.
    """
    sandbox = StripeSandbox()
    settings.STRIPE_BILLING = {
        **getattr(settings, "STRIPE_BILLING", {}),
        "API_KEY": "sk_test_stripe_sandbox",
        "API_BASE": "",
        "WEBHOOK_SECRETS": [SECRET, *billing_settings.webhook_secrets],
        "CONNECT_WEBHOOK_SECRETS": [CONNECT_SECRET, *billing_settings.connect_webhook_secrets],
        "HTTP_CLIENT": CallableHTTPClient(sandbox.engine.handle),
        "THROTTLE": None,  # tests ask more often than visitors do
    }
    return sandbox
