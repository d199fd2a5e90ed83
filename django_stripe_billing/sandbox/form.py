"""Form encoding as Stripe reads it: `a[b]=c`, `list[0]=x`, `list[]=x`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .errors import InvalidParameterError

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
DEEPEST = 12


def decode(encoded: str) -> dict[str, Any]:
    """Nested dicts and lists of strings. Raises InvalidParameterError for malformed keys."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=10_000):
        found = _KEY.fullmatch(key)
        if not found:
            raise _malformed(key)
        path = [found[1], *_PART.findall(found[2])]
        if len(path) > DEEPEST:
            raise _malformed(key)
        node = tree
        for part in path[:-1]:
            node = _child(node, part, key)
        _set(node, path[-1], value, key)
    result: dict[str, Any] = _lists(tree)
    return result


def _child(node: dict[str, Any], part: str, key: str) -> dict[str, Any]:
    name = str(len(node)) if part == "" else part
    child = node.setdefault(name, {})
    if not isinstance(child, dict):
        raise _malformed(key)
    return child


def _set(node: dict[str, Any], part: str, value: str, key: str) -> None:
    name = str(len(node)) if part == "" else part
    if isinstance(node.get(name), dict):
        raise _malformed(key)
    node[name] = value


def _lists(node: Any) -> Any:
    """Dicts whose keys are 0, 1, 2, … are lists."""
    if not isinstance(node, dict):
        return node
    if node and all(key.isascii() and key.isdigit() for key in node):
        ordered = sorted(node.items(), key=lambda pair: int(pair[0]))
        return [_lists(value) for _, value in ordered]
    return {key: _lists(value) for key, value in node.items()}


def _malformed(key: str) -> InvalidParameterError:
    return InvalidParameterError(f"Invalid parameter name: {key}", param=key)


def encode(params: Mapping[str, Any]) -> str:
    """Nested plain data as Stripe's SDKs send it, with indexed lists."""
    pairs: list[tuple[str, str]] = []
    for key, value in params.items():
        _flatten(key, value, pairs)
    return urlencode(pairs)


def _flatten(key: str, value: Any, pairs: list[tuple[str, str]]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, entry in value.items():
            _flatten(f"{key}[{name}]", entry, pairs)
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            _flatten(f"{key}[{index}]", entry, pairs)
    elif isinstance(value, bool):
        pairs.append((key, "true" if value else "false"))
    else:
        pairs.append((key, str(value)))
