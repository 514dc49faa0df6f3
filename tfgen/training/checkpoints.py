"""Checkpoints of a run: the last two states; an older one is deleted after a newer is complete."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from tfgen.data.spec import DataSpec
from tfgen.errors import OutputError, RunError
from tfgen.model.weight_budget import WeightBudget, WeightBudgetError
from tfgen.printed import command_text
from tfgen.training.saved_steps import latest_step, prefix, saved_steps
from tfgen.training.saved_weights import SavedWeights, encoded_spec, read_saved_weights
from tfgen.training.state import TrainingState

_KEPT = 2


class Checkpoints:
    """Saves and restores a `TrainingState` under ``FOLDER/checkpoints``.

    Args:
        folder: of the run.
        state: what is saved, and what a restore changes.
        command: returns a command on the run as it is typed, for messages; by default without the ``-p`` that it may need.
    """

    def __init__(self, folder: Path, state: TrainingState, command: Callable[[str], str] | None = None) -> None:
        self.folder = folder / "checkpoints"
        self.state = state
        self._command = command or (lambda name: command_text(name, folder))
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
            self.folder.mkdir(exist_ok=True)  # not its parents: a run that was moved away is not begun anew
            self._checkpoint.write(str(prefix(self.folder.parent, step)))
        except FileNotFoundError as error:
            raise OutputError(
                f"{self.folder.parent} was moved or deleted while it was trained; go on where it is now: tfgen resume FOLDER"
            ) from error
        except (tf.errors.OpError, OSError) as error:
            last = latest_step(self.folder.parent)
            if last is None:
                advice = "there was none before. Free some space, then make the run again."
            else:
                advice = f"the one of step {last} is still good. Free some space, then: {self._command('resume')}"
            raise OutputError(
                f"cannot write a checkpoint into {self.folder} ({_first_line(error)}); {advice}"
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
        folder = self.folder.parent
        saved = saved_weights(folder)
        check_spec(folder, saved, self.state.model.data)
        with _explained(folder):
            self._check_shapes(saved)
            status = self.state.checkpoint(data=False).read(str(prefix(folder, saved.step)))
            status.assert_existing_objects_matched()
            status.expect_partial()  # without its optimizers, a state leaves theirs unread: no reason for a warning
        self._saved = saved.step

    def _check_shapes(self, saved: SavedWeights) -> None:
        """Raise ValueError unless the checkpoint holds as many weights as the model has, each of its shape."""
        weights = self.state.model.weights
        if len(saved.shapes) != len(weights):
            raise ValueError(f"it holds {len(saved.shapes)} weights, the model of config.json has {len(weights)}")
        for weight, shape in zip(weights, saved.shapes, strict=True):
            if tuple(weight.shape) != shape:
                raise ValueError(f"its weight {weight.path} has shape {list(shape)}, the model's {list(weight.shape)}")


def saved_weights(run_folder: Path) -> SavedWeights:
    """Return what the latest checkpoint of a run declares, before anything of it is restored.

    Raises:
        RunError: when there is none, or it is damaged; says what to do.
    """
    step = latest_step(run_folder)
    if step is None:
        raise RunError(f"{run_folder / 'checkpoints'} holds no checkpoint; the run has to be made again.")
    with _explained(run_folder):
        return read_saved_weights(run_folder, step)


def check_spec(run_folder: Path, saved: SavedWeights, data: DataSpec) -> None:
    """Check the data specification of a run against that in its checkpoint, if it has one.

    Raises:
        RunError: when they differ.
    """
    if saved.data is not None and list(saved.data) != encoded_spec(data):
        _, levels, classes, *rest = saved.data
        shape = [side for side in rest if side >= 0]
        if shape == list(data.shape) and (levels, classes) == (data.levels, data.classes or 0):
            raise RunError(
                f"{run_folder / 'config.json'} does not fit the checkpoint beside it, which is of other columns or another "
                "context; restore config.json from a copy, or make the run again."
            )
        raise RunError(
            f"{run_folder / 'config.json'} does not fit the checkpoint beside it, which is of data of shape {shape}, "
            f"{levels} levels and {classes or 'no'} classes, not {list(data.shape)}, {data.levels} and {data.classes or 'no'}; "
            "restore config.json from a copy, or make the run again."
        )


@contextlib.contextmanager
def within_saved(run_folder: Path, saved: SavedWeights) -> Iterator[None]:
    """Context manager in which a model is built that may make no more weights than were saved; see `WeightBudget`.

    Raises:
        RunError: when it would; nothing larger than the checkpoint is allocated then.
    """
    try:
        with WeightBudget(saved.shapes).enforced():
            yield
    except WeightBudgetError as error:
        raise RunError(
            f"the model of {run_folder / 'config.json'} does not fit the checkpoint beside it: {error}; "
            "restore config.json from a copy, or make the run again."
        ) from error


@contextlib.contextmanager
def _explained(run_folder: Path) -> Iterator[None]:
    """Context manager that tells what is wrong with the latest checkpoint, and what to do."""
    try:
        yield
    except (tf.errors.OpError, ValueError, AssertionError, IndexError, OSError) as error:  # IndexError: cut short
        steps = saved_steps(run_folder)
        path = prefix(run_folder, steps[-1])
        advice = (
            f"delete {path}.* to go back to step {steps[-2]}"
            if len(steps) > 1
            else "no older one is left: make the run again"
        )
        raise RunError(
            f"checkpoint {path} is damaged or does not fit this model ({_first_line(error)}); {advice}."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
