"""System checks: every wrong setting is named, with the mend, before it does harm.

No message shows a setting's value: it may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from .conf import DEFAULTS, STRIPE_API_BASE, settings, subscriber_model
from .emails.wishes import DEFAULT_WISHES, wish_for
from .rules.connect import ACCOUNT
from .rules.payments import DISPUTE_POLICIES, REFUND_POLICIES
from .rules.throttling import parse_rate

TAG = "stripe_billing"
MIDDLEWARE = "django_stripe_billing.access.BillingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
API_KEY = re.compile(r"(sk|rk)_(test|live)_[!-~]+")
WEBHOOK_SECRET = re.compile(r"whsec_[!-~]+")
SECRET = re.compile(r"\b(?:[srp]k_(?:test|live)|whsec)_")
LONGEST = timedelta(days=366)

BOUNDS: dict[str, tuple[str, type, int, int, str]] = {
    "WEBHOOK_TOLERANCE": ("E006", int, 1, 3600, "seconds"),
    "WEBHOOK_MAX_BYTES": ("E006", int, 1_000, 100_000_000, "bytes"),
    "MAX_NETWORK_RETRIES": ("E009", int, 0, 10, "retries"),
    "TIMEOUT": ("E009", float, 1, 600, "seconds"),
}
"""By setting: the check's id, whole numbers or any, the least, the most, the unit."""


@register(TAG)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Everything that can be said without asking Stripe."""
    if not isinstance(_given(), dict):
        return [_error("E004", "STRIPE_BILLING is no dict.", "Set STRIPE_BILLING = {…}.")]
    return [message for check in CHECKS for message in check()]


@register(TAG, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong in production only."""
    if not isinstance(_given(), dict) or not str(settings.API_KEY).startswith("sk_"):
        return []
    text = f"{_name('API_KEY')} is a secret key with every permission."
    hint = "Use a restricted key (rk_…) with the permissions in docs/security.md."
    return [_warning("W003", text, hint)]


