"""Schedules at Stripe, and faults there."""

from django_stripe_billing.sandbox import Fault

SCHEDULES = "/v1/subscription_schedules"


def fail(sandbox, **fault):
    sandbox.engine.faults.append(Fault(**fault))


def schedules(shop, status="active"):
    return [one for one in shop.call("GET", SCHEDULES)["data"] if one["status"] == status]
