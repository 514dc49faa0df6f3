"""Checkpoints of a run: the last two states; an older one is deleted after a newer is complete."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf

from tfgen.errors import OutputError, RunError
from tfgen.training.saved_steps import latest_step, prefix, saved_steps
from tfgen.training.state import TrainingState

_KEPT = 2


class Checkpoints:
    """Saves and restores a `TrainingState` under ``FOLDER/checkpoints``.

    Args:
        folder: of the run.
        state: what is saved, and what a restore changes.
    """

    def __init__(self, folder: Path, state: TrainingState) -> None:
        self.folder = folder / "checkpoints"
        self.state = state
        self._checkpoint = state.checkpoint()
        self._saved: int | None = None

    def save(self) -> None:
        """Write the state as it is, then remove what is older than the one before.

        TensorFlow writes the index file last, under another name first: a checkpoint with an index is complete, and the
        files are the only record of which there are.

        Raises:
            OutputError: when the disk is full or the folder cannot be written; the last good checkpoint stays.
        """
        step = int(self.state.step.numpy())
        if step == self._saved:  # never write over the last good one
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._checkpoint.write(str(prefix(self.folder.parent, step)))
        except (tf.errors.OpError, OSError) as error:
            last = latest_step(self.folder.parent)
            survives = "there was none before" if last is None else f"the one of step {last} is still good"
            raise OutputError(
                f"cannot write a checkpoint into {self.folder} ({_first_line(error)}); {survives}. "
                f"Free some space, then: tfgen resume {self.folder.parent}"
            ) from error
        self._saved = step
        kept = {f"step-{step}" for step in saved_steps(self.folder.parent)[-_KEPT:]}
        for path in self.folder.iterdir():
            if path.name.partition(".")[0] not in kept:  # an older one, or what a killed process had half written
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def restore(self) -> None:
        """Restore the latest checkpoint; everything that the state has must be in it.

        Raises:
            RunError: when there is none, or it is damaged or of another model; says what to do.
        """
        step = latest_step(self.folder.parent)
        if step is None:
            raise RunError(f"{self.folder} holds no checkpoint; the run has to be made again.")
        path = prefix(self.folder.parent, step)
        try:
            self._check_count(path)
            status = self._checkpoint.read(str(path))
            status.assert_existing_objects_matched()
            status.expect_partial()  # without its optimizers, a state leaves theirs unread: no reason for a warning
        except (tf.errors.OpError, ValueError, AssertionError, IndexError, OSError) as error:  # IndexError: cut short
            older = saved_steps(self.folder.parent)[:-1]
            advice = (
                f"delete {path}.* to go back to step {older[-1]}"
                if older
                else "no older one is left: make the run again"
            )
            raise RunError(
                f"checkpoint {path} is damaged or does not fit this model ({_first_line(error)}); {advice}."
            ) from error
        self._saved = step

    def _check_count(self, path: Path) -> None:
        """Raise ValueError when the checkpoint holds more weights than the model has, which reading would not notice."""
        saved = sum(name.startswith("weights/") for name, _ in tf.train.list_variables(str(path)))
        expected = len(self.state.model.weights)
        if saved != expected:
            raise ValueError(f"it holds {saved} weights, the model of config.json has {expected}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
