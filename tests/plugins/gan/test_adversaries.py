"""The two players of a GAN: who moves when, labels, codes, and what can be had from the model."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.moved_models import moved_model
from tests.slow import slow
from tfgen import DataSpec
from tfgen.data.digits import load_digits
from tfgen.data.lookup import load_dataset
from tfgen.errors import CapabilityError, DataError, OptionError
from tfgen.model.base import build_model
from tfgen.model.capabilities import Decodes, HasElbo, HasLatents, HasLogProb, Samples
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.specs import DataSources
from tfgen.plugin.train_options import TrainOptions
from tfgen.sample.interpolation import interpolate
from tfgen.training.trainer import Trainer
from tfgen_plugins.gan.networks import ConvFeatures, ConvGenerator

SMALL = {"filters": 2, "latent": 3}
QUICK = TrainOptions(epochs=1, batch_size=200, compile="graph", keep="last", chunk_steps=1)


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def trainer_of(data, model="gan", training=QUICK, **options):
    spec = load_registry().model(model)
    config = build(spec.config, SMALL | options)
    return Trainer(build_model(spec, config, data.spec, 0), data, training)


def moves(trainer):
    """For each step whether (the discriminator, the generator) moved."""
    players = (trainer.model.discriminator, trainer.model.generator)
    seen = []

    def look(*_):
        seen.append([np.concatenate([w.numpy().ravel() for w in player.trainable_variables]) for player in players])

    trainer.fit(None, "graph", lambda *_: None, look, quiet=True)
    return [
        tuple(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        for one, other in itertools.pairwise(seen)
    ]


@pytest.mark.parametrize("k", [slow(1), 3])
def test_k_steps_of_the_discriminator_for_one_of_the_generator(k, digits):
    trainer = trainer_of(digits, discriminator_steps=k)
    found = moves(trainer)
    assert len(found) == 6
    assert [moved for moved, _ in found] == [True] * 6
    assert [step for step, (_, moved) in enumerate(found, 1) if moved] == list(range(k, 7, k))


@pytest.mark.parametrize("mover", [0, 1])
def test_a_players_step_leaves_the_other_where_it_was(mover, digits):
    trainer = trainer_of(digits)
    before = [weight.numpy() for weight in trainer.model.trainable_variables]
    objective = trainer.objectives[mover]
    step = dataclasses.replace(trainer.step, objectives=[objective])
    trainer.state.optimizers = [trainer.state.optimizers[mover]]
    step(trainer.feed.batch(tf.constant(trainer.schedule.order(0)), tf.constant(0)), tf.constant(0))
    own = {id(weight) for weight in objective.weights}
    for weight, old in zip(trainer.model.trainable_variables, before, strict=True):
        assert np.array_equal(weight.numpy(), old) == (id(weight) not in own), weight.path
    assert 0 < len(own) < len(before)


def test_each_player_has_its_own_learning_rate(digits):
    trainer = trainer_of(digits, generator_rate=2e-4, discriminator_rate=3e-3)
    rates = [float(optimizer.learning_rate) for optimizer in trainer.state.optimizers]
    assert rates == pytest.approx([3e-3, 2e-4])
    rates = [float(optimizer.learning_rate) for optimizer in trainer_of(digits).state.optimizers]
    assert rates == pytest.approx([QUICK.learning_rate] * 2)


@pytest.mark.slow
def test_the_generator_climbs_towards_a_discriminator_that_stands_still(digits):
    model = trainer_of(digits).model
    loss = model.objectives()[1].loss
    batch = (tf.constant(digits.train.x[:64]), None)
    optimizer = tf.keras.optimizers.Adam(1e-2)
    losses = []
    for _ in range(30):
        with tf.GradientTape() as tape:
            value = loss(type("B", (), {"x": batch[0], "labels": None}), tf.constant([0, 1]), tf.constant(0))["loss"]
        weights = model.generator.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, [w.value for w in weights]), weights, strict=True))
        losses.append(float(value))
    assert losses[-1] < losses[0] - 0.2


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (9, 14, 3)])
def test_networks_fit_images_of_any_size(shape):
    generator = ConvGenerator(5, 0, shape, 2, tf.float32)
    images = generator(tf.ones([2, 5]))
    assert images.shape == (2, *shape)
    features = ConvFeatures(shape, 2)
    assert features(images).shape == (2, features.width)


def test_what_can_be_had_from_it(digits):
    model = trainer_of(digits).model
    assert isinstance(model, Samples)
    assert isinstance(model, Decodes)
    for capability in (HasLatents, HasLogProb, HasElbo):
        assert not isinstance(model, capability)
    codes = model.prior().sample(4, seed=(1, 2))
    assert codes.shape == (4, 3)
    np.testing.assert_array_equal(model.decode(codes), model.decode(codes, seed=5))


def test_true_images_are_seen_where_generated_ones_can_be(digits):
    model = moved_model("gan", digits.spec, SMALL, "float64", seed=0, moved=2.0)
    seen = model._scaled(digits.train.x).numpy()
    assert (seen.min(), seen.max()) == (-1, 1)
    levels = np.arange(17, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones(digits.spec.shape, np.uint8)
    model.generator = lambda z, one_hot: tf.atanh(tf.clip_by_value(model._scaled(levels), -1 + 1e-12, 1 - 1e-12))
    np.testing.assert_array_equal(
        model.decode(np.zeros((17, 3))), levels
    )  # what is seen comes back as the level it was


def test_labels_change_what_is_drawn_and_what_is_believed():
    model = moved_model("cgan", DataSpec("image", (8, 8, 1), classes=3), SMALL, "float32", seed=0, moved=0.3)
    codes = np.random.default_rng(0).normal(size=(1, 3)).astype(np.float32)
    drawn = [model.decode(codes, np.array([label])).numpy() for label in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])
    x = model._scaled(drawn[0])
    values = [float(model.discriminator(x, tf.one_hot([label], 3))[0]) for label in range(3)]
    assert len(set(values)) == 3
    # By projection: the label's share is linear in the features of the last layer (Miyato, Koyama 2018, equation 3).
    hidden = model.discriminator.features(x)
    plain = model.discriminator.head(hidden)[0, 0]
    for label, value in enumerate(values):
        direction = model.discriminator.directions.numpy()[label]
        assert value - float(plain) == pytest.approx(float(hidden.numpy()[0] @ direction), rel=1e-4, abs=1e-5)


def test_it_goes_between_two_codes_and_not_between_examples(digits):
    model = moved_model("gan", digits.spec, SMALL, "float32", seed=0, moved=0.3)
    codes = model.prior().sample(2, seed=(0, 1)).numpy()
    found = interpolate(model, codes=codes, steps=11, paths=["linear"])
    np.testing.assert_array_equal(found.codes[0][[0, -1]], codes)
    np.testing.assert_array_equal(found.x[0], model.decode(found.codes[0]))
    with pytest.raises(
        CapabilityError, match=r"no encoder into latent codes .HasLatents., which interpolation between"
    ):
        interpolate(model, digits.test.x[:2])
    with pytest.raises(DataError, match="expected two codes"):
        interpolate(model, codes=codes[:1])


@pytest.mark.parametrize(("options", "says"), [
    ({"discriminator_steps": 0}, "--discriminator-steps must be at least 1, got 0."),
    ({"generator_rate": 0.0}, "--generator-rate must be above 0, got 0.0."),
    ({"r1": -1.0}, "--r1 must be 0 or more, got -1.0."),
])  # fmt: skip
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        build(load_registry().model("gan").config, options)


def test_vectors_need_perceptrons():
    plane = load_dataset("two_gaussians", load_registry(), DataSources())
    with pytest.raises(DataError, match="vectors need --network mlp"):
        trainer_of(plane)
    assert trainer_of(plane, network="mlp", units=4, depth=1).model.sample(3).shape == (3, 2)
