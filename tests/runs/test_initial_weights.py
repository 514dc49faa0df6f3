"""Training that begins with the weights of another run."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

import tfgen
from tests.toy_models import Gaussian, GaussianConfig, spec, vectors
from tfgen.cli.main import main
from tfgen.data.spec import DataSpec
from tfgen.errors import RunError
from tfgen.model.base import build_model
from tfgen.model.weights import named_weights
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.runs.config import default_config
from tfgen.runs.experiment import resume_run, start_run
from tfgen.runs.folder import RunFolder
from tfgen.runs.initial_weights import take_weights
from tfgen.runs.run import Run

REGISTRY = load_registry(())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A trained run, and another of one tiny step that begins with its weights."""
    folder = tmp_path_factory.mktemp("runs")
    options = {
        "runs_dir": folder,
        "quiet": True,
        "data": "two_gaussians",
        "compile": "graph",
        "batch_size": 500,
        "layers": 2,
        "pictures": False,
    }
    first = tfgen.train("realnvp", name="first", epochs=1, units=8, **options)
    still = {"epochs": 1, "learning_rate": 1e-12, "keep": "last", "seed": 9}
    second = tfgen.train("realnvp", name="second", init=str(first.folder), units=8, **still, **options)
    return first, second


def test_training_begins_where_the_other_run_ended(runs):
    first, second = runs
    ours, theirs = named_weights(second.model), named_weights(first.model)
    for name, weight in ours.items():
        np.testing.assert_allclose(weight.numpy(), theirs[name].numpy(), atol=1e-6, err_msg=name)
    taken = json.loads((second.folder / "config.json").read_text())["initial_weights"]
    counts = {"run": str(first.folder), "model": "realnvp", "taken": len(ours), "weights": len(ours)}
    assert taken == counts | {"random": {}, "unused": []}


@pytest.mark.slow
def test_a_wider_network_takes_what_fits_and_says_so(runs, capsys):
    first, _ = runs
    options = ["--data", "two_gaussians", "--compile", "graph", "--batch-size", "500", "--layers", "2", "--units", "9"]
    folder = ["--init", str(first.folder), "--runs-dir", str(first.folder.parent), "--name", "wider"]
    assert main(["run", "realnvp", *options, "--epochs", "1", *folder]) == 0
    wide = tfgen.load(first.folder.parent / "wider")
    theirs = named_weights(first.model)
    same = [name for name, weight in named_weights(wide.model).items() if weight.shape == theirs[name].shape]
    text = f"{len(same)} of {len(wide.model.weights)} weights begin as those of {first.folder} (realnvp); the other"
    assert 0 < len(same) < len(wide.model.weights)
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(("other", "says"), [
    ("gaussian", "has no weight of a name and shape that this model has: its first is mean [2], here it is couplings."),
    ("nowhere", "is no folder"),
])  # fmt: skip
def test_a_run_that_gives_nothing_is_refused_and_nothing_is_written(other, says, tmp_path, capsys):
    registry = load_registry(())
    registry.add_model(spec(Gaussian))
    registry.add_dataset(tfgen.DatasetSpec("vectors", lambda _: vectors(128), "toy"))
    config = default_config(registry.model("gaussian"), "vectors")
    if other == "gaussian":
        start_run(config, registry, tmp_path, "gaussian", quiet=True)
    ours = default_config(registry.model("realnvp"), "vectors")
    with pytest.raises(RunError, match=re.escape(says)):
        start_run(dataclasses.replace(ours, init=str(tmp_path / other)), registry, tmp_path, "new", quiet=True)
    assert not (tmp_path / "new").exists()


