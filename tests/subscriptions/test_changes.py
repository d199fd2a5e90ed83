"""Changes that subscribers make: at Stripe and here the same, at once, once, or not at all."""

import pytest
from django.utils import timezone

from django_stripe_billing.access import has_feature, limit
from django_stripe_billing.checkout import start_checkout
from django_stripe_billing.exceptions import (
    ActionRequiredError,
    CurrencyMismatchError,
    NothingToChangeError,
    PaymentDeclinedError,
    PreviewExpiredError,
    PriceNotSoldError,
    PromotionCodeError,
    QuantityError,
    QuantityInUseError,
    StripeUnavailableError,
    SubscriptionNotFoundError,
    SubscriptionStateError,
)
from django_stripe_billing.models import CheckoutSession, Customer, Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.sandbox import Fault, SandboxError
from django_stripe_billing.subscriptions import (
    accept_preview,
    apply_promotion_code,
    cancel,
    change_plan,
    change_quantity,
    pause,
    preview_change,
    resume,
    unpause,
    withdraw_scheduled_change,
)

from .conftest import DAY

pytestmark = pytest.mark.django_db(transaction=True)


def plan(data):
    [item] = data["items"]["data"]
    return item["price"]["id"], item["quantity"]


def agrees(row, at_stripe):
    """Both sides say the same, before any webhook."""
    data = at_stripe()
    stored = Subscription.objects.get(pk=row.pk)
    item = stored.items.get()
    assert (item.price_id, item.quantity) == plan(data)
    assert (stored.status, stored.cancel_at_period_end) == (
        data["status"],
        data["cancel_at_period_end"],
    )
    return True


# Plans and quantities


def test_an_upgrade_is_charged_and_granted_at_once(shop, row, subscriber, at_stripe):
    change_quantity(subscriber, 4)
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 4)
    assert limit(subscriber, "seats") == 20
    assert agrees(row, at_stripe)
    invoice = shop.call("GET", f"/v1/invoices/{at_stripe()['latest_invoice']}")
    assert (invoice["status"], invoice["billing_reason"]) == ("paid", "subscription_update")
    assert 0 < invoice["total"] < 4000


def test_the_webhooks_find_it_done(shop, row, stripe_sandbox, subscriber, at_stripe):
    change_plan(subscriber, price="starter_monthly", quantity=1)
    stripe_sandbox.deliver()
    assert agrees(row, at_stripe)
    assert limit(subscriber, "seats") == 3


def test_a_double_click_changes_once(shop, row, stripe_sandbox, subscriber):
    change_quantity(subscriber, 4)
    with pytest.raises(NothingToChangeError):
        change_quantity(subscriber, 4)
    updates = [e for e in stripe_sandbox.engine.events if e["type"] == "invoice.paid"]
    assert len(updates) == 2  # the first period's, and the difference


def test_without_proration_nothing_is_charged_now(shop, row, subscriber, at_stripe):
    invoice = at_stripe()["latest_invoice"]
    change_plan(subscriber, price="starter_monthly", quantity=1, when="now_without_proration")
    assert at_stripe()["latest_invoice"] == invoice
    assert plan(at_stripe()) == (shop.starter_monthly["id"], 1)


def test_a_change_at_the_end_of_the_period_waits_for_it(
    shop, row, stripe_sandbox, subscriber, at_stripe
):
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 2)
    assert limit(subscriber, "seats") == 10
    stripe_sandbox.advance(25 * DAY)
    stripe_sandbox.deliver()
    assert plan(at_stripe()) == (shop.starter_monthly["id"], 1)
    assert limit(subscriber, "seats") == 3


def test_a_scheduled_change_can_be_taken_back(shop, row, stripe_sandbox, subscriber, at_stripe):
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    withdraw_scheduled_change(subscriber)
    stripe_sandbox.advance(25 * DAY)
    stripe_sandbox.deliver()
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 2)
    with pytest.raises(NothingToChangeError):
        withdraw_scheduled_change(subscriber)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"price": "no_such_price"}, PriceNotSoldError),
        ({"price": ""}, NothingToChangeError),
        ({"price": "pro_monthly"}, NothingToChangeError),
        ({"price": "pro_monthly", "quantity": 11}, QuantityError),
        ({"price": "pro_monthly", "quantity": "0"}, QuantityError),
        ({"price": "pro_monthly", "quantity": "two"}, QuantityError),
        ({"price": "starter_monthly"}, QuantityError),
        (
            {"price": "pro_monthly", "quantity": 3, "subscription": "sub_nobodys"},
            SubscriptionNotFoundError,
        ),
    ],
)
def test_what_can_not_be_is_one_clear_error_and_no_call(
    row, stripe_sandbox, subscriber, change, error
):
    """But for one: whether something else is scheduled, which the present plan would withdraw."""
    asked = len(stripe_sandbox.engine.requests)
    with pytest.raises(error) as refusal:
        change_plan(subscriber, **change)
    assert str(refusal.value)
    calls = stripe_sandbox.engine.requests[asked:]
    looks = [("GET", f"/v1/subscriptions/{row.stripe_id}")]
    assert calls == (looks if error is NothingToChangeError else [])


