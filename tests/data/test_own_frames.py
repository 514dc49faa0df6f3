"""Frames of pandas and Polars, and Hugging Face sets, of the real libraries: the same data set as from a file."""

from __future__ import annotations

import io

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from tests.people_table import people
from tfgen import DataError, DataSources, TfgenError
from tfgen.data.own.in_memory import prepared_name, raw_of_memory
from tfgen.data.own.prepared import kept_own, prepare_own
from tfgen.plugin.data_options import DataOptions

N = 300
NAMES = ["emu", "cat", "dog"]  # not in the order of the alphabet


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(1).integers(0, 256, (N, 4, 4, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.arange(N) % 3


def hugging_face(pictures, labels, mode="RGB"):
    """A Hugging Face set of pictures with named classes."""
    features = datasets.Features({"photo": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    images = [Image.fromarray(picture).convert(mode) for picture in pictures]
    return datasets.Dataset.from_dict({"photo": images, "label": labels}, features=features)


def rows_of(split):
    """The examples of a split with their labels, whatever their order."""
    return {(x.tobytes(), label) for x, label in zip(split.x, split.labels.tolist(), strict=True)}


@pytest.mark.parametrize("form", ["pandas", "pandas of arrow", "pandas, some rows", "polars", "polars, lazy", "hf"])
def test_a_frame_is_the_same_data_set_as_a_table(form, sources):
    table = people(N)
    options = DataOptions(categorical=("sex",))
    frame = table.to_pandas()
    data = {
        "pandas": frame,
        "pandas of arrow": frame.convert_dtypes(dtype_backend="pyarrow"),
        "pandas, some rows": pd.concat([frame, frame])[:N],
        "polars": pl.from_arrow(table),
        "polars, lazy": pl.from_arrow(table).lazy(),
        "hf": datasets.Dataset(table),
    }[form]
    assert prepared_name(data, options, sources) == prepared_name(table, options, sources)


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["m", "f"])], ids=["Categorical", "Enum"])
def test_categories_of_a_frame_need_no_option(kind, sources):
    table = people(N)
    expected = prepared_name(table, DataOptions(categorical=("sex",)), sources)
    polars = pl.from_arrow(table).with_columns(pl.col("sex").cast(kind))
    assert prepared_name(polars, DataOptions(), sources) == expected
    pandas = table.to_pandas().astype({"sex": "category"})
    assert prepared_name(pandas, DataOptions(), sources) == expected


def test_series_are_vectors_of_one_number(sources):
    x = np.random.default_rng(0).normal(size=N)
    for series in (pd.Series(x), pl.Series(x)):
        assert prepared_name(series, DataOptions(), sources) == prepared_name(x, DataOptions(), sources)


def test_missing_values_of_a_frame_are_named():
    table = people(N)
    for frame in (table.to_pandas().astype({"age": "Int64"}), pl.from_arrow(table)):
        if isinstance(frame, pl.DataFrame):
            frame = frame.with_columns(pl.when(pl.int_range(N) != 7).then(pl.col("age")).alias("age"))
        else:
            frame.loc[7, "age"] = pd.NA
        with pytest.raises(DataError, match=r"row 7 .* has no value in column 'age'"):
            raw_of_memory(frame, DataOptions(categorical=("sex",)))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": pd.arrays.SparseArray(np.zeros(9))}), "Sparse pandas data .column a. not supported"),
        (pd.DataFrame({"a": np.zeros(9, complex)}), "no list of numbers, .* column a with type complex128"),
        (pd.DataFrame({"a": [1.0, "b"]}), "no list of numbers, texts or times of one type"),
        (pd.DataFrame({"a": pd.date_range("2020", periods=9)}), "column 'a' is of type timestamp"),
        (pd.DataFrame({"a": []}), "column 'a' has no values|no row is left"),
        (pd.DataFrame(np.zeros((9, 2)), columns=["a", "a"]), "two columns of one name"),
        (pl.DataFrame({"a": np.zeros((9, 2))}), "column 'a' is of type fixed_size_list"),
        (pl.DataFrame({"a": [1j] * 9}), "column 'a' is of type|no list of numbers"),
    ],
)
def test_what_a_frame_cannot_give_is_refused(frame, message):
    with pytest.raises(TfgenError, match=message):
        raw_of_memory(frame, DataOptions())


def test_pictures_of_a_hugging_face_set_are_those_of_a_folder(pictures, labels, tmp_path, sources):
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (tmp_path / "set" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / str(label) / f"{number}.png")
    folder = prepare_own(str(tmp_path / "set"), DataOptions(size="3x4"), sources)
    data = hugging_face(pictures, labels)
    for form in (data, data.to_iterable_dataset()):
        found = kept_own(prepared_name(form, DataOptions(size="3x4"), sources), sources)
        assert found.spec.shape == (3, 4, 3)
        assert found.spec.class_names == tuple(NAMES)  # in their own order
        for name, split in folder.splits.items():
            assert rows_of(split) == rows_of(found.splits[name])


def test_splits_of_a_hugging_face_set_are_kept(pictures, labels, sources):
    data = hugging_face(pictures, labels)
    parts = {"train": range(200), "validation": range(200, 240), "test": range(240, N)}
    split = datasets.DatasetDict({name: data.select(part) for name, part in parts.items()})
    found = kept_own(prepared_name(split, DataOptions(), sources), sources)
    assert [len(part) for part in found.splits.values()] == [200, 40, 60]
    assert rows_of(found.test) == {
        (x.tobytes(), int(label)) for x, label in zip(pictures[240:], labels[240:], strict=True)
    }
    split["unsupervised"] = split["test"]
    with pytest.raises(DataError, match="under train, validation, test, unsupervised; splits are called train, valid"):
        raw_of_memory(split, DataOptions())


