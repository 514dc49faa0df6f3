"""Sweeps: all combinations, checked first, trained once, resumed where they stopped; one table of what came out."""

import json
import math
import os
import shutil

import pytest

from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig, vectors
from tfgen.cli.main import main
from tfgen.cli.tables import markdown_table
from tfgen.errors import CapabilityError, OptionError
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import default_config
from tfgen.runs.facts import RunFacts
from tfgen.sample.throughput import samples_per_second
from tfgen_plugins.sweep.sweeps import Outcome, plan
from tfgen_plugins.sweep.table import mean_and_deviation, notes, table, to_json

PLUGIN = '''
"""Toys on vectors. The variable TFGEN_STOP names a run that is stopped by Ctrl-C at its step 8."""

import math
import os
import signal

import tensorflow as tf
from tfgen import CapabilityError, DatasetSpec, MetricSpec, hookimpl
from tfgen.metrics import Estimate
from tests.toy_models import ConditionalGaussian, Gaussian, spec, vectors


class Diverging(Gaussian):
    """Its loss is infinite from step 5 on, unless it starts at 1."""

    def _loss(self, batch, seed, context):
        late = tf.cast(context.step >= 5, tf.float32) if self.config.start != 1 else 0.0
        return {name: term / (1.0 - late) for name, term in super()._loss(batch, seed, context).items()}


def start(measurement):
    """Return where the mean started, of all but one run."""
    if os.environ.get("TFGEN_UNMEASURED") == str(measurement.model.config.start):
        raise CapabilityError("it has no start")
    return Estimate(measurement.model.config.start, math.nan)


class Buggy(Gaussian):
    """Its sampler does not work."""

    def sample(self, n, labels=None, seed=0, first=0):
        raise ZeroDivisionError("a bug")


@hookimpl
def tfgen_register(registry):
    for model in (Gaussian, ConditionalGaussian, Diverging, Buggy):
        registry.add_model(spec(model))
    registry.add_metric(MetricSpec("start", "start", "units", measure=start))
    registry.add_dataset(DatasetSpec("vectors", lambda sources: vectors(), summary="Vectors."))


@hookimpl
def tfgen_progress(run, step):
    if run.name == os.environ.get("TFGEN_STOP") and step == 8:
        os.kill(os.getpid(), signal.SIGINT)
'''

