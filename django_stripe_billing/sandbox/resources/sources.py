"""Cards of a customer in the old API, which are payment methods, too.

https://docs.stripe.com/api/cards
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cards import CARDS
from ..errors import missing
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import payment_methods
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine


def add(engine: Engine, customer: StripeObject, token: str) -> StripeObject:
    """A card from a token, attached to a customer; the first one is the default."""
    name = token.removeprefix("tok_")
    if not token.startswith("tok_") or name not in CARDS:
        raise missing("token", token, param="source", status=400)
    card_id = engine.state.new_id("card_", length=24)
    method = payment_methods.add(engine, name, method_id=card_id)
    payment_methods.attach_to(engine, method, customer["id"], param="source")
    customer["default_source"] = customer["default_source"] or card_id
    engine.emit("customer.source.created", card(method))
    return method


def card(method: StripeObject) -> StripeObject:
    """A payment method as the old API shows it."""
    details, billing = method["card"], method["billing_details"]
    address = billing["address"]
    kept = ("country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        "id": method["id"],
        "object": "card",
        "address_city": address["city"],
        "address_country": address["country"],
        "address_line1": address["line1"],
        "address_line1_check": None,
        "address_line2": address["line2"],
        "address_state": address["state"],
        "address_zip": address["postal_code"],
        "address_zip_check": None,
        "brand": details["brand"].capitalize(),
        "customer": method["customer"],
        "cvc_check": details["checks"]["cvc_check"],
        "dynamic_last4": None,
        "metadata": method["metadata"],
        "name": billing["name"],
        "regulated_status": details["regulated_status"],
        "tokenization_method": None,
        **{name: details[name] for name in kept},
    }


def create(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    return card(add(call.engine, customer, call.params.get("source", "")))


def _find(call: Call) -> StripeObject:
    method = call.engine.state.objects.get(call.ids[1])
    is_card = call.ids[1].startswith("card_")
    if method is None or not is_card or method["customer"] != call.ids[0]:
        raise missing("source", call.ids[1])
    return method


def update(call: Call) -> StripeObject:
    method = _find(call)
    before = dict(method["metadata"])
    take(method, call.params)
    for name in ("exp_month", "exp_year"):
        if name in call.params:
            method["card"][name] = int(call.params[name])
    if "name" in call.params:
        method["billing_details"]["name"] = call.params["name"] or None
    call.engine.emit("customer.source.updated", card(method), previous={"metadata": before})
    return card(method)


def retrieve(call: Call) -> StripeObject:
    return card(_find(call))


def delete(call: Call) -> StripeObject:
    engine, method = call.engine, _find(call)
    customer = engine.state.objects[call.ids[0]]
    if customer["default_source"] == method["id"]:
        customer["default_source"] = None
    engine.emit("customer.source.deleted", card(method))
    method["customer"] = None
    return {"id": method["id"], "object": "card", "deleted": True}


def index(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    rows = (
        card(method)
        for method in call.engine.state.all("payment_method")
        if method["customer"] == customer["id"] and method["id"].startswith("card_")
    )
    return paginate(rows, call.params, url=f"/v1/customers/{customer['id']}/sources")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers/{id}/sources": index,
    "POST /v1/customers/{id}/sources": create,
    "GET /v1/customers/{id}/sources/{id}": retrieve,
    "POST /v1/customers/{id}/sources/{id}": update,
    "DELETE /v1/customers/{id}/sources/{id}": delete,
}
