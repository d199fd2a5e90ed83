from functools import partial

import pytest
from django.core.management import call_command
from django.urls import reverse

from ..shop import Shop

ACCOUNT, OTHER = "acct_1Seller", "acct_1Other"


class _OnAccount:
    """The sandbox, as one of its connected accounts."""

    def __init__(self, sandbox, account):
        self.call = partial(sandbox.call, account=account)
        self.deliver = sandbox.deliver


class Seller(Shop):
    """The same catalog, by the same names, sold by a connected account."""

    def __init__(self, sandbox, account):
        self.account = account
        super().__init__(_OnAccount(sandbox, account))

    def sync(self):
        call_command("sync_catalog", account=self.account, verbosity=0)


@pytest.fixture
def configure(settings):
    """Change keys of STRIPE_BILLING."""

    def configure(**values):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **values}

    return configure


@pytest.fixture
def accepted(configure, stripe_sandbox):
    configure(CONNECT_ACCOUNTS=[ACCOUNT, OTHER])


@pytest.fixture
def seller(db, stripe_sandbox, accepted):
    return Seller(stripe_sandbox, ACCOUNT)


@pytest.fixture
def other_seller(db, stripe_sandbox, accepted):
    return Seller(stripe_sandbox, OTHER)


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def buy(signed_in):
    """Post the checkout form; where it leads."""

    def buy(price="pro_monthly", **fields):
        return signed_in.post(
            reverse("stripe_billing:checkout"), {"price": price, **fields}
        ).headers.get("Location", "")

    return buy
