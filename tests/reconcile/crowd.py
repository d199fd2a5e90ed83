"""Many subscriptions at the sandbox at once: copies of one, as Stripe would list them."""

import copy
import itertools

_numbers = itertools.count(1)


def crowd(engine, price, number, *, per_second=1, started=None):
    """Give that many new customers a subscription each; the subscriptions, oldest first.

    They were created before now, `per_second` of them in each second, and nobody was told of them.
    """
    card = "pm_card_visa"
    payer = {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
    customer = engine.call("POST", "/v1/customers", payer)
    made = engine.call(
        "POST",
        "/v1/subscriptions",
        {"customer": customer["id"], "items": [{"price": price["id"]}]},
    )
    state = engine.state
    model = state.objects[made["id"]]
    features = state.notes[made["id"]]["features"]
    entitlements = state.notes[customer["id"]]["entitlements"]
    state.remove(model)
    state.remove(state.objects[customer["id"]])
    state.by_kind["event"].clear()
    engine.events.clear()
    first = engine.now - 1 - (number - 1) // per_second if started is None else started
    rows = []
    for position in range(number):
        tag = f"{next(_numbers):06d}"
        row = copy.deepcopy(model)
        created = first + position // per_second
        row |= {"id": f"sub_{tag}", "customer": f"cus_{tag}", "created": created}
        row |= {"start_date": created, "latest_invoice": f"in_{tag}"}
        for item in row["items"]["data"]:
            item |= {"id": f"si_{tag}", "subscription": row["id"]}
        person = {**customer, "id": f"cus_{tag}", "created": created, "email": f"{tag}@example.com"}
        state.add(person)
        rows.append(state.add(row))
        state.subscriptions_of[person["id"]] = [row["id"]]
        state.notes[row["id"]]["features"] = list(features)
        state.notes[person["id"]]["entitlements"] = copy.deepcopy(entitlements)
    return rows


def hide(engine, *rows):
    """Leave subscriptions out of lists, as a list that is cut short does."""
    listed = engine.state.by_kind["subscription"]
    hidden = {row["id"] for row in rows}
    listed[:] = [stripe_id for stripe_id in listed if stripe_id not in hidden]


def show(engine, *rows):
    """Put hidden subscriptions back into lists."""
    listed = engine.state.by_kind["subscription"]
    listed += [row["id"] for row in rows]
    listed.sort(key=lambda stripe_id: engine.state.objects[stripe_id]["created"])
