"""Sample in batches with bounded memory, and stream samples to `.npz` files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions, contexts_for, joined
from tfgen.data.dataset import Split
from tfgen.data.labels import class_numbers, require_classes
from tfgen.errors import DataError
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Samples, capable, uses_context
from tfgen.model.program import Program, program_of
from tfgen.model.results import require_values
from tfgen.model.sampling_options import sampling_options
from tfgen.parallel import in_order
from tfgen.sample.progress import SamplingProgress, listening
from tfgen.seeds import as_seed

#: Samples in a block. Where a user chooses the batch size, samples are drawn in blocks of this size whatever it is: the size
#: of a batch decides how products are rounded, so that another one would give other bytes.
SAMPLE_BLOCK = 200


def labels_for(
    model: GenerativeModel,
    count: int,
    labels: Sequence[int | str] | None,
    contexts: Any = None,
    option: str = "--labels",
) -> Conditions | None:
    """Return what `count` samples are given: labels, contexts, or both; None for an unconditional model.

    Args:
        model: that samples.
        count: number of samples.
        labels: numbers or names of classes, gone round; None or none for all classes in turn.
        contexts: [m, k], gone round, or one of them, [k]; None for the means of the training split,
            and of categories the most frequent.
        option: that names the labels, for messages.

    Returns:
        Labels int32 [count]; of a model that takes contexts float32 [count, k], or [count, 1 + k] with the label first.

    Raises:
        DataError: for labels that the model does not know, contexts that do not fit, or either for a model that takes none.
        UnknownNameError: for a name that no class has.
    """
    data, name = model.data, type(model).__name__
    if labels and not (model.conditional and data.classes):
        raise DataError(f"model {name} takes no labels; leave {option} out.")
    if contexts is not None and not uses_context(model):
        raise DataError(f"model {name} takes no context; leave --context out.")
    if not model.conditional:
        return None
    chosen = None
    if data.classes is not None:
        numbers = class_numbers(labels or range(data.classes), data)
        require_classes(numbers, data.classes, option, missing=model.labels_optional)
        chosen = np.resize(np.asarray(numbers, np.int32), count)
    elif not uses_context(model):
        raise DataError(f"model {name} needs labels, and the data set has none.")
    return joined(chosen, contexts_for(data.context or (), count, contexts) if uses_context(model) else None)


def given_of(model: GenerativeModel, examples: Split) -> Conditions | None:
    """Return what a model is given of examples of a data set: their labels, contexts, or both; None if not conditional."""
    if not model.conditional:
        return None
    if not uses_context(model):
        return examples.labels
    return joined(None if model.data.classes is None else examples.labels, examples.context)


def sample_batches(
    model: GenerativeModel,
    count: int,
    labels: Conditions | None,
    seed: int,
    batch_size: int,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
    at_work: int = 2,
) -> Iterator[NDArray[np.generic]]:
    """Yield the first `count` samples of a seed in batches.

    A sample is a function of the seed and of its place among all samples, up to the rounding of products, which the size of
    the batches decides. All batches have that size, the last one too, of which the rest is thrown away: so the first samples
    of a longer run of the same batch size are the same to the bit.

    While a batch is in the caller's hands the next ones are being drawn.

    Args:
        model: that samples.
        count: number of samples.
        labels: of each, int32 [count], for a conditional model, or its contexts; see `labels_for`.
        seed: names the sequence of which they are the first.
        batch_size: samples in a batch.
        options: of the model's sampler, by name; its defaults hold for the others.
        progress: called with the number of samples done, also within a batch if the model calls `note_progress`.
        at_work: batches drawn at a time; see `tfgen.parallel.blocks_at_work`.

    Raises:
        CapabilityError: when the model does not sample, or has no sampling options and some are given.
        UnknownNameError: for a sampling option that the model does not have.
        OptionError: for a value of one that does not fit.
        PluginError: when its samples are no examples of its data.
    """
    sampler, chosen = capable(model, Samples, "sampling"), sampling_options(model, options)
    starts = range(0, count, batch_size)
    drawing = SamplingProgress(progress or (lambda done: None))

    def draw(named: tf.Tensor, first: tf.Tensor, batch_labels: tf.Tensor | None = None) -> tf.Tensor:
        with listening(drawing, first, batch_size, count) if progress else contextlib.nullcontext():
            return sampler.sample(batch_size, batch_labels, seed=named, first=first, **chosen)

    def arguments(number: int) -> tuple[tf.Tensor, ...]:
        named, first = as_seed(seed), tf.constant(starts[number])
        if labels is None:
            return named, first
        own = labels[starts[number] :][:batch_size]
        return named, first, tf.constant(own[np.arange(batch_size) % len(own)])

    # One that tells of its progress tells whoever listens to this call.
    kept = Program(draw) if progress else program_of(model, ("sample", batch_size, repr(sorted(chosen.items()))), draw)
    program = kept.get_concrete_function(*arguments(0))
    device = tf.identity(tf.zeros([])).device  # where operations go here; another thread would not know

    def drawn(number: int) -> NDArray[np.generic]:
        with tf.device(device):
            batch: NDArray[np.generic] = program(*arguments(number)).numpy()
        batch = require_values(model, "sample", batch[: count - starts[number]])
        drawing.finish(starts[number], len(batch))
        return batch

    yield from in_order(drawn, ((number,) for number in range(len(starts))), at_work, "tfgen-sampling")
