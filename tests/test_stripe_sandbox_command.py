"""manage.py stripe_sandbox refuses what can't work, with the mend."""

import pytest
from django.core.management import CommandError, call_command


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