def test_what_another_subscription_is_for_is_not_paid_twice(shop, row, bound, subscriber):
    starter = shop.subscribe(bound, price=shop.starter_monthly)
    shop.sandbox.deliver()
    wish = {"price": "pro_monthly", "subscription": starter["id"]}
    for act in (preview_change, change_plan):
        with pytest.raises(NothingToChangeError, match="subscribed to this already"):
            act(subscriber, **wish)
    cancel(subscriber, when="now", subscription=row.stripe_id)
    changed = change_plan(subscriber, **wish)
    assert changed.items.get().price_id == shop.pro_monthly["id"]


@pytest.fixture
def open_checkout(subscriber, rf):
    """The address of a checkout of starter, which nobody has paid yet."""
    return start_checkout(rf.post("/"), subscriber, price="starter_monthly")


@pytest.mark.parametrize("when", ["now", "period_end"])
def test_a_checkout_that_is_open_for_the_new_plan_is_closed(
    shop, row, subscriber, open_checkout, when
):
    """Paid after the change, it would be a second subscription to the same."""
    change_plan(subscriber, price="starter_monthly", quantity=1, when=when)
    with pytest.raises(SandboxError, match="no longer open"):
        shop.sandbox.pay(open_checkout)
    assert CheckoutSession.objects.get().status == "expired"


@pytest.mark.parametrize("status", [500, 0, 403])
def test_where_stripe_does_not_close_it_the_change_is_made_all_the_same(
    shop, row, subscriber, open_checkout, status
):
    path = f"/v1/checkout/sessions/{CheckoutSession.objects.get().stripe_id}/expire"
    shop.sandbox.engine.faults.append(Fault(method="POST", path=path, status=status, times=-1))
    assert change_plan(subscriber, price="starter_monthly", quantity=1).status == "active"
    assert CheckoutSession.objects.get().status == "open"


def test_a_checkout_of_something_else_stays_open(shop, row, subscriber, open_checkout):
    shop.add_price(shop.pro, 19_000, "pro_dear")
    shop.sync()
    change_plan(subscriber, price="pro_dear", quantity=1)
    assert CheckoutSession.objects.get().status == "open"


def test_a_subscription_keeps_its_currency(shop, row, subscriber):
    shop.call(
        "POST",
        "/v1/prices",
        {
            "product": shop.pro["id"],
            "currency": "eur",
            "unit_amount": 1900,
            "recurring": {"interval": "month"},
            "lookup_key": "pro_euro",
            "metadata": {"quantity_max": "10"},
        },
    )
    shop.sync()
    with pytest.raises(CurrencyMismatchError, match="EUR"):
        change_plan(subscriber, price="pro_euro")


def test_somebody_elses_subscription_is_not_found(shop, row, other_subscriber):
    shop.bind(other_subscriber)
    for act in (
        lambda: change_quantity(other_subscriber, 4, subscription=row.stripe_id),
        lambda: cancel(other_subscriber, subscription=row.stripe_id),
        lambda: resume(other_subscriber, subscription=row.stripe_id),
        lambda: preview_change(other_subscriber, quantity=4, subscription=row.stripe_id),
    ):
        with pytest.raises(SubscriptionNotFoundError):
            act()


def count_seats(subscriber):
    return 12


def test_nobody_falls_below_what_is_in_use(shop, row, subscriber, settings):
    change_quantity(subscriber, 4)
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "USAGE_COUNTERS": {"seats": "tests.subscriptions.test_changes.count_seats"},
    }
    with pytest.raises(QuantityInUseError) as refusal:
        change_quantity(subscriber, 2)
    assert (refusal.value.used, refusal.value.limit) == (12, 10)
    with pytest.raises(QuantityInUseError):
        change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    change_quantity(subscriber, 3)
    assert limit(subscriber, "seats") == 15


