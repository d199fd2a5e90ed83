"""The payment method on file: told by events, or fetched when somebody wants to see it."""

from __future__ import annotations

from urllib.parse import quote

from django.db import transaction

from ..conf import settings
from ..models import Customer
from ..models.customers import PAYMENT_METHOD_FIELDS
from ..rules.json_values import identifier, mapping
from ..rules.payment_methods import PaymentMethodSnapshot, parse_payment_method
from ..stripe_api import read_page, request
from .stored import lock_customers


def apply_payment_method(
    method: PaymentMethodSnapshot, *, observed: int, account: str = "", is_new: bool = False
) -> bool:
    """A payment method was attached or changed; whether it is now the one on file.

    On file is the customer's default, else the one that was attached last. `observed` is the second
    of Stripe's clock at which it was so.
    """
    if not method.customer_id:
        return False
    with transaction.atomic():
        row = lock_customers([method.customer_id], account=account, livemode=settings.livemode)[
            method.customer_id
        ]
        is_same = row.payment_method_id == method.id
        is_default = row.default_payment_method_id == method.id
        if observed < row.payment_method_observed and (is_same or not is_default):
            return False
        has_default = bool(row.default_payment_method_id)
        if not (is_default or is_same or (is_new and not has_default) or not row.payment_method_id):
            return False
        row.take_payment_method(method, observed=observed)
        row.save(update_fields=PAYMENT_METHOD_FIELDS)
        return True


def forget_payment_method(stripe_id: str, *, observed: int, account: str = "") -> bool:
    """A payment method was detached: it is on nobody's file any more."""
    with transaction.atomic():
        rows = Customer.objects.select_for_update().filter(
            account=account, payment_method_id=stripe_id, payment_method_observed__lte=observed
        )
        row = rows.first()
        if row is None:
            return False
        row.take_payment_method(None, observed=observed)
        row.save(update_fields=PAYMENT_METHOD_FIELDS)
        return True


def fetch_payment_method(customer: Customer) -> Customer:
    """The customer with the payment method that Stripe would charge; at most two calls.

    The customer's default, else that of a subscription: Checkout sets the latter. Raises
    StripeError, and RuntimeError inside a transaction.
    """
    path = f"/v1/customers/{quote(str(customer.stripe_id), safe='')}"
    answer = request(
        "get",
        path,
        {"expand": ["invoice_settings.default_payment_method"]},
        account=customer.account,
    )
    found = mapping(answer.data.get("invoice_settings")).get("default_payment_method")
    observed = answer.interval.low
    if not identifier(found):
        page = read_page(
            "/v1/subscriptions",
            {"customer": customer.stripe_id, "expand": ["data.default_payment_method"]},
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
        if method is not None and observed >= row.payment_method_observed:
            row.take_payment_method(method, observed=observed)
            row.save(update_fields=PAYMENT_METHOD_FIELDS)
    return row
