"""What syncing by hand did to somebody's access, for the person who asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..models import EntitlementChange
from ..sync import Cause


def person(request: HttpRequest) -> Cause:
    """Who asks, as the cause of what changes."""
    return Cause(kind=EntitlementChange.Cause.PERSON, id=request.user.get_username()[:255])


@contextmanager
def synced_by(request: HttpRequest, **about: Any) -> Iterator[tuple[Cause, list[str]]]:
    """Yields the cause to sync with, and a list that holds each change after the block.

    `about` says which changes: `customer=…`, say.
    """
    cause = person(request)
    changes = EntitlementChange.objects.filter(**about, cause_kind=cause.kind, cause_id=cause.id)
    last = changes.order_by("pk").values_list("pk", flat=True).last() or 0
    told: list[str] = []
    yield cause, told
    told += [
        f"{change.feature} {change.get_kind_display()}"
        for change in changes.filter(pk__gt=last)
        .select_related("feature")
        .order_by("feature__lookup_key", "pk")
    ]


def in_words(told: list[str]) -> str:
    return ", ".join(told) or _("access is as it was")
