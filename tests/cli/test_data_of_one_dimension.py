"""One-dimensional data with every kind of model: trained with pictures, sampled, interpolated, compared, on a page."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection

import tests.one_dimension
from tests.one_dimension import SHARES, bumps_log_prob, load_bumps
from tfgen.cli.main import main
from tfgen.figures.densities import draw_density
from tfgen.figures.examples import draw_examples

PLUGIN = tests.one_dimension.__file__
pytestmark = (
    pytest.mark.slow
)  # four trainings with pictures; `tests/plugins/flows/test_one_dimension.py` has the densities
QUICK = ("--epochs", "2", "--compile", "graph")
MODELS = {
    "realnvp": ("--layers", "1"),
    "conditional_realnvp": ("--layers", "1"),
    "vae": ("--latent", "1", "--network", "mlp", "--likelihood", "gaussian", "--units", "16"),
    "gan": ("--network", "mlp", "--units", "16"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    for model, options in MODELS.items():
        arguments = ("-p", PLUGIN, "run", model, "--data", "bumps", "--runs-dir", str(folder), "--name", model)
        assert main([*arguments, *QUICK, *options]) == 0, model
    return folder


def test_every_model_trains_and_has_its_pictures(runs):
    for model in MODELS:
        figures = {path.stem for path in (runs / model / "figures").glob("*.png")}
        assert {"curves", "samples_before", "samples_half", "samples_after"} <= figures, model
        if "realnvp" in model:
            assert "density" in figures
            results = json.loads((runs / model / "results.json").read_text())
            assert any(name.startswith("nll_nats") for name in results["test"])
    assert {"codes", "aggregate_posterior"} <= {path.stem for path in (runs / "vae" / "figures").glob("*.png")}


@pytest.mark.parametrize("model", MODELS)
def test_samples_are_a_histogram(model, runs, tmp_path, drawn):
    out = str(tmp_path / "x.png")
    assert main(["-p", PLUGIN, "sample", str(runs / model), "--count", "300", "--out", out]) == 0
    axes = drawn[-1].axes[0]
    assert axes.get_ylabel() == "density"
    assert axes.patches
    assert not any(isinstance(artist, PathCollection) for artist in axes.collections)


@pytest.mark.parametrize(
    ("command", "model", "options"),
    [
        ("interpolate", "realnvp", ("--out", "OUT.png")),
        ("interpolate", "vae", ("--out", "OUT.png")),
        ("interpolate", "conditional_realnvp", ("--labels", "0", "1", "--out", "OUT.png")),
        ("neighbours", "realnvp", ("--samples", "200", "--out", "OUT.png")),
        ("latent", "vae", ("--out", "OUT")),
        ("report", "realnvp", ("--out", "OUT.html")),
    ],
)
def test_commands(command, model, options, runs, tmp_path, drawn):
    options = [option.replace("OUT", str(tmp_path / "x")) for option in options]
    assert main(["-p", PLUGIN, command, str(runs / model), *options]) == 0
    if any(option.startswith(str(tmp_path)) for option in options):
        assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "prior"), [((), "class frequencies of the training split"), (("--priors", "uniform"), "uniform")]
)
def test_the_confusion_matrix_says_its_priors(options, prior, runs, drawn):
    assert main(["-p", PLUGIN, "classify", str(runs / "conditional_realnvp"), *options]) == 0
    titles = [figure.axes[0].get_title() for figure in drawn]
    assert len(titles) == 2
    for title in titles:
        assert f"class prior p(y): {prior}" in title


def test_runs_are_compared_by_their_curves_of_density(runs, tmp_path, drawn):
    names = [str(runs / model) for model in ("realnvp", "conditional_realnvp", "gan")]
    assert main(["-p", PLUGIN, "compare", *names, "--out", str(tmp_path / "c")]) == 0
    assert {"samples.png", "densities.png"} <= {path.name for path in Path(tmp_path / "c").iterdir()}
    curves = {line.get_label(): line for line in drawn[-1].axes[0].lines}
    assert set(curves) == {"true density", "realnvp", "conditional_realnvp"}
    x, density = curves["true density"].get_data()
    np.testing.assert_allclose(density, np.exp(bumps_log_prob(np.asarray(x)[:, None])), rtol=1e-4)


def test_bars_are_shares_of_the_examples(drawn, tmp_path):
    data = load_bumps()
    draw_examples(data.train.x, data.spec, tmp_path / "x.png", real=data.test.x)
    (axes,) = drawn[0].axes
    for bars, x in zip(axes.patches, (data.train.x, data.test.x), strict=True):
        heights, edges, _ = bars.get_data()
        inside = ((x >= data.spec.value_range[0]) & (x <= data.spec.value_range[1])).mean()
        assert np.sum(heights * np.diff(edges)) == pytest.approx(inside)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "samples of the model", "real examples, for comparison",
    ]  # fmt: skip


def test_the_densities_of_classes_are_curves_that_sum_to_the_whole(drawn, tmp_path):
    data = load_bumps()
    draw_density(lambda x: bumps_log_prob(x)[:, None] + np.log(SHARES), data, tmp_path / "x.png")
    lines = {line.get_label(): line.get_ydata() for line in drawn[0].axes[0].lines}
    np.testing.assert_allclose(lines["learned density"], lines["true density"], rtol=1e-6)
    np.testing.assert_allclose(
        lines["learned $p(x, y=0)$"] + lines["learned $p(x, y=1)$"], lines["learned density"], rtol=1e-6
    )
