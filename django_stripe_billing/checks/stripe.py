"""Keys, secrets and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core.checks import CheckMessage

from ..conf import STRIPE_API_BASE, settings
from ..rules.connect import ACCOUNT
from .messages import doubtful_setting, missing_setting, setting_name, wrong_setting

API_KEY = re.compile(r"(sk|rk)_(test|live)_[!-~]+")
WEBHOOK_SECRET = re.compile(r"whsec_[!-~]+")


def check_api_key() -> Iterator[CheckMessage]:
    key, name = settings.API_KEY, setting_name("API_KEY")
    if key in (None, ""):
        hint = (
            "Set it to your restricted or secret key, rk_… or sk_…; for development any sk_test_…"
            " key and the sandbox (manage.py stripe_sandbox) will do."
        )
        yield missing_setting("E001", "W006", f"{name} is empty: Stripe can't be asked.", hint)
    elif isinstance(key, str) and key.startswith("pk_"):
        text = f"{name} is a publishable key (pk_…), which can't do anything on a server."
        yield wrong_setting("E001", text, "Use the restricted or secret key, rk_… or sk_….")
    elif not isinstance(key, str) or not API_KEY.fullmatch(key):
        hint = "It starts with rk_test_, rk_live_, sk_test_ or sk_live_ and has no blanks."
        yield wrong_setting("E001", f"{name} is no API key of Stripe's.", hint)
    elif settings.livemode and django_settings.DEBUG:
        text = f"{name} is a live key while DEBUG is on: real money would move."
        yield doubtful_setting(
            "W001", text, "Use a test key, or the sandbox (manage.py stripe_sandbox)."
        )


def check_webhook_secrets() -> Iterator[CheckMessage]:
    yield from _secrets_of("E002", "WEBHOOK_SECRETS")
    if settings.WEBHOOK_SECRETS in ([], ()):
        text = f"{setting_name('WEBHOOK_SECRETS')} is empty: every webhook would be refused."
        hint = "Add the signing secret of your webhook endpoint, whsec_…."
        yield missing_setting("E002", "W007", text, hint)


def _secrets_of(code: str, key: str) -> Iterator[CheckMessage]:
    secrets, name = getattr(settings, key), setting_name(key)
    if isinstance(secrets, str):
        hint = 'Write ["whsec_…"], also for a single one.'
        yield wrong_setting(code, f"{name} is a string where a list belongs.", hint)
    elif not isinstance(secrets, list | tuple):
        yield wrong_setting(
            code, f"{name} is no list.", 'Write ["whsec_…"], also for a single one.'
        )
    elif not all(isinstance(entry, str) and WEBHOOK_SECRET.fullmatch(entry) for entry in secrets):
        hint = "Each starts with whsec_; a blank one comes from an unset environment variable."
        yield wrong_setting(code, f"{name} has an entry that is no signing secret.", hint)


def check_connect_secrets() -> Iterator[CheckMessage]:
    yield from _secrets_of("E018", "CONNECT_WEBHOOK_SECRETS")
    connected = settings.connect_webhook_secrets
    if not set(connected).isdisjoint(settings.webhook_secrets):
        text = (
            f"{setting_name('CONNECT_WEBHOOK_SECRETS')} has a secret that is in WEBHOOK_SECRETS,"
            " too: it would vouch for both."
        )
        hint = "Make an endpoint of its own for connected accounts; only `stripe listen` has one."
        yield missing_setting("E018", "W008", text, hint)
    if bool(connected) is not bool(settings.CONNECT_ACCOUNTS):
        text = f"{setting_name('CONNECT_WEBHOOK_SECRETS')} is empty: no connected account is heard."
        if connected:
            text = f"{setting_name('CONNECT_ACCOUNTS')} is empty: every event of theirs is ignored."
        yield doubtful_setting("W009", text, "Set both, or neither.")


def check_connect_accounts() -> Iterator[CheckMessage]:
    accounts, name = settings.CONNECT_ACCOUNTS, setting_name("CONNECT_ACCOUNTS")
    if isinstance(accounts, str) or callable(accounts):
        return  # _callables looks at it
    if not isinstance(accounts, list | tuple | set | frozenset) or not all(
        isinstance(entry, str) and ACCOUNT.fullmatch(entry) for entry in accounts
    ):
        hint = 'Write ["acct_…"], or name a function f(account) by its dotted path.'
        yield wrong_setting(
            "E019", f"{name} is neither a list of account ids nor a function.", hint
        )


def check_api_base() -> Iterator[CheckMessage]:
    base, name = settings.API_BASE, setting_name("API_BASE")
    if base and not (isinstance(base, str) and base.startswith(("http://", "https://"))):
        hint = "Leave it empty for Stripe itself, or set http://127.0.0.1:12111 for the sandbox."
        yield wrong_setting("E003", f"{name} is no URL.", hint)
    elif settings.api_base != STRIPE_API_BASE and not django_settings.DEBUG:
        text = f"{name} is not Stripe's while DEBUG is off: who answers there decides who has paid."
        yield wrong_setting("E003", text, "Leave it empty in production.")


def check_http_client() -> Iterator[CheckMessage]:
    if settings.HTTP_CLIENT is not None and not django_settings.DEBUG:
        text = f"{setting_name('HTTP_CLIENT')} is set while DEBUG is off; it is for tests."
        yield wrong_setting("E012", text, "Remove it in production.")
