"""The table of sample quality: its structure and bookkeeping, never how long anything took."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.sample_quality")


def test_each_run_has_its_quality_its_density_and_its_cost(
    bench, tiny_run, classifier_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(classifier_dir))
    monkeypatch.setattr("tfgen.sample.throughput._LONG_ENOUGH", 1e-9)
    files = ["--json", str(tmp_path / "out.json"), "--markdown", str(tmp_path / "out.md")]
    assert bench.main([str(tiny_run), "--samples", "200", "--batch-size", "100", "--rounds", "2", *files]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    [found] = content["runs"]
    assert (found["run"], found["model"], found["seed"]) == ("tiny", "realnvp", 0)
    assert set(found["metrics"]) == set(bench.SHOWN) - {"label_accuracy"}
    assert found["metrics"]["fid"]["basis"]["network"] == content["network"]
    assert found["density"][0] == "bits_per_dim"
    assert found["ratios"] == [s["fid"] / (s["sampling"] + s["passes"]) for s in found["seconds"]]
    assert len(found["ratios"]) == 2
    table = (tmp_path / "out.md").read_text().splitlines()
    assert len(table) == 3
    assert {line.count("|") for line in table} == {len(bench.SHOWN) + 7}
    out = capsys.readouterr().out
    assert f"target: fid within 3 times sampling and passes; the most of any round: {max(found['ratios']):.2f}" in out
    assert "command: python benchmarks/sample_quality.py" in out


def test_mistakes(bench, tmp_path, capsys):
    assert bench.main([]) == 2
    assert "no run is named; for example" in capsys.readouterr().err
    assert bench.main([str(tmp_path / "nothing")]) == 2
    assert "is no folder" in capsys.readouterr().err
