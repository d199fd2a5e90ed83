"""One trial for each subscriber, e-mail address and card, played against the sandbox."""

import random
import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import dunning_of, explain, has_feature
from django_stripe_billing.models import (
    CheckoutSession,
    Customer,
    Drift,
    KnownCard,
    Subscription,
    TrialUse,
)
from django_stripe_billing.reconcile import (
    ChangeLimit,
    Options,
    begin,
    estimate,
    execute,
    reconcile,
    repair_drift,
)
from django_stripe_billing.rules.drift_kinds import Kind
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.signals import trial_will_end
from django_stripe_billing.sync import Cause

from ..conftest import make_subscriber
from ..shop import DAY
from ..webhooks.test_view import post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visitor(db):
    """Signs somebody in who is their own subscriber, with their e-mail address."""

    def visitor(name, email=None):
        subscriber = make_subscriber(name)
        if email is not None:
            get_user_model().objects.filter(username=name).update(email=email)
            type(subscriber).objects.filter(pk=subscriber.pk).update(email=email)
            subscriber.refresh_from_db()
        client = Client()
        client.force_login(get_user_model().objects.get(username=name))
        client.subscriber = subscriber
        return client

    return visitor


@pytest.fixture
def ada(visitor):
    return visitor("ada")


def open_checkout(client, price="starter_monthly"):
    answer = client.post(reverse("stripe_billing:checkout"), {"price": price})
    assert answer.status_code == 303, answer.content.decode()
    return answer["Location"]


@pytest.fixture
def begin_trial(shop, stripe_sandbox):
    """Buy a price with a trial; the subscription as Stripe has it."""

    def begin_trial(client, price="starter_monthly", *, payment_method="pm_card_visa", **how):
        session = stripe_sandbox.pay(open_checkout(client, price), payment_method=payment_method)
        stripe_sandbox.deliver(**how)
        return shop.call("GET", f"/v1/subscriptions/{session['subscription']}")

    return begin_trial


def kinds():
    return sorted(TrialUse.objects.values_list("kind", flat=True))


def test_a_trial_is_begun_and_remembered(shop, ada, begin_trial):
    subscription = begin_trial(ada)
    assert subscription["status"] == "trialing"
    assert subscription["trial_end"] - subscription["trial_start"] == 14 * DAY
    assert has_feature(ada.subscriber, "reports")
    assert kinds() == ["card", "email", "subscriber"]


def test_addresses_and_cards_are_not_kept_in_clear(shop, ada, begin_trial):
    subscription = begin_trial(ada)
    method = shop.call("GET", f"/v1/payment_methods/{subscription['default_payment_method']}")
    kept = " ".join(TrialUse.objects.exclude(kind="subscriber").values_list("value", flat=True))
    assert "ada" not in kept
    assert method["card"]["fingerprint"] not in kept
    assert all(len(value) == 64 for value in kept.split())


def test_a_subscriber_has_one_trial(shop, stripe_sandbox, ada, begin_trial):
    first = begin_trial(ada)
    shop.call("DELETE", f"/v1/subscriptions/{first['id']}")
    stripe_sandbox.deliver()
    assert begin_trial(ada)["status"] == "active"


def test_a_subscriber_has_one_trial_although_the_customer_was_deleted(
    shop, stripe_sandbox, ada, begin_trial
):
    begin_trial(ada)
    shop.call("DELETE", f"/v1/customers/{Customer.objects.get().stripe_id}")
    stripe_sandbox.deliver()
    assert begin_trial(ada)["status"] == "active"


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@Example.COM "])
def test_an_address_has_one_trial(shop, ada, visitor, begin_trial, email):
    begin_trial(ada)
    other = visitor("eve", email)
    assert begin_trial(other, payment_method="pm_card_mastercard")["status"] == "active"


def test_somebody_else_has_their_own_trial(shop, ada, visitor, begin_trial):
    begin_trial(ada)
    other = visitor("eve")
    assert begin_trial(other, payment_method="pm_card_mastercard")["status"] == "trialing"
    assert has_feature(other.subscriber, "reports")


