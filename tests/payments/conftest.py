import pytest
from django.urls import reverse

from django_stripe_billing.models import Entitlement, Payment

from ..shop import DAY, Shop

SUCCEEDS = "DE89370400440532013000"
FAILS = "DE62370400440532013001"


class OnceShop(Shop):
    """Besides: `book` for good (reports, 2 seats a unit), `pass` for 30 days (export, 4 seats)."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.book = self.add_product("Book", ["reports", "seats"], **{"limit:seats": "2 per unit"})
        self.book_once = self.add_once(self.book, 5000, "book", quantity_max="5")
        self.ticket = self.add_product(
            "Pass", ["export", "seats"], **{"access_days": "30", "limit:seats": "4"}
        )
        self.ticket_once = self.add_once(self.ticket, 1000, "pass", quantity_max="5")
        self.sync()
        sandbox.deliver()

    def add_once(self, product, amount, key, *, currency="eur", **metadata):
        return self.call(
            "POST",
            "/v1/prices",
            {
                "product": product["id"],
                "currency": currency,
                "unit_amount": amount,
                "lookup_key": key,
                "metadata": metadata,
            },
        )

    def sepa(self, iban):
        return self.call(
            "POST", "/v1/payment_methods", {"type": "sepa_debit", "sepa_debit": {"iban": iban}}
        )["id"]

    def charge_of(self, session):
        intent = self.call("GET", f"/v1/payment_intents/{session['payment_intent']}")
        return intent["latest_charge"]

    def refund(self, session, amount=None):
        return self.call(
            "POST",
            "/v1/refunds",
            {"payment_intent": session["payment_intent"], **({"amount": amount} if amount else {})},
        )

    def dispute(self, session):
        from django_stripe_billing.sandbox.resources import disputes

        engine = self.sandbox.engine
        charge_id = self.charge_of(session)
        with engine.acting(charge_id):
            return disputes.open_dispute(engine, engine.state.objects[charge_id])["id"]

    def decide(self, dispute_id, *, is_won):
        from django_stripe_billing.sandbox.resources import disputes

        engine = self.sandbox.engine
        with engine.acting(dispute_id):
            disputes.decide(engine, dispute_id, is_won=is_won)


@pytest.fixture
def shop(db, stripe_sandbox):
    return OnceShop(stripe_sandbox)


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def post(signed_in):
    def post(price="book", **fields):
        return signed_in.post(reverse("stripe_billing:checkout"), {"price": price, **fields})

    return post


@pytest.fixture
def buy(shop, stripe_sandbox, post):
    """Buy through the pages; the webhooks are still to be delivered."""

    def buy(price="book", *, payment_method="pm_card_visa", **fields):
        answer = post(price, **fields)
        assert answer.status_code == 303, answer.content.decode()
        return stripe_sandbox.pay(answer["Location"], payment_method=payment_method)

    return buy


@pytest.fixture
def come_back(signed_in):
    def come_back(session_id):
        answer = signed_in.get(
            reverse("stripe_billing:checkout_return"), {"session_id": session_id}
        )
        return answer.context["state"] if answer.status_code == 200 else answer.status_code

    return come_back


def held():
    """What is granted by payments: feature, end in Unix seconds or None, limit."""
    rows = Entitlement.objects.filter(source_kind="payment").select_related("feature")
    return in_order(
        (
            row.feature.lookup_key,
            None if row.ends_at is None else int(row.ends_at.timestamp()),
            row.limit,
        )
        for row in rows
    )


def in_order(grants):
    return sorted(grants, key=lambda grant: (grant[0], grant[1] or 0, grant[2] or 0))


def paid_at(session):
    return int(Payment.objects.get(stripe_id=session["id"]).paid_at.timestamp())


BOOK = [("reports", None, None), ("seats", None, 2)]


def ticket(end):
    return [("export", end, None), ("seats", end, 4)]


__all__ = ["BOOK", "DAY", "FAILS", "SUCCEEDS", "held", "in_order", "paid_at", "ticket"]
