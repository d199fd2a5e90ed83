"""One object of the account as JSON, its ids as links."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING

from .html import Page, link, not_found, page

if TYPE_CHECKING:
    from ..engine import Engine

_ID = re.compile(r"&quot;([a-z]+(?:_test)?_[A-Za-z0-9]{8,})&quot;")


def answer(engine: Engine, object_id: str) -> Page:
    """Show an object, and the events about it."""
    with engine.lock:
        found = engine.state.objects.get(object_id) or engine.state.deleted.get(object_id)
        if found is None:
            return not_found()
        text = escape(json.dumps(found, indent=2))
        linked = _ID.sub(lambda match: _link(engine, match), text)
        events = "".join(
            f"<li>{link(event['id'], escape(event['type']))}</li>"
            for event in reversed(engine.events)
            if event["data"]["object"].get("id") == object_id
        )
    told = f"<section><h2>Events</h2><ul>{events}</ul></section>" if events else ""
    return page(
        object_id,
        f'<section><p><a href="/">Sandbox</a></p><h1>{escape(found["object"])}</h1>'
        f'<pre tabindex="0">{linked}</pre></section>{told}',
        wide=True,
    )


def _link(engine: Engine, match: re.Match[str]) -> str:
    if match[1] not in engine.state.objects:
        return match[0]
    return f"&quot;{link(match[1])}&quot;"
