"""Outputs of commands replace nothing without a word; names of runs, options and commands that are nearly right."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as mpl_image

from tfgen import DataSpec, OutputError, RunError
from tfgen.cli import CommandContext, main
from tfgen.cli.outputs import output_file, output_folder
from tfgen.cli.sampling_section import spec_of_run
from tfgen.errors import closest
from tfgen.figures.labelled import MOST_IMAGES, draw_labelled
from tfgen.runs.folder import RunFolder


def test_a_file_that_is_named_is_replaced_on_request_only(tmp_path):
    new, old = tmp_path / "new.png", tmp_path / "old.png"
    old.touch()
    assert output_file(new, old, overwrite=False) == new
    assert output_file(old, new, overwrite=True) == old
    with pytest.raises(
        OutputError, match=r"old\.png is there already; name another place with --out, or add --overwrite"
    ):
        output_file(old, new, overwrite=False)


def test_usual_names_get_numbers(tmp_path):
    usual = tmp_path / "samples.png"
    for name in ("samples.png", "samples-2.png", "samples-3.png"):
        path = output_file(None, usual, overwrite=False)
        assert path == tmp_path / name
        path.touch()
    assert output_file(None, usual, overwrite=True) == usual


def test_folders_are_free_where_they_hold_no_file_of_the_names(tmp_path):
    (tmp_path / "other.png").touch()
    assert output_folder(None, tmp_path, "latent", ["a.png"], overwrite=False) == tmp_path
    (tmp_path / "a.png").touch()
    assert output_folder(None, tmp_path, "latent", ["a.png"], overwrite=False) == tmp_path / "latent"
    (tmp_path / "latent").mkdir()
    (tmp_path / "latent" / "a.png").touch()
    assert output_folder(None, tmp_path, "latent", ["a.png"], overwrite=False) == tmp_path / "latent-2"
    assert output_folder(None, tmp_path, "latent", ["b.png", "a.png"], overwrite=True) == tmp_path
    assert output_folder(tmp_path, tmp_path, "latent", ["b.png"], overwrite=False) == tmp_path
    with pytest.raises(OutputError, match="--overwrite"):
        output_folder(tmp_path, tmp_path, "latent", ["b.png", "a.png"], overwrite=False)


@pytest.fixture
def there(run_copy, tmp_path, monkeypatch):
    """The name of a run in ``runs/`` of the current folder, and a file that is there."""
    monkeypatch.chdir(tmp_path)
    assert run_copy == tmp_path / "runs" / "copy"
    for name in ("kept.png", "kept.npz", "kept.html"):
        Path(name).write_text("keep me")
    return "copy"


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["sample", "copy", "--count", "4"], "kept.png"),
        (["sample", "copy", "--count", "4"], "kept.npz"),
        (["interpolate", "copy", "--steps", "3"], "kept.png"),
        (["neighbours", "copy"], "kept.png"),
        (["inpaint", "copy"], "kept.png"),
        (["number", "copy", "12"], "kept.png"),
        (["classify", "copy"], "kept.npz"),
        (["report", "copy"], "kept.html"),
        (["divergence", "--bernoulli", "0.3"], "kept.png"),
    ],
)
def test_no_command_replaces_the_file_of_out(there, command, file, capsys):
    assert main([*command, "--out", file]) == 2
    assert (
        f"tfgen: {file} is there already; name another place with --out, or add --overwrite" in capsys.readouterr().err
    )
    assert Path(file).read_text() == "keep me"


def test_samples_again_get_a_number_and_the_line_says_so(there, capsys):
    figures = Path("runs/copy/figures")
    for options, name in (([], "samples.png"), (["--seed", "1"], "samples-2.png"), (["--overwrite"], "samples.png")):
        assert main(["sample", there, "--count", "4", *options]) == 0
        assert capsys.readouterr().out.strip() == str(figures / name)
    assert main(["sample", there, "--count", "4", "--out", "kept.png", "--overwrite"]) == 0
    assert Path("kept.png").read_bytes().startswith(b"\x89PNG")


def test_reports_and_comparisons(there, tmp_path, capsys):
    assert main(["report", there]) == 0
    assert main(["report", there]) == 0  # the usual page is written anew
    shutil.copytree("runs/copy", "runs/other")
    compare = ["compare", "copy", "other", "--no-pictures", "--out", "found"]
    assert main(compare) == 0
    assert main(compare) == 2
    assert main([*compare, "--overwrite"]) == 0


def test_a_run_is_found_by_its_name(there, tmp_path):
    assert RunFolder.open(Path("copy")).path == Path("runs/copy")
    for typed, meant in (
        ("copi", "runs/copy"),
        ("runs/cpoy", "runs/copy"),
        (f"{tmp_path}/runs/coppy", f"{tmp_path}/runs/copy"),
    ):
        with pytest.raises(RunError, match=rf"{typed} is no folder; did you mean {meant}\?"):
            RunFolder.open(Path(typed))
    with pytest.raises(RunError, match="name a run's folder"):
        RunFolder.open(Path("entirely-different"))
    Path("copy").mkdir()  # what is here comes first
    with pytest.raises(RunError, match="is no run folder"):
        RunFolder.open(Path("copy"))
    with pytest.raises(RunError, match="is no folder"):
        RunFolder.open(Path("x" * 5000))


def test_the_model_of_a_run_is_known_by_its_name(there):
    spec = spec_of_run([there, "--seed", "1"], CommandContext((), False))
    assert spec is not None
    assert spec.name == "realnvp"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["run", "realnvp", "--lr", "3"], "did you mean '--learning-rate'?"),
        (["run", "realnvp", "--bs", "3"], "did you mean '--batch-size'?"),
        (["run", "realnvp", "--epoch", "3"], "did you mean '--epochs'?"),
        (["run", "realnvp", "--learn", "3"], "did you mean '--learning-rate'?"),
        (["train", "realnvp"], "did you mean 'run'?"),
        (["eval", "x"], "did you mean 'evaluate'?"),
        (["smaple", "x"], "did you mean 'sample'?"),
        (["evaluate", "copy", "--metrics", "mine"], "-p FILE"),
    ],
)
def test_what_was_meant(there, arguments, advice, capsys):
    assert main(arguments) == 2
    assert advice in capsys.readouterr().err


def test_the_closest_name_of_options_in_python():
    assert closest("lr", ["layers", "learning_rate"]) == "learning_rate"
    assert closest("--steps", ["--steps-per-line", "--epochs"]) == "--epochs"
    assert closest("zzz", ["layers", "learning_rate"]) is None


def test_a_plugin_without_its_ending(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("")
    assert main(["-p", "mine", "list"]) == 2
    assert capsys.readouterr().err.rstrip().endswith("Did you mean -p ./mine.py?")
    assert main(["-p", "others", "list"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_labels_stand_above_images_and_colour_points(tmp_path, drawn):
    data = DataSpec("image", (4, 4, 1), 10)
    draw_labelled(np.zeros((5, 4, 4, 1), np.uint8), np.array([7, 0, -1, 2, 3]), data, tmp_path / "x.png")
    assert [panel.get_title() for panel in drawn[-1].axes[:5]] == ["7", "0", "none", "2", "3"]
    points = DataSpec("vector", (2,), 3)
    draw_labelled(np.zeros((4, 2), np.float32), np.array([0, 2, 2, 0]), points, tmp_path / "y.png")
    assert [text.get_text() for text in drawn[-1].axes[0].get_legend().get_texts()] == ["label 0", "label 2"]
    many = np.zeros((MOST_IMAGES + 1, 4, 4, 1), np.uint8)
    draw_labelled(many, np.zeros(len(many), int), data, tmp_path / "z.png")  # too many to read
    assert len(drawn) == 2
    assert mpl_image.imread(tmp_path / "z.png").ndim == 3
