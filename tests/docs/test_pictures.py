"""The pictures are few, small, shown somewhere, and said in words for who can't see them."""

import re

from tests.browser.pictures import FOLDER, LARGEST, PICTURES

from .pages import PAGES, ROOT

SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def test_every_picture_is_there_small_and_said_in_words():
    shown = set()
    for page in PAGES:
        for words, path in SHOWN.findall(page.text):
            found = (page.path.parent / path).resolve()
            assert found.parent == FOLDER, path
            assert len(words) > 40, path
            shown.add(found.stem)
    assert shown == set(PICTURES) == {path.stem for path in FOLDER.iterdir()}
    assert len(shown) <= 8
    assert all(path.stat().st_size <= LARGEST for path in FOLDER.iterdir())


def test_no_picture_is_packed():
    rules = (ROOT / "MANIFEST.in").read_text()
    assert ".png" not in rules and "graft" not in rules
