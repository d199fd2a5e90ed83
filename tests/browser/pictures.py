"""The pictures of the documents, made small: `python -m tests.browser.pictures build/screenshots`.

The folder is what `SCREENSHOTS=build/screenshots pytest -m browser tests/browser` has kept.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 60_000
"""Bytes of one picture."""

PICTURES = {
    "pricing": "pricing-visitor-1280-light",
    "home-dark": "home-active-1280-dark",
    "change": "change-preview-1280-light",
    "waiting-phone": "waiting-375-dark",
    "checkout": "sandbox-checkout-declined-1280-light",
    "dashboard": "admin-dashboard-1280-light",
    "timeline": "admin-timeline-1280-light",
    "reconcile": "admin-run-1280-light",
}
"""What is shown, and the screenshot it is made from."""

TALLEST = {"dashboard": 1000, "timeline": 760, "reconcile": 760}
"""Pixels from the top; what is not named is as tall as a screen at most."""


def make(screenshots):
    from PIL import Image

    FOLDER.mkdir(exist_ok=True)
    for name, source in PICTURES.items():
        with Image.open(screenshots / f"{source}.png") as seen:
            height = min(seen.height, TALLEST.get(name, 860))
            shown = seen.convert("RGB").crop((0, 0, seen.width, height))
        path = FOLDER / f"{name}.png"
        shown.quantize(128).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
        assert path.stat().st_size <= LARGEST


if __name__ == "__main__":
    make(Path(sys.argv[1]))
