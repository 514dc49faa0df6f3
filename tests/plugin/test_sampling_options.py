"""Sampling options: declared by a dataclass of the spec, shown in the help, checked, and the same as the sampler's."""

import dataclasses
from dataclasses import dataclass

import pytest
import tensorflow as tf

from tfgen import DataSpec, GenerativeModel, ModelSpec, PluginError, build_model, require_option
from tfgen.cli.commands.sample import Options
from tfgen.cli.main import main
from tfgen.cli.sampling_section import parse_with_sampling
from tfgen.errors import DataError, OptionError, UnknownNameError
from tfgen.layers import drop_labels
from tfgen.plugin.registration import Registration

DATA = DataSpec("image", (2, 2, 1), classes=3, levels=17)


@dataclass(frozen=True)
class NoOptions:
    """Options of the model."""


@dataclass(frozen=True)
class Steps:
    """Options of sampling."""

    steps: int = 4
    """Steps from noise to image."""

    def __post_init__(self):
        require_option(self.steps >= 1, "steps", self.steps, "at least 1")


class Stepper(GenerativeModel):
    """Draws the number of its steps."""

    def objectives(self):
        return []

    def sample(self, n, labels=None, seed=0, first=0, steps=4):
        return tf.fill([n, *self.data.shape], tf.cast(steps, tf.uint8))


def spec_of(model=Stepper, sampling=Steps):
    return ModelSpec("stepper", NoOptions, model, "counts", sampling=sampling)


def test_a_model_knows_its_options():
    model = build_model(spec_of(), NoOptions(), DATA, 0)
    assert model.sampling == Steps()
    assert int(model.sample(1)[0, 0, 0, 0]) == 4
    assert int(model.sample(1, steps=7)[0, 0, 0, 0]) == 7
    with pytest.raises(OptionError, match="option 'steps' must be a whole number, got '7'"):
        model.sample(1, steps="7")
    with pytest.raises(OptionError, match="--steps must be at least 1, got 0"):
        model.sample(1, steps=0)
    with pytest.raises(UnknownNameError, match="'step'; did you mean 'steps'"):
        model.sample(1, step=2)


def parse_options(arguments, spec):
    return parse_with_sampling(Options, arguments, "sample", "Draw.", spec)


def test_the_command_has_them():
    options, sampling = parse_options(["runs/x", "--count", "3", "--steps", "9"], spec_of())
    assert (options.count, sampling) == (3, {"steps": 9})
    assert parse_options(["runs/x"], spec_of())[1] == {"steps": 4}
    with pytest.raises(UnknownNameError, match="'--steps'"):
        parse_options(["runs/x", "--steps", "9"], spec_of(sampling=None))
    with pytest.raises(OptionError, match="--steps must be a whole number, got 'many'"):
        parse_options(["runs/x", "--steps", "many"], spec_of())


def test_a_folder_that_is_none_is_told_before_its_options(tmp_path, capsys):
    for command in ("sample", "evaluate"):
        assert main([command, str(tmp_path / "nothere"), "--steps", "4"]) == 2
        assert f"{tmp_path / 'nothere'}" in capsys.readouterr().err.splitlines()[-1]


def test_the_help_shows_them(capsys):
    with pytest.raises(SystemExit):
        parse_options(["runs/x", "--help"], spec_of())
    said = " ".join(capsys.readouterr().out.split())
    assert "Steps from noise to image." in said
    assert "Folder of the run." in said


def without(self, n, labels=None, seed=0, first=0):
    return tf.zeros([n, *self.data.shape], tf.uint8)


def other(self, n, labels=None, seed=0, first=0, steps=5):
    return tf.zeros([n, *self.data.shape], tf.uint8)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (without, r"sample must take \(n, labels=None, seed=0, first=0, steps=4\), and it is defined with"),
        (other, r"steps of sample is 4 by default in Steps, and 5 in the method \(.*test_sampling_options.py:\d+\)"),
    ],
)
def test_a_sampler_that_does_not_fit_its_options(sample, says):
    model = type("Wrong", (Stepper,), {"sample": sample})
    with pytest.raises(PluginError, match=says):
        build_model(spec_of(model), NoOptions(), DATA, 0)


def test_declarations_that_are_none():
    with pytest.raises(PluginError, match="model 'stepper': sampling must be a dataclass type, got 3"):
        spec_of(sampling=3)
    taken = dataclasses.make_dataclass("Taken", [("seed", int, 3)], frozen=True)
    with pytest.raises(PluginError, match="sampling option 'seed' of Taken has a name that tfgen has for an option"):
        Registration().add_model(spec_of(sampling=taken))
    needy = dataclasses.make_dataclass("Needy", [("steps", int)], frozen=True)
    with pytest.raises(PluginError, match="sampling option 'steps' of Needy needs a default"):
        Registration().add_model(spec_of(sampling=needy))


class Guided(Stepper):
    """Takes labels or none."""

    conditional = True
    labels_optional = True


def test_labels_may_be_missing():
    model = Guided(NoOptions(), DATA, 0)
    assert model.one_hot(None, 2).numpy().tolist() == [[0, 0, 0]] * 2
    assert model.one_hot([-1, 2], 2).numpy().tolist() == [[0, 0, 0], [0, 0, 1]]
    with pytest.raises(DataError, match=r"labels must lie in 0 .. 2, or be -1 for none; got -2, 3"):
        model.one_hot([-2, 3])
    with pytest.raises(PluginError, match="needs n where labels are optional"):
        model.one_hot(None)
    traced = tf.function(model.one_hot)(tf.constant([-1, 1, -2]))
    assert traced.numpy()[:2].tolist() == [[0, 0, 0], [0, 1, 0]]
    assert tf.reduce_all(tf.math.is_nan(traced[2]))


def test_labels_are_left_out_at_the_given_rate():
    labels = tf.range(10_000) % 10
    dropped = drop_labels(labels, 0.2, seed=3)
    missing = (dropped == -1).numpy()
    assert abs(missing.mean() - 0.2) < 5 * (0.2 * 0.8 / 10_000) ** 0.5
    assert (dropped.numpy() == labels.numpy())[~missing].all()
    assert (dropped.numpy() == drop_labels(labels, 0.2, seed=3).numpy()).all()
    assert (drop_labels(labels, 0.0, seed=3).numpy() == labels.numpy()).all()
