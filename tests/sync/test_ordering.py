"""The ordering rule against stored rows, for each kind of object."""

from dataclasses import replace

import pytest

from django_stripe_billing.exceptions import CustomerConflictError
from django_stripe_billing.models import (
    Customer,
    Entitlement,
    Feature,
    Price,
    Product,
    Subscription,
)
from django_stripe_billing.rules.catalog_snapshots import (
    FeatureSnapshot,
    PriceSnapshot,
    ProductSnapshot,
)
from django_stripe_billing.rules.ordering import Interval, Verdict
from django_stripe_billing.rules.snapshots import CustomerSnapshot, parse_subscription
from django_stripe_billing.sync import (
    Cause,
    SubscriptionReading,
    apply_customer,
    apply_feature,
    apply_price,
    apply_product,
    apply_subscriptions,
    mark_missing,
)
from tests.payloads import item, items, subscription

pytestmark = pytest.mark.django_db

CAUSE = Cause(kind="reconcile", id="1")


class Subscriptions:
    model = Subscription

    def __init__(self, catalog):
        self.number = 0

    def apply(self, content, low, high, revision=None):
        snapshot = parse_subscription(subscription(items=items(item(quantity=content))))
        reading = SubscriptionReading(
            snapshot=snapshot, interval=Interval(low=low, high=high), revision=revision
        )
        [outcome] = apply_subscriptions([reading], cause=CAUSE)
        return outcome.verdict

    def content(self):
        return Subscription.objects.get().items.get().quantity


class Customers:
    model = Customer

    def __init__(self, catalog):
        pass

    def apply(self, content, low, high, revision=None):
        snapshot = CustomerSnapshot(
            id="cus_1",
            email=str(content),
            name="",
            livemode=False,
            created=None,
            is_deleted=False,
            test_clock_id="",
        )
        interval = Interval(low=low, high=high)
        return apply_customer(snapshot, interval, revision=revision, cause=CAUSE)

    def content(self):
        return int(Customer.objects.get().email)


class Products:
    model = Product

    def __init__(self, catalog):
        catalog.delete()

    def apply(self, content, low, high, revision=None):
        snapshot = ProductSnapshot(
            id="prod_1",
            name=str(content),
            description="",
            active=True,
            is_deleted=False,
            metadata=(),
        )
        return apply_product(snapshot, Interval(low=low, high=high), revision=revision, cause=CAUSE)

    def content(self):
        return int(Product.objects.get().name)


class Prices:
    model = Price

    def __init__(self, catalog):
        catalog.delete()

    def apply(self, content, low, high, revision=None):
        snapshot = PriceSnapshot(
            id="price_1",
            product_id="prod_1",
            lookup_key="",
            nickname="",
            type="recurring",
            currency="usd",
            unit_amount=content,
            interval="month",
            interval_count=1,
            usage_type="licensed",
            active=True,
            is_deleted=False,
            metadata=(),
        )
        return apply_price(snapshot, Interval(low=low, high=high), revision=revision)

    def content(self):
        return Price.objects.get().unit_amount


@pytest.fixture(params=[Subscriptions, Customers, Products, Prices], ids=lambda kind: kind.__name__)
def kind(request, catalog):
    return request.param(catalog)


@pytest.mark.parametrize(
    ("low", "high", "content", "verdict"),
    [
        (111, 120, 2, Verdict.NEWER),
        (111, 120, 1, Verdict.NEWER),
        (80, 99, 2, Verdict.AMBIGUOUS),  # an answer's Date may be of another clock than events
        (80, 99, 1, Verdict.STALE),
        (110, 110, 1, Verdict.SAME),
        (110, 110, 2, Verdict.AMBIGUOUS),
        (100, 100, 2, Verdict.AMBIGUOUS),
        (50, 200, 2, Verdict.AMBIGUOUS),
        (50, 200, 1, Verdict.SAME),
    ],
)
def test_a_reading_is_judged_against_the_row(kind, low, high, content, verdict):
    assert kind.apply(1, 100, 110) is Verdict.NEWER
    before = kind.model.objects.get()
    assert kind.apply(content, low, high) is verdict
    after = kind.model.objects.get()
    if verdict is Verdict.NEWER:
        assert kind.content() == content
        assert (after.observed, after.revision) == (
            Interval(low=low, high=high),
            before.revision + 1,
        )
    else:
        assert kind.content() == 1
        assert (after.observed, after.revision) == (before.observed, before.revision)


def test_of_two_events_the_older_is_dropped_without_asking(kind):
    assert kind.apply(1, 100, 100) is Verdict.NEWER
    assert kind.apply(2, 99, 99) is Verdict.STALE
    assert kind.content() == 1


NOW = 1_800_000_000
MONTHS = 60 * 86_400


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr("django_stripe_billing.sync.mirror.time.time", lambda: NOW)


