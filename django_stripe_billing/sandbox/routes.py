"""Operations: method and path → the function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, read and checked."""

    engine: Engine
    ids: tuple[str, ...]
    """The ids in the path."""
    params: dict[str, Any]
    is_tolerant: bool
    """The client named an older API version, or none: the command line tool."""


Operation = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """An operation's place."""

    name: str
    """Method and path with `{id}`, the key of parameters.json."""
    method: str
    pattern: re.Pattern[str]
    operation: Operation


def routes(operations: dict[str, Operation]) -> list[Route]:
    """Routes from `{"POST /v1/products/{id}": function}`."""
    found = []
    for name, operation in operations.items():
        method, _, path = name.partition(" ")
        pattern = re.compile(re.escape(path).replace(r"\{id\}", "([^/]+)"))
        found.append(Route(name=name, method=method, pattern=pattern, operation=operation))
    return found


def match(table: Iterable[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a request and the ids in its path; None when there is none."""
    for route in table:
        found = route.pattern.fullmatch(path)
        if found and route.method == method:
            return route, found.groups()
    return None
