"""The comparison of two checkouts: its bookkeeping and its refusals; never how long anything took."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--side", "4", "--layers", "2", "--units", "4", "--batch", "3", "--samples", "2", "--seconds", "0.001"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.real_nvp_chain")


@pytest.mark.slow
def test_both_checkouts_are_timed_in_every_round(bench, tmp_path, capsys):
    file = tmp_path / "out.json"
    assert bench.main([sys.executable, sys.executable, *TINY, "--rounds", "2", "--json", str(file)]) == 0
    content = json.loads(file.read_text())
    assert {(row["work"], row["mode"]) for row in content["timings"]} == {
        (work, mode) for work in ("train", "sample", "decode") for mode in ("graph", "xla")
    }
    for row in content["timings"]:
        assert len(row["old"]) == len(row["new"]) == 2
        assert min(*row["old"], *row["new"]) > 0
    assert content["facts"]["old"] == content["facts"]["new"]
    assert "| train | graph |" in capsys.readouterr().out


def test_the_interval_of_a_median_is_that_of_the_binomial(bench):
    assert bench.median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert bench.median_interval(range(6)) == (0, 5)  # 1 - 2 / 64 = 97 %
    assert bench.median_interval(range(15)) == (3, 11)  # the textbook's: x_4 and x_12
    assert bench.median_interval(range(25)) == (7, 17)  # x_8 and x_18


def test_the_largest_ratio_is_held_against_aim_and_bound(bench):
    good = bench.Timing("train", "graph", old=[10.0, 20.0, 10.0], new=[10.0, 20.0, 11.0])
    for new, verdict in (
        ([10.2] * 3, "reached"),
        ([10.9] * 3, "missed, within the bound"),
        ([12.0] * 3, "so is the bound"),
    ):
        lines = bench.lines([good, bench.Timing("decode", "xla", old=[10.0] * 3, new=new)])
        assert "| train | graph | 10.00 | 11.00 | **1.000** | 1.000-1.100 |" in lines
        assert lines[-1].startswith(f"largest: {new[0] / 10:.3f}, decode xla; aim 1.03, bound 1.1")
        assert lines[-1].endswith(verdict)


def test_a_worker_that_dies_is_one_line(bench, tmp_path, capsys):
    dead = tmp_path / "python"
    dead.write_text("#!/bin/sh\nexit 3\n")
    dead.chmod(0o755)
    assert bench.main([str(dead), str(dead), *TINY]) == 1
    assert "ended early" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(["--rounds", "0"], "must be above 0"), (["--units", "-1"], "must be above 0"), ([], "does not exist")],
)
def test_bad_options_are_one_line(bench, wrong, message, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main([sys.executable, sys.executable if wrong else "/nowhere/python", *TINY, *wrong])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
