"""The frame of the hosted pages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

ZERO_DECIMAL = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd"}
ZERO_DECIMAL |= {"vuv", "xaf", "xof", "xpf"}
"""Currencies without a minor unit. https://docs.stripe.com/currencies#zero-decimal"""

STYLE = files(__package__).joinpath("style.css").read_text()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: no script, this style only."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a hosted page answers."""

    status: int = 200
    body: str = ""
    location: str = ""
    content: bytes = b""
    """Instead of a body: what is no HTML."""
    content_type: str = "text/html; charset=utf-8"


def page(title: str, content: str, *, status: int = 200, wide: bool = False) -> Page:
    """A whole page; `content` is HTML, everything in it escaped already."""
    body = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<header class="banner">Sandbox: a stand-in for Stripe. No money moves.</header>
<main class="{"wide" if wide else "two"}">{content}</main></body></html>"""
    return Page(status=status, body=body)


def not_found() -> Page:
    return page(
        "Not found",
        "<section><h1>Not found</h1>"
        "<p>There is no such page, or its link has expired.</p></section>",
        status=404,
    )


def redirect(url: str) -> Page:
    return Page(status=303, location=url)


def money(amount: int | None, currency: str) -> str:
    """An amount in minor units for people to read."""
    if amount is None:
        return "—"
    if currency in ZERO_DECIMAL:
        return f"{amount:,} {currency.upper()}"
    return f"{amount / 100:,.2f} {currency.upper()}"


def moment(second: int) -> str:
    """A moment for people to read, in UTC."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}"


def link(object_id: str, label: str = "") -> str:
    """An object's own page; `label` is HTML."""
    return f'<a href="/objects/{escape(object_id)}">{label or escape(object_id)}</a>'


def button(action: str, label: str, *, plain: bool = False, **values: str) -> str:
    """A button of the operator's page: a form of its own."""
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in {"action": action, **values}.items()
    )
    kind = ' class="plain"' if plain else ""
    return (
        f'<form method="post" action="/" class="button">{fields}'
        f'<button{kind} type="submit">{escape(label)}</button></form>'
    )
