"""All that happened to a customer, newest first: one list over several tables, page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import (
    Customer,
    EmailMessage,
    EntitlementChange,
    Event,
    Invoice,
    ManualGrant,
    Payment,
    Subscription,
)

PER_PAGE = 50
MOST_LOGGED = 500
"""Of how many rows of each model, the newest, the admin's log is looked through."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the timeline."""

    moment: datetime
    kind: str
    """A key of `KINDS`."""
    row: Any
    """The row it is about."""
    related: Any = None
    """What the line also names: the grant of a change, the object of a log entry."""

    @property
    def label(self) -> Any:
        return KINDS[self.kind].label


@dataclass(frozen=True, kw_only=True)
class Kind:
    label: Any
    model: Any
    moment: Any
    """The expression of when it happened; rows without it are left out."""
    related: tuple[str, ...] = ()


KINDS = {
    "event": Kind(label=_("event"), model=Event, moment=F("received_at")),
    "change": Kind(
        label=_("access"),
        model=EntitlementChange,
        moment=F("created_at"),
        related=("feature",),
    ),
    "began": Kind(label=_("subscription"), model=Subscription, moment=F("stripe_created_at")),
    "ended": Kind(label=_("subscription"), model=Subscription, moment=F("ended_at")),
    "payment": Kind(
        label=_("payment"),
        model=Payment,
        moment=Coalesce("paid_at", "charged_at", "stripe_created_at"),
    ),
    "invoice": Kind(label=_("invoice"), model=Invoice, moment=F("stripe_created_at")),
    "paid": Kind(label=_("invoice"), model=Invoice, moment=F("paid_at")),
    "email": Kind(label=_("e-mail"), model=EmailMessage, moment=Coalesce("sent_at", "created_at")),
    "log": Kind(label=_("admin"), model=LogEntry, moment=F("action_time"), related=("user",)),
}

LOGGED = (Subscription, Payment, Invoice, EmailMessage, ManualGrant)
"""Models with a customer whose rows' log entries belong to the timeline."""


def timeline(customer: Customer, request: HttpRequest) -> dict[str, Any]:
    """The page's context: only what the reader may view. A constant number of queries."""
    parts = [
        _moments(name, rows)
        for name, kind in KINDS.items()
        if (rows := _rows(name, kind, customer, request)) is not None
    ]
    if not parts:
        return {"page": Paginator([], PER_PAGE).page(1), "entries": []}
    union = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    pages = Paginator(union.order_by("-moment", "source", "-row"), PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    return {"page": page, "entries": _entries(page.object_list)}


def _rows(name: str, kind: Kind, customer: Customer, request: HttpRequest) -> QuerySet[Any] | None:
    if name == "log":
        return _log_entries(customer, request)
    if not _may_view(request, kind.model):
        return None
    if name == "event":
        stripe_id = customer.stripe_id or "none yet"
        rows: QuerySet[Any] = Event.objects.filter(account=customer.account, customer_id=stripe_id)
        return rows
    found: QuerySet[Any] = kind.model._default_manager.filter(customer=customer)
    return found


def _may_view(request: HttpRequest, model: Any) -> bool:
    name = f"{model._meta.app_label}.%s_{model._meta.model_name}"
    return request.user.has_perm(name % "view") or request.user.has_perm(name % "change")


def _log_entries(customer: Customer, request: HttpRequest) -> QuerySet[Any]:
    """What staff did to the customer and what is theirs, as the history of each object shows it."""
    about = Q(content_type=ContentType.objects.get_for_model(Customer), object_id=str(customer.pk))
    for model in LOGGED:
        if _may_view(request, model):
            rows: QuerySet[Any] = model._default_manager.filter(customer=customer)
            newest = rows.order_by("-pk").values_list("pk", flat=True)[:MOST_LOGGED]
            about |= Q(
                content_type=ContentType.objects.get_for_model(model),
                object_id__in=[str(pk) for pk in newest],
            )
    entries: QuerySet[Any] = LogEntry.objects.filter(about)
    return entries


def _moments(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    source = Value(name, output_field=CharField())
    dated: QuerySet[Any] = rows.order_by().annotate(
        moment=KINDS[name].moment, source=source, row=F("pk")
    )
    return dated.filter(moment__isnull=False).values_list("moment", "source", "row")


def _entries(found: Iterable[tuple[datetime, str, int]]) -> list[Entry]:
    """The rows of one page, with one query for each kind among them."""
    lines = list(found)
    wanted: dict[str, set[int]] = defaultdict(set)
    for _moment, name, pk in lines:
        wanted[name].add(pk)
    rows = {
        name: KINDS[name]
        .model._default_manager.select_related(*KINDS[name].related)
        .in_bulk(sorted(pks))
        if KINDS[name].related
        else KINDS[name].model._default_manager.in_bulk(sorted(pks))
        for name, pks in wanted.items()
    }
    grants = _grants(rows.get("change", {}).values())
    return [
        Entry(
            moment=moment,
            kind=name,
            row=rows[name][pk],
            related=grants.get(rows[name][pk].source_id) if name == "change" else None,
        )
        for moment, name, pk in lines
        if pk in rows[name]
    ]


def _grants(changes: Iterable[EntitlementChange]) -> dict[str, ManualGrant]:
    """The grants by hand that changes are about, by the id that these name."""
    prefix = ManualGrant(pk=0).source_id.removesuffix("0")
    keys = {
        change.source_id.removeprefix(prefix)
        for change in changes
        if change.source_kind == "manual"
    }
    rows = ManualGrant.objects.filter(pk__in=[key for key in keys if key.isdecimal()])
    return {row.source_id: row for row in rows}


def what_changed(event: Event) -> list[str]:
    """The fields that an event says are not as before, in its own words."""
    payload = event.payload if isinstance(event.payload, dict) else {}
    data = payload.get("data")
    before = data.get("previous_attributes") if isinstance(data, dict) else None
    return sorted(str(name)[:40] for name in before)[:8] if isinstance(before, dict) else []


def who_asked(event: Event) -> str:
    """The API request that made Stripe send an event; '' where Stripe did it by itself."""
    payload = event.payload if isinstance(event.payload, dict) else {}
    asked = payload.get("request")
    number = asked.get("id") if isinstance(asked, dict) else asked
    return number[:64] if isinstance(number, str) else ""
