"""Functions of the project's that settings name by dotted paths."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ..conf import DEFAULTS, settings
from ..emails.wishes import DEFAULT_WISHES, wish_for
from .messages import setting_name, shown, wrong_setting

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


def check_callables() -> Iterator[CheckMessage]:
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
            yield wrong_setting(
                "E005", f"{setting_name(name)} can't be imported{shown(reason)}.", hint
            )
        else:
            if not callable(found):
                yield wrong_setting("E005", f"{setting_name(name)} is not callable.", hint)


def check_emails() -> Iterator[CheckMessage]:
    wishes, name = settings.EMAILS, setting_name("EMAILS")
    if not isinstance(wishes, dict):
        yield wrong_setting(
            "E015", f"{name} is no dict.", 'Write {"receipt": False}, for instance.'
        )
        return
    for kind in wishes:
        hint = f"The kinds are {', '.join(DEFAULT_WISHES)}."
        if kind not in DEFAULT_WISHES:
            yield wrong_setting("E015", f"{name} has an unknown kind{shown(str(kind))}.", hint)
            continue
        hint = "Write True, False, or the dotted path of a function of the e-mail's context."
        try:
            wish = wish_for(kind)
        except Exception as error:  # importing a project's module may raise anything
            text = f'{name}["{kind}"] can\'t be imported{shown(str(error))}.'
            yield wrong_setting("E015", text, hint)
        else:
            if not isinstance(wish, bool) and not callable(wish):
                text = f'{name}["{kind}"] is neither true, false, nor a function.'
                yield wrong_setting("E015", text, hint)


def check_counters() -> Iterator[CheckMessage]:
    counters, name = settings.USAGE_COUNTERS, setting_name("USAGE_COUNTERS")
    hint = 'Write {"seats": "app.module.function"}: it takes the subscriber and returns a number.'
    if not isinstance(counters, dict):
        yield wrong_setting("E017", f"{name} is no dict.", hint)
        return
    for key, counter in counters.items():
        try:
            found = import_string(counter) if isinstance(counter, str) else counter
        except Exception as error:  # importing a project's module may raise anything
            yield wrong_setting(
                "E017", f'{name}["{key}"] can\'t be imported{shown(str(error))}.', hint
            )
        else:
            if not callable(found):
                yield wrong_setting("E017", f'{name}["{key}"] is not callable.', hint)
