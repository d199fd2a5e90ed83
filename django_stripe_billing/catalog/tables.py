"""Reading one table of a plans file, key by key, keeping every problem."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any


class Table:
    """A table with its name; a value that is wrong is noted in `problems` and replaced.

    `finish` notes the keys that nobody asked for.
    """

    def __init__(
        self, values: Mapping[str, Any], *, file: str, name: str, problems: list[str]
    ) -> None:
        self.values = values
        self.file = file
        self.name = name
        self.problems = problems
        self._asked: list[str] = []

    def problem(self, key: str, text: str) -> None:
        """Note a problem of a key; `text` says what is wrong and then what to write."""
        place = " ".join(part for part in (f"[{self.name}]" if self.name else "", key) if part)
        self.problems.append(f"{self.file}: {place}: {text}")

    def text(self, key: str, *, default: str | None = None, longest: int = 250) -> str:
        """A string that is not blank; without a default it is required."""
        value = self._value(key, required=default is None)
        if value is None:
            return default or ""
        if not isinstance(value, str):
            self.problem(key, f'{_shown(value)}. Write text in quotes: {key} = "…".')
        elif not value.strip() or "\0" in value:
            self.problem(key, "is blank. Write a text or remove the line.")
        elif len(value) > longest:
            self.problem(key, f"has {len(value)} characters. Write {longest} at most.")
        else:
            return value
        return default or ""

    def choice(self, key: str, options: Collection[str], *, default: str) -> str:
        """One of some words."""
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, str) and value in options:
            return value
        self.problem(key, f"{_shown(value)}. Write one of: {', '.join(options)}.")
        return default

    def whole(
        self, key: str, *, lowest: int, highest: int, required: bool = False, mend: str = ""
    ) -> int | None:
        """A whole number between two bounds, or None."""
        value = self._value(key, required=required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.problem(key, f"{_shown(value)}. {mend or 'Write a whole number without quotes.'}")
        elif not lowest <= value <= highest:
            self.problem(key, f"{value} is out of bounds. Write {lowest} to {highest}.")
        else:
            return value
        return None

    def flag(self, key: str) -> bool | None:
        """true, false, or None."""
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        self.problem(key, f"{_shown(value)}. Write true or false without quotes.")
        return None

    def texts(self, key: str) -> list[str]:
        """A list of strings, [] by default."""
        value = self._value(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return value
        self.problem(key, f'{_shown(value)}. Write a list of texts: {key} = ["…", "…"].')
        return []

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A table within, {} by default."""
        value = self._value(key)
        if value is None or isinstance(value, dict):
            return value or {}
        self.problem(key, f"{_shown(value)}. Write a table: [{self._below(key)}].")
        return {}

    def tables(self, key: str) -> dict[str, Table]:
        """The tables of a table within, by key."""
        found = {}
        for name, values in self.mapping(key).items():
            place = f"{self._below(key)}.{name}"
            if isinstance(values, dict):
                found[name] = Table(values, file=self.file, name=place, problems=self.problems)
            else:
                self.problem(f"{key}.{name}", f"{_shown(values)}. Write a table: [{place}].")
        return found

    def finish(self) -> None:
        """Note the keys that are not known."""
        for key in self.values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                mend = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(self._asked)}."
                self.problem(key, f"is not known here. {mend}")

    def _value(self, key: str, *, required: bool = False) -> Any:
        self._asked.append(key)
        value = self.values.get(key)
        if value is None and required:
            self.problem(key, "is missing. Add it.")
        return value

    def _below(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


_WORDS = {bool: "is a boolean", int: "is a number", float: "is a fraction", str: "is a text"}


def _shown(value: object) -> str:
    """A wrong value and its type, in a few words."""
    if isinstance(value, str):
        return f'"{value[:60]}" is not right'
    if type(value) in _WORDS:
        return f"{str(value).lower()} {_WORDS[type(value)]}"
    return "is a table" if isinstance(value, dict) else "is of a wrong type"
