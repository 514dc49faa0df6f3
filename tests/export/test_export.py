"""Exported runs load without tfgen and compute what the run computes; mistakes are one line."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfgen
from tests.slow import slow
from tfgen.cli.main import main
from tfgen.errors import OptionError, OutputError
from tfgen.export import catalogue, export_run
from tfgen.plugin.specs import ExportFormatSpec

FLOW = {"layers": 2, "units": 8}
RUNS = {
    "realnvp": FLOW,
    "nice": FLOW,
    "spline_flow": FLOW,
    "conditional_realnvp": FLOW,
    "vae": {"network": "conv", "latent": 3},
    "cvae": {"network": "mlp", "units": 8, "latent": 3},
    "gan": {"network": "mlp", "units": 8, "latent": 3},
    "cgan": {"network": "conv", "latent": 3},
    "pixelcnn": {"blocks": 1, "filters": 4},
}
#: Functions that the formats cannot hold, and why.
LEFT_OUT = {
    ("onnx", "pixelcnn"): ({"sample", "inpaint"}, "has not the operations"),
    ("litert", "pixelcnn"): ({"inpaint"}, "has not the operations"),
}
FORMATS = {("savedmodel", "realnvp"), ("onnx", "realnvp"), ("litert", "realnvp")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a function that gives the run of a model."""
    folder, runs = tmp_path_factory.mktemp("runs"), {}

    def run(model):
        if model not in runs:
            runs[model] = tfgen.train(
                model, data="digits", epochs=1, compile="graph", quiet=True, pictures=False, limit=200,
                runs_dir=folder, name=f"{model}_<b>", evaluate=50, **RUNS[model],
            )  # fmt: skip
        return runs[model]

    return run


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pair if pair in FORMATS else slow(*pair)
        for pair in [(name, model) for name in ("savedmodel", "onnx", "litert") for model in RUNS]
    ],
)
def test_every_function_is_the_runs_in_a_process_without_tfgen(name, model, trained, tmp_path):
    run, out = trained(model), tmp_path / "model"
    export = export_run(run, out, name, licence="CC0-1.0")
    left_out, why = LEFT_OUT.get((name, model), (set(), ""))
    assert set(export.left_out) == left_out
    assert all(why in reason for reason in export.left_out.values())
    assert all(found.rounding and found.examples == 64 for found in export.differences)
    content = json.loads((out / "signature.json").read_text())
    assert set(content["signatures"]) == {found["signature"] for found in content["checked"]} == set(export.signatures)
    card = (out / "model_card.md").read_text()
    for text in ("CC0-1.0", "load\\_digits", "test", "\\<b\\>", "random numbers, " if name != "savedmodel" else "seed"):
        assert text in card
    done = subprocess.run(
        [sys.executable, "-P", out / "example.py"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("(4,)" if "sample" in left_out else "(4, 8, 8, 1) uint8")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        slow(name, model)
        for name in ("savedmodel", "onnx", "litert")
        for model in ("nice", "realnvp", "spline_flow", "vae", "gan")
        if (name, model) != ("litert", "spline_flow")
    ],
)
def test_models_of_a_table_with_categories_are_held_whole(name, model, tmp_path):
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "length": random.normal(6, 2, 300),
            "count": random.poisson(4, 300),
            "colour": random.choice(["red", "green", "blue"], 300),
            "kind": random.choice(["a", "b"], 300),
        }
    )
    table.to_csv(tmp_path / "mixed.csv", index=False)
    options = {"vae": {"likelihood": "gaussian", "network": "mlp", "units": 8, "latent": 3}, "gan": RUNS["gan"]}
    run = tfgen.train(
        model, data=str(tmp_path / "mixed.csv"), categorical=["colour", "kind"], epochs=1, compile="graph", quiet=True,
        pictures=False, evaluate="none", runs_dir=tmp_path / "runs", data_dir=str(tmp_path / "cache"), name="mixed",
        **options.get(model, FLOW),
    )  # fmt: skip
    export = export_run(run, tmp_path / "model", name)
    assert not export.left_out
    assert all(found.rounding for found in export.differences)


def test_an_export_that_is_not_the_run_is_an_error_and_leaves_nothing(trained, tmp_path):
    def other_seeds(signatures, model, folder):
        from tfgen.export.saved_model import write

        shifted = {
            name: replace(
                found, call=lambda call=found.call, **tensors: call(**{**tensors, "seed": tensors["seed"] + 1})
            )
            for name, found in signatures.items()
            if name == "sample"
        }
        return write({**signatures, **shifted}, model, folder)

    run = trained("realnvp")
    run.registry.add_export_format(
        ExportFormatSpec("wrong", other_seeds, catalogue.FORMATS[0].load, "wrong on purpose")
    )
    with pytest.raises(OutputError, match="the export's sample is not the run's: largest difference"):
        export_run(run, tmp_path / "model", "wrong")
    assert not any(tmp_path.iterdir())


def test_a_format_whose_loader_needs_tfgen_is_an_error(trained, tmp_path):
    run = trained("realnvp")
    run.registry.add_export_format(
        ExportFormatSpec("needy", catalogue.FORMATS[0].write, "import tfgen\n\ndef load(folder): ...\n", "needs tfgen")
    )
    with pytest.raises(OutputError, match=r"does not work without tfgen: .*tfgen"):
        export_run(run, tmp_path / "model", "needy")