def test_the_other_run_and_data_folders_are_recorded_so_that_they_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = load_registry(())
    registry.add_model(spec(Gaussian))
    registry.add_dataset(tfgen.DatasetSpec("vectors", lambda _: vectors(128), "toy"))
    config = default_config(registry.model("gaussian"), "vectors")
    config = dataclasses.replace(config, pictures=False, evaluate="none", sources=tfgen.DataSources("kept"))
    start_run(config, registry, tmp_path, "one", quiet=True)
    two = start_run(dataclasses.replace(config, init="one"), registry, tmp_path, "two", quiet=True)
    recorded = json.loads((two.folder / "config.json").read_text())
    assert recorded["init"] == recorded["initial_weights"]["run"] == str(tmp_path / "one")
    assert recorded["sources"] == {"data_dir": str(tmp_path / "kept"), "manual_dir": None}


@pytest.mark.parametrize(("data", "fits"), [("checkerboard", True), ("vectors", True), ("digits", False)])
def test_other_data_of_one_shape_take_all_weights_and_of_another_those_that_fit(runs, data, fits):
    """Weights of unlike shapes are named with both shapes; the data of the other run are not needed."""
    first, _ = runs
    registry = load_registry(())
    registry.add_dataset(tfgen.DatasetSpec("vectors", lambda _: vectors(128), "toy"))
    found, theirs = registry.model("realnvp"), named_weights(first.model)
    given = tfgen.load_dataset(data, registry, tfgen.DataSources()).spec
    model = build_model(found, build(found.config, {"layers": 2, "units": 8}), given, 4)
    before = {name: weight.numpy() for name, weight in named_weights(model).items()}
    taken = take_weights(model, tfgen.load(first.folder))
    for name, weight in named_weights(model).items():
        expected = before[name] if name in taken.random else theirs[name].numpy()
        np.testing.assert_array_equal(weight.numpy(), expected)
    assert taken.taken + len(taken.random) == taken.weights == len(before)
    assert (taken.taken == taken.weights) == fits
    if fits:
        assert str(taken) == f"{taken.weights} of {taken.weights} weights begin as those of {first.folder} (realnvp)"
    else:
        for name, reason in taken.random.items():
            there = f"there {list(theirs[name].shape)}" if name in theirs else "not there"
            assert reason == f"{list(before[name].shape)} ({there})"
        assert any("there [" in reason for reason in taken.random.values())
        name, reason = next(iter(taken.random.items()))
        assert f"; the other {len(taken.random)} begin at random: {name} {reason}" in str(taken)
        assert str(taken).endswith(f" and {len(taken.random) - 3} more (config.json lists them)")
        assert set(taken.unused) == set(theirs) - (set(before) - set(taken.random))


def test_weights_that_the_other_run_lacks_are_named_as_such(runs):
    first, _ = runs
    found = REGISTRY.model("realnvp")
    data = DataSpec("vector", (2,), classes=2)
    deeper = build_model(found, build(found.config, {"layers": 2, "units": 8, "depth": 3}), data, 0)
    taken = take_weights(deeper, first)
    assert any(reason.endswith("(not there)") for reason in taken.random.values())


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_checkpoint_takes_them_again(runs, tmp_path):
    _, second = runs
    files = RunFolder.create(tmp_path, "killed", "killed", json.loads((second.folder / "config.json").read_text()))
    again = resume_run(Run(files, REGISTRY), quiet=True)
    for one, other in zip(again.model.weights, second.model.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("model", ["realnvp", "pixelcnn", "vae", "gan"])
def test_names_of_weights_do_not_depend_on_what_was_built_before(model):
    found = REGISTRY.model(model)
    data = DataSpec("image", (8, 8, 1), classes=10, levels=17)
    one, other = (build_model(found, build(found.config, {}), data, 0) for _ in range(2))
    names = list(named_weights(one))
    assert names == list(named_weights(other))
    assert len(set(names)) == len(one.weights)
    assert [id(weight) for weight in named_weights(one).values()] == [id(weight) for weight in one.weights]
    assert not any(weight.path in names for weight in one.weights)


def test_a_weight_is_named_by_its_attribute():
    model = Gaussian(GaussianConfig(), DataSpec("vector", (2,)), 0)
    assert list(named_weights(model)) == ["mean", "log_scale"]
