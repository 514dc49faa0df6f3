"""Inpainting: complete the unknown part of images several times, with the log-likelihoods of the completions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions, labels_in
from tfgen.data.dataset import Dataset, SplitName
from tfgen.errors import DataError, PluginError, require_option
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLogProb, Inpaints, capable, uses_context
from tfgen.model.program import Program
from tfgen.progress import Bar
from tfgen.sample.masks import InpaintingMask, Known
from tfgen.sample.sampling import given_of
from tfgen.seeds import fold_in, generator

Floats = NDArray[np.float64]

_MASK = 12  # purpose of the seed: random masks
# Particles that are at work at a time; bounds the memory.
_AT_A_TIME = 512


@dataclass(frozen=True)
class Inpainting:
    """Result of inpainting: images, masks, and several completions of each image.

    Attributes:
        x: the images, uint8 [n, height, width, channels].
        known: which of their pixels are known, [n, height, width].
        completions: uint8 [n, samples, height, width, channels]; equal to `x` where it is known.
        particles: with how many each was drawn.
        labels: of the completions of a conditional model, [n].
        log_prob: log-likelihood of each completion, given the label for a conditional model, [n, samples] nats; None for a
            model without a density.
        log_prob_x: the same of the images themselves, [n]. Where densities need noise, such as grey levels that become
            bits, a completion and its image are scored with the noise with which the completion was drawn, and this is the
            mean over the samples.
    """

    x: NDArray[np.generic]
    known: Known
    completions: NDArray[np.generic]
    particles: int = 1
    labels: NDArray[np.int32] | None = None
    log_prob: Floats | None = None
    log_prob_x: Floats | None = None


def inpaint(
    model: GenerativeModel,
    x: NDArray[np.generic],
    known: Known,
    labels: Any = None,
    *,
    samples: int = 5,
    particles: int = 1,
    seed: int = 0,
    quiet: bool = True,
) -> Inpainting:
    """Inpaint images: several completions of each, batch by batch.

    Args:
        model: that inpaints.
        x: images, uint8 [n, height, width, channels].
        known: which of their pixels are known, [n, height, width].
        labels: of the images [n], for a conditional model.
        samples: completions of each image.
        particles: of a particle filter, for known pixels after a hole; see `Inpaints`.
        seed: same arguments, same completions.
        quiet: show no progress.

    Raises:
        CapabilityError: when the model does not inpaint.
        DataError: for vectors, and for images, masks or labels that do not fit the model.
        OptionError: when samples or particles are below 1.
        PluginError: when the model changes known pixels, or returns something else than images.
    """
    inpaints = capable(model, Inpaints, "inpainting")
    require_option(samples >= 1, "samples", samples, "at least 1")
    require_option(particles >= 1, "particles", particles, "at least 1")
    _check(model, x, known)
    model.condition(labels, len(x))  # which checks the labels
    own: Conditions | None = None
    if labels is not None:
        own = np.asarray(labels, np.float32 if uses_context(model) else np.int32)
    # Of bits that stand for grey levels there is no likelihood.
    scored = isinstance(model, HasLogProb) and model.scored_as != "cross_entropy"
    log_prob = Program(model.log_prob) if scored else None
    which = np.repeat(np.arange(len(x)), samples)
    completions = np.empty((len(which), *x.shape[1:]), np.uint8)
    scores = np.empty((2, len(which)))
    at_a_time = min(len(which), max(1, _AT_A_TIME // particles))
    with Bar("inpainting", len(which), "completions", quiet=quiet) as bar:
        for number, begin in enumerate(range(0, len(which), at_a_time)):
            # The last batch is filled up with images from the front, so that one shape is compiled.
            rows = which[np.arange(begin, begin + at_a_time) % len(which)]
            given, noise = None if own is None else tf.constant(own[rows]), fold_in(seed, number)
            result = np.asarray(
                inpaints.inpaint(tf.constant(x[rows]), tf.constant(known[rows]), given, seed=noise, particles=particles)
            )
            _require_kept(model, result, x[rows], known[rows])
            place = slice(begin, min(begin + at_a_time, len(which)))
            count = place.stop - begin
            completions[place] = result[:count]
            if log_prob is not None:
                # In the same places with the same seed, so that grey levels become the same bits as in drawing.
                for row, images in zip(scores, (result, x[rows]), strict=True):
                    row[place] = log_prob(tf.constant(images), given, noise).numpy()[:count]
            bar.update(place.stop)
    by_image = scores.reshape(2, len(x), samples)
    return Inpainting(
        x, known, completions.reshape(len(x), samples, *x.shape[1:]), particles,
        labels_in(own, model.data.classes is not None),
        by_image[0] if scored else None, by_image[1].mean(axis=1) if scored else None,
    )  # fmt: skip


def inpaint_examples(
    model: GenerativeModel,
    data: Dataset,
    mask: InpaintingMask,
    split: SplitName = "test",
    images: int = 8,
    labels: Conditions | None = None,
    *,
    seed: int = 0,
    **options: Any,
) -> Inpainting:
    """Inpaint the first images of a split under a mask.

    Args:
        model: that inpaints.
        data: of the spec that the model was built for.
        mask: the known part.
        split: of the data.
        images: number of images.
        labels: [images], for a conditional model; by default those of the images.
        seed: of the completions, and of masks that are drawn.
        options: of `inpaint`.

    Raises:
        TfgenError: as `inpaint` and `InpaintingMask.known` do, and for more images than the split has.
    """
    capable(model, Inpaints, "inpainting")
    if not data.spec.spatial:
        raise DataError("inpainting is for images; the data are vectors.")
    examples = data.splits[split]
    count = f"at least 1 and at most {len(examples)}, which split {split!r} has"
    require_option(1 <= images <= len(examples), "images", images, count)
    if labels is None:
        labels = given_of(model, examples.take(slice(images)))
    height, width, _ = data.spec.shape
    known = mask.known(generator(seed, _MASK), images, height, width)
    return inpaint(model, examples.x[:images], known, labels, seed=seed, **options)


def _check(model: GenerativeModel, x: NDArray[np.generic], known: Known) -> None:
    if not model.data.spatial:
        raise DataError("inpainting is for images; the data are vectors.")
    if not len(x) or x.shape[1:] != model.data.shape or x.dtype != np.uint8:
        raise DataError(
            f"expected uint8 images of shape {model.data.shape}, one or more; got {x.dtype} of shape {x.shape}."
        )
    if known.shape != x.shape[:3] or known.dtype != np.bool_:
        raise DataError(f"expected a mask of booleans, shape {x.shape[:3]}; got {known.dtype} of shape {known.shape}.")


def _require_kept(model: GenerativeModel, result: NDArray[np.generic], x: NDArray[np.generic], known: Known) -> None:
    """Check the completions of a model: same shape, and known pixels unchanged."""
    name = type(model).__name__
    if result.shape != x.shape or result.dtype != x.dtype:
        raise PluginError(
            f"model {name}: inpaint returned {result.dtype} of shape {result.shape}, not {x.dtype} of shape {x.shape}."
        )
    if not np.array_equal(result[known], x[known]):
        raise PluginError(f"model {name}: inpaint changed known pixels, which must be kept exactly.")
