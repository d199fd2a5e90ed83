"""The page server's answers are what our client and our parsers read."""

import threading
from contextlib import contextmanager

import pytest

from benchmarks.objects import ACCOUNT, FIXTURES, PRICE, PRODUCT, Objects
from benchmarks.page_server import NEWEST, PERIOD_END, Pages, Server
from django_stripe_billing.exceptions import StripeObjectMissingError
from django_stripe_billing.rules.catalog_snapshots import parse_price, parse_product
from django_stripe_billing.rules.snapshots import parse_customer, parse_subscription
from django_stripe_billing.stripe_api import fetch_subscription, pages, request

needs_fixtures = pytest.mark.skipif(
    not FIXTURES.exists(), reason="Stripe's example objects (fixtures3.json) are not at hand"
)


@pytest.fixture
def serve(settings):
    """`with serve(number)`: the page server runs, and our client calls it."""

    @contextmanager
    def serving(number, *, changed=0.0, objects=None):
        with Server(Pages(number, changed=changed), objects=objects) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            settings.STRIPE_BILLING = {
                "API_KEY": "sk_test_benchmark",
                "API_BASE": f"http://127.0.0.1:{server.server_address[1]}",
                "WEBHOOK_SECRETS": ["whsec_benchmark"],
            }
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()

    return serving


def listed(**params):
    """Every subscription of the list as a snapshot, and how many pages it took."""
    found = list(pages("/v1/subscriptions", {"status": "all", **params}))
    return [parse_subscription(row) for page in found for row in page.rows], len(found)


def test_the_list_is_walked_to_its_end_a_hundred_at_a_time(serve):
    with serve(250):
        rows, number_of_pages = listed()
    assert number_of_pages == 3
    assert [row.id for row in rows] == [f"sub_{number:014d}" for number in range(250)]
    assert [row.created for row in rows] == [NEWEST - number for number in range(250)]
    assert {(row.status, row.cancel_at) for row in rows} == {("active", None)}
    lines = [line for row in rows for line in row.items]
    assert {(line.price_id, line.product_id, line.quantity) for line in lines} == {
        (PRICE, PRODUCT, 1)
    }
    assert {line.current_period_end for line in lines} == {PERIOD_END}
    assert len({line.id for line in lines}) == len({row.customer_id for row in rows}) == 250


def test_a_window_of_creation_holds_what_was_created_in_it(serve):
    with serve(250):
        window = {"gte": NEWEST - 119, "lt": NEWEST - 9}
        rows, number_of_pages = listed(created=window)
        assert (len(rows), number_of_pages) == (110, 2)
        assert rows[0].created == NEWEST - 10
        assert rows[-1].created == NEWEST - 119
        assert listed(created={"lt": NEWEST - 249}) == ([], 1)


def test_one_in_fifty_changed_and_is_the_same_by_id(serve):
    with serve(200, changed=0.02):
        rows, _ = listed()
        changed = [
            row
            for row in rows
            if row.status != "active" or row.items[0].current_period_end != PERIOD_END
        ]
        assert [row.id for row in changed] == [f"sub_{n:014d}" for n in (49, 99, 149, 199)]
        assert [row.status for row in changed] == ["active", "unpaid", "active", "unpaid"]
        for row in changed:
            assert parse_subscription(fetch_subscription(row.id).data) == row


def test_nothing_else_is_known(serve):
    with serve(1), pytest.raises(StripeObjectMissingError):
        request("get", "/v1/customers/cus_1")


@needs_fixtures
def test_objects_are_answered_by_id_and_counted(serve):
    with serve(150, objects=Objects()) as server:
        customer = parse_customer(request("get", "/v1/customers/cus_00000000000007").data)
        price = parse_price(request("get", f"/v1/prices/{PRICE}").data)
        product = parse_product(request("get", f"/v1/products/{PRODUCT}").data)
        assert (customer.id, price.id, product.id) == ("cus_00000000000007", PRICE, PRODUCT)
        assert price.product_id == PRODUCT
        assert request("get", f"/v1/plans/{PRICE}").data["product"] == PRODUCT
        assert request("get", "/v1/account").data["id"] == ACCOUNT
        assert [page.rows for page in pages("/v1/accounts")] == [[]]
        assert [page.rows for page in pages(f"/v1/products/{PRODUCT}/features")] == [[]]
        assert len(listed()[0]) == 150
        assert request("get", "/calls").data == {"calls": 9, "unknown": []}
        with pytest.raises(StripeObjectMissingError):
            request("get", "/v1/coupons/half")
        assert server.unknown == ["/v1/coupons/half"]
