import os
import subprocess

import pytest

from .conftest import KEY

TRIGGERS = [
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.trial_will_end",
    "product.created",
    "price.updated",
]


@pytest.mark.parametrize("event_type", TRIGGERS)
def test_what_the_stripe_cli_triggers_arrives_and_is_processed(
    stripe_cli, site, tmp_path, event_type
):
    before = len(site.events())
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")
    }
    done = subprocess.run(
        [stripe_cli, "trigger", event_type, "--api-base", site.api_base, "--api-key", KEY],
        env={**environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site.settle()
    arrived = site.events()[before:]
    assert (event_type, "processed") in arrived
    assert {status for _, status in arrived} <= {"processed", "ignored", "stale"}
