"""JSON that is nearly right: hypothesis takes something away, puts junk in, or adds to it."""

from hypothesis import strategies as st

JUNK = st.sampled_from(
    [
        None,
        "",
        "unknown",
        "\0",
        "a\ud800",
        -1,
        0,
        1,
        2**31,
        2**53,
        2**63,
        2**70,
        -(2**70),
        1.5,
        True,
        False,
        [],
        {},
        [None],
        [[]],
        {"id": 3},
        {"id": None, "object": {}},
        {"object": "list", "data": [None, 1, {}]},
        "x" * 1000,
        "9" * 400,
    ]
)


def paths(value, prefix=()):
    """Every place in a JSON value, as a tuple of keys."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in entries:
        yield (*prefix, key)
        if isinstance(entry, (dict, list)):
            yield from paths(entry, (*prefix, key))


@st.composite
def mutations(draw, original):
    """The original with up to three places changed: dropped, junk, or a surprise beside it."""
    changed = original
    places = sorted(paths(original), key=repr) or [()]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["drop", "junk", "extra"]))
        changed = _changed(changed, place, kind, draw(JUNK))
    return changed


def _changed(value, place, kind, junk):
    """A copy with one place changed; a place that is no longer there is left alone."""
    if not isinstance(value, (dict, list)):
        return value
    if not place or (kind == "extra" and len(place) == 1):
        return {**value, "surprise": junk} if isinstance(value, dict) else [*value, junk]
    key, *rest = place
    if isinstance(value, dict) != isinstance(key, str):
        return value
    if (isinstance(value, dict) and key not in value) or (
        isinstance(value, list) and key >= len(value)
    ):
        return value
    copied = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copied[key] = _changed(value[key], tuple(rest), kind, junk)
    elif kind == "drop":
        del copied[key]
    else:
        copied[key] = junk
    return copied
