"""What the documents name exists: commands and their options, links, settings, checks, events."""

import ast
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.dispatch import Signal

from django_stripe_billing import checks, conf, signals
from django_stripe_billing.api import errors
from django_stripe_billing.api import urls as api_urls
from django_stripe_billing.api.operations import operation_of
from django_stripe_billing.models import Drift, EmailMessage, Event
from django_stripe_billing.rules.drift_kinds import MEANINGS
from django_stripe_billing.rules.events import SUBJECTS
from django_stripe_billing.sandbox.operator_controls import CONTROLS
from django_stripe_billing.signal_types import TYPES
from django_stripe_billing.webhooks.effects import EFFECTS

from .pages import PAGES, ROOT, page

OURS = sorted(name for name, app in get_commands().items() if app == "django_stripe_billing")
COMMAND = re.compile(
    rf"(?:manage\.py (?=[a-z_])|`(?=(?:{'|'.join(OURS)})\b))([a-z_]+)([^\n`|&;>]*)"
)
OPTION = re.compile(r"`(--(?!billing-)[a-z-]+)")  # a custom property is none


def commands_in(text):
    """Name and arguments of each command that is named after manage.py, or in `code`."""
    return [(found[1], found[2].strip()) for found in COMMAND.finditer(text)]


def parser_of(name):
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


def options_of(name):
    return {option for action in parser_of(name)._actions for option in action.option_strings}


