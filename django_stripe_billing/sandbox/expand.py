"""`expand`: ids replaced by their objects. https://docs.stripe.com/expand"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import SandboxError

DEEPEST = 4

Find = Callable[[str], dict[str, Any] | None]
"""An object by its id."""

Include = Callable[[dict[str, Any], str], Any]
"""A field that an object shows only when it is expanded; None when there is no such field."""


def expand(answer: dict[str, Any], paths: list[str], *, find: Find, include: Include) -> None:
    """Expand these paths in place; `answer` must be a copy."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise SandboxError(
                f"You cannot expand more than {DEEPEST} levels of a property: {path}",
                code="property_expansion_max_depth",
                param="expand",
            )
        _walk(answer, parts, path, find, include)


def _walk(node: Any, parts: list[str], path: str, find: Find, include: Include) -> None:
    if isinstance(node, list):
        for entry in node:
            _walk(entry, parts, path, find, include)
        return
    if not parts or not isinstance(node, dict):
        return
    name = parts[0]
    if node.get("object") == "list" and name != "data":
        raise _not_expandable(path)
    if name not in node:
        included = include(node, name)
        if included is None:
            raise _not_expandable(path)
        node[name] = included
    value = node[name]
    if isinstance(value, str):
        found = find(value)
        if found is None:
            raise _not_expandable(path)
        node[name] = found
    elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        node[name] = [find(entry) or entry for entry in value]
    _walk(node[name], parts[1:], path, find, include)


def _not_expandable(path: str) -> SandboxError:
    return SandboxError(f"This property cannot be expanded ({path}).", param="expand")