# Cards


def set_card(shop, bound, card):
    shop.call("POST", f"/v1/payment_methods/{card}/attach", {"customer": bound.stripe_id})
    methods = shop.call("GET", "/v1/payment_methods", {"customer": bound.stripe_id})["data"]
    default = {"invoice_settings": {"default_payment_method": methods[0]["id"]}}
    shop.call("POST", f"/v1/customers/{bound.stripe_id}", default)


def test_a_declined_card_changes_nothing(shop, row, bound, stripe_sandbox, subscriber, at_stripe):
    set_card(shop, bound, "pm_card_chargeCustomerFail")
    with pytest.raises(PaymentDeclinedError):
        change_quantity(subscriber, 4)
    stripe_sandbox.deliver()
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 2)
    assert limit(subscriber, "seats") == 10
    assert agrees(row, at_stripe)


def test_a_bank_that_asks_gets_its_answer_on_stripes_page(
    shop, row, bound, stripe_sandbox, subscriber, at_stripe
):
    set_card(shop, bound, "pm_card_threeDSecure2Required")
    with pytest.raises(ActionRequiredError) as refusal:
        change_quantity(subscriber, 4)
    assert refusal.value.hosted_url.startswith("http")
    assert limit(subscriber, "seats") == 10
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 2)


# Previews


def test_the_preview_is_the_sum_that_is_charged(shop, row, stripe_sandbox, subscriber, at_stripe):
    preview = preview_change(subscriber, quantity=5)
    stripe_sandbox.advance(300)  # the visitor thinks
    assert preview.amount_due > 0
    assert preview.renewal_amount == 10_000
    accept_preview(subscriber, preview.token)
    invoice = shop.call("GET", f"/v1/invoices/{at_stripe()['latest_invoice']}")
    assert invoice["total"] == preview.total
    assert invoice["amount_paid"] == preview.amount_due
    assert sum(line.amount for line in preview.lines) == preview.total


def test_a_preview_is_of_one_subscriber_one_state_and_a_short_time(
    shop, row, stripe_sandbox, subscriber, other_subscriber
):
    shop.bind(other_subscriber)
    preview = preview_change(subscriber, quantity=5)
    with pytest.raises((PreviewExpiredError, SubscriptionNotFoundError)):
        accept_preview(other_subscriber, preview.token)
    with pytest.raises(PreviewExpiredError):
        accept_preview(subscriber, preview.token + "x")
    change_quantity(subscriber, 3)
    with pytest.raises(PreviewExpiredError, match="changed meanwhile"):
        accept_preview(subscriber, preview.token)


def test_looking_changes_nothing(row, subscriber, at_stripe):
    before = at_stripe()
    preview_change(subscriber, price="starter_monthly", quantity=1)
    assert at_stripe() == before


# The end, and back


def test_an_end_at_the_end_of_the_period_and_back(row, subscriber, at_stripe):
    ended = cancel(subscriber, feedback="too_expensive", comment="We are three people.")
    assert ended.is_ending
    assert at_stripe()["cancellation_details"]["feedback"] == "too_expensive"
    assert has_feature(subscriber, "reports")
    with pytest.raises(NothingToChangeError):
        cancel(subscriber)
    assert not resume(subscriber).is_ending
    with pytest.raises(NothingToChangeError):
        resume(subscriber)
    assert agrees(row, at_stripe)


def test_an_end_that_the_portal_has_set_is_taken_back_too(
    shop, row, stripe_sandbox, subscriber, at_stripe
):
    moment = int(stripe_sandbox.engine.clock.now()) + 5 * DAY
    shop.call("POST", f"/v1/subscriptions/{row.stripe_id}", {"cancel_at": moment})
    stripe_sandbox.deliver()
    assert not resume(subscriber).is_ending
    assert at_stripe()["cancel_at"] is None


def test_an_end_now_ends_access_now(row, subscriber, at_stripe):
    assert cancel(subscriber, when="now").status == "canceled"
    assert not has_feature(subscriber, "reports")
    with pytest.raises(SubscriptionNotFoundError):
        cancel(subscriber)


def test_an_unknown_feedback_is_refused(row, subscriber):
    with pytest.raises(ValueError, match="unused"):
        cancel(subscriber, feedback="nasty")


