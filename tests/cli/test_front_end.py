"""The typed front-end example of docs/api.md: checked by TypeScript, and run by Node."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from .conftest import Site
from .npm import ROOT, from_npm

VERSION = "7.0.2"
OPTIONS = "--strict --noUncheckedIndexedAccess --target es2022 --module nodenext".split()
LIBRARIES = ["--lib", "es2022,dom,dom.iterable"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The examples and what drives them, as JavaScript."""
    folder = tmp_path_factory.mktemp("front_end")
    (folder / "package.json").write_text('{"type": "module"}')
    for source in [*(ROOT / "docs" / "examples").glob("*.ts"), Path(__file__).with_name("buys.ts")]:
        shutil.copy(source, folder)
    sources = sorted(path.name for path in folder.glob("*.ts"))
    done = subprocess.run(
        [from_npm("typescript", VERSION, "tsc"), *OPTIONS, *LIBRARIES, "--types", "", *sources],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The example project with its people and plans."""
    site = Site(tmp_path_factory.mktemp("shop"))
    try:
        site.start()
        site.manage("seed")
        site.manage("push_catalog", "plans.toml")
        site.settle()
        yield f"http://127.0.0.1:{site.port}"
    finally:
        site.stop()


def token_of(shop, username, password):
    data = urllib.parse.urlencode({"username": username, "password": password}).encode()
    with urllib.request.urlopen(f"{shop}/api/token/", data=data, timeout=30) as answer:
        return json.loads(answer.read())["token"]


def test_the_example_buys_waits_and_changes(compiled, shop):
    token = token_of(shop, "ada", "sandbox-only")
    done = subprocess.run(
        ["node", "buys.js", shop, token],
        cwd=compiled,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    due = seen.pop("due")
    assert 2_000 < due <= 2_900
    assert sorted(seen["after"].pop("features")) == ["api_access", "reports", "seats"]
    assert seen == {
        "amount": 2900,
        "before": False,
        "unpaid": False,
        "after": {"active": True},
        "quantity": 3,
        "refused": [
            "400 price_not_sold",
            "409 already_subscribed",
            "400 invalid",
            "403 authentication_failed",
            "404 unknown",
        ],
        "isEnding": True,
        "payments": 0,
    }
