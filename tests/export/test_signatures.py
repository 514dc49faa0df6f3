"""Signatures of exported models: any number of examples, seeds where they matter, noise as an input in their place."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.slow import named
from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig
from tfgen.data.lookup import load_dataset
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.signatures import signatures_of
from tfgen.export.verify import EXAMPLES, difference, inputs_for
from tfgen.model.base import GenerativeModel, build_model
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.seeds import fold_in, noise_from, normal, uniform

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


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.fixture(scope="module")
def digits(registry):
    return load_dataset("digits", registry, DataSources())


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
        (np.uint8([1] * 50), np.uint8([1] * 49 + [2]), False),
        (np.uint8([1]), np.int32([1]), False),
        (np.uint8([1]), np.uint8([1, 1]), False),
    ],
)
def test_what_rounding_explains(own, other, rounding):
    assert difference("sample", own, other).rounding is rounding