def test_an_end_takes_a_scheduled_change_back(row, stripe_sandbox, subscriber, at_stripe):
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    cancel(subscriber)
    stripe_sandbox.advance(30 * DAY)
    stripe_sandbox.deliver()
    assert at_stripe()["status"] == "canceled"


def test_a_pause_suspends_access_until_it_is_over(row, subscriber, at_stripe):
    assert pause(subscriber).status == "paused"
    assert not has_feature(subscriber, "reports")
    with pytest.raises(SubscriptionStateError, match="resume"):
        change_quantity(subscriber, 4)
    assert unpause(subscriber).status == "active"
    assert has_feature(subscriber, "reports")
    pause(subscriber)
    assert resume(subscriber).status == "active"
    assert agrees(row, at_stripe)


def test_without_a_card_a_paused_trial_leads_to_the_page_of_its_invoice(
    shop, stripe_sandbox, subscriber
):
    made = shop.call("POST", "/v1/customers", {})
    stripe_sandbox.deliver()
    Customer.objects.filter(stripe_id=made["id"]).update(subscriber=subscriber)
    end = {"end_behavior": {"missing_payment_method": "pause"}}
    customer = Customer.objects.get()
    trial = shop.subscribe(customer, trial_period_days=7, trial_settings=end)
    stripe_sandbox.advance(8 * DAY)
    stripe_sandbox.deliver()
    with pytest.raises(ActionRequiredError, match="no card") as refusal:
        unpause(subscriber)
    assert refusal.value.hosted_url.startswith("http")
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")
    invoice = shop.call("GET", f"/v1/subscriptions/{trial['id']}")["latest_invoice"]
    path = "/v1/payment_methods/pm_card_visa/attach"
    card = shop.call("POST", path, {"customer": made["id"]})["id"]
    shop.call("POST", f"/v1/invoices/{invoice}/pay", {"payment_method": card})
    stripe_sandbox.deliver()
    assert has_feature(subscriber, "reports")


# Promotion codes


def test_a_promotion_code_discounts_what_comes(shop, row, subscriber, at_stripe):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 25, "duration": "forever"})
    promotion = {"type": "coupon", "coupon": coupon["id"]}
    shop.call("POST", "/v1/promotion_codes", {"promotion": promotion, "code": "WELCOME"})
    apply_promotion_code(subscriber, " welcome ")
    assert len(at_stripe()["discounts"]) == 1
    for wrong in ("", "NOBODY", "x" * 300):
        with pytest.raises(PromotionCodeError):
            apply_promotion_code(subscriber, wrong)


# Stripe has a bad day


@pytest.mark.parametrize("status", [500, 429, 0])
@pytest.mark.parametrize("is_after", [False, True])
def test_a_lost_answer_leaves_both_sides_equal_and_charges_once(
    shop, row, stripe_sandbox, subscriber, at_stripe, status, is_after
):
    path = f"/v1/subscriptions/{row.stripe_id}"
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path=path, status=status, is_after=is_after)
    )
    with pytest.raises(StripeUnavailableError):
        change_quantity(subscriber, 4)
    stripe_sandbox.deliver()
    if plan(at_stripe())[1] == 2:
        change_quantity(subscriber, 4)
    stripe_sandbox.deliver()
    assert plan(at_stripe()) == (shop.pro_monthly["id"], 4)
    assert agrees(row, at_stripe)
    paid = [e for e in stripe_sandbox.engine.events if e["type"] == "invoice.paid"]
    assert len(paid) == 2
    assert reconcile().drift == []


def test_the_ends_of_access_follow_the_period(row, subscriber):
    cancel(subscriber)
    held = Subscription.objects.get().entitlements.first()
    item = Subscription.objects.get().items.get()
    assert held.ends_at == item.current_period_end_at
    assert held.ends_at > timezone.now()


def test_an_answer_that_is_repeated_for_its_key_is_not_taken_for_the_present(
    shop, row, subscriber, stripe_sandbox, at_stripe
):
    """The first answer was lost; meanwhile somebody ended it in the Dashboard, unheard of."""
    path = f"/v1/subscriptions/{row.stripe_id}"
    stripe_sandbox.engine.faults.append(Fault(method="POST", path=path, status=0, is_after=True))
    with pytest.raises(StripeUnavailableError):
        change_quantity(subscriber, 3)
    shop.call("POST", path, {"cancel_at_period_end": True})
    stripe_sandbox.drop()
    assert change_quantity(subscriber, 3).cancel_at_period_end
    assert agrees(row, at_stripe)
