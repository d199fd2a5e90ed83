from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.changes import ChangeKind, changes
from django_stripe_billing.rules.entitlements import Term

TERMS = st.builds(
    Term,
    ends_at=st.none() | st.integers(0, 5),
    limit=st.none() | st.integers(0, 3),
    reason=st.sampled_from(["trial", "paid_period"]),
)
HOLDINGS = st.dictionaries(st.sampled_from("abcde"), TERMS)


@given(HOLDINGS, HOLDINGS)
def test_applying_the_changes_gives_what_is_wanted(current, wanted):
    held = dict(current)
    for step in changes(current=current, wanted=wanted):
        assert held.get(step.feature_id) == step.before
        if step.kind is ChangeKind.REVOKED:
            del held[step.feature_id]
        else:
            held[step.feature_id] = step.after
    assert held == wanted


@given(HOLDINGS)
def test_no_difference_is_no_change(held):
    assert changes(current=held, wanted=dict(held)) == []
