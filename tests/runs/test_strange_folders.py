"""Run folders of strangers: what config.json says is held against the checkpoint, and nothing is made where it points."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import OutputError, RunError
from tfgen.plugin.specs import DataSources
from tfgen.runs.folder import RunFolder
from tfgen.runs.sources import known_sources, readable_sources
from tfgen.training import saved_weights


def change(folder: Path, group: str, **entries) -> None:
    """Change entries of config.json."""
    content = json.loads((folder / "config.json").read_text())
    content[group] = {**content[group], **entries}
    (folder / "config.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"levels": -5}, "levels must be"), ({"levels": 0}, "levels must be"), ({"levels": 10**18}, "levels must be"),
        ({"classes": -1}, "classes must be"), ({"shape": [8, 8]}, "images have shape"), ({"shape": [64]}, "images have shape"),
        ({"kind": "vector", "shape": [64]}, "does not fit the checkpoint"),  # with as many weights of the same shapes
        ({"levels": 200}, r"of data of shape \[8, 8, 1\], 17 levels and 10 classes, not \[8, 8, 1\], 200 and 10"),
        ({"classes": 3}, "does not fit the checkpoint"), ({"classes": None}, "does not fit the checkpoint"),
        ({"shape": [4, 16, 1]}, "does not fit the checkpoint"), ({"shape": [4000, 4000, 1]}, "does not fit the checkpoint"),
    ],
)  # fmt: skip
def test_a_specification_of_other_data(entries, says, run_copy):
    change(run_copy, "data_spec", **entries)
    with pytest.raises(RunError, match=says):
        tfgen.load(run_copy).model.sample(1, seed=0)


@pytest.mark.parametrize(
    "options",
    [{"layers": 100_000}, {"layers": 10**18}, {"units": 10**9}, {"units": 9}, {"depth": 10**6}, {"layers": 3}], ids=str,
)  # fmt: skip
def test_options_of_another_model_are_refused_before_they_take_memory(options, run_copy):
    change(run_copy, "options", **options)
    with pytest.raises(RunError, match="checkpoint"):
        tfgen.load(run_copy).model  # noqa: B018


def test_a_checkpoint_without_a_specification_is_read_as_before(run_copy, tiny_run):
    """As earlier versions wrote it."""
    expected = tfgen.load(tiny_run).model.sample(2, seed=0)
    folder = run_copy / "checkpoints"
    step = RunFolder(run_copy).saved_step()
    reader = tf.train.load_checkpoint(str(folder / f"step-{step}"))
    assert f"data{saved_weights._VALUE}" in reader.get_variable_to_shape_map()
    from tfgen.training.state import TrainingState

    state = TrainingState(tfgen.load(run_copy).model, [], ema=False, keep_best=True)
    state.step.assign(step)
    shutil.rmtree(folder)
    folder.mkdir()
    state.checkpoint(data=False).write(str(folder / f"step-{step}"))
    assert saved_weights.read_saved_weights(run_copy, step).data is None
    change(run_copy, "data_spec", value_range=[-1.0, 1.0])  # of no weight
    np.testing.assert_array_equal(tfgen.load(run_copy).model.sample(2, seed=0), expected)


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_checkpoints_are_regular_files(kind, run_copy, tmp_path):
    path = next((run_copy / "checkpoints").glob(f"step-{RunFolder(run_copy).saved_step()}.data*"))
    if kind == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(RunError, match=r"it is no regular file|a link out of its folder"):
        tfgen.load(run_copy).model  # noqa: B018


@pytest.mark.parametrize("name", ["figures", "metrics.jsonl", ".lock", "checkpoints", "anything"])
def test_a_folder_with_links_to_other_places_is_refused(name, run_copy, tmp_path):
    """Else `tfgen sample` would write pictures into a folder that a stranger chose, and `resume` into a file of the user's."""
    path = run_copy / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(RunError, match=f"{name} is a link out of the run's folder"):
        RunFolder.open(run_copy)


def test_a_run_behind_a_link_of_the_users_own(run_copy, tmp_path):
    (tmp_path / "best").symlink_to(run_copy)
    assert RunFolder.open(tmp_path / "best").read_config()["model"]


@pytest.mark.parametrize(
    "place", ["made/here", "/proc/self/root/../tfgen-was-here", "~root/tfgen-was-here", "~nobody-of-this/x"]
)
def test_no_folder_is_made_where_a_config_points(place, run_copy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    change(run_copy, "sources", data_dir=place, manual_dir=place)
    run = tfgen.load(run_copy)
    assert run.sources == DataSources()
    assert "the usual one is used" in capsys.readouterr().err
    assert len(run.data.test)
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_in_which_tfgen_has_prepared_data_count(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    (mine / "tfgen").mkdir(parents=True)
    other.mkdir()
    assert known_sources(DataSources(str(mine), str(other)), quiet=True) == DataSources(str(mine), str(other))
    assert known_sources(DataSources(str(other)), quiet=True) == DataSources()
    assert readable_sources(DataSources(str(other), str(tmp_path / "gone"))) == DataSources(str(other))
    assert readable_sources(DataSources("\0")) == known_sources(DataSources("\0"), quiet=True) == DataSources()


@pytest.mark.parametrize("when", ["in training", "at the end"])
def test_a_run_that_is_moved_away_ends_in_one_line(when, tmp_path, no_pictures):
    class Mover:
        @tfgen.hookimpl
        def tfgen_progress(self, run, step):
            last = step >= 20
            if run.folder.exists() and last == (when == "at the end") and step:
                run.folder.rename(tmp_path / "moved")

    with pytest.raises(OutputError, match=r"was moved or deleted.*tfgen resume FOLDER"):
        tfgen.train(
            "realnvp", data="digits", runs_dir=tmp_path / "runs", name="x", quiet=True, observers=[Mover()],
            epochs=2, units=4, layers=1, depth=1, compile="graph", chunk_steps=5, checkpoint_seconds=1000.0, evaluate="none",
        )  # fmt: skip
    assert list((tmp_path / "runs").iterdir()) == []
    assert RunFolder.open(tmp_path / "moved").saved_step() == 0
