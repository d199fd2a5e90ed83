"""Connected accounts: each has objects of its own, and its events say whose they are."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START, Shop

ACCOUNT, OTHER = "acct_1Connected", "acct_1Other"
DAY, MONTH = 86_400, 30 * 86_400


class ConnectedShop(Shop):
    """The same shop, opened by a connected account."""

    def __init__(self, engine, account=ACCOUNT):
        with engine.on_account(account):
            super().__init__(engine)
        self.account = account
        self.call = lambda method, path, params=None: engine.call(
            method, path, params, account=account
        )


@pytest.fixture
def connected(engine):
    return ConnectedShop(engine)


def test_each_account_has_objects_of_its_own(engine, shop, connected):
    ours, theirs = shop.subscribe(), connected.subscribe()
    assert ours["id"] != theirs["id"]
    for asking, stranger in ((shop, theirs), (connected, ours)):
        with pytest.raises(SandboxError) as refusal:
            asking.read(stranger)
        assert refusal.value.status == 404
    assert [row["id"] for row in shop.call("GET", "/v1/subscriptions")["data"]] == [ours["id"]]
    assert engine.call("GET", "/v1/customers", account=OTHER)["data"] == []
    with pytest.raises(SandboxError):
        connected.call(
            "POST",
            "/v1/subscriptions",
            {"customer": connected.customer["id"], "items": [{"price": shop.price["id"]}]},
        )


def test_the_account_answers_by_its_id_and_the_platform_by_its_own(engine, shop):
    assert engine.call("GET", "/v1/account", account=ACCOUNT)["id"] == ACCOUNT
    own = engine.call("GET", "/v1/account")["id"]
    assert own not in {ACCOUNT, ""}
    assert engine.call("GET", "/v1/customers", account=own)["data"] != []


def test_events_of_a_connected_account_carry_it_and_only_it_lists_them(engine, shop, connected):
    connected.subscribe()
    told = [event for event in engine.events if event["type"] == "customer.subscription.created"]
    assert [event["account"] for event in told] == [ACCOUNT]
    ours = [event for event in engine.events if event["data"]["object"] == shop.customer]
    assert ["account" in event for event in ours] == [False]
    kind = {"type": "customer.subscription.created"}
    assert shop.call("GET", "/v1/events", kind)["data"] == []
    (found,) = connected.call("GET", "/v1/events", kind)["data"]
    assert found["account"] == ACCOUNT


def test_time_passes_in_every_account(engine, shop, connected):
    ours, theirs = shop.subscribe(), connected.subscribe()
    shop.advance(MONTH + 3600)
    for owner, subscription in ((shop, ours), (connected, theirs)):
        assert [row["status"] for row in owner.invoices(subscription)] == ["paid", "paid"]
    renewals = [event for event in engine.events if event["created"] == START + MONTH + 3600]
    assert {event.get("account") for event in renewals} == {None, ACCOUNT}


def test_a_test_clock_of_a_connected_account_moves_only_its_own(engine, connected):
    clock = connected.call(
        "POST", "/v1/test_helpers/test_clocks", {"frozen_time": START, "name": "theirs"}
    )
    customer = connected.call(
        "POST",
        "/v1/customers",
        {
            "test_clock": clock["id"],
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        },
    )
    subscription = connected.subscribe(customer=customer["id"])
    path = f"/v1/test_helpers/test_clocks/{clock['id']}"
    with pytest.raises(SandboxError):
        engine.call("POST", f"{path}/advance", {"frozen_time": START + DAY})
    connected.call("POST", f"{path}/advance", {"frozen_time": START + MONTH + 3600})
    engine.tick()
    assert connected.call("GET", path)["status"] == "ready"
    assert [row["status"] for row in connected.invoices(subscription)] == ["paid", "paid"]


def test_checkout_3d_secure_and_disputes_find_their_account(engine, connected):
    session = connected.checkout()
    done = engine.complete_checkout(session["id"])
    assert connected.read({"id": done["subscription"]})["status"] == "active"
    intent = connected.call(
        "POST",
        "/v1/payment_intents",
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_threeDSecure2Required",
            "confirm": True,
        },
    )
    assert intent["status"] == "requires_action"
    assert engine.authenticate(intent["id"])["status"] == "succeeded"
    assert engine.events[-1]["account"] == ACCOUNT


def test_an_idempotency_key_belongs_to_one_account(engine):
    values = {"email": "ada@example.com"}
    first, again, other = (
        engine.call("POST", "/v1/customers", values, idempotency_key="one", account=account)
        for account in (ACCOUNT, ACCOUNT, OTHER)
    )
    assert first["id"] == again["id"] != other["id"]


@pytest.mark.parametrize("account", ["cus_1", "acct_", "acct_1 2", ""])
def test_what_is_no_account_is_refused(engine, account):
    headers = {"Authorization": "Bearer sk_test_sandbox", "Stripe-Account": account}
    answer = engine.handle("GET", "/v1/customers", "", headers)
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "account_invalid"
    assert engine.accounts == [""]


def test_forgetting_everything_forgets_the_accounts(engine, connected):
    engine.reset()
    assert engine.accounts == [""]
    assert engine.call("GET", "/v1/customers", account=ACCOUNT)["data"] == []
