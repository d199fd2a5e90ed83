"""Random lives of several payments: whatever is reordered, doubled or lost, the end is Stripe's."""

import random

import pytest

from django_stripe_billing.models import Payment
from django_stripe_billing.reconcile import Options, begin, execute
from django_stripe_billing.sandbox import SandboxError

from .conftest import DAY, FAILS, SUCCEEDS, held, in_order

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = {"needs_response", "under_review", "lost"}


class History:
    """What somebody does at Stripe, at random."""

    def __init__(self, shop, buy, rng):
        self.shop, self.buy, self.random = shop, buy, rng
        self.sessions, self.disputes = [], []

    def step(self):
        actions = [self.purchase, self.refund, self.dispute, self.decide, self.wait]
        try:
            self.random.choice(actions)()
        except SandboxError:  # refunded already, disputed already, decided already
            return

    def purchase(self):
        method = self.random.choice(["pm_card_visa", SUCCEEDS, FAILS])
        if not method.startswith("pm_"):
            method = self.shop.sepa(method)
        self.sessions.append(
            self.buy("pass", quantity=self.random.randint(1, 3), payment_method=method)
        )

    def refund(self):
        if self.sessions:
            session = self.random.choice(self.sessions)
            self.shop.refund(session, self.random.choice([100, 1000, None]))

    def dispute(self):
        if self.sessions:
            self.disputes.append(self.shop.dispute(self.random.choice(self.sessions)))

    def decide(self):
        if self.disputes:
            self.shop.decide(self.random.choice(self.disputes), is_won=self.random.random() < 0.5)

    def wait(self):
        self.shop.sandbox.advance(self.random.choice([1, 5, DAY, 40 * DAY]))


def expected(engine):
    """An independent sum over the sandbox's own objects: the ends of unbroken rows of days."""
    state = engine.state
    bought = []
    for session in state.all("checkout.session"):
        if (session["mode"], session["payment_status"]) != ("payment", "paid"):
            continue
        intent = state.objects[session["payment_intent"]]
        charge = state.objects[intent["latest_charge"]]
        disputes = [one for one in state.all("dispute") if one["charge"] == charge["id"]]
        if charge["refunded"] or any(one["status"] in OPEN for one in disputes):
            continue
        row = Payment.objects.get(stripe_id=session["id"])
        [line] = state.notes[session["id"]]["lines"]
        bought.append((int(row.paid_at.timestamp()), session["id"], 30 * DAY * line["quantity"]))
    ends = []
    for paid_at, _, seconds in sorted(bought):
        if ends and paid_at <= ends[-1]:
            ends[-1] += seconds
        else:
            ends.append(paid_at + seconds)
    return in_order(grant for end in ends for grant in (("export", end, None), ("seats", end, 4)))


@pytest.mark.parametrize("seed", range(12))
def test_every_order_leads_to_what_stripe_has(shop, stripe_sandbox, buy, seed):
    rng = random.Random(seed)
    history = History(shop, buy, rng)
    for _ in range(rng.randint(3, 12)):
        history.step()
        if rng.random() < 0.3:
            stripe_sandbox.deliver(shuffle=rng, copies=rng.choice([1, 2]))
    stripe_sandbox.advance(5)
    while stripe_sandbox.pending:
        assert set(stripe_sandbox.deliver(shuffle=rng, copies=2)) == {200}
    assert held() == expected(stripe_sandbox.engine)


@pytest.mark.parametrize("seed", range(100, 108))
def test_one_run_mends_whatever_was_lost(shop, stripe_sandbox, buy, seed, monkeypatch):
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)
    rng = random.Random(seed)
    history = History(shop, buy, rng)
    for _ in range(rng.randint(3, 12)):
        history.step()
        if rng.random() < 0.5:
            stripe_sandbox.drop()
        else:
            stripe_sandbox.deliver(shuffle=rng)
    stripe_sandbox.advance(5)
    stripe_sandbox.drop()
    stripe_sandbox.advance(5)
    run = execute(begin(Options(apply=True)))
    assert run.is_complete, run.errors
    assert held() == expected(stripe_sandbox.engine)
    assert not execute(begin(Options())).drift.exists()
