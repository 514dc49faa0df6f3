"""Memory of training: errors of devices and of the system that say that it does not suffice, as one line with advice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tfgen.errors import OutOfMemoryError
from tfgen.plugin.train_options import TrainOptions

#: What XLA and allocators write where no `tf.errors.ResourceExhaustedError` is raised.
_SIGNS = ("resource_exhausted", "out of memory", "failed to allocate memory", "oom when allocating")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory of the machine or of its device does not suffice."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return isinstance(error, tf.errors.OpError) and any(sign in str(error).lower() for sign in _SIGNS)


@contextlib.contextmanager
def memory_explained(options: TrainOptions, moment: str) -> Iterator[None]:
    """Context manager that explains a lack of memory in the block.

    Args:
        options: of training, which decide how much memory a step takes.
        moment: when it happens, for the message.

    Raises:
        OutOfMemoryError: names batch size, accumulation and precision, and options that need less.
    """
    try:
        yield
    except (MemoryError, tf.errors.OpError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory {moment}, with --batch-size {options.batch_size}, --accumulate {options.accumulate} and "
            f"--precision {options.precision}; {_advice(options)}."
        ) from error


def _advice(options: TrainOptions) -> str:
    """Return options that need less memory for the same steps, or for the same model."""
    advice = []
    if options.batch_size > 1:
        size = options.batch_size // 2
        times = -(-options.batch_size * options.accumulate // size)
        advice.append(f"--batch-size {size} --accumulate {times} (steps of as many examples in half the memory)")
    if options.precision == "float64":
        advice.append("--precision float32")
    elif options.precision == "float32":
        advice.append("--precision mixed_bfloat16 where the model has it")
    if options.feed != "stream":
        advice.append("--feed stream (the data stay out of the device's memory)")
    return f"make the run again with {', '.join([*advice, 'or ' * bool(advice) + 'a smaller model'])}"
