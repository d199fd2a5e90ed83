"""What a list of a million rows needs: a count that ends, and filters that read no rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:  # generic for type checkers only
    ListPaginator = Paginator[Any]
else:
    ListPaginator = Paginator

MOST_COUNTED = 10_000
"""How many rows of a list are counted, and can be paged through; a filter leads to the others."""


class AtLeast(int):
    """A count that was given up: it is shown as `≥10000`, and pages as a number."""

    def __str__(self) -> str:
        return f"≥{int(self)}"


class CountingPaginator(ListPaginator):
    """Counts up to MOST_COUNTED rows: all of a million takes longer than the page itself."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
        return AtLeast(MOST_COUNTED) if found > MOST_COUNTED else found


class KnownValuesFilter(admin.ChoicesFieldListFilter):
    """The values that Stripe has, and those that were asked for: no row is read to list them."""

    values: Sequence[str] = ()

    def choices(self, changelist: Any) -> Iterator[Any]:
        given: Any = self.lookup_val or []
        chosen = [given] if isinstance(given, str) else list(given)
        yield {
            "selected": not chosen,
            "query_string": changelist.get_query_string(remove=[self.lookup_kwarg]),
            "display": _("All"),
        }
        for value in dict.fromkeys([*self.values, *chosen]):
            yield {
                "selected": value in chosen,
                "query_string": changelist.get_query_string({self.lookup_kwarg: value}),
                "display": value or "—",
            }


def known_values(name: str, *values: str) -> Any:
    """A filter for a field whose values Stripe decides: these are offered."""
    return name, type("KnownValues", (KnownValuesFilter,), {"values": values})
