"""Sampling throughput: samples a second of a model, once compiled."""

from __future__ import annotations

import math
import statistics
import time

import tensorflow as tf

from tfgen.errors import require_option
from tfgen.metrics.catalogue import CATALOGUE
from tfgen.metrics.metric import Basis, Metric
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Samples, capable
from tfgen.model.program import Program
from tfgen.sample.sampling import labels_for
from tfgen.seeds import fold_in

_LONG_ENOUGH = 30.0  # seconds; a model that samples pixel by pixel is not timed all evening


def samples_per_second(model: GenerativeModel, batch_size: int = 1000, repeats: int = 7) -> Metric:
    """Measure samples per second over several batches, after a first batch that compiles and is not counted.

    `tfgen sample` keeps two batches at work, and so may be faster.

    Args:
        model: that samples; labels of a conditional model cycle through the classes.
        batch_size: samples in a batch.
        repeats: number of timed batches; fewer if they take more than half a minute in all.

    Returns:
        The metric ``samples_per_second``: the batch size divided by the median of the batches' seconds; in the basis also
        the fastest and the slowest batch, in samples per second.

    Raises:
        CapabilityError: when the model does not sample.
        OptionError: when batch size or repeats are below 1.
    """
    require_option(batch_size >= 1, "sample_batch", batch_size, "at least 1")
    require_option(repeats >= 1, "repeats", repeats, "at least 1")
    sampler = capable(model, Samples, "sampling")
    labels = labels_for(model, batch_size, None)

    @Program
    def draw(seed: tf.Tensor) -> tf.Tensor:
        return sampler.sample(batch_size, None if labels is None else tf.constant(labels), seed=seed)

    draw(fold_in(0, 0)).numpy()
    seconds: list[float] = []
    while len(seconds) < repeats and sum(seconds) < _LONG_ENOUGH:
        seed = fold_in(0, 1 + len(seconds))
        began = time.perf_counter()
        draw(seed).numpy()  # on the host, where a user wants them
        seconds.append(time.perf_counter() - began)
    basis = {
        "batch_size": batch_size,
        "repeats": len(seconds),
        "compiled": "tf.function",
        "slowest": batch_size / max(seconds),
        "fastest": batch_size / min(seconds),
    }
    name, rate = "samples_per_second", batch_size / statistics.median(seconds)
    return Metric(name, rate, math.nan, CATALOGUE[name].unit, Basis.of(basis))
