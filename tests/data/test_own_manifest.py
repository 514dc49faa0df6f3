"""Manifests of prepared sets: what is written can be read again, or is refused before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tfgen import DataError, DataSources
from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.own.in_memory import prepared_name
from tfgen.data.own.prepared import kept_own, prepare_dataset
from tfgen.data.spec import DataSpec
from tfgen.plugin.data_options import DataOptions

X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


def test_numbers_of_numpy_in_a_spec_are_kept_as_those_of_python(sources):
    spec = DataSpec(
        "vector", (np.int64(2),), np.int64(3), np.uint8(200), (np.float32(-1), 1), np.array(["a", "b", "c"]),
        [Column("p", bounds=(np.float32(-9), np.int64(9))), Column("q", shift=np.float32(0), scale=np.float64(1))],
    )  # fmt: skip
    kept = prepare_dataset(Dataset("s", spec, dict.fromkeys(SPLITS, Split(X, np.arange(60) % 3))), sources)
    assert kept.spec.class_names == ("a", "b", "c")
    assert DataSpec("vector", (2,), classes=np.int64(3)) == DataSpec("vector", (2,), classes=3)
    values = json.loads(json.dumps(spec.to_json()))
    assert (values["classes"], values["levels"], values["value_range"]) == (3, 200, [-1.0, 1.0])
    assert {type(spec.classes), type(spec.levels), type(spec.shape[0])} == {int}


@pytest.mark.parametrize("strange", ["caf\udce9", "a\0b"])
def test_texts_that_could_not_be_read_again_are_refused_before_anything_is_written(strange, sources):
    with pytest.raises(DataError, match="rename it"):
        DataSpec("vector", (2,), classes=2, class_names=(strange, "b"))
    with pytest.raises(DataError, match="rename the column"):
        Column(strange)
    with pytest.raises(DataError, match="rename it"):
        Column("a", "category", (strange, "b"))
    with pytest.raises(DataError, match="rename the class"):
        prepared_name((X, np.array([strange, "b"] * 30, object)), DataOptions(), sources)
    assert not [path for path in Path(sources.data_dir).rglob("*") if path.is_file()]


def test_what_takes_too_much_of_a_manifest_is_named(sources):
    names = [f"{number:0100d}x" for number in range(9_900)]
    table = pa.table({"a": np.random.default_rng(0).normal(size=9_900), "k": names})
    with pytest.raises(DataError, match=r"names of 9,900 categories are longer .* --ignore"):
        prepared_name(table, DataOptions(categorical=("k",)), sources)
    spec = DataSpec("vector", (2,), classes=9_900, class_names=tuple(names))
    with pytest.raises(DataError, match=r"names of 9,900 classes are longer .* shorten the names"):
        prepare_dataset(Dataset("s", spec, dict.fromkeys(SPLITS, Split(X, np.zeros(60, int)))), sources)


def test_a_manifest_that_could_not_be_read_again_is_not_written(sources, monkeypatch):
    monkeypatch.setattr("tfgen.reading.MOST_DEPTH", 1)
    with pytest.raises(DataError, match="this data set cannot be kept: it is nested"):
        prepared_name(X, DataOptions(), sources)
    monkeypatch.undo()
    assert kept_own(prepared_name(X, DataOptions(), sources), sources).spec.shape == (2,)
