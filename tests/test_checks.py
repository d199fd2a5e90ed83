from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.checks import Error, Warning, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.urls import reverse_lazy

from django_stripe_billing import checks
from django_stripe_billing.checks import (
    check_collation,
    check_deployment,
    check_settings,
    check_urls,
    project,
)
from django_stripe_billing.conf import DEFAULTS


@pytest.fixture
def check(settings):
    """The ids that the settings, with these changes, are answered with."""
    given = settings.STRIPE_BILLING

    def check(*, debug=True, **values):
        settings.DEBUG = debug
        settings.STRIPE_BILLING = {**given, **values}
        return ids(check_settings())

    return check


def ids(messages):
    return [message.id.removeprefix("stripe_billing.") for message in messages]


def test_the_settings_of_these_tests_have_no_finding(check):
    assert check() == []
    assert check(debug=False) == []


def test_a_message_is_an_error_that_names_the_setting_and_the_mend(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "LEEWAY": 3}
    assert check_settings() == [
        Error(
            'STRIPE_BILLING["LEEWAY"] is no timedelta from zero to 366 days.',
            hint="Write timedelta(days=3).",
            id="stripe_billing.E007",
        )
    ]


def test_the_publishable_key_is_called_by_its_name(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_KEY": "pk_test_1"}
    assert check_settings() == [
        Error(
            'STRIPE_BILLING["API_KEY"] is a publishable key (pk_…), which can\'t do anything on a'
            " server.",
            hint="Use the restricted or secret key, rk_… or sk_….",
            id="stripe_billing.E001",
        )
    ]


def test_an_unknown_key_is_answered_with_the_nearest(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "WEBHOOK_SECRET": "whsec_x"}
    assert check_settings() == [
        Error(
            "STRIPE_BILLING has an unknown key (WEBHOOK_SECRET). Did you mean WEBHOOK_SECRETS?",
            hint="Remove or rename it; docs/settings.md lists the keys.",
            id="stripe_billing.E004",
        )
    ]


def test_a_hook_that_is_not_there_is_named_with_the_reason(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "SUBSCRIBER": "nowhere.at.all"}
    assert check_settings() == [
        Error(
            "STRIPE_BILLING[\"SUBSCRIBER\"] can't be imported (No module named 'nowhere').",
            hint="Name a function by its dotted path; the default is"
            ' "django_stripe_billing.subscribers.request_user".',
            id="stripe_billing.E005",
        )
    ]


def test_an_empty_setting_warns_in_development_and_is_an_error_elsewhere(check):
    assert check(API_KEY="") == ["W006"]
    assert check(API_KEY="", debug=False) == ["E001"]
    assert check(WEBHOOK_SECRETS=[]) == ["W007"]
    assert check(WEBHOOK_SECRETS=[], debug=False) == ["E002"]


def test_a_project_without_any_setting_can_migrate_in_development(settings, db):
    del settings.STRIPE_BILLING
    settings.DEBUG = True
    assert ids(check_settings()) == ["W006", "W007"]
    assert all(isinstance(message, Warning) for message in check_settings())
    call_command("migrate", skip_checks=False, verbosity=0)
    settings.DEBUG = False
    with pytest.raises(SystemCheckError, match=r"stripe_billing\.E001"):
        call_command("migrate", skip_checks=False, verbosity=0)


WRONG = [
    ("API_KEY", "pk_test_1", "E001"),
    ("API_KEY", "whsec_1", "E001"),
    ("API_KEY", "sk_test_", "E001"),
    ("API_KEY", " sk_test_1", "E001"),
    ("API_KEY", "sk_test_1\n", "E001"),
    ("API_KEY", "sk_test_é", "E001"),
    ("API_KEY", b"sk_test_1", "E001"),
    ("API_KEY", 5, "E001"),
    ("API_KEY", None, "W006"),
    ("API_KEY", "sk_live_1", "W001"),
    ("API_KEY", "rk_live_1", "W001"),
    ("WEBHOOK_SECRETS", "whsec_1", "E002"),
    ("WEBHOOK_SECRETS", "", "E002"),
    ("WEBHOOK_SECRETS", None, "E002"),
    ("WEBHOOK_SECRETS", {"whsec_1"}, "E002"),
    ("WEBHOOK_SECRETS", ["whsec_1", ""], "E002"),
    ("WEBHOOK_SECRETS", ["whsec_1", "  "], "E002"),
    ("WEBHOOK_SECRETS", ["whsec_1 "], "E002"),
    ("WEBHOOK_SECRETS", ["sk_test_1"], "E002"),
    ("WEBHOOK_SECRETS", [None], "E002"),
    ("API_BASE", "127.0.0.1:12111", "E003"),
    ("API_BASE", 12111, "E003"),
    ("api_key", "sk_test_1", "E004"),
    ("SUBSCRIBER", "nodots", "E005"),
    ("SUBSCRIBER", "django_stripe_billing.subscribers.nobody", "E005"),
    ("SUBSCRIBER", None, "E005"),
    ("CUSTOMER_DETAILS", "django_stripe_billing.conf.DEFAULTS", "E005"),
    ("WEBHOOK_TOLERANCE", 0, "E006"),
    ("WEBHOOK_TOLERANCE", -300, "E006"),
    ("WEBHOOK_TOLERANCE", "300", "E006"),
    ("WEBHOOK_TOLERANCE", True, "E006"),
    ("WEBHOOK_TOLERANCE", 300.5, "E006"),
    ("WEBHOOK_TOLERANCE", 86_400, "E006"),
    ("WEBHOOK_TOLERANCE", None, "E006"),
    ("WEBHOOK_MAX_BYTES", 0, "E006"),
    ("WEBHOOK_MAX_BYTES", "1MB", "E006"),
    ("WEBHOOK_MAX_BYTES", 5_000_000, "W005"),
    ("LEEWAY", 3, "E007"),
    ("LEEWAY", timedelta(days=-1), "E007"),
    ("GRACE", None, "E007"),
    ("GRACE", timedelta.max, "E007"),
    ("REFUNDS", "sometimes", "E014"),
    ("REFUNDS", None, "E014"),
    ("REFUNDS", ["full"], "E014"),
    ("DISPUTES", "full", "E014"),
    ("DISPUTES", True, "E014"),
    ("PRICES", "pro_monthly", "E008"),
    ("PRICES", ["pro_monthly", ""], "E008"),
    ("PRICES", [None], "E008"),
    ("MAX_NETWORK_RETRIES", -1, "E009"),
    ("MAX_NETWORK_RETRIES", 1.5, "E009"),
    ("MAX_NETWORK_RETRIES", None, "E009"),
    ("TIMEOUT", 0, "E009"),
    ("TIMEOUT", float("nan"), "E009"),
    ("TIMEOUT", "30", "E009"),
    ("PRICING_URL", "", "E013"),
    ("EMAILS", None, "E015"),
    ("EMAILS", {"recipt": True}, "E015"),
    ("EMAILS", {"receipt": "no.such.function"}, "E015"),
    ("EMAILS", {"receipt": 1}, "E015"),
    ("EMAIL_RECIPIENT", "no.such.function", "E005"),
    ("EMAIL_LANGUAGE", "no.such.function", "E005"),
    ("AUTOMATIC_TAX", "yes", "E016"),
    ("TAX_ID_COLLECTION", None, "E016"),
    ("THROTTLE", 60, "E020"),
    ("THROTTLE", "", "E020"),
    ("THROTTLE", "0/min", "E020"),
    ("THROTTLE", "60/fortnight", "E020"),
    ("THROTTLE", "60", "E020"),
    ("THROTTLE", "60/min ", "E020"),
    ("ALLOW_PROMOTION_CODES", 1, "E016"),
    ("PORTAL_RETURN_URL", None, "E013"),
    ("PORTAL_RETURN_URL", "javascript:alert(1)", "E013"),
]


@pytest.mark.parametrize(("key", "value", "code"), WRONG)
def test_each_wrong_value_has_one_finding(check, key, value, code):
    assert check(**{key: value}) == [code]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("API_KEY", "rk_test_1"),
        ("API_KEY", "sk_test_a-b.c"),
        ("API_BASE", "http://127.0.0.1:12111"),
        ("API_BASE", "https://api.stripe.com/"),
        ("API_BASE", None),
        ("WEBHOOK_SECRETS", ("whsec_1", "whsec_2")),
        ("SUBSCRIBER", lambda request, action: request.user),
        ("LEEWAY", timedelta(0)),
        ("PRICES", []),
        ("PRICES", ["pro_monthly", "price_1"]),
        ("TIMEOUT", 0.5 + 0.5),
        ("MAX_NETWORK_RETRIES", 0),
        ("PRICING_URL", reverse_lazy("stripe_billing:checkout")),
        ("PORTAL_RETURN_URL", "https://shop.example.com/team/"),
        ("HTTP_CLIENT", object()),
        ("THROTTLE", None),
        ("THROTTLE", "5/s"),
        ("THROTTLE", "1000/day"),
    ],
)
def test_a_right_value_has_no_finding(check, key, value):
    assert check(**{key: value}) == []


