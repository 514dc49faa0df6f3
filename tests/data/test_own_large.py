"""Sets larger than memory: spooled to disk, split and written in little memory, with the same numbers."""

from __future__ import annotations

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgen import DataSources, load_dataset, load_registry
from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.own import spool
from tfgen.data.own.in_memory import prepared_name
from tfgen.data.own.prepared import prepare_dataset
from tfgen.data.own.spool import Spool
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


@pytest.mark.parametrize("most", [0, 100, 10**6])
def test_a_spool_gives_back_what_it_was_given(most, monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "IN_MEMORY", most)
    x = np.random.default_rng(0).normal(size=(20, 3, 2)).astype(np.float32)
    found = Spool(tmp_path / "new")
    for example in x:
        found.append(example.T.copy().T)  # in another order of memory
    assert len(found) == 20
    np.testing.assert_array_equal(found.array(), x)
    assert found.array().dtype == np.float32
    assert isinstance(found.array(), np.memmap) == (most < x.nbytes)
    assert not (tmp_path / "new").exists() or not [*(tmp_path / "new").iterdir()]  # the file has no name
    with pytest.raises(ValueError, match=r"expected float32 of shape \(3, 2\), got float32 of shape \(2, 3\)"):
        found.append(x[0].T)
    assert Spool().array().shape == (0,)


def test_a_full_disk_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "IN_MEMORY", 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "wb", buffering=150))  # noqa: SIM115
    found = Spool(tmp_path)
    found.append(np.zeros(100, np.uint8))
    with pytest.raises(DataError, match=r"cannot take the 1 examples read so far.*No space left.*--data-dir DIR"):
        found.append(np.zeros(100, np.uint8))


def test_many_pictures_are_the_same_set_as_few(monkeypatch, sources, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (90, 5, 4, 3), dtype=np.uint8)
    x[..., 1:] = x[..., :1]  # grey in files of colours
    for number, image in enumerate(x):
        place = tmp_path / "p" / ("odd" if number % 2 else "even")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    registry = load_registry()
    first = load_dataset(str(tmp_path / "p"), registry, sources)
    assert first.spec.shape == (5, 4, 1)
    monkeypatch.setattr(spool, "IN_MEMORY", 1000)
    monkeypatch.setattr("tfgen.data.mapped.BLOCK_BYTES", 200)
    other = load_dataset(str(tmp_path / "p"), registry, DataSources(data_dir=str(tmp_path / "other")))
    assert other.source == first.source  # the digest of all numbers
    np.testing.assert_array_equal(other.train.x, first.train.x)


def test_memory_is_bounded_while_a_set_is_prepared(sources, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20_000, 32, 32, 3), dtype=np.uint8)  # 61 MB
    np.save(tmp_path / "x.npy", x)
    size = x.nbytes
    del x
    registry = load_registry()
    tracemalloc.start()
    found = load_dataset(str(tmp_path / "x.npy"), registry, sources)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.train) + len(found.valid) + len(found.test) == 20_000
    assert most < 0.6 * size  # a few blocks of 8 MB; all of it would be twice `size`


def test_a_long_pipeline_is_spooled(monkeypatch, sources):
    monkeypatch.setattr(spool, "IN_MEMORY", 1000)

    class Pipeline:
        """Looks like a `tf.data.Dataset`."""

        def __init__(self, *elements):
            self.elements = elements

        def as_numpy_iterator(self):
            return iter(self.elements)

    x = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 1), dtype=np.uint8)
    labels = np.resize(np.arange(3), 200)
    name = prepared_name(Pipeline(*zip(x, labels, strict=True)), DataOptions(), sources)
    assert name == prepared_name((x, labels), DataOptions(), sources)
    with pytest.raises(DataError, match=r"got uint8 of shape \(2, 4, 1\) \(x, number 1\)"):
        prepared_name(Pipeline(x[0], x[1][:2]), DataOptions(), sources)


def test_labels_of_a_pipeline_may_be_texts_of_any_length(sources):
    class Pipeline:
        """Looks like a `tf.data.Dataset`."""

        def as_numpy_iterator(self):
            return iter(zip(x, ["cat", "elephant"] * 100, strict=True))

    x = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 1), dtype=np.uint8)
    name = prepared_name(Pipeline(), DataOptions(), sources)
    assert load_dataset(name, load_registry(), sources).spec.class_names == ("cat", "elephant")
    x = np.array([None] * 200)
    with pytest.raises(DataError, match=r"the elements of the pipeline are no numbers \(x, number 0: object\)"):
        prepared_name(Pipeline(), DataOptions(), sources)


def test_a_large_set_of_python_is_kept_in_random_order(monkeypatch, sources):
    x = np.random.default_rng(0).integers(0, 256, (100, 4, 4, 1), dtype=np.uint8)
    x = x[np.argsort(x[:, 0, 0, 0])]
    spec = DataSpec("image", (4, 4, 1))
    data = Dataset("sorted", spec, dict.fromkeys(SPLITS, Split(x)))
    np.testing.assert_array_equal(prepare_dataset(data, sources).train.x, x)
    monkeypatch.setattr("tfgen.data.own.prepared._LARGE", 1000)
    found = prepare_dataset(data, sources).train.x
    assert {row.tobytes() for row in found} == {row.tobytes() for row in x}
    corners = found[:, 0, 0, 0].astype(int)
    assert abs(np.corrcoef(corners, np.arange(100))[0, 1]) < 0.4  # 1 where they are sorted


@pytest.mark.parametrize("kind", ["labels", "context", "splits"])
def test_a_large_set_is_the_same_data_set(kind, monkeypatch, sources, tmp_path):
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)
    beside = np.arange(300) % 3
    if kind == "splits":
        arrays = {"x_train": x[:200], "y_train": beside[:200], "x_test": x[200:], "y_test": beside[200:]}
    else:
        arrays = {"x": x, kind: beside if kind == "labels" else generator.normal(size=(300, 2))}
    small = prepared_name(arrays, DataOptions(), sources)
    monkeypatch.setattr("tfgen.data.own.prepared._LARGE", 100)
    monkeypatch.setattr("tfgen.data.mapped.BLOCK_BYTES", 200)
    monkeypatch.setattr("tfgen.data.mapped.BUCKET_BYTES", 700)
    other = DataSources(data_dir=str(tmp_path / "other"))
    assert prepared_name(arrays, DataOptions(), other) == small
    assert prepared_name(arrays, DataOptions(), other) == small  # and once more, where it is kept already
    (root,) = (tmp_path / "other").rglob("own")
    assert [path.name for path in root.iterdir()] == [small.removeprefix("own:")]


def test_a_spec_that_could_not_be_read_again_is_not_written(sources):
    x = np.random.default_rng(0).normal(size=(30, 12_000)).astype(np.float32)
    with pytest.raises(DataError, match="12,000 columns are more than a data set can have"):
        prepared_name(x, DataOptions(), sources)
    assert not [path for path in Path(sources.data_dir).rglob("*") if path.is_file()]


def test_constant_pixels_of_a_context_are_scaled_as_the_others(sources):
    random = np.random.default_rng(0)
    context = 100.0 * random.normal(size=(200, 3, 3))
    context[:, 0] = 5.0
    name = prepared_name((random.normal(size=(200, 2)), None, context), DataOptions(), sources)
    columns = load_dataset(name, load_registry(), sources).spec.context
    assert [column.shift for column in columns[:3]] == [5.0] * 3
    assert 80 < columns[0].scale < 120
    with pytest.raises(DataError, match="leave the array context out"):
        prepared_name((random.normal(size=(200, 2)), None, np.ones((200, 2))), DataOptions(), sources)
