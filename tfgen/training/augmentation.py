"""Augmentation of training images: random horizontal flips and shifts, a function of seed, step and example."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError, require_option
from tfgen.model.objective import Batch
from tfgen.plugin.train_options import TrainOptions
from tfgen.seeds import fold_in, uniform

_AUGMENTATION = 10**6 + 1  # purpose of the seed, beyond any number of objectives, and another one than validation's


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the images of a step.

    Attributes:
        flip: whether half of the images are mirrored, left to right.
        shift: most pixels that an image is moved by, up or down and left or right; edges are repeated.
        seed: of the run.
    """

    flip: bool
    shift: int
    seed: int

    def __call__(self, batch: Batch, step: tf.Tensor) -> Batch:
        """Return the examples of a step with their images changed; example i of a step depends on seed, step and i alone.

        Args:
            batch: of images [n, height, width, channels].
            step: steps done before, a scalar of integers.
        """
        if not self.flip and not self.shift:
            return batch
        x = batch.x
        drawn = uniform([tf.shape(x)[0], 4], fold_in(fold_in(self.seed, _AUGMENTATION), step), first=0)
        if self.flip:
            x = tf.where(drawn[:, 0, None, None, None] < 0.5, tf.reverse(x, axis=[2]), x)
        if self.shift:
            moves = tf.cast(drawn[:, 1:3] * (2 * self.shift + 1), tf.int32) - self.shift
            moves = tf.minimum(moves, self.shift)  # a number just below 1 may be rounded up in the product
            x = _moved(_moved(x, moves[:, 0], 1), moves[:, 1], 2)
        return batch._replace(x=tf.ensure_shape(x, batch.x.shape))


def augmentation(options: TrainOptions, data: DataSpec) -> Augmentation:
    """Return the augmentation that the options describe.

    Raises:
        OptionError: when the data are no images, or narrower than the shift.
    """
    chosen = "--flip" if options.flip else f"--shift {options.shift}"
    if (options.flip or options.shift) and not data.spatial:
        raise OptionError(f"{chosen} is for images, and this data set has vectors; leave it out.")
    if options.shift:
        side = min(data.shape[:2])
        require_option(
            options.shift < side, "shift", options.shift, f"below {side}, the pixels of a side of the images"
        )
    return Augmentation(options.flip, options.shift, options.seed)


def _moved(x: tf.Tensor, by: tf.Tensor, axis: int) -> tf.Tensor:
    """Return images [n, height, width, channels], each moved by so many pixels along an axis, with its edge repeated."""
    side = x.shape[axis]
    source = tf.clip_by_value(tf.range(side)[None] - by[:, None], 0, side - 1)
    return tf.gather(x, source, axis=axis, batch_dims=1)
