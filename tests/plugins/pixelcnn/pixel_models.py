"""Small PixelCNNs whose weights are far from zero, all images of a small set, and exact probabilities made from these."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import stats

from tests.moved_models import moved_model
from tfgen import DataSpec, uniform
from tfgen_plugins.pixelcnn.model import PixelCNN
from tfgen_plugins.pixelcnn.sampler import sample_incrementally

SMALL = {"blocks": 1, "filters": 4, "reach": 1, "first_reach": 1, "components": 2}
BITS = DataSpec("image", (3, 3, 1), classes=3, levels=2)


def small_pixelcnn(
    data: DataSpec = BITS, policy: str = "float64", seed: int = 0, moved: float = 0.5, **options: Any
) -> PixelCNN:
    """Return a PixelCNN whose weights were moved at random."""
    model = moved_model("pixelcnn", data, SMALL | options, policy, seed, moved)
    assert isinstance(model, PixelCNN)
    return model


def labels_of(model: PixelCNN, n: int) -> tf.Tensor | None:
    """Return labels for n examples where the model wants some."""
    return tf.constant(np.arange(n) % model.data.classes) if model.conditional else None


def random_images(data: DataSpec, n: int, seed: int = 0) -> tf.Tensor:
    """Return images of noise, uint8."""
    return tf.constant(np.random.default_rng(seed).integers(0, data.levels, (n, *data.shape)).astype(np.uint8))


def every_image(data: DataSpec) -> NDArray[np.uint8]:
    """Return all L^D images in the order of their numbers, written to the base of L in raster order."""
    digits = itertools.product(range(data.levels), repeat=data.dimensions)
    return np.array(list(digits), np.uint8).reshape(-1, *data.shape)


def number_of(images: Any, levels: int) -> NDArray[np.int64]:
    """Return where images stand among all of them."""
    digits = np.asarray(images).reshape(len(images), -1).astype(np.int64)
    return digits @ levels ** np.arange(digits.shape[1])[::-1]


def probabilities(model: PixelCNN, label: int | None = None) -> NDArray[np.float64]:
    """Return p of all images, or p given a label."""
    images = every_image(model.data)
    return np.exp(model.log_prob(images, None if label is None else np.full(len(images), label)).numpy())


def tempered(joint: NDArray[np.float64], levels: int, temperature: float) -> NDArray[np.float64]:
    """Return the joint probabilities that each factor ``p(v_k | v_<k)``, to the power 1 / T and normalised, multiplies up to.

    They are had from sums over the joint ones alone.
    """
    result, left = np.ones(1), np.ones(1)
    while len(result) < len(joint):
        marginal = joint.reshape(len(result) * levels, -1).sum(axis=1)
        factor = (marginal.reshape(-1, levels) / left[:, None]) ** (1 / temperature)
        result = (result[:, None] * factor / factor.sum(axis=1, keepdims=True)).ravel()
        left = marginal
    return result


def p_value(drawn: Any, expected: NDArray[np.float64]) -> float:
    """Return the p-value of a chi-square test of drawn numbers against their probabilities; rare ones are taken together."""
    counts, mean = np.bincount(drawn, minlength=len(expected)).astype(float), expected * len(drawn)
    assert not np.any(counts[mean == 0])
    rare = mean < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    mean = np.append(mean[~rare], mean[rare].sum())
    some = mean > 0
    return float(stats.chisquare(counts[some], mean[some] * counts.sum() / mean.sum()).pvalue)


def recorded(
    model: PixelCNN,
    n: int,
    sampling: Any = sample_incrementally,
    select: Any = None,
    temperature: float = 1.0,
    seed: int = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the values [n, height, width, channels] that are sampled, and the network's numbers that it drew them from.

    It is run op by op: for a few small images that is sooner done than compiled.
    """
    height, width, _ = model.data.shape
    uniforms = uniform([n, height, width, model.pixels.draws], seed, model.density_dtype)
    heat = tf.constant(temperature, model.density_dtype)

    def choose(raw: tf.Tensor, row: Any, column: Any, state: Any) -> Any:
        met = keras.ops.slice_update(state[0], [0, row, column, 0], raw[:, None, None])
        return model.pixels.draw(raw, uniforms[:, row, column], heat), (met,)

    met = tf.zeros([n, height, width, model.pixels.parameters], model.density_dtype)
    values, (met,) = sampling(model.sampler, n, model.one_hot(labels_of(model, n)), choose, (met,), select)
    return tf.transpose(values, [2, 0, 1, 3]).numpy(), met.numpy()
