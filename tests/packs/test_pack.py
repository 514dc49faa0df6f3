"""Packs of runs: everything that samples and densities depend on comes along, to the bit; the training state does not."""

from __future__ import annotations

import gc
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from safetensors.numpy import load_file

import tfgen
from tests.people_table import people
from tests.slow import slow
from tfgen.cli.main import main
from tfgen.errors import OutputError, RunError
from tfgen.packs.manifest import MANIFEST
from tfgen.plugin.loading import load_registry
from tfgen.runs import import_run, resume_run

TINY = {"epochs": 1, "compile": "graph", "quiet": True, "pictures": False, "evaluate": 20, "limit": 200}
MODELS = {
    "realnvp": {"layers": 2, "units": 8, "ema": 0.9, "keep": "last"},
    "cvae": {"network": "mlp", "units": 8, "latent": 3},
    "pixelcnn": {"blocks": 1, "filters": 4},
    "gan": {},
}


@pytest.fixture(scope="module")
def packed(tiny_run, tmp_path_factory) -> Path:
    """A pack of the tiny run."""
    return tfgen.pack(tiny_run, tmp_path_factory.mktemp("packs") / "tiny.tfgen", licence="CC-BY-4.0").path


def assert_same(run, other, labels=None):
    """Samples and densities of two runs are equal to the bit."""
    np.testing.assert_array_equal(
        run.model.sample(5, labels, seed=3).numpy(), other.model.sample(5, labels, seed=3).numpy()
    )
    for method in ("log_prob", "elbo"):
        if hasattr(run.model, method):
            x = run.model.sample(5, labels, seed=4)
            numbers = [getattr(each.model, method)(x, labels, seed=5).numpy() for each in (run, other)]
            np.testing.assert_array_equal(*numbers)


@pytest.mark.parametrize("model", [name if name == "realnvp" else slow(name) for name in MODELS])
def test_an_imported_run_is_the_run(model, tmp_path):
    """Of moving averages and the best weights those that the run samples with."""
    run = tfgen.train(model, data="digits", runs_dir=tmp_path / "runs", name="a", **TINY, **MODELS[model])
    path = tfgen.pack(run, tmp_path / "a.tfgen").path
    labels = np.arange(5) if run.model.conditional else None
    imported = import_run(path, run.registry, tmp_path / "elsewhere")
    assert_same(run, imported, labels)
    assert_same(run, tfgen.load(imported.folder), labels)
    assert imported.results == run.results
    assert imported.metrics == run.metrics


def test_a_run_of_ones_own_data_needs_no_data(tmp_path, monkeypatch):
    """Scales of columns, categories and class names come along; no folder of the machine does."""
    table, runs = tmp_path / "secret" / "people.csv", tmp_path / "secret" / "runs"
    table.parent.mkdir()
    pyarrow.csv.write_csv(people(300), table)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "secret" / "data"))
    run = tfgen.train(
        "realnvp",
        data=str(table),
        label="smoker",
        categorical=("sex",),
        runs_dir=runs,
        name="people",
        **TINY,
        layers=2,
        units=8,
    )
    samples = run.model.sample(5, seed=0).numpy()
    spec = run.data_spec
    path = tfgen.pack(run, tmp_path / "people.tfgen").path
    shutil.rmtree(tmp_path / "secret")
    loaded = tfgen.load(path)
    np.testing.assert_array_equal(loaded.model.sample(5, seed=0).numpy(), samples)
    assert loaded.data_spec == spec
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if b"secret" in archive.read(name)]
    with pytest.raises(tfgen.DataError, match="not kept in"):
        loaded.evaluate()