@pytest.mark.parametrize("address", ["", None])
def test_without_an_address_the_subscriber_counts(shop, visitor, begin_trial, address):
    one, two = visitor("ada", address or ""), visitor("eve", address or "")
    assert begin_trial(one)["status"] == "trialing"
    assert begin_trial(two, payment_method="pm_card_mastercard")["status"] == "trialing"


# Cards


@pytest.mark.parametrize("seed", range(6))
def test_a_card_has_one_trial_whatever_comes_first(
    shop, stripe_sandbox, ada, visitor, begin_trial, seed
):
    begin_trial(ada)
    eve = visitor("eve")
    refused = begin_trial(eve, shuffle=random.Random(seed), copies=2)
    assert refused["status"] == "trialing"
    assert not has_feature(eve.subscriber, "reports")
    assert has_feature(ada.subscriber, "reports")
    assert Subscription.objects.get(stripe_id=refused["id"]).is_trial_refused
    assert "its card or e-mail address had a trial before" in str(
        explain(eve.subscriber, "reports")
    )
    assert eve.get(reverse("stripe_billing:status")).json()["active"] is False


def test_a_refused_trial_grants_once_it_is_paid(shop, stripe_sandbox, ada, visitor, begin_trial):
    begin_trial(ada)
    eve = visitor("eve")
    refused = begin_trial(eve)
    shop.call("POST", f"/v1/subscriptions/{refused['id']}", {"trial_end": "now"})
    stripe_sandbox.deliver()
    assert shop.call("GET", f"/v1/subscriptions/{refused['id']}")["status"] == "active"
    assert has_feature(eve.subscriber, "reports")


def test_coming_back_finds_out_without_a_webhook(shop, stripe_sandbox, ada, visitor):
    for client, state in ((ada, "active"), (visitor("eve"), "refused")):
        session = stripe_sandbox.pay(open_checkout(client))
        stripe_sandbox.drop()
        answer = client.get(
            reverse("stripe_billing:checkout_return"), {"session_id": session["id"]}
        )
        assert answer.context["state"] == state
    assert has_feature(ada.subscriber, "reports")
    assert not Subscription.objects.get(is_trial_refused=True).entitlements.exists()


@pytest.mark.parametrize("status", [403, 500])
def test_coming_back_works_although_the_cards_cannot_be_read(shop, stripe_sandbox, ada, status):
    """A key without that permission, or an outage: the nightly job looks at the card."""
    session = stripe_sandbox.pay(open_checkout(ada))
    stripe_sandbox.drop()
    path = f"/v1/customers/{session['customer']}/payment_methods"
    stripe_sandbox.engine.faults.append(Fault(method="GET", path=path, status=status, times=-1))
    answer = ada.get(reverse("stripe_billing:checkout_return"), {"session_id": session["id"]})
    assert (answer.status_code, answer.context["state"]) == (200, "active")
    assert has_feature(ada.subscriber, "reports")


