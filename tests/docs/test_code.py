"""What the documents show is run: each page's blocks in order, in one namespace.

`python` is executed, `pycon` is run with its answers compared, `toml` is read as a plans file,
`django` is rendered. A function `test_…` is called with the fixtures that its arguments name.
README is played in a project of its own, in test_install.py.
"""

import doctest
import inspect

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.checks import run_checks
from django.dispatch import Signal
from django.template import engines
from django.test import RequestFactory, override_settings

from django_stripe_billing import signals
from django_stripe_billing.access import Billing
from django_stripe_billing.catalog.plan_file import read_plans
from django_stripe_billing.checks import TAG
from django_stripe_billing.webhooks import registry

from .pages import PAGES

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch):
    """Handlers and receivers that a page registers are forgotten after it."""
    for signal in (value for value in vars(signals).values() if isinstance(value, Signal)):
        monkeypatch.setattr(signal, "receivers", list(signal.receivers))
    monkeypatch.setattr(registry, "_handlers", registry.defaultdict(list))


@pytest.fixture
def names(plans, buy, signed_in, user, subscriber, stripe_sandbox):
    """What every page may name: see docs/contributing.md."""

    def request_of(who):
        request = RequestFactory().get("/reports/")
        request.user, request.session = who, {}
        request.billing = Billing(request)
        return request

    return {
        "__name__": "documented",
        "user": user,
        "subscriber": subscriber,
        "client": signed_in,
        "stripe_sandbox": stripe_sandbox,
        "request": request_of(user),
        "anonymous_request": request_of(AnonymousUser()),
    }


def run_python(block, page, names):
    source = "\n" * (block.line - 1) + block.text  # so that a traceback names the page's line
    exec(compile(source, page.name, "exec"), names)  # noqa: S102 - our own pages
    if block.file == "settings.py":
        with override_settings(STRIPE_BILLING=names["STRIPE_BILLING"]):
            assert [message for message in run_checks(tags=[TAG]) if message.is_serious()] == []


def run_pycon(block, page, names):
    test = doctest.DocTestParser().get_doctest(block.text, names, page.name, page.name, block.line)
    told = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=told.append, clear_globs=False)
    names.update(test.globs)
    assert not runner.failures, "".join(told)


def run_toml(block, page, names, tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(block.text, encoding="utf-8")
    read_plans(path)


def run_django(block, page, names):
    engines["django"].from_string(block.text).render({}, names["request"])


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_the_code_of_a_page_does_what_the_page_says(page, names, buy, tmp_path, request):
    if page.bought:
        buy(*page.bought)
    for block in page.blocks:
        if block.language == "python":
            run_python(block, page, names)
        elif block.language == "pycon":
            run_pycon(block, page, names)
        elif block.language == "toml":
            run_toml(block, page, names, tmp_path)
        elif block.language == "django":
            run_django(block, page, names)
    for name in [name for name in names if name.startswith("test_")]:
        wanted = inspect.signature(names[name]).parameters
        names[name](**{fixture: request.getfixturevalue(fixture) for fixture in wanted})


def test_every_block_has_a_language_that_is_tested_or_needs_no_test():
    known = {"python", "pycon", "toml", "django", "sh", "text", "json", "js", "css", "ts"}
    unknown = [
        (page.name, block.line, block.language)
        for page in PAGES
        for block in page.blocks
        if block.language not in known
    ]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_overlooked(page):
    assert page.text.count("```") == 2 * len(page.blocks)
