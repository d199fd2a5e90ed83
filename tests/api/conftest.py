import json

import pytest
from django.test import Client
from django.urls import reverse

from django_stripe_billing.models import Invoice, Payment, Subscription

from ..payments.conftest import OnceShop

TOKEN = "x" * 32
ENDED = ("canceled", "incomplete_expired")


@pytest.fixture
def api(client, user):
    """Ada's browser."""
    client.force_login(user)
    return client


@pytest.fixture
def world(db, stripe_sandbox, api, subscriber, other_subscriber):
    """Ada and Eve have both subscribed and bought a book; Ada asks."""
    return World(OnceShop(stripe_sandbox), api, subscriber, other_subscriber)


class World:
    def __init__(self, shop, client, ada, eve):
        self.shop, self.client, self.ada = shop, client, ada
        coupon = shop.call("POST", "/v1/coupons", {"percent_off": 25, "duration": "forever"})
        promotion = {"type": "coupon", "coupon": coupon["id"]}
        shop.call("POST", "/v1/promotion_codes", {"promotion": promotion, "code": "WELCOME"})
        shop.sync()
        self.customers = {who: shop.bind(who) for who in (ada, eve)}
        for who in (ada, eve):
            self.subscribe(who)
            self.buy(who)
        self.own = {model: self.newest(model, ada) for model in (Subscription, Invoice, Payment)}
        self.theirs = {model: self.newest(model, eve) for model in (Subscription, Invoice, Payment)}

    def subscribe(self, who):
        items = [{"price": self.shop.pro_monthly["id"], "quantity": 2}]
        self.shop.subscribe(self.customers[who], items=items)
        self.shop.sandbox.deliver()

    def buy(self, who):
        session = self.shop.call(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": "payment",
                "customer": self.customers[who].stripe_id,
                "line_items": [{"price": self.shop.book_once["id"], "quantity": 1}],
                "success_url": "https://shop.example/",
            },
        )
        self.shop.sandbox.pay(session["url"])
        self.shop.sandbox.deliver()

    def newest(self, model, who):
        return model.objects.filter(customer=self.customers[who]).latest("pk").stripe_id

    def restore(self):
        """Ada's subscription runs, whatever was done to it: to two units of pro, with no end."""
        row = Subscription.objects.filter(customer=self.customers[self.ada]).latest("pk")
        if row.status == "active" and not row.is_ending and row.items.get().quantity == 2:
            return
        if row.status not in ENDED:
            self.shop.call("DELETE", f"/v1/subscriptions/{row.stripe_id}")
        self.subscribe(self.ada)
        self.own[Subscription] = self.newest(Subscription, self.ada)

    def get(self, name, query=None, **path):
        return self.client.get(url(name, **path), query)

    def post(self, name, data):
        """`data` as JSON, with what JSON allows and UTF-8 does not."""
        return self.client.post(url(name), json.dumps(data), content_type="application/json")


@pytest.fixture
def headers(api):
    """Of a request with the session and the CSRF token of Ada's browser."""
    return {
        "cookies": {"sessionid": api.cookies["sessionid"].value, "csrftoken": TOKEN},
        "headers": {"X-CSRFToken": TOKEN},
    }


def url(name, **path):
    return reverse(f"stripe_billing_api:{name}", kwargs=path)


def signed_in_as(user):
    client = Client()
    client.force_login(user)
    return client
