"""What `make bench-peers` needs."""

from pathlib import Path

import pytest

from benchmarks import peers


def test_without_stripes_example_objects_it_says_so_and_ends_with_2(monkeypatch, capsys):
    monkeypatch.setattr(peers, "FIXTURES", Path("/nowhere/fixtures3.json"))
    monkeypatch.setattr("sys.argv", ["peers"])
    with pytest.raises(SystemExit) as end:
        peers.main()
    assert end.value.code == 2
    assert "/nowhere/fixtures3.json" in capsys.readouterr().err
