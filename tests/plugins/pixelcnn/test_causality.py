"""What a pixel's distribution depends on: earlier pixels alone, and exactly those that the network's extent allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.plugins.pixelcnn.pixel_models import labels_of, random_images, small_pixelcnn
from tfgen import Batch, Context, DataSpec, as_seed
from tfgen_plugins.pixelcnn.convolution import MaskedConv2D
from tfgen_plugins.pixelcnn.model import PixelCNN

HEIGHT, WIDTH = 5, 7
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "plain": {"network": "plain", "blocks": 2},
    "plain-wide": {"network": "plain", "reach": 2},
    "plain-attention": {"network": "plain", "attention": 1},
    "plain-conditional": {"network": "plain", "conditional": True, "first_reach": 2},
    "gated": {"blocks": 2},
    "gated-wide": {"reach": 2},
    "gated-attention": {"attention": 2, "blocks": 2},
    "gated-conditional": {"conditional": True, "first_reach": 3},
}


def trained(model: PixelCNN, steps: int = 3) -> None:
    """Take steps of gradient descent on images of noise."""
    images = random_images(model.data, 8, seed=3)
    (objective,) = model.objectives()
    for step in range(steps):
        with tf.GradientTape() as tape:
            loss = objective.loss(Batch(images, labels_of(model, 8)), as_seed(step), Context.at(step))["loss"]
        gradients = tape.gradient(loss, [weight.value for weight in objective.weights])
        for weight, gradient in zip(objective.weights, gradients, strict=True):
            weight.assign_sub(0.02 * gradient)


def dependence(model: PixelCNN, n: int = 24) -> NDArray[np.bool_]:
    """Return where a gradient is not zero, [pixel of the numbers, pixel of the image, channel of the image].

    One pass for all: the images are repeated once for each pixel, and each copy is asked for the numbers of one.
    """
    height, width, channels = model.data.shape
    pixels = height * width
    values = tf.cast(random_images(model.data, n), model.density_dtype)
    each = tf.tile(values, [pixels, 1, 1, 1])
    labels = model.one_hot(labels_of(model, n))
    with tf.GradientTape() as tape:
        tape.watch(each)
        raw = model.network(model.sampler.network_input(each), None if labels is None else tf.tile(labels, [pixels, 1]))
        of_pixels = tf.reshape(raw, [pixels, n, pixels, -1])
        weights = np.random.default_rng(0).normal(size=of_pixels.shape[-1])
        asked = tf.einsum("inip,p->", of_pixels, tf.constant(weights, raw.dtype))
    gradient = tf.reshape(tape.gradient(asked, each), [pixels, n, pixels, channels])
    return np.any(gradient.numpy() != 0, axis=1)


def offsets() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many rows above a pixel another one lies, and how many columns to the right: [pixel, other] each."""
    row, column = (a.ravel() for a in np.indices((HEIGHT, WIDTH)))
    return row[:, None] - row[None], column[None] - column[:, None]


def window(reach: int, own: bool) -> NDArray[np.bool_]:
    """Return which pixels a masked convolution sees, of type B if the pixel itself belongs to them, else A."""
    above, right = offsets()
    rows_above = (above > 0) & (above <= reach) & (abs(right) <= reach)
    return rows_above | ((above == 0) & (right >= -reach) & (right < (1 if own else 0)))