def test_a_card_that_is_added_later_counts(shop, stripe_sandbox, ada, visitor, begin_trial):
    begin_trial(ada)
    eve = visitor("eve")
    begin_trial(eve, payment_method="pm_card_mastercard")
    assert has_feature(eve.subscriber, "reports")
    customer = Customer.objects.get(subscriber=eve.subscriber)
    shop.call("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer.stripe_id})
    stripe_sandbox.deliver()
    assert not has_feature(eve.subscriber, "reports")


def test_cards_of_those_who_pay_are_not_kept(shop, stripe_sandbox, ada, begin_trial):
    subscription = begin_trial(ada, "pro_monthly")
    assert subscription["status"] == "active"
    assert kinds() == []


def test_a_trial_given_in_the_dashboard_is_left_alone(shop, stripe_sandbox, ada, begin_trial):
    begin_trial(ada)
    other = make_subscriber("eve")
    customer = shop.bind(other)
    shop.subscribe(customer, trial_period_days=7)
    stripe_sandbox.deliver()
    assert has_feature(other, "reports")


class TestGivenTrials:
    """Who has paid, and is given a free month by staff, does not lose access by it."""

    @pytest.fixture
    def paying(self, shop, stripe_sandbox, ada, visitor, begin_trial):
        """Eve, whose trial was refused, and who has paid since."""
        begin_trial(ada)
        eve = visitor("eve")
        eve.subscription = begin_trial(eve)["id"]
        give(shop, eve, "now")
        return eve

    @pytest.mark.parametrize("lost", ["nothing", "customer.subscription.updated"])
    def test_it_is_not_refused_for_a_card_that_had_one(self, shop, stripe_sandbox, paying, lost):
        """Also where the payment was told of by the invoice alone."""
        stripe_sandbox.drop(lost)
        stripe_sandbox.deliver()
        give_a_month(shop, paying)
        stripe_sandbox.deliver()
        assert Subscription.objects.get(stripe_id=paying.subscription).status == "trialing"
        assert has_feature(paying.subscriber, "reports")

    def test_a_card_that_is_added_then_refuses_nothing(
        self, shop, stripe_sandbox, ada, visitor, begin_trial
    ):
        begin_trial(ada)
        eve = visitor("eve")
        eve.subscription = begin_trial(eve, payment_method="pm_card_mastercard")["id"]
        give(shop, eve, "now")
        give_a_month(shop, eve)
        stripe_sandbox.deliver()
        customer = Customer.objects.get(subscriber=eve.subscriber)
        shop.call(
            "POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer.stripe_id}
        )
        stripe_sandbox.deliver()
        assert Subscription.objects.get(stripe_id=eve.subscription).status == "trialing"
        assert has_feature(eve.subscriber, "reports")


def give(shop, client, trial_end):
    wanted = {"trial_end": trial_end, "proration_behavior": "none"}
    return shop.call("POST", f"/v1/subscriptions/{client.subscription}", wanted)


def give_a_month(shop, client):
    [item] = shop.call("GET", f"/v1/subscriptions/{client.subscription}")["items"]["data"]
    give(shop, client, item["current_period_end"] + 30 * DAY)


def test_reconcile_agrees_with_a_refused_trial(
    shop, stripe_sandbox, ada, visitor, begin_trial, monkeypatch
):
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)
    begin_trial(ada)
    eve = visitor("eve")
    refused = begin_trial(eve)
    stripe_sandbox.advance(100)
    run = execute(begin(Options(apply=True)))
    assert (run.is_complete, list(run.drift.all())) == (True, [])
    shop.call("POST", f"/v1/subscriptions/{refused['id']}", {"metadata": {"a": "b"}})
    Subscription.objects.update(currency="xxx")
    stripe_sandbox.drop()
    execute(begin(Options(apply=True)))
    assert not has_feature(eve.subscriber, "reports")


