"""The example project with its sandbox as processes, and Chromium in front of it.

`pip install playwright`, a `chromium` in the path (or its path in CHROMIUM), then
`pytest -m browser tests/browser`. With SCREENSHOTS=folder every page that is looked at is kept.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from .eyes import Eyes

sys.path.insert(0, str(Path(__file__).parents[2] / "example_project"))


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "There is no chromium in the path, and CHROMIUM is not set."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def stage():
    """A site and a sandbox of its own, with the plans pushed."""
    from demo.stage import Stage

    found = Stage()
    try:
        found.manage("migrate", "--verbosity", "0")
        found.manage("seed")
        found.open()
        found.manage("push_catalog", "plans.toml")
        yield found
    finally:
        found.close()


@pytest.fixture
def eyes(chromium, stage):
    """Somebody who looks at pages and notes what is wrong with them."""
    folder = os.environ.get("SCREENSHOTS")
    found = Eyes(chromium, stage, Path(folder) if folder else None)
    yield found
    found.close()
    assert found.problems == []
