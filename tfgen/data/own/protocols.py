"""The five tables of density estimation in the protocol of MAF: POWER, GAS, HEPMASS, MINIBOONE, BSDS300.

Papamakarios et al. (2017, Masked autoregressive flow for density estimation, appendix D) fixed how these sets of UCI are
cleaned, split and normalised; the published log-likelihoods of flows are of the normalised data. The files are those of
https://zenodo.org/records/1161203; its GAS is a pickle, which is not read: write it as Parquet once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.own.arrays import read_npy
from tfgen.data.own.raw import Raw
from tfgen.data.own.table_files import read_table_file
from tfgen.errors import DataError

Floats = NDArray[np.float64]

_SHUFFLE = 42  # the seed of POWER's order and noise
_TENTH = 0.1
_CORRELATED, _REPEATED = 0.98, 5  # limits above which GAS and HEPMASS leave a column out


def read_maf(folder: Path) -> Raw:
    """Return one of the five tables, by the file that its folder holds.

    Args:
        folder: with ``data.npy`` and a name that says POWER or MINIBOONE, with ``ethylene_CO.parquet`` (GAS), with
            ``1000_train.csv`` and ``1000_test.csv`` (HEPMASS), or with ``BSDS300.hdf5``.

    Raises:
        DataError: when it holds none of them, or one that cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"--protocol maf needs a folder, with the files of one of its tables; {folder} is none.")
    for file, read in _READERS.items():
        if (folder / file).is_file():
            train, valid, test = read(folder / file)
            parts: Mapping[Any, Floats] = {"train": train, "valid": valid, "test": test}
            return Raw({split: np.asarray(x, np.float32) for split, x in parts.items()})
    if (folder / "ethylene_CO.pickle").is_file():
        raise DataError(
            f"{folder / 'ethylene_CO.pickle'} is a pickle, which could run code, and is not read; write it as Parquet once: "
            "pandas.read_pickle(FILE).to_parquet('ethylene_CO.parquet')."
        )
    raise DataError(f"{folder} holds none of {', '.join(_READERS)}, the files of the tables of --protocol maf.")


def _npy(path: Path) -> tuple[Floats, Floats, Floats]:
    """Return POWER, shuffled and with noise against its ties, or MINIBOONE; normalised by training and validation rows."""
    (array,) = read_npy(path).examples.values()
    data = np.array(array, np.float64)
    name = path.parent.resolve().name.lower()
    if "power" in name:
        data = _power(data)
    elif "miniboone" not in name:
        raise DataError(f"{path}: call its folder power or miniboone, which are prepared in different ways.")
    train, valid, test = _cut(data)
    both = np.concatenate([train, valid])
    mean, deviation = both.mean(axis=0), both.std(axis=0)
    return (train - mean) / deviation, (valid - mean) / deviation, (test - mean) / deviation


def _power(data: Floats) -> Floats:
    """Shuffle POWER, drop its second and fourth column, and add uniform noise of one step of each meter."""
    if data.ndim != 2 or data.shape[1] != 8:
        raise DataError(f"POWER has 8 columns; got an array of shape {list(data.shape)}.")
    random = np.random.RandomState(_SHUFFLE)
    random.shuffle(data)
    data = np.delete(data, (1, 3), axis=1)
    n = len(data)
    voltage, gap, meters = 0.01 * random.rand(n, 1), 0.001 * random.rand(n, 1), random.rand(n, 3)
    return data + np.hstack([gap, voltage, meters, np.zeros((n, 1))])


def _gas(path: Path) -> tuple[Floats, Floats, Floats]:
    """Return GAS without its concentrations and times, and without columns that others tell: normalised over all rows."""
    table = read_table_file(path)
    kept = [name for name in table.column_names if name not in ("Meth", "Eth", "Time") and not name.startswith("__")]
    data = np.stack([table.column(name).to_numpy().astype(np.float64) for name in kept], axis=1)
    while True:
        counts = (np.abs(np.corrcoef(data, rowvar=False)) > _CORRELATED).sum(axis=1)
        if not (counts > 1).any():
            break
        data = np.delete(data, int(np.argmax(counts > 1)), axis=1)
    return _cut((data - data.mean(axis=0)) / data.std(axis=0, ddof=1))


def _hepmass(path: Path) -> tuple[Floats, Floats, Floats]:
    """Return the signal of HEPMASS without columns of values that repeat, normalised by the training rows."""
    parts = []
    for file in (path, path.parent / "1000_test.csv"):
        table = read_table_file(file)
        columns = [table.column(name).to_numpy().astype(np.float64) for name in table.column_names]
        signal = columns[0] == 1
        parts.append(np.stack(columns[1:], axis=1)[signal])
    train, test = parts[0], parts[1][:, : parts[0].shape[1]]  # the test file has a column too many
    mean, deviation = train.mean(axis=0), train.std(axis=0, ddof=1)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    kept = [
        place for place, column in enumerate(train.T) if np.unique(column, return_counts=True)[1].max() <= _REPEATED
    ]
    cut = len(train) - int(len(train) * _TENTH)
    return train[:cut, kept], train[cut:, kept], test[:, kept]


def _bsds300(path: Path) -> tuple[Floats, Floats, Floats]:
    """Return the patches of BSDS300, which come split and normalised."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            train, valid, test = (np.array(file[split], np.float64) for split in ("train", "validation", "test"))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0].rstrip('.')}; fetch it again.") from error
    return train, valid, test


def _cut(data: Floats) -> tuple[Floats, Floats, Floats]:
    """Cut off the last tenth for the test, and of the rest the last tenth for validation."""
    test = len(data) - int(_TENTH * len(data))
    valid = test - int(_TENTH * test)
    return data[:valid], data[valid:test], data[test:]


_READERS: Mapping[str, Callable[[Path], tuple[Floats, Floats, Floats]]] = {
    "data.npy": _npy,
    "ethylene_CO.parquet": _gas,
    "1000_train.csv": _hepmass,
    "BSDS300.hdf5": _bsds300,
}
