"""Shops of random rows, and their figures worked out one by one: no query, no module of ours."""

import random
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

from django_stripe_billing.models import (
    Customer,
    Entitlement,
    Event,
    Feature,
    Invoice,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
)

MONTHS = {"day": Fraction(48, 1461), "week": Fraction(336, 1461), "month": 1, "year": 12}
STATUSES = "active active active trialing past_due canceled incomplete unpaid missing paused"


def make(seed, now):
    """Some dozens of everything, over a year and a half."""
    draw = random.Random(seed)

    def moment(days=540):
        return now - timedelta(seconds=draw.randrange(days * 86_400))

    def maybe(value):
        return draw.choice([None, value])

    prices = catalog(draw)
    features = list(Feature.objects.all())
    for number in range(30):
        customer = Customer.objects.create(
            stripe_id=f"cus_{seed}_{number}",
            is_deleted=draw.random() < 0.1,
            account=draw.choice(["", "", "", "acct_1"]),
        )
        for part in range(draw.randrange(3)):
            status = draw.choice(STATUSES.split())
            made = moment()
            row = Subscription.objects.create(
                stripe_id=f"sub_{seed}_{number}_{part}",
                customer=customer,
                account=customer.account,
                status=status,
                stripe_created_at=made,
                trial_start_at=maybe(made),
                trial_end_at=maybe(made + timedelta(days=draw.randrange(60))),
                cancel_at=maybe(now + timedelta(days=3)),
                cancel_at_period_end=draw.random() < 0.2,
                ended_at=moment() if status == "canceled" else None,
            )
            for line in range(draw.randrange(1, 3)):
                SubscriptionItem.objects.create(
                    subscription=row,
                    stripe_id=f"si_{seed}_{number}_{part}_{line}",
                    price_id=draw.choice(prices),
                    quantity=draw.choice([None, 0, 1, 5]),
                )
            for bill in range(draw.randrange(4)):
                invoice(draw, row, f"in_{seed}_{number}_{part}_{bill}", moment, maybe)
        for kind in ("subscription", "payment", "manual"):
            if draw.random() < 0.5:
                Entitlement.objects.create(
                    customer=customer,
                    feature=draw.choice(features),
                    source_kind=kind,
                    source_id=kind,
                    ends_at=draw.choice([None, now + timedelta(days=1), now - timedelta(days=1)]),
                )
    events(draw, seed, moment)


def catalog(draw):
    product = Product.objects.create(stripe_id="prod_1")
    for key in ("reports", "export"):
        Feature.objects.create(stripe_id=f"feat_{key}", lookup_key=key)
    ids = ["price_unknown", ""]
    for number in range(8):
        row = Price.objects.create(
            stripe_id=f"price_{number}",
            product=product,
            type="recurring",
            currency=draw.choice(["usd", "jpy"]),
            unit_amount=draw.choice([None, 0, 999, 12_345]),
            interval=draw.choice([*MONTHS, "month", "fortnight"]),
            interval_count=draw.choice([1, 1, 3]),
            usage_type=draw.choice(["licensed", "licensed", "metered"]),
        )
        ids.append(row.stripe_id)
    return ids


def invoice(draw, row, stripe_id, moment, maybe):
    subtotal = draw.choice([0, 1000, 3333])
    status = draw.choice(["paid", "paid", "open", "void", "draft"])
    Invoice.objects.create(
        stripe_id=stripe_id,
        customer=row.customer,
        account=row.account,
        subscription_id=row.stripe_id,
        status=status,
        billing_reason=draw.choice(["subscription_cycle", "subscription_create", "manual"]),
        currency=draw.choice(["usd", "jpy", ""]),
        subtotal=subtotal,
        discount=draw.choice([0, 0, 250]),
        amount_paid=draw.choice([0, 777]),
        amount_remaining=draw.choice([0, 555]),
        attempted=draw.random() < 0.5,
        due_at=maybe(moment()),
        stripe_created_at=moment(),
        paid_at=moment() if status == "paid" else None,
    )


def events(draw, seed, moment):
    for number in range(60):
        row = Event.objects.create(
            stripe_id=f"evt_{seed}_{number}",
            type="x.y",
            payload={},
            status=draw.choice(Event.Status.values),
        )
        Event.objects.filter(pk=row.pk).update(received_at=moment())


