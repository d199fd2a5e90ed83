"""A subscriber in each state that a customer page knows."""

import re
from html.parser import HTMLParser

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from django_stripe_billing.models import Subscription
from django_stripe_billing.subscriptions import cancel, pause
from tests.renewals import break_card, clock, heard, payer

__all__ = ["break_card", "clock", "heard", "payer"]


def url(name):
    return reverse(f"stripe_billing:{name}")


@pytest.fixture
def page(client, user):
    """A signed-in visitor's GET, by the name of a page: the answer."""
    client.force_login(user)
    return lambda name, **asked: client.get(url(name), asked)


@pytest.fixture
def send(client, user):
    """Their POST."""
    client.force_login(user)
    return lambda name, **given: client.post(url(name), given)


@pytest.fixture
def stranger(other_subscriber, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.get(username="eve"))
    return client


@pytest.fixture
def yearly(shop):
    """Pro by the year and in euros, beside pro by the month in dollars."""
    for key, currency, amount, interval in (
        ("pro_yearly", "usd", 20_000, "year"),
        ("pro_euro", "eur", 1_800, "month"),
    ):
        shop.call(
            "POST",
            "/v1/prices",
            {
                "product": shop.pro["id"],
                "currency": currency,
                "unit_amount": amount,
                "recurring": {"interval": interval},
                "lookup_key": key,
                "metadata": {"quantity_min": "1", "quantity_max": "10"},
            },
        )
    call_command("sync_catalog", verbosity=0)
    shop.sandbox.deliver()


class States:
    """Brings the subscriber into a state, by name."""

    def __init__(self, shop, subscriber):
        self.shop, self.subscriber = shop, subscriber

    def __call__(self, name):
        getattr(self, name)()
        self.shop.sandbox.deliver()

    def nothing(self):
        pass

    def customer(self):
        self.shop.bind(self.subscriber)

    def active(self, **values):
        bound = self.shop.bind(self.subscriber)
        items = [{"price": self.shop.pro_monthly["id"], "quantity": 2}]
        made = self.shop.subscribe(bound, items=items, **values)
        self.shop.sandbox.deliver()
        return made

    def trial(self):
        self.active(trial_period_days=14)

    def cancelling(self):
        self.active()
        cancel(self.subscriber)

    def paused(self):
        self.active()
        pause(self.subscriber)

    def ended(self):
        made = self.active()
        self.shop.call("DELETE", f"/v1/subscriptions/{made['id']}")

    def past_due(self):
        self.active()
        self.shop.sandbox.engine.state.declines.append("insufficient_funds")
        self.shop.sandbox.advance(7_200, months=1)
        self.shop.sandbox.deliver()
        assert Subscription.objects.get().status == "past_due"


@pytest.fixture
def in_state(shop, subscriber):
    return States(shop, subscriber)


class Markup(HTMLParser):
    """What a strict Content-Security-Policy and a screen reader look at."""

    VOID = frozenset({"input", "meta", "link", "br", "hr", "img"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.problems, self._open = [], [], [], []
        self.labels, self.fields = set(), []
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self._open]
        self.problems += [f"id {name} stands twice" for name in twice(self.ids)]
        for tag, given, is_labelled in self.fields:
            if not is_labelled and given.get("id") not in self.labels:
                self.problems.append(f"<{tag} name={given.get('name')}> has no label")

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "style" or (tag == "script" and "src" not in given):
            self.problems.append(f"inline <{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.problems.append(f"{name} on <{tag}>")
            is_loaded = name in {"src", "srcset"} or (name == "href" and tag == "link")
            if is_loaded and re.match(r"(?i)\s*(https?:|//|data:|javascript:)", value or ""):
                self.problems.append(f"{value} is elsewhere")
            if name == "href" and re.match(r"(?i)\s*(data|javascript):", value or ""):
                self.problems.append(f"{value} is a script")
        if tag == "label" and given.get("for"):
            self.labels.add(given["for"])
        is_field = tag in {"input", "textarea", "select"} and given.get("type") != "hidden"
        if is_field:
            self.fields.append((tag, given, "label" in self._open))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self._open[-1:]}")
        else:
            self._open.pop()

    def count(self, tag):
        return sum(found == tag for found, _ in self.tags)


def twice(names):
    return {name for name in names if names.count(name) > 1}
