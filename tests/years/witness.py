"""What a customer may use, worked out a second time: from Stripe's objects and the price list.

It knows nothing of the package but what its documents promise.
"""

from tests.shop import DAY

SEATS = {"starter_yearly": lambda units: 3, "pro_yearly": lambda units: 5 * units}
"""By the price's lookup key; each of these includes reports, too."""

LATE_EVENT = 3 * DAY
"""How long a paid period is outlived while nobody tells of the next one."""

GRACE = 7 * DAY
"""How long access goes on from the oldest invoice that could not be collected."""


def rights(call, customer_id, *, at):
    """{feature: (limit or None, end in Unix seconds or None)} at a moment, in Unix seconds.

    `call` asks Stripe: method, path, parameters.
    """
    found = {}
    if _owns_book(call, customer_id):
        found["export"] = (None, None)
    wanted = {"customer": customer_id, "status": "all", "limit": 100}
    for subscription in call("GET", "/v1/subscriptions", wanted)["data"]:
        [item] = subscription["items"]["data"]
        end = _end(call, subscription, item)
        if end is not None and end > at:
            assert "reports" not in found, "two subscriptions at once"
            found["reports"] = (None, end)
            found["seats"] = (SEATS[item["price"]["lookup_key"]](item["quantity"]), end)
    return found


def _end(call, subscription, item):
    period_end = item["current_period_end"]
    if subscription["status"] in {"active", "trialing"}:
        ends = [period_end + LATE_EVENT]
    elif subscription["status"] == "past_due":
        wanted = {"subscription": subscription["id"], "status": "open"}
        unpaid = call("GET", "/v1/invoices", wanted)["data"]
        ends = [min(invoice["created"] for invoice in unpaid) + GRACE]
    else:
        return None
    if subscription["cancel_at"] is not None:
        ends.append(subscription["cancel_at"])
    if subscription["cancel_at_period_end"]:
        ends.append(period_end)
    return min(ends)


def _owns_book(call, customer_id):
    wanted = {"customer": customer_id, "limit": 100}
    bought = [
        session["payment_intent"]
        for session in call("GET", "/v1/checkout/sessions", wanted)["data"]
        if session["mode"] == "payment" and session["payment_status"] == "paid"
    ]
    charges = call("GET", "/v1/charges", wanted)["data"]
    return any(
        charge["paid"] and charge["amount_refunded"] < charge["amount"]
        for charge in charges
        if charge["payment_intent"] in bought
    )
