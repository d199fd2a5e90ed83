"""Metadata. https://docs.stripe.com/api/metadata"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError

MOST_KEYS = 50


def merged(held: dict[str, str], given: Any) -> dict[str, str]:
    """Metadata after an update: '' unsets a key, or all of them. Raises SandboxError."""
    if given == "":
        return {}
    merged = {key: value for key, value in {**held, **given}.items() if value != ""}
    if len(merged) > MOST_KEYS:
        raise SandboxError(f"Metadata has at most {MOST_KEYS} keys.", param="metadata")
    for key, value in merged.items():
        if len(key) > 40 or len(str(value)) > 500:
            raise SandboxError(
                "Metadata keys have at most 40 characters and values at most 500.",
                param=f"metadata[{key}]",
            )
    return {key: str(value) for key, value in merged.items()}


def take(obj: dict[str, Any], params: dict[str, Any], *names: str) -> None:
    """Set plain fields from parameters; '' unsets."""
    for name in names:
        if name in params:
            obj[name] = None if params[name] == "" else params[name]
    if "metadata" in params:
        obj["metadata"] = merged(obj["metadata"], params["metadata"])