def test_the_commands_are_found_in_prose_and_in_blocks():
    named = {name for found in PAGES for name, _ in commands_in(found.text)}
    assert named >= {*OURS, "check", "migrate"}
    assert ("stripe_sandbox", "--port 0") in commands_in("Run `stripe_sandbox --port 0`, then")
    assert ("check", "--deploy") in commands_in("`python manage.py check --deploy` names")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists_with_these_options(page):
    for name, arguments in commands_in(page.text):
        assert name in get_commands(), name
        named = {word.partition("=")[0] for word in arguments.split() if word[:2] == "--"}
        assert named <= options_of(name), (name, named)
    known = {option for name in [*OURS, "check"] for option in options_of(name)}
    assert set(OPTION.findall(page.prose)) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_block_parses(page):
    for block in page.blocks:
        if block.language != "sh":
            continue
        for name, arguments in commands_in(block.text):
            parser_of(name).parse_args(shlex.split(arguments.partition(" #")[0]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    for link in page.links:
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in type(page)(path=target).anchors, link


def test_readme_leads_to_every_page():
    linked = {link.partition("#")[0] for link in page("README.md").links}
    assert linked >= {found.name for found in PAGES[1:]}


def plain(cell):
    return cell.replace("`", "").strip()


def test_the_settings_table_is_that_of_the_code():
    rows = {plain(row[0]): row for row in page("docs/settings.md").table("The keys")}
    assert list(rows) == list(conf.DEFAULTS)
    for key, default in conf.DEFAULTS.items():
        shown = plain(rows[key][2])
        if isinstance(default, timedelta):
            assert shown == f"timedelta(days={default.days})", key
        else:
            assert ast.literal_eval(shown) == default, key
    told = set(re.findall(r"[EW]\d{3}", page("docs/settings.md").text))
    assert told <= ids_in_code()


def ids_in_code():
    files = Path(checks.__file__).parent.glob("*.py")
    return {code for file in files for code in re.findall(r'"([EW]\d{3})"', file.read_text())}


def test_the_checks_table_is_that_of_the_code():
    told = [
        plain(row[0]).removeprefix("stripe_billing.")
        for row in page("docs/checks.md").table("All of them")
    ]
    assert told == sorted(ids_in_code())


def test_the_events_to_subscribe_to_are_those_that_are_handled():
    [block] = [block for block in page("docs/webhooks.md").blocks if block.language == "text"]
    assert block.text.split() == list(SUBJECTS)


def test_the_controls_of_the_sandbox_are_all_there():
    rows = page("docs/sandbox.md").table("Its controls")
    told = {found for row in rows for found in re.findall(r"/_sandbox/(\w+)", row[0])}
    assert told == {*CONTROLS, "state"}


def test_the_error_codes_of_the_api_are_all_there():
    rows = page("docs/api.md").table("Codes")
    assert {(plain(row[0]), int(row[1])) for row in rows} == {
        (code, status) for _, status, code in errors.ANSWERS
    }
    rows = page("docs/api.md").table("Codes of every API")
    assert [(int(row[1]), plain(row[0])) for row in rows] == errors.GENERAL


def test_the_endpoints_are_all_there():
    rows = page("docs/api.md").table("Endpoints")
    told = {plain(name): (path, calls) for name, path, _, calls in rows}
    assert told.keys() == {pattern.name for pattern in api_urls.urlpatterns}
    for pattern in api_urls.urlpatterns:
        view, (path, calls) = pattern.callback.cls, told[pattern.name]
        own = {method: operation_of(view, method) for method in ("GET", "POST")}
        assert set(re.findall(r"GET|POST", path)) == {name for name, found in own.items() if found}
        shown = re.sub("<.*>", "<id>", str(pattern.pattern))
        assert plain(path.split()[-1]).partition("?")[0] == shown
        calling = [name for name, found in own.items() if found and found.calls_stripe]
        every = [name for name, found in own.items() if found]
        assert calls == ("yes" if calling and calling == every else " ".join(calling))


def test_the_typescript_that_is_shown_is_that_of_the_examples():
    files = [path.read_text() for path in (ROOT / "docs" / "examples").glob("*.ts")]
    shown = [block.text for block in page("docs/api.md").blocks if block.language == "ts"]
    assert len(shown) == 3
    for text in shown:
        assert any(text in file for file in files)


def test_the_statuses_of_an_event_are_all_there():
    rows = page("docs/webhooks.md").table("What becomes of an event")
    assert [plain(row[0]) for row in rows] == Event.Status.values


def test_every_kind_of_drift_is_explained():
    rows = page("docs/reconcile.md").table("Kinds of drift")
    assert [tuple(plain(cell) for cell in row) for row in rows] == [
        (kind.value, meaning.sentence, meaning.repair or "—", meaning.advice)
        for kind, meaning in MEANINGS.items()
    ]


def test_every_option_of_the_proof_is_explained():
    told = [plain(row[0]).split()[0] for row in page("docs/reconcile.md").table("Options")]
    own = options_of("reconcile_entitlements") - options_of("runserver")
    assert set(told) == {option for option in own if option.startswith("--")}
    assert len(told) == len(set(told))


def test_the_states_of_drift_are_all_there():
    rows = page("docs/reconcile.md").table("Read a report")
    assert [plain(row[0]) for row in rows] == [
        state for state in Drift.State.values if state != Drift.State.GONE
    ]


def listed(cell):
    return tuple(re.findall(r"`(\w+)`", cell))


def test_the_table_of_what_each_event_does_is_that_of_the_code():
    rows = page("docs/signals.md").table("What each event does")
    assert {plain(row[0]): (row[1], listed(row[2]), listed(row[3])) for row in rows} == {
        name: (effect.does, effect.signals, effect.emails) for name, effect in EFFECTS.items()
    }


def test_every_signal_is_listed_with_what_it_carries():
    rows = page("docs/signals.md").table("All of them")
    sent = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert {plain(row[0]) for row in rows} == sent == TYPES.keys()
    for name, _, carried, _ in rows:
        own = TYPES[plain(name)].__annotations__.keys() - {"signal"}
        assert set(listed(carried)) == own, name
    named = {name for effect in EFFECTS.values() for name in effect.signals}
    assert named <= sent


def test_every_email_is_listed():
    rows = page("docs/emails.md").table("E-mails")
    assert [plain(row[0]) for row in rows] == EmailMessage.Kind.values
    named = {kind for effect in EFFECTS.values() for kind in effect.emails}
    assert named == set(EmailMessage.Kind.values)


TEMPLATES = ROOT / "django_stripe_billing" / "templates" / "stripe_billing"
BLOCK = re.compile(r"{% block (\w+) %}")
FRAME = {"title", "content", "head", "scripts"}


def test_the_blocks_of_the_pages_are_all_there():
    rows = page("docs/pages.md").table("Blocks")
    told = {plain(row[0]): set(listed(row[1])) for row in rows}
    own = {path.name: set(BLOCK.findall(path.read_text())) for path in TEMPLATES.glob("*.html")}
    frame = {"base.html": own.pop("base.html")}
    pages_ = {name: blocks - FRAME for name, blocks in own.items() if blocks - FRAME}
    assert told == {**pages_, **frame}


def test_every_page_is_listed_with_its_address():
    from django_stripe_billing.urls import urlpatterns

    told = {plain(row[0]) for row in page("docs/pages.md").table("The customer pages")}
    assert told == {pattern.name for pattern in urlpatterns}


def test_the_custom_properties_are_those_of_the_stylesheet():
    css = (ROOT / "django_stripe_billing/static/stripe_billing/billing.css").read_text()
    set_in_css = set(re.findall(r"^ +(--billing-[a-z-]+):", css, re.M))
    told = {
        name
        for row in page("docs/pages.md").table("Your brand")
        for name in re.findall(r"--billing-[a-z-]+", row[0])
    }
    assert told == set_in_css
    assert set(re.findall(r"var\((--billing-[a-z-]+)", css)) <= set_in_css
