"""Payment methods: test cards and SEPA debits. https://docs.stripe.com/api/payment_methods"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..cards import ALWAYS, CARDS, IBANS, NUMBERS, UNLESS_SET_UP, Card, Iban
from ..errors import SandboxError, declined, missing
from ..lists import equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import take
from .payment_method_object import billing_details, build, card_details, sepa_details

if TYPE_CHECKING:
    from ..engine import Engine


def create(call: Call) -> StripeObject:
    return make(call.engine, call.params)


def make(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new payment method. Raises SandboxError."""
    kind = params.get("type", "card")
    if kind == "sepa_debit":
        return add_sepa(engine, params)
    if kind == "customer_balance":
        return engine.state.add(build(engine, kind, {}, params))
    if kind != "card":
        raise SandboxError(
            f"The sandbox knows card, sepa_debit and customer_balance, not {kind}.", param="type"
        )
    card = params.get("card") or {}
    if "number" in card:
        number = "".join(str(card["number"]).split())
        if number not in NUMBERS:
            raise SandboxError(
                "Your card number is incorrect.",
                status=402,
                type="card_error",
                code="incorrect_number",
                param="number",
            )
        _check_expiry(engine, card)
        return add(engine, NUMBERS[number], params=params)
    name = str(card.get("token", "")).removeprefix("tok_")
    if name not in CARDS:
        raise missing("token", str(card.get("token", "")), param="card[token]", status=400)
    return add(engine, name, params=params)


def _check_expiry(engine: Engine, card: dict[str, Any]) -> None:
    month, year = int(card.get("exp_month", 12)), int(card.get("exp_year", 9999))
    now = datetime.fromtimestamp(engine.now, UTC)
    year += 2000 if year < 100 else 0
    for is_wrong, name in (
        (not 1 <= month <= 12, "month"),
        ((year, month) < (now.year, now.month), "year"),
    ):
        if is_wrong:
            raise SandboxError(
                f"Your card's expiration {name} is invalid.",
                status=402,
                type="card_error",
                code=f"invalid_expiry_{name}",
                param=f"exp_{name}",
            )


def add(
    engine: Engine, name: str, *, params: dict[str, Any] | None = None, method_id: str = ""
) -> StripeObject:
    """A new card; `name` as in CARDS, `method_id` for an id of its own."""
    params = params or {}
    details = card_details(CARDS[name], params.get("card") or {})
    built = build(engine, "card", details, params)
    method = engine.state.add({**built, "id": method_id or built["id"]})
    engine.state.notes[method["id"]]["card"] = CARDS[name]
    return method


