import os
import subprocess
import time

import pytest

from .conftest import KEY

TRIGGERS = """
billing_portal.configuration.created billing_portal.configuration.updated
billing_portal.session.created
charge.captured charge.dispute.closed charge.dispute.created charge.dispute.updated charge.failed
charge.refund.updated charge.refunded charge.succeeded
checkout.session.async_payment_failed checkout.session.async_payment_succeeded
checkout.session.completed checkout.session.expired
coupon.created coupon.deleted coupon.updated
customer.created customer.deleted customer.updated
customer.discount.created customer.discount.deleted customer.discount.updated
customer.source.created customer.source.updated customer_cash_balance_transaction.created
customer.subscription.created customer.subscription.deleted customer.subscription.paused
customer.subscription.trial_will_end customer.subscription.updated
invoice.created invoice.deleted invoice.finalized invoice.marked_uncollectible invoice.paid
invoice.payment_action_required invoice.payment_failed invoice.payment_succeeded invoice.sent
invoice.updated invoice.voided
invoiceitem.created invoiceitem.deleted
payment_intent.amount_capturable_updated payment_intent.canceled payment_intent.created
payment_intent.partially_funded payment_intent.payment_failed payment_intent.processing
payment_intent.requires_action payment_intent.succeeded
payment_method.attached payment_method.detached payment_method.updated
price.created price.updated product.created product.deleted product.updated
promotion_code.created promotion_code.updated
setup_intent.canceled setup_intent.created setup_intent.requires_action setup_intent.setup_failed
setup_intent.succeeded
subscription.payment_failed subscription.payment_succeeded
subscription_schedule.aborted subscription_schedule.canceled subscription_schedule.completed
subscription_schedule.created subscription_schedule.expiring subscription_schedule.released
subscription_schedule.updated
test_helpers.test_clock.advancing test_helpers.test_clock.created test_helpers.test_clock.deleted
test_helpers.test_clock.ready
""".split()

TELLS = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
    "subscription_schedule.expiring": "subscription_schedule.created",
}
"""The event that a trigger makes where that is not its name: two names are the tool's own, and the
last one moves its clock to nine days before the end, while Stripe tells of it seven days before."""

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
