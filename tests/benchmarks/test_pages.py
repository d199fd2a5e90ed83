"""When `make bench-pages` finds a page wrong, and which goals its figures miss."""

import pytest

from benchmarks import pages
from benchmarks.page_results import Visit, faults, missed_goals, table


def visit(number, **values):
    given = {"name": "admin events", "status": 200, "wanted": 200, "queries": 4}
    return [Visit(**{**given, "number": number, "milliseconds": 20.0, **values})]


SMALL, LARGE = visit(1_000), visit(1_000_000)


def test_a_slow_page_is_not_wrong():
    sizes = [SMALL, visit(1_000_000, milliseconds=999.0)]
    assert faults(sizes) == []
    assert missed_goals(sizes) == [
        "- admin events: 999.0 ms at 1,000,000, 50.0 times that at 1,000; goal 3"
    ]
    assert missed_goals([SMALL, LARGE]) == []


@pytest.mark.parametrize(
    ("large", "told"),
    [
        ({"status": 500}, "admin events, 1,000,000: status 500, not 200"),
        ({"queries": 5}, "admin events: queries differ, 4 at 1,000 and 5 at 1,000,000"),
    ],
)
def test_another_status_and_another_number_of_queries_are_wrong(large, told):
    assert faults([SMALL, visit(1_000_000, **large)]) == [told]


def test_a_page_that_one_size_lacks_is_wrong():
    assert faults([SMALL, []]) == ["admin events: not there at every size"]


def test_the_dashboard_asks_less_where_its_figures_are_kept():
    name = {"name": "admin dashboard, 7 days"}
    assert faults([visit(1_000, **name, queries=12), visit(1_000_000, **name, queries=5)]) == []
    [told] = missed_goals([visit(1_000, **name, queries=15), visit(1_000_000, **name, queries=5)])
    assert told == "- admin dashboard, 7 days: 15 queries, goal fewer than 15"


def test_the_table_marks_what_is_missed():
    text = table([SMALL, visit(1_000_000, milliseconds=100.0)])
    assert text.splitlines()[-1] == "| `admin events` | 4 | 20.0 | 4 | 100.0 | 5.0 missed |"


def test_it_ends_with_1_only_when_something_was_wrong(monkeypatch, capsys):
    found = {1: visit(1), 2: visit(2, milliseconds=500.0), 3: visit(3, queries=9)}
    monkeypatch.setattr(pages, "visits", lambda numbers, repeat: [found[n] for n in numbers])
    monkeypatch.setattr("sys.argv", ["pages", "--numbers", "1", "2"])
    pages.main()
    assert "500.0 ms" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["pages", "--numbers", "1", "3"])
    with pytest.raises(SystemExit) as end:
        pages.main()
    assert "queries differ" in str(end.value)
