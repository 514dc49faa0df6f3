"""One plugin in one file adds a metric, a picture, a feature network and a term of a loss, and the core takes them all."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfgen
from tfgen import PluginError
from tfgen.cli.main import main
from tfgen.plugin.registration import Registration
from tfgen.plugin.specs import DatasetSpec, FeatureNetworkSpec, MetricSpec, PictureSpec

PLUGIN = '''
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tests.toy_models import Gaussian, GaussianConfig
from tfgen import CapabilityError, FeatureNetworkSpec, Features, MetricSpec, ModelSpec, PictureSpec, hookimpl
from tfgen.metrics import Estimate


class Charming(Gaussian):
    """A Gaussian that logs its charm."""

    def _loss(self, batch, seed, context):
        return super()._loss(batch, seed, context) | {"charm": tf.reduce_mean(self.mean)}


def spread(measurement):
    deviations = measurement.samples(50).std(axis=0)
    return Estimate(float(deviations.mean()), float("nan"))


def nonsense(measurement):
    return 3


def draw_mean(model, data, path):
    if not isinstance(model, Charming):
        raise CapabilityError("the picture 'mean' is of charming models.")
    Figure(figsize=(1, 1)).savefig(path, format="png")


class Halves:
    kind, name, dimensions = "halves", "halves of the values", 2

    def extract(self, x):
        return Features(self.features(x), None)

    def features(self, x):
        return np.asarray(x, np.float32) / 2


@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("charming", GaussianConfig, Charming, "A Gaussian that logs its charm."))
    registry.add_metric(MetricSpec("charm", "charm", "units", better="higher", of="training", panel="charm of it"))
    registry.add_metric(MetricSpec("spread", "spread of samples", "units", better="lower", measure=spread))
    registry.add_metric(MetricSpec("nonsense", "nonsense", "units", measure=nonsense))
    registry.add_picture(PictureSpec("mean", draw_mean, "the mean"))
    registry.add_feature_network(FeatureNetworkSpec("halves", lambda data, sources, quiet: Halves(), "half of each value"))
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The plugin's file and a run of its model."""
    folder = tmp_path_factory.mktemp("additions")
    (folder / "additions.py").write_text(PLUGIN)
    run = tfgen.train(
        "charming", data="two_gaussians", plugins=[str(folder / "additions.py")], runs_dir=folder, name="x", epochs=2,
        batch_size=5000, compile="graph", quiet=True,
    )  # fmt: skip
    return str(folder / "additions.py"), run.folder


def command(made, *arguments):
    return main(["-p", made[0], *map(str, arguments)])


def recorded(made):
    return json.loads((made[1] / "results.json").read_text())["test"]


def test_the_picture_is_drawn_where_it_fits(made):
    assert (made[1] / "figures" / "mean.png").read_bytes().startswith(b"\x89PNG")
    assert not (made[1] / "figures" / "inpainting.png").exists()


def test_the_metric_is_computed_recorded_and_ranked(made, capsys):
    assert command(made, "evaluate", made[1], "--metrics", "spread,nll_nats", "--seed", 3) == 0
    out = capsys.readouterr().out
    assert "test   spread" in out
    found = recorded(made)["spread"]
    assert found["unit"] == "units"
    assert (found["basis"]["split"], found["basis"]["seed"]) == ("test", 3)
    run = tfgen.load(made[1], plugins=[made[0]])
    x = np.asarray(run.model.sample(50, seed=3))
    assert found["value"] == pytest.approx(x.std(axis=0).mean(), rel=1e-6)
    assert run.catalogue["spread"].better == "lower"
    assert run.measure(["spread"], seed=3)["spread"].value == pytest.approx(found["value"])


def test_python_records_as_the_command_does(made):
    run = tfgen.load(made[1], plugins=[made[0]])
    run.measure(["spread"], seed=4)
    assert recorded(made)["spread"]["basis"]["seed"] == 4
    before = recorded(made)
    run.measure(["spread"], seed=5, record=False)
    assert recorded(made) == before
    run.record("test", {"luck": tfgen.Metric("luck", 7.0, 1.0, "units")})
    assert recorded(made) == {**before, "luck": {"value": 7.0, "standard_error": 1.0, "unit": "units", "basis": {}}}


def test_samples_are_compared_in_the_features(made, capsys):
    assert command(made, "evaluate", made[1], "--metrics", "fid", "--samples", 200, "--features", "halves") == 0
    assert "features halves, network halves of the values" in capsys.readouterr().out
    basis = recorded(made)["fid"]["basis"]
    assert (basis["features"], basis["network"]) == ("halves", "halves of the values")


def test_the_term_of_the_loss_has_its_panel(made, tmp_path, drawn):
    run = tfgen.load(made[1], plugins=[made[0]])
    from tfgen.figures import draw_curves

    draw_curves(run.metrics, tmp_path / "curves.png", run.catalogue)
    assert "charm of it" in [axes.get_ylabel() for axes in drawn[0].axes]


def test_mistakes_are_told(made, capsys):
    for arguments, says in (
        (("--metrics", "nonsense"), "metric 'nonsense': its function must return a tfgen.metrics.Estimate"),
        (("--metrics", "charm"), "--metrics charm is a term of training, in metrics.jsonl; there are "),
        (("--particles", "5"), "model Charming has no bound, and particles are for bounds (IWAE)"),
        (("--metrics", "spreads"), "unknown metric 'spreads'; did you mean 'spread'?"),
        (("--metrics", "fid", "--features", "halfs"), "unknown feature network 'halfs'; did you mean 'halves'?"),
        (("--metrics", "spread", "--samples", "5"), "--samples 5: spread needs none"),
    ):
        assert command(made, "evaluate", made[1], *arguments) == 2
        assert says in capsys.readouterr().err


def test_the_list_of_plugins_shows_all_of_it(made, capsys):
    assert command(made, "plugins") == 0
    out = capsys.readouterr().out
    for words in (
        "metrics: charm, spread",
        "pictures: mean",
        "feature networks: halves",
        "pictures: density, conditional_density, sbc, inpainting",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("add", "spec", "says"),
    [
        ("add_metric", PictureSpec("x", "a:b", ""), "a metric is added as a tfgen.MetricSpec"),
        ("add_picture", PictureSpec("X", "a:b", ""), "picture 'X': a name has lower-case letters"),
        ("add_picture", PictureSpec("x:2", "a:b", ""), "picture 'x:2': a name has lower-case letters"),
        ("add_dataset", DatasetSpec("x:", "a:b", ""), "data set 'x:': .*; a colon may stand before a variant"),
        ("add_dataset", DatasetSpec("x:2:3", "a:b", ""), "data set 'x:2:3': a name has lower-case letters"),
        ("add_feature_network", MetricSpec("x", "x", "x"), "a feature network is added as a tfgen.FeatureNetworkSpec"),
    ],
)
def test_what_is_added_is_checked(add, spec, says):
    with pytest.raises(PluginError, match=says):
        getattr(Registration(), add)(spec)


def test_a_name_is_added_once():
    registration = Registration()
    registration.add_feature_network(FeatureNetworkSpec("x", "a:b", ""))
    registration.add_metric(MetricSpec("x", "x", "x"))  # another kind of thing
    with pytest.raises(PluginError, match="feature network 'x' is added twice"):
        registration.add_feature_network(FeatureNetworkSpec("x", "a:b", ""))