@pytest.mark.parametrize("key", DEFAULTS)
@pytest.mark.parametrize("value", [None, 5, "x", b"x", [], [[]], {}, object(), 1e400])
def test_no_value_of_any_type_breaks_the_checks(check, key, value):
    check(**{key: value})
    check_deployment()


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("API_BASE", "http://127.0.0.1:12111", "E003"),
        ("API_BASE", "http://api.stripe.com", "E003"),
        ("API_BASE", "https://api.stripe.com.example.com", "E003"),
        ("HTTP_CLIENT", object(), "E012"),
    ],
)
def test_somebody_else_than_stripe_is_asked_in_development_only(check, key, value, code):
    assert check(**{key: value}) == []
    assert check(**{key: value}, debug=False) == [code]


def test_a_live_key_is_fine_where_debug_is_off(check):
    assert check(API_KEY="rk_live_1", debug=False) == []


@pytest.mark.parametrize("given", [None, [], "API_KEY", 5])
def test_settings_that_are_no_dict_are_one_finding(settings, given):
    settings.STRIPE_BILLING = given
    assert ids(check_settings()) == ["E004"]
    assert check_deployment() == []


def test_a_deployment_is_asked_for_a_restricted_key(check):
    check(API_KEY="sk_live_1", debug=False)
    assert ids(check_deployment()) == ["W003"]
    check(API_KEY="rk_live_1", debug=False)
    assert check_deployment() == []


