"""manage.py stripe_sandbox refuses what can't work, with the mend."""

import pytest
from django.core.management import CommandError, call_command

from django_stripe_billing.management.commands.stripe_sandbox import Command


@pytest.mark.parametrize(
    "url", ["billing/webhook/", "localhost:8000", "ftp://127.0.0.1/", "http://"]
)
def test_a_webhook_address_that_is_no_url_is_refused(settings, url):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="--forward-to takes a URL such as http://127"):
        call_command("stripe_sandbox", "--port", "0", "--forward-to", url)


def test_it_does_not_serve_without_debug(settings):
    assert settings.DEBUG is False
    with pytest.raises(CommandError, match="DEBUG = True only"):
        call_command("stripe_sandbox", "--port", "0")


def options(*arguments):
    return vars(Command().create_parser("manage.py", "stripe_sandbox").parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "days", "end"),
    [
        ([], (3, 5, 7), "cancel"),
        (["--retry-days", "1,2", "--end-of-dunning", "unpaid"], (1, 2), "unpaid"),
        (["--retry-days", "none", "--end-of-dunning", "past_due"], (), "past_due"),
        (["--retry-days", "14", "--end-of-dunning", "pause"], (14,), "pause"),
    ],
)
def test_its_options_are_the_accounts_settings(arguments, days, end):
    engine = Command().engine(options(*arguments))
    assert (engine.retry_days, engine.end_of_dunning) == (days, end)


@pytest.mark.parametrize("days", ["", "soon", "5,3", "3,3", "0,1", "-1", "3,,5", "1.5"])
def test_days_that_are_none_are_refused(settings, days):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="no list of days"):
        call_command("stripe_sandbox", "--port", "0", f"--retry-days={days}")


def test_another_end_of_dunning_is_refused(settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("stripe_sandbox", "--port", "0", "--end-of-dunning", "forgive")
