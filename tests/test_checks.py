from datetime import timedelta

import pytest
from django.core.checks import run_checks

from django_stripe_billing import checks
from django_stripe_billing.checks import check_deployment, check_settings, check_urls

SECRET = "sk_live_dontshowthis"


def ids(**changes):
    return [message.id.partition(".")[2] for message in check_settings()]


@pytest.fixture
def change(settings):
    def change(**values):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **values}
        return ids()

    return change


def test_the_tests_own_settings_are_right(settings):
    settings.DEBUG = True
    assert ids() == []
    assert check_urls() == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"API_KEY": ""}, "E001"),
        ({"API_KEY": None}, "E001"),
        ({"API_KEY": "pk_test_123456"}, "E001"),
        ({"API_KEY": "whsec_123456"}, "E001"),
        ({"WEBHOOK_SECRETS": "whsec_1"}, "E002"),
        ({"WEBHOOK_SECRETS": []}, "E002"),
        ({"WEBHOOK_SECRETS": [""]}, "E002"),
        ({"WEBHOOK_SECRETS": ["whsec_1", "sk_test_1"]}, "E002"),
        ({"API_BASE": "http://127.0.0.1:12111"}, "E003"),
        ({"API_BASE": "127.0.0.1"}, "E003"),
        ({"WEBHOOK_SECRET": "whsec_1"}, "E004"),
        ({"SUBSCRIBER": "nowhere.at_all"}, "E005"),
        ({"CUSTOMER_DETAILS": 5}, "E005"),
        ({"WEBHOOK_TOLERANCE": 0}, "E006"),
        ({"WEBHOOK_TOLERANCE": "300"}, "E006"),
        ({"WEBHOOK_MAX_BYTES": -1}, "E006"),
        ({"LEEWAY": 3}, "E007"),
        ({"GRACE": timedelta(days=-1)}, "E007"),
        ({"PRICES": "pro"}, "E008"),
        ({"PRICES": [1]}, "E008"),
        ({"MAX_NETWORK_RETRIES": None}, "E009"),
        ({"TIMEOUT": 0}, "E009"),
        ({"HTTP_CLIENT": object()}, "E012"),
    ],
)
def test_a_wrong_setting_has_an_error_of_its_own(change, settings, values, expected):
    settings.DEBUG = False
    assert change(**values) == [expected]


@pytest.mark.parametrize("values", [{"API_BASE": "http://127.0.0.1:12111"}, {"HTTP_CLIENT": 1}])
def test_what_is_for_development_is_allowed_there(change, settings, values):
    settings.DEBUG = True
    assert change(**values) == []


@pytest.mark.parametrize("values", [{"API_KEY": ""}, {"WEBHOOK_SECRETS": []}])
def test_in_development_what_is_still_to_be_set_is_a_warning(change, settings, values):
    settings.DEBUG = True
    change(**values)
    assert [message.level for message in check_settings()] == [30]


def test_a_live_key_in_development_is_a_warning(change, settings):
    settings.DEBUG = True
    assert change(API_KEY=SECRET) == ["W001"]


def test_a_typo_gets_a_suggestion(change, settings):
    change(WEBHOOK_SECRET="whsec_1")
    [message] = check_settings()
    assert "Did you mean WEBHOOK_SECRETS?" in message.msg


def test_every_message_has_a_mend_and_none_shows_a_value(settings):
    settings.DEBUG = False
    settings.STRIPE_BILLING = {
        "API_KEY": "pk_live_dontshowthis",
        "WEBHOOK_SECRETS": [SECRET],
        "API_BASE": "ftp://user:dontshowthis@x",
        "PRICES": SECRET,
    }
    settings.MIDDLEWARE = []
    messages = check_settings()
    assert [message.id.partition(".")[2] for message in messages] == [
        "E001",
        "E002",
        "E003",
        "E008",
        "W002",
    ]
    for message in messages:
        assert message.hint
        assert "dontshowthis" not in f"{message.msg}{message.hint}"


def test_the_middleware_stands_behind_authentication(settings):
    order = list(settings.MIDDLEWARE)
    order.remove(checks.MIDDLEWARE)
    settings.MIDDLEWARE = order
    assert ids() == ["W002"]
    settings.MIDDLEWARE = [checks.MIDDLEWARE, *order]
    assert ids() == ["W002"]


def test_a_project_without_the_urls_is_warned(settings):
    settings.ROOT_URLCONF = "tests.without_urls"
    assert [message.id for message in check_urls()] == ["stripe_billing.W004"]


def test_a_secret_key_in_production_is_a_warning(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_KEY": SECRET}
    assert [message.id for message in check_deployment()] == ["stripe_billing.W003"]
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_KEY": "rk_live_restricted"}
    assert check_deployment() == []


def test_settings_that_are_no_dict_are_an_error(settings):
    settings.STRIPE_BILLING = ["API_KEY"]
    assert ids() == ["E004"]


def test_naive_times_and_a_missing_subscriber_model_are_errors(settings):
    settings.USE_TZ = False
    assert ids() == ["E011"]
    settings.USE_TZ = True
    settings.STRIPE_BILLING_SUBSCRIBER_MODEL = "nowhere.Nobody"
    assert ids() == ["E010"]


def test_a_small_upload_limit_is_a_warning(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert ids() == ["W005"]


def test_the_checks_are_registered(settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "TIMEOUT": 0}
    assert "stripe_billing.E009" in [message.id for message in run_checks()]