def add_sepa(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new SEPA debit; an account that is no test account of Stripe's succeeds."""
    number = "".join(str((params.get("sepa_debit") or {}).get("iban", "")).split()).upper()
    if not (15 <= len(number) <= 34 and number[:2].isalpha() and number.isalnum()):
        raise SandboxError(
            "The IBAN you provided is invalid.", code="invalid_iban", param="sepa_debit[iban]"
        )
    iban = IBANS.get(number, Iban(number=number))
    method = engine.state.add(build(engine, "sepa_debit", sepa_details(iban), params))
    engine.state.notes[method["id"]]["iban"] = iban
    return method


def resolve(engine: Engine, method_id: str, *, param: str) -> StripeObject:
    """A payment method by id; `pm_card_visa` and its like make a new one."""
    name = method_id.removeprefix("pm_card_")
    if method_id.startswith("pm_card_") and name in CARDS:
        return add(engine, name)
    return engine.state.get(
        "payment_method", method_id, param=param, status=400, called="PaymentMethod"
    )


def attach_to(
    engine: Engine, method: StripeObject, customer_id: str, *, param: str = "payment_method"
) -> None:
    """Attach to a customer. Raises SandboxError when it is declined or another's."""
    if method["customer"] not in {None, customer_id}:
        raise SandboxError(
            "The payment method you provided has already been attached to a customer.",
            param=param,
        )
    check_usable(engine, method, param=param)
    card = card_of(engine, method["id"])
    if card is not None and not card.attaches:
        raise declined(card.decline)
    if method["customer"] is None:
        method["customer"] = customer_id
        engine.emit("payment_method.attached", method)


def use_up(engine: Engine, method: StripeObject) -> None:
    """What is nobody's any more, or was charged as nobody's, can't be used again."""
    engine.state.notes[method["id"]]["is_used_up"] = True


def check_usable(engine: Engine, method: StripeObject, *, param: str = "payment_method") -> None:
    """Raises SandboxError for a payment method that is used up."""
    if engine.state.notes[method["id"]].get("is_used_up"):
        raise SandboxError(
            "This PaymentMethod was previously used without being attached to a Customer or was"
            " detached from a Customer, and may not be used again.",
            param=param,
        )


def card_of(engine: Engine, method_id: str) -> Card | None:
    """The test card of a payment method; None for another kind of method."""
    found: Card | None = engine.state.notes[method_id].get("card")
    return found


def iban_of(engine: Engine, method_id: str) -> Iban | None:
    """The test account of a SEPA debit; None for another kind of method."""
    found: Iban | None = engine.state.notes[method_id].get("iban")
    return found


def needs_authentication(engine: Engine, method_id: str) -> bool:
    """Whether the next payment must pass 3D Secure first."""
    notes = engine.state.notes[method_id]
    card = card_of(engine, method_id)
    if card is None or notes.get("is_authenticated"):
        return False
    return card.authentication == ALWAYS or (
        card.authentication == UNLESS_SET_UP and not notes.get("is_set_up")
    )


def next_decline(engine: Engine, method_id: str) -> str:
    """The decline code of the next charge; empty when it succeeds."""
    if engine.state.declines:
        return engine.state.declines[0]
    card = card_of(engine, method_id)
    return card.decline if card is not None else ""


def is_charged(engine: Engine, method_id: str | None) -> bool:
    """Whether a charge succeeds at once, or is at least accepted."""
    return (
        method_id is not None
        and not next_decline(engine, method_id)
        and not needs_authentication(engine, method_id)
    )


def refusal(engine: Engine, method_id: str | None) -> SandboxError:
    """Why `is_charged` says no, for a subscription that may not become incomplete."""
    if method_id is not None and needs_authentication(engine, method_id):
        return SandboxError(
            "Payment for this subscription requires additional user action before it can be"
            " completed successfully.",
            status=402,
            type="card_error",
            code="subscription_payment_intent_requires_action",
        )
    decline = next_decline(engine, method_id) if method_id is not None else ""
    del engine.state.declines[:1]
    return declined(decline or "generic_decline")


def attach(call: Call) -> StripeObject:
    customer_id = call.params.get("customer", "")
    call.engine.state.get("customer", customer_id, param="customer", status=400)
    method = resolve(call.engine, call.ids[0], param="payment_method")
    attach_to(call.engine, method, customer_id)
    return method


def detach(call: Call) -> StripeObject:
    """It can't be attached again, and nobody's default points to it any more."""
    engine = call.engine
    method = retrieve(call)
    customer = engine.state.objects.get(method["customer"] or "")
    if customer is None:
        raise SandboxError(
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible."
        )
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method["id"]:
        with engine.changing(customer, "customer.updated"):
            settings["default_payment_method"] = None
    with engine.changing(method, "payment_method.detached"):
        method["customer"] = None
    use_up(engine, method)
    return method


def update(call: Call) -> StripeObject:
    method = retrieve(call)
    with call.engine.changing(method, "payment_method.updated"):
        take(method, call.params, "allow_redisplay")
        if call.params.get("billing_details"):
            given = {**method["billing_details"], **call.params["billing_details"]}
            method["billing_details"] = billing_details(given)
        if method["type"] == "card":
            for name in ("exp_month", "exp_year"):
                if name in (call.params.get("card") or {}):
                    method["card"][name] = int(call.params["card"][name])
    return method


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("payment_method", call.ids[0], called="PaymentMethod")


def index(call: Call) -> StripeObject:
    rows = (
        method
        for method in call.engine.state.all("payment_method")
        if equal(call.params, method, "customer", "type") and method["customer"] is not None
    )
    return paginate(rows, call.params, url="/v1/payment_methods")


def one_of_customer(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    method = call.engine.state.get("payment_method", call.ids[1], called="PaymentMethod")
    if method["customer"] != customer["id"]:
        raise missing("PaymentMethod", call.ids[1])
    return method


def of_customer(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    rows = (
        method
        for method in call.engine.state.all("payment_method")
        if method["customer"] == customer["id"] and equal(call.params, method, "type")
    )
    url = f"/v1/customers/{customer['id']}/payment_methods"
    return paginate(rows, call.params, url=url)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/payment_methods": index,
    "POST /v1/payment_methods": create,
    "GET /v1/payment_methods/{id}": retrieve,
    "POST /v1/payment_methods/{id}": update,
    "POST /v1/payment_methods/{id}/attach": attach,
    "POST /v1/payment_methods/{id}/detach": detach,
    "GET /v1/customers/{id}/payment_methods": of_customer,
    "GET /v1/customers/{id}/payment_methods/{id}": one_of_customer,
}