def expected_field(options: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which pixels each one must depend on, [pixel, other].

    - gated: all earlier ones, as far as all layers reach together, in rows and in columns;
    - plain: those that a chain of windows leads to, which leaves out some above and to the right;
    - attention, behind the last block: also those that the features of any earlier pixel depend on.
    """
    blocks, reach, first = (options.get(name, 1) for name in ("blocks", "reach", "first_reach"))
    if options.get("network") == "plain":
        field = window(first, own=False)
        for _ in range(blocks):
            field = window(reach, own=True) @ field
    else:
        above, right = offsets()
        far = first + blocks * reach
        field = ((above > 0) | ((above == 0) & (right < 0))) & (above <= far) & (abs(right) <= far)
    if options.get("attention"):
        field = np.tri(HEIGHT * WIDTH, dtype=bool) @ field
    return field


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_a_pixel_depends_on_all_earlier_ones_within_reach_and_on_no_others(options, channels):
    data = DataSpec("image", (HEIGHT, WIDTH, channels), classes=3, levels=2)
    model = small_pixelcnn(data, moved=0.3, filters=8, **options)  # so many that a rectifier shut here is open there
    expected = np.repeat(expected_field(options)[..., None], channels, axis=-1)
    assert not np.any(np.triu(expected[..., 0]))  # in raster order, later ones stand behind
    np.testing.assert_array_equal(dependence(model), expected)
    before = model.log_prob(random_images(model.data, 2), labels_of(model, 2))
    trained(model)
    assert not np.array_equal(before, model.log_prob(random_images(model.data, 2), labels_of(model, 2)))
    np.testing.assert_array_equal(dependence(model), expected)


def test_only_the_plain_network_has_a_blind_spot():
    """With kernels of 3x3, whatever their number, it is the wedge to the right that lies below the diagonal."""
    above, right = offsets()
    far = 3
    earlier = (above > 0) & (above <= far) & (abs(right) <= far) | ((above == 0) & (right < 0) & (right >= -far))
    unseen = earlier & ~expected_field({"network": "plain", "blocks": 2})
    np.testing.assert_array_equal(unseen, earlier & (right > above))
    assert not np.any(earlier & ~expected_field({"blocks": 2}))


@pytest.mark.parametrize(("output", "levels"), [("bernoulli", 2), ("categorical", 4), ("discretized_logistic", 4)])
def test_a_channel_is_drawn_from_earlier_ones_alone(output, levels):
    model = small_pixelcnn(DataSpec("image", (1, 1, 3), levels=levels), output=output)
    random = np.random.default_rng(0)
    raw = tf.constant(random.normal(size=(200, model.pixels.parameters)))
    uniforms = random.uniform(size=(200, model.pixels.draws))
    first = model.pixels.draws - 3  # of the channels' own numbers: a mixture's component has one, too
    drawn = model.pixels.draw(raw, tf.constant(uniforms), tf.constant(1.0, tf.float64)).numpy()
    for channel in range(3):
        other = uniforms.copy()
        other[:, first + channel] = random.uniform(size=200)
        changed = np.any(drawn != model.pixels.draw(raw, tf.constant(other), tf.constant(1.0, tf.float64)), axis=0)
        np.testing.assert_array_equal(changed, np.arange(3) >= channel)


@pytest.mark.parametrize(
    ("sees", "rows", "seen"),
    [
        ("A", 1, [[1, 1, 1], [1, 0, 0]]),
        ("B", 1, [[1, 1, 1], [1, 1, 0]]),
        ("above", 1, [[1, 1, 1]]),
        ("row", 1, [[1, 1, 1], [1, 1, 1]]),
        ("A", 0, [[1]]),
        ("B", 0, [[1, 1]]),
    ],
)
def test_weights_outside_the_mask_neither_count_nor_learn(sees, rows, seen):
    layer = MaskedConv2D(2, 3, rows, 3, sees, "convolution")
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 5, 2)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer.whole(x) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value)
    mask = np.array(seen)[..., None, None] * np.ones(layer.kernel.shape)
    np.testing.assert_array_equal(gradient != 0, mask != 0)
    before, multiplied = layer.whole(x).numpy(), [matrix.numpy() for matrix in layer.matrices()]
    layer.kernel.assign(layer.kernel + 7 * (1 - mask))
    np.testing.assert_array_equal(layer.whole(x), before)
    for one, other in zip(layer.matrices(), multiplied, strict=True):
        np.testing.assert_array_equal(one, other)
    layer.kernel.assign(layer.kernel + 7 * mask)
    assert np.all(layer.whole(x)[:, 1:, 1:] != before[:, 1:, 1:])