OPTIONS = ["--data", "vectors", "--epochs", 3, "--batch-size", 16, "--chunk-steps", 4, "--compile", "graph"]
OPTIONS += ["--learning-rate", 0.1, "--sample-batch", 10]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "toys.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def sweep(plugin, tmp_path, capsys, monkeypatch, no_pictures):
    """Return a function that runs `tfgen sweep` in an empty folder and returns its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def sweep(*arguments, options=OPTIONS):
        capsys.readouterr()
        code = main([str(word) for word in ("-p", plugin, "sweep", *arguments, *options)])
        out, err = capsys.readouterr()
        return code, out, err

    return sweep


def runs_of(folder):
    return sorted(path.parent.name for path in folder.glob("*/config.json"))


def test_every_combination_is_trained_once_and_summed_up(sweep, tmp_path):
    arguments = ("gaussian", "--vary", "start", 0, 1, "--seeds", 0, 1, "--name", "s")
    code, out, err = sweep(*arguments)
    assert code == 0, err
    folder = tmp_path / "runs" / "s"
    names = [f"gaussian-start={start}-seed={seed}" for seed in (0, 1) for start in (0, 1)]
    assert runs_of(folder) == sorted(names)
    assert [line for line in err.splitlines() if line.startswith("run ")] == [
        f"run {number} of 4: {name}" for number, name in enumerate(names, start=1)
    ]
    found = json.loads((folder / "sweep.json").read_text())
    assert [(run["name"], run["state"]) for run in found["runs"]] == [(name, "finished") for name in names]
    results = {name: json.loads((folder / name / "results.json").read_text()) for name in names}
    for start, row in zip((0, 1), found["table"], strict=True):
        values = [results[f"gaussian-start={start}-seed={seed}"]["test"]["nll_nats"]["value"] for seed in (0, 1)]
        assert row["varied"] == {"start": start}
        assert row["seeds"] == [0, 1]
        assert row["test"]["nll_nats"]["mean"] == pytest.approx(sum(values) / 2)
        assert row["test"]["nll_nats"]["deviation"] == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2))
        assert row["parameters"] == 4
        assert row["samples_per_second"]["batch_size"] == 10
    text = (folder / "sweep.md").read_text()
    assert text.startswith("| model | start | seeds | test nll_nats, nats |")
    assert len(text.splitlines()[:4]) == 4
    assert "mean ± standard deviation over the seeds" in text
    assert "nll_nats" in out

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, out, err = sweep(*arguments, "--dry-run")
    assert out.split() == [word for name in names for word in (f"runs/s/{name}", "finished")]
    code, _, err = sweep(*arguments)
    assert code == 0
    assert "run 4 of 4: gaussian-start=1-seed=1 is finished" in err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on(sweep, tmp_path, monkeypatch):
    arguments = ("gaussian", "--seeds", 0, 1, 2, "--name", "s")
    monkeypatch.setenv("TFGEN_STOP", "gaussian-seed=1")
    code, _, err = sweep(*arguments)
    assert code == 130
    assert "stopped in run 2 of 3, which is saved (1 finished); the same command goes on with it." in err
    monkeypatch.delenv("TFGEN_STOP")
    folder = tmp_path / "runs" / "s"
    assert runs_of(folder) == ["gaussian-seed=0", "gaussian-seed=1"]
    assert not (folder / "gaussian-seed=1" / "results.json").exists()
    assert [run["state"] for run in json.loads((folder / "sweep.json").read_text())["runs"]] == [
        "finished",
        "to do",
        "to do",
    ]
    half_made = folder / "gaussian-seed=2"  # as by a kill between making the folder and its first file
    half_made.mkdir()
    (half_made / ".config-abcdefgh.json").write_text("{")

    code, _, err = sweep(*arguments)
    assert code == 0, err
    assert "run 1 of 3: gaussian-seed=0 is finished" in err
    assert "run 2 of 3: gaussian-seed=1 goes on" in err
    assert "run 3 of 3: gaussian-seed=2\n" in err
    assert sweep("gaussian", "--seeds", 1, "--name", "whole")[0] == 0
    stopped, whole = (
        json.loads((tmp_path / "runs" / name / "gaussian-seed=1" / "results.json").read_text())
        for name in ("s", "whole")
    )
    assert stopped["test"] == whole["test"]  # as if it never had been stopped


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_the_others_go_on(sweep, tmp_path):
    code, out, err = sweep("diverging", "--vary", "start", 0, 1, "--name", "s")
    assert code == 2
    lines = err.splitlines()
    assert any(line.startswith("failed: diverging-start=0-seed=0: ") and "not finite" in line for line in lines)
    assert lines[-1].startswith("tfgen: 1 of 2 runs failed (diverging-start=0-seed=0)")
    found = json.loads((tmp_path / "runs" / "s" / "sweep.json").read_text())
    assert [run["state"] for run in found["runs"]] == ["failed", "finished"]
    assert found["runs"][0]["error"]
    assert [row["seeds"] for row in found["table"]] == [[], [0]]
    assert "none (not 0)" in out
    assert "one seed: the variation between seeds is unknown" in out


def test_a_fault_in_one_model_is_told_with_its_place_and_the_others_go_on(sweep, tmp_path):
    code, _, err = sweep("buggy", "gaussian", "--name", "s")
    assert code == 2
    assert "failed: buggy-seed=0: model Buggy: sample failed: ZeroDivisionError: a bug (" in err
    assert (tmp_path / "runs" / "s" / "gaussian-seed=0" / "results.json").exists()


@pytest.mark.slow
def test_runs_with_other_options_are_not_reused(sweep, tmp_path):
    assert sweep("gaussian", "--name", "s")[0] == 0
    before = (tmp_path / "runs" / "s" / "sweep.json").read_text()
    changed = [0.2 if word == 0.1 else word for word in OPTIONS]
    code, _, err = sweep("gaussian", "--name", "s", options=changed)
    assert code == 2
    assert (
        "runs/s/gaussian-seed=0 was made with learning_rate 0.1, and this sweep has 0.2; choose another --name" in err
    )
    assert (tmp_path / "runs" / "s" / "sweep.json").read_text() == before
    shutil.copytree(tmp_path / "runs" / "s" / "gaussian-seed=0", tmp_path / "runs" / "single")
    assert "is a single run; choose another --name" in sweep("gaussian", "--name", "single")[2]
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "mine.txt").write_text("mine")
    assert "holds other things than a sweep" in sweep("gaussian", "--name", "other")[2]
    assert os.listdir(tmp_path / "runs" / "other") == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "which models? Models are "),
        (("gaussian",), "add --name NAME"),
        (("gausian", "--name", "s"), "unknown model 'gausian'; did you mean 'gaussian'?"),
        (("gaussian", "gaussian", "--name", "s"), "model gaussian is named twice"),
        (("gaussian", "--vary", "--name", "s"), "--vary needs the name of an option and its values"),
        (("gaussian", "--vary", "start", "--name", "s"), "--vary needs the name of an option and its values"),
        (("gaussian", "--vary", "stat", 1, "--name", "s"), "unknown option of gaussian 'stat'; did you mean 'start'?"),
        (("gaussian", "realnvp", "--vary", "start", 1, "--name", "s"), "unknown option of realnvp 'start'"),
        (("gaussian", "--vary", "start", "x", "--name", "s"), "--start must be a number, got 'x'"),
        (("gaussian", "--vary", "start", 1, "1.0", "--name", "s"), "start 1 is named twice"),
        (("gaussian", "--vary", "start", 1, "--vary", "start", 2, "--name", "s"), "--vary start is given twice"),
        (("gaussian", "--vary", "epochs", 1, 2, "--name", "s"), "--epochs is given and varied as well"),
        (("gaussian", "--vary", "patience", 1, -2, "--name", "s"), "--patience must be 0 or more, got -2"),
        (("gaussian", "--vary", "seed", 1, 2, "--name", "s"), "give them by --seeds 0 1 2"),
        (("gaussian", "--seeds", 1, 1, "--name", "s"), "seed 1 is named twice"),
        (("gaussian", "--seeds", -1, "--name", "s"), "--seeds must be 0 or more"),
        (("gaussian", "--seeds", 1, "--seed", 2, "--name", "s"), "--seed and --seeds are both given"),
        (("gaussian", "--name", "a/b"), "--name 'a/b' is no plain folder name"),
        (("gaussian", "--epohcs", 2, "--name", "s"), "unknown option '--epohcs'; did you mean '--epochs'?"),
        (
            ("gaussian", "--vary", "deterministic", "true", "--name", "s"),
            "unknown option of gaussian 'deterministic'",
        ),
        (("realnvp", "--vary", "mask", "half", "channel", "--name", "s"), "realnvp-mask=channel-seed=0: "),
    ],
)
def test_mistakes_are_told_before_anything_is_made(arguments, says, sweep, tmp_path):
    code, out, err = sweep(*arguments)
    lines = [line for line in err.splitlines() if line != "loading TensorFlow ..."]
    assert code == 2
    assert out == ""
    assert len(lines) == 1, err
    assert says in lines[0]
    assert not (tmp_path / "runs").exists()


def test_options_are_checked_together_and_values_have_their_types(plugin):
    registry = load_registry()
    base = default_config(registry.model("realnvp"))
    with pytest.raises(OptionError, match="optimizer"):
        plan([base], registry, {"weight_decay": [0.1], "optimizer": ["adam"]})
    (run,) = plan([base], registry, {"weight_decay": [0.1], "optimizer": ["adamw"]}, [3])
    assert run.name == "realnvp-weight_decay=0.1-optimizer=adamw-seed=3"
    assert (run.config.training.weight_decay, run.config.training.seed) == (0.1, 3)
    masks = [("half",), ("checkerboard", "half")]
    rates = [run.name for run in plan([base], registry, {"learning_rate": [1e-3, 0.12345678]})]
    assert rates == ["realnvp-learning_rate=0.001-seed=0", "realnvp-learning_rate=0.12345678-seed=0"]
    first, second = plan([base], registry, {"mask": masks})
    assert [first.name, second.name] == ["realnvp-mask=half-seed=0", "realnvp-mask=checkerboard+half-seed=0"]
    assert second.config.options.mask == ("checkerboard", "half")
    assert second.config.options.layers == base.options.layers


def test_values_with_several_entries_have_commas(sweep):
    code, out, err = sweep("realnvp", "--vary", "mask", "half", "checkerboard,half", "--dry-run", "--name", "s")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == [
        "runs/s/realnvp-mask=half-seed=0",
        "runs/s/realnvp-mask=checkerboard+half-seed=0",
    ]


def outcome(planned, value, **basis):
    metric = {
        "value": value,
        "unit": "nats",
        "standard_error": 0.1,
        "basis": {"split": "test", "data": "digits", **basis},
    }
    sampling = {"value": 125321.0, "unit": "samples/s", "basis": {"batch_size": 1000}}
    results = {"test": {"nll_nats": metric}, "train_seconds": 2.0, "parameters": 1234, "sampling": sampling}
    return Outcome(planned, RunFacts(planned.name, None, planned.config.to_json(), results))


def test_the_table():
    registry = load_registry()
    base = default_config(registry.model("realnvp"))
    planned = plan([base], registry, {"layers": [2, 3]}, [0, 1])
    two, three, two_again, _ = planned
    outcomes = [outcome(two, 1.0), outcome(three, 5.0), outcome(two_again, 3.0), Outcome(planned[3], error="why")]
    headings, rows = table(outcomes)
    assert headings == [
        "model", "layers", "seeds", "test nll_nats, nats", "parameters", "training, s", "samples/s, batches of 1000",
    ]  # fmt: skip
    assert rows == [
        ["realnvp", "2", "0, 1", "2.0 ± 1.4", "1,234", "2.0", "125,000"],
        ["realnvp", "3", "0 (not 1)", "5", "1,234", "2.0", "125,000"],
        ["change", "", "", "+3", "", "", ""],  # no error from one seed, no percentage above 100
    ]
    assert "failed: realnvp-layers=3-seed=1: why" in notes(outcomes)
    assert not any("different bases" in note for note in notes(outcomes))
    unlike = [outcome(two, 1.0), outcome(three, 5.0, alpha=0.05)]
    assert "test nll_nats has different bases (alpha): not all rows compare" in notes(unlike)
    assert (
        json.loads(json.dumps(to_json("s", outcomes), allow_nan=False))["table"][1]["test"]["nll_nats"]["deviation"]
        is None
    )
    assert [row[0] for row in table(unlike)[1]] == ["realnvp", "realnvp"]  # no change of what does not compare
    assert notes([Outcome(run) for run in planned]) == []
    assert table([Outcome(run) for run in planned])[1][0] == [
        "realnvp",
        "2",
        "none (not 0, 1)",
        "—",
        "—",
        "—",
    ]


def test_a_vae_beside_a_cvae_shares_columns_and_has_the_change_in_percent():
    registry = load_registry()
    planned = plan([default_config(registry.model(name)) for name in ("vae", "cvae")], registry, {}, [0, 1, 2])
    values = {"vae": ("", 6.0, [-143.0, -144.0, -145.0]), "cvae": ("_given_label", 4.8, [-131.0, -130.0, -129.0])}
    outcomes = []
    for run in planned:
        form, kl, bounds = values[run.config.model]
        done = outcome(run, 0.0)
        metric = done.facts.results["test"].pop("nll_nats")
        done.facts.results["test"][f"elbo_nats{form}"] = {**metric, "value": bounds[run.config.training.seed]}
        done.facts.results["test"][f"latent_kl_nats{form}"] = {**metric, "value": kl}
        outcomes.append(done)
    headings, rows = table(outcomes)
    assert headings[1:4] == ["seeds", "test elbo_nats, nats", "test latent_kl_nats, nats"]
    assert [row[:4] for row in rows] == [
        ["vae", "0, 1, 2", "-144.0 ± 1.0", "6 ± 0"],
        ["cvae", "0, 1, 2", "-130.0 ± 1.0 given y", "4.800 ± 0 given y"],
        ["change", "", "+14.00 ± 0.82 (+9.7 %)", "-1.200 ± 0 (-20.0 %)"],
    ]
    found = to_json("s", outcomes)["change"]["elbo_nats"]
    assert found == {"difference": 14.0, "error": pytest.approx(math.sqrt(2 / 3)), "first": -144.0}
    (note,) = [note for note in notes(outcomes) if "given the label" in note]
    assert "given the label, log p(x|y)" in note
    assert any(note.startswith("change: ") for note in notes(outcomes))


def test_spread_and_markdown():
    assert mean_and_deviation([1.0, 2.0, 3.0]).deviation == pytest.approx(1)
    assert math.isnan(mean_and_deviation([2.0]).deviation)
    assert math.isnan(mean_and_deviation([2.0, math.inf]).deviation)
    assert markdown_table(["a", "b"], [["x|y", "1"]]) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |\n"


@pytest.mark.parametrize("kind", [Gaussian, ConditionalGaussian])
def test_sampling_is_timed_batch_by_batch(kind):
    timed = samples_per_second(kind(GaussianConfig(), vectors().spec, 0), 10, repeats=3)
    assert timed.unit == "samples/s"
    assert (timed.basis.get("batch_size"), timed.basis.get("repeats")) == (10, 3)
    assert 0 < timed.basis.get("slowest") <= timed.value <= timed.basis.get("fastest")
    with pytest.raises(CapabilityError, match="which sampling needs"):
        samples_per_second(object())
    with pytest.raises(OptionError, match="--sample-batch must be at least 1, got 0"):
        samples_per_second(kind(GaussianConfig(), vectors().spec, 0), 0)


def test_one_seed_of_each_has_the_change_too():
    registry = load_registry()
    planned = plan([default_config(registry.model(name)) for name in ("vae", "cvae")], registry, {}, [0])
    outcomes = [outcome(run, value) for run, value in zip(planned, (140.0, 126.0), strict=True)]
    row = table(outcomes)[1][-1]
    assert row[0] == "change"
    assert "-14 (-10.0 %)" in row


def test_further_metrics_are_measured_once_and_drawn(sweep, tmp_path):
    arguments = ("gaussian", "--vary", "start", 0, 1, "--name", "s")
    assert sweep(*arguments)[0] == 0
    results = tmp_path / "runs" / "s" / "gaussian-start=1-seed=0" / "results.json"
    trained = json.loads(results.read_text())
    code, out, err = sweep(*arguments, "--metrics", "start", "--against", "nll_nats")
    assert code == 0, err
    assert "drawn    runs/s/against.png" in out
    assert (tmp_path / "runs" / "s" / "against.png").stat().st_size > 5000
    rows = json.loads((tmp_path / "runs" / "s" / "sweep.json").read_text())["table"]
    assert [row["test"]["start"]["mean"] for row in rows] == [0, 1]
    measured = json.loads(results.read_text())
    assert measured["train_seconds"] == trained["train_seconds"]  # not trained again
    before = results.stat().st_mtime_ns
    assert sweep(*arguments, "--metrics", "start")[0] == 0
    assert results.stat().st_mtime_ns == before  # nor measured again


def test_a_metric_that_a_run_cannot_have_leaves_it_trained(sweep, tmp_path, monkeypatch):
    monkeypatch.setenv("TFGEN_UNMEASURED", "1.0")
    code, _, err = sweep("gaussian", "--vary", "start", 0, 1, "--metrics", "start", "--name", "s")
    assert code == 2
    assert "gaussian-start=1-seed=0: trained, but not measured: it has no start" in err
    rows = json.loads((tmp_path / "runs" / "s" / "sweep.json").read_text())["table"]
    assert all("nll_nats" in row["test"] for row in rows)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--metrics", "stat"), "did you mean 'start'"),
        (("--metrics", "stat", "--dry-run"), "did you mean 'start'"),
        (("--against", "nll_nat"), "did you mean 'nll_nats'"),
    ],
)
def test_unknown_metrics_end_before_training(words, says, sweep, tmp_path):
    code, _, err = sweep("gaussian", *words, "--name", "s")
    assert code == 2
    assert says in err
    assert not runs_of(tmp_path / "runs" / "s")


def test_a_picture_against_an_unknown_metric_says_which_there_are(sweep):
    code, out, err = sweep("gaussian", "--against", "fid", "--name", "s")
    assert code == 2
    assert "--against fid: no run has this test metric and another one; there are nll_nats" in err
    assert "written" in out


def test_asking_for_a_density_changes_no_other_metric(sweep, tmp_path):
    """They may have been measured with more draws or particles."""
    arguments = ("gaussian", "--name", "s")
    assert sweep(*arguments)[0] == 0
    results = tmp_path / "runs" / "s" / "gaussian-seed=0" / "results.json"
    changed = json.loads(results.read_text())
    changed["test"]["nll_nats"]["value"] = 1.25
    results.write_text(json.dumps(changed))
    code, _, err = sweep(*arguments, "--metrics", "bits_per_dim")
    assert code == 2
    assert "trained, but not measured" in err
    assert json.loads(results.read_text())["test"]["nll_nats"]["value"] == 1.25
