"""One customer's years with a shop: what they do, how time passes, and what they then may use."""

from datetime import UTC, datetime, timedelta

from django.urls import reverse

from django_stripe_billing.access import entitlements, has_feature, limit
from django_stripe_billing.models import Customer
from django_stripe_billing.reconcile import reconcile

from .witness import rights

FEATURES = ("reports", "seats", "export")


class SharedClock:
    """One clock for all that is at Stripe."""

    def __init__(self, sandbox):
        self._sandbox = sandbox

    @property
    def now(self):
        return self._sandbox.engine.clock.now()

    def advance(self, moment):
        self._sandbox.advance(moment - self.now)


class TestClock:
    """One of Stripe's test clocks, on which a subscriber's customer is made.

    https://docs.stripe.com/billing/testing/test-clocks
    """

    __test__ = False

    def __init__(self, shop, subscriber):
        self._sandbox, self._call = shop.sandbox, shop.call
        path = "/v1/test_helpers/test_clocks"
        begun = int(self._sandbox.engine.clock.now())
        clock = self._call("POST", path, {"frozen_time": begun})
        self._path = f"{path}/{clock['id']}"
        customer = self._call("POST", "/v1/customers", {"test_clock": clock["id"]})
        self._sandbox.deliver()
        rows = Customer.objects.filter(stripe_id=customer["id"])
        assert rows.update(subscriber=subscriber) == 1

    @property
    def now(self):
        return self._call("GET", self._path)["frozen_time"]

    def advance(self, moment):
        self._call("POST", f"{self._path}/advance", {"frozen_time": int(moment)})
        assert self._call("GET", self._path)["status"] == "ready"


class Life:
    """`deliver` says how Stripe's events arrive: in order, shuffled and doubled, or never."""

    def __init__(self, shop, subscriber, client, clock):
        self.shop, self.subscriber, self.client = shop, subscriber, client
        self.sandbox, self.clock = shop.sandbox, clock
        self.deliver = self.sandbox.deliver
        self._ahead = timedelta(0)

    # Time

    @property
    def now(self):
        """Here it is as late as at Stripe, but for what `checked` tries out."""
        return datetime.fromtimestamp(self.clock.now, UTC) + self._ahead

    def pass_time(self, to=None, **duration):
        """Until a moment, or for a while; nobody here is told of what Stripe does meanwhile."""
        until = to or self.now + timedelta(**duration)
        assert until > self.now
        self.clock.advance(until.timestamp())

    # What the customer does

    def buy(self, price, **fields):
        """Press the button, and pay on Stripe's page; the session."""
        answer = self.client.post(reverse("stripe_billing:checkout"), {"price": price, **fields})
        assert answer.status_code == 303, answer.content.decode()
        return self.sandbox.pay(answer["Location"])

    def use_card(self, name):
        """From now on every charge goes to this card."""
        card = self.shop.call(
            "POST", f"/v1/payment_methods/{name}/attach", {"customer": self.customer_id}
        )["id"]
        default = {"invoice_settings": {"default_payment_method": card}}
        self.shop.call("POST", f"/v1/customers/{self.customer_id}", default)
        path = f"/v1/subscriptions/{self.subscription['id']}"
        self.shop.call("POST", path, {"default_payment_method": card})

    @property
    def customer_id(self):
        own = Customer.objects.filter(subscriber=self.subscriber)
        return own.values_list("stripe_id", flat=True).first() or ""

    @property
    def subscription(self):
        """The youngest, at Stripe."""
        wanted = {"customer": self.customer_id, "status": "all"}
        return self.shop.call("GET", "/v1/subscriptions", wanted)["data"][0]

    @property
    def invoice(self):
        """The subscription's latest, at Stripe."""
        return self.shop.call("GET", f"/v1/invoices/{self.subscription['latest_invoice']}")

    # What they may use

    @property
    def reach(self):
        """What reconcile must be asked for: Stripe's lists hide customers on a test clock."""
        return {"customer_id": self.customer_id} if isinstance(self.clock, TestClock) else {}

    def told(self):
        """Let the events arrive, and hold what is granted against Stripe."""
        self.deliver()
        assert not self.sandbox.pending
        self.checked()
        report = reconcile(**self.reach)
        assert (report.exit_code, report.drift) == (0, [])

    def checked(self):
        """What is granted is what the witness says: now, and around each end without any event."""
        ends = {end for _, end in self._witness().values() if end is not None}
        for moment in sorted({self.now.timestamp(), *ends, *(end - 1 for end in ends)}):
            self._ahead = datetime.fromtimestamp(moment, UTC) - self.now
            try:
                self._compare()
            finally:
                self._ahead = timedelta(0)

    def has(self, *, seats=0, until=None, export=False):
        """The same, from the story: `seats` come with reports, and end with them."""
        expected = {"export": (None, None)} if export else {}
        if seats:
            expected |= {"reports": (None, until), "seats": (seats, until)}
        assert self._held() == expected
        return True

    def _witness(self):
        if not self.customer_id:
            return {}
        return rights(self.shop.call, self.customer_id, at=self.now.timestamp())

    def _held(self):
        held = entitlements(self.subscriber)
        return {key: (found.limit, found.ends_at) for key, found in held.items()}

    def _compare(self):
        expected = self._witness()
        assert {
            key: (most, None if end is None else end.timestamp())
            for key, (most, end) in self._held().items()
        } == expected
        for feature in FEATURES:
            assert has_feature(self.subscriber, feature) is (feature in expected)
            most, _ = expected.get(feature, (0, None))
            assert limit(self.subscriber, feature) == most