class TestKnownBefore:
    """A card that was saved, or told of, before the trial."""

    @pytest.fixture
    def cardless(self, shop):
        terms = {"trial_days": "7", "trial_without_card": "true"}
        shop.add_price(shop.pro, 500, "cardless", **terms)
        shop.sync()

    @pytest.fixture
    def save_card(self, stripe_sandbox):
        def save_card(client, **how):
            answer = client.post(reverse("stripe_billing:setup"))
            session = stripe_sandbox.pay(answer["Location"])
            stripe_sandbox.deliver(**how)
            url = reverse("stripe_billing:checkout_return")
            client.get(url, {"session_id": session["id"]})
            stripe_sandbox.deliver()

        return save_card

    def test_a_card_that_was_saved_before_has_one_trial(
        self, shop, stripe_sandbox, visitor, cardless, save_card
    ):
        """The tab is closed: nobody comes back from the checkout."""
        found = []
        for name in ("ada", "eve", "zoe"):
            client = visitor(name)
            save_card(client)
            stripe_sandbox.pay(open_checkout(client, "cardless"), payment_method="")
            stripe_sandbox.deliver()
            found.append(has_feature(client.subscriber, "reports"))
        assert found == [True, False, False]
        refused = Subscription.objects.filter(is_trial_refused=True)
        assert refused.count() == 2
        stripe_sandbox.advance(8 * DAY)
        stripe_sandbox.deliver()
        paid = Subscription.objects.values_list("status", "is_trial_refused")
        assert set(paid) == {("active", False), ("active", True)}
        assert all(has_feature(row.customer.subscriber, "reports") for row in refused)

    def test_a_saved_card_is_not_a_trial(self, visitor, cardless, save_card, begin_trial):
        ada, eve = visitor("ada"), visitor("eve")
        save_card(ada)
        assert kinds() == []
        assert begin_trial(eve)["status"] == "trialing"
        assert has_feature(eve.subscriber, "reports")
        begin_trial(ada, "cardless", payment_method="")
        assert not has_feature(ada.subscriber, "reports")

    def test_a_saved_card_is_kept_as_a_hash(self, shop, ada, save_card):
        save_card(ada)
        [known] = KnownCard.objects.all()
        [method] = shop.call("GET", f"/v1/customers/{known.customer.stripe_id}/payment_methods")[
            "data"
        ]
        assert method["card"]["fingerprint"] not in known.value
        assert len(known.value) == 64

    def test_a_rolled_secret_key_forgets_no_saved_card(
        self, visitor, cardless, save_card, begin_trial, settings
    ):
        ada, eve = visitor("ada"), visitor("eve")
        save_card(ada)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-one-now"
        begin_trial(eve)
        ada.force_login(get_user_model().objects.get(username="ada"))
        begin_trial(ada, "cardless", payment_method="")
        assert has_feature(eve.subscriber, "reports")
        assert not has_feature(ada.subscriber, "reports")

    def test_a_known_card_costs_few_statements(self, shop, stripe_sandbox, ada, save_card):
        save_card(ada)
        stripe_sandbox.pay(open_checkout(ada))
        [created] = stripe_sandbox.drop("customer.subscription.created")
        stripe_sandbox.deliver()
        Subscription.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            assert post(created).status_code == 200
        assert Subscription.objects.get().status == "trialing"
        assert len(queries) <= 25


