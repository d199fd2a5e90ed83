"""When a benchmark's run is wrong, and which goals its figures miss."""

import pytest

from benchmarks.results import Row, faults, missed_goals, row
from benchmarks.tables import peers_table, reconcile_table

RIGHT = {
    "subscriptions": 2000,
    "compared": 2000,
    "calls": 25,
    "drift": 0,
    "left": 0,
    "errors": [],
    "seconds": 0.5,
    "megabytes": 70.0,
}
REPAIRED = {**RIGHT, "drift": 30, "calls": 40}


@pytest.mark.parametrize("what", ["floor", "dry", "dry_fast", "first"])
def test_a_slow_run_is_not_wrong(what):
    assert faults(what, 2000, {**RIGHT, "seconds": 9999.0}) == []


@pytest.mark.parametrize(
    ("what", "changes", "told"),
    [
        ("dry", {"errors": ["page 3 was lost"]}, "page 3 was lost"),
        ("dry", {"subscriptions": 1900}, "1900 of 2000 were read"),
        ("floor", {"subscriptions": 1900}, "1900 of 2000 were read"),
        ("dry", {"compared": 1999}, "1999 of 2000 were compared"),
        ("dry", {"calls": 26}, "26 calls, 25 at most"),
        ("dry_fast", {"calls": 26}, "26 calls, 25 at most"),
        ("dry", {"drift": 1}, "1 differences where there is none"),
        ("apply", {"drift": 19}, "19 differences where 20 subscriptions changed"),
        ("apply", {"left": 1}, "1 differences were left"),
        ("first", {"left": 7}, "7 differences were left"),
    ],
)
def test_a_wrong_run_says_what_is_wrong(what, changes, told):
    good = REPAIRED if what == "apply" else RIGHT
    assert faults(what, 2000, good) == []
    (fault,) = faults(what, 2000, {**good, **changes})
    assert fault.endswith(told)


def measured(what, rate, **values):
    return Row(
        **{
            "what": what,
            "database": "sqlite",
            "number": 10_000,
            "rate": rate,
            "share": rate / 10_000,
            "megabytes": 70.0,
            **values,
        }
    )


def test_a_rate_is_compared_with_the_floor_of_its_run():
    found = row("dry", "sqlite", RIGHT, floor=8000.0)
    assert (found.rate, found.share, found.number) == (4000.0, 0.5, 2000)


def test_goals_that_are_met_are_not_told():
    assert missed_goals([measured("floor", 10_000), measured("dry", 6000)]) == []
    assert missed_goals([measured("dry", 6000), measured("peer_first", 120)]) == []


def test_goals_that_are_missed_are_told():
    rows = [
        measured("dry", 5900),
        measured("dry", 6000, number=1_000_000, megabytes=101.0),
        measured("apply", 3900),
        measured("first", 1400),
        measured("peer_first", 121),
        measured("peer_second", 200, database="postgres"),
    ]
    missed = missed_goals(rows)
    assert [sentence.split(",")[0].split(":")[0] for sentence in missed] == [
        "(b) dry run",
        "(c) `--apply`",
        "(d) first sync",
        "peak memory at 1",
        "a dry run is 50 times as fast as (e) dj-stripe",
    ]


def test_tables_have_a_cell_for_each_column():
    rows = [
        measured("floor", 10_000),
        measured("dry", 6000, calls=102),
        measured("peer_first", 30, number=500, calls=611, statements=19_000),
    ]
    for table in (reconcile_table(rows), peers_table(rows)):
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert len(table.splitlines()) == 5
    assert "| 30 | 1.22 | 38.00 | 200 |" in peers_table(rows)
