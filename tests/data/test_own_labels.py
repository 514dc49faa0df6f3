"""Labels of a user's own data: numbers and names of any form become classes, and what is none is refused by its row."""

from __future__ import annotations

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfgen import DataError, DataSources
from tfgen.data.own.in_memory import prepared_name, raw_of_memory
from tfgen.data.own.numbering import numbered
from tfgen.data.own.prepared import kept_own, prepare_own
from tfgen.data.own.raw import spec_and_splits
from tfgen.plugin.data_options import DataOptions

N = 200
X = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
LABELS = np.arange(N) % 3


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


@pytest.mark.parametrize(
    "labels",
    [
        np.eye(3)[LABELS], np.eye(3, dtype=bool)[LABELS], np.eye(3, dtype=int)[LABELS].tolist(), LABELS[:, None],
        LABELS.astype(float), LABELS.astype(str), LABELS.astype("S1"), LABELS.astype(object),
        LABELS.astype(str).astype(object), pd.Series(LABELS.astype(str)), [b"0", "1", 2] * (N // 3) + [b"0", "1"],
    ],
)  # fmt: skip
def test_labels_of_any_form_are_the_same_classes(labels, sources, tmp_path):
    expected = prepared_name((X, LABELS), DataOptions(), sources)
    assert prepared_name((X, labels), DataOptions(), sources) == expected
    array = np.asarray(labels)
    if array.dtype.kind != "O":
        np.savez(tmp_path / "a.npz", x=X, labels=array)
        assert prepare_own(str(tmp_path / "a.npz"), DataOptions(), sources).source == expected


class Pipeline:
    """Looks like a `tf.data.Dataset`."""

    def __init__(self, *parts):
        self.parts = parts

    def as_numpy_iterator(self):
        return iter(zip(*self.parts, strict=True))


def test_labels_of_a_pipeline_may_be_bytes_and_one_hot(sources):
    names = np.array([b"cat", b"dog", b"emu"], object)[LABELS]
    found = kept_own(prepared_name(Pipeline(X, names), DataOptions(), sources), sources)
    assert found.spec.class_names == ("cat", "dog", "emu")
    one_hot = prepared_name(Pipeline(X, np.eye(3)[LABELS]), DataOptions(), sources)
    assert one_hot == prepared_name((X, LABELS), DataOptions(), sources)


def test_classes_are_in_the_order_of_the_numbers():
    for values in (["-1", "0", "1", "2", "10"], [-1, 0, 1, 2, 10], [10.0, 2.0, 1.0, 0.0, -1.0]):
        _, names = numbered({None: np.array(values)}, "set")
        assert names == ("-1", "0", "1", "2", "10")
    found, names = numbered({"train": np.array(["0", "1"]), "test": np.array([1])}, "set")
    assert names == ("0", "1")
    assert found["test"].tolist() == [1]
    assert numbered({None: np.array(["007", "7"])}, "set")[1] == ("007", "7")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.full((N, 3), 0.3), r"or one-hot rows; got float64 \[200, 3\]"),
        (np.ones((N, 3), int), r"or one-hot rows; got int64 \[200, 3\]"),
        (np.full(N, 1e300), r"that of row 0 \(counted from 0\) is 1e\+300: mend it"),
        (np.where(LABELS == 2, np.nan, LABELS), "that of row 2 .* is nan"),
        (np.where(LABELS == 2, None, LABELS), "that of row 2 .* is None"),
        (np.array([[1, 2]] * N + [[1]], object)[:N], r"that of row 0 .* is \[1, 2\]"),
        (np.array(["a", "b" * 201] * (N // 2)), "a label has 201 characters .* have at most 200"),
        (np.array(["a", ""] * (N // 2)), "a label is an empty text"),
        (np.array(["a", "\udce9"] * (N // 2)), "rename the class"),
        (np.array([b"a", b"\xe9"] * (N // 2)), r"that of row 1 .* is b'\\xe9'"),
        (np.array([1j] * N), "labels must be whole numbers or names"),
    ],
)
def test_what_is_no_label_is_refused(labels, says, sources):
    with pytest.raises(DataError, match=says) as told:
        prepared_name((X, labels), DataOptions(), sources)
    assert "\n" not in str(told.value)
    str(told.value).encode()


def test_data_by_split_may_be_mappings_with_other_forms_of_labels(sources):
    parts = {"train": slice(0, 150), "test": slice(150, N)}
    plain = {split: (X[part], LABELS[part]) for split, part in parts.items()}
    expected = prepared_name(plain, DataOptions(), sources)
    named = {split: {"x": X[part], "labels": LABELS[part]} for split, part in parts.items()}
    assert prepared_name(named, DataOptions(), sources) == expected
    named["test"]["labels"] = LABELS[150:].astype(str)
    assert prepared_name(named, DataOptions(), sources) == expected


@pytest.mark.parametrize(("bare", "has"), [("train", "test"), ("test", "train")])
def test_a_split_without_labels_or_contexts_is_named(bare, has, sources):
    for labelled, what in (((X, LABELS), "labels"), ((X, None, X), "a context")):
        with pytest.raises(DataError, match=rf"arrays, {bare}: 200 examples need .*{what}.*; got none"):
            prepared_name({bare: X, has: labelled}, DataOptions(), sources)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([[1.0, 2.0], [1.0]], "the data: x are no array: .*inhomogeneous"),
        ({"x": [[1.0, 2.0], [1.0]]}, "the mapping: x are no array"),
        ({"x": X, "labels": None}, "the mapping: labels are no array: they are None"),
        (None, "are None; give arrays"),
        ({"train": None}, "are None; give arrays, or leave the split out"),
        ({"train": X, "test": None}, "are None; give arrays, or leave the split out"),
        ({"train": {"x_train": X}}, "call them x, labels and context"),
        ({"test": X, "val": X}, "splits are called train, valid and test"),
        ((None, LABELS), "no examples; these come first"),
        (np.ma.masked_array(X, X[3, 1] == X), r"the data: x: the value at \[3, 1\] is masked, and so are 1 in all"),
        ((X, np.ma.masked_array(LABELS, LABELS == 2)), r"the data: labels: the value at \[2\] is masked"),
    ],
)
def test_what_is_no_array_is_refused(data, says):
    with pytest.raises(DataError, match=says) as told:
        raw_of_memory(data, DataOptions())
    assert "\n" not in str(told.value)


def test_a_masked_array_without_a_masked_value_is_an_array(sources):
    assert prepared_name(np.ma.masked_array(X), DataOptions(), sources) == prepared_name(X, DataOptions(), sources)


def hugging_face(labels, names, pictures=True):
    """A Hugging Face set of pictures or vectors whose classes have names, or none."""
    kind = datasets.Value("int64") if names is None else datasets.ClassLabel(names=names)
    if not pictures:
        features = datasets.Features({"x": datasets.Sequence(datasets.Value("float32")), "label": kind})
        return datasets.Dataset.from_dict({"x": X[: len(labels)], "label": labels}, features=features)
    images = [Image.new("L", (3, 3), 40 * number) for number in range(len(labels))]
    features = datasets.Features({"image": datasets.Image(), "label": kind})
    return datasets.Dataset.from_dict({"image": images, "label": labels}, features=features)


@pytest.mark.parametrize("pictures", [True, False], ids=["pictures", "vectors"])
def test_names_of_the_classes_of_each_split_are_its_own(pictures):
    train, test = (
        hugging_face([0, 1, 2], ["cat", "dog", "emu"], pictures),
        hugging_face([0, 1], ["emu", "cat"], pictures),
    )
    spec, splits = spec_and_splits(raw_of_memory({"train": train, "test": test}, DataOptions()), "set")
    assert spec.class_names == ("cat", "dog", "emu")
    assert splits["test"].labels.tolist() == [2, 0]
    same = raw_of_memory({"train": train, "test": hugging_face([1], ["cat", "dog", "emu"], pictures)}, DataOptions())
    assert spec_and_splits(same, "set")[0].class_names == ("cat", "dog", "emu")
    with pytest.raises(DataError, match="classes of the test split are numbers, and those of other splits have names"):
        raw_of_memory({"train": train, "test": hugging_face([0, 1], None, pictures)}, DataOptions())


def test_pictures_of_a_hugging_face_set_without_a_label_are_named():
    data = hugging_face([0, None, 1], ["cat", "dog"])
    with pytest.raises(DataError, match=r"picture 1: its label is None; .* data\.filter"):
        raw_of_memory(data, DataOptions())
    lists = hugging_face([0, 1, 1], None).remove_columns("label").add_column("label", [[0, 1], [1], [1]])
    with pytest.raises(DataError, match=r"picture 0: its label is \[0, 1\]"):
        raw_of_memory(lists, DataOptions())
    texts = lists.remove_columns("label").add_column("label", ["cat", "a" * 201, "cat"])
    with pytest.raises(DataError, match=r"picture 1: a label has 201 characters"):
        raw_of_memory(texts, DataOptions())
    both = {"train": hugging_face([0, 1], None), "test": hugging_face([0, 1], None).remove_columns("label")}
    with pytest.raises(DataError, match="pictures of the test split have no classes"):
        raw_of_memory(both, DataOptions())