def test_what_is_not_installed_is_named_with_the_command(trained, tmp_path):
    run = trained("realnvp")
    run.registry.add_export_format(
        ExportFormatSpec("far", "nowhere:write", "", "far away", extra="far", imports=("no_such_module",))
    )
    with pytest.raises(OptionError, match=r"format far needs no_such_module, .* pip install 'tfgen-prob\[far\]'"):
        export_run(run, tmp_path / "model", "far")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "savedmodell"), "did you mean 'savedmodel'"),
        (("--particles", "0"), "--particles must be at least 1"),
        (("--out", "{run}"), "is there already"),
        (("--temperature", "2"), "temperature"),
    ],
)
def test_mistakes(arguments, says, trained, tmp_path, capsys):
    run = trained("realnvp")
    before = sorted(run.folder.rglob("*"))
    code = main(["export", str(run.folder), *(word.format(run=run.folder) for word in arguments)])
    _, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("loading TensorFlow")]
    assert code == 2
    assert len(lines) == 1, err
    assert says in lines[0]
    assert sorted(run.folder.rglob("*")) == before


def test_the_command_prints_what_it_wrote(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tfgen.export.export.verify", lambda *_: [])
    out = tmp_path / "model"
    assert main(["export", str(trained("realnvp").folder), "--out", str(out)]) == 0
    assert f"written   {out}" in capsys.readouterr().out
    assert (out / "saved_model.pb").is_file()
    sampled = tf.saved_model.load(str(out)).signatures["sample"](
        count=tf.constant(3), seed=tf.constant([0, 5]), first=tf.constant(0)
    )["x"]
    np.testing.assert_array_equal(sampled, trained("realnvp").model.sample(3, seed=5))


def test_without_its_data_an_export_is_compared_on_samples(tmp_path, monkeypatch):
    """And a model that cannot sample either says what is missing."""
    np.savez(tmp_path / "points.npz", x=np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32))
    run = tfgen.train(
        "realnvp", data=tmp_path / "points.npz", epochs=1, layers=2, units=4, compile="graph", quiet=True, pictures=False,
        evaluate="none", runs_dir=tmp_path / "runs", data_dir=str(tmp_path / "cache"), name="points",
    )  # fmt: skip
    seen = []
    monkeypatch.setattr(
        "tfgen.export.export.verify", lambda folder, example, signatures, known: seen.append(known) or []
    )

    def gone(*_):
        raise tfgen.DataError("the data are gone")

    monkeypatch.setattr(type(run), "data", property(gone))
    export = export_run(run, tmp_path / "model")
    assert seen[0]["x"].shape == (64, 2)
    assert export.compared_on == "64 samples of the model, since its data cannot be read here"
    assert "compared with the run itself on 64 samples" in (tmp_path / "model" / "model_card.md").read_text()
    monkeypatch.setattr("tfgen.export.compared.Samples", tfgen.HasElbo)  # a capability that a flow lacks
    with pytest.raises(tfgen.DataError, match="gone"):
        export_run(run, tmp_path / "other")


def test_a_function_that_cannot_be_compiled_for_any_number_of_examples_is_left_out(trained, tmp_path, monkeypatch):
    run = trained("realnvp")

    def log_prob(self, x, labels=None, seed=0):
        return tf.reshape(tf.stack([tf.reduce_sum(tf.cast(x[i], tf.float32)) for i in range(x.shape[0])]), [-1])

    monkeypatch.setattr(type(run.model), "log_prob", log_prob)
    monkeypatch.setattr("tfgen.export.export.verify", lambda *_: [])
    export = export_run(run, tmp_path / "model")
    assert set(export.left_out) == {"log_prob"}
    assert "log_prob failed: TypeError" in export.left_out["log_prob"]
    assert "for any number of examples" in export.left_out["log_prob"]


def test_a_function_that_fails_on_the_examples_is_one_line(trained, tmp_path, monkeypatch):
    run = trained("realnvp")

    def log_prob(self, x, labels=None, seed=0):
        return tf.reshape(tf.cast(x, tf.float32), [-1, 7])[:, 0]

    monkeypatch.setattr(type(run.model), "log_prob", log_prob)
    monkeypatch.setattr(
        "tfgen.export.verify._run_fresh", lambda arguments: np.savez(arguments[2], **dict.fromkeys(run_signatures, 0))
    )
    run_signatures = ("sample", "log_prob", "encode", "decode")
    with pytest.raises(OutputError, match="the run's own log_prob failed: ") as told:
        export_run(run, tmp_path / "deep" / "er" / "model")
    assert "\n" not in str(told.value)
    assert not any(tmp_path.iterdir())  # the folders above are gone too


def test_an_export_keeps_nothing_of_the_model_in_memory(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.export.export.verify", lambda *_: [])
    run = tfgen.load(trained("realnvp").folder)
    model = weakref.ref(run.model)
    export_run(run, tmp_path / "model")
    del run
    gc.collect()
    assert model() is None


def test_a_model_that_draws_by_tensorflows_own_generator_keeps_its_seed(trained, tmp_path, monkeypatch):
    run = trained("realnvp")

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.random.stateless_uniform([n, 8, 8, 1], tfgen.as_seed(seed), maxval=17, dtype=tf.int32)

    monkeypatch.setattr(type(run.model), "sample", lambda *a, **k: tf.cast(sample(*a, **k), tf.uint8))
    monkeypatch.setattr("tfgen.export.export.verify", lambda *_: [])
    export_run(run, tmp_path / "model")
    exported = tf.saved_model.load(str(tmp_path / "model")).signatures["sample"]
    first, other = (exported(count=tf.constant(4), seed=tf.constant([0, s]), first=tf.constant(0))["x"] for s in (1, 2))
    assert (first.numpy() != other.numpy()).any()