def test_an_event_from_the_future_is_not_believed_to_be_newer_than_an_answer(kind, now):
    assert kind.apply(1, NOW - 12, NOW - 10) is Verdict.NEWER
    ahead = NOW + MONTHS
    assert kind.apply(2, ahead, ahead) is Verdict.AMBIGUOUS
    assert kind.apply(1, ahead, ahead) is Verdict.SAME
    assert (kind.content(), kind.model.objects.get().observed.high) == (1, NOW - 10)


def test_events_that_are_all_from_the_future_are_judged_like_any(kind, now):
    ahead = NOW + MONTHS
    assert kind.apply(1, ahead, ahead) is Verdict.NEWER
    assert kind.apply(2, ahead + 1, ahead + 1) is Verdict.NEWER
    assert kind.apply(1, ahead, ahead) is Verdict.STALE
    assert kind.content() == 2


def test_an_event_is_newer_than_events_before_a_clock_was_advanced(kind, now):
    assert kind.apply(1, NOW - 10, NOW - 10) is Verdict.NEWER
    assert kind.apply(2, NOW + MONTHS, NOW + MONTHS) is Verdict.NEWER


def test_an_event_is_newer_than_an_answer_where_both_are_from_the_future(kind, now):
    ahead = NOW + MONTHS
    assert kind.apply(1, ahead - 1, ahead + 1) is Verdict.NEWER
    assert kind.apply(2, ahead + 2, ahead + 2) is Verdict.NEWER


def test_a_clock_that_is_minutes_ahead_is_no_other_clock(kind, now):
    assert kind.apply(1, NOW - 12, NOW - 10) is Verdict.NEWER
    assert kind.apply(2, NOW + 200, NOW + 200) is Verdict.NEWER


def test_after_events_from_the_future_a_fetch_has_its_own_interval(kind, now):
    """An older event that comes after the fetch would pass for newer if the two were joined."""
    ahead = NOW + MONTHS
    kind.apply(1, ahead - 200, ahead - 200)
    revision = kind.model.objects.get().revision
    assert kind.apply(2, NOW - 2, NOW, revision) is Verdict.NEWER
    assert kind.model.objects.get().observed == Interval(low=NOW - 2, high=NOW)
    assert kind.apply(3, ahead - 100, ahead - 100) is Verdict.AMBIGUOUS
    assert kind.content() == 2


def test_a_fetch_overtaken_by_an_event_of_another_clock_is_made_again(kind, now):
    kind.apply(1, NOW - 12, NOW - 12)
    noted = kind.model.objects.get().revision
    kind.apply(2, NOW + MONTHS, NOW + MONTHS)
    assert kind.apply(3, NOW - 2, NOW, noted) is Verdict.AMBIGUOUS
    assert kind.apply(3, NOW + 2 * MONTHS, NOW + 2 * MONTHS + 2, noted) is Verdict.AMBIGUOUS
    assert kind.content() == 2


def test_a_fetch_over_an_unchanged_row_wins_and_joins_the_intervals(kind):
    kind.apply(1, 100, 110)
    revision = kind.model.objects.get().revision
    assert kind.apply(2, 90, 105, revision) is Verdict.NEWER
    assert kind.content() == 2
    row = kind.model.objects.get()
    assert (row.observed, row.revision) == (Interval(low=100, high=110), revision + 1)


def test_a_fetch_over_a_row_that_changed_meanwhile_is_judged_by_the_table(kind):
    kind.apply(1, 100, 110)
    noted = kind.model.objects.get().revision
    kind.apply(2, 111, 111)
    assert kind.apply(3, 105, 115, noted) is Verdict.AMBIGUOUS
    assert kind.apply(3, 90, 105, noted) is Verdict.STALE
    assert kind.apply(2, 105, 115, noted) is Verdict.SAME
    assert kind.content() == 2
    assert kind.apply(4, 112, 115, noted) is Verdict.NEWER
    assert kind.content() == 4


def test_a_fetch_of_what_is_unknown_is_stored(kind):
    assert kind.apply(1, NOW, NOW + 2, -1) is Verdict.NEWER


def test_a_fetch_that_left_before_there_was_a_row_is_judged_by_the_table(kind):
    kind.apply(1, 100, 110)
    assert kind.apply(2, 105, 115, -1) is Verdict.AMBIGUOUS
    assert kind.content() == 1


