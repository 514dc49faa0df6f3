"""Looking for codes whose examples are of two classes."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.errors import DataError
from tfgen.evaluate.features import Features
from tfgen.evaluate.search import codes_of_classes


class Signs:
    """Codes decode to themselves; the class is 0 for negative ones, 1 for others, and 2 for those above 2.5."""

    def prior(self, labels=None):
        return tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), 1)

    def decode(self, z, labels=None, seed=0):
        return tf.convert_to_tensor(z)


class Judge:
    name = "judge"

    def extract(self, x):
        return Features(x, np.digitize(x[:, 0], [0, 2.5]))


@pytest.mark.parametrize("wanted", [(0, 1), (1, 0), (2, 0), (1, 1), None])
def test_codes_are_of_the_classes(wanted):
    codes, classes = codes_of_classes(Signs(), Judge(), wanted, seed=4)
    assert np.digitize(codes[:, 0], [0, 2.5]).tolist() == list(classes)
    assert classes == wanted if wanted else classes[0] != classes[1]
    assert codes[0] != codes[1]
    again, _ = codes_of_classes(Signs(), Judge(), wanted, seed=4)
    np.testing.assert_array_equal(codes, again)


def test_a_class_that_the_model_does_not_draw():
    with pytest.raises(DataError, match="among 5000 samples there is none of class 7; train longer"):
        codes_of_classes(Signs(), Judge(), (0, 7))


def test_a_network_that_does_not_classify():
    blind = type("Blind", (), {"name": "blind", "extract": lambda self, x: Features(x, None)})
    with pytest.raises(DataError, match="'blind' does not classify"):
        codes_of_classes(Signs(), blind(), None)