@register(TAG, Tags.urls)
def check_urls(**kwargs: Any) -> list[CheckMessage]:
    """Stripe must find the webhook."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    try:
        reverse("stripe_billing:webhook")
    except NoReverseMatch:
        text = "No URL leads to the webhook, so nothing that is paid would be heard of."
        hint = 'Add path("billing/", include("django_stripe_billing.urls")) to your URLs.'
        return [_warning("W004", text, hint)]
    return []


def _unknown_keys() -> Iterator[CheckMessage]:
    for key in _given():
        if key in DEFAULTS:
            continue
        near = difflib.get_close_matches(str(key).upper(), DEFAULTS, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        text = f"STRIPE_BILLING has an unknown key{_shown(str(key))}.{meant}"
        yield _error("E004", text, "Remove or rename it; docs/settings.md lists the keys.")


def _api_key() -> Iterator[CheckMessage]:
    key, name = settings.API_KEY, _name("API_KEY")
    if key in (None, ""):
        hint = (
            "Set it to your restricted or secret key, rk_… or sk_…; for development any sk_test_…"
            " key and the sandbox (manage.py stripe_sandbox) will do."
        )
        yield _missing("E001", "W006", f"{name} is empty: Stripe can't be asked.", hint)
    elif isinstance(key, str) and key.startswith("pk_"):
        text = f"{name} is a publishable key (pk_…), which can't do anything on a server."
        yield _error("E001", text, "Use the restricted or secret key, rk_… or sk_….")
    elif not isinstance(key, str) or not API_KEY.fullmatch(key):
        hint = "It starts with rk_test_, rk_live_, sk_test_ or sk_live_ and has no blanks."
        yield _error("E001", f"{name} is no API key of Stripe's.", hint)
    elif settings.livemode and django_settings.DEBUG:
        text = f"{name} is a live key while DEBUG is on: real money would move."
        yield _warning("W001", text, "Use a test key, or the sandbox (manage.py stripe_sandbox).")


def _webhook_secrets() -> Iterator[CheckMessage]:
    yield from _secrets_of("E002", "WEBHOOK_SECRETS")
    if settings.WEBHOOK_SECRETS in ([], ()):
        text = f"{_name('WEBHOOK_SECRETS')} is empty: every webhook would be refused."
        hint = "Add the signing secret of your webhook endpoint, whsec_…."
        yield _missing("E002", "W007", text, hint)


def _secrets_of(code: str, key: str) -> Iterator[CheckMessage]:
    secrets, name = getattr(settings, key), _name(key)
    if isinstance(secrets, str):
        hint = 'Write ["whsec_…"], also for a single one.'
        yield _error(code, f"{name} is a string where a list belongs.", hint)
    elif not isinstance(secrets, list | tuple):
        yield _error(code, f"{name} is no list.", 'Write ["whsec_…"], also for a single one.')
    elif not all(isinstance(entry, str) and WEBHOOK_SECRET.fullmatch(entry) for entry in secrets):
        hint = "Each starts with whsec_; a blank one comes from an unset environment variable."
        yield _error(code, f"{name} has an entry that is no signing secret.", hint)


def _connect_secrets() -> Iterator[CheckMessage]:
    yield from _secrets_of("E018", "CONNECT_WEBHOOK_SECRETS")
    connected = settings.connect_webhook_secrets
    if not set(connected).isdisjoint(settings.webhook_secrets):
        text = (
            f"{_name('CONNECT_WEBHOOK_SECRETS')} has a secret that is in WEBHOOK_SECRETS, too: it"
            " would vouch for both."
        )
        hint = "Make an endpoint of its own for connected accounts; only `stripe listen` has one."
        yield _missing("E018", "W008", text, hint)
    if bool(connected) is not bool(settings.CONNECT_ACCOUNTS):
        text = f"{_name('CONNECT_WEBHOOK_SECRETS')} is empty: no connected account is heard."
        if connected:
            text = f"{_name('CONNECT_ACCOUNTS')} is empty: every event of theirs is ignored."
        yield _warning("W009", text, "Set both, or neither.")


def _connect_accounts() -> Iterator[CheckMessage]:
    accounts, name = settings.CONNECT_ACCOUNTS, _name("CONNECT_ACCOUNTS")
    if isinstance(accounts, str) or callable(accounts):
        return  # _callables looks at it
    if not isinstance(accounts, list | tuple | set | frozenset) or not all(
        isinstance(entry, str) and ACCOUNT.fullmatch(entry) for entry in accounts
    ):
        hint = 'Write ["acct_…"], or name a function f(account) by its dotted path.'
        yield _error("E019", f"{name} is neither a list of account ids nor a function.", hint)


def _api_base() -> Iterator[CheckMessage]:
    base, name = settings.API_BASE, _name("API_BASE")
    if base and not (isinstance(base, str) and base.startswith(("http://", "https://"))):
        hint = "Leave it empty for Stripe itself, or set http://127.0.0.1:12111 for the sandbox."
        yield _error("E003", f"{name} is no URL.", hint)
    elif settings.api_base != STRIPE_API_BASE and not django_settings.DEBUG:
        text = f"{name} is not Stripe's while DEBUG is off: who answers there decides who has paid."
        yield _error("E003", text, "Leave it empty in production.")


def _http_client() -> Iterator[CheckMessage]:
    if settings.HTTP_CLIENT is not None and not django_settings.DEBUG:
        text = f"{_name('HTTP_CLIENT')} is set while DEBUG is off; it is for tests."
        yield _error("E012", text, "Remove it in production.")


CALLABLES = (
    "SUBSCRIBER",
    "CUSTOMER_DETAILS",
    "EMAIL_RECIPIENT",
    "EMAIL_LANGUAGE",
    "ENQUEUE",
    "CONNECT",
    "CONNECT_ACCOUNTS",
)
OPTIONAL = {"EMAIL_LANGUAGE", "ENQUEUE", "CONNECT", "CONNECT_ACCOUNTS"}
"""Whose default is no function, or may not be importable."""


def _callables() -> Iterator[CheckMessage]:
    for name in CALLABLES:
        value = getattr(settings, name)
        if name in OPTIONAL and value == DEFAULTS[name]:
            continue
        if name == "CONNECT_ACCOUNTS" and not isinstance(value, str):
            continue
        hint = "Name a function by its dotted path."
        if isinstance(DEFAULTS[name], str):
            hint = f'Name a function by its dotted path; the default is "{DEFAULTS[name]}".'
        try:
            found = settings.callable(name)
        except Exception as error:  # importing a project's module may raise anything
            reason = str(error.__cause__ or error)
            yield _error("E005", f"{_name(name)} can't be imported{_shown(reason)}.", hint)
        else:
            if not callable(found):
                yield _error("E005", f"{_name(name)} is not callable.", hint)


def _emails() -> Iterator[CheckMessage]:
    wishes, name = settings.EMAILS, _name("EMAILS")
    if not isinstance(wishes, dict):
        yield _error("E015", f"{name} is no dict.", 'Write {"receipt": False}, for instance.')
        return
    for kind in wishes:
        hint = f"The kinds are {', '.join(DEFAULT_WISHES)}."
        if kind not in DEFAULT_WISHES:
            yield _error("E015", f"{name} has an unknown kind{_shown(str(kind))}.", hint)
            continue
        hint = "Write True, False, or the dotted path of a function of the e-mail's context."
        try:
            wish = wish_for(kind)
        except Exception as error:  # importing a project's module may raise anything
            text = f'{name}["{kind}"] can\'t be imported{_shown(str(error))}.'
            yield _error("E015", text, hint)
        else:
            if not isinstance(wish, bool) and not callable(wish):
                text = f'{name}["{kind}"] is neither true, false, nor a function.'
                yield _error("E015", text, hint)


def _counters() -> Iterator[CheckMessage]:
    counters, name = settings.USAGE_COUNTERS, _name("USAGE_COUNTERS")
    hint = 'Write {"seats": "app.module.function"}: it takes the subscriber and returns a number.'
    if not isinstance(counters, dict):
        yield _error("E017", f"{name} is no dict.", hint)
        return
    for key, counter in counters.items():
        try:
            found = import_string(counter) if isinstance(counter, str) else counter
        except Exception as error:  # importing a project's module may raise anything
            yield _error("E017", f'{name}["{key}"] can\'t be imported{_shown(str(error))}.', hint)
        else:
            if not callable(found):
                yield _error("E017", f'{name}["{key}"] is not callable.', hint)


def _flags() -> Iterator[CheckMessage]:
    for key in ("AUTOMATIC_TAX", "TAX_ID_COLLECTION", "ALLOW_PROMOTION_CODES"):
        if not isinstance(getattr(settings, key), bool):
            yield _error("E016", f"{_name(key)} is neither True nor False.", "Write True or False.")


def _numbers() -> Iterator[CheckMessage]:
    for key, (code, kind, lowest, highest, unit) in BOUNDS.items():
        value = getattr(settings, key)
        is_number = isinstance(value, int | kind) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest:
            whole = "a whole number" if kind is int else "a number"
            text = f"{_name(key)} is not {whole} from {lowest} to {highest} {unit}."
            yield _error(code, text, f"The default is {DEFAULTS[key]}.")
    largest, wanted = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.WEBHOOK_MAX_BYTES
    if largest is not None and isinstance(wanted, int) and largest < wanted:
        text = "DATA_UPLOAD_MAX_MEMORY_SIZE refuses webhooks that WEBHOOK_MAX_BYTES would take."
        yield _warning("W005", text, "Raise the one or lower the other.")


def _durations() -> Iterator[CheckMessage]:
    for key in ("LEEWAY", "GRACE"):
        value = getattr(settings, key)
        if not isinstance(value, timedelta) or not timedelta(0) <= value <= LONGEST:
            text = f"{_name(key)} is no timedelta from zero to {LONGEST.days} days."
            yield _error("E007", text, f"Write timedelta(days={DEFAULTS[key].days}).")


def _policies() -> Iterator[CheckMessage]:
    for key, known in (("REFUNDS", REFUND_POLICIES), ("DISPUTES", DISPUTE_POLICIES)):
        value = getattr(settings, key)
        if not isinstance(value, str) or value not in known:
            choices = "; ".join(f'"{name}": {meaning}' for name, meaning in known.items())
            yield _error("E014", f"{_name(key)} is none of the policies.", f"Write {choices}.")


def _throttle() -> Iterator[CheckMessage]:
    rate = settings.THROTTLE
    if rate is not None and not (isinstance(rate, str) and parse_rate(rate)):
        hint = 'Write "60/min", or None for no limit; the periods are s, min, hour and day.'
        yield _error("E020", f"{_name('THROTTLE')} is no rate.", hint)


def _prices() -> Iterator[CheckMessage]:
    prices = settings.PRICES
    is_list = isinstance(prices, list | tuple | set) and all(
        isinstance(entry, str) and entry.strip() for entry in prices
    )
    if prices is not None and not is_list:
        text = f"{_name('PRICES')} is no list of lookup keys or price ids."
        hint = 'Write ["pro_monthly", …], or None to sell every active price with a lookup key.'
        yield _error("E008", text, hint)


def _pages() -> Iterator[CheckMessage]:
    for key in ("PRICING_URL", "PORTAL_RETURN_URL"):
        value = getattr(settings, key)
        is_url = isinstance(value, str) and value.startswith(("/", "http://", "https://"))
        if not is_url and not isinstance(value, Promise):
            text = f"{_name(key)} is no URL."
            yield _error("E013", text, 'Write a path such as "/pricing/", a URL, or reverse_lazy.')


def _subscriber() -> Iterator[CheckMessage]:
    try:
        apps.get_model(subscriber_model())
    except (LookupError, ValueError):
        text = "STRIPE_BILLING_SUBSCRIBER_MODEL names no installed model."
        hint = 'Write "app_label.Model" and add the app to INSTALLED_APPS.'
        yield _error("E010", text, hint)


def _time_zones() -> Iterator[CheckMessage]:
    if not django_settings.USE_TZ:
        yield _error("E011", "USE_TZ is off; access ends at moments in UTC.", "Set USE_TZ = True.")


def _middleware() -> Iterator[CheckMessage]:
    order = list(django_settings.MIDDLEWARE)
    if MIDDLEWARE not in order:
        text = "BillingMiddleware is not in MIDDLEWARE, so views have no request.billing."
        yield _warning("W002", text, f'Add "{MIDDLEWARE}" after AuthenticationMiddleware.')
    elif AUTHENTICATION in order and order.index(MIDDLEWARE) < order.index(AUTHENTICATION):
        text = "BillingMiddleware stands before AuthenticationMiddleware in MIDDLEWARE."
        yield _warning("W002", text, "Move it behind: it asks who is signed in.")


CHECKS: list[Callable[[], Iterator[CheckMessage]]] = [
    _unknown_keys,
    _api_key,
    _webhook_secrets,
    _connect_secrets,
    _connect_accounts,
    _api_base,
    _http_client,
    _callables,
    _emails,
    _counters,
    _flags,
    _numbers,
    _durations,
    _policies,
    _throttle,
    _prices,
    _pages,
    _subscriber,
    _time_zones,
    _middleware,
]


def _given() -> Any:
    return getattr(django_settings, "STRIPE_BILLING", {})


def _name(key: str) -> str:
    return f'STRIPE_BILLING["{key}"]'


def _shown(text: str) -> str:
    """The text in brackets, unless a secret may have slipped into it."""
    return "" if SECRET.search(text) else f" ({text[:200]})"


def _missing(code: str, code_in_development: str, text: str, hint: str) -> CheckMessage:
    """A setting that is still to be made: in development that must not stop `migrate`."""
    if django_settings.DEBUG:
        return _warning(code_in_development, text, hint)
    return _error(code, text, hint)


def _error(code: str, text: str, hint: str) -> CheckMessage:
    return Error(text, hint=hint, id=f"stripe_billing.{code}")


def _warning(code: str, text: str, hint: str) -> CheckMessage:
    return Warning(text, hint=hint, id=f"stripe_billing.{code}")
