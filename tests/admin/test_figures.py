"""The dashboard's figures, counted by queries or kept, against a count of another kind."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.figures import current_figures, keeping, refresh_figures
from django_stripe_billing.figures.computing import compute
from django_stripe_billing.models import Event, KeptFigures, Subscription
from django_stripe_billing.rules import figures as rules
from tests.admin.shops import Counted, make
from tests.statements import statements
from tests.threads import needs_threads, together

pytestmark = pytest.mark.django_db(transaction=True)

URL = "admin:stripe_billing_dashboard_changelist"


@pytest.fixture
def is_large(monkeypatch):
    """However few rows there are."""
    monkeypatch.setattr(keeping, "LIVE_ROWS", -1)


def assert_right(found, now):
    """The figures are those of the rows, for each range."""
    for days in (7, 30, 90, 365):
        counted, parts = Counted(now, days), rules.spans(found.today, days=days)
        shown = rules.subscriptions(found, parts)
        assert {key: shown[key] for key in counted.subscriptions()} == counted.subscriptions()
        assert sum(part["began"] for part in shown["parts"]) == shown["began"]
        assert (found.revenue, found.unpriced) == counted.revenue()
        paid, waiting = counted.money()
        takings = {
            currency: sum(found.by_part("paid", currency, parts))
            for currency in found.flows.get("paid", {})
            if currency
        }
        assert {key: amount for key, amount in takings.items() if amount} == paid
        assert found.past_due == waiting
        rows = {row["key"]: row for row in found.entitlements}
        wanted = counted.features()
        assert {key: {**row, "key": key} for key, row in wanted.items()} == rows
        health = rules.webhooks(found, parts)
        for status in Event.Status.values:
            assert health.get(status, 0) == counted.events()[status]
        assert health["received"] == counted.events().total()


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_the_rows(seed):
    now = timezone.now()
    make(seed, now)
    assert_right(compute(now), now)


@pytest.mark.parametrize("seed", range(2))
def test_kept_figures_say_the_same_and_heal_whatever_changed(seed, is_large, monkeypatch):
    now = timezone.now()
    make(seed, now)
    refresh_figures()
    kept = current_figures()
    assert_right(kept.figures, now)
    assert now <= kept.as_of <= timezone.now()
    Subscription.objects.filter(status="active").update(
        status="canceled", ended_at=now - timedelta(days=200)
    )
    Event.objects.filter(status="failed").update(status="processed")
    with statements() as asked:
        assert current_figures() == kept
    assert len(asked) == 1
    monkeypatch.setattr(keeping, "FRESH", timedelta(0))
    healed = current_figures()
    assert healed.as_of > kept.as_of
    assert healed.figures != kept.figures
    assert_right(healed.figures, timezone.now())


def test_a_small_account_is_counted_with_each_look_and_nothing_is_kept(customer):
    assert current_figures().figures.statuses == {}
    Subscription.objects.create(
        stripe_id="sub_1", customer=customer, status="active", stripe_created_at=timezone.now()
    )
    found = current_figures()
    assert (found.figures.statuses, found.as_of) == ({"active": 1}, None)
    refresh_figures()
    assert not KeptFigures.objects.exists()


def test_an_account_that_has_become_small_is_counted_again(is_large, monkeypatch):
    refresh_figures()
    assert KeptFigures.objects.count() == 1
    monkeypatch.setattr(keeping, "LIVE_ROWS", 50_000)
    refresh_figures()
    assert not KeptFigures.objects.exists()
    assert current_figures().as_of is None


def test_of_two_counts_the_newer_one_stays(is_large):
    newer = refresh_figures()
    keeping._keep(newer.figures, newer.as_of - timedelta(minutes=1))
    assert KeptFigures.objects.get().taken_at == newer.as_of


def test_of_readers_who_find_old_figures_one_counts(is_large, monkeypatch):
    old = refresh_figures()
    monkeypatch.setattr(keeping, "FRESH", timedelta(0))
    kept = KeptFigures.objects.get()
    assert keeping._claim(kept, timezone.now())
    assert not keeping._claim(kept, timezone.now())
    assert current_figures() == old
    later = timezone.now() + keeping.CLAIM + timedelta(seconds=1)
    assert keeping._claim(kept, later)  # whoever claimed it has died


def test_figures_of_another_version_are_counted_anew(is_large):
    refresh_figures()
    KeptFigures.objects.update(figures={"version": 0})
    assert current_figures().figures.version == rules.VERSION
    assert KeptFigures.objects.get().figures["version"] == rules.VERSION


@needs_threads
def test_refreshes_at_once_leave_one_row_that_is_right(is_large):
    now = timezone.now()
    make(1, now)
    together(*[refresh_figures] * 4)
    assert_right(current_figures().figures, now)
    assert KeptFigures.objects.count() == 1


def test_the_page_says_of_when_its_figures_are(admin, is_large, customer):
    assert "As of" in admin.get(reverse(URL)).text
    with statements() as asked:
        text = admin.get(reverse(URL)).text
    assert "As of" in text
    assert len(asked) == 5  # session, user, figures, times, run
    KeptFigures.objects.update(taken_at=timezone.now() - timedelta(days=1))
    with statements() as asked:
        admin.get(reverse(URL))
    assert len(asked) < 15


def test_the_page_of_a_small_account_is_of_now(admin):
    assert "As of" not in admin.get(reverse(URL)).text


def test_the_command_says_what_it_did(capsys, is_large, monkeypatch):
    call_command("refresh_dashboard")
    assert "rows were counted" in (text := capsys.readouterr().out)
    assert "; kept." in text
    monkeypatch.setattr(keeping, "LIVE_ROWS", 50_000)
    call_command("refresh_dashboard")
    assert "not kept" in capsys.readouterr().out
    call_command("refresh_dashboard", verbosity=0)
    assert capsys.readouterr().out == ""
