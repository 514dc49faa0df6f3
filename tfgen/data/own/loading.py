"""Load a user's own data: a folder of pictures or of idx files, an .npz, .npy or idx file, or arrays of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, SplitName
from tfgen.data.own.arrays import read_npy, read_npz
from tfgen.data.own.idx import is_idx, read_idx
from tfgen.data.own.pictures import PictureOptions, read_pictures
from tfgen.data.own.raw import Raw, spec_and_splits
from tfgen.data.own.splitting import SHARES, split_examples
from tfgen.errors import DataError

#: How the files of MNIST, and of sets in its form, are called: split, and images or labels.
_IDX_FILES: Mapping[tuple[SplitName, str], Sequence[str]] = {
    ("train", "x"): ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    ("train", "labels"): ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ("test", "x"): ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}


@dataclass(frozen=True)
class OwnOptions:
    """Options of a user's own data.

    Attributes:
        pictures: how pictures become examples.
        split_sizes: shares of train, validation and test, where the data have no splits.
        split_seed: of the hash that splits.
    """

    pictures: PictureOptions = field(default_factory=PictureOptions)
    split_sizes: Sequence[float] = SHARES
    split_seed: int = 0


def is_path(name: str) -> bool:
    """Return whether the name of a data set is meant as a path: it begins with a dot, ``~`` or ``/``, or has an ending.

    >>> is_path("./digits"), is_path("digits"), is_path("x.npz"), is_path("emnist/letters"), is_path("mnist:3.0.1")
    (True, False, True, False, False)
    """
    return name.startswith((".", "~", "/")) or Path(name).suffix.lower() in (".npz", ".npy", ".csv", ".parquet", ".gz")


def load_own(path: Path, options: OwnOptions | None = None) -> Dataset:
    """Return the data set in a file or folder.

    Raises:
        DataError: when there is none, or it cannot be used; says what to do.
    """
    options = options or OwnOptions()
    return dataset_of(_read(path, options), str(path), options)


def dataset_of(raw: Raw, name: str, options: OwnOptions | None = None) -> Dataset:
    """Return raw examples as a data set, split by the hash of each example.

    Raises:
        DataError: when they fit no spec, or a split is empty.
    """
    options = options or OwnOptions()
    spec, splits, _ = spec_and_splits(raw, name)
    done = split_examples(splits, options.split_sizes, options.split_seed, name)
    return Dataset(name, spec, done.splits, source=f"split by hash, seed {options.split_seed}")


def raw_of(x: Any, labels: Any = None) -> Raw:
    """Return arrays of Python as raw examples."""
    examples: NDArray[Any] = np.asarray(x)
    return Raw({None: examples}, {} if labels is None else {None: np.asarray(labels)})


def _read(path: Path, options: OwnOptions) -> Raw:
    path = path.expanduser()
    if path.is_dir():
        return _read_idx_folder(path) or read_pictures(path, options.pictures)
    if not path.exists():
        raise DataError(f"there is no file or folder {path}.")
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    if is_idx(path):
        return Raw({None: _idx(path)})
    raise DataError(
        f"{path} is no data set that is read here: a folder of pictures, .npz, .npy, or idx, plain or gzipped."
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
