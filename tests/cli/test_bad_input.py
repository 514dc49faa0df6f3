"""Every mistake that a user can mend: one line on stderr, exit code 2, no traceback, and nothing lost."""

import gzip
import json
import shutil
import subprocess
import sys
import textwrap

import pytest
from filelock import FileLock

from tests.slow import slow
from tfgen.cli.main import main
from tfgen.data import cache
from tfgen.data.spec import DataSpec
from tfgen.training.saved_steps import saved_steps

TINY = ("--units", 8, "--layers", 2, "--depth", 1, "--epochs", 2, "--compile", "graph", "--checkpoint-seconds", 0)

PLUGIN = '''
from dataclasses import dataclass
import numpy as np
from tfgen import DatasetSpec, DataSpec, ModelSpec, hookimpl
from tfgen.data.dataset import Dataset, Split

@dataclass(frozen=True)
class Config:
    """Options."""

    start: float = 0.0
    """Where it starts."""

def make(config, data, seed):
    import tensorflow as tf
    from tfgen import GenerativeModel, Objective

    class Diverging(GenerativeModel):
        """Its loss is infinite from step 12 on."""

        def __init__(self, config, data, seed):
            super().__init__(config, data, seed)
            if data.kind != "image":
                raise self.refuse("it takes images only.")
            self.a = self.add_weight(shape=(), initializer="zeros", name="a")

        def objectives(self):
            return [Objective("loss", self.loss_of, [self.a])]

        def loss_of(self, batch, seed, context):
            late = tf.cast(context.step >= 12, tf.float32)
            return {"loss": (self.a - 1.0) ** 2 / (1.0 - late)}

    return Diverging(config, data, seed)

def dots(sources):
    return dataset("dots", np.zeros((40, 1, 1, 1), np.uint8))

def glare(sources):
    return dataset("glare", np.full((40, 8, 8, 1), 17, np.uint8), 17)

def floats(sources):
    return dataset("floats", np.full((40, 8, 8, 1), 256.5, np.float32))

def dataset(name, x, levels=256):
    split = Split(x)
    spec = DataSpec("image", x.shape[1:], levels=levels)
    return Dataset(name, spec, {"train": split, "valid": split, "test": split})

@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("diverging", Config, make, summary="Diverges."))
    registry.add_dataset(DatasetSpec("dots", dots, summary="Images of one pixel."))
    registry.add_dataset(DatasetSpec("glare", glare, summary="Brighter than its spec says."))
    registry.add_dataset(DatasetSpec("floats", floats, summary="Images of floats."))
'''


