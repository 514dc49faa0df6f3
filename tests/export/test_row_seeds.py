"""Signatures with a seed for each example: rows of several seeds in one batch are what each seed gives by itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.test_signatures import InALoop, built
from tests.slow import named
from tests.toy_models import GaussianConfig
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError
from tfgen.export import signatures_of, with_row_seeds
from tfgen.seeds import uniform


@pytest.mark.parametrize("name", named(["realnvp", "cvae", "gan", "pixelcnn"], {"cvae"}))
def test_samples_of_several_seeds_are_those_of_each(registry, digits, name):
    model = built(registry, name, digits)
    signature = with_row_seeds(signatures_of(model)["sample"])
    rows = [(3, 0), (3, 1), (8, 5), (3, 2), (8, 0), (1, 7)]
    labels = np.arange(len(rows), dtype=np.int32) if model.conditional else None
    given = {} if labels is None else {"labels": tf.constant(labels)}
    seeds, first = tf.constant([[0, seed] for seed, _ in rows]), tf.constant([number for _, number in rows])
    (together,) = signature.program(len(rows))(seed=seeds, first=first, **given).values()
    for i, (seed, number) in enumerate(rows):
        own = None if labels is None else np.full(len(rows), labels[i])
        alone = model.sample(len(rows), own, seed=seed, first=number).numpy()
        np.testing.assert_array_equal(together[i], alone[0])


def test_numeric_options_of_a_sampler_become_inputs(registry, digits):
    model = built(registry, "pixelcnn", digits)
    signature = signatures_of(model, free=["temperature"])["sample"]
    assert [argument.name for argument in signature.inputs] == ["count", "seed", "first", "temperature"]
    program = signature.program()
    given = {"count": tf.constant(3), "seed": tf.constant([0, 1]), "first": tf.constant(0)}
    for temperature in (0.5, 1.0):
        (drawn,) = program(**given, temperature=tf.constant(temperature)).values()
        np.testing.assert_array_equal(drawn, model.sample(3, seed=1, temperature=temperature))


def test_numbers_drawn_in_a_loop_belong_to_no_example():
    data = DataSpec("vector", (2,))
    with pytest.raises(CapabilityError, match="within a loop"):
        with_row_seeds(signatures_of(InALoop(GaussianConfig(), data, 0))["sample"])


class OwnSeeds(InALoop):
    """Makes its seed in a way that knows nothing of rows."""

    def sample(self, n, labels=None, seed=0, first=0):
        return self.mean + uniform([n, 2], tf.constant([0, 1]) + tf.reshape(seed, [-1])[:2], first=first)


def test_seeds_that_are_not_those_of_the_rows_are_noticed():
    signature = with_row_seeds(signatures_of(OwnSeeds(GaussianConfig(), DataSpec("vector", (2,)), 0))["sample"])
    with pytest.raises(CapabilityError, match="makes seeds in a way of its own"):
        signature.program(4)
