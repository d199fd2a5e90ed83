"""The suite on every supported Django and Python: `nox --session tests`."""

import nox

nox.options.default_venv_backend = "venv"


@nox.session
@nox.parametrize("python,django", [("3.12", "6.0"), ("3.13", "6.1")])
def tests(session: nox.Session, django: str) -> None:
    """Django 5.2 on Python 3.11 is what `make test` runs."""
    session.install("-c", "constraints.txt", "-e", ".[test]", f"django~={django}.0")
    own = ("tests/rules", "tests/sandbox", "tests/benchmarks")  # they know no Django
    ignored = [f"--ignore={path}" for path in own]
    session.run("python", "-m", "pytest", "-n", "2", "-q", *ignored)
