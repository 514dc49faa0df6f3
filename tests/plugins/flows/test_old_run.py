"""A run folder that was made before flows became chains of `tfb.RealNVP` loads and gives the numbers recorded then.

The run: ``tfgen run realnvp --data digits --layers 3 --mask random half --units 4 --depth 1 --epochs 3 --learning-rate 0.03
--keep last --seed 3``. Its events and figures are left out.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen

OLD_RUN = Path(__file__).parent / "old_run"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old") / "realnvp"
    shutil.copytree(OLD_RUN / "realnvp", folder)
    return tfgen.load(folder).model


@pytest.fixture(scope="module")
def recorded():
    with np.load(OLD_RUN / "recorded.npz") as file:
        return dict(file)


def test_an_old_run_gives_the_same_densities_and_codes(model, recorded):
    """Up to rounding: products round otherwise on other processors, and log-determinants are now summed from the codes on."""
    places = np.arange(6 * 64).reshape(6, 64)
    grey_levels = tf.constant((places * 7919 % 1700 + 0.5) / 100, tf.float32)
    np.testing.assert_allclose(model.distribution().log_prob(grey_levels), recorded["log_prob"], rtol=2e-6)
    codes = model.bijector().inverse(tf.identity(grey_levels))
    np.testing.assert_allclose(codes, recorded["codes"], rtol=1e-5, atol=1e-5)


def test_an_old_run_decodes_to_the_same_images(model, recorded):
    codes = 2 * np.sin(0.7 * np.arange(6 * 64).reshape(6, 64))
    np.testing.assert_array_equal(model.decode(tf.constant(codes, tf.float32)), recorded["images"])


def test_weights_have_the_names_and_the_order_of_the_old_run(model):
    layers = [
        (["partition/order", "partition/places"] if number < 2 else [])
        + ["affine/log_scale_range", "kernel", "bias", "kernel", "bias"]
        for number in range(3)
    ]
    expected = [f"coupling_{number}/{name}" for number, names in enumerate(layers) for name in names]
    without_counters = [
        "/".join(part for part in weight.path.split("/") if not part.startswith("dense")) for weight in model.weights
    ]
    assert without_counters == expected
