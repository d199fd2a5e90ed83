"""What can not be: one clear error in Python, over REST and on the pages, and nothing half-done."""

import copy

import pytest
from django.test import Client
from django.urls import reverse

from django_stripe_billing import exceptions, subscriptions
from django_stripe_billing.checkout import start_checkout
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.models import (
    CheckoutSession,
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    Invoice,
    Payment,
    Subscription,
    SubscriptionItem,
    TrialUse,
)
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.sandbox import SandboxError
from tests.subscriptions.conftest import at_stripe, bound, row

__all__ = ["at_stripe", "bound", "row"]
pytestmark = pytest.mark.django_db(transaction=True)

ROWS = (
    CheckoutSession,
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    Invoice,
    Payment,
    Subscription,
    SubscriptionItem,
    TrialUse,
)

READ = {"observed_low", "observed_high", "revision"}
"""A reading that changes nothing may move these."""


class World:
    """Both sides as they are, and how a visitor is answered."""

    def __init__(self, sandbox, client, request):
        self.sandbox, self.client, self.request = sandbox, client, request

    def everything(self):
        """All rows here, but for when they were read, and all objects at Stripe."""
        here = {
            model: [
                {name: value for name, value in row.items() if name not in READ}
                for row in model.objects.order_by("pk").values()
            ]
            for model in ROWS
        }
        return here, copy.deepcopy(self.sandbox.engine.state.objects)

    def api(self, name, data):
        """Status and code of a REST endpoint's answer."""
        url = reverse(f"stripe_billing_api:{name}")
        answer = self.client.post(url, data, content_type="application/json")
        assert answer.json()["detail"]
        return answer.status_code, answer.json()["code"]

    def page(self, name, data):
        """Status and text of a page's answer."""
        answer = self.client.post(reverse(f"stripe_billing:{name}"), data)
        return answer.status_code, answer.content.decode()


@pytest.fixture
def world(stripe_sandbox, client, user, rf):
    client.force_login(user)
    request = rf.post("/")
    request.user = user
    return World(stripe_sandbox, client, request)


@pytest.fixture
def offers(shop):
    """Besides pro and starter: one that is not sold any more, and two in euros."""
    for key, currency in (("gone", "usd"), ("pro_euro", "eur")):
        price = {
            "product": shop.pro["id"],
            "currency": currency,
            "unit_amount": 1900,
            "recurring": {"interval": "month"},
            "lookup_key": key,
        }
        made = shop.call("POST", "/v1/prices", price)
        if key == "gone":
            shop.call("POST", f"/v1/prices/{made['id']}", {"active": False})
    shop.call(
        "POST",
        "/v1/prices",
        {
            "product": shop.add_product("Extra", ["export"])["id"],
            "currency": "eur",
            "unit_amount": 500,
            "recurring": {"interval": "month"},
            "lookup_key": "extra_euro",
        },
    )
    shop.sync()
    shop.sandbox.deliver()


# Wishes that the catalog does not allow

NOT_SOLD = (exceptions.PriceNotSoldError, 400, "price_not_sold")
NO_SUCH_QUANTITY = (exceptions.QuantityError, 400, "quantity_out_of_bounds")
ANOTHER_CURRENCY = (exceptions.CurrencyMismatchError, 400, "currency_mismatch")
NOTHING_NEW = (exceptions.NothingToChangeError, 409, "nothing_to_change")
NOT_THEIRS = (exceptions.SubscriptionNotFoundError, 404, "no_subscription")

WISHES = [
    ({"price": "no_such_price"}, NOT_SOLD),
    ({"price": "gone"}, NOT_SOLD),
    ({"price": "pro_euro"}, ANOTHER_CURRENCY),
    ({"price": "pro_monthly", "quantity": 0}, NO_SUCH_QUANTITY),
    ({"price": "pro_monthly", "quantity": -1}, NO_SUCH_QUANTITY),
    ({"price": "pro_monthly", "quantity": 11}, NO_SUCH_QUANTITY),
    ({"price": "pro_monthly", "quantity": 10**30}, NO_SUCH_QUANTITY),
    ({"quantity": 0}, NO_SUCH_QUANTITY),
    ({"price": "starter_monthly", "quantity": 2}, NO_SUCH_QUANTITY),
    ({"price": "pro_monthly", "quantity": 2}, NOTHING_NEW),
    ({"quantity": 2}, NOTHING_NEW),
    ({"price": "pro_monthly", "quantity": 3, "subscription": "sub_nobodys"}, NOT_THEIRS),
]


