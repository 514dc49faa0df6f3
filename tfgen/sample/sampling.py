"""Sample in batches with bounded memory, and stream samples to `.npz` files."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.labels import require_classes
from tfgen.errors import DataError, require_option
from tfgen.model.base import GenerativeModel
from tfgen.model.boundary import require_values
from tfgen.model.capabilities import HasTemperature, Samples, capable

# Batches drawn at a time: where the operations of one leave a core idle, those of the other use it.
_AT_WORK = 2


def labels_for(model: GenerativeModel, count: int, labels: Sequence[int] | None) -> NDArray[np.int32] | None:
    """Return the labels of `count` samples, going round those given, or round all classes; None for an unconditional model.

    Raises:
        DataError: for labels that the model does not know, or labels for a model that takes none.
    """
    classes = model.data.classes
    if not model.conditional:
        if labels:
            raise DataError(f"model {type(model).__name__} takes no labels; leave --labels out.")
        return None
    if classes is None:
        raise DataError(f"model {type(model).__name__} needs labels, and the data set has none.")
    chosen = labels or range(classes)
    require_classes(chosen, classes, "--labels")
    return np.resize(np.asarray(chosen, np.int32), count)


def sample_batches(
    model: GenerativeModel,
    count: int,
    labels: NDArray[np.int32] | None,
    seed: int,
    batch_size: int,
    temperature: float = 1.0,
) -> Iterator[NDArray[np.generic]]:
    """Yield the first `count` samples of a seed in batches.

    A sample is a function of the seed and of its place among all samples, up to the rounding of products, which the size of
    the batches decides. All batches have that size, the last one too, of which the rest is thrown away: so the first samples
    of a longer run of the same batch size are the same to the bit.

    While a batch is in the caller's hands the next ones are being drawn, two at a time.

    Raises:
        CapabilityError: when the model does not sample, or has no temperature other than 1.
        OptionError: when the temperature is not above 0.
        PluginError: when what it draws is no example of its data.
    """
    sample = _sampler(model, temperature)
    method = "sample" if temperature == 1 else "sample_at"
    starts = range(0, count, batch_size)

    @tf.function(autograph=False)
    def draw(first: tf.Tensor, batch_labels: tf.Tensor | None = None) -> tf.Tensor:
        return sample(batch_size, batch_labels, seed=seed, first=first)

    def arguments(number: int) -> tuple[tf.Tensor, ...]:
        first = tf.constant(starts[number])
        if labels is None:
            return (first,)
        return first, tf.constant(np.resize(labels[starts[number] :][:batch_size], batch_size))

    program = draw.get_concrete_function(*arguments(0))
    device = tf.identity(tf.zeros([])).device  # where operations go here; another thread would not know

    def drawn(number: int, *given: tf.Tensor) -> NDArray[np.generic]:
        with tf.device(device):
            batch: NDArray[np.generic] = program(*given).numpy()
        return require_values(model, method, batch[: count - starts[number]])

    yield drawn(0, *arguments(0))
    if len(starts) == 1:
        return
    with ThreadPoolExecutor(_AT_WORK, thread_name_prefix="tfgen-sampling") as pool:
        begun: deque[Future[NDArray[np.generic]]] = deque()
        try:
            for number in range(1, len(starts)):
                begun.append(pool.submit(drawn, number, *arguments(number)))
                if len(begun) > _AT_WORK:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:  # the caller may have had enough, or a batch may have failed
            for future in begun:
                future.cancel()


def _sampler(model: GenerativeModel, temperature: float) -> Callable[..., tf.Tensor]:
    """Return ``(n, labels, seed, first) -> samples``: of any model that samples at temperature 1."""
    require_option(temperature > 0 and math.isfinite(temperature), "temperature", temperature, "a number above 0")
    if temperature == 1:
        return capable(model, Samples, "sampling").sample
    return partial(capable(model, HasTemperature, f"--temperature {temperature:g}").sample_at, temperature)
