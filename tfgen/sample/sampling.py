"""Sample in batches with bounded memory, and stream samples to `.npz` files."""

from __future__ import annotations

import math
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.lib import format as npy
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.errors import DataError, OptionError, OutputError, require_option
from tfgen.figures.pictures import draw_examples
from tfgen.files import written_whole
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasTemperature, Samples, capable
from tfgen.progress import Bar
from tfgen.seeds import fold_in

#: The most samples that go into one picture.
PICTURE_SAMPLES = 10_000
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
    if min(chosen) < 0 or max(chosen) >= classes:
        raise DataError(f"--labels must lie in 0 .. {classes - 1}, got {', '.join(map(str, chosen))}.")
    return np.resize(np.asarray(chosen, np.int32), count)


def sample_batches(
    model: GenerativeModel,
    count: int,
    labels: NDArray[np.int32] | None,
    seed: int,
    batch_size: int,
    temperature: float = 1.0,
) -> Iterator[NDArray[np.generic]]:
    """Yield `count` samples in batches; a function of seed and batch size.

    While a batch is in the caller's hands the next ones are being drawn, two at a time.

    Raises:
        CapabilityError: when the model does not sample, or has no temperature other than 1.
        OptionError: when the temperature is not above 0.
    """
    sample = _sampler(model, temperature)
    starts = range(0, count, batch_size)

    @tf.function(autograph=False)
    def draw(number: tf.Tensor, batch_labels: tf.Tensor | None = None) -> tf.Tensor:
        return sample(batch_size, batch_labels, seed=fold_in(seed, number))

    def arguments(number: int) -> tuple[tf.Tensor, ...]:
        if labels is None:
            return (tf.constant(number),)
        return tf.constant(number), tf.constant(np.resize(labels[starts[number] :][:batch_size], batch_size))

    program = draw.get_concrete_function(*arguments(0))
    device = tf.identity(tf.zeros([])).device  # where operations go here; another thread would not know

    def drawn(number: int, *given: tf.Tensor) -> NDArray[np.generic]:
        with tf.device(device):
            batch: NDArray[np.generic] = program(*given).numpy()
        return batch[: count - starts[number]]

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
    """Return ``(n, labels, seed) -> samples``: of any model that samples at temperature 1."""
    require_option(temperature > 0 and math.isfinite(temperature), "temperature", temperature, "a number above 0")
    if temperature == 1:
        return capable(model, Samples, "sampling").sample
    return partial(capable(model, HasTemperature, f"--temperature {temperature:g}").sample_at, temperature)


def write_samples(
    model: GenerativeModel,
    path: Path,
    count: int,
    labels: Sequence[int] | None = None,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
    temperature: float = 1.0,
) -> None:
    """Draw samples into a file: a picture (``.png``), or arrays (``.npz`` with ``x`` and, if conditional, ``labels``).

    Args:
        model: that samples.
        path: where to; an existing file is replaced once the new one is complete.
        count: how many.
        labels: of a conditional model; gone round until `count` is reached.
        seed: same seed and batch size, same samples.
        batch_size: drawn at a time; bounds the memory.
        quiet: show no progress.
        temperature: of the draws; 1 is the model itself, below 1 they are surer, above 1 bolder.

    Raises:
        CapabilityError: when the model does not sample, or has no temperature other than 1.
        OptionError: when count or batch size are below 1, the temperature is not above 0, or a picture would hold too many.
        OutputError: when the file cannot be written, or its ending is neither.
        DataError: for labels that do not fit.
    """
    require_option(count >= 1, "count", count, "at least 1")
    require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
    if path.suffix not in (".png", ".npz"):
        raise OutputError(f"cannot write {path}: the name must end in .png (a picture) or .npz (arrays).")
    if path.suffix == ".png" and count > PICTURE_SAMPLES:
        raise OptionError(f"--count must be at most {PICTURE_SAMPLES} for a picture, got {count}; write an .npz.")
    batch_size = min(batch_size, count)
    all_labels = labels_for(model, count, labels)
    batches = sample_batches(model, count, all_labels, seed, batch_size, temperature)
    with written_whole(path) as temporary, Bar("sampling", count, "samples", quiet=quiet) as bar:
        if path.suffix == ".png":
            draw_examples(np.concatenate(list(bar.counted(batches))), model.data, temporary)
        else:
            write_npz(temporary, bar.counted(batches), model.data, count, all_labels)


def write_npz(
    path: Path, batches: Iterator[NDArray[np.generic]], data: DataSpec, count: int, labels: NDArray[np.int32] | None
) -> None:
    """Write batches of examples, each as it comes, as the array ``x`` of an ``.npz``, and their ``labels`` if there are any.

    Args:
        path: of the file.
        batches: of `count` examples in all.
        data: what one example is like.
        count: how many there will be.
        labels: [count], or None.
    """
    dtype = np.dtype(np.uint8 if data.kind == "image" else np.float32)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as entry:
            header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, *data.shape)}
            npy.write_array_header_1_0(entry, header)
            for batch in batches:
                entry.write(np.ascontiguousarray(batch, dtype).tobytes())
        if labels is not None:
            with archive.open("labels.npy", "w") as entry:
                npy.write_array(entry, labels)
