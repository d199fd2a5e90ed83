"""The sandbox's front page: what it has seen, for the developer."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from .html import Page, page

if TYPE_CHECKING:
    from ..deliveries import HttpDeliveries
    from ..engine import Engine

SHOWN = 100


def answer(engine: Engine, deliveries: HttpDeliveries) -> Page:
    """The newest events and whether the endpoint has taken them."""
    statuses = {entry.event["id"]: entry.statuses for entry in deliveries.log}
    with engine.lock:
        events = engine.events[-SHOWN:][::-1]
        rows = "".join(
            f"<tr><td>{datetime.fromtimestamp(event['created'], UTC):%H:%M:%S}</td>"
            f"<td>{escape(event['type'])}</td>"
            f"<td>{escape(str(event['data']['object'].get('id', '')))}</td>"
            f"<td>{_outcome(statuses.get(event['id'], []))}</td></tr>"
            for event in events
        )
        counts = ", ".join(
            f"{len(ids)} {escape(kind)}"
            for kind, ids in sorted(engine.state.by_kind.items())
            if ids
        )
    return page(
        "Stripe sandbox",
        f"""<section><h1>Stripe sandbox</h1><p class="muted">{counts or "Nothing yet."}</p>
<table><tr><th>Created</th><th>Event</th><th>Object</th><th>Webhook</th></tr>{rows}</table>
</section>""",
        wide=True,
    )


def _outcome(statuses: list[int]) -> str:
    if not statuses:
        return "waiting"
    shown = " ".join(str(status) if status else "no answer" for status in statuses)
    return shown if 200 <= statuses[-1] < 300 else f"{shown} (will be sent again)"
