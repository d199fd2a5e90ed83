"""What a run will take, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from ..models import Payment, Price, Product, Subscription
from ..models.mirrored import to_datetime
from ..rules.drift_kinds import Kind
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import PAGE_SIZE
from ..sync import sells_payments
from . import customers, invoices
from .catalog_check import is_compared as is_catalog_compared
from .options import Options
from .trials import MOST as MOST_TRIALS
from .trials import in_trial_without_card


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run is about to do, told before it starts."""

    subscriptions: int
    """How many are stored."""
    calls: int
    """About how many calls it takes: one for each hundred, and a few."""


def estimate(options: Options) -> Estimate:
    """What a run will take, by what is stored; a dozen queries at most."""
    number = _own(options, Subscription.objects.filter(account=options.account)).count()
    calls = _pages(number) + 3 * options.workers
    calls += _catalog(options) + _payments(options) + _customers(options)
    if invoices.are_compared(options):
        calls += 1 + _pages(invoices.own_unpaid(options).count())
    if options.wants(Kind.TRIAL_CARD_UNKNOWN):
        calls += min(in_trial_without_card(options).count(), MOST_TRIALS)
    if options.verify_features is not None:
        calls += _people(options)
    return Estimate(subscriptions=number, calls=calls)


def _own(options: Options, rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    if options.customer_id:
        rows = rows.filter(customer__stripe_id=options.customer_id)
    if options.since is not None:
        rows = rows.filter(stripe_created_at__gte=to_datetime(options.since))
    return rows


def _catalog(options: Options) -> int:
    """A call for each hundred products and prices, and one for each product's features."""
    if not is_catalog_compared(options):
        return 0
    products = Product.objects.filter(account=options.account, is_deleted=False)
    prices = Price.objects.filter(account=options.account, is_deleted=False)
    number = products.count()
    pages = [_pages(prices.filter(active=is_active).count()) for is_active in (True, False)]
    return max(_pages(number), 1) + number + sum(max(one, 1) for one in pages)


def _payments(options: Options) -> int:
    """Stripe lists the checkouts of every mode together: those of subscriptions, too."""
    if not (options.payments or sells_payments(options.account)):
        return 0
    payments = Payment.objects.filter(account=options.account)
    if options.customer_id:
        payments = payments.filter(customer__stripe_id=options.customer_id)
    if options.since is not None:
        payments = payments.filter(stripe_created_at__gte=to_datetime(options.since))
    number = (
        payments.count()
        + _own(options, Subscription.objects.filter(account=options.account)).count()
    )
    return max(_pages(number), options.workers)


def _customers(options: Options) -> int:
    """One for each who may be deleted, or Stripe's list of all where that is shorter."""
    if not options.wants(customers.KIND):
        return 0
    number = customers.holders(options).count()
    return number if options.customer_id else min(number, customers.calls_for_all(options.account))


def _people(options: Options) -> int:
    """The linked customers whom --verify-features will ask about."""
    rows = _own(options, Subscription.objects.filter(account=options.account))
    people = rows.exclude(status__in=ENDED_STATUSES).exclude(customer__subscriber=None)
    number = people.values("customer").distinct().count()
    wanted = options.verify_features or 0
    return number if wanted < 0 else min(wanted, number)


def _pages(number: int) -> int:
    return -(-number // PAGE_SIZE)
