"""`tfgen evaluate` of samples, going between samples, and what a GAN gives: from the command line."""

import json
import shutil

import numpy as np
import pytest

import tfgen
from tfgen.cli.commands import evaluate
from tfgen.cli.main import main

QUICK = {"epochs": 1, "batch_size": 100, "compile": "graph", "filters": 4, "latent": 8, "quiet": True}


@pytest.fixture(scope="module")
def runs(once):
    """Runs of a GAN and a conditional one; tests must not change them."""

    def make(folder):
        for model in ("gan", "cgan"):
            tfgen.train(model, data="digits", runs_dir=folder, name=model, **QUICK)

    return once("gans", make)


@pytest.fixture
def run(runs, tmp_path):
    """A copy of the GAN's run that a test may change."""
    return shutil.copytree(runs / "gan", tmp_path / "gan")


@pytest.fixture
def tell(capsys, monkeypatch, classifier_dir):
    """Return a function that runs a command and returns what it printed, and what it said beside."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(classifier_dir))

    def tell(*arguments, code=0):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == code, capsys.readouterr().err
        return capsys.readouterr()

    return tell


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_training_a_gan_draws_and_logs_what_its_players_do(runs):
    names = {path.name for path in (runs / "gan" / "figures").iterdir()}
    assert names == {"curves.png", "samples_before.png", "samples_half.png", "samples_after.png"}
    last = tfgen.load(runs / "gan").metrics[-1]
    terms = {
        "discriminator/loss",
        "discriminator/d_true",
        "discriminator/d_generated",
        "discriminator/r1",
        "generator/loss",
    }
    assert {f"{split}/{term}" for split in ("train", "valid") for term in terms} <= set(last)
    assert 0 < last["train/discriminator/d_true"] < 1
    assert "test" not in results(runs / "gan")


def test_a_grid_of_25(runs, monkeypatch):
    from matplotlib import image

    picture = image.imread(runs / "gan" / "figures" / "samples_after.png")
    height, width = picture.shape[:2]
    assert 1.8 < width / height < 2  # 25 samples, and 25 real examples beside them, under their headings
    assert 500 < height < 800


def test_a_model_without_a_density_gives_what_its_samples_tell(run, tell, monkeypatch):
    assert evaluate._SAMPLES == 10_000  # as the help says; a quarter of a minute
    monkeypatch.setattr(evaluate, "_SAMPLES", 1000)
    out, err = tell("evaluate", run)
    assert "note: GAN has no density or bound; the metrics are those of its samples." in err
    names = [line.split()[1] for line in out.splitlines()]
    assert names == ["fid", "kid", "precision", "recall", "density", "coverage"]
    assert "samples 1000, reference grey, features classifier, network classifier of digits" in out
    assert list(results(run)["test"]) == names


@pytest.mark.slow
def test_metrics_by_name_with_commas_or_spaces(run, tell):
    out = tell("evaluate", run, "--samples", 300, "--metrics", "kid,recall").out
    assert [line.split()[1] for line in out.splitlines()] == ["kid", "recall"]
    again = tell("evaluate", run, "--samples", 300, "--metrics", "kid", "recall").out
    assert again == out
    assert tell("evaluate", run, "--samples", 300, "--metrics", "fid").err.count("%") == 1  # how good the classifier is
    assert set(results(run)["test"]) == {"kid", "recall", "fid"}  # what was measured before is kept
    assert results(run)["test"]["fid"]["basis"]["samples"] == 300


def test_density_and_samples_of_one_model(run_copy, tell):
    before = results(run_copy)["test"]
    out = tell("evaluate", run_copy, "--samples", 200, "--metrics", "bits_per_dim,coverage").out
    assert [line.split()[1] for line in out.splitlines()] == ["bits_per_dim", "coverage"]
    after = results(run_copy)["test"]
    assert {name: after[name] for name in before} == before
    out = tell("evaluate", run_copy, "--samples", 200, "--features", "values").out
    assert {"nll_nats", "bits_per_dim", "fid", "coverage"} <= {line.split()[1] for line in out.splitlines()}
    assert "network values" in out
    assert "fid" not in tell("evaluate", run_copy).out


@pytest.mark.slow
def test_options_of_the_sampler_stand_beside_the_number(tell, tmp_path):
    tiny = {"filters": 4, "blocks": 1, "epochs": 1, "compile": "graph", "evaluate": "none", "pictures": False}
    run_copy = tfgen.train("pixelcnn", data="digits", runs_dir=tmp_path, quiet=True, **tiny).folder
    fid = ["evaluate", run_copy, "--samples", 200, "--metrics", "fid", "--features", "values"]
    usual = tell(*fid).out
    assert tell(*fid, "--temperature", "1").out == usual
    assert "sampling temperature 0.5" in tell(*fid, "--temperature", "0.5").out
    found = results(run_copy)["test"]["fid"]
    assert found["basis"]["sampling_temperature"] == 0.5
    assert tfgen.load(run_copy).measure_samples(
        ["fid"], 200, features="values", options={"temperature": 0.5}, record=False
    )["fid"].value == pytest.approx(found["value"], rel=1e-6)  # fmt: skip
    assert f"{found['value']:.4f}" not in usual
    err = tell("evaluate", run_copy, "--temperature", "0.5", code=2).err
    assert "--temperature is of samples, and none are drawn; add --samples 300." in err


def test_label_accuracy_of_each_class(runs, tell, tmp_path):
    run = shutil.copytree(runs / "cgan", tmp_path / "cgan")
    out = tell("evaluate", run, "--samples", 200, "--metrics", "accuracy").out.splitlines()
    assert out[0].startswith("test   label_accuracy")
    assert out[1].split() == ["class", *map(str, range(10))]
    assert out[2].count("%") == 10
    per_class = results(run)["test"]["label_accuracy"]["per_class"]
    assert np.mean(per_class) == pytest.approx(results(run)["test"]["label_accuracy"]["value"])


def test_runs_are_compared_by_their_samples(runs, tell, tmp_path):
    folders = [shutil.copytree(runs / name, tmp_path / name) for name in ("gan", "cgan")]
    for folder in folders:
        tell("evaluate", folder, "--samples", 300, "--metrics", "fid,prdc", "--features", "values")
    out = tell("compare", *folders, "--no-pictures").out
    assert out.count("test fid, squared feature units") == 1  # one row: measured on the same thing
    rows = json.loads(tell("compare", *folders, "--no-pictures", "--json").out)["metrics"]
    assert {row["name"]: row["ranked"] for row in rows} == dict.fromkeys(
        ("fid", "precision", "recall", "density", "coverage"), True
    )


def test_too_few_samples_are_doubted(run, tell):
    err = tell("evaluate", run, "--samples", 100, "--metrics", "fid").err
    assert "note: 100 samples are no more than the 128 features" in err
    assert "--metrics kid" in err


@pytest.mark.parametrize(("options", "says"), [
    (["--metrics", "fidd"], "unknown metric 'fidd'; did you mean 'fid'?"),
    (["--metrics", "accuracy"], "label accuracy needs a conditional model, and GAN takes no labels; leave it out"),
    (["--metrics", "bits_per_dim"], "model GAN has no density or bound (HasLogProb, HasElbo), hence no bits_per_dim"),
    (["--samples", 1], "--samples must be at least 2, got 1."),
    (["--features", "inception"], "put the file inception_v3_weights"),
    (["--reference", "gray"], "invalid choice 'gray'"),
])  # fmt: skip
def test_mistakes(options, says, run, tell, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    before = results(run)
    assert says in tell("evaluate", run, *options, code=2).err
    assert results(run) == before


def test_samples_that_nobody_needs(run_copy, tell):
    said = tell("evaluate", run_copy, "--samples", 100, "--metrics", "bits_per_dim", code=2).err
    assert "--samples 100: bits_per_dim needs none; leave it out, or add fid." in said


def test_a_model_that_does_not_encode_goes_between_its_samples(runs, tell, tmp_path):
    out = tell("interpolate", runs / "cgan", "--steps", 11, "--from", 3, "--to", 8, "--out", tmp_path / "x.npz").out
    assert "between samples of classes 3 and 8, seed 0" in out
    with np.load(tmp_path / "x.npz") as found:
        assert found["x"].shape == (3, 11, 8, 8, 1)  # nine between two
        assert found["labels"].tolist() == [3] * 6 + [8] * 5
    assert "classes 0 and 1" in tell("interpolate", runs / "cgan", "--out", tmp_path / "x.png").out
    said = tell(
        "interpolate", runs / "gan", "--from-index", 1, "--to-index", 2, "--out", tmp_path / "y.png", code=2
    ).err
    assert (
        "model GAN has no encoder into latent codes (HasLatents), which --from-index (name classes, or nothing)" in said
    )
    said = tell("interpolate", runs / "gan", "--from", 1, "--to", 10, "--out", tmp_path / "y.png", code=2).err
    assert "--to must be a class, 0 .. 9, got 10." in said
    assert not (tmp_path / "y.png").exists()


def test_keep_best_is_refused_where_validation_loss_ranks_nothing(tell, tmp_path):
    said = tell("run", "gan", "--keep", "best", "--runs-dir", tmp_path / "runs", code=2).err
    assert (
        "--keep best goes by the validation loss, and a lower one does not mean a better GAN; use --keep last" in said
    )
    assert not (tmp_path / "runs").exists()
