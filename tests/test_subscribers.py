"""Who pays for a request: one hook decides, and what it returns is checked."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.utils.functional import SimpleLazyObject

from django_stripe_billing.models import Customer, Feature
from django_stripe_billing.subscribers import customer_details, request_user, resolve_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(settings):
    def hook(function):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "SUBSCRIBER": function}

    return hook


def test_the_hook_is_asked_with_the_request_and_the_action(rf, hook, subscriber):
    asked = []

    def resolve(request, action):
        asked.append((request, action))
        return subscriber

    hook(resolve)
    request = rf.get("/")
    for action in ("access", "checkout", "portal"):
        assert resolve_subscriber(request, action) == subscriber
    assert asked == [(request, "access"), (request, "checkout"), (request, "portal")]


@pytest.mark.parametrize("answer", [None, 5, "ada", AnonymousUser()])
def test_nobody_is_denied(rf, hook, answer):
    hook(lambda request, action: answer)
    with pytest.raises(PermissionDenied):
        resolve_subscriber(rf.get("/"), "access")


def test_somebody_who_is_not_saved_is_denied(rf, hook):
    model = Customer._meta.get_field("subscriber").related_model
    hook(lambda request, action: model())
    with pytest.raises(PermissionDenied):
        resolve_subscriber(rf.get("/"), "access")


def test_an_object_of_another_model_is_a_mistake_in_the_settings(rf, hook):
    feature = Feature.objects.create(stripe_id="feat_1", lookup_key="reports")
    hook(lambda request, action: feature)
    with pytest.raises(ImproperlyConfigured, match="STRIPE_BILLING_SUBSCRIBER_MODEL"):
        resolve_subscriber(rf.get("/"), "access")


def test_a_lazy_object_is_as_good_as_the_object(rf, hook, subscriber):
    hook(lambda request, action: SimpleLazyObject(lambda: subscriber))
    assert resolve_subscriber(rf.get("/"), "access") == subscriber


def test_what_the_hook_denies_is_denied(rf, hook):
    def deny(request, action):
        raise PermissionDenied("Only owners may buy.")

    hook(deny)
    with pytest.raises(PermissionDenied, match="Only owners"):
        resolve_subscriber(rf.get("/"), "checkout")


def test_by_default_the_signed_in_user_pays(rf, user):
    request = rf.get("/", {"user": "99", "subscriber": "99"})
    request.user = user
    assert request_user(request, "access") == user
    request.user = AnonymousUser()
    with pytest.raises(PermissionDenied):
        request_user(request, "access")


class Named:
    def __init__(self, **values):
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("subscriber", "details"),
    [
        (Named(email="a@b.c", name="Ada"), {"email": "a@b.c", "name": "Ada"}),
        (Named(email="a@b.c", get_full_name=lambda: "Ada L"), {"email": "a@b.c", "name": "Ada L"}),
        (Named(email="", name=""), {}),
        (Named(), {}),
        (Named(name=None, email=None), {}),
    ],
)
def test_stripe_learns_no_more_than_name_and_address(subscriber, details):
    assert customer_details(subscriber) == details