@pytest.fixture
def fails(capsys):
    """Return a function that runs a command which must fail as a user's mistake should, and returns its one line."""

    def fails(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line != "loading TensorFlow ..."]
        assert code == 2, err
        assert out == ""
        assert len(lines) == 1, err
        assert lines[0].startswith("tfgen: ")
        assert "Traceback" not in err
        return lines[0]

    return fails


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "stranger.py"
    path.write_text(PLUGIN)
    return path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Words that the command line does not know


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["runn"], "unknown command 'runn'; did you mean 'run'?"),
        (["--verbos", "list"], "unknown option '--verbos'; did you mean '--verbose'?"),
        (["-p"], "-p: expected one argument"),
        (["run"], "which model? Models are cgan, conditional_realnvp, cvae, gan, nice"),
        (["run", "realnpv"], "unknown model 'realnpv'; did you mean 'realnvp'?"),
        (["run", "realnvp", "--epohcs", "3"], "unknown option '--epohcs'; did you mean '--epochs'?"),
        (["run", "realnvp", "--unit", "3"], "unknown option '--unit'; did you mean '--units'?"),
        (["run", "realnvp", "--data", "digit"], "unknown data set 'digit'; did you mean 'digits'?"),
        (["run", "realnvp", "digits"], "'digits' is one argument too many"),
        (["list", "--jsn"], "unknown option '--jsn'"),
        (["plugins", "--jsn"], "unknown option '--jsn'; did you mean '--json'?"),
        (["sample"], "Missing from tfgen sample: PATH"),
        (["-p", "no:flosw", "list"], "unknown plugin 'flosw'; did you mean 'flows'?"),
    ],
)
def test_unknown_names_get_the_closest(arguments, says, fails):
    assert says in fails(*arguments)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--epochs", "abc"], "--epochs must be a whole number, got 'abc'"),
        (["--epochs", "1.5"], "--epochs must be a whole number, got '1.5'"),
        (["--learning-rate", "fast"], "--learning-rate must be a number, got 'fast'"),
        (["--epochs"], "Missing value for argument '--epochs'"),
        (["--optimizer", "sgd"], "unknown optimizer 'sgd'"),
        (["--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["--epochs", "-3"], "--epochs must be at least 1, got -3"),
        (["--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        (["--layers", "0"], "--layers must be at least 1, got 0"),
        (["--learning-rate", "nan"], "--learning-rate must be above 0, got nan"),
        (["--ema", "1"], "--ema must be in [0, 1), got 1.0"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--batch-size", "1298"], "--batch-size must be at most the 1297 training examples, got 1298"),
        (["--warmup-steps", "99999"], "--warmup-steps must be below the"),
        (["--manual-dir", "no-such-folder"], "--manual-dir no-such-folder: there is no such folder"),
        (["--config", "nope.json"], "nope.json is missing"),
        (["--config"], "--config needs the name of a file"),
    ],
)
def test_unsuitable_values(options, says, fails, tmp_path):
    assert says in fails("run", "realnvp", "--runs-dir", tmp_path / "runs", *options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("vae", ["--latent", "0"], "--latent must be at least 1, got 0"),
        ("vae", ["--beta", "-0.1"], "--beta must be 0 or more, got -0.1"),
        ("vae", ["--prior", "mog", "--components", "0"], "--components must be at least 1, got 0"),
        ("vae", ["--objective", "iwae", "--particles", "0"], "--particles must be at least 1, got 0"),
        ("vae", ["--prior", "conditional"], "invalid choice 'conditional' for argument '--prior'"),
        ("vae", ["--data", "two_gaussians"], "vectors need --network mlp --likelihood gaussian"),
        ("cvae", ["--prior", "flow", "--latent", "1"], "--latent must be at least 2 with --prior flow, got 1"),
    ],
)
def test_unsuitable_autoencoders(model, options, says, fails, tmp_path):
    assert says in fails("run", model, "--runs-dir", tmp_path / "runs", *options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--blocks", "0"], "--blocks must be at least 1, got 0"),
        (["--filters", "0"], "--filters must be at least 1, got 0"),
        (["--reach", "0"], "--reach must be at least 1, got 0"),
        (["--first-reach", "-1"], "--first-reach must be at least 1, got -1"),
        (["--components", "0"], "--components must be at least 1, got 0"),
        (["--attention", "-1"], "--attention must be 0 or more, got -1"),
        (["--dropout", "1"], "--dropout must be in [0, 1), got 1.0"),
        (["--dropout", "nan"], "--dropout must be in [0, 1), got nan"),
        (["--output", "gaussian"], "invalid choice 'gaussian' for argument '--output'"),
        (["--data", "two_gaussians"], "a PixelCNN models pixels in raster order, so it needs images"),
        (
            ["--data", "dots", "--batch-size", "8", "--conditional"],
            "it is conditional, and this data set has no labels",
        ),
    ],
)
def test_unsuitable_pixelcnns(options, says, fails, plugin, tmp_path):
    assert says in fails("-p", plugin, "run", "pixelcnn", "--runs-dir", tmp_path / "runs", *options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize(("option", "value"), [("--batch-size", 0), ("--batch-size", -1), ("--batch-size", "x")])
def test_unsuitable_batches(command, option, value, fails, tiny_run):
    assert option in fails(command, tiny_run, option, value)


def test_unsuitable_counts_labels_and_splits(fails, tiny_run):
    before = contents(tiny_run)
    assert "--count must be at least 1, got 0" in fails("sample", tiny_run, "--count", 0)
    assert "--count must be at most 10000 for a picture, got 10001; write an .npz" in fails(
        "sample", tiny_run, "--count", 10_001
    )
    assert "takes no labels; leave --labels out" in fails("sample", tiny_run, "--labels", 1, 2)
    assert "unknown option '--temperature'" in fails("sample", tiny_run, "--temperature", 0.8)
    assert "--draws must be at least 1" in fails("evaluate", tiny_run, "--draws", 0)
    assert "invalid choice 'tset'" in fails("evaluate", tiny_run, "--split", "tset")
    assert "unknown metric 'bits_per_dm'; did you mean 'bits_per_dim'?" in fails(
        "evaluate", tiny_run, "--metric", "bits_per_dm"
    )
    assert "model RealNVP has no bound, hence no elbo_nats; ask for nll_nats" in fails(
        "evaluate", tiny_run, "--metric", "elbo_nats"
    )
    assert contents(tiny_run) == before


def test_words_are_told_in_one_line_whatever_the_terminal(monkeypatch, fails):
    monkeypatch.setenv("COLUMNS", "40")
    line = fails("run", "realnvp", "--activation", "relo")
    assert "Expected one of ('relu', 'gelu', 'silu', 'tanh'); see: tfgen run realnvp --help" in line
    assert "--" * 3 not in line
    assert "─" not in line


def test_a_gpu_that_is_not_there(fails, tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    line = fails("run", "realnvp", "--device", "gpu", "--runs-dir", tmp_path / "runs")
    assert "--device gpu: TensorFlow sees no GPU here" in line
    assert "pip install '.[gpu]'" in line
    assert not (tmp_path / "runs").exists()


# Data


def test_data_that_the_model_cannot_take(fails, plugin, tmp_path):
    runs = ("--runs-dir", tmp_path / "runs")
    line = fails("-p", plugin, "run", "diverging", "--data", "two_gaussians", *runs)
    assert "it takes images only" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("glare", "split 'train': grey levels must lie in 0 .. 16, as spec.levels says; got 17"),
        ("floats", "expected uint8 examples of shape (8, 8, 1) with grey levels 0 .. 255, got float32"),
    ],
)
@pytest.mark.parametrize("model", ["vae", "realnvp"])
def test_data_beyond_their_grey_levels(model, data, says, fails, plugin, tmp_path):
    assert says in fails("-p", plugin, "run", model, "--data", data, "--runs-dir", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_offline_without_manual_dir(fails, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.data.download._reachable", lambda url: False)
    line = fails("run", "realnvp", "--data", "mnist", "--data-dir", tmp_path / "data", "--runs-dir", tmp_path / "runs")
    assert "cannot be reached; pass --manual-dir DIR" in line
    assert "train-images-idx3-ubyte.gz" in line
    assert not (tmp_path / "runs").exists()


def test_a_truncated_file_by_hand(fails, tmp_path):
    manual = tmp_path / "manual"
    manual.mkdir()
    (manual / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"cut off"))
    before = contents(manual)
    line = fails(
        "run", "realnvp", "--data", "mnist", "--data-dir", tmp_path / "data", "--manual-dir", manual,
        "--runs-dir", tmp_path / "runs",
    )  # fmt: skip
    assert "train-images-idx3-ubyte.gz is not the file that mnist needs" in line
    assert contents(manual) == before
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("damage", ["cut", "overwritten", "missing"])
def test_a_damaged_prepared_file(damage, fails, tmp_path):
    folder = tmp_path / "data" / "tfgen" / "kmnist" / "3.0.1"
    layout = cache.Layout("test", DataSpec("image", (4, 4, 1), 10), {"train": 20, "valid": 5, "test": 5})
    with cache.written(folder, layout) as splits:
        splits["train"].x[:] = 1
    path = folder / "train-x.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "overwritten":
        path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    else:
        path.unlink()
    line = fails("run", "realnvp", "--data", "kmnist", "--data-dir", tmp_path / "data", "--runs-dir", tmp_path / "runs")
    assert f"{path} is damaged" in line
    assert "delete the folder" in line
    assert not (tmp_path / "runs").exists()


# Run folders


def test_a_name_that_is_taken_or_no_name(fails, tiny_run):
    before = contents(tiny_run)
    where = ("--runs-dir", tiny_run.parent)
    assert "exists; choose another --name" in fails("run", "realnvp", "--name", "tiny", *where)
    for name in ("a/b", "..", "."):
        assert "is no plain folder name" in fails("run", "realnvp", "--name", name, *where)
    assert "more than 200 bytes" in fails("run", "realnvp", "--name", "x" * 300, *where)
    assert contents(tiny_run) == before
    assert [path.name for path in tiny_run.parent.iterdir()] == ["tiny"]


def test_runs_dir_is_a_file(fails, tmp_path):
    (tmp_path / "file").write_text("precious")
    options = ["--runs-dir", tmp_path / "file", *TINY]
    assert "it is not a folder; choose another --runs-dir" in fails("run", "realnvp", *options)
    assert "it is not a folder" in fails("run", "realnvp", *options, "--name", "x")
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("command", ["resume", "evaluate", "sample", "inpaint", "info"])
def test_what_is_no_run(command, fails, tiny_run, tmp_path):
    assert "is no folder" in fails(command, tmp_path / "nothing")
    assert "is no folder" in fails(command, "x" * 300)
    assert "is no folder" in fails(command, tiny_run / "config.json")
    (tmp_path / "empty").mkdir()
    make_it = f"make the run: tfgen run MODEL --runs-dir {tmp_path} --name empty"
    assert make_it in fails(command, tmp_path / "empty")
    assert "it has no config.json" in fails(command, tmp_path)
    assert "it holds the runs tiny" in fails(command, tiny_run.parent)


def _set(folder, file, key, value):
    content = json.loads((folder / file).read_text())
    *path, last = key.split("/")
    inner = content
    for part in path:
        inner = inner[part]
    inner[last] = value
    (folder / file).write_text(json.dumps(content))


@pytest.mark.parametrize("text", [b'{"model": "realn', b"", b"\xff\xfe\x00", b"[]", b"{}"])
def test_a_damaged_config(text, fails, run_copy):
    (run_copy / "config.json").write_bytes(text)
    for command in ("sample", "evaluate", "resume", "info"):
        line = fails(command, run_copy)
        assert f"{run_copy / 'config.json'} is damaged" in line
        assert "restore it from a copy, or make the run again" in line


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model", 3, "its 'model' is missing or malformed"),
        ("options", [], "its 'options' is missing or malformed"),
        ("training", "x", "its 'training' is missing or malformed"),
        ("plugin", "x", "its 'plugin' is missing or malformed"),
        ("versions", 3, "its 'versions' is missing or malformed"),
        ("sources", {"data_dir": ["x"]}, "an entry of its 'sources' is no text"),
        ("plugin", {"file": [1]}, "an entry of its 'plugin' is no text"),
        ("format", 99, "has format 99"),
    ],
)
def test_a_config_of_the_wrong_shape(key, value, says, fails, run_copy):
    _set(run_copy, "config.json", key, value)
    for command in ("sample", "info"):
        line = fails(command, run_copy)
        assert str(run_copy / "config.json") in line
        assert says in line


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("options/layers", "two", "option 'layers' must be a whole number, got 'two'"),
        ("options/layers", 0, "--layers must be at least 1"),
        ("options/layrs", 2, "unknown option 'layrs'; did you mean 'layers'?"),
        ("training/epochs", True, "option 'epochs' must be a whole number, got True"),
        ("training/epochs", None, "option 'epochs' must be a whole number, got None"),
        ("device", "tpu", "option 'device' must be one of"),
        ("compile_mode", "bogus", "option 'compile_mode' must be one of"),
        ("datas", "digits", "unknown option 'datas'; did you mean 'data'?"),
        ("data_spec", {"kind": "image"}, "option 'shape' is missing"),
        ("data_spec/shape", [8, "x", 1], "option 'shape' must be"),
        ("data_spec/kind", "sound", "option 'kind' must be one of"),
    ],
)
def test_a_config_with_wrong_options(key, value, says, fails, run_copy):
    _set(run_copy, "config.json", key, value)
    line = fails("sample", run_copy)
    assert str(run_copy / "config.json") in line
    assert says in line