def test_a_pack_loads_without_leaving_anything_behind(packed, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = tfgen.load(packed)
    assert_same(tfgen.load(tiny_run), run)
    assert run.name == "tiny"
    assert any(tmp_path.iterdir())
    assert tfgen.score(packed, "digits").log_likelihood.shape == (300,)
    del run
    gc.collect()
    assert not any(tmp_path.iterdir())


def test_the_same_run_gives_the_same_bytes_from_its_folder_and_from_its_pack(packed, tiny_run, tmp_path):
    again = tfgen.pack(tiny_run, tmp_path / "again.tfgen", licence="CC-BY-4.0").path
    assert again.read_bytes() == packed.read_bytes()
    of_pack = tfgen.pack(tfgen.load(packed), tmp_path / "other.tfgen", licence="CC-BY-4.0").path
    assert of_pack.read_bytes() == packed.read_bytes()


def test_other_programs_can_read_it(packed, tmp_path):
    """As docs/packs.md says: a zip file, JSON, and safetensors with names of attributes."""
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert {*manifest["members"], MANIFEST} == {path.name for path in tmp_path.iterdir()}
    assert manifest["plugins"][0] == {
        "name": "flows", "distribution": "tfgen-prob", "version": tfgen.__version__, "file": "__init__.py",
    }  # fmt: skip
    weights, model = load_file(tmp_path / "weights.safetensors"), tfgen.load(packed).model
    assert sum(array.size for array in weights.values()) == sum(np.prod(weight.shape) for weight in model.weights)
    assert all("/" not in name for name in weights)
    assert "CC-BY-4.0" in (tmp_path / "model_card.md").read_text()


def test_a_folder_is_a_pack_as_well(packed, tiny_run, tmp_path):
    clone, unpacked = tmp_path / "clone", tmp_path / "unpacked"
    clone.mkdir()
    (clone / "README.md").write_text("of a repository")
    shutil.copy(packed, clone / "run.tfgen")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(unpacked)
    for folder in (clone, unpacked):
        assert_same(tfgen.load(tiny_run), tfgen.load(folder))
        assert import_run(folder, load_registry(), tmp_path / "runs").folder.is_dir()
    (unpacked / "results.json").write_text("{}")
    with pytest.raises(RunError, match=r"its results.json has 2 bytes, and should have"):
        tfgen.load(unpacked)


def test_commands_take_an_imported_run(packed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["import", str(packed)]) == 0
    assert "next      tfgen sample runs/tiny --count 100" in capsys.readouterr().out
    assert main(["import", str(packed)]) == 0
    assert "written   runs/tiny-2 (" in capsys.readouterr().out
    assert main(["import", str(packed), "--name", "tiny"]) == 2
    assert "run runs/tiny exists; choose another --name" in capsys.readouterr().err
    for command in (
        ["info", "tiny"], ["runs"], ["sample", "tiny", "--count", "4", "--out", "x.png"], ["evaluate", "tiny"],
        ["score", "tiny"], ["compare", "tiny", "tiny-2"], ["report", "tiny"], ["pack", "tiny"],
    ):  # fmt: skip
        assert main(command) == 0, (command, capsys.readouterr().err)
    assert Path("tiny.tfgen").read_bytes() != b""
    capsys.readouterr()
    assert main(["resume", "tiny"]) == 2
    assert "has weights but no training state to resume" in capsys.readouterr().err
    assert main(["import", "runs/tiny"]) == 2
    assert "is the folder of a run already" in capsys.readouterr().err
    assert main(["info", "tiny.tfgen"]) == 2
    assert "is a pack; make a run of it: tfgen import tiny.tfgen" in capsys.readouterr().err


def test_training_begins_with_the_weights_of_a_pack(packed, tmp_path):
    imported = import_run(packed, load_registry(), tmp_path)
    with pytest.raises(RunError, match=f"--init {imported.folder}"):
        resume_run(imported, epochs=1)
    fresh = tfgen.train(
        "realnvp", data="digits", init=str(imported.folder), runs_dir=tmp_path, **TINY, units=8, layers=2, depth=1
    )
    assert fresh.provenance["initial_weights"]["taken"] == fresh.provenance["initial_weights"]["weights"]


def test_folders_of_this_machine_are_those_that_are_named(packed, tmp_path):
    data = tmp_path / "data"
    run = import_run(packed, load_registry(), tmp_path / "runs", sources=tfgen.DataSources(str(data)))
    assert run.config.sources.data_dir == str(data)
    with pytest.raises(tfgen.DataError, match="there is no such folder"):
        import_run(packed, load_registry(), tmp_path / "more", sources=tfgen.DataSources(None, "nowhere"))
    assert not (tmp_path / "more").exists()


def test_an_unfinished_run(run_copy, tmp_path):
    (run_copy / "results.json").unlink()
    imported = import_run(tfgen.pack(run_copy, tmp_path / "x.tfgen").path, load_registry(), tmp_path / "new")
    assert not imported.files.finished
    assert main(["info", str(imported.folder)]) == 0
    shutil.rmtree(run_copy / "checkpoints")
    with pytest.raises(RunError, match="has no checkpoint, so there are no weights to pack"):
        tfgen.pack(run_copy, tmp_path / "y.tfgen")


@pytest.mark.parametrize("words", [["--private"], ["--out", "{there}"], ["--push", "owner"], ["--push", "a/../b"]])
def test_mistakes_of_pack(words, run_copy, tmp_path, capsys):
    there = tmp_path / "there.tfgen"
    there.write_text("mine")
    assert main(["pack", str(run_copy), *(word.format(there=there) for word in words)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert there.read_text() == "mine"


def test_nothing_that_is_there_is_replaced(run_copy, tmp_path):
    there = tmp_path / "there.tfgen"
    there.write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        tfgen.pack(run_copy, there)
    assert there.read_text() == "mine"
    assert tfgen.load(tfgen.pack(run_copy, there, overwrite=True).path).name == "copy"


def test_plugins_of_files_and_of_other_versions(tmp_path, monkeypatch, capsys):
    example = str(Path(__file__).parents[2] / "docs/examples/histogram.py")
    monkeypatch.chdir(tmp_path)
    words = ["run", "histogram", "--name", "h", "--compile", "graph", "--no-pictures", "--evaluate", "20"]
    assert main(["-p", example, *words]) == 0
    assert main(["-p", example, "pack", "h"]) == 0
    assert main(["import", "h.tfgen", "--runs-dir", "new"]) == 2
    assert (
        "of plugin 'histogram', which is not installed or no longer has it; get its file histogram.py, and name it"
        in (capsys.readouterr().err)
    )
    assert not Path("new").exists()
    assert main(["-p", example, "import", "h.tfgen", "--runs-dir", "new"]) == 0
    assert_same(*(tfgen.load(folder, plugins=[example]) for folder in ("runs/h", "h.tfgen")))


def test_another_version_of_the_plugin_is_noted(packed, tmp_path, monkeypatch, capsys):
    registry = load_registry()
    for record in registry.plugins:
        if record.distribution == "tfgen-prob":
            object.__setattr__(record, "version", "0.0.1")
    monkeypatch.setattr("tfgen.plugin.loading.load_registry", lambda plugins=(): registry)
    assert main(["import", str(packed), "--runs-dir", str(tmp_path)]) == 0
    assert f"note: packed with tfgen-prob {tfgen.__version__}, and here is 0.0.1" in capsys.readouterr().err