class Counted:
    """The figures of the last `days`, from Python's loops over all rows."""

    def __init__(self, now, days):
        self.now = now
        today = now.astimezone(UTC).date()
        first = datetime.combine(today - timedelta(days=days - 1), time(), UTC)
        self.is_in = lambda moment: moment is not None and first <= moment <= now
        self.rows = [
            row
            for row in Subscription.objects.filter(account="")
            if row.status not in {"incomplete", "incomplete_expired", "missing"}
        ]
        self.invoices = list(Invoice.objects.filter(account=""))

    def subscriptions(self):
        running = [row for row in self.rows if row.ended_at is None]
        live = [row for row in running if row.status in {"active", "trialing", "past_due"}]
        over = [row for row in self.rows if self.is_in(row.trial_end_at)]
        paying = {
            entry.subscription_id
            for entry in self.invoices
            if entry.status == "paid" and entry.amount_paid > 0
        }
        began = sum(self.is_in(row.stripe_created_at) for row in self.rows)
        ended = sum(self.is_in(row.ended_at) for row in self.rows)
        statuses = Counter(row.status for row in running)
        return {
            "active": statuses["active"],
            "trialing": statuses["trialing"],
            "past_due": statuses["past_due"],
            "ending": sum(bool(row.cancel_at_period_end or row.cancel_at) for row in live),
            "began": began,
            "ended": ended,
            "trials_begun": sum(self.is_in(row.trial_start_at) for row in self.rows),
            "trials_over": len(over),
            "trials_paid": sum(row.stripe_id in paying for row in over),
            "at_start": len(running) + ended - began,
        }

    def revenue(self):
        prices = {row.stripe_id: row for row in Price.objects.all()}
        sums, unpriced = Counter(), 0
        for row in self.rows:
            for item in row.items.all() if row.status in {"active", "past_due"} else ():
                units = 1 if item.quantity is None else item.quantity
                price = prices.get(item.price_id)
                if price is not None and price.usage_type == "metered":
                    continue
                if price is None or price.unit_amount is None:
                    unpriced += units
                elif price.interval in MONTHS:
                    months = MONTHS[price.interval] * price.interval_count
                    worth = Fraction(price.unit_amount * units) / months
                    sums[price.currency] += worth * (1 - self.discount(row))
        return {key: round(worth) for key, worth in sums.items() if worth}, unpriced

    def discount(self, row):
        periodic = [
            entry
            for entry in self.invoices
            if entry.subscription_id == row.stripe_id
            and entry.billing_reason != "manual"
            and entry.subtotal > 0
            and entry.status != "void"
        ]
        if not periodic:
            return 0
        last = max(periodic, key=lambda entry: (entry.stripe_created_at, entry.pk))
        return Fraction(last.discount, last.subtotal)

    def money(self):
        paid, waiting = Counter(), {}
        for entry in self.invoices:
            if entry.status == "paid" and self.is_in(entry.paid_at) and entry.currency:
                paid[entry.currency] += entry.amount_paid
            is_tried = entry.attempted or entry.attempt_count > 0 or entry.due_at is not None
            if entry.status == "open" and entry.amount_remaining > 0 and is_tried:
                number, amount = waiting.get(entry.currency, (0, 0))
                waiting[entry.currency] = (number + 1, amount + entry.amount_remaining)
        return {key: amount for key, amount in paid.items() if amount}, waiting

    def features(self):
        holders = {}
        for row in Entitlement.objects.select_related("customer", "feature"):
            is_over = row.ends_at is not None and row.ends_at <= self.now
            if row.customer.is_deleted or row.customer.account or is_over:
                continue
            kinds = holders.setdefault(row.feature.lookup_key, {})
            for kind in ("customers", row.source_kind):
                kinds.setdefault(kind, set()).add(row.customer_id)
        kinds = ("customers", "subscription", "payment", "manual")
        return {
            key: {kind: len(found.get(kind, ())) for kind in kinds}
            for key, found in holders.items()
        }

    def events(self):
        return Counter(row.status for row in Event.objects.all() if self.is_in(row.received_at))
