"""Promotion codes on a running subscription."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ..exceptions import PromotionCodeError, StripeError
from ..models import Subscription
from ..rules.json_values import (
    JSONObject,
    customer_parameter,
    flag,
    identifier,
    objects,
    text,
)
from ..stripe_api import pages, request
from .discounting import add_discount, carry_discount, held_discounts
from .finding import check_state, own_subscription
from .writing import fresh

LONGEST = 200

DISCOUNTABLE = frozenset({"active", "trialing", "past_due"})


def apply_promotion_code(subscriber: Any, code: str, *, subscription: str = "") -> Subscription:
    """Put the discount of a promotion code on the subscription, from the next invoice on.

    `code` as the customer knows it. What is taken off already stays; but of codes there is one at
    a time, as in Checkout. The same code again changes nothing, and once its discount is used up it
    counts no more: Stripe would take it each month anew. Raises PromotionCodeError where there is
    no such active code, another one counts, it was used before, or Stripe does not allow it here,
    and StripeError. https://docs.stripe.com/billing/subscriptions/coupons
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, DISCOUNTABLE)
    known = _known(code.strip(), row)
    held = held_discounts(row)
    ids = {identifier(found) for found in known}
    for discount in held:
        if discount.promotion_code in ids:  # a double click, or an answer that was lost
            carry_discount(row, discount.id)
            return fresh(row)
    active = next((found for found in known if flag(found.get("active"))), None)
    if active is None:
        raise PromotionCodeError(_("There is no such code."))
    if any(discount.promotion_code for discount in held):
        raise PromotionCodeError(_("Another code counts already: one at a time."))
    if _was_used(identifier(active), row):
        raise PromotionCodeError(_("You have used this code before."))
    try:
        given = {"promotion_code": identifier(active)}
        return add_discount(row, given, held=held, intent="promotion code")
    except StripeError as error:
        if error.status == 400:
            raise PromotionCodeError(_("This code can't be used here.")) from None
        raise


def _known(code: str, row: Subscription) -> list[JSONObject]:
    """The promotion codes of that name for this customer, used up ones as well. Raises
    PromotionCodeError where there is none."""
    if not code or len(code) > LONGEST:
        raise PromotionCodeError(_("There is no such code."))
    answer = request(
        "get", "/v1/promotion_codes", {"code": code, "limit": 100}, account=row.account
    )
    found = [
        promotion
        for promotion in objects(answer.data)
        if identifier(promotion.get("customer")) in {"", row.customer.stripe_id}
        and text(promotion.get("code")).lower() == code.lower()
    ]
    if not found:
        raise PromotionCodeError(_("There is no such code."))
    return found


def _was_used(promotion_id: str, row: Subscription) -> bool:
    """Whether an invoice of the customer's had the code's discount, at checkout or later; one call
    for each hundred invoices."""
    customer_id = str(row.customer.stripe_id)
    params = {customer_parameter(customer_id): customer_id, "expand": ["data.discounts"]}
    return any(
        identifier(discount.get("promotion_code")) == promotion_id
        for page in pages("/v1/invoices", params, account=row.account)
        for invoice in page.rows
        if invoice.get("status") != "void"
        for discount in objects(invoice.get("discounts"))
    )
