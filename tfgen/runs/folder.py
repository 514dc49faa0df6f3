"""Run folder ``RUNS_DIR/NAME``: options, checkpoints, metrics, figures and results on disk. No TensorFlow here.

``config.json`` (every option, versions), ``checkpoints/``, ``metrics.jsonl`` (one row for each visit of the host),
``figures/*.png``, ``results.json``. A model is looked up by its registered name only: a folder from a stranger can
make the program run nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfgen.errors import OutputError, RunError, closest
from tfgen.files import (
    is_temporary,
    remove,
    remove_old,
    remove_stale,
    temporary_beside,
    write_json,
    written_whole,
)
from tfgen.reading import RESULTS_BYTES, read_json
from tfgen.runs.commands import run_command
from tfgen.runs.metrics_file import metric_rows, thinned_rows
from tfgen.runs.notes import with_notes
from tfgen.runs.places import OLD_TEMPORARY, is_unmade, placed
from tfgen.runs.results_format import READABLE, RESULTS_FORMAT, current_results
from tfgen.training.saved_steps import has_weights_alone, latest_step

#: Version of ``config.json`` and of the rows of ``metrics.jsonl``; ``results.json`` has its own.
FORMAT = 2
_PATIENCE = 30.0  # seconds; a results.json is written in milliseconds
#: What ``config.json`` holds, and whether it must be there.
_CONFIG: dict[str, tuple[type, bool]] = {
    "model": (str, True),
    "data": (str, True),
    **dict.fromkeys(("options", "training", "sources", "plugin", "versions", "data_spec"), (dict, False)),
}
#: The objects in ``config.json`` whose entries are texts, or null.
_TEXTS = ("sources", "plugin", "versions")
_NO_CONFIG = "restore it from a copy, or make the run again"


class RunFolder:
    """Run folder: the files of one run.

    Args:
        path: of the folder.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, runs_dir: Path, name: str | None, stem: str, config: Mapping[str, Any]) -> RunFolder:
        """Create the folder of a new run together with its ``config.json``, atomically.

        An empty folder of that name, as earlier versions left it when they were killed, is taken over.

        Args:
            runs_dir: where runs live.
            name: of the run, or None for `stem`, with a number when that is taken.
            stem: what an unnamed run is called.
            config: the content of ``config.json``, without the format.

        Raises:
            RunError: when a run of that name exists, or the name is no plain name.
            OutputError: when the folder cannot be made.
        """
        return cls(placed(runs_dir, name, stem, lambda folder: cls(folder).write_config(config)))

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of an existing run; a name alone is looked for in ``runs/`` as well.

        Raises:
            RunError: when the path is no run folder; gives the run with the closest name.
        """
        path = located(path)
        if not os.path.isdir(path):  # `Path.is_dir` raises for a name that is too long
            if path.suffix == ".tfgen" and os.path.isfile(path):
                raise RunError(f"{path} is a pack; make a run of it: tfgen import {shlex.quote(str(path))}")
            similar = _similar_run(path)
            advice = f"did you mean {similar}?" if similar else "name a run's folder, for example runs/MODEL-digits."
            raise RunError(f"{path} is no folder; {advice}")
        if not (path / "config.json").exists():
            if is_unmade(path):
                place = path if path.name else path.resolve()  # where it is "."
                raise RunError(
                    f"{path} is no run folder: it is empty, as after a kill while a run was being made; "
                    f"make the run: tfgen run MODEL {shlex.join(['--runs-dir', str(place.parent), '--name', place.name])}"
                )
            result = sorted(child.parent.name for child in path.glob("*/config.json"))
            inside = [name for name in result if not is_temporary(name)]
            hint = f"it holds the runs {', '.join(inside[:5])}" if inside else "it has no config.json"
            raise RunError(f"{path} is no run folder ({hint}); name a run's folder.")
        check_entries(path)
        return cls(path)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def figures(self) -> Path:
        """The folder of the run's pictures."""
        return self.path / "figures"

    def command(self, name: str, *words: object) -> str:
        """Return a command on this run as it is typed into a shell: quoted, with the ``-p`` that the run needs.

        Args:
            name: of the command, ``resume`` for example.
            words: behind the folder.
        """
        return run_command(self.path, name, *words)

    def read_config(self) -> dict[str, Any]:
        """Return the content of ``config.json``.

        Raises:
            RunError: when it is missing, damaged, or from a newer tfgen.
        """
        path = self.path / "config.json"
        content = read_json(path, _NO_CONFIG, within=self.path)
        for key, (kind, required) in _CONFIG.items():
            if (required or key in content) and not isinstance(content.get(key), kind):
                raise RunError(f"{path} is damaged (its {key!r} is missing or malformed); {_NO_CONFIG}.")
        for key in _TEXTS:
            if not all(value is None or isinstance(value, str) for value in (content.get(key) or {}).values()):
                raise RunError(f"{path} is damaged (an entry of its {key!r} is no text); {_NO_CONFIG}.")
        if content.get("format", FORMAT) != FORMAT:
            raise RunError(
                f"{path} has format {content['format']}, this tfgen reads {FORMAT}; use the tfgen that made the run."
            )
        return content

    def write_config(self, content: Mapping[str, Any]) -> None:
        """Write ``config.json``."""
        if not os.path.isdir(self.path):  # writing would make it anew, without what it held
            raise self._gone()
        write_json(self.path / "config.json", {"format": FORMAT, **content})

    @property
    def finished(self) -> bool:
        """True if training is complete."""
        return (self.path / "results.json").exists()

    def read_results(self) -> dict[str, Any]:
        """Return the content of ``results.json`` in the newest format.

        Raises:
            RunError: when the run is not finished, or the file is damaged or from a newer tfgen.
        """
        path = self.path / "results.json"
        if not path.exists():
            raise RunError(
                f"{self.path} has no results yet: training is not finished; go on with: {self.command('resume')}"
            )

        def what_to_do() -> str:  # reads the options
            return f"delete it, then: {self.command('resume')}"

        content = read_json(path, what_to_do, RESULTS_BYTES, within=self.path)
        if content.get("format", 1) not in READABLE:
            raise RunError(
                f"{path} has format {content['format']}, this tfgen reads {RESULTS_FORMAT} and older ones; "
                "use the tfgen that made it."
            )
        try:
            return current_results(content)
        except ValueError as error:
            raise RunError(f"{path} is damaged ({error}); {what_to_do()}.") from error

    def write_results(self, content: Mapping[str, Any]) -> None:
        """Write ``results.json``, with the notes that its metrics give rise to; call it within `locked`."""
        self.require_place()
        with contextlib.suppress(ValueError):  # of malformed metrics, which `read_results` refuses
            content = with_notes(content)
        write_json(self.path / "results.json", {"format": RESULTS_FORMAT, **content})

    def remove_results(self) -> None:
        """Remove ``results.json``, of a run that is trained further; call it within `locked`.

        Raises:
            OutputError: when it cannot be removed.
        """
        path = self.path / "results.json"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {path}: {error.strerror}; make the folder writable.") from error

    def update_results(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Update the results by the function `change`, under the lock of the run.

        Raises:
            RunError: when the run is not finished, or another process holds it for longer than it takes to write a file.
            OutputError: when the folder cannot be written.
        """
        with self.locked(_PATIENCE, "is in use by another process; try again when that has ended"):
            self.write_results(change(self.read_results()))

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append a row to ``metrics.jsonl`` and sync it to disk, so that metrics are never older than a checkpoint.

        Raises:
            OutputError: when it cannot be written.
        """
        path = self.path / "metrics.jsonl"
        self.require_place()
        try:
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror}; free some space, then: {self.command('resume')}"
            ) from error

    def require_place(self) -> None:
        """Check that the run's folder is still there, so that nothing is written into a new one of its name.

        Raises:
            OutputError: when it was moved or deleted since the run began.
        """
        if not os.path.isfile(self.path / "config.json"):
            raise self._gone()

    def _gone(self) -> OutputError:
        return OutputError(
            f"{self.path} was moved or deleted while it was in use; move it back, or go on where it is now: "
            "tfgen resume FOLDER"
        )

    def metric_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of ``metrics.jsonl`` one by one, without a last row that is incomplete.

        Raises:
            RunError: when another row is damaged.
        """
        return metric_rows(self.path / "metrics.jsonl")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the rows of ``metrics.jsonl``; see `metric_rows`."""
        return list(self.metric_rows())

    def thinned_metrics(self) -> list[dict[str, Any]]:
        """Return rows of ``metrics.jsonl`` for curves and comparisons: a few thousand of them, evenly spaced."""
        return thinned_rows(self.path / "metrics.jsonl")

    def cut_metrics(self, step: int) -> None:
        """Drop the rows after `step`, which a resumed run writes again."""
        self.require_place()
        with written_whole(self.path / "metrics.jsonl") as temporary, temporary.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.metric_rows() if row["step"] <= step)

    def saved_step(self) -> int | None:
        """Return the step of the newest checkpoint, or None."""
        return latest_step(self.path)

    @property
    def has_weights_alone(self) -> bool:
        """True if the run came from a pack: it has weights, but no state from which training can go on."""
        return has_weights_alone(self.path)

    @contextlib.contextmanager
    def locked(
        self,
        patience: float = 0.0,
        trouble: str = "is being trained by another process; wait for it, or stop it",
        name: str = ".lock",
    ) -> Iterator[None]:
        """Context manager that locks the run, for training or to change its results; the lock ends with the process.

        What killed processes left half written in the folder is removed.

        Args:
            patience: seconds to wait for another process that holds it.
            trouble: message when that is not enough.
            name: of the file of the lock; another than the usual one does not wait for a training.

        Raises:
            RunError: when another process holds it.
            OutputError: when the folder cannot be written.
        """
        if not os.path.isdir(self.path):  # a lock would make it anew
            raise self._gone()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a system without locks: a file's existence is one there
            from filelock import FileLock, SoftFileLock, Timeout  # here, because reading a run needs no lock
        # A file that a system lock leaves behind would hold a lock by existence for ever.
        lock = FileLock(self.path / (f"{name}-held" if issubclass(FileLock, SoftFileLock) else name))
        try:
            lock.acquire(timeout=patience)
        except Timeout as error:
            raise RunError(f"{self.path} {trouble}.") from error
        except OSError as error:
            raise OutputError(
                f"cannot write into {self.path}: {error.strerror}; make it writable, or copy it."
            ) from error
        try:
            for folder in (self.path, self.figures):
                remove_stale(folder)
                remove_old(folder, OLD_TEMPORARY)
            yield
        finally:
            lock.release()

    def discard(self) -> None:
        """Remove the folder of a run that failed before its first checkpoint.

        It stays as well when another process is training it.
        """
        with contextlib.suppress(RunError, OutputError):
            with self.locked():
                if self.saved_step() is not None or self.finished:
                    return
                with temporary_beside(self.path) as temporary, contextlib.suppress(PermissionError):
                    self.path.rename(temporary)  # at once, so that a kill leaves no half of it
                    return
            remove(self.path)  # Windows renames no folder with an open file, the lock


