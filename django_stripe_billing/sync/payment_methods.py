"""The payment method on file: told by events, or fetched when somebody wants to see it."""

from __future__ import annotations

from urllib.parse import quote

from django.db import transaction

from ..conf import settings
from ..models import Customer
from ..models.customers import PAYMENT_METHOD_FIELDS
from ..rules.json_values import customer_parameter, identifier, mapping
from ..rules.payment_methods import PaymentMethodSnapshot, parse_payment_method
from ..stripe_api import read_page, request
from .deadlocks import begun_anew
from .stored import lock_customers


@begun_anew
def apply_payment_method(
    method: PaymentMethodSnapshot, *, observed: int, account: str = "", is_new: bool = False
) -> None:
    """A payment method was attached or changed: keep it, where it is the one on file.

    That is the customer's default, else the one that was attached last. `observed` is the second of
    Stripe's clock at which it was so. Where events of payment methods came in another order, it is
    only noted which one is on file, and its details are fetched when somebody asks for them.
    """
    if not method.customer_id:
        return
    with transaction.atomic():
        row = _locked(method.customer_id, account=account)
        is_same = row.payment_method_id == method.id
        has_default = bool(row.default_payment_method_id)
        is_chosen = (
            row.default_payment_method_id == method.id
            or (not has_default and is_new and observed >= row.payment_method_observed)
            or not row.payment_method_id
        )
        if is_same and observed >= row.payment_method_observed:
            row.take_payment_method(method, observed=observed)
        elif is_chosen and not is_same:
            is_newest = observed >= row.payment_method_heard
            row.take_payment_method(method, observed=observed)
            row.payment_method_type = method.type if is_newest else ""
        row.payment_method_heard = max(row.payment_method_heard, observed)
        row.save(update_fields=PAYMENT_METHOD_FIELDS)


def forget_payment_method(
    stripe_id: str, *, customer_id: str, observed: int, account: str = ""
) -> None:
    """A payment method was detached from a customer: it is on their file no longer."""
    if not customer_id:
        return
    with transaction.atomic():
        row = _locked(customer_id, account=account)
        if row.payment_method_id == stripe_id and observed >= row.payment_method_observed:
            row.take_payment_method(None, observed=observed)
        row.payment_method_heard = max(row.payment_method_heard, observed)
        row.save(update_fields=PAYMENT_METHOD_FIELDS)


def _locked(customer_id: str, *, account: str) -> Customer:
    return lock_customers([customer_id], account=account, livemode=settings.livemode)[customer_id]


def fetch_payment_method(customer: Customer) -> Customer:
    """The customer with the payment method that Stripe would charge; at most two calls.

    The customer's default, else that of a subscription: Checkout sets the latter. Raises
    StripeError, and RuntimeError inside a transaction.
    """
    customer_id, found, observed = str(customer.stripe_id), None, 0
    name = customer_parameter(customer_id)
    if name == "customer":
        answer = request(
            "get",
            f"/v1/customers/{quote(customer_id, safe='')}",
            {"expand": ["invoice_settings.default_payment_method"]},
            account=customer.account,
        )
        found = mapping(answer.data.get("invoice_settings")).get("default_payment_method")
        observed = answer.interval.low
    if not identifier(found):
        page = read_page(
            "/v1/subscriptions",
            {name: customer_id, "expand": ["data.default_payment_method"]},
            account=customer.account,
        )
        observed = page.interval.low
        found = next(
            (
                row["default_payment_method"]
                for row in page.rows
                if row.get("default_payment_method")
            ),
            None,
        )
    method = parse_payment_method(found)
    with transaction.atomic():
        row = Customer.objects.select_for_update().get(pk=customer.pk)
        wanted = row.default_payment_method_id
        if not row.is_payment_method_known and method and wanted in {"", method.id}:
            observed = max(observed, row.payment_method_observed)
            row.take_payment_method(method, observed=observed)
            row.save(update_fields=PAYMENT_METHOD_FIELDS)
    return row
