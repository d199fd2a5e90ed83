"""What each event does is what the table of effects says, and no more."""

from collections import defaultdict

import pytest

from django_stripe_billing.models import EmailMessage
from django_stripe_billing.rules.events import SUBJECTS
from django_stripe_billing.signal_types import TYPES
from django_stripe_billing.webhooks.effects import EFFECTS

pytestmark = pytest.mark.django_db(transaction=True)


class Telling:
    """Delivers one event at a time, and notes what follows from it."""

    def __init__(self, sandbox, heard):
        self._mailbox, self._heard = sandbox.mailbox, heard
        self.signals = defaultdict(set)
        self.emails = defaultdict(set)

    def deliver(self):
        while self._mailbox.pending:
            payload = self._mailbox.pending.pop(0)
            heard = len(self._heard)
            written = list(EmailMessage.objects.values_list("pk", flat=True))
            assert self._mailbox.send(payload) == 200
            self.signals[payload["type"]] |= set(self._heard.names[heard:])
            new = EmailMessage.objects.exclude(pk__in=written)
            self.emails[payload["type"]] |= set(new.values_list("kind", flat=True))


def test_every_type_of_event_that_is_handled_is_in_the_table():
    assert EFFECTS.keys() == SUBJECTS.keys()


def test_a_long_story_does_what_the_table_says(shop, payer, clock, break_card, heard, settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "EMAILS": {"renewal_coming": True}}
    telling = Telling(shop.sandbox, heard)
    shop.subscribe(payer, shop.starter_monthly, trial_period_days=5)
    telling.deliver()
    clock.advance(days=3, delivers=False)
    telling.deliver()
    break_card()
    telling.deliver()
    clock.to_renewal(payer.subscription, delivers=False)
    telling.deliver()
    break_card("pm_card_visa")
    clock.advance(days=3, delivers=False)
    telling.deliver()
    path = f"/v1/subscriptions/{payer.subscription['id']}"
    shop.call("POST", path, {"cancel_at_period_end": True})
    clock.advance(days=40, delivers=False)
    telling.deliver()
    for event_type, found in telling.signals.items():
        if found:
            assert found <= set(EFFECTS[event_type].signals), event_type
    for event_type, found in telling.emails.items():
        if found:
            assert found <= set(EFFECTS[event_type].emails), event_type
    played = set().union(*telling.signals.values())
    assert played >= {
        "access_ending",
        "dunning_recovered",
        "dunning_started",
        "invoice_paid",
        "payment_failed",
        "renewal_coming",
        "subscription_ended",
    }
    written = set().union(*telling.emails.values())
    assert written == set(EmailMessage.Kind.values) - {"action_required"}


def test_signals_carry_what_their_types_say(shop, payer, clock, break_card, heard):
    break_card()
    clock.to_renewal(payer.subscription)
    break_card("pm_card_visa")
    clock.advance(days=3)
    assert len(set(heard.names)) >= 7
    for name, given in heard:
        assert given.keys() == TYPES[name].__annotations__.keys() - {"signal"}, name