class TestLostCards:
    """Nobody told of the card, and nobody came back: reconcile asks."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)

    @pytest.fixture
    def lost(self, stripe_sandbox, ada, visitor, begin_trial):
        begin_trial(ada)
        eve = visitor("eve")
        stripe_sandbox.pay(open_checkout(eve))
        assert stripe_sandbox.drop("payment_method.attached")
        stripe_sandbox.deliver()
        assert has_feature(eve.subscriber, "reports")
        stripe_sandbox.advance(100)
        return eve

    def test_it_is_told_and_left_alone_without_apply(self, lost):
        others = frozenset(Kind) - {Kind.TRIAL_CARD_UNKNOWN}
        assert estimate(Options()).calls == estimate(Options(only=others)).calls + 1
        report = reconcile()
        customer = Customer.objects.get(subscriber=lost.subscriber)
        [drift] = report.drift
        assert (drift.kind, drift.object_id) == ("trial_card_unknown", customer.stripe_id)
        assert drift.stripe == "a card that had a trial before"
        assert has_feature(lost.subscriber, "reports")

    def test_apply_refuses_the_second_trial(self, lost, ada):
        report = reconcile(apply=True)
        assert [(row.kind, row.state) for row in report.drift] == [
            ("trial_card_unknown", "repaired")
        ]
        assert not has_feature(lost.subscriber, "reports")
        assert has_feature(ada.subscriber, "reports")
        assert reconcile(apply=True).drift == []

    def test_a_first_trial_goes_on_and_its_card_is_noted(
        self, shop, stripe_sandbox, ada, visitor, begin_trial
    ):
        stripe_sandbox.pay(open_checkout(ada))
        stripe_sandbox.drop("payment_method.attached")
        stripe_sandbox.deliver()
        stripe_sandbox.advance(100)
        assert [row.state for row in reconcile(apply=True).drift] == ["repaired"]
        assert kinds() == ["card", "email", "subscriber"]
        assert has_feature(ada.subscriber, "reports")
        eve = visitor("eve")
        begin_trial(eve)
        assert not has_feature(eve.subscriber, "reports")

    def test_it_takes_no_more_access_than_it_may(self, lost):
        report = reconcile(apply=True, max_changes=ChangeLimit.parse("0"))
        assert [row.state for row in report.drift] == ["found"]
        assert has_feature(lost.subscriber, "reports")

    def test_a_person_repairs_it_alone(self, lost):
        assert len(reconcile().drift) == 1
        cause = Cause(kind="person", id="1")
        row = Drift.objects.get(kind="trial_card_unknown")
        assert repair_drift(row, cause=cause)
        row.refresh_from_db()
        assert row.state == "repaired"
        assert not has_feature(lost.subscriber, "reports")
        Drift.objects.filter(pk=row.pk).update(state="found")
        repair_drift(row, cause=cause)
        row.refresh_from_db()
        assert row.state == "gone"

    def test_few_are_asked_for_in_a_run(self, lost, monkeypatch):
        monkeypatch.setattr("django_stripe_billing.reconcile.trials.MOST", 0)
        assert reconcile().drift == []

    def test_a_trial_without_a_card_is_no_drift(self, shop, stripe_sandbox, ada, begin_trial):
        terms = {"trial_days": "7", "trial_without_card": "true"}
        shop.add_price(shop.pro, 500, "cardless", **terms)
        shop.sync()
        begin_trial(ada, "cardless", payment_method="")
        stripe_sandbox.advance(100)
        assert reconcile(apply=True).drift == []


class TestAddressWrittenLater:
    """Checkout and the portal write the customer's address after the trial was claimed."""

    @pytest.fixture
    def begin_without(self, shop, stripe_sandbox, visitor):
        methods = iter(["pm_card_visa", "pm_card_mastercard", "pm_card_amex"])

        def begin_without(name, email, **how):
            client = visitor(name, "")
            url = open_checkout(client)
            session = stripe_sandbox.pay(url, payment_method=next(methods))
            shop.call("POST", f"/v1/customers/{session['customer']}", {"email": email})
            stripe_sandbox.deliver(**how)
            return client

        return begin_without

    @pytest.mark.parametrize("seed", range(6))
    def test_it_has_one_trial_whatever_comes_first(self, begin_without, seed):
        ada = begin_without("ada", "same@example.com")
        eve = begin_without("eve", " Same@Example.com", shuffle=random.Random(seed), copies=2)
        assert has_feature(ada.subscriber, "reports")
        assert not has_feature(eve.subscriber, "reports")
        assert kinds() == ["card", "card", "email", "subscriber", "subscriber"]

    def test_another_address_is_claimed_too(self, begin_without):
        found = [
            has_feature(begin_without(name, f"{name}@example.com").subscriber, "reports")
            for name in ("ada", "eve")
        ]
        assert found == [True, True]

    def test_an_address_that_changes_after_the_trial_is_nobodys(
        self, shop, stripe_sandbox, ada, begin_trial, visitor
    ):
        subscription = begin_trial(ada)
        shop.call("POST", f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})
        stripe_sandbox.deliver()
        path = f"/v1/customers/{subscription['customer']}"
        shop.call("POST", path, {"email": "eve@example.com"})
        stripe_sandbox.deliver()
        eve = visitor("eve", "eve@example.com")
        assert begin_trial(eve, payment_method="pm_card_mastercard")["status"] == "trialing"
        assert has_feature(ada.subscriber, "reports")

    def test_a_checkout_that_expires_gives_such_an_address_back(
        self, shop, stripe_sandbox, visitor, begin_trial
    ):
        client = visitor("ada", "")
        url = open_checkout(client)
        path = f"/v1/customers/{Customer.objects.get().stripe_id}"
        shop.call("POST", path, {"email": "ada@example.com"})
        stripe_sandbox.deliver()
        assert kinds() == ["email", "subscriber"]
        shop.call("POST", f"/v1/checkout/sessions/{url.rpartition('/')[2]}/expire")
        stripe_sandbox.deliver()
        assert kinds() == []
        assert begin_trial(client)["status"] == "trialing"


