"""Optimizers and learning-rate schedules: tfgen's own, and those that a plugin registers."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.toy_models import Gaussian
from tests.training.test_training import QUICK, toy
from tfgen.cli.main import main
from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError, PluginError, UnknownNameError
from tfgen.model.base import build_model
from tfgen.model.objective import Objective
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import OptimizerSpec, ScheduleSpec
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.config import split_options
from tfgen.training.catalogue import check_optimizer
from tfgen.training.optimisers import learning_rate, leave_undecayed, make_optimizer
from tfgen_plugins.flows import RealNVPConfig

PLUGIN = """
import keras
from tfgen import OptimizerSpec, ScheduleSpec, hookimpl


def halving(rate, steps):
    return keras.optimizers.schedules.PiecewiseConstantDecay([steps // 2], [rate, rate / 2])


@hookimpl
def tfgen_register(registry):
    registry.add_optimizer(OptimizerSpec("plain", lambda rate, options: keras.optimizers.SGD(rate), "plain descent"))
    registry.add_schedule(ScheduleSpec("halving", halving, "half the rate in the second half"))
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text(PLUGIN)
    return str(path)


def test_a_plugin_s_optimizer_and_schedule_train_from_the_command_line_and_go_on(plugin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--data", "two_gaussians", "--batch-size", "500", "--layers", "2", "--units", "8", "--compile", "graph"]
    options += ["--no-pictures"]
    chosen = ["--optimizer", "plain", "--schedule", "halving", "--warmup-steps", "4", "--learning-rate", "0.01"]
    assert main(["-p", plugin, "run", "realnvp", "--epochs", "2", "--chunk-steps", "1", *options, *chosen]) == 0
    rows = Path("runs/realnvp-two_gaussians/metrics.jsonl").read_text().splitlines()
    rates = [json.loads(row)["learning_rate"] for row in rows]
    steps = len(rates)
    assert rates[:3] == pytest.approx([0.0025, 0.005, 0.0075])
    assert rates[4] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.005)
    assert rates[4:].index(rates[-1]) == pytest.approx((steps - 4) // 2, abs=1)
    run = tfgen.load("runs/realnvp-two_gaussians", plugins=[plugin])
    assert run.config.training.optimizer == "plain"


def test_plain_descent_moves_weights_by_rate_times_gradient(plugin):
    registry = load_registry([plugin])
    options = TrainOptions(optimizer="plain", learning_rate=0.5, clip_norm=1.0)
    optimizer = make_optimizer(options, 10, registry=registry)
    weight = keras.Variable([3.0, 4.0])
    optimizer.build([weight])
    optimizer.apply([np.array([3.0, 4.0], np.float32)], [weight])  # of norm 5, which is clipped to 1
    np.testing.assert_allclose(weight.numpy(), [3.0 - 0.3, 4.0 - 0.4], rtol=1e-6)


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"optimizer": "adm"}, UnknownNameError, "unknown optimizer 'adm'; did you mean 'adam'?"),
    ({"schedule": "cosin"}, UnknownNameError, "unknown schedule 'cosin'; did you mean 'cosine'?"),
    ({"weight_decay": 0.1}, OptionError, "--weight-decay 0.1 means nothing to the optimizer 'adam'; leave it out, or use "
                                         "--optimizer adamw."),
    ({"optimizer": "plain", "beta_1": 0.5}, OptionError, "--beta-1 0.5 means nothing to the optimizer 'plain'; leave it out, "
                                                         "or use --optimizer adam or adamw."),
])  # fmt: skip
def test_what_no_optimizer_takes_notice_of_is_refused(options, error, says, plugin):
    registry = load_registry([plugin])
    with pytest.raises(error, match=re.escape(says)):
        split_options(options, registry.model("realnvp")).check(registry)


def test_a_model_s_own_defaults_may_mean_nothing_to_an_optimizer(plugin):
    registry = load_registry([plugin])
    config = split_options({"optimizer": "plain"}, registry.model("gan"))
    assert config.training.beta_1 != TrainOptions().beta_1
    config.check(registry)


def test_names_are_told_before_tensorflow_is_loaded(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfgen.cli.context.CommandContext.tensorflow", lambda self: pytest.fail("it is loaded"))
    assert main(["run", "realnvp", "--optimizer", "adm"]) == 2
    assert "did you mean 'adam'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_plugin_that_makes_no_optimizer_is_told():
    registry = load_registry(())
    registry.add_optimizer(OptimizerSpec("wrong", lambda rate, options: "sgd", "no optimizer"))
    with pytest.raises(PluginError, match="optimizer 'wrong' is a str, not a keras"):
        make_optimizer(TrainOptions(optimizer="wrong"), 10, registry=registry)


def test_without_plugins_tfgen_s_own_are_known():
    check_optimizer(TrainOptions(optimizer="adamw", schedule="cosine", weight_decay=0.1))
    with pytest.raises(UnknownNameError, match="unknown optimizer 'lion'"):
        toy(Gaussian, dataclasses.replace(QUICK, optimizer="lion"))


def test_the_warm_up_leads_to_the_schedule_of_a_plugin():
    registry = load_registry(())
    registry.add_schedule(ScheduleSpec("falling", lambda rate, steps: lambda step: rate * (1 - step / steps), "linear"))
    rate = learning_rate(TrainOptions(schedule="falling", warmup_steps=10, learning_rate=2.0), 110, registry=registry)
    assert [float(rate(step)) for step in (0, 5, 10, 60, 110)] == pytest.approx([0.0, 1.0, 2.0, 1.0, 0.0])


class HalfDecayed(Gaussian):
    """Its loss has no gradient, so that weights move by decay alone; the mean does not decay."""

    def objectives(self):
        def loss(batch, seed, context):
            return {"loss": 0.0 * tf.reduce_sum(self.mean) + 0.0 * tf.reduce_sum(self.log_scale)}

        return [Objective("nothing", loss, self.trainable_variables, undecayed=[self.mean])]


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_decay_of_weights_leaves_some_alone(precision):
    changes = {"optimizer": "adamw", "weight_decay": 0.5, "learning_rate": 0.1, "precision": precision}
    trainer = toy(HalfDecayed, dataclasses.replace(QUICK, **changes))
    model = trainer.model
    model.mean.assign(np.ones(model.mean.shape))
    model.log_scale.assign(np.ones(model.log_scale.shape))
    trainer.fit(None, "graph", lambda *_: None, lambda *_: None, quiet=True)
    np.testing.assert_array_equal(model.mean, np.ones_like(model.mean))
    steps = trainer.schedule.total_steps
    np.testing.assert_allclose(model.log_scale, np.full(model.log_scale.shape, 0.95**steps), rtol=1e-4)


def test_what_an_optimizer_excludes_itself_stays_excluded():
    weights = [keras.Variable([1.0], name=name) for name in ("kernel", "bias", "gain", "factors")]
    for own in ({"var_names": ["bias"]}, {"var_list": [weights[1]]}):
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(**own)
        leave_undecayed(optimizer, [weights[3]])
        optimizer.build(weights)
        assert [optimizer._use_weight_decay(weight) for weight in weights] == [True, False, True, False]


def test_the_linear_layers_of_flows_do_not_decay():
    model = build_model(load_registry().model("realnvp"), RealNVPConfig(layers=4, units=8), DataSpec("vector", (3,)), 0)
    (objective,) = model.objectives()
    linear = [weight for layer in model.linear for weight in layer.trainable_weights]
    assert len(linear) == 4
    assert {id(weight) for weight in objective.undecayed} == {id(weight) for weight in linear}
