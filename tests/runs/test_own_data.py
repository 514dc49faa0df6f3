"""Runs on a user's own data: named by what it is, found again, refused once it has changed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.cli.main import main
from tfgen.data.digits import load_digits
from tfgen.data.labels import class_numbers
from tfgen.errors import OptionError
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import split_options

SMALL = ["--layers", "2", "--units", "8", "--epochs", "1", "--compile", "graph", "--no-pictures"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with pictures in classes, and a run that was trained on them."""
    place = tmp_path_factory.mktemp("own")
    split = load_digits().train
    for number, (image, label) in enumerate(zip(split.x[:400], split.labels[:400], strict=True)):
        (place / "pictures" / ("even", "odd")[label % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] * 15).save(place / "pictures" / ("even", "odd")[label % 2] / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        options = ["--data", "./pictures", "--split-sizes", "0.6", "0.2", "0.2", "--data-dir", "kept", *SMALL]
        assert main(["run", "conditional_realnvp", *options, "--batch-size", "64"]) == 0
    return place


@pytest.fixture
def copy(place, tmp_path, monkeypatch):
    """A copy of the folder, in which the run names its data by where they were."""
    shutil.copytree(place, tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "there/runs/conditional_realnvp-pictures/config.json"
    config = json.loads(path.read_text())
    config["data"] = str(tmp_path / "there/pictures")
    config["sources"]["data_dir"] = str(tmp_path / "there/kept")
    path.write_text(json.dumps(config))
    return tmp_path / "there"


def test_a_run_records_source_options_and_digest_and_finds_its_data(place):
    run = tfgen.load(place / "runs/conditional_realnvp-pictures")
    assert run.provenance["data"] == str(place / "pictures")
    assert run.provenance["data_options"]["split_sizes"] == [0.6, 0.2, 0.2]
    assert run.provenance["data_source"].startswith("own:")
    assert run.data_spec.class_names == ("even", "odd")
    assert run.results["test"]["nll_nats"]["basis"]["data"] == f"pictures@{run.provenance['data_source'][4:12]}"
    assert 40 < len(run.data.test) < 120


def test_data_that_changed_are_refused_and_what_was_prepared_outlives_its_files(copy, capsys):
    run = "there/runs/conditional_realnvp-pictures"
    assert main(["evaluate", run]) == 0
    Image.fromarray(np.full((8, 8), 99, np.uint8)).save(copy / "pictures/odd/new.png")
    assert main(["evaluate", run]) == 2
    assert "pictures has changed since" in capsys.readouterr().err
    (copy / "pictures/odd/new.png").unlink()
    assert main(["evaluate", run]) == 0
    shutil.rmtree(copy / "pictures")
    assert main(["evaluate", run]) == 0
    shutil.rmtree(copy / "kept")
    (copy / "kept/tfgen").mkdir(parents=True)
    capsys.readouterr()
    assert main(["evaluate", run]) == 2
    assert "is not kept in" in capsys.readouterr().err


def test_arrays_of_python(tmp_path, no_pictures):
    split = load_digits().train
    options = {"layers": 2, "units": 8, "epochs": 1, "compile": "graph", "quiet": True, "batch_size": 64}
    options |= {"runs_dir": tmp_path / "runs", "data_dir": str(tmp_path / "kept"), "evaluate": 50}
    x = (split.x[:400] * 15).astype(np.uint8)
    run = tfgen.train("realnvp", data=(x, split.labels[:400]), **options)
    assert run.folder.name == "realnvp-arrays"
    again = tfgen.load(run.folder)
    np.testing.assert_array_equal(again.data.test.x, run.data.test.x)
    assert again.evaluate() == run.evaluate()
    with pytest.raises(tfgen.DataError, match="arrays: images must be whole grey levels"):
        tfgen.train("realnvp", data=x / 255, **options)
    with pytest.raises(tfgen.UnknownNameError, match="unknown option 'layer'"):
        tfgen.train("realnvp", data=x, layer=3)


def test_a_registered_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert main(["run", "realnvp", "--data", "./digits", *SMALL]) == 2
    assert "digits holds no pictures" in capsys.readouterr().err
    assert main(["run", "realnvp", "--data", "digits", *SMALL]) == 0


def test_classes_have_their_names(copy, capsys, no_pictures):
    run = "there/runs/conditional_realnvp-pictures"
    assert main(["sample", run, "--count", "4", "--labels", "odd", "even", "--out", "x.npz"]) == 0
    with np.load("x.npz") as found:
        assert found["labels"].tolist() == [1, 0, 1, 0]
        np.testing.assert_array_equal(found["x"], tfgen.generate(run, ["odd", "even", "odd", "even"]))
        np.testing.assert_array_equal(found["x"], tfgen.generate(run, [1, 0, 1, 0]))
    assert main(["interpolate", run, "--from", "even", "--to", "odd"]) == 0
    capsys.readouterr()
    assert main(["sample", run, "--labels", "od"]) == 2
    assert "unknown class 'od'; did you mean 'odd'?" in capsys.readouterr().err
    assert main(["sample", run, "--labels", "2"]) == 2
    assert "must lie in 0 .. 1; got 2" in capsys.readouterr().err
    assert main(["classify", run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("     0", "     1"))] == ["even", "odd"]


def test_names_stand_above_the_images(copy, monkeypatch):
    from matplotlib.axes import Axes

    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda self, label, **_: titles.append(label))
    assert main(["sample", "there/runs/conditional_realnvp-pictures", "--count", "3", "--labels", "odd", "even"]) == 0
    assert titles == ["odd", "even", "odd"]


def test_a_class_without_a_name_is_its_number(tiny_run, capsys):
    assert main(["sample", str(tiny_run), "--labels", "one"]) == 2
    assert "takes no labels" in capsys.readouterr().err
    with pytest.raises(
        tfgen.UnknownNameError, match=r"unknown class 'one'; known: none\. The classes of these data are numbers"
    ):
        class_numbers(["one"], tfgen.DataSpec("image", (2, 2, 1), 3))
    assert class_numbers(["2", 0], tfgen.DataSpec("image", (2, 2, 1), 3)) == [2, 0]


@pytest.mark.parametrize("size", [6, np.int64(6), (6, 6), "6x6"])
def test_sizes_of_pictures_are_numbers_or_texts(size):
    config = split_options({"data": "./pictures", "size": size}, load_registry([]).model("realnvp"))
    assert config.data_options.height_and_width == (6, 6)


@pytest.mark.parametrize("size", [0, 6.0, True, (6, 6, 6), [6], "6 x 6"])
def test_other_sizes_are_refused_in_one_line(size):
    with pytest.raises(OptionError, match="size") as caught:
        split_options({"data": "./pictures", "size": size}, load_registry([]).model("realnvp"))
    assert "\n" not in str(caught.value)
