import pytest

from django_stripe_billing.rules.ordering import Verdict, join
from django_stripe_billing.sync import subscriptions
from tests.rules.ordering_experiment import last_created_wins

from .histories.playing import play_many

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("loss", "first"), [(0.0, 0), (0.4, 1_000_000)])
def test_no_history_ends_in_another_state_than_stripes(loss, first):
    divergences, counted = play_many(24, loss=loss, first=first)
    print(f"24 histories with {loss:.0%} lost: {len(divergences)} diverged; {counted}")
    assert divergences == []
    for name in ("calls", "pages", "returns", "stale", "ties"):
        assert counted[name] > 2, f"the histories are too tame: {name}"
    assert (counted["lost"] if loss else counted["deliveries"] - counted["events"]) > 50


def last_arrived_wins(*, stored, new, same_content):
    return Verdict.NEWER


@pytest.mark.parametrize("rule", [last_created_wins, last_arrived_wins])
def test_the_histories_find_what_is_wrong_with_another_rule(monkeypatch, rule):
    def judged(row, interval, *, same_content, revision=None):
        if revision is not None and revision == row.revision:
            return Verdict.NEWER, join(row.observed, interval)
        return rule(stored=row.observed, new=interval, same_content=same_content), interval

    monkeypatch.setattr(subscriptions, "judge_row", judged)
    divergences, _ = play_many(24, loss=0.0)
    assert divergences != []
