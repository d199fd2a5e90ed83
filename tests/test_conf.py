"""Settings are read when they are used."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_stripe_billing.conf import DEFAULTS, STRIPE_API_BASE, settings, subscriber_model
from django_stripe_billing.rules.entitlements import Policy


def given(**values):
    return override_settings(STRIPE_BILLING=values)


def test_what_is_not_set_has_its_default():
    with given():
        assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS


def test_a_project_without_the_setting_has_the_defaults(settings):
    del settings.STRIPE_BILLING
    from django_stripe_billing.conf import settings as ours

    assert ours.WEBHOOK_TOLERANCE == 300


def test_an_overridden_setting_holds_at_once_and_no_longer():
    before = settings.TIMEOUT
    with given(TIMEOUT=7):
        assert settings.TIMEOUT == 7
    assert before == settings.TIMEOUT


def test_none_is_a_value_too():
    with given(PRICES=None, HTTP_CLIENT=None):
        assert settings.PRICES is None
        assert settings.callable("HTTP_CLIENT") is None


def test_an_unknown_name_is_no_setting():
    with pytest.raises(AttributeError):
        settings.API_KEYS  # noqa: B018 - reading it raises


@pytest.mark.parametrize("value", [len, "builtins.len"])
def test_a_function_is_named_by_its_path_or_is_there_itself(value):
    with given(SUBSCRIBER=value):
        assert settings.callable("SUBSCRIBER") is len


@pytest.mark.parametrize("path", ["nowhere.at_all", "builtins.nothing", "nodots", ""])
def test_a_function_that_is_not_there_names_the_setting(path):
    with given(SUBSCRIBER=path), pytest.raises(ImproperlyConfigured, match="SUBSCRIBER"):
        settings.callable("SUBSCRIBER")


@pytest.mark.parametrize(
    ("key", "livemode"),
    [
        ("sk_live_abc", True),
        ("rk_live_abc", True),
        ("sk_test_abc", False),
        ("rk_test_live_abc", False),
        ("sk_test_x_live_", False),
        ("", False),
        (None, False),
    ],
)
def test_the_mode_is_that_of_the_key(key, livemode):
    with given(API_KEY=key):
        assert settings.livemode is livemode


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("", STRIPE_API_BASE),
        (None, STRIPE_API_BASE),
        ("http://127.0.0.1:12111", "http://127.0.0.1:12111"),
        ("http://127.0.0.1:12111/", "http://127.0.0.1:12111"),
    ],
)
def test_without_a_base_it_is_stripe_itself(base, expected):
    with given(API_BASE=base):
        assert settings.api_base == expected


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        (["whsec_a", "whsec_b"], ["whsec_a", "whsec_b"]),
        (("whsec_a", ""), ["whsec_a"]),
        (["", " ", None, 0], []),
        ("whsec_a", ["whsec_a"]),
        ("", []),
        (None, []),
    ],
)
def test_blank_secrets_are_none_and_a_string_is_one(value, secrets):
    with given(WEBHOOK_SECRETS=value):
        assert settings.webhook_secrets == secrets


def test_the_policy_is_in_seconds():
    with given(LEEWAY=timedelta(hours=1), GRACE=timedelta(days=2)):
        assert settings.policy == Policy(leeway_seconds=3600, grace_seconds=172_800)


def test_without_a_subscriber_model_it_is_the_user(settings):
    del settings.STRIPE_BILLING_SUBSCRIBER_MODEL
    assert subscriber_model() == "auth.User"
    settings.STRIPE_BILLING_SUBSCRIBER_MODEL = "organisations.Organisation"
    assert subscriber_model() == "organisations.Organisation"
