"""The benchmark of tables: splits, paired differences, and fits that are not made twice."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import tables


def test_splits_hold_every_row_once_and_are_standardised_by_the_first():
    x = np.random.default_rng(0).normal(5, 3, (200, 2))
    parts = tables.split(x, 3)
    assert [len(part) for part in parts] == [140, 30, 30]
    np.testing.assert_allclose(parts[0].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(parts[0].std(axis=0), 1, atol=1e-6)
    whole = np.concatenate(parts)
    order = np.argsort(whole[:, 0])
    ranks = np.argsort(x[:, 0])
    slope = np.polyfit(x[ranks, 0], whole[order, 0], 1)[0]
    np.testing.assert_allclose(
        whole[order, 0] - whole[order, 0].mean(), slope * (x[ranks, 0] - x[:, 0].mean()), atol=1e-5
    )
    assert not np.array_equal(parts[2], tables.split(x, 4)[2])


def test_differences_are_paired_by_split():
    rows = {"a": [1.0, 2.0, 4.0], "b": [0.0, 1.5, 2.0]}
    mean, gap, error = tables.compared(rows, "a")["b"]
    gaps = np.array([1.0, 0.5, 2.0])
    assert (mean, gap) == (round(3.5 / 3, 4), round(gaps.mean(), 4))
    assert error == pytest.approx(gaps.std(ddof=1) / np.sqrt(3), abs=1e-4)


@pytest.fixture
def trained(monkeypatch):
    """Flows that are scored by their decay of weights, best at 1, splines better without linear layers; and what was fitted."""
    fitted = []

    def flow(model, parts, seed, setting):
        fitted.append((model, seed, setting.decay, setting.linear))
        better = setting.linear == ("none" if model == "spline_flow" else "lu")
        scores = {"log_prob": np.arange(3.0) - seed, "valid": better - abs(setting.decay - 1.0)}
        return {**scores, "seconds": 2.0 + seed, "wall": 4.0, "parameters": 70}

    x = np.random.default_rng(0).normal(size=(120, 3))
    monkeypatch.setattr(tables, "tables", lambda python: {"noise": x})
    monkeypatch.setattr(tables, "flow", flow)
    monkeypatch.setattr(tables, "_COMPONENTS", (1, 2))
    return fitted


def test_what_was_fitted_is_not_fitted_again(tmp_path, trained, capsys):
    arguments = ["--out", str(tmp_path / "tables.json"), "--decays", "1", "--splits"]
    tables.main([*arguments, "1"])
    tables.main([*arguments, "2"])
    choosing = [(model, tables._CHOOSING, 1.0, linear) for linear in ("lu", "none") for model in tables.OURS]
    compared = [
        (model, number, 1.0, linear)
        for number in (0, 1)
        for model, linear in zip(tables.OURS, ("lu", "none"), strict=True)
    ]
    assert trained == choosing + compared
    fits = json.loads((tmp_path / "tables.json").read_text())["noise"]["fits"]
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])["noise"]
    assert (printed["splits"], printed["seconds"]["realnvp"]) == (2, 2.5)
    gaussian = [fits[number]["gaussian"]["log_prob"] for number in "01"]
    mean, gap, error = printed["compared"]["realnvp"]["gaussian"]
    assert mean == pytest.approx(np.mean(gaussian), abs=1e-4)
    assert gap == pytest.approx(0.5 - mean, abs=1e-3)
    assert error > 0


def test_the_tables_of_a_page(tmp_path, trained, capsys):
    arguments = ["--out", str(tmp_path / "tables.json"), "--decays", "0.1", "1", "--splits", "2", "--markdown"]
    tables.main(arguments)
    likelihoods, speeds = capsys.readouterr().out.strip().split("\n\n")[-2:]
    row = likelihoods.splitlines()[-1]
    assert row.startswith("| noise, 120 x 3 | 2 |")
    assert row.endswith("| +0.00 ± 0.00 |")  # both flows have the scores of one stand-in
    assert speeds.splitlines()[-1] == "| noise | 1, 1 | lu, none | 2.5 | 2.5 | 4, 4 |"


def test_decays_are_chosen_by_the_validation_rows_of_a_split_that_is_not_compared(tmp_path, trained):
    tables.main(["--out", str(tmp_path / "tables.json"), "--decays", "0.1", "1", "10", "--splits", "2"])
    choosing = [setting for model, number, *setting in trained if (model, number) == ("realnvp", tables._CHOOSING)]
    assert choosing == [[0.1, "lu"], [1, "lu"], [10, "lu"], [1, "none"]]
    assert {tuple(setting) for _, number, *setting in trained if number in (0, 1)} == {(1.0, "lu"), (1.0, "none")}


def test_with_other_decays_all_is_fitted_again(tmp_path, trained):
    arguments = ["--out", str(tmp_path / "tables.json"), "--splits", "1", "--decays"]
    tables.main([*arguments, "1"])
    trained.clear()
    tables.main([*arguments, "1", "2"])
    assert [(model, decay) for model, number, decay, _ in trained if number == 0] == [
        ("realnvp", 1),
        ("spline_flow", 1),
    ]


def test_fits_with_linear_layers_are_made_again_where_none_are_better(tmp_path, trained):
    """A file of before this choice has fits with linear layers alone."""
    path = tmp_path / "tables.json"
    arguments = ["--out", str(path), "--decays", "1", "--splits", "1"]
    tables.main(arguments)
    kept = json.loads(path.read_text())
    del kept["noise"]["linear"]
    kept["elsewhere"] = kept["noise"]
    path.write_text(json.dumps(kept))
    trained.clear()
    tables.main([*arguments, "--markdown"])  # of the other table as it is
    assert [(model, linear) for model, number, _, linear in trained if number == 0] == [("spline_flow", "none")]


@pytest.mark.slow
def test_each_contender_is_fitted_and_scored():
    parts = tables.split(np.random.default_rng(0).normal(size=(400, 3)), 0)
    done = {}
    for name, fit in tables.contenders(None).items():
        done[name] = fit(parts, 0, tables.Setting(0.01), done)
        assert done[name]["log_prob"].shape == (60,)
        assert -6 < done[name]["log_prob"].mean() < -3.5  # of a standard normal, about -4.3
    assert done["spline_flow"]["parameters"] > done["realnvp"]["parameters"]
