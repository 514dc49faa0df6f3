"""Load a user's own data: a folder of pictures or of idx files, an .npz, .npy or idx file, or arrays of Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tfgen.data.dataset import SplitName
from tfgen.data.own.arrays import read_npy, read_npz
from tfgen.data.own.idx import is_idx, read_idx
from tfgen.data.own.option_kinds import require_options_of
from tfgen.data.own.pictures import read_pictures
from tfgen.data.own.protocols import read_maf
from tfgen.data.own.raw import Raw, spec_and_splits
from tfgen.data.own.splitting import Reordered, split_examples
from tfgen.data.own.tables import ENDINGS as TABLE_ENDINGS
from tfgen.data.own.tables import read_tables, table_files
from tfgen.data.own.tfds_folder import is_tfds_folder, read_tfds_folder
from tfgen.data.resolution import require_resolved
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions
from tfgen.printed import say

_ENDINGS = (".npz", ".npy", ".gz", ".csv", ".parquet")
#: How the files of MNIST, and of sets in its form, are called: split, and images or labels.
_IDX_FILES: Mapping[tuple[SplitName, str], Sequence[str]] = {
    ("train", "x"): ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    ("train", "labels"): ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ("test", "x"): ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}


def is_path(name: str) -> bool:
    """Return whether the name of a data set is meant as a path.

    A path begins with a dot, ``~`` or ``/``, has the ending of a file of data, or names a folder or file that is there.

    >>> is_path("./digits"), is_path("x.npz"), is_path("mnist:3.0.1")
    (True, True, False)
    """
    return (
        name.startswith((".", "~", "/", "\\"))
        or name.lower().endswith(_ENDINGS)
        or ("\0" not in name and os.path.exists(name))
    )


def split_raw(raw: Raw, name: str, options: DataOptions) -> tuple[DataSpec, Mapping[SplitName, Reordered]]:
    """Return spec and splits of raw examples, by the hash of each example where they have no splits; tells copies.

    Raises:
        DataError: when they fit no spec, or a split is empty.
    """
    spec, splits = spec_and_splits(raw, name)
    for what, arrays in (("", raw.examples), (", context", raw.context)):
        judged = arrays.get("train", arrays.get(None))  # a short validation or test split may vary by less
        if judged is not None:
            require_resolved(judged, None, f"{name}{what}")
    done = split_examples(splits, spec, options.split_sizes, options.split_seed, name)
    for split, count in done.copies.items():
        of_all = f"{count:,} of {len(done.splits[split]):,}"
        say(f"note: {name}: {of_all} {split} examples are copies of examples of earlier splits", error=True)
    return spec, done.splits


def read_own(path: Path, options: DataOptions, like: DataSpec | None = None, scratch: Path | None = None) -> Raw:
    """Return the examples in a file or folder; many of them as memory maps.

    Args:
        path: of the file or folder.
        options: how it becomes a data set.
        like: spec of the data of a model that is to take the examples; the columns of a table are looked for by it.
        scratch: where the temporary file of many pictures lies; in the system's folder for such files where None.

    Raises:
        DataError: when there is none, or it cannot be read; says what to do.
        OptionError: for an option that this kind of data takes no notice of.
    """
    if options.protocol == "maf":
        return read_maf(path)

    def require(kind: str) -> None:
        if like is None:  # else the options may be those of the model's own data, of another kind
            require_options_of(kind, options, str(path))

    files = table_files(path) if path.is_dir() else {}
    if path.suffix.lower() in TABLE_ENDINGS and path.is_file():
        files = {None: path}
    if files:
        require("tables")
        return read_tables(files, options, like)
    if path.is_dir() and is_tfds_folder(path):
        require("arrays")
        return read_tfds_folder(path, scratch)
    if path.is_dir() and (found := _read_idx_folder(path)):
        require("arrays")
        return found
    if path.is_dir():
        require("pictures")
        return read_pictures(path, options, scratch)
    if not path.exists():
        raise DataError(f"there is no file or folder {path}.")
    require("arrays")
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    if is_idx(path):
        return Raw({None: _idx(path)})
    raise DataError(
        f"{path} is no data set that is read here: a folder of pictures, .csv, .parquet, .npz, .npy, or idx, plain or gzipped."
    )


def _read_idx_folder(folder: Path) -> Raw | None:
    """Return the examples of a folder with files in the form of MNIST's; None for another folder."""
    found = {}
    for key, names in _IDX_FILES.items():
        paths = [folder / f"{name}{ending}" for name in names for ending in ("", ".gz")]
        found[key] = next((path for path in paths if path.is_file()), None)
    if found["train", "x"] is None:
        return None
    missing = [names[0] for key, names in _IDX_FILES.items() if found[key] is None]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)}, plain or gzipped; put it there.")
    arrays: dict[str, dict[SplitName | None, NDArray[Any]]] = {"x": {}, "labels": {}}
    for (split, what), path in found.items():
        assert path is not None
        arrays[what][split] = _idx(path)
    return Raw(arrays["x"], arrays["labels"])


def _idx(path: Path) -> NDArray[Any]:
    try:
        return read_idx(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; fetch it again.") from error
