"""The tables of MAF's protocol: columns, noise, splits and normalisation, on made files of their form."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tfgen import DataError, DataSources
from tfgen.data.own.prepared import prepare_own
from tfgen.data.own.protocols import read_maf
from tfgen.plugin.data_options import DataOptions


def _folder(tmp_path, name):
    (tmp_path / name).mkdir()
    return tmp_path / name


def test_power_is_shuffled_and_its_ties_are_broken(tmp_path):
    folder = _folder(tmp_path, "power")
    random = np.random.default_rng(0)
    data = np.round(random.normal(5, 3, (1000, 8)), 1)
    np.save(folder / "data.npy", data)
    found = read_maf(folder).examples
    assert [found[name].shape for name in ("train", "valid", "test")] == [(810, 6), (90, 6), (100, 6)]
    both = np.concatenate([found["train"], found["valid"]])
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(both.std(axis=0), 1, atol=1e-5)
    assert len(np.unique(found["train"][:, 0])) > 800  # nearly no value is there twice any more
    order = np.arange(1000)
    np.random.RandomState(42).shuffle(order)
    expected = data[order][:, 7]  # the time of day, to which no noise is added
    correlation = np.corrcoef(expected[:810], found["train"][:, 5])[0, 1]
    assert correlation == pytest.approx(1, abs=1e-6)


def test_miniboone_keeps_its_order(tmp_path):
    folder = _folder(tmp_path, "miniboone")
    np.save(folder / "data.npy", np.random.default_rng(0).normal(5, 3, (200, 43)))
    found = read_maf(folder).examples
    assert [len(found[name]) for name in ("train", "valid", "test")] == [162, 18, 20]


def test_gas_drops_what_other_columns_tell(tmp_path):
    folder = _folder(tmp_path, "gas")
    random = np.random.default_rng(0)
    x = random.normal(3, 2, (500, 2))
    columns = {"Time": np.arange(500.0), "Meth": x[:, 0], "Eth": x[:, 1]}
    columns |= {"a": x[:, 0], "b": 2 * x[:, 0] + 0.01 * random.normal(size=500), "c": x[:, 1]}
    parquet.write_table(pa.table(columns), folder / "ethylene_CO.parquet")
    assert read_maf(folder).examples["train"].shape == (405, 2)


def test_hepmass_keeps_the_signal_and_columns_without_repeated_values(tmp_path):
    folder = _folder(tmp_path, "hepmass")
    random = np.random.default_rng(0)
    for name, n in (("train", 400), ("test", 100)):
        columns = {"# label": (np.arange(n) % 2).astype(float), "f0": random.normal(2, 3, n)}
        columns |= {"f1": random.integers(0, 3, n).astype(float), "f2": random.normal(-2, 1, n)}
        if name == "test":
            columns["more"] = np.zeros(n)
        csv.write_csv(pa.table(columns), folder / f"1000_{name}.csv")
    found = read_maf(folder).examples
    assert [found[name].shape for name in ("train", "valid", "test")] == [(180, 2), (20, 2), (50, 2)]


def test_bsds300_is_taken_as_it_is(tmp_path):
    folder = _folder(tmp_path, "BSDS300")
    with h5py.File(folder / "BSDS300.hdf5", "w") as file:
        for name, n in (("train", 50), ("validation", 10), ("test", 20)):
            file[name] = np.random.default_rng(n).normal(size=(n, 63))
    found = prepare_own(str(folder), DataOptions(protocol="maf"), DataSources(data_dir=str(tmp_path / "kept")))
    assert [len(found.splits[name]) for name in ("train", "valid", "test")] == [50, 10, 20]


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("nothing", b"", "holds none of data.npy"), ("ethylene_CO.pickle", b"x", "is a pickle"),
        ("BSDS300.hdf5", b"x", "cannot be read"), ("data.npy", b"x", "cannot be read"),
    ],
    ids=["none", "pickle", "hdf5", "npy"],
)  # fmt: skip
def test_other_folders_are_refused_in_one_line(file, content, why, tmp_path):
    folder = _folder(tmp_path, "power")
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=why) as caught:
        read_maf(folder)
    assert "\n" not in str(caught.value)
