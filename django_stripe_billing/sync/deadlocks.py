"""Transactions that the database breaks off, a deadlock's victim's for one, and that begin anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, transaction

Params = ParamSpec("Params")
Returned = TypeVar("Returned")

TRANSACTIONS = 4
"""How often a transaction is begun."""

PATIENCE = 5.0
"""Seconds after which it is not begun again: somebody waits for the answer."""


def begun_anew(work: Callable[Params, Returned]) -> Callable[Params, Returned]:
    """`work`, again when its transaction was broken off or its connection lost.

    `work` opens the transaction itself; within somebody else's it is called once, for that one has
    to begin anew as a whole.
    """

    @wraps(work)
    def call(*args: Params.args, **kwargs: Params.kwargs) -> Returned:
        started = time.monotonic()
        for attempt in range(1, TRANSACTIONS + 1):
            connection = transaction.get_connection()
            try:
                return work(*args, **kwargs)
            except OperationalError:
                is_too_late = time.monotonic() - started > PATIENCE
                if attempt == TRANSACTIONS or is_too_late or connection.in_atomic_block:
                    raise
                connection.close_if_unusable_or_obsolete()
        raise AssertionError("unreachable")

    return call
