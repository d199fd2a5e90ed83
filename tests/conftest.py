import copy

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model

from django_stripe_billing.models import Customer, Feature, Price, Product, ProductFeature

from . import emptying
from .answers import Answers
from .shop import Shop

pytest_plugins = ["django_stripe_billing.testing"]

emptying.install()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Stripe is asked again at once, and as fast as it answers."""
    monkeypatch.setattr("django_stripe_billing.reconcile.patience.LONGEST_PAUSE", 0)
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)


@pytest.fixture
def stripe_answers(settings):
    """Stripe in process: put objects into `.objects` by path."""
    answers = Answers()
    settings.STRIPE_BILLING = {
        **copy.copy(django_settings.STRIPE_BILLING),
        "HTTP_CLIENT": answers.client(),
    }
    return answers


@pytest.fixture
def subscriber(db):
    """Somebody who pays: a user, or an organisation with that user as its member."""
    return make_subscriber("ada")


def make_subscriber(username):
    user = get_user_model().objects.create_user(
        username, email=f"{username}@example.com", password="secret"
    )
    model = Customer._meta.get_field("subscriber").related_model
    if model is get_user_model():
        return user
    organisation = model.objects.create(name=f"{username}'s", email=user.email)
    organisation.members.add(user)
    return organisation


@pytest.fixture
def user(subscriber):
    """The user who signs in for the subscriber."""
    return get_user_model().objects.get(username="ada")


@pytest.fixture
def other_subscriber(db):
    """Somebody else who pays, and whose user is `eve`."""
    return make_subscriber("eve")


@pytest.fixture
def shop(db, stripe_sandbox):
    """A catalog in the sandbox, mirrored."""
    return Shop(stripe_sandbox)


@pytest.fixture
def customer(subscriber):
    return Customer.objects.create(stripe_id="cus_1", subscriber=subscriber)


@pytest.fixture
def catalog(db):
    """prod_pro with the features reports, and seats with a limit of 5 per unit."""
    return make_catalog()


def make_catalog():
    product = Product.objects.create(stripe_id="prod_pro", name="Pro")
    reports = Feature.objects.create(stripe_id="feat_reports", lookup_key="reports")
    seats = Feature.objects.create(stripe_id="feat_seats", lookup_key="seats")
    ProductFeature.objects.create(product=product, feature=reports)
    ProductFeature.objects.create(product=product, feature=seats, limit=5, is_limit_per_unit=True)
    Price.objects.create(
        stripe_id="price_pro",
        product=product,
        lookup_key="pro_monthly",
        type="recurring",
        currency="usd",
        unit_amount=2000,
        interval="month",
        interval_count=1,
    )
    return product
