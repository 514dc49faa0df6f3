"""The benchmark of seeds: its structure, never how long anything took."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.seeds")


def test_both_are_timed_in_every_round_and_mode(bench):
    found = bench.measure(bench.Options(rounds=2, calls=3))
    assert list(found) == ["tracing", "eager"]
    for theirs, ours in found.values():
        assert len(theirs) == len(ours) == 2
        assert min(*theirs, *ours) >= 0


def test_the_table_has_the_machine_and_the_command(bench, capsys, tmp_path):
    assert bench.main(["--rounds", "1", "--calls", "20", "--json", str(tmp_path / "out.json")]) == 0
    printed = capsys.readouterr().out
    assert "tracing" in printed
    assert "eager" in printed
    assert "command: python benchmarks/seeds.py --rounds 1 --calls 20" in printed
    assert set(json.loads((tmp_path / "out.json").read_text())["eager"]) == {"tf.random", "tfgen"}


def test_a_count_below_one_is_refused(bench, capsys):
    assert bench.main(["--rounds", "0"]) == 2
    assert "--rounds must be at least 1" in capsys.readouterr().err