#: Where runs are made by default.
RUNS_DIR = Path("runs")


def located(path: Path) -> Path:
    """Return the path of a run; of a name that is no folder here but a run in ``runs/``, that one's."""
    inside = RUNS_DIR / path
    is_name = len(path.parts) == 1 and not os.path.lexists(path)
    return inside if is_name and os.path.isfile(inside / "config.json") else path


def _similar_run(path: Path) -> Path | None:
    """Return the run whose name is most like that of a path: beside it, or in ``runs/``."""
    for folder in dict.fromkeys((path.parent, RUNS_DIR)):
        try:
            names = [child.parent.name for child in folder.glob("*/config.json") if not is_temporary(child.parent.name)]
        except OSError:  # a name that is too long, or a folder that is not for us to read
            continue
        if name := closest(path.name, names):
            return folder / name
    return None


def check_entries(path: Path) -> None:
    """Check that what a run's folder holds lies in it: commands write into its files and folders as well.

    Raises:
        RunError: for a link out of the folder, a named pipe or a device; names it.
    """
    root = os.path.realpath(path)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                target = os.path.realpath(entry.path) if entry.is_symlink() else None
                if target is not None and os.path.commonpath([root, target]) != root:
                    raise RunError(f"{entry.path} is a link out of the run's folder; put a copy in its place.")
                if target is None and not (entry.is_file() or entry.is_dir()):
                    raise RunError(f"{entry.path} is neither a file nor a folder; delete it.")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; make it readable, or copy it.") from error
