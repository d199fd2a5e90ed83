"""The OpenAPI schema: whole, without a warning, and in step with the views."""

import subprocess
import sys

import pytest
from django.core.management import call_command
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from django_stripe_billing.api import errors, urls
from django_stripe_billing.api.operations import operation_of

OURS = "/api/billing/"
VIEWS = [(pattern.name, pattern.callback.cls) for pattern in urls.urlpatterns]
OPERATIONS = [
    (name, method)
    for name, view in VIEWS
    for method in ("get", "post")
    if operation_of(view, method)
]


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(public=True)


def test_drf_spectacular_finds_nothing_to_warn_of(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(path))
    assert path.stat().st_size > 1_000


def test_every_method_of_every_view_is_described(schema):
    told = {
        (path, method)
        for path, methods in schema["paths"].items()
        for method in methods
        if path.startswith(OURS)
    }
    assert len(told) == len(OPERATIONS)
    for name, view in VIEWS:
        own = {
            method for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)
        }
        assert own == {method for told_name, method in OPERATIONS if told_name == name}


def test_every_error_has_a_code_of_the_tables(schema):
    known = {(status, code) for _, status, code in errors.ANSWERS} | set(errors.GENERAL)
    known |= {(403, "not_authenticated"), (403, "authentication_failed")}
    found = set()
    for path, methods in schema["paths"].items():
        if not path.startswith(OURS):
            continue
        for described in methods.values():
            for status, answer in described["responses"].items():
                body = answer["content"]["application/json"]["schema"]
                codes = body.get("properties", {}).get("code", {}).get("enum", [])
                found |= {(int(status), code) for code in codes}
                assert bool(codes) is (int(status) >= 400), (path, status)
    assert found <= known
    assert known - found == {(405, "method_not_allowed")}


def test_only_the_plans_are_open_to_everybody(schema):
    is_open = [
        path
        for path, methods in schema["paths"].items()
        for described in methods.values()
        if path.startswith(OURS) and {} in described["security"]
    ]
    assert is_open == [reverse("stripe_billing_api:plans")]


def test_what_calls_stripe_may_find_it_unavailable(schema):
    for name, view in VIEWS:
        for method in ("get", "post"):
            found = operation_of(view, method)
            if found is None:
                continue
            [path] = [path for path in schema["paths"] if _leads_to(path, name)]
            answers = schema["paths"][path][method]["responses"]
            assert found.calls_stripe is ("503" in answers), name
            assert "429" in answers


def _leads_to(path, name):
    wanted = {"stripe_id": "{stripe_id}"} if name in {"invoice", "payment"} else {}
    return path == reverse(f"stripe_billing_api:{name}", kwargs=wanted).replace("%7B", "{").replace(
        "%7D", "}"
    )


def test_the_package_does_without_drf_spectacular():
    """Nothing imports it but the module that is loaded where it is installed."""
    program = (
        "import sys; sys.modules['drf_spectacular'] = None\n"
        "from tests import settings\n"
        "settings.INSTALLED_APPS.remove('drf_spectacular'); settings.REST_FRAMEWORK = {}\n"
        "import django; django.setup()\n"
        "import django_stripe_billing.api.urls, django_stripe_billing.urls\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
