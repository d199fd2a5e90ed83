"""Events about the catalog, in whatever order they come, and what they mean for subscribers."""

import itertools

import pytest

from django_stripe_billing.checkout import sold_prices
from django_stripe_billing.models import Entitlement, Price, Product, ProductFeature, Subscription
from django_stripe_billing.rules.ordering import Interval
from django_stripe_billing.sync import Cause, apply_product_features, recompute
from tests.payloads import DAY, NOW, event, item, items, subscription
from tests.statements import statements
from tests.webhooks.test_view import post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


def product(**values):
    return {"id": "prod_new", "object": "product", "name": "New", "active": True, **values}


def price(**values):
    return {
        "id": "price_new",
        "object": "price",
        "product": "prod_new",
        "active": True,
        "type": "recurring",
        "currency": "usd",
        "unit_amount": 500,
        "lookup_key": "new",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        **values,
    }


HISTORY = [
    event("product.created", product(), created=NOW),
    event("price.created", price(), created=NOW + 1),
    event("product.updated", product(name="Newer"), created=NOW + 2),
    event("price.updated", price(unit_amount=900), created=NOW + 3),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_products_and_prices_come_in_any_order(order):
    for number in order:
        assert post(HISTORY[number]).status_code == 200
    [row] = sold_prices()
    assert (row.product.name, row.unit_amount, row.lookup_key) == ("Newer", 900, "new")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_price_that_was_deleted_is_not_sold_in_any_order(order):
    history = [*HISTORY[:2], HISTORY[3], event("price.deleted", price(), created=NOW + 9)]
    for number in order:
        assert post({**history[number], "id": f"evt_{number}"}).status_code == 200
    assert sold_prices() == []
    assert Price.objects.get().is_deleted


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_product_that_was_deleted_is_not_sold_in_any_order(order):
    history = [*HISTORY[:2], event("product.deleted", product(), created=NOW + 9)]
    for number in order:
        assert post(history[number]).status_code == 200
    assert sold_prices() == []
    assert Product.objects.get().is_deleted


def test_a_price_whose_product_was_never_read_is_not_sold():
    post(HISTORY[1])
    assert sold_prices() == []
    assert not Product.objects.get().active
    post(HISTORY[0])
    assert [row.lookup_key for row in sold_prices()] == ["new"]


def test_a_product_that_only_a_subscription_names_waits_in_the_catalog(customer):
    post(event("customer.subscription.created", subscription()))
    row = Product.objects.get()
    assert (row.stripe_id, row.active, row.name) == ("prod_pro", False, "")
    assert not Entitlement.objects.exists()


def test_a_lookup_key_that_moved_is_held_by_one_price_in_either_order():
    new = price(id="price_second", unit_amount=700)
    old = price(lookup_key=None)
    moved = [
        event("price.created", new, created=NOW + 5),
        event("price.updated", old, created=NOW + 5),
    ]
    for order in ((0, 1), (1, 0)):
        Price.objects.all().delete()
        for payload in (HISTORY[0], HISTORY[1], *(moved[number] for number in order)):
            post({**payload, "id": f"{payload['id']}_{order}"})
        holders = Price.objects.filter(lookup_key="new").values_list("stripe_id", flat=True)
        assert list(holders) == ["price_second"]


class TestTerms:
    @pytest.fixture
    def bought(self, catalog, customer):
        post(event("customer.subscription.created", subscription()))
        return Subscription.objects.get()

    def attach(self, *features, moment=NOW):
        links = {feature: f"pf_{feature}" for feature in features}
        changed = apply_product_features("prod_pro", links, Interval(low=moment, high=moment))
        if changed:
            recompute(product_ids={"prod_pro"}, cause=Cause(kind="catalog"))
        return changed

    def held(self):
        return {row.feature.lookup_key: row for row in Entitlement.objects.all()}

    def test_a_removed_feature_stays_until_the_period_ends_and_not_longer(self, bought):
        assert self.attach("feat_seats", moment=NOW + DAY)
        row = self.held()["reports"]
        assert (row.reason, row.ends_at.timestamp()) == ("feature_removed", NOW + 30 * DAY)
        period = {"current_period_start": NOW + 30 * DAY, "current_period_end": NOW + 60 * DAY}
        renewed = subscription(items=items(item(**period)))
        post(event("customer.subscription.updated", renewed, created=NOW + 30 * DAY))
        assert self.held().keys() == {"seats"}

    def test_a_feature_that_is_back_is_as_before(self, bought):
        self.attach("feat_seats", moment=NOW + DAY)
        self.attach("feat_seats", "feat_reports", moment=NOW + 2 * DAY)
        row = self.held()["reports"]
        assert (row.reason, row.ends_at.timestamp()) == ("paid_period", NOW + 33 * DAY)
        assert ProductFeature.objects.count() == 2

    def test_the_same_features_again_change_nothing(self, bought):
        assert self.attach("feat_seats", "feat_reports") is True  # the limit is not in metadata
        assert self.attach("feat_seats", "feat_reports") is False

    def test_a_feature_that_is_not_known_is_left_out(self, bought):
        self.attach("feat_seats", "feat_reports", "feat_unknown")
        assert self.held().keys() == {"seats", "reports"}

    @pytest.mark.parametrize(
        ("metadata", "limit"),
        [
            ({"limit:seats": "9"}, 9),
            ({"limit:seats": "3 per unit"}, 6),
            ({"limit:seats": "unlimited"}, None),
            ({"limit:seats": "many"}, 0),
            ({}, None),
        ],
    )
    def test_limits_follow_the_products_metadata(self, catalog, customer, metadata, limit):
        two = subscription(items=items(item(quantity=2)))
        post(event("customer.subscription.created", two))
        named = product(id="prod_pro", metadata={"other": "1", **metadata})
        post(event("product.updated", product(id="prod_pro", metadata={"limit:seats": "1"})))
        post(event("product.updated", named, created=NOW + 1))
        assert self.held()["seats"].limit == limit

    def test_grace_days_follow_the_products_metadata(self, catalog, customer):
        post(event("customer.subscription.updated", subscription(status="past_due")))
        assert self.held()["reports"].ends_at.timestamp() == NOW + 7 * DAY
        post(event("product.updated", product(id="prod_pro", metadata={"grace_days": "1"})))
        assert self.held()["reports"].ends_at.timestamp() == NOW + DAY

    def test_a_new_name_touches_no_subscription(self, bought):
        post(event("product.updated", product(id="prod_pro", metadata={})))
        with statements() as asked:
            post(event("product.updated", product(id="prod_pro", name="X"), created=NOW + 1))
        assert not [sql for sql in asked if "stripe_billing_entitlement" in sql]

    @pytest.mark.parametrize("count", [1, 30])
    def test_the_statements_do_not_grow_with_the_subscriptions(self, catalog, count):
        for number in range(count):
            line = items(item(f"si_{number}"))
            one = subscription(f"sub_{number}", f"cus_{number}", items=line)
            post(event("customer.subscription.created", one))
        terms = product(id="prod_pro", metadata={"limit:seats": "9"})
        with statements() as asked:
            post(event("product.updated", terms))
        assert len(asked) <= 14
        assert set(
            Entitlement.objects.filter(feature__lookup_key="seats").values_list("limit")
        ) == {(9,)}

    def test_ended_subscriptions_are_left_alone(self, bought):
        post(
            event("customer.subscription.deleted", subscription(status="canceled"), created=NOW + 1)
        )
        assert recompute(product_ids={"prod_pro"}, cause=Cause(kind="catalog")) == 0
        assert not Entitlement.objects.exists()
