"""Signatures of exported models: any number of examples, seeds where they matter, noise as an input in their place."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.flows.small_flows import PLANE, small_flow
from tests.plugins.vae.small_vaes import images, small_vae
from tests.slow import named
from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig
from tfgen.data.columns import Column
from tfgen.data.lookup import load_dataset
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError
from tfgen.export.compared import EXAMPLES
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.signatures import signatures_of
from tfgen.export.verify import difference, inputs_for
from tfgen.model.base import GenerativeModel, build_model
from tfgen.plugin.options import build
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.seeds import as_seed, fold_in, noise_from, normal, uniform

SMALL = {
    "realnvp": {"layers": 2, "units": 8},
    "spline_flow": {"layers": 2, "units": 8},
    "conditional_realnvp": {"layers": 2, "units": 8},
    "vae": {"units": 8, "latent": 3},
    "cvae": {"network": "mlp", "units": 8, "latent": 3},
    "gan": {"network": "mlp", "units": 8, "latent": 3},
    "cgan": {"network": "mlp", "units": 8, "latent": 3},
    "pixelcnn": {"blocks": 1, "filters": 4},
}


def built(registry, name, data, **options):
    spec = registry.model(name)
    return build_model(spec, build(spec.config, {**SMALL[name], **options}), data.spec, 0)


def arrays_for(model, signature, data):
    known = {"x": data.test.x[:EXAMPLES], "labels": data.test.labels[:EXAMPLES]}
    return inputs_for(signature, known)


@pytest.mark.parametrize("name", named(SMALL, {"realnvp", "cvae", "pixelcnn"}))
def test_programs_for_any_number_of_examples_do_what_the_model_does(registry, digits, name):
    model = built(registry, name, digits)
    for signature in signatures_of(model).values():
        program = signature.program()
        arrays = arrays_for(model, signature, digits)
        for n in (1, 3):
            few = {
                key: np.array(n, np.int32) if key == "count" else array if key in ("seed", "first") else array[:n]
                for key, array in arrays.items()
            }
            (result,) = program(**{key: tf.constant(array) for key, array in few.items()}).values()
            own = signature.call(**{key: tf.constant(array) for key, array in few.items()})
            assert difference(signature.name, own.numpy(), result.numpy()).rounding, signature.name
            assert tuple(result.shape[1:]) == signature.output.shape[1:]
            assert result.dtype.name == signature.output.dtype
            assert len(result) == n


@pytest.mark.parametrize("name", named(SMALL, {"realnvp", "cvae", "pixelcnn"}))
def test_the_same_noise_as_an_input_gives_the_same_result(registry, digits, name):
    """The numbers of a seed, taken from the generator by hand and fed, give what the seed gives."""
    model = built(registry, name, digits)
    for signature in signatures_of(model).values():
        draws = draws_of(signature)
        arrays = arrays_for(model, signature, digits)
        if not draws:
            continue
        drawn: list[tf.Tensor] = []

        def generated(kind, shape, dtype, seed, first, drawn=drawn):
            with noise_from(None):
                number = {"uniform": uniform, "normal": normal}[kind](shape, fold_in(7, len(drawn)), dtype)
            drawn.append(number)
            return number

        tensors = {key: tf.constant(array) for key, array in arrays.items()}
        with noise_from(generated):
            expected = signature.call(**tensors)
        fed = with_noise_inputs(signature, draws)
        given = {key: tensors[key] for key in tensors if key in {argument.name for argument in fed.inputs}}
        given |= {draw.name: number for draw, number in zip(draws, drawn, strict=True)}
        (result,) = fed.program()(**given).values()
        assert difference(signature.name, expected.numpy(), result.numpy()).rounding, signature.name


def test_a_table_with_a_context_has_both_as_inputs(registry):
    data = load_dataset("linear_gaussian", registry, DataSources())
    model = built(registry, "conditional_realnvp", data)
    names = {name: [entry.name for entry in found.inputs] for name, found in signatures_of(model).items()}
    assert names["sample"] == ["context", "seed", "first"]
    assert names["log_prob"] == ["x", "context", "seed"]


class InALoop(Gaussian):
    """Draws random numbers in each turn of a loop."""

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.while_loop(
            lambda k, x: k < 3,
            lambda k, x: (k + 1, x + normal([n, 2], fold_in(seed, k), first=first)),
            (0, tf.zeros([n, 2])),
        )[1]


VECTORS = DataSpec("vector", (2,), classes=3)


def toy(kind, data=VECTORS):
    return build_model(ModelSpec("toy", GaussianConfig, kind, "a toy"), GaussianConfig(), data, 0)


def test_noise_that_is_drawn_in_a_loop_is_no_input():
    signature = signatures_of(toy(InALoop))["sample"]
    with pytest.raises(CapabilityError, match="within a loop"):
        draws_of(signature)
    assert signature.program()(count=tf.constant(4), seed=tf.constant([0, 1]), first=tf.constant(0))["x"].shape == (
        4,
        2,
    )


def test_labels_are_inputs_and_say_which_classes_there_are():
    data = DataSpec("vector", (2,), classes=3, class_names=("ant", "bee", "cat"))
    (labels, *_) = signatures_of(toy(ConditionalGaussian, data))["sample"].inputs
    assert (labels.name, labels.shape) == ("labels", (None,))
    assert "0 .. 2 (ant, bee, cat)" in labels.meaning


def test_a_model_that_offers_nothing():
    with pytest.raises(CapabilityError, match="nothing to export"):
        signatures_of(toy(GenerativeModel))


def test_a_bound_of_many_particles_is_that_of_the_model():
    """With more particles than are decoded at once: chunks are the same for a known and an unknown number of examples."""
    model, x = small_vae("vae", policy="float32"), images(n=64)
    signature = signatures_of(model, particles=300)["elbo"]
    (found,) = signature.program()(x=x, seed=tf.constant([0, 3])).values()
    np.testing.assert_allclose(found, model.elbo(x, seed=3, particles=300), rtol=1e-5)
    assert "importance-weighted bound of log p(x), 300 codes" in signature.meaning


@pytest.mark.parametrize("make", [lambda: small_flow("realnvp", PLANE), lambda: small_vae("vae")])
def test_densities_and_codes_in_float64_keep_their_digits(make):
    model = make()
    found = signatures_of(model)
    random = np.random.default_rng(0)
    known = {"x": images(n=EXAMPLES).numpy() if model.data.kind == "image" else random.normal(size=(EXAMPLES, 2))}
    assert {found[name].output.dtype for name in {"log_prob", "elbo", "encode"} & set(found)} == {"float64"}
    for name, signature in found.items():
        tensors = {key: tf.constant(array) for key, array in inputs_for(signature, known).items()}
        (result,) = signature.program()(**tensors).values()
        np.testing.assert_allclose(result.numpy(), signature.call(**tensors).numpy(), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(("first", "seed"), [(0, 0), (5, 3)])
def test_the_sample_of_a_seed_is_that_of_the_model(first, seed):
    model = small_flow("realnvp", PLANE, policy="float32")
    (found,) = (
        signatures_of(model)["sample"]
        .program()(count=tf.constant(4), seed=tf.constant([0, seed]), first=tf.constant(first))
        .values()
    )
    np.testing.assert_allclose(found, model.sample(4, seed=seed, first=first), rtol=1e-5, atol=1e-5)


def test_what_a_likelihood_is_given_is_told():
    data = DataSpec("vector", (2,), classes=3, context=(Column("age"),))
    model = small_flow("conditional_realnvp", data)
    assert signatures_of(model)["log_prob"].meaning == "log p(x | label, context)"


class OwnGenerator(Gaussian):
    """Draws by a generator of TensorFlow's own."""

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.random.stateless_normal([n, 2], as_seed(seed))


