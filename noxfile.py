"""The newer Djangos and Pythons, each on a database server: `nox --session tests`."""

import os

import nox

nox.options.default_venv_backend = "venv"

NEWER = [
    ("3.12", "6.0", "mariadb", "organisation"),
    ("3.13", "6.1", "postgres", "user"),
]

NO_DATABASE = ("rules", "sandbox", "benchmarks", "stripe_api")
LONG = ("docs", "pages", "api", "years", "test_stripe_down.py", "test_bad_forms.py")
"""They take long, and say little of a database that others do not say."""


@nox.session
@nox.parametrize("python,django,database,subscriber", NEWER)
def tests(session: nox.Session, django: str, database: str, subscriber: str) -> None:
    """Django 5.2 on Python 3.11 with SQLite and a user who pays is what `make test` runs."""
    session.install("-c", "constraints.txt", "-e", ".[test]", f"django~={django}.0")
    ignored = [f"--ignore=tests/{name}" for name in NO_DATABASE + LONG]
    workers = str(2 * (os.cpu_count() or 1))  # many wait for the database
    env = {"TEST_DATABASE": database, "TEST_SUBSCRIBER": subscriber}
    session.run("python", "-m", "pytest", "-n", workers, "-q", *ignored, env=env)
