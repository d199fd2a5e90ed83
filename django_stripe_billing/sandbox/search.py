"""Stripe's search query language. https://docs.stripe.com/search#search-query-language"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SandboxError

_CLAUSE = re.compile(
    r"""\s*(?P<negated>-?)(?P<field>[a-z_][a-z0-9_.]*)
    (?:\[(?P<quote>["'])(?P<key>[^\]]*)(?P=quote)\])?
    \s*(?P<operator>>=|<=|[:~><])\s*
    (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)""",
    re.VERBOSE,
)
_LINK = re.compile(r"\s+(and|or)\s+|\s+|$", re.IGNORECASE)
_SHORTEST_PART = 3

Read = Callable[[Mapping[str, Any], str], Any]
"""The value of a searched field of an object."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One condition on one field."""

    field: str
    key: str | None
    """The metadata's key."""
    operator: str
    """`:` is equal to, `~` has as a part, or a comparison of numbers."""
    value: str | None
    """None: the field is to have no value."""
    is_negated: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    """Clauses, all of which must hold, or one."""

    clauses: tuple[Clause, ...]
    needs_all: bool

    def finds(self, row: Mapping[str, Any], read: Read) -> bool:
        """Whether an object is meant; `read` gives a field's value."""
        found = (_holds(clause, row, read) for clause in self.clauses)
        return all(found) if self.needs_all else any(found)


def parse(text: str, *, fields: frozenset[str], resource: str) -> Query:
    """A query on these fields and `metadata`. Raises SandboxError."""
    clauses, links, at = [], set(), 0
    while at < len(text.rstrip()):
        found = _CLAUSE.match(text, at)
        link = _LINK.match(text, found.end()) if found else None
        if found is None or link is None:
            raise _unreadable()
        clauses.append(_clause(found, fields=fields, resource=resource))
        at = link.end()
        if at < len(text.rstrip()):
            links.add((link[1] or "and").lower())
        elif link[1]:
            raise _unreadable()
    if not clauses or len(links) > 1:
        raise _unreadable()
    return Query(clauses=tuple(clauses), needs_all=links != {"or"})


def _clause(found: re.Match[str], *, fields: frozenset[str], resource: str) -> Clause:
    field, key, value = found["field"], found["key"], found["value"]
    if (field == "metadata") != (key is not None):
        raise _unreadable()
    if key is None and field not in fields:
        raise SandboxError(
            f"Field `{field}` is an unsupported search field for resource `{resource}`. See"
            " https://docs.stripe.com/search#query-fields-for-charges for a list of supported"
            " fields.",
            param="query",
        )
    is_quoted = value[0] in "\"'"
    if found["operator"] == "~" and len(value) - 2 * is_quoted < _SHORTEST_PART:
        raise SandboxError(
            f"Substring searches have at least {_SHORTEST_PART} characters.", param="query"
        )
    return Clause(
        field=field,
        key=key,
        operator=found["operator"],
        value=None
        if value.lower() == "null"
        else re.sub(r"\\(.)", r"\1", value[1:-1])
        if is_quoted
        else value,
        is_negated=bool(found["negated"]),
    )


def _holds(clause: Clause, row: Mapping[str, Any], read: Read) -> bool:
    value = row["metadata"].get(clause.key) if clause.key is not None else read(row, clause.field)
    return _matches(clause, value) is not clause.is_negated


def _matches(clause: Clause, value: Any) -> bool:
    if clause.value is None:
        return value is None or value == ""
    if value is None:
        return False
    wanted, held = clause.value.lower(), str(value).lower()
    if clause.operator == ":":
        return held == wanted
    if clause.operator == "~":
        return wanted in held
    try:
        distance = float(value) - float(wanted)
    except ValueError:
        raise _unreadable() from None
    return {
        ">": distance > 0,
        "<": distance < 0,
        ">=": distance >= 0,
        "<=": distance <= 0,
    }[clause.operator]


def _unreadable() -> SandboxError:
    return SandboxError(
        "We were unable to parse your search query. Please try using the format"
        ' `metadata["key"]:"value"` to query for metadata or key:"value" to query for other'
        " fields.",
        param="query",
    )
