"""README, step by step, in a project that Django has just made."""

import os
import subprocess
import sys

import pytest

from .pages import ROOT, page

PLACES = {
    "settings.py": "shop/settings.py",
    "urls.py": "shop/urls.py",
    "views.py": "shop/views.py",
    "pricing.html": "shop/templates/pricing.html",
    "plans.toml": "plans.toml",
    "test_reports.py": "test_reports.py",
}
"""Where a project keeps the files that README names."""


class Project:
    """A new project, with an app for its templates."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "PYTEST"},
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error::DeprecationWarning:django_stripe_billing",
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "STRIPE_API_KEY": "sk_test_sandbox",
            "STRIPE_WEBHOOK_SECRETS": "whsec_sandbox",
        }
        self.run("-m", "django", "startproject", "shop", ".", DJANGO_SETTINGS_MODULE="")
        self.add("shop/settings.py", 'INSTALLED_APPS += ["shop"]\n')

    def add(self, path, text):
        """Append to a file, which may be new."""
        place = self.folder / path
        place.parent.mkdir(exist_ok=True)
        with place.open("a", encoding="utf-8") as file:
            file.write(text)

    def run(self, *arguments, **environment):
        """Run Python in the project; what it printed. Fails with that when it ends badly."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """All that README adds, in its order."""
    project = Project(tmp_path_factory.mktemp("readme"))
    for block in page("README.md").blocks:
        if block.file:
            project.add(PLACES[block.file], block.text)
    return project


def test_every_block_of_readme_has_its_place():
    named = {block.file for block in page("README.md").blocks if block.file}
    assert named == set(PLACES)


def test_the_new_project_has_no_finding_and_misses_no_migration(project):
    assert "no issues" in project.run("manage.py", "check", "--fail-level", "WARNING")
    project.run("manage.py", "migrate", "--verbosity", "0")
    project.run("manage.py", "makemigrations", "--check", "--dry-run")


def test_the_smallest_example_passes_its_own_test(project):
    assert "1 passed" in project.run("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_commands_work_against_the_sandbox_as_a_process(project):
    project.run("manage.py", "migrate", "--verbosity", "0")
    sandbox = project.start("stripe_sandbox", "--port", "0")
    try:
        address = sandbox.stdout.readline().split()[-1]
        project.environment["STRIPE_API_BASE"] = address
        pushed = project.run("manage.py", "push_catalog", "plans.toml")
        assert "Mirrored into the database: 2 features, 1 product, 1 price" in pushed
        reconciled = project.run("manage.py", "reconcile_entitlements", "--apply")
        assert reconciled.strip().startswith("0 drift")
    finally:
        del project.environment["STRIPE_API_BASE"]
        sandbox.terminate()
        sandbox.communicate(timeout=30)
