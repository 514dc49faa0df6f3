"""Presets of models: they build, the command line wins over them, and wrong ones are refused when a plugin loads."""

from __future__ import annotations

import dataclasses
import json

import pytest

import tfgen
from tfgen import OptionError, PluginError, UnknownNameError
from tfgen.cli.main import main
from tfgen.data.spec import DataSpec
from tfgen.model.base import build_model
from tfgen.plugin.presets import check_presets, preset
from tfgen.runs.config import default_config, split_options

REGISTRY = tfgen.load_registry()
PRESETS = [(model, name) for model, spec in REGISTRY.models.items() for name in spec.presets]
SIDES = {"cifar10": 32, "celeba64": 64}


def test_the_models_of_images_have_both():
    assert {name for _, name in PRESETS} == {"cifar10", "celeba64"}
    assert {model for model, name in PRESETS if name == "cifar10"} == {m for m, name in PRESETS if name == "celeba64"}


@pytest.mark.parametrize(("model", "name"), [one for one in PRESETS if one[1] == "cifar10"], ids=str)
def test_a_preset_builds_a_model_of_its_images(model, name):
    config = default_config(REGISTRY.model(model), preset=name)
    side = SIDES[name]
    built = build_model(REGISTRY.model(model), config.options, DataSpec("image", (side, side, 3), classes=10), 0)
    assert built.trainable_variables


def test_given_options_win_over_a_preset():
    spec = REGISTRY.model("vae")
    config = split_options({"preset": "cifar10", "latent": 5, "epochs": 3}, spec)
    assert (config.options.latent, config.training.epochs) == (5, 3)
    assert config.options.likelihood == "discretized_logistic"
    assert config.training.batch_size == spec.presets["cifar10"]["batch_size"]


def test_a_run_records_the_options_of_its_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--preset", "cifar10", "--network", "mlp", "--units", "8", "--latent", "2", "--epochs", "1"]
    assert (
        main(["run", "vae", *options, "--compile", "graph", "--no-pictures", "--evaluate", "none", "--name", "r"]) == 0
    )
    recorded = json.loads((tmp_path / "runs/r/config.json").read_text())
    assert recorded["options"]["likelihood"] == "discretized_logistic"
    assert recorded["options"]["latent"] == 2
    assert recorded["training"]["batch_size"] == 64


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--preset", "cifar"], "unknown preset 'cifar'; did you mean 'cifar10'"),
        (["--preset"], "--preset needs a name"),
        (["--preset", "cifar10", "--config", "c.json"], "cannot be given together"),
    ],
    ids=["unknown", "none", "both"],
)
def test_a_wrong_preset_is_refused_in_one_line(arguments, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text('{"training": {"epochs": 1}}')
    assert main(["run", "vae", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_a_model_without_presets_says_so():
    spec = dataclasses.replace(REGISTRY.model("vae"), presets={})
    with pytest.raises(OptionError, match="has no presets"):
        preset(spec, "cifar10")
    with pytest.raises(UnknownNameError):
        preset(REGISTRY.model("vae"), "nothing")


@pytest.mark.parametrize("values", [{"widht": 3}, {"latent": 0}, {"epochs": "many"}], ids=str)
def test_a_preset_of_impossible_options_is_refused_when_its_plugin_loads(values):
    spec = dataclasses.replace(REGISTRY.model("vae"), presets={"mine": values})
    with pytest.raises(PluginError, match="preset 'mine'"):
        check_presets(spec)
