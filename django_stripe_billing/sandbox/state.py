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
    about: str
    """The id of the object that it happens to."""


@dataclass(kw_only=True)
class State:
    """One account's objects, in the order of their creation."""

    seed: int | str = 0
    account_id: str = ""
    """Empty: one that follows from the seed."""
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
    clock: str | None = None
    """The test clock that the present work hangs on; None: the sandbox's own clock."""
    clock_of: dict[str, str] = field(default_factory=dict)
    """The test clock of every object that hangs on one, by the object's id."""
    _due: dict[str | None, list[tuple[int, int, Due]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - ids of a sandbox
        self._ticket = itertools.count()
        opened = random.Random(f"account {self.seed}")  # noqa: S311 - ids of a sandbox
        self.account_id = self.account_id or f"acct_{opened.randbytes(8).hex()}"

    def new_id(self, prefix: str, *, length: int = 14, alphabet: str = _ALPHABET) -> str:
        """An id that reads like Stripe's."""
        return prefix + "".join(self._random.choices(alphabet, k=length))

    def add(self, obj: StripeObject) -> StripeObject:
        """Keep a new object; it hangs on the test clock of the present work."""
        self.objects[obj["id"]] = obj
        self.by_kind[obj["object"]].append(obj["id"])
        if self.clock is not None:
            self.hang(obj, self.clock)
        return obj

    def hang(self, obj: StripeObject, test_clock: str) -> None:
        """Let an object live by a test clock from now on."""
        self.clock_of[obj["id"]] = test_clock
        if "test_clock" in obj:
            obj["test_clock"] = test_clock

    def remove(self, obj: StripeObject, *, answers: StripeObject | None = None) -> None:
        del self.objects[obj["id"]]
        self.by_kind[obj["object"]].remove(obj["id"])
        self.clock_of.pop(obj["id"], None)
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

    def at(self, moment: int, action: Callable[[], None], *, about: str = "") -> None:
        """Let something happen at a moment; the action looks for itself whether it still holds."""
        due = Due(at=moment, action=action, about=about)
        heapq.heappush(self._due[self.clock], (moment, next(self._ticket), due))

    def pop_due(self, test_clock: str | None, now: int) -> Due | None:
        """The earliest thing that is due on a clock."""
        queue = self._due[test_clock]
        return heapq.heappop(queue)[2] if queue and queue[0][0] <= now else None

    def move_due(self, *, to: str) -> None:
        """What was to happen to objects that hang on a test clock now, happens by that clock."""
        queue = self._due[None]
        moved = [entry for entry in queue if self.clock_of.get(entry[2].about) == to]
        self._due[None] = [entry for entry in queue if entry not in moved]
        heapq.heapify(self._due[None])
        for entry in moved:
            heapq.heappush(self._due[to], entry)

    def forget_due(self, test_clock: str) -> None:
        """Nothing will happen on this clock any more."""
        self._due.pop(test_clock, None)
