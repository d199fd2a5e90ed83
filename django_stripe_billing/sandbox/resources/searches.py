"""Search of what there is, at once: nothing is indexed late here. https://docs.stripe.com/search"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .. import search
from ..errors import SandboxError
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import invoice_object

FIELDS = {
    "charge": "amount created currency customer disputed refunded status",
    "customer": "created email name phone",
    "invoice": "created currency customer number receipt_number status subscription total",
    "payment_intent": "amount created currency customer status",
    "price": "active currency lookup_key product type",
    "product": "active description name shippable url",
    "subscription": "canceled_at created status",
}
"""What each kind is searched by, besides its metadata.
https://docs.stripe.com/search#query-fields-for-charges"""


def _read(row: Mapping[str, Any], field: str) -> Any:
    if row["object"] == "invoice" and field == "subscription":
        return invoice_object.subscription_of(dict(row))
    return row.get(field)


def _search(call: Call, *, kind: str) -> StripeObject:
    """Newest first; the next page is named by where it begins."""
    query = search.parse(
        call.params["query"], fields=frozenset(FIELDS[kind].split()), resource=f"{kind}s"
    )
    rows = [
        row
        for row in call.engine.state.all(kind)
        if row.get("test_clock") is None and query.finds(row, _read)
    ]
    begin = _begin(call.params.get("page"))
    page = paginate(rows[begin:], call.params, url=f"/v1/{kind}s/search")
    end = begin + len(page["data"])
    return {**page, "object": "search_result", "next_page": str(end) if page["has_more"] else None}


def _begin(page: str | None) -> int:
    if page is None:
        return 0
    if not page.isdecimal():
        raise SandboxError(f"Invalid page: {page}", param="page")
    return int(page)


OPERATIONS: dict[str, Operation] = {
    f"GET /v1/{kind}s/search": partial(_search, kind=kind) for kind in FIELDS
}
