"""Credit notes for open and for paid invoices."""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def invoice(shop):
    """An invoice of 20 dollars that nobody has paid yet."""
    given = {"customer": shop.customer["id"]}
    draft = shop.call("POST", "/v1/invoices", given)
    item = {**given, "invoice": draft["id"], "amount": 2000, "currency": "usd"}
    shop.call("POST", "/v1/invoiceitems", item)
    return shop.call("POST", f"/v1/invoices/{draft['id']}/finalize")


@pytest.fixture
def credit(shop, invoice):
    def credit(**values):
        return shop.call("POST", "/v1/credit_notes", {"invoice": invoice["id"], **values})

    return credit


@pytest.fixture
def again(shop, invoice):
    """The invoice as it is now."""
    return lambda: shop.call("GET", f"/v1/invoices/{invoice['id']}")


@pytest.fixture
def pay(shop, invoice):
    return lambda: shop.call("POST", f"/v1/invoices/{invoice['id']}/pay")


def test_an_open_invoice_costs_less(shop, invoice, credit, again, pay):
    note = credit(amount=500, reason="order_change", memo="Sorry")

    assert (note["type"], note["status"], note["total"]) == ("pre_payment", "issued", 500)
    assert note["number"] == f"{invoice['number']}-CN-01"
    assert (again()["amount_remaining"], again()["pre_payment_credit_notes_amount"]) == (1500, 500)
    assert shop.types()[-1] == "credit_note.created"
    assert pay()["amount_paid"] == 1500
    charge = shop.call("GET", "/v1/charges")["data"][0]
    assert charge["amount"] == 1500


def test_an_open_invoice_of_which_nothing_is_left_is_paid(credit, again):
    credit(amount=2000)

    assert (again()["status"], again()["amount_paid"]) == ("paid", 0)


def test_what_was_paid_is_given_back_as_credit_refund_or_otherwise(shop, credit, again, pay):
    pay()

    note = credit(amount=1000, credit_amount=300, refund_amount=600, out_of_band_amount=100)

    assert (note["type"], note["post_payment_amount"]) == ("post_payment", 1000)
    refund = shop.call("GET", f"/v1/refunds/{note['refunds'][0]['refund']}")
    assert (refund["amount"], note["refunds"][0]["amount_refunded"]) == (600, 600)
    customer = shop.call("GET", f"/v1/customers/{shop.customer['id']}")
    assert customer["balance"] == -300
    path = f"/v1/customers/{customer['id']}/balance_transactions"
    row = shop.call("GET", f"{path}/{note['customer_balance_transaction']}")
    assert (row["type"], row["credit_note"]) == ("credit_note", note["id"])
    assert (again()["status"], again()["post_payment_credit_notes_amount"]) == ("paid", 1000)


def test_a_refund_that_was_made_before_is_named(shop, credit, pay):
    pay()
    charge = shop.call("GET", "/v1/charges")["data"][0]
    refund = shop.call("POST", "/v1/refunds", {"charge": charge["id"], "amount": 700})

    note = credit(amount=700, refunds=[{"refund": refund["id"], "amount_refunded": 700}])

    assert note["refunds"][0]["refund"] == refund["id"]


def test_lines_say_what_is_credited(shop, invoice, credit):
    line = invoice["lines"]["data"][0]["id"]
    note = credit(
        lines=[
            {"type": "invoice_line_item", "invoice_line_item": line, "amount": 400},
            {
                "type": "custom_line_item",
                "description": "Goodwill",
                "unit_amount": 50,
                "quantity": 2,
            },
        ]
    )

    assert note["total"] == 500
    shown = shop.call("GET", f"/v1/credit_notes/{note['id']}/lines")["data"]
    assert [(row["amount"], row["invoice_line_item"]) for row in shown] == [
        (400, line),
        (100, None),
    ]


def test_a_tax_is_credited_with_its_line(shop):
    given = {"display_name": "VAT", "percentage": 10, "inclusive": False}
    rate = shop.call("POST", "/v1/tax_rates", given)
    invoice = shop.invoices(shop.subscribe(default_tax_rates=[rate["id"]]))[0]
    entry = {"type": "invoice_line_item", "invoice_line_item": invoice["lines"]["data"][0]["id"]}

    note = shop.call(
        "POST",
        "/v1/credit_notes",
        {"invoice": invoice["id"], "lines": [{**entry, "quantity": 1}], "refund_amount": 2200},
    )

    assert (note["subtotal"], note["total"], note["total_taxes"][0]["amount"]) == (2000, 2200, 200)


def test_a_preview_credits_nothing(shop, invoice, again):
    params = {"invoice": invoice["id"], "amount": 500}
    assert shop.call("GET", "/v1/credit_notes/preview", params)["total"] == 500
    assert again()["amount_remaining"] == 2000
    assert shop.call("GET", "/v1/credit_notes")["data"] == []


def test_a_credit_note_is_changed_listed_and_voided(shop, invoice, credit, again, pay):
    note = credit(amount=500)
    path = f"/v1/credit_notes/{note['id']}"
    assert shop.call("POST", path, {"memo": "x", "metadata": {"a": "b"}})["memo"] == "x"
    assert shop.types()[-1] == "credit_note.updated"
    found = shop.call("GET", "/v1/credit_notes", {"invoice": invoice["id"]})["data"]
    assert [row["id"] for row in found] == [note["id"]]
    assert shop.call("GET", path)["metadata"] == {"a": "b"}

    voided = shop.call("POST", f"{path}/void")

    assert (voided["status"], again()["amount_remaining"]) == ("void", 2000)
    assert shop.types()[-1] == "credit_note.voided"
    with pytest.raises(SandboxError, match="only void"):
        shop.call("POST", f"{path}/void")


@pytest.mark.parametrize(
    ("is_paid", "values"),
    [
        (False, {}),
        (False, {"amount": 0}),
        (False, {"amount": 2001}),
        (False, {"amount": 100, "refund_amount": 100}),
        (False, {"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_none"}]}),
        (False, {"lines": [{"type": "custom_line_item"}]}),
        (True, {"amount": 100}),
        (True, {"amount": 100, "credit_amount": 50}),
    ],
)
def test_a_credit_note_that_makes_no_sense_is_refused(credit, pay, is_paid, values):
    if is_paid:
        pay()
    with pytest.raises(SandboxError) as refused:
        credit(**values)

    assert refused.value.status == 400


def test_more_than_a_line_costs_cannot_be_credited_nor_a_draft(shop, invoice, credit):
    line = invoice["lines"]["data"][0]["id"]
    entry = {"type": "invoice_line_item", "invoice_line_item": line, "amount": 2001}
    with pytest.raises(SandboxError, match="than the line costs"):
        credit(lines=[entry])
    draft = shop.call("POST", "/v1/invoices", {"customer": shop.customer["id"]})
    with pytest.raises(SandboxError, match="open or paid"):
        shop.call("POST", "/v1/credit_notes", {"invoice": draft["id"], "amount": 1})


def test_what_was_paid_elsewhere_cannot_be_refunded(shop, invoice, credit):
    path = f"/v1/invoices/{invoice['id']}/pay"
    shop.call("POST", path, {"paid_out_of_band": True})

    with pytest.raises(SandboxError, match="no charge to refund"):
        credit(amount=100, refund_amount=100)
    assert shop.call("GET", "/v1/credit_notes")["data"] == []
