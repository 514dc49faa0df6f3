"""Run folders that were made before flows became chains of `tfb.RealNVP` load and give the numbers recorded then.

The runs, on the digits with ``--compile graph --keep last --seed 3``; their events and figures are left out:

- ``realnvp --layers 3 --mask random half --units 4 --depth 1 --epochs 3 --learning-rate 0.03``
- ``conditional_realnvp --layers 2 --mask random random --network conv --channels 2 --blocks 1 --epochs 2
  --learning-rate 0.01``
- ``spline_flow --layers 2 --mask checkerboard --units 4 --depth 1 --bins 4 --epochs 2 --learning-rate 0.01``
- ``vae --prior flow --network mlp --units 6 --latent 4 --flow-layers 2 --flow-units 4 --binarise none --epochs 2
  --learning-rate 0.01``
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen

OLD_RUNS = Path(__file__).parent / "old_runs"


def numbers(model: Any) -> dict[str, Any]:
    """Return log-densities, codes and decoded images at fixed places: what draws no random number."""
    labels = np.arange(6, dtype=np.int32) if model.conditional else None
    spread = 2 * np.sin(0.7 * np.arange(6 * 64).reshape(6, 64))
    if hasattr(model, "bijector"):
        places = np.arange(6 * 64).reshape(6, 64)
        grey_levels = tf.constant((places * 7919 % 1700 + 0.5) / 100, tf.float32)
        found = {
            "log_prob": model.distribution(labels, 6).log_prob(grey_levels),
            "codes": model.bijector(labels, 6).inverse(tf.identity(grey_levels)),
        }
        codes = tf.constant(spread, tf.float32)
    else:
        codes = tf.constant(spread[:, :4], tf.float32)
        images = tf.constant(np.arange(6 * 64).reshape(6, 8, 8, 1) * 7919 % 17, tf.uint8)
        found = {"log_prob": model.prior().log_prob(codes), "codes": model.encode(images)}
    return {name: np.asarray(value) for name, value in found.items()} | {
        "images": np.asarray(model.decode(codes, labels))
    }


def load(name: str, folder: Path) -> Any:
    """Return the model of an old run, whose folder is copied first: loading may write into it."""
    shutil.copytree(OLD_RUNS / name, folder / name)
    return tfgen.load(folder / name).model


@pytest.mark.parametrize("name", ["realnvp", "conditional_realnvp", "spline_flow", "vae"])
def test_an_old_run_gives_the_same_numbers(name, tmp_path):
    """Up to rounding: products round otherwise on other processors, and log-determinants are now summed from the codes on."""
    found = numbers(load(name, tmp_path))
    with np.load(OLD_RUNS / f"{name}.npz") as recorded:
        np.testing.assert_allclose(found["log_prob"], recorded["log_prob"], rtol=2e-6)
        np.testing.assert_allclose(found["codes"], recorded["codes"], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(found["images"], recorded["images"])


def test_weights_have_the_names_and_the_order_of_the_old_run(tmp_path):
    model = load("realnvp", tmp_path)
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