def test_the_deployment_check_runs_with_deploy_only(db):
    assert "stripe_billing.W003" not in [message.id for message in run_checks()]
    everything = run_checks(include_deployment_checks=True)
    assert "stripe_billing.W003" in [message.id for message in everything]


@pytest.mark.parametrize("label", ["nowhere.Nobody", "auth.Nobody", "nodots", "a.b.c", ""])
def test_a_subscriber_model_that_is_not_installed_is_found(check, settings, label):
    settings.STRIPE_BILLING_SUBSCRIBER_MODEL = label
    assert check() == ["E010"]


@pytest.mark.parametrize("asked", ["db_for_write", "db_for_read"])
def test_tables_that_a_router_sends_elsewhere_are_found(check, settings, asked):
    """Also those that are only read there: a replica lags behind."""

    def elsewhere(model, **hints):
        return "billing" if model._meta.app_label == "stripe_billing" else None

    settings.DATABASE_ROUTERS = [SimpleNamespace(**{asked: elsewhere})]
    assert check() == ["E021"]


def test_naive_times_are_found(check, settings):
    settings.USE_TZ = False
    assert check() == ["E011"]


def test_the_middleware_is_found_missing_or_too_early(check, settings):
    given = list(settings.MIDDLEWARE)
    settings.MIDDLEWARE = [entry for entry in given if entry != project.MIDDLEWARE]
    assert check() == ["W002"]
    settings.MIDDLEWARE = [project.MIDDLEWARE, *settings.MIDDLEWARE]
    assert check() == ["W002"]
    settings.MIDDLEWARE = given
    assert check() == []


def test_a_webhook_that_no_url_leads_to_is_found(settings):
    assert check_urls() == []
    settings.ROOT_URLCONF = "django_stripe_billing.api.urls"
    assert ids(check_urls()) == ["W004"]
    settings.ROOT_URLCONF = None
    assert check_urls() == []


