"""TensorBoard: every metric of a run as event files in its folder, for ``tensorboard --logdir runs``.

The events are written by TensorFlow alone; only looking at them needs the package `tensorboard`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgen import hookimpl

if TYPE_CHECKING:
    from tfgen.models import GenerativeModel
    from tfgen.runs import Run

_writers: dict[str, Any] = {}


@hookimpl
def tfgen_run_started(run: Run, model: GenerativeModel) -> None:
    """Open the run's event file."""
    import tensorflow as tf

    _writers[str(run.folder)] = tf.summary.create_file_writer(str(run.folder / "events"))


@hookimpl
def tfgen_progress(run: Run, step: int, metrics: dict[str, float]) -> None:
    """Write the metrics of one visit."""
    import tensorflow as tf

    scalar = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})
    scalar.data_class = 1  # DATA_CLASS_SCALAR, see TensorFlow's summary.proto
    writer = _writers[str(run.folder)]
    with writer.as_default():
        for name, value in metrics.items():
            tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=scalar)
    writer.flush()


@hookimpl
def tfgen_run_finished(run: Run, results: dict[str, Any]) -> None:
    """Close the event file."""
    _close(run)


@hookimpl
def tfgen_run_failed(run: Run, error: BaseException) -> None:
    """Close the event file."""
    _close(run)


def _close(run: Run) -> None:
    writer = _writers.pop(str(run.folder), None)
    if writer is not None:
        writer.close()
