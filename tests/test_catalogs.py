"""The catalogs that are shipped are whole: no text is missing, none is stale, all are compiled."""

import gettext
import io
import re

import pytest
from django.utils import translation
from django.utils.translation import gettext as _

from . import catalogs

TRANSLATED = [language for language in catalogs.LANGUAGES if language != "en"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%")


@pytest.mark.parametrize("language", catalogs.LANGUAGES)
def test_no_text_is_missing_and_none_is_left_over(language):
    held = {message.id for message in catalogs.read(language) if message.id}
    assert held == catalogs.texts()


def test_texts_of_every_kind_are_found():
    found = catalogs.texts()
    assert "Plans and prices" in found  # a template
    assert "There is no such price on sale." in found  # an error
    assert "Your trial ends soon" in found  # an e-mail's subject
    assert ("every %(number)d month", "every %(number)d months") in found
    assert "to be paid" in found  # an invoice's status
    assert not any("reconcile run" in str(text).lower() for text in found)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_with_its_placeholders(language):
    for message in catalogs.read(language):
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), message.id
        assert not message.fuzzy, message.id
        wanted = set(PLACEHOLDER.findall(str(message.id)))
        for number, string in enumerate(strings):
            is_one = isinstance(message.id, tuple) and number == 0
            assert is_one or set(PLACEHOLDER.findall(string)) == wanted, message.id


@pytest.mark.parametrize("language", catalogs.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    expected = gettext.GNUTranslations(io.BytesIO(catalogs.compiled(catalogs.read(language))))
    shipped = gettext.GNUTranslations(io.BytesIO(catalogs.path_of(language, "mo").read_bytes()))
    assert _texts(shipped) == _texts(expected)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Plans and prices"),
        ("fr", "Formules et prix"),
        ("de", "Tarife und Preise"),
        ("es", "Planes y precios"),
    ],
)
def test_django_finds_them(language, text):
    with translation.override(language):
        assert _("Plans and prices") == text


def _texts(translations):
    return {key: value for key, value in translations._catalog.items() if key != ""}