@pytest.mark.parametrize("where", ["{plugin}:Class", "{plugin}", "os:system", "tfgen_plugins.flows.model:RealNVP"])
def test_a_config_that_names_a_path_or_a_class_runs_nothing(where, fails, run_copy, tmp_path):
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'proof')!r}, 'w')")
    _set(run_copy, "config.json", "model", where.format(plugin=evil))
    _set(run_copy, "config.json", "plugin/file", str(evil))
    assert "not installed" in fails("sample", run_copy)
    assert not (tmp_path / "proof").exists()


def test_a_run_of_a_plugin_that_is_not_installed(fails, run_copy, capsys):
    _set(run_copy, "config.json", "model", "waveflow")
    _set(
        run_copy,
        "config.json",
        "plugin",
        {"name": "waves", "distribution": "tfgen-waves", "version": "1", "file": None},
    )
    for command in ("sample", "evaluate", "resume"):
        line = fails(command, run_copy)
        assert "'waveflow' of plugin 'waves' (tfgen-waves), which is not installed" in line
        assert "-p FILE" in line
    assert main(["info", str(run_copy)]) == 0
    assert "waveflow" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['{"model"', "[]", "{}", '{"model": 3}'])
def test_damaged_results(text, fails, run_copy):
    (run_copy / "results.json").write_text(text)
    for command in ("sample", "evaluate", "resume", "info"):
        line = fails(command, run_copy)
        assert f"{run_copy / 'results.json'} is damaged" in line
        assert f"delete it, then: tfgen resume {run_copy}" in line