# Claims and their release


def test_a_checkout_that_expires_gives_the_trial_back(shop, stripe_sandbox, ada, begin_trial):
    url = open_checkout(ada)
    assert kinds() == ["email", "subscriber"]
    shop.call("POST", f"/v1/checkout/sessions/{url.rpartition('/')[2]}/expire")
    stripe_sandbox.deliver()
    assert kinds() == []
    assert begin_trial(ada)["status"] == "trialing"


def test_another_choice_takes_the_trial_along(shop, stripe_sandbox, ada, begin_trial):
    open_checkout(ada)
    open_checkout(ada, "pro_monthly")
    assert kinds() == []
    assert begin_trial(ada)["status"] == "trialing"


def test_an_expiry_that_is_told_of_late_keeps_the_trial_of_the_next_checkout(
    shop, stripe_sandbox, ada, begin_trial
):
    open_checkout(ada)
    open_checkout(ada, "pro_monthly")
    stripe_sandbox.pay(open_checkout(ada))
    stripe_sandbox.deliver()
    assert kinds() == ["card", "email", "subscriber"]


def test_a_checkout_that_stripe_refuses_gives_the_trial_back(shop, stripe_sandbox, ada):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path="/v1/checkout/sessions", status=400)
    )
    answer = ada.post(reverse("stripe_billing:checkout"), {"price": "starter_monthly"})
    assert answer.status_code == 502
    assert kinds() == []


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("status", [0, 500])
def test_a_lost_answer_keeps_the_trial_for_the_retry(
    shop, stripe_sandbox, ada, begin_trial, status, is_after
):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path="/v1/checkout/sessions", status=status, is_after=is_after)
    )
    answer = ada.post(reverse("stripe_billing:checkout"), {"price": "starter_monthly"})
    assert answer.status_code == 503
    assert begin_trial(ada)["status"] == "trialing"


def test_a_completed_checkout_that_nobody_told_of_keeps_the_trial(
    shop, stripe_sandbox, ada, visitor, begin_trial
):
    stripe_sandbox.pay(open_checkout(ada))
    stripe_sandbox.drop()
    CheckoutSession.objects.update(created_at=timezone.now() - timedelta(days=3))
    assert "/p/session/" in open_checkout(ada)
    other = visitor("eve", "ada@example.com")
    assert begin_trial(other, payment_method="pm_card_mastercard")["status"] == "active"


def test_an_abandoned_checkout_that_nobody_told_of_blocks_no_address_for_ever(
    shop, stripe_sandbox, ada, visitor, begin_trial
):
    open_checkout(ada)
    stripe_sandbox.drop()
    CheckoutSession.objects.update(created_at=timezone.now() - timedelta(days=3))
    other = visitor("eve", "ada@example.com")
    assert begin_trial(other)["status"] == "trialing"


def test_the_database_refuses_a_second_use():
    TrialUse.objects.create(kind="email", value="x")
    with pytest.raises(IntegrityError):
        TrialUse.objects.create(kind="email", value="x")


def test_a_rolled_secret_key_forgets_nobody(shop, ada, visitor, begin_trial, settings):
    begin_trial(ada)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-one-now"
    other = visitor("eve", "ada@example.com")
    assert begin_trial(other, payment_method="pm_card_mastercard")["status"] == "active"
    third = visitor("zoe")
    assert begin_trial(third)["status"] == "trialing"  # by ada's card
    assert not has_feature(third.subscriber, "reports")


