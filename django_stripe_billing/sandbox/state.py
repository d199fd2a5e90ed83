"""What the sandbox knows: objects by id, and what is due when."""

from __future__ import annotations

import heapq
import itertools
import random
import string
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import missing

StripeObject = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits


@dataclass(kw_only=True)
class Due:
    """Something that happens by itself at a moment."""

    at: int
    """Unix seconds."""
    action: Callable[[], None]


@dataclass(kw_only=True)
class State:
    """One account's objects, in the order of their creation."""

    seed: int = 0
    opened_at: int = 0
    """When the account was opened, in Unix seconds."""
    objects: dict[str, StripeObject] = field(default_factory=dict)
    """Every object by its id."""
    by_kind: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Ids by `object`, oldest first."""
    deleted: dict[str, StripeObject] = field(default_factory=dict)
    """What a deleted object still answers, by id."""
    notes: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    """What Stripe knows and does not show, by id."""
    subscriptions_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Subscription ids by customer id."""
    declines: list[str] = field(default_factory=list)
    """Decline codes with which the next charges fail, whatever the card: the operator's wish."""
    _due: list[tuple[int, int, Due]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - ids of a sandbox
        self._ticket = itertools.count()
        self.account_id = "acct_" + random.Random(f"account {self.seed}").randbytes(8).hex()  # noqa: S311 - ids of a sandbox

    def new_id(self, prefix: str, *, length: int = 14, alphabet: str = _ALPHABET) -> str:
        """An id that reads like Stripe's."""
        return prefix + "".join(self._random.choices(alphabet, k=length))

    def add(self, obj: StripeObject) -> StripeObject:
        self.objects[obj["id"]] = obj
        self.by_kind[obj["object"]].append(obj["id"])
        return obj

    def remove(self, obj: StripeObject, *, answers: StripeObject | None = None) -> None:
        del self.objects[obj["id"]]
        self.by_kind[obj["object"]].remove(obj["id"])
        if answers is not None:
            self.deleted[obj["id"]] = answers

    def get(
        self, kind: str, object_id: str, *, param: str = "id", status: int = 404, called: str = ""
    ) -> StripeObject:
        """An object of a kind. Raises SandboxError: 404 for an id in the path, 400 in a body."""
        found = self.objects.get(object_id)
        if found is None or found["object"] != kind:
            name = called or kind.rpartition(".")[2].replace("_", " ")
            raise missing(name, object_id, param=param, status=status)
        return found

    def all(self, kind: str) -> Iterator[StripeObject]:
        """The objects of a kind, newest first."""
        for object_id in reversed(self.by_kind[kind]):
            yield self.objects[object_id]

    def at(self, moment: int, action: Callable[[], None]) -> None:
        """Let something happen at a moment; the action looks for itself whether it still holds."""
        heapq.heappush(self._due, (moment, next(self._ticket), Due(at=moment, action=action)))

    def pop_due(self, now: int) -> Due | None:
        """The earliest thing that is due."""
        if self._due and self._due[0][0] <= now:
            return heapq.heappop(self._due)[2]
        return None
