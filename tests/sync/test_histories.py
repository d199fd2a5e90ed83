import pytest

from .histories import play_many


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("loss", "first"), [(0.0, 0), (0.4, 1_000_000)])
def test_no_history_ends_in_another_state_than_stripes(catalog, loss, first):
    divergences, fetches = play_many(100, loss=loss, first=first)
    print(f"100 histories with {loss:.0%} lost: {len(divergences)} diverged, {fetches} fetches")
    assert divergences == []