@pytest.mark.parametrize(("wish", "answer"), WISHES)
def test_a_change_that_can_not_be(offers, row, world, subscriber, wish, answer):
    """Stripe is asked for nothing, but whether the present plan would withdraw another one."""
    error, status, code = answer
    before, asked = world.everything(), len(world.sandbox.engine.requests)
    for when in ("now", "period_end"):
        with pytest.raises(error) as refusal:
            change(subscriber, **wish, when=when)
        assert str(refusal.value)
        assert world.api("subscription", {**wish, "when": when}) == (status, code)
    with pytest.raises(error):
        subscriptions.preview_change(subscriber, **wish)
    assert world.api("preview", wish) == (status, code)
    assert world.everything() == before
    looks = [("GET", f"/v1/subscriptions/{row.stripe_id}")] * 4
    calls = world.sandbox.engine.requests[asked:]
    assert calls == (looks if answer is NOTHING_NEW else [])


def change(subscriber, **wish):
    if "price" in wish:
        return subscriptions.change_plan(subscriber, **wish)
    return subscriptions.change_quantity(subscriber, wish.pop("quantity"), **wish)


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ({"price": "no_such_price"}, NOT_SOLD),
        ({"price": "gone"}, NOT_SOLD),
        ({"price": "extra_euro"}, ANOTHER_CURRENCY),
        ({"price": "pro_monthly", "quantity": 0}, NO_SUCH_QUANTITY),
        ({"price": "pro_monthly", "quantity": 11}, NO_SUCH_QUANTITY),
    ],
)
def test_a_purchase_that_can_not_be(offers, row, world, subscriber, wish, answer):
    error, status, code = answer
    before = world.everything()
    with pytest.raises(error) as refusal:
        start_checkout(world.request, subscriber, **wish)
    assert world.api("checkout", wish) == (status, code)
    assert world.page("checkout", wish)[0] == status
    assert str(refusal.value).split(":")[0] in world.page("checkout", wish)[1]
    assert world.everything() == before


def test_another_currency_may_be_chosen_while_nothing_is_bought(offers, world, subscriber):
    assert world.page("checkout", {"price": "pro_monthly"})[0] == 303
    assert world.page("checkout", {"price": "extra_euro"})[0] == 303
    sessions = world.sandbox.call("GET", "/v1/checkout/sessions")["data"]
    assert [(session["currency"], session["status"]) for session in sessions] == [
        ("eur", "open"),
        ("usd", "expired"),
    ]


# Subscriptions that are over, or another's

ACTS = {
    "change": lambda who, **which: subscriptions.change_quantity(who, 3, **which),
    "later": lambda who, **which: subscriptions.change_quantity(who, 3, when="period_end", **which),
    "preview": lambda who, **which: subscriptions.preview_change(who, quantity=3, **which),
    "cancel": subscriptions.cancel,
    "resume": subscriptions.resume,
    "pause": subscriptions.pause,
    "unpause": subscriptions.unpause,
    "code": lambda who, **which: subscriptions.apply_promotion_code(who, "WELCOME", **which),
    "withdraw": subscriptions.withdraw_scheduled_change,
}
ENDPOINTS = {
    "subscription": {"quantity": 3},
    "preview": {"quantity": 3},
    "cancel": {},
    "resume": {},
    "pause": {},
    "promotion_code": {"code": "WELCOME"},
}


def test_an_ended_subscription_is_none(row, world, subscriber):
    subscriptions.cancel(subscriber, when="now")
    world.sandbox.deliver()
    before = world.everything()
    for act in ACTS.values():
        for which in ({}, {"subscription": row.stripe_id}):
            with pytest.raises(exceptions.SubscriptionNotFoundError):
                act(subscriber, **which)
    for name, data in ENDPOINTS.items():
        assert world.api(name, data) == (404, "no_subscription")
    assert world.everything() == before


@pytest.mark.parametrize("act", sorted(ACTS.keys() - {"resume", "unpause", "withdraw"}))
def test_one_that_ended_at_stripe_unheard_of_is_found_out(shop, row, world, subscriber, act):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 25, "duration": "forever"})
    promotion = {"type": "coupon", "coupon": coupon["id"]}
    shop.call("POST", "/v1/promotion_codes", {"promotion": promotion, "code": "WELCOME"})
    shop.call("DELETE", f"/v1/subscriptions/{row.stripe_id}")
    world.sandbox.drop()
    with pytest.raises(exceptions.SubscriptionNotFoundError):
        ACTS[act](subscriber)
    assert Subscription.objects.get().status == "canceled"
    assert not Entitlement.objects.exists()
    assert reconcile().drift == []


