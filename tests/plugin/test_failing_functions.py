"""Exceptions in a plugin's data sets, metrics, pictures, commands and the like: one line each, and the run is kept."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import tfgen
from tfgen import (
    CommandSpec,
    DatasetSpec,
    DataSources,
    FeatureNetworkSpec,
    MetricSpec,
    OptimizerSpec,
    PictureSpec,
    PluginError,
    RunError,
    ScheduleSpec,
    hookimpl,
)
from tfgen.cli.main import main
from tfgen.data.lookup import load_dataset
from tfgen.data.toy import load_two_gaussians
from tfgen.metrics import Estimate
from tfgen.plugin.loading import load_registry

NAME = "tests.plugin.test_failing_functions"
HERE = rf"\({re.escape(__file__)}:\d+\)"
TINY = {
    "data": "two_gaussians", "layers": 2, "units": 8, "epochs": 1, "batch_size": 5000, "compile": "graph", "quiet": True,
    "evaluate": 50, "plugins": [NAME],
}  # fmt: skip


def fails(*arguments):
    raise KeyError("nothing")


@hookimpl
def tfgen_register(registry):
    registry.add_dataset(DatasetSpec("failing", fails, "fails"))
    registry.add_dataset(DatasetSpec("liar", lambda sources: 3, "returns something else"))
    registry.add_dataset(DatasetSpec("dotted", f"{NAME}:load_dotted", "a dotted path"))
    registry.add_dataset(DatasetSpec("lost", f"{NAME}:nowhere", "a path that leads nowhere"))
    registry.add_metric(MetricSpec("failing", "failing", "units", measure=fails))
    registry.add_metric(MetricSpec("nan", "no number", "units", measure=lambda measurement: Estimate(math.nan, 0.1)))
    registry.add_metric(MetricSpec("array", "an array", "units", measure=lambda measurement: Estimate(np.ones(3), 0.1)))
    registry.add_command(CommandSpec("failing", fails, "fails"))
    registry.add_command(CommandSpec("fileless", finds_no_file, "fails"))
    registry.add_picture(PictureSpec("fileless", finds_no_file, "fails"))
    registry.add_picture(PictureSpec("failing", fails, "fails"))
    registry.add_feature_network(FeatureNetworkSpec("failing", fails, "fails"))
    registry.add_optimizer(OptimizerSpec("failing", fails, "fails"))
    registry.add_schedule(ScheduleSpec("failing", fails, "fails"))


def finds_no_file(*arguments):
    Path("/nowhere/at/all").read_text()


def load_dotted(sources):
    return load_two_gaussians()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tfgen.train(
        "realnvp", runs_dir=tmp_path_factory.mktemp("runs"), **TINY | {"data": "dotted", "pictures": False}
    )


def test_a_run_whose_data_no_plugin_has(run):
    with pytest.raises(
        RunError, match=r"was trained on data set 'dotted', which no plugin here has; .* with -p FILE\.$"
    ):
        _ = tfgen.load(run.folder).data


def test_data_sets():
    registry = load_registry([NAME])
    with pytest.raises(
        PluginError, match=rf"^data set 'failing': its function failed: KeyError: 'nothing' {HERE}; it takes"
    ):
        load_dataset("failing", registry, DataSources())
    with pytest.raises(PluginError, match=rf"'liar': its function must return a tfgen.Dataset, got int {HERE}\.$"):
        load_dataset("liar", registry, DataSources())
    with pytest.raises(PluginError, match=rf"^data set 'lost': cannot import '{NAME}:nowhere'"):
        load_dataset("lost", registry, DataSources())
    assert load_dataset("dotted", registry, DataSources()).name == "dotted"
    with pytest.raises(PluginError, match=r"data set 'x': the path 'load' must read 'package.module:Name'"):
        DatasetSpec("x", "load", "no path")


def test_a_picture_that_fails_costs_a_warning_and_not_the_run(tmp_path, capsys):
    run = tfgen.train("realnvp", runs_dir=tmp_path, **TINY)
    warnings = capsys.readouterr().err
    for name, cause in (("failing", "KeyError: 'nothing'"), ("fileless", "FileNotFoundError: .*")):
        said = rf"^warning: picture '{name}': its function failed: {cause} {HERE}; "
        assert re.search(said, warnings, re.MULTILINE)
    assert run.files.finished
    assert "nll_nats" in run.results["test"]
    assert not (run.files.figures / "failing.png").exists()


@pytest.mark.parametrize(
    ("name", "says"), [("nan", "the value of its Estimate is NaN"), ("array", "must be a number, got ndarray")]
)
def test_estimates_that_are_no_numbers_take_no_other_ones_place(name, says, run):
    with pytest.raises(PluginError, match=rf"^metric '{name}': .*{says}\.$"):
        run.measure([name])
    assert name not in run.results["test"]


def test_metrics_and_feature_networks(run):
    with pytest.raises(
        PluginError, match=rf"^metric 'failing': its function failed: KeyError: 'nothing' {HERE}; it takes a"
    ):
        run.measure(["failing"])
    with pytest.raises(
        PluginError, match=rf"^feature network 'failing': its function failed: KeyError: 'nothing' {HERE}; "
    ):
        run.measure_samples(["fid"], 50, features="failing")


@pytest.mark.parametrize("kind", ["optimizer", "schedule"])
def test_optimizers_and_schedules(kind, tmp_path):
    with pytest.raises(
        PluginError, match=rf"^{kind} 'failing': its function failed: KeyError: 'nothing' {HERE}; it takes"
    ):
        tfgen.train("realnvp", runs_dir=tmp_path, **{kind: "failing"}, **TINY)
    assert list(tmp_path.iterdir()) == []


def test_on_the_command_line(run, capsys):
    assert main(["-p", NAME, "evaluate", str(run.folder), "--metrics", "failing"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "metric 'failing': its function failed: KeyError: 'nothing'" in said
    assert main(["-p", NAME, "run", "realnvp", "--data", "failing"]) == 2
    assert "data set 'failing': its function failed" in capsys.readouterr().err.splitlines()[-1]
    assert main(["-p", NAME, "failing"]) == 2
    assert re.search(rf"command 'failing': its function failed: KeyError: 'nothing' {HERE}", capsys.readouterr().err)
    assert main(["-p", NAME, "fileless"]) == 2
    assert re.search(rf"command 'fileless': its function failed: FileNotFoundError: .* {HERE}", capsys.readouterr().err)
    sampled = ["evaluate", str(run.folder), "--samples", "50", "--features", "values", "--metrics", "fid,failing"]
    assert main(["-p", NAME, *sampled]) == 2
    assert tfgen.load(run.folder).results["test"]["fid"]["basis"]["samples"] == 50  # nothing that was computed is lost
