"""Filling in the forms of deeds, and confirming them."""

import re
from html import unescape


def hidden(answer):
    """What the confirmation page would post."""
    found = re.findall(r'<input type="hidden" name="(\w+)"(?: value="([^"]*)")?', answer.text)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def fill(client, url, **values):
    """Fill in the form of a deed; the answer asks for confirmation, or names errors."""
    shown = client.get(url)
    assert shown.status_code == 200
    return client.post(url, {**hidden(shown), **values})


def do(client, url, **values):
    """Fill in the form, and confirm."""
    asked = fill(client, url, **values)
    assert "Yes, do it" in asked.text, asked.text
    return client.post(url, hidden(asked), follow=True)
