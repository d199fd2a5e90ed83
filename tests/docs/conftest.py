import pytest
from django.core.management import call_command
from django.urls import reverse

from .pages import page


@pytest.fixture
def plans(db, stripe_sandbox, tmp_path, monkeypatch):
    """README's plans.toml in the working directory, in the sandbox, and in the database."""
    monkeypatch.chdir(tmp_path)
    [block] = [block for block in page("README.md").blocks if block.file == "plans.toml"]
    (tmp_path / "plans.toml").write_text(block.text, encoding="utf-8")
    call_command("push_catalog", "plans.toml", verbosity=0)
    stripe_sandbox.deliver()


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def buy(plans, signed_in, stripe_sandbox):
    """Buy through the pages, with the webhooks delivered."""

    def buy(price, quantity, **payment):
        answer = signed_in.post(
            reverse("stripe_billing:checkout"), {"price": price, "quantity": quantity}
        )
        stripe_sandbox.pay(answer["Location"], **payment)
        assert set(stripe_sandbox.deliver()) == {200}

    return buy
