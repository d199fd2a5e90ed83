"""How many statements the database is asked for, savepoints included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Statements:
    """A wrapper for `connection.execute_wrapper`: counts, and costs next to nothing."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.number += 1
        return execute(sql, params, many, context)