def test_of_two_at_the_same_moment_one_has_the_trial(shop, stripe_sandbox, visitor):
    """Two subscribers with one address; PostgreSQL and MariaDB play it with real threads."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one writer (TEST_DATABASE)")
    clients = [visitor(name, "one@example.com") for name in ("ada", "eve", "zoe")]
    barrier, urls = threading.Barrier(len(clients)), []

    def start(client):
        barrier.wait()
        try:
            urls.append(open_checkout(client))
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == len(clients)
    given = CheckoutSession.objects.filter(trial_days__gt=0)
    assert given.count() == 1
    assert TrialUse.objects.filter(kind="email").count() == 1


# Without a card


@pytest.mark.parametrize(
    ("how", "at_the_end"),
    [
        ("", "canceled"),
        ("cancel", "canceled"),
        ("pause", "paused"),
        ("create_invoice", "past_due"),
        ("nonsense", "canceled"),
    ],
)
def test_a_trial_without_a_card_ends_as_the_plan_says(
    shop, stripe_sandbox, ada, begin_trial, how, at_the_end
):
    terms = {"trial_days": "7", "trial_without_card": "true", **({"trial_end": how} if how else {})}
    shop.add_price(shop.pro, 500, "cardless", **terms)
    shop.sync()
    subscription = begin_trial(ada, "cardless", payment_method="")
    assert subscription["status"] == "trialing"
    assert subscription["default_payment_method"] is None
    assert has_feature(ada.subscriber, "reports")
    assert kinds() == ["email", "subscriber"]
    stripe_sandbox.advance(8 * DAY)
    stripe_sandbox.deliver()
    assert Subscription.objects.get().status == at_the_end
    has_grace = at_the_end == "past_due"
    assert Subscription.objects.get().entitlements.exists() is has_grace
    unpaid = dunning_of(ada.subscriber)
    assert (unpaid.amount_text if unpaid else "") == ("$5.00" if has_grace else "")


def test_a_trial_asks_for_a_card_unless_the_plan_says_otherwise(shop, ada):
    session_id = open_checkout(ada).rpartition("/")[2]
    session = shop.call("GET", f"/v1/checkout/sessions/{session_id}")
    assert session["payment_method_collection"] == "always"


# The coming end


@pytest.fixture
def told():
    heard = []

    def hear(subscription, trial_end_at, **kwargs):
        heard.append((subscription.stripe_id, int(trial_end_at.timestamp())))

    trial_will_end.connect(hear)
    yield heard
    trial_will_end.disconnect(hear)


def test_the_coming_end_is_announced_once(shop, stripe_sandbox, ada, begin_trial, told):
    subscription = begin_trial(ada)
    assert told == []
    stripe_sandbox.advance(11 * DAY + 60)
    stripe_sandbox.deliver(copies=3)
    assert told == [(subscription["id"], subscription["trial_end"])]


def test_two_events_for_one_change_announce_it_once(shop, stripe_sandbox, ada, begin_trial, told):
    subscription = begin_trial(ada)
    stripe_sandbox.advance(11 * DAY + 60)
    stripe_sandbox.engine.tick()
    [first] = stripe_sandbox.drop("customer.subscription.trial_will_end")
    twin = {**first, "id": f"{first['id']}twin", "created": first["created"] + 1}
    stripe_sandbox.mailbox.pending.extend([first, twin])
    assert set(stripe_sandbox.deliver()) == {200}
    assert told == [(subscription["id"], subscription["trial_end"])]
    later = subscription["trial_end"] + 10 * DAY
    shop.call("POST", f"/v1/subscriptions/{subscription['id']}", {"trial_end": later})
    stripe_sandbox.advance(10 * DAY + 60)
    stripe_sandbox.deliver()
    assert told[1:] == [(subscription["id"], later)]


def test_the_coming_end_of_what_has_ended_is_not_announced(
    shop, stripe_sandbox, ada, begin_trial, told
):
    subscription = begin_trial(ada)
    stripe_sandbox.advance(11 * DAY + 60)
    stripe_sandbox.engine.tick()
    late = stripe_sandbox.drop("customer.subscription.trial_will_end")
    stripe_sandbox.advance(5)
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.deliver()
    stripe_sandbox.mailbox.pending.extend(late)
    assert late
    stripe_sandbox.deliver()
    assert told == []
