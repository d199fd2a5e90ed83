"""The gettext catalogs: what the package says to customers, in every language that is shipped.

`python -m tests.catalogs` brings the .po files up to date (new texts wait there for a translation)
and compiles them. Babel does both: gettext's own tools are not needed.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parent.parent / "django_stripe_billing"
LANGUAGES = ("en", "fr", "de", "es")
STAFF = ("admin", "management", "models", "reconcile", "sandbox", "templates/admin")
"""Folders that speak to the people who run the shop, in English."""
CUSTOMERS = ("models/invoices.py",)
"""Files in these that customers read."""

KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
}


def texts():
    """Every text for customers: a msgid, or a pair of singular and plural."""
    found = set()
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE).as_posix()
        is_staff = name.startswith(tuple(f"{folder}/" for folder in STAFF))
        if path.suffix in {".py", ".html", ".txt"} and (name in CUSTOMERS or not is_staff):
            found |= _texts_of(path)
    return found


def _texts_of(path):
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    found = extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS)
    return {message for _line, message, _comments, _context in found if message}


def path_of(language, suffix="po"):
    return PACKAGE / "locale" / language / "LC_MESSAGES" / f"django.{suffix}"


def read(language):
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog):
    """The bytes of the .mo file; the English one has no translations, and is the source."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def fresh(language):
    """The catalog as it should be: what is translated already, and every text of the package."""
    known = read(language)
    catalog = Catalog(
        locale=language,
        project="django-stripe-billing",
        version=None,
        creation_date=known.creation_date,
        revision_date=known.revision_date,
        last_translator="django-stripe-billing",
        msgid_bugs_address="django-stripe-billing",
        language_team=language,
        fuzzy=False,
        header_comment="# Texts of django-stripe-billing for customers.",
    )
    for text in sorted(texts(), key=str):
        held = known.get(text[0] if isinstance(text, tuple) else text)
        catalog.add(text, held.string if held else None)
    return catalog


def update():
    for language in LANGUAGES:
        catalog = fresh(language)
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, no_location=True, omit_header=False)
        path_of(language, "mo").write_bytes(compiled(catalog))
        missing = [message.id for message in catalog if message.id and not message.string]
        print(f"{language}: {len(catalog)} texts, {len(missing)} to translate")


if __name__ == "__main__":
    update()
