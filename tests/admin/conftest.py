import pytest
from django.contrib.auth.models import Permission

from tests.renewals import break_card, clock, payer

__all__ = ["break_card", "clock", "payer"]


@pytest.fixture
def admin(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", "root@example.com", "x"))
    return client


@pytest.fixture
def staff(client, django_user_model):
    """Signs in somebody with these permissions only."""

    def staff(*codenames):
        user = django_user_model.objects.create_user("sam", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return staff


@pytest.fixture
def bought(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    subscription = shop.subscribe(customer)
    stripe_sandbox.deliver()
    return subscription