class TestSubscriptions:
    def apply(self, moment, *, revision=None, **values):
        reading = SubscriptionReading(
            snapshot=parse_subscription(subscription(**values)),
            interval=Interval(low=moment, high=moment),
            revision=revision,
        )
        [outcome] = apply_subscriptions([reading], cause=CAUSE)
        return outcome.verdict

    @pytest.mark.parametrize("ended", ["canceled", "incomplete_expired"])
    def test_a_terminal_one_never_comes_back(self, catalog, customer, ended):
        self.apply(100, status=ended)
        revision = Subscription.objects.get().revision
        assert self.apply(200) is Verdict.STALE
        assert self.apply(200, revision=revision) is Verdict.STALE
        assert not Entitlement.objects.exists()
        assert self.apply(201, status=ended, canceled_at=5) is Verdict.NEWER

    def test_a_missing_one_comes_back_when_stripe_shows_it_after_all(self, catalog, customer):
        self.apply(100)
        mark_missing(Subscription.objects.get(), cause=CAUSE)
        assert Subscription.objects.get().status == "missing"
        assert not Entitlement.objects.exists()
        assert self.apply(101) is Verdict.NEWER
        assert Entitlement.objects.count() == 2

    def test_one_that_changed_since_it_was_read_is_not_marked_missing(self, catalog, customer):
        self.apply(100)
        read = Subscription.objects.get()
        self.apply(101, latest_invoice="in_2")
        mark_missing(read, cause=CAUSE)
        assert Subscription.objects.get().status == "active"

    def test_items_that_were_cut_short_are_never_stored(self, catalog, customer):
        cut = {"object": "list", "data": [item()], "has_more": True}
        assert self.apply(100, items=cut) is Verdict.AMBIGUOUS
        assert not Subscription.objects.exists()
        self.apply(100, items=items(item(), item("si_2")))
        assert self.apply(200, items=cut) is Verdict.AMBIGUOUS
        assert Subscription.objects.get().items.count() == 2
        assert self.apply(50, items=cut) is Verdict.STALE

    def test_one_never_changes_its_customer(self, catalog, customer):
        self.apply(100)
        with pytest.raises(CustomerConflictError):
            self.apply(101, customer="cus_2")
        assert Subscription.objects.get().customer == customer


class TestDeleted:
    def test_a_deleted_product_price_or_customer_never_comes_back(self, catalog, customer):
        at = Interval(low=100, high=100)
        later = Interval(low=200, high=200)
        gone = ProductSnapshot(
            id="prod_pro", name="", description="", active=False, is_deleted=True, metadata=()
        )
        assert apply_product(gone, at) is Verdict.NEWER
        assert apply_product(gone, at) is Verdict.SAME
        assert apply_product(replace(gone, is_deleted=False, active=True), later) is Verdict.STALE
        row = Product.objects.get()
        assert (row.is_deleted, row.active, row.name) == (True, False, "Pro")

        price = PriceSnapshot(
            id="price_pro",
            product_id="",
            lookup_key="",
            nickname="",
            type="",
            currency="",
            unit_amount=None,
            interval="",
            interval_count=0,
            usage_type="",
            active=False,
            is_deleted=True,
            metadata=(),
        )
        assert apply_price(price, at) is Verdict.NEWER
        assert apply_price(price, at) is Verdict.SAME
        back = replace(price, is_deleted=False, active=True, product_id="prod_pro")
        assert apply_price(back, later) is Verdict.STALE
        assert not Price.objects.get().active

        left = CustomerSnapshot(
            id="cus_1",
            email="",
            name="",
            livemode=False,
            created=None,
            is_deleted=True,
            test_clock_id="",
        )
        assert apply_customer(left, at, cause=CAUSE) is Verdict.NEWER
        assert apply_customer(left, later, cause=CAUSE) is Verdict.SAME
        assert apply_customer(replace(left, is_deleted=False), later, cause=CAUSE) is Verdict.STALE

    def test_what_was_deleted_before_it_was_known_is_stored_as_deleted(self, db):
        at = Interval(low=100, high=100)
        gone = ProductSnapshot(
            id="prod_1", name="", description="", active=False, is_deleted=True, metadata=()
        )
        assert apply_product(gone, at) is Verdict.NEWER
        assert Product.objects.get().is_deleted

    def test_a_price_that_was_deleted_before_it_was_known_leaves_no_row(self, db):
        price = PriceSnapshot(
            id="price_1",
            product_id="",
            lookup_key="",
            nickname="",
            type="",
            currency="",
            unit_amount=None,
            interval="",
            interval_count=0,
            usage_type="",
            active=False,
            is_deleted=True,
            metadata=(),
        )
        assert apply_price(price, Interval(low=1, high=1)) is Verdict.SAME
        assert not Price.objects.exists()


def test_a_feature_keeps_what_was_read_last(db):
    def read(name, low, high):
        snapshot = FeatureSnapshot(
            id="feat_1", lookup_key="reports", name=name, active=True, metadata=()
        )
        apply_feature(snapshot, Interval(low=low, high=high))
        return Feature.objects.get().name

    assert read("first", 100, 110) == "first"
    assert read("older", 80, 99) == "first"
    assert read("newer", 111, 120) == "newer"