@pytest.mark.parametrize("key", DEFAULTS)
@pytest.mark.parametrize("prefix", ["sk_live_", "rk_test_", "pk_live_", "whsec_", " sk_live_"])
def test_no_message_shows_a_secret_in_whichever_setting_it_stands(check, key, prefix):
    secret = prefix + "verysecret"
    for value in (secret, [secret, ""], f"{secret}.verysecret", secret.encode()):
        check(debug=False, **{key: value, secret: 1})
        shown = [*check_settings(), *check_deployment()]
        assert "E004" in ids(shown)
        assert "verysecret" not in str(shown)


def count(subscriber):
    return 1


def connect_hook(request, subscriber, *, price, quantity):
    return None


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"CONNECT": connect_hook}, []),
        ({"CONNECT": "tests.test_checks.connect_hook"}, []),
        ({"CONNECT": "tests.no_such.function"}, ["E005"]),
        ({"CONNECT": {"fee": 5}}, ["E005"]),
        ({"CONNECT": ""}, ["E005"]),
        ({"CONNECT_WEBHOOK_SECRETS": ["whsec_c"], "CONNECT_ACCOUNTS": ["acct_1"]}, []),
        ({"CONNECT_WEBHOOK_SECRETS": ["whsec_c"], "CONNECT_ACCOUNTS": connect_hook}, []),
        (
            {
                "CONNECT_WEBHOOK_SECRETS": ["whsec_c"],
                "CONNECT_ACCOUNTS": "tests.test_checks.connect_hook",
            },
            [],
        ),
        ({"CONNECT_WEBHOOK_SECRETS": ["whsec_c"]}, ["W009"]),
        ({"CONNECT_ACCOUNTS": ["acct_1"]}, ["W009"]),
        ({"CONNECT_ACCOUNTS": "no.where", "CONNECT_WEBHOOK_SECRETS": ["whsec_c"]}, ["E005"]),
        ({"CONNECT_ACCOUNTS": ["cus_1"], "CONNECT_WEBHOOK_SECRETS": ["whsec_c"]}, ["E019"]),
        ({"CONNECT_ACCOUNTS": ["acct_1", ""], "CONNECT_WEBHOOK_SECRETS": ["whsec_c"]}, ["E019"]),
        ({"CONNECT_ACCOUNTS": 5, "CONNECT_WEBHOOK_SECRETS": ["whsec_c"]}, ["E019"]),
        ({"CONNECT_ACCOUNTS": ["acct_1"], "CONNECT_WEBHOOK_SECRETS": "whsec_c"}, ["E018"]),
        ({"CONNECT_ACCOUNTS": ["acct_1"], "CONNECT_WEBHOOK_SECRETS": ["whsec_c", " "]}, ["E018"]),
    ],
)
def test_connect_is_set_up_as_a_whole(check, values, found):
    assert check(**values) == found


def test_a_secret_that_vouches_for_both_is_an_error_outside_development(check):
    both = {
        "WEBHOOK_SECRETS": ["whsec_1", "whsec_both"],
        "CONNECT_WEBHOOK_SECRETS": ["whsec_both"],
        "CONNECT_ACCOUNTS": ["acct_1"],
    }
    assert check(**both) == ["W008"]
    assert check(**both, debug=False) == ["E018"]


@pytest.mark.parametrize(
    ("counters", "found"),
    [
        ({"seats": "tests.test_checks.count", "reports": count}, []),
        (["seats"], ["stripe_billing.E017"]),
        ({"seats": "tests.no_such.function"}, ["stripe_billing.E017"]),
        ({"seats": 3}, ["stripe_billing.E017"]),
    ],
)
def test_usage_counters_are_functions(settings, counters, found):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "USAGE_COUNTERS": counters}
    assert [message.id for message in checks.check_settings()] == found


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "mysql", reason="it is MySQL's and MariaDB's default")
def test_a_database_that_knows_no_case_is_found():
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    assert "W010" not in ids(run_checks(databases=["default"]))
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} COLLATE utf8mb4_general_ci")
        try:
            assert "W010" in ids(run_checks(databases=["default"]))
        finally:
            cursor.execute(f"ALTER DATABASE {name} COLLATE utf8mb4_bin")


@pytest.mark.django_db
def test_a_database_of_another_kind_is_not_asked(django_assert_num_queries):
    if connection.vendor != "mysql":
        with django_assert_num_queries(0):
            assert check_collation(databases=["default"]) == []
