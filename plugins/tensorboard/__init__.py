"""TensorBoard: every metric of a run as event files in its folder, for ``tensorboard --logdir runs``.

The events are written by TensorFlow alone; only looking at them needs the package `tensorboard`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgen import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from tfgen import Run

_DATA_CLASS_SCALAR = 1  # tensorboard.DataClass in TensorFlow's summary.proto


class TensorBoard:
    """Writes one event file for each session of a run."""

    def __init__(self) -> None:
        self._writers: dict[Path, Any] = {}

    @hookimpl
    def tfgen_run_started(self, run: Run) -> None:
        """Open an event file."""
        import tensorflow as tf

        self._writers[run.folder] = tf.summary.create_file_writer(str(run.folder / "events"))

    @hookimpl
    def tfgen_progress(self, run: Run, step: int, metrics: dict[str, float]) -> None:
        """Write the metrics of one visit."""
        import tensorflow as tf

        scalar = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})
        scalar.data_class = _DATA_CLASS_SCALAR
        with self._writers[run.folder].as_default():
            for name, value in metrics.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=scalar)
        self._writers[run.folder].flush()

    @hookimpl
    def tfgen_run_finished(self, run: Run) -> None:
        """Close the event file."""
        self._close(run)

    @hookimpl
    def tfgen_run_failed(self, run: Run) -> None:
        """Close the event file."""
        self._close(run)

    def _close(self, run: Run) -> None:
        writer = self._writers.pop(run.folder, None)
        if writer is not None:
            writer.close()


observer = TensorBoard()