def test_what_the_line_about_damaged_results_says_works(run_copy, no_pictures):
    (run_copy / "results.json").unlink()
    assert main(["resume", str(run_copy)]) == 0
    assert json.loads((run_copy / "results.json").read_text())["steps"] == 20


@pytest.mark.parametrize(
    ("key", "value"), [("test", 3), ("test/nll_nats", 3), ("test/nll_nats/value", "x"), ("steps", "x")]
)
def test_results_of_the_wrong_shape(key, value, fails, run_copy):
    _set(run_copy, "results.json", key, value)
    assert "results.json is damaged" in fails("info", run_copy)


@pytest.mark.parametrize("line", [b"{", b"3", b"{}", b'{"step": "x"}', b"\xff\xff"])
def test_damaged_metrics(line, fails, run_copy):
    (run_copy / "results.json").unlink()
    path = run_copy / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n")
    number = whole.count(b"\n") + 1
    for command in ("sample", "resume"):
        assert f"{path}, line {number} is damaged; remove that line" in fails(command, run_copy)


def _newest(folder, kind):
    step = saved_steps(folder)[-1]
    return next((folder / "checkpoints").glob(f"step-{step}.{kind}*"))


@pytest.mark.parametrize("kind", ["data", "index"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten", "flipped"])
def test_a_damaged_checkpoint(kind, damage, fails, run_copy, tiny_run):
    (run_copy / "results.json").unlink()
    assert len(saved_steps(run_copy)) == 2
    path = _newest(run_copy, kind)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes({
        "cut": data[:middle],
        "emptied": b"",
        "overwritten": bytes(len(data)),
        "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
    }[damage])  # fmt: skip
    before = contents(run_copy / "checkpoints")
    # The flipped byte of the data lies in an optimizer's slot, which sampling does not read.
    for command in ("resume",) if (kind, damage) == ("data", "flipped") else ("sample", "resume"):
        line = fails(command, run_copy)
        assert "is damaged" in line
        assert f"delete {path.parent / path.name.partition('.')[0]}.* to go back to step" in line
    assert contents(run_copy / "checkpoints") == before


@pytest.mark.parametrize("kind", ["data", slow("index")])
def test_what_the_line_about_a_damaged_checkpoint_says_works(kind, run_copy, tiny_run, no_pictures):
    (run_copy / "results.json").unlink()
    path = _newest(run_copy, kind)
    path.write_bytes(b"damaged")
    for part in path.parent.glob(path.name.partition(".")[0] + ".*"):
        part.unlink()
    assert main(["resume", str(run_copy)]) == 0
    expected, found = (json.loads((folder / "results.json").read_text())["test"] for folder in (tiny_run, run_copy))
    assert found == expected


def test_a_checkpoint_without_its_data_or_of_another_model(fails, run_copy):
    (run_copy / "results.json").unlink()
    for layers in (1, 3):
        _set(run_copy, "config.json", "options/layers", layers)
        assert "does not fit this model" in fails("sample", run_copy)
        assert "does not fit this model" in fails("resume", run_copy)
    _set(run_copy, "config.json", "options/layers", 2)
    _newest(run_copy, "data").unlink()
    assert "is damaged" in fails("sample", run_copy)
    assert "is damaged" in fails("resume", run_copy)


def test_checkpoints_that_are_gone(fails, run_copy):
    (run_copy / "results.json").unlink()
    shutil.rmtree(run_copy / "checkpoints")
    for command in ("sample", "evaluate", "resume"):
        assert "holds no checkpoint" in fails(command, run_copy)


def test_a_finished_run_is_not_resumed(fails, tiny_run):
    before = contents(tiny_run)
    assert "is finished; nothing is left to train" in fails("resume", tiny_run)
    assert contents(tiny_run) == before


def test_two_processes_never_train_one_run(fails, run_copy, no_pictures):
    (run_copy / "results.json").unlink()
    before = contents(run_copy)
    with FileLock(run_copy / ".lock"):
        assert "is being trained by another process" in fails("resume", run_copy)
    assert contents(run_copy) == before
    assert main(["resume", str(run_copy)]) == 0


# Outputs


def test_outputs_that_cannot_be_written(fails, tiny_run, tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder.png").mkdir()
    sample = ("sample", tiny_run, "--count", 4, "--out")
    assert "cannot write" in fails(*sample, tmp_path / "file" / "x.png")
    assert "choose another place" in fails(*sample, tmp_path / "file" / "deeper" / "x.npz")
    assert "it is a folder; name a file" in fails(*sample, tmp_path / "folder.png")
    for name in ("x.txt", "x", "x.jpg"):
        assert "must end in .png (a picture), .npz (arrays), or .csv or .parquet (a table)" in fails(
            *sample, tmp_path / name
        )
    assert "cannot write" in fails(*sample, tmp_path / ("x" * 300 + ".png"))
    assert (tmp_path / "file").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_full_disk_while_sampling_keeps_the_old_file(fails, tiny_run, tmp_path, monkeypatch):
    out = tmp_path / "x.npz"
    out.write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfgen.runs.sample_file.write_npz", full)
    monkeypatch.setattr("tfgen.progress.Bar.update", lambda *arguments, **named: None)
    assert "No space left on device" in fails("sample", tiny_run, "--out", out, "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    assert out.read_text() == "old"


# From the second checkpoint on, no file may grow beyond what is free: as on a full disk.
FULL_DISK = """
    import resource, signal
    from tfgen import hookimpl

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    @hookimpl
    def tfgen_progress(run, step):
        if step >= 20:
            newest = max(path.stat().st_size for path in (run.folder / "checkpoints").glob("*.data*"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (newest // 2, resource.RLIM_INFINITY))
"""


def test_a_full_disk_while_checkpointing(tmp_path, no_pictures):
    plugin = tmp_path / "full_disk.py"
    plugin.write_text(textwrap.dedent(FULL_DISK))
    options = [*TINY, "--epochs", 4, "--units", 64]
    arguments = ["run", "realnvp", "--runs-dir", tmp_path / "runs", "--name", "full", *options]

    def tfgen(*words):
        command = [sys.executable, "-m", "tfgen", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = tfgen("-p", plugin, *arguments)
    run = tmp_path / "runs" / "full"
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"tfgen: cannot write a checkpoint into {run / 'checkpoints'}")
    assert "the one of step 10 is still good" in last
    assert f"tfgen resume {run}" in last
    assert saved_steps(run)[-1] == 10
    assert not (run / "results.json").exists()
    assert main(["resume", str(run)]) == 0
    assert json.loads((run / "results.json").read_text())["steps"] == 40
    assert [path.suffix for path in (run / "checkpoints").iterdir() if "temp" in path.name] == []


# Plugins


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "there is no file"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def broken(:", "invalid syntax"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1", "hook"),
    ],
)
def test_plugin_files_that_do_not_work(code, says, fails, tmp_path):
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code)
    line = fails("-p", path, "list")
    assert str(path) in line
    assert "does not load" in line
    assert says in line


def test_a_module_that_is_not_there(fails):
    assert "No module named 'nothing_of_that_name'" in fails("-p", "nothing_of_that_name", "list")


def test_a_loss_that_becomes_infinite(plugin, tmp_path, capsys):
    arguments = ["-p", plugin, "run", "diverging", "--runs-dir", tmp_path, "--name", "x", *TINY[6:]]
    assert main([str(argument) for argument in arguments]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "tfgen: loss or gradient is not finite at step 13 (epoch 2); the checkpoint of step 10 is good;"
    )
    assert "try a smaller --learning-rate" in line
    assert saved_steps(tmp_path / "x")[-1] == 10
    assert not (tmp_path / "x" / "results.json").exists()
