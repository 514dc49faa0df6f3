"""Scores of the examples of a split in a run folder, ``scores_SPLIT.npz``: of runs with the same examples, pairs can be tested.

The file has one float64 array for each metric that is a mean over the examples of the split, in their order. It is written
with ``results.json``, and read without pickle, from a regular file of bounded size whose arrays are no longer than they say.
No TensorFlow here.
"""

from __future__ import annotations

import math
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tfgen.errors import RunError
from tfgen.files import written_whole
from tfgen.metrics.metric import Metric

Scores = NDArray[np.float64]

#: Splits with more examples than this keep no scores: errors of differences are then small in any case.
MOST_EXAMPLES = 200_000
_MOST_METRICS = 64
_HEADER = 4096  # bytes of an array's header and name, at most


def scores_file(folder: Path, split: str) -> Path:
    """Return the path of the scores of a split in a run folder."""
    return folder / f"scores_{split}.npz"


def record_scores(folder: Path, split: str, metrics: Mapping[str, Metric]) -> None:
    """Write the scores of newly measured metrics beside those of others; call it within the lock of the run.

    A metric without scores (a count, or of too many examples) loses the scores that an earlier measurement left.

    Args:
        folder: of the run.
        split: on which the metrics were measured.
        metrics: by name.
    """
    path = scores_file(folder, split)
    try:
        kept = read_scores(folder, split) if path.exists() else {}
    except RunError:  # damaged: written anew
        kept = {}
    scores = {name: values for name, values in kept.items() if name not in metrics}
    for name, metric in metrics.items():
        if metric.scores is not None and 2 <= len(metric.scores) <= MOST_EXAMPLES:
            scores[name] = np.asarray(metric.scores, np.float64)
    if not scores and not kept:
        return
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, values in list(scores.items())[-_MOST_METRICS:]:
            with archive.open(f"{name}.npy", "w") as entry:
                npy.write_array(entry, values, version=(1, 0))


def read_scores(folder: Path, split: str) -> dict[str, Scores]:
    """Return the scores of a split by the metric's name, each float64 [n]; none where there is no file.

    Raises:
        RunError: when the file is no regular file, is too large, or is no archive of such arrays; names it.
    """
    path = scores_file(folder, split)
    try:
        status = path.lstat()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}.") from error
    largest = _MOST_METRICS * (8 * MOST_EXAMPLES + _HEADER)
    if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
        raise _damaged(path, "it is no regular file" if not stat.S_ISREG(status.st_mode) else "it is too large")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_METRICS:
                raise ValueError("it has too many arrays")
            return {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries}
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(path, str(error)) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Scores:
    """Return an array of the archive, after its type, shape and size were compared."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > 8 * MOST_EXAMPLES + _HEADER:
        raise ValueError(f"{entry.filename!r} is compressed or too large")
    with archive.open(entry) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{entry.filename!r} has another format")
        shape, _, dtype = npy.read_array_header_1_0(file, max_header_size=_HEADER)
        if dtype != np.float64 or len(shape) != 1 or not 0 <= shape[0] <= MOST_EXAMPLES:
            raise ValueError(f"{entry.filename!r} is no float64 vector of at most {MOST_EXAMPLES} numbers")
        content = file.read(8 * shape[0] + 1)
    if len(content) != 8 * shape[0]:
        raise ValueError(f"{entry.filename!r} is not as long as it says")
    return np.frombuffer(content, np.float64)


def belong_to(scores: Scores | None, metric: Metric) -> bool:
    """Return whether scores are those of a metric: as many as its examples, with its value as their mean."""
    if scores is None or len(scores) != metric.basis.examples or not np.isfinite(scores).all():
        return False
    return math.isclose(float(scores.mean()), metric.value, rel_tol=1e-9, abs_tol=1e-12)


def _damaged(path: Path, reason: Any) -> RunError:
    return RunError(f"{path} is damaged ({reason}); delete it, then measure again: tfgen evaluate {path.parent}")
