"""Promotion codes on a running subscription."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ..exceptions import PromotionCodeError, StripeError
from ..models import Subscription
from ..rules.json_values import flag, identifier, objects, text
from ..stripe_api import request
from .finding import check_state, own_subscription
from .writing import write

LONGEST = 200


def apply_promotion_code(subscriber: Any, code: str, *, subscription: str = "") -> Subscription:
    """Put the discount of a promotion code on the subscription, from the next invoice on.

    `code` as the customer knows it. Raises PromotionCodeError where there is no such active code,
    or Stripe does not allow it here, and StripeError.
    https://docs.stripe.com/billing/subscriptions/coupons
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, frozenset({"active", "trialing", "past_due"}))
    found = _find(code.strip(), row)
    params = {"discounts": [{"promotion_code": found}]}
    try:
        return write(row, params, intent="promotion code")
    except StripeError as error:
        if error.status == 400:
            raise PromotionCodeError(_("This code can't be used here.")) from None
        raise


def _find(code: str, row: Subscription) -> str:
    if not code or len(code) > LONGEST:
        raise PromotionCodeError(_("There is no such code."))
    answer = request(
        "get", "/v1/promotion_codes", {"code": code, "active": True}, account=row.account
    )
    for found in objects(answer.data):
        holder = identifier(found.get("customer"))
        is_theirs = holder in {"", row.customer.stripe_id}
        if (
            flag(found.get("active"))
            and is_theirs
            and text(found.get("code")).lower() == code.lower()
        ):
            return identifier(found)
    raise PromotionCodeError(_("There is no such code."))