class OneForAll(Gaussian):
    """Draws the same random numbers for every sample."""

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.tile(normal([1, 2], seed), [n, 1])


class Pairs(Gaussian):
    """Draws random numbers for each pair of samples."""

    def sample(self, n, labels=None, seed=0, first=0):
        return normal([n, n], seed) @ tf.ones([n, 2])


class Shared(Gaussian):
    """Draws random numbers of all samples, and then those of each."""

    def sample(self, n, labels=None, seed=0, first=0):
        return normal([1, 2], fold_in(seed, 1)) + normal([n, 2], seed, first=first)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (OwnGenerator, "another generator than tfgen's"),
        (OneForAll, "tell how many samples"),
        (Pairs, "of an unknown shape"),
    ],
)
def test_noise_that_cannot_be_an_input_is_told(kind, says):
    with pytest.raises(CapabilityError, match=says):
        draws_of(signatures_of(toy(kind))["sample"])


def test_the_number_of_samples_is_that_of_the_noise_of_each():
    signature = signatures_of(toy(Shared))["sample"]
    draws = draws_of(signature)
    assert [(draw.shape, draw.noise) for draw in draws] == [((1, 2), "normal"), ((None, 2), "normal")]
    fed = with_noise_inputs(signature, draws).program()(noise_0=tf.ones([1, 2]), noise_1=tf.zeros([5, 2]))
    np.testing.assert_array_equal(fed["x"], np.ones([5, 2]))


@pytest.mark.parametrize(
    ("own", "other", "rounding"),
    [
        (np.float32([1, 2]), np.float32([1, 2.00001]), True),
        (np.float32([1, 2]), np.float32([1, 2.01]), False),
        (np.float32([1, np.nan]), np.float32([1, np.nan]), True),
        (np.float32([1, 2]), np.float32([1, np.nan]), False),
        (np.float32([-np.inf, 2]), np.float32([-np.inf, 2]), True),
        (np.float32([-np.inf, 2]), np.float32([np.inf, 2]), False),
        (np.uint8([1] * 200), np.uint8([1] * 199 + [2]), True),
        (np.uint8([1] * 50), np.uint8([1] * 48 + [2] * 2), False),
        (np.uint8([[[1] * 9]] * 64), np.uint8([[[1] * 9]] * 62 + [[[2] * 9]] * 2), True),  # drawn pixel by pixel
        (np.uint8([[[1] * 9]] * 64), np.uint8([[[1] * 9]] * 61 + [[[2] * 9]] * 3), False),
        (
            np.float32([[1e-6, 9], [2e-6, 9]]),
            np.float32([[1e-6, 9], [2.1e-6, 9]]),
            False,
        ),  # each column has its own size
        (np.float32([[1e-6, 9], [2e-6, 9]]), np.float32([[1e-6, 9.0001], [2e-6, 9]]), True),
        (np.float32([[1, 0.5]] * 64), np.float32([[1, 0.5]] * 63 + [[2, 0.7]]), True),  # another category
        (np.float32([[1, 0.5]] * 64), np.float32([[1, 0.5]] * 60 + [[2, 0.7]] * 4), False),
        (np.float32([[0.3, 0.5]] * 64), np.float32([[0.3, 0.5]] * 63 + [[0.3, 0.7]]), False),
        (np.uint8([1]), np.int32([1]), False),
        (np.uint8([1]), np.uint8([1, 1]), False),
    ],
)
def test_what_rounding_explains(own, other, rounding):
    assert difference("sample", own, other).rounding is rounding
