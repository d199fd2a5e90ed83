"""JSON from Stripe: orjson where it is installed (the `fast` extra), else the standard library."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

orjson: Any = import_module("orjson") if find_spec("orjson") else None


def decode(body: bytes | str) -> dict[str, Any]:
    """The JSON object in a body. Raises ValueError for anything else."""
    data = json.loads(body) if orjson is None else _with_orjson(body)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data


def _with_orjson(body: bytes | str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # integers over 64 bits, and other things that JSON may hold