def test_grey_colour_and_transparent_pictures_of_a_hugging_face_set_mix(pictures, labels):
    parts = [hugging_face(pictures[i::3], labels[i::3], mode) for i, mode in enumerate(["L", "RGBA", "RGB"])]
    data = datasets.concatenate_datasets(parts)
    assert raw_of_memory(data, DataOptions()).examples[None].shape == (N, 4, 4, 3)
    assert raw_of_memory(data, DataOptions(colour="grey")).examples[None].shape == (N, 4, 4, 1)
    small = data.select([0]).map(lambda row: {"photo": row["photo"].resize((5, 6))}, features=data.features)
    with pytest.raises(DataError, match=r"the data set holds pictures of 2 sizes, .*: 4x4 \(300\), 6x5 \(1\)"):
        raw_of_memory(datasets.concatenate_datasets([data, small]), DataOptions())


def test_a_broken_picture_of_a_hugging_face_set_is_named(pictures, labels):
    data = hugging_face(pictures[:30], labels[:30]).cast_column("photo", datasets.Image(decode=False))
    content = io.BytesIO()
    Image.fromarray(pictures[0]).save(content, "PNG")
    rows = [{"bytes": content.getvalue()[: 40 if i == 4 else None], "path": None} for i in range(30)]
    data = data.remove_columns("photo").add_column("photo", rows).cast_column("photo", datasets.Image())
    with pytest.raises(DataError, match="the data set, picture 4 is no picture that can be read"):
        raw_of_memory(data, DataOptions())
    raw = raw_of_memory(data, DataOptions(skip_broken=True))
    assert len(raw.examples[None]) == len(raw.labels[None]) == 29


def test_tables_and_vectors_of_a_hugging_face_set(labels, sources):
    x = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
    features = datasets.Features({
        "a": datasets.Value("float32"), "b": datasets.Value("float32"), "kind": datasets.ClassLabel(names=NAMES),
    })  # fmt: skip
    table = datasets.Dataset.from_dict({"a": x[:, 0], "b": x[:, 1], "kind": labels}, features=features)
    found = kept_own(prepared_name(table, DataOptions(label="kind"), sources), sources)
    assert (found.spec.column_names, found.spec.class_names) == (("a", "b"), ("cat", "dog", "emu"))
    assert kept_own(prepared_name(table, DataOptions(), sources), sources).spec.columns[2].kind == "category"
    vectors = datasets.Dataset.from_dict({"x": x, "label": labels})
    assert prepared_name(vectors, DataOptions(), sources) == prepared_name((x, labels), DataOptions(), sources)
    with pytest.raises(DataError, match="columns features, label; call the one of the examples x or image"):
        raw_of_memory(vectors.rename_column("x", "features"), DataOptions())


def test_an_unknown_class_of_a_hugging_face_set_is_refused(pictures, labels, sources):
    data = hugging_face(pictures, np.where(labels == 2, -1, labels))
    with pytest.raises(DataError, match=r"label -1 has no name; the classes are 0 \.\. 2"):
        prepared_name(data, DataOptions(), sources)


def test_a_mapping_of_arrays_is_an_npz_file(labels, tmp_path, sources):
    x = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
    arrays = {"x_train": x[:200], "y_train": labels[:200], "x_test": x[200:], "y_test": labels[200:]}
    np.savez(tmp_path / "a.npz", **arrays)
    expected = prepare_own(str(tmp_path / "a.npz"), DataOptions(), sources).source
    assert prepared_name(arrays, DataOptions(), sources) == expected
    by_split = {"train": (x[:200], labels[:200]), "test": (x[200:], labels[200:])}
    assert prepared_name(by_split, DataOptions(), sources) == expected
    with pytest.raises(DataError, match="the mapping holds arrays called pixels; name them x, labels and context"):
        raw_of_memory({"pixels": x}, DataOptions())


def test_frames_by_split_are_a_folder_of_tables(sources):
    frame = people(N).to_pandas()
    frames = {"train": frame[:200], "val": frame[200:250], "test": frame[250:]}
    found = kept_own(prepared_name(frames, DataOptions(categorical=("sex",)), sources), sources)
    assert [len(part) for part in found.splits.values()] == [200, 50, 50]
    with pytest.raises(DataError, match="the splits hold data of different kinds"):
        raw_of_memory({**frames, "test": np.zeros((9, 5))}, DataOptions())


@pytest.mark.parametrize(
    ("options", "flag"), [({"size": "4"}, "--size"), ({"colour": "grey"}, "--colour"), ({"label": "a"}, "--label")]
)
def test_options_of_another_kind_of_data_are_refused(options, flag, tmp_path, sources):
    np.save(tmp_path / "x.npy", np.zeros((N, 2), np.float32))
    for data in (np.zeros((N, 2), np.float32), {"x": np.zeros((N, 2))}):
        with pytest.raises(TfgenError, match=f"{flag} is for .*, and the .* is none; leave it out"):
            raw_of_memory(data, DataOptions(**options))
    with pytest.raises(TfgenError, match=f"{flag} is for .*x.npy is none; leave it out"):
        prepare_own(str(tmp_path / "x.npy"), DataOptions(**options), sources)
