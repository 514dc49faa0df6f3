"""`tfgen score`: each example's log-likelihood is what `evaluate` averages, in the order of the file, with its error."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

import tfgen
from tests.moved_models import moved_model
from tfgen.cli.main import main
from tfgen.data.digits import load_digits
from tfgen.evaluate.examples import score_examples
from tfgen.evaluate.likelihood import evaluate

MODELS = {
    "conditional_realnvp": {"layers": 2, "units": 8},
    "vae": {"network": "mlp", "units": 8, "latent": 2},
    "realnvp": {"layers": 2, "units": 8},
}


@pytest.mark.parametrize("name", MODELS)
def test_the_mean_is_what_evaluate_gives(name):
    data = load_digits()
    model = moved_model(name, data.spec, MODELS[name], "float32", 0, 0.1)
    metrics = evaluate(model, data, seed=4)
    found = score_examples(model, data, data.test.x, data.test.labels, seed=4)
    assert -found.log_likelihood.mean() == pytest.approx(metrics["nll_nats"].value, rel=1e-6)
    if name.startswith("conditional"):
        assert -found.given_label.mean() == pytest.approx(metrics["nll_nats_given_label"].value, rel=1e-6)
    else:
        assert found.given_label is None
    assert np.isnan(found.error).all()


def test_errors_are_the_spread_over_new_noise():
    data = load_digits()
    model = moved_model("realnvp", data.spec, MODELS["realnvp"], "float32", 0, 0.1)
    x = data.test.x[:20]
    several = [score_examples(model, data, x, draws=4, seed=10 * number) for number in range(30)]
    spread = np.std([one.log_likelihood for one in several], axis=0, ddof=1)
    error = np.sqrt(np.mean([one.error**2 for one in several], axis=0))
    assert 0.8 < np.mean(spread) / np.mean(error) < 1.25


def test_models_that_are_scored_with_one_seed_see_the_same_noise():
    data = load_digits()
    x = data.test.x[:450]  # two blocks and a half
    flow, other = (moved_model(name, data.spec, MODELS["realnvp"], "float32", 0, 0.0) for name in ("realnvp", "nice"))

    def scores(model, seed=0, **options):
        return np.array(
            [score_examples(model, data, x, seed=seed + draw, **options).log_likelihood for draw in range(6)]
        )

    np.testing.assert_array_equal(scores(flow), scores(flow))
    ratio, unlike = scores(flow) - scores(other), scores(flow) - scores(other, seed=100)
    # The part of the noise that both models see in the same way cancels: here most of it.
    assert np.std(ratio, axis=0).mean() < 0.1 * np.std(unlike, axis=0).mean()


@pytest.fixture
def score(tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        assert main(["score", str(tiny_run), *map(str, arguments)]) == code
        told = capsys.readouterr()
        return told.err if code else told.out

    return run


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_has_the_examples_in_their_order(score, tiny_run, tmp_path):
    run = tfgen.load(tiny_run)
    x = run.data.test.x[:6]
    out = score("test", "--out", "test.csv")
    expected = run.evaluate(record=False)["nll_nats"]
    found = rows("test.csv")
    assert [int(row["example"]) for row in found] == list(range(len(run.data.test)))
    assert -np.mean([float(row["log_likelihood"]) for row in found]) == pytest.approx(expected.value, rel=1e-6)
    assert f"{len(run.data.test)} examples of test" in out
    (tmp_path / "p").mkdir()
    for number, image in enumerate(x):
        Image.fromarray(image[..., 0]).save(tmp_path / "p" / f"{9 - number}.png")
    score("./p", "--draws", 3, "--out", "p.csv")
    found = rows("p.csv")
    assert [row["name"] for row in found] == [f"{number}.png" for number in range(4, 10)]
    assert all(float(row["error"]) > 0 for row in found)
    np.savez(tmp_path / "x.npz", x=x, labels=run.data.test.labels[:6])
    score("x.npz", "--out", "y.npz", "--seed", 7)
    with np.load("y.npz") as arrays:
        assert arrays["label"].tolist() == run.data.test.labels[:6].astype(str).tolist()
        np.testing.assert_allclose(
            arrays["log_likelihood"], score_examples(run.model, run.data, x, seed=7).log_likelihood, rtol=1e-6
        )


def test_other_data_are_told_apart(score, tmp_path):
    noise = np.random.default_rng(0).integers(0, 17, (100, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "noise.npy", noise)
    out = score("test", "--against", "noise.npy", "--out", "a.csv")
    lines = [line for line in out.splitlines() if line.startswith("auroc")]
    assert ["likelihood" in lines[0], "typicality" in lines[1]] == [True, True]
    assert float(lines[0].split()[1]) > 0.9
    assert "against 100 examples of noise.npy" in lines[0]


def test_mistakes(score, tmp_path, capsys):
    np.save(tmp_path / "small.npy", np.zeros((30, 4, 4), np.uint8))
    np.save(tmp_path / "bright.npy", np.full((30, 8, 8), 200, np.uint8))
    assert "small.npy holds images uint8 [batch, 4, 4, 1]" in score("small.npy", code=2)
    assert "pass --size 8x8" in score("small.npy", code=2)
    assert "holds the grey level 200, and the model knows 0 .. 16" in score("bright.npy", code=2)
    assert "there is no file or folder nothing" in score("./nothing", code=2)
    assert "must end in .csv or .npz" in score("test", "--out", "x.txt", code=2)
    assert "draws must be at least 1" in score("test", "--draws", 0, code=2)
    assert main(["score"]) == 2
    assert "which run?" in capsys.readouterr().err