def test_somebody_elses_is_answered_like_none(shop, row, world, subscriber, other_subscriber):
    shop.bind(other_subscriber)
    stranger = Client()
    stranger.force_login(type(world.request.user).objects.get(username="eve"))
    world.client = stranger
    before = world.everything()
    for act in ACTS.values():
        with pytest.raises(exceptions.SubscriptionNotFoundError):
            act(other_subscriber, subscription=row.stripe_id)
    for name, data in ENDPOINTS.items():
        wish = {**data, "subscription": row.stripe_id}
        assert world.api(name, wish) == (404, "no_subscription")
    assert world.everything() == before


# Money


def test_more_than_was_paid_is_not_refunded(shop, row, world, subscriber):
    [charge] = shop.call("GET", "/v1/charges")["data"]
    before = world.everything()
    with pytest.raises(SandboxError, match="greater than") as refusal:
        shop.call("POST", "/v1/refunds", {"charge": charge["id"], "amount": charge["amount"] + 1})
    assert (refusal.value.status, refusal.value.param) == (400, "amount")
    assert world.everything() == before
    shop.call("POST", "/v1/refunds", {"charge": charge["id"]})
    world.sandbox.deliver()
    before = world.everything()
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", "/v1/refunds", {"charge": charge["id"], "amount": 1})
    assert refusal.value.code == "charge_already_refunded"
    assert world.everything() == before


@pytest.fixture
def decline(shop, row, bound):
    """`decline()`: from now on each charge is declined, or goes to the card that is named."""

    def decline(card="pm_card_chargeCustomerFail"):
        path = f"/v1/payment_methods/{card}/attach"
        card = shop.call("POST", path, {"customer": bound.stripe_id})
        default = {"invoice_settings": {"default_payment_method": card["id"]}}
        shop.call("POST", f"/v1/customers/{bound.stripe_id}", default)
        shop.sandbox.deliver()

    return decline


def owed(sandbox):
    return sandbox.call("GET", "/v1/invoices", {"status": "open"})["data"]


def test_a_declined_card_changes_nothing(row, decline, world, subscriber, at_stripe):
    decline()
    before = at_stripe()
    for _ in range(2):
        with pytest.raises(exceptions.PaymentDeclinedError) as refusal:
            subscriptions.change_quantity(subscriber, 4)
        assert refusal.value.decline_code
        assert world.api("subscription", {"quantity": 4}) == (402, "payment_declined")
    world.sandbox.deliver()
    assert at_stripe() == before
    assert owed(world.sandbox) == []
    assert reconcile().drift == []


def test_a_declined_card_leaves_a_pause_as_it_is(row, decline, world, subscriber, at_stripe):
    subscriptions.pause(subscriber)
    decline()
    with pytest.raises(exceptions.PaymentDeclinedError):
        subscriptions.unpause(subscriber)
    assert world.api("resume", {}) == (402, "payment_declined")
    world.sandbox.deliver()
    assert at_stripe()["status"] == "paused"
    assert not Entitlement.objects.exists()
    assert reconcile().drift == []
    decline("pm_card_threeDSecure2Required")
    with pytest.raises(exceptions.ActionRequiredError) as refusal:
        subscriptions.unpause(subscriber)
    assert refusal.value.hosted_url.startswith("http")
    assert not Entitlement.objects.exists()
    decline("pm_card_visa")
    assert subscriptions.unpause(subscriber).status == "active"
    world.sandbox.deliver()
    assert owed(world.sandbox) == []
    paid = [event for event in world.sandbox.engine.events if event["type"] == "invoice.paid"]
    assert len(paid) == 2  # the first period's, and this one's
    assert reconcile().drift == []


def test_a_declined_card_leaves_what_is_owed(row, decline, world, subscriber):
    decline()
    world.sandbox.advance(22 * 86_400)
    world.sandbox.deliver()
    with pytest.raises(exceptions.PaymentDeclinedError) as refusal:
        retry_payment(subscriber)
    assert world.api("retry_payment", {}) == (402, "payment_declined")
    status, text = world.page("retry_payment", {})
    assert status == 402
    assert str(refusal.value) in text
    world.sandbox.deliver()
    [invoice] = owed(world.sandbox)
    assert Invoice.objects.unpaid().get().stripe_id == invoice["id"]
