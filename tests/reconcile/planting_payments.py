"""Drift of one-off payments, planted beside that of subscriptions."""

from django_stripe_billing.models import Entitlement, Payment

KINDS = 6


def sell_once(shop, sandbox, rows):
    """A payment of the customer of every fortieth subscription, on both sides; their ids."""
    product = shop.add_product("Book", ["export"])
    price = shop.call(
        "POST",
        "/v1/prices",
        {"product": product["id"], "currency": "usd", "unit_amount": 900, "lookup_key": "book"},
    )
    shop.sync()
    sessions = []
    for row in rows[1 :: len(rows) // 40][:KINDS]:
        session = shop.call(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": "payment",
                "customer": row["customer"],
                "line_items": [{"price": price["id"], "quantity": 1}],
                "success_url": "https://example.com",
            },
        )
        sandbox.engine.complete_checkout(session["id"])
        sessions.append(session["id"])
    sandbox.deliver()
    assert Payment.objects.filter(status="paid").count() == KINDS
    return sessions


def plant_payments(sandbox, sessions, planted):
    """Each kind on a payment of its own."""
    missing, gone, status, *others = sessions
    state = sandbox.engine.state

    Payment.objects.filter(stripe_id=missing).delete()
    Entitlement.objects.filter(source_id=missing).delete()
    planted.add("payment_missing", missing)

    state.remove(state.objects[gone])
    planted.add("payment_missing_at_stripe", gone)

    Payment.objects.filter(stripe_id=status).update(status="unpaid", paid_at=None)
    Entitlement.objects.filter(source_id=status).delete()
    planted.add("payment_status", status)

    for session, kind, values in zip(
        others,
        ("payment_refunded", "payment_disputed", "payment_fields"),
        ({"amount_refunded": 10}, {"dispute_status": "won"}, {"charge_id": "ch_other"}),
        strict=True,
    ):
        Payment.objects.filter(stripe_id=session).update(**values)
        planted.add(kind, session)
