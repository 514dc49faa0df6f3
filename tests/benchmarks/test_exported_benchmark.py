"""The benchmark of exported models: its structure and bookkeeping; never how long anything took."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--side", "8", "--batch-size", "4", "--batches", "2", "--rounds", "2"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.exported")


def test_every_format_is_timed_in_every_round(bench, tmp_path, capsys):
    assert bench.main([*TINY, "--models", "cvae", "--json", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    timings = {timing["way"]: timing for timing in content["timings"]}
    assert list(timings) == list(bench.WAYS)
    for timing in timings.values():
        assert timing["left_out"] is None
        assert min(timing["seconds"]) > 0
        assert timing["shares"] == [
            own / seconds for own, seconds in zip(timings["tfgen sample"]["seconds"], timing["seconds"], strict=True)
        ]
    printed = capsys.readouterr().out
    assert "target: at least 0.95 of tfgen sample's rate; cvae:" in printed
    assert "command: python benchmarks/exported.py --side 8" in printed


def test_what_a_format_cannot_hold_has_no_timings_and_says_why(bench):
    left_out = bench.Timing("pixelcnn", "onnx", "ONNX has not the operations XlaCallModule, which its sample needs")
    timed = bench.Timing("pixelcnn", "tfgen sample", None, [2.0, 4.0], [1.0, 1.0])
    _, rows = bench.table([timed, left_out], 8)
    assert rows[0] == ["pixelcnn", "tfgen sample", "3", "2-4", "1.00", "1.00-1.00"]
    assert rows[1] == ["pixelcnn", f"onnx: {left_out.left_out}", "-", "-", "-", "-"]


def test_a_missed_target_is_said(bench):
    timings = [bench.Timing("cvae", bench.TWO, None, [1.0, 1.0], [0.9, 0.94])]
    assert bench.verdict_lines(timings) == ["target: at least 0.95 of tfgen sample's rate; cvae: 0.92, NOT reached"]


def test_a_savedmodel_that_draws_other_samples_is_an_error(bench):
    black, white = [np.zeros((4, 8, 8, 1), np.uint8)], [np.full((4, 8, 8, 1), 255, np.uint8)]
    bench.check_same_samples("cvae", black, black)
    with pytest.raises(bench.TfgenError, match="SavedModel of cvae draws other samples"):
        bench.check_same_samples("cvae", black, white)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rounds", "0"], "rounds must be at least 1"),
        (["--models", "cvae", "cvae"], "different models"),
        (["--json", "/no/such/folder/x.json"], "a file in a folder that exists"),
    ],
)
def test_mistakes_are_one_line(bench, arguments, says, capsys):
    assert bench.main(arguments) == 2
    err = capsys.readouterr().err.strip()
    assert says in err
    assert "\n" not in err
