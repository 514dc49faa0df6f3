"""The commands: what they print, that looking around loads no TensorFlow, and that Python gives what they give."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import tfgen
from tfgen.cli.commands.run import parse_options
from tfgen.cli.main import main
from tfgen.metrics import measured, metrics_to_json
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import field_names
from tfgen.plugin.specs import CORE_COMMANDS
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.config import default_config
from tfgen_plugins.flows import RealNVPConfig

#: The options of `tiny_run`.
TINY = ["--epochs=2", "--units=8", "--layers=2", "--depth=1", "--compile=graph", "--checkpoint-seconds=0"]

LOOKING_AROUND = """
import json, sys
from tfgen.cli.main import main

for arguments in json.loads(sys.argv[1]):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 0, arguments
    loaded = {"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "matplotlib"} & set(sys.modules)
    assert not loaded, (arguments, loaded)
"""


def run_main(capsys, *arguments):
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 0
    return capsys.readouterr().out


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_looking_around_loads_no_tensorflow(tiny_run):
    commands = [
        ["--help"], ["list"], ["plugins"], ["plugins", "--json"], ["datasets"], ["run", "realnvp", "--help"],
        ["run", "--help"], ["info", str(tiny_run)], ["sample", "--help"], ["classify", "--help"], ["resume", "--help"],
    ]  # fmt: skip
    program = [sys.executable, "-c", LOOKING_AROUND, json.dumps(commands)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command(capsys):
    out = run_main(capsys, "--help")
    for command in (*CORE_COMMANDS, *load_registry().commands):
        assert f"\n  {command} " in out
    assert main([]) == 2  # no command is a mistake; what helps is shown
    assert capsys.readouterr().out == out


def test_help_of_a_model_shows_its_options_beside_those_of_training(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")  # one column
    out = re.sub(r"[\s│─╭╮╰╯]+", " ", help_of(capsys, "run", "realnvp", "--help"))
    for name in [*field_names(RealNVPConfig), *field_names(TrainOptions), "data", "name", "runs_dir", "config"]:
        assert re.search(rf"--{name.replace('_', '-')}[ ,]", out), name
    defaults = default_config(load_registry().model("realnvp"))
    assert re.search(rf"--layers INT Coupling layers[^()]*\(default: {defaults.options.layers}\)", out)
    assert f"--epochs INT Passes over the training examples. (default: {defaults.training.epochs})" in out
    assert defaults.training.schedule != TrainOptions().schedule  # a model's own default is shown, not that of training
    assert re.search(rf"--schedule STR [^(]*\([^()]*\)[^(]*\(default: {defaults.training.schedule}\)", out)
    assert "Real NVP, ICLR 2017" in out


def test_help_of_run_names_the_models(capsys):
    out = run_main(capsys, "run", "--help")
    assert "tfgen run MODEL --help" in out
    assert "realnvp" in out


def test_lists(capsys):
    assert "realnvp" in run_main(capsys, "list")
    out = run_main(capsys, "datasets")
    assert all(name in out for name in ("digits", "mnist", "fashion_mnist", "two_gaussians", "checkerboard"))
    records = {record["name"]: record for record in json.loads(run_main(capsys, "plugins", "--json"))}
    assert sorted(records["flows"]["models"]) == ["conditional_realnvp", "nice", "realnvp", "spline_flow"]
    assert records["flows"]["status"] == "loaded"
    assert "tfgen_run_started" in records["tensorboard"]["hooks"]
    table = run_main(capsys, "plugins")
    assert re.search(r"tensorboard .* tfgen_run_finished", table)
    assert re.search(r"sweep .* commands: sweep", table)


def test_a_blocked_plugin_is_out(capsys):
    assert "realnvp" not in run_main(capsys, "list", "-p", "no:flows").replace("tfgen run realnvp", "")
    assert "blocked" in run_main(capsys, "-p", "no:flows", "plugins")


def test_version(capsys):
    assert help_of(capsys, "--version").strip() == f"tfgen {tfgen.__version__}"


def test_traceback_is_shown_on_request(capsys):
    assert main(["--traceback", "run", "nothing"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_info(tiny_run, capsys):
    out = run_main(capsys, "info", tiny_run)
    assert "model     realnvp (plugin flows, tfgen-prob)" in out
    assert "units=8" in out
    assert "epochs=2" in out
    assert "state     finished" in out
    assert "bits_per_dim" in out


def test_info_of_an_unfinished_run(run_copy, capsys):
    (run_copy / "results.json").unlink()
    out = run_main(capsys, "info", run_copy)
    assert f"unfinished, saved at step 20; go on with: tfgen resume {run_copy}" in out


def test_the_command_trains_what_python_trains(tiny_run, tmp_path, capsys):
    out = run_main(capsys, "run", "realnvp", *TINY, "--runs-dir", tmp_path, "--name", "x")
    folder = tmp_path / "x"
    assert results(folder)["test"] == results(tiny_run)["test"]
    assert f"results   {folder / 'results.json'}" in out
    for picture in ("samples_before.png", "samples_half.png", "samples_after.png", "curves.png"):
        assert picture in out
        assert (folder / "figures" / picture).stat().st_size > 0


def test_the_config_of_a_run_reproduces_it_and_the_command_line_wins(tiny_run, tmp_path, capsys, no_pictures):
    config = ("--config", tiny_run / "config.json", "--runs-dir", tmp_path)
    run_main(capsys, "run", *config, "--name", "same")  # the file names the model, too
    same = results(tmp_path / "same")
    assert same["test"] == results(tiny_run)["test"]
    run_main(capsys, "run", "realnvp", *config, "--name", "other", "--epochs", 1, "--units", "4", "--seed=3")
    other = json.loads((tmp_path / "other" / "config.json").read_text())
    assert (other["training"]["epochs"], other["options"]["units"], other["training"]["seed"]) == (1, 4, 3)
    assert (other["options"]["layers"], other["training"]["compile"]) == (2, "graph")


def test_a_config_file_with_mistakes(tmp_path, capsys):
    path = tmp_path / "options.json"
    for content, says in (
        ({"training": {"epohcs": 3}}, "in the file of --config: unknown option 'epohcs'; did you mean 'epochs'?"),
        ({"training": {"epochs": "x"}}, "in the file of --config: option 'epochs' must be a whole number"),
        ({"options": []}, "option 'options' must be an object"),
    ):
        path.write_text(json.dumps(content))
        assert main(["run", "realnvp", "--config", str(path)]) == 2
        assert says in capsys.readouterr().err


def test_loaded_runs_give_what_the_commands_give(run_copy, tmp_path, capsys):
    run = tfgen.load(run_copy)
    assert run.config.training.epochs == 2
    samples = run.model.sample(16, seed=0).numpy()
    assert samples.shape == (16, 8, 8, 1)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, run.model.sample(16, seed=0))

    path = tmp_path / "x.npz"
    assert run_main(capsys, "sample", run_copy, "--count", 16, "--seed", 5, "--out", path).strip() == str(path)
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["x"], run.model.sample(200, seed=5)[:16])  # drawn in whole batches

    found = run.evaluate()
    assert metrics_to_json(found) == run.results["test"]
    out = run_main(capsys, "evaluate", run_copy)
    bits = found["bits_per_dim"]
    assert measured(bits.value, bits.standard_error) in out
    only = run_main(capsys, "evaluate", run_copy, "--metric", "nll_nats")
    assert only.startswith("test   nll_nats")
    assert only.count("\n") == 1
    assert run.results["test"] == metrics_to_json(found)
    assert "train" not in run.results
    run_main(capsys, "evaluate", run_copy, "--split", "train", "--draws", 2)
    assert run.results["train"]["nll_nats"]["basis"]["draws"] == 2
    assert run.results["test"] == metrics_to_json(found)


def test_samples_go_into_the_run_unless_told_otherwise(run_copy, capsys):
    out = run_main(capsys, "sample", run_copy, "--count", 4)
    assert out.strip() == str(run_copy / "figures" / "samples.png")
    assert (run_copy / "figures" / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_python_raises_what_the_commands_print(tmp_path):
    with pytest.raises(tfgen.TfgenError, match="unknown model 'realnpv'; did you mean 'realnvp'"):
        tfgen.train("realnpv", runs_dir=tmp_path)
    with pytest.raises(tfgen.TfgenError, match="unknown option 'epohcs'; did you mean 'epochs'"):
        tfgen.train("realnvp", runs_dir=tmp_path, epohcs=3)
    with pytest.raises(tfgen.TfgenError, match="option 'epochs' must be a whole number, got '3'"):
        tfgen.train("realnvp", runs_dir=tmp_path, epochs="3")
    with pytest.raises(tfgen.TfgenError, match="is no folder"):
        tfgen.load(tmp_path / "nothing")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["run", "training", "class", "3d-flow"])
def test_a_model_may_have_any_name(name):
    """The help has a section under the model's name; names that Python or the command have make no trouble."""
    spec = dataclasses.replace(load_registry().model("realnvp"), name=name)
    place, config = parse_options(["--units", "7", "--epochs", "3"], spec, default_config(spec))
    assert (place.data, config.model, config.options.units, config.training.epochs) == ("digits", name, 7, 3)
