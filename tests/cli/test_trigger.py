import os
import subprocess
import time

import pytest

from .conftest import KEY

TRIGGERS = """
checkout.session.completed
customer.subscription.created customer.subscription.updated customer.subscription.deleted
customer.subscription.paused customer.subscription.trial_will_end
product.created price.updated
""".split()

TELLS = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
}
"""Names that are the tool's own: the event that each of them makes."""

LATER = 15
"""Seconds to wait for what is told after the tool is done: delayed debits, test clocks."""


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_what_the_stripe_cli_triggers_arrives_and_is_taken(stripe_cli, site, tmp_path, trigger):
    before = len(site.events())
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")
    }
    done = subprocess.run(
        [stripe_cli, "trigger", trigger, "--api-base", site.api_base, "--api-key", KEY],
        env={**environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = TELLS.get(trigger, trigger)
    arrived = arrived_since(site, before, wanted)
    assert wanted in [event_type for event_type, _ in arrived]
    assert {status for _, status in arrived} <= {"processed", "ignored", "stale"}


def arrived_since(site, before, wanted):
    """The stored events after the first `before`, once the wanted one is among them."""
    deadline = time.monotonic() + LATER
    while True:
        site.settle()
        arrived = site.events()[before:]
        if wanted in [event_type for event_type, _ in arrived] or time.monotonic() > deadline:
            return arrived
        time.sleep(0.5)
