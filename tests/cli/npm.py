"""Tools that come from npm."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def from_npm(package, version, binary):
    """Where a package's binary is, installed below build/ if need be; skips without npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is not installed, and {package} comes from there")
    folder = ROOT / "build" / package.strip("@").replace("/", "-")
    found = folder / "node_modules" / ".bin" / binary
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [npm, "install", "--no-save", "--no-audit", "--no-fund", f"{package}@{version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=300,
        )
    return found
