"""`tfgen data`: what is in a data set, a picture of it, and the command that trains on it."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from matplotlib import image as mpl_image

from tfgen.cli.main import main
from tfgen.data.digits import load_digits


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "kept"))

    def run(*arguments, code=0):
        assert main(["data", *map(str, arguments)]) == code
        told = capsys.readouterr()
        return told.err if code else told.out

    return run


def test_an_archive_of_images(show, tmp_path):
    split = load_digits().train
    x = (split.x[:300] * 15).astype(np.uint8)
    names = np.where(split.labels[:300] % 2, "odd", "even")
    np.savez(tmp_path / "my digits.npz", x=np.concatenate([x, x[:5]]), labels=np.concatenate([names, names[:5]]))
    out = show("./my digits.npz", "--split-seed", "3")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert lines["data"].startswith("my_digits@")
    assert "with grey levels 0 .. 255; those used are 0 .. 240" in lines["examples"]
    assert lines["copies"] == "5 within the splits"
    assert lines["classes"] == "2"
    counts = {name: sum(map(int, lines[name].split())) for name in ("even", "odd")}
    assert sum(counts.values()) == 305
    assert counts["odd"] == np.sum(names == "odd") + np.sum(names[:5] == "odd")
    command = "tfgen run realnvp --data './my digits.npz' --split-seed 3"
    assert lines["train"] == command
    assert shlex.split(command)[4] == "./my digits.npz"
    assert mpl_image.imread(tmp_path / "my_digits.png").shape[0] > 300
    show("./my digits.npz", "--split-seed", "3")
    assert (tmp_path / "my_digits-2.png").exists()


def test_vectors_and_their_notes(show, tmp_path):
    random = np.random.default_rng(0)
    x = np.stack([random.normal(size=500), 1000 * random.normal(size=500), random.choice([0.5, 1.5], 500)], axis=1)
    np.save(tmp_path / "x.npy", x)
    out = show("x.npy", "--out", "picture.png")
    assert "vectors of floats [batch, 3]" in out
    assert "classes   none" in out
    assert "copies    none" in out
    (row,) = [line.split() for line in out.splitlines() if line.split()[:1] == ["x_2"]]
    assert row[1] == "real"
    assert 800 < float(row[3]) < 1200
    assert "note      column x_3: few different values, each many times" in out
    assert (tmp_path / "picture.png").exists()


def test_registered_sets_and_copies_across_splits(show, tmp_path):
    assert "splits    train 1,297, valid 200, test 300" in show("digits")
    x = np.random.default_rng(0).normal(size=(50, 2))
    np.savez(tmp_path / "x.npz", x_train=x, x_valid=x[:3] + 9, x_test=np.concatenate([x[:7], x + 5]))
    assert "copies    0 within the splits; 7 of 57 test examples are in an earlier split too" in show("x.npz")


def test_mistakes(show):
    assert "which data set? Give a name or a path" in show(code=2)
    assert "there is no file or folder ./nothing" in show("./nothing", code=2)
    assert "did you mean 'digits'?" in show("digts", code=2)
    assert "the name must end in .png" in show("digits", "--out", "x.pdf", code=2)
    assert "unknown option '--siez'; did you mean '--size'?" in show("digits", "--siez", "3", code=2)
