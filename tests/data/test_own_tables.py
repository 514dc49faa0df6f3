"""Tables of a user's own: CSV, Parquet, frames and pipelines give one data set; each bad input gets one line."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import csv, parquet

from tests.people_table import people
from tfgen import DataError, DataSources, TfgenError
from tfgen.data.own.in_memory import prepared_name
from tfgen.data.own.ordered import ordered_examples
from tfgen.data.own.prepared import kept_own, prepare_own
from tfgen.plugin.data_options import DataOptions

N = 300


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


@pytest.fixture
def table():
    return people(N)


def _csv(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_every_source_of_a_table_is_the_same_data_set(table, tmp_path, sources):
    parquet.write_table(table, tmp_path / "t.parquet")
    csv.write_csv(table, tmp_path / "t.csv")
    options = DataOptions(categorical=("sex",), bounds=("share:0,1",), heavy_tails=("income",))
    one = prepare_own(str(tmp_path / "t.parquet"), options, sources)
    other = prepare_own(str(tmp_path / "t.csv"), options, sources)
    third = kept_own(prepared_name(table, options, sources), sources)
    assert one.source == other.source == third.source
    kinds = [column.described() for column in one.spec.columns]
    assert kinds == ["integer", "real, heavy tails", "real, from 0 to 1", "2 categories", "2 categories", "real"]
    assert one.spec.columns[3].categories == ("f", "m")
    assert one.spec.columns[4].categories == ("false", "true")


def test_an_array_an_npz_and_a_pipeline_are_the_same_data_set(tmp_path, sources):
    x = np.random.default_rng(1).normal(size=(N, 3)).astype(np.float32)
    labels = np.arange(N) % 2
    np.savez(tmp_path / "x.npz", x=x, labels=labels)
    from_file = prepare_own(str(tmp_path / "x.npz"), DataOptions(), sources).source
    pipeline = tf.data.Dataset.from_tensor_slices((x, labels))
    for data in ((x, labels), pipeline, pipeline.map(lambda x, y: {"x": x, "label": y})):
        assert prepared_name(data, DataOptions(), sources) == from_file


def test_labels_and_contexts_leave_the_examples(table, tmp_path, sources):
    parquet.write_table(table, tmp_path / "t.parquet")
    options = DataOptions(label="sex", context=("age", "share"), ignore=("smoker",))
    found = prepare_own(str(tmp_path / "t.parquet"), options, sources)
    assert found.spec.column_names == ("income", "half")
    assert found.spec.class_names == ("f", "m")
    assert [(column.name, column.kind) for column in found.spec.context] == [("age", "real"), ("share", "real")]
    assert found.train.context.shape == (len(found.train), 2)
    assert found.train.context[:, 0].mean() > 30
    # Rows keep their label and context together through splitting: the set is found again by both.
    rows = {
        (float(np.float32(i)), s, a)
        for i, s, a in zip(*(table.column(c).to_pylist() for c in ("income", "sex", "age")), strict=False)
    }
    for x, label, context in zip(found.test.x, found.test.labels, found.test.context, strict=True):
        assert (float(x[0]), "fm"[label], int(context[0])) in rows


def test_a_folder_of_tables_has_their_splits_and_one_set_of_categories(table, tmp_path, sources):
    (tmp_path / "set").mkdir()
    for name, part in (("train", slice(0, 200)), ("valid", slice(200, 250)), ("test", slice(250, 300))):
        csv.write_csv(table.slice(part.start, part.stop - part.start), tmp_path / "set" / f"{name}.csv")
    found = prepare_own(str(tmp_path / "set"), DataOptions(categorical=("sex",)), sources)
    assert [len(found.splits[name]) for name in ("train", "valid", "test")] == [200, 50, 50]


def test_adding_rows_moves_none(table, tmp_path, sources):
    parquet.write_table(table.slice(0, 250), tmp_path / "t.parquet")
    before = prepare_own(str(tmp_path / "t.parquet"), DataOptions(columns=("income", "share")), sources)
    parquet.write_table(table, tmp_path / "t.parquet")
    after = prepare_own(str(tmp_path / "t.parquet"), DataOptions(columns=("income", "share")), sources)
    for name in ("train", "valid", "test"):
        assert {*map(tuple, before.splits[name].x)} <= {*map(tuple, after.splits[name].x)}


def test_rows_for_a_trained_model_are_found_by_name_and_category(table, tmp_path, sources):
    options = DataOptions(categorical=("sex",), ignore=("half",))
    parquet.write_table(table, tmp_path / "t.parquet")
    spec = prepare_own(str(tmp_path / "t.parquet"), options, sources).spec
    others = (
        table.select(["sex", "smoker", "share", "income", "age"]).slice(0, 5).filter(pa.array([True] * 4 + [False]))
    )
    csv.write_csv(others, tmp_path / "o.csv")
    found = ordered_examples(str(tmp_path / "o.csv"), DataOptions(), spec)
    assert found.x[:, 0].tolist() == table.column("age").to_pylist()[:4]
    assert found.x[:, 3].tolist() == [float(sex == "m") for sex in table.column("sex").to_pylist()[:4]]
    _csv(tmp_path, "sex,smoker,share,income,age\nx,true,0.1,2.5,30\n", "strange.csv")
    with pytest.raises(TfgenError, match="unknown category 'x'"):
        ordered_examples(str(tmp_path / "strange.csv"), DataOptions(), spec)
    _csv(tmp_path, "sex,smoker,share,income\nm,true,0.1,2.5\n", "less.csv")
    with pytest.raises(DataError, match="lacks the column age"):
        ordered_examples(str(tmp_path / "less.csv"), DataOptions(), spec)


ROWS = "".join(f"{i + 0.5},{i * 2 + 0.1}\n" for i in range(60))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path, sources):
    found = prepare_own(_csv(tmp_path, "\ufeffa,b\n" + ROWS), DataOptions(), sources)
    assert found.spec.column_names == ("a", "b")


def test_semicolons_and_decimal_commas_are_read_as_told(tmp_path, sources):
    text = "a;b\n" + ROWS.replace(",", ";").replace(".", ",")
    found = prepare_own(_csv(tmp_path, text), DataOptions(delimiter=";", decimal=","), sources)
    plain = prepare_own(_csv(tmp_path, "a,b\n" + ROWS, "p.csv"), DataOptions(), sources)
    assert np.array_equal(found.train.x, plain.train.x)


def test_rows_with_missing_values_are_left_out_if_that_is_asked_for(tmp_path, sources, capsys):
    found = prepare_own(_csv(tmp_path, "a,b\n1,\n,2\n" + ROWS), DataOptions(missing="drop"), sources)
    assert sum(len(found.splits[name]) for name in ("train", "valid", "test")) == 60
    assert "2 of 62 rows have missing values" in capsys.readouterr().err


BAD = {
    "ragged": ("a,b\n1,2,3\n" + ROWS, {}, "line 2 has 3 fields, and the header 2"),
    "twice": ("a,a\n" + ROWS, {}, "2 columns are called 'a'"),
    "semicolons": ("a;b\n1;2\n", {}, "pass --delimiter ';'"),
    "commas": ("a;b\n1,5;2,5\n", {"delimiter": ";"}, "pass --decimal ,"),
    "empty": ("", {}, "is empty"),
    "blank": ("\n\n", {}, "is empty"),
    "no rows": ("a,b\n", {}, "no rows below its header"),
    "no name": ("a,\n" + ROWS, {}, "column 1 .* has no name"),
    "no header": ("1,2\n3,4\n", {}, "the first line holds numbers"),
    "missing": ("a,b\n1,2\n1,\n" + ROWS, {}, "row 1 .* no value in column 'b'.*--missing drop"),
    "all missing": ("a,b\n1,\n2,\n", {}, "column 'b' has no values.*--ignore b"),
    "all dropped": ("a,b\n1,\n2,\n", {"missing": "drop"}, "no row is left"),
    "date": ("a,b\n2020-01-01,2\n", {}, "column 'a' is of type date32"),
    "text": ("a,b\nx,2\n", {}, "column 'a' is text.*--categorical, --label or --ignore a"),
    "infinite": ("a,b\n1,inf\n" + ROWS, {}, "row 0 .* column 'b' is inf"),
    "too large": ("a,b\n1,1e300\n" + ROWS, {}, "row 0 .* column 'b' is 1e.300"),
    "constant": ("a,b\n" + "".join(f"5.5,{i}.5\n" for i in range(60)), {}, "column 'a' has one value only"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), {}, "encoded as UTF-16"),
    "latin-1": (b"a,\xe9\n1,2\n", {}, "not encoded as UTF-8"),
    "no column left": ("a,b\n" + ROWS, {"ignore": ("a", "b")}, "no column is left"),
    "unknown column": ("age,b\n" + ROWS, {"ignore": ("aeg",)}, "unknown column 'aeg'.*did you mean 'age'"),
    "used twice": ("a,b\n" + ROWS, {"columns": ("a",), "context": ("a",)}, "named by two of --columns"),
    "outside bounds": ("a,b\n" + ROWS, {"bounds": ("a:0,10",)}, "column 'a' is .* outside 0 .. 10"),
    "fractions as labels": ("a,b\n" + ROWS, {"label": "a"}, "column 'a' holds fractions.*--context a"),
    "one category": ("a,b\n" + "".join(f"x,{i}.5\n" for i in range(60)), {"categorical": ("a",)}, "one value only"),
    "ignored label": ("a,b\n" + ROWS, {"ignore": ("b",), "label": "b"}, "named by two of --columns"),
    "named twice": ("a,b\n" + ROWS, {"columns": ("a", "a")}, "--columns names a column twice"),
    "treated twice": ("a,b\n" + ROWS, {"heavy_tails": ("b",), "bounds": ("b:0,900",)}, "named by two of --categorical"),
    "treated in vain": ("a,b\n" + ROWS, {"ignore": ("b",), "heavy_tails": ("b",)}, "has no treatment"),
    "constant context": (
        "a,b\n" + "".join(f"{i}.5,1\n" for i in range(60)),
        {"context": ("b",)},
        "tells a model nothing",
    ),
    "unresolved": ("a\n" + "".join(f"{1_700_000_000 + i}.5\n" for i in range(60)), {}, "float32 does not resolve"),
    "few rows": ("a,b\n1.5,2.5\n1.6,2.6\n", {}, "split has no example"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_in_one_line(case, tmp_path, sources):
    content, options, why = BAD[case]
    with pytest.raises(TfgenError, match=why) as caught:
        prepare_own(_csv(tmp_path, content), DataOptions(**options), sources)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "kept").exists() or not [*(tmp_path / "kept").rglob("*.npy")]


@pytest.mark.parametrize("kept", [0, 4, 8, 500, -20], ids=["none", "4", "8", "500", "all-but-20"])
def test_a_parquet_file_cut_short_is_refused_in_one_line(kept, table, tmp_path, sources):
    parquet.write_table(table, tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:kept])
    with pytest.raises(DataError, match=r"t\.parquet cannot be read") as caught:
        prepare_own(str(tmp_path / "t.parquet"), DataOptions(), sources)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, sources, monkeypatch):
    monkeypatch.setattr("tfgen.data.own.table_files._MOST_BYTES", 10_000)
    parquet.write_table(pa.table({"a": np.zeros(100_000), "b": np.zeros(100_000)}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="unpacks to more than"):
        prepare_own(str(tmp_path / "t.parquet"), DataOptions(), sources)


def test_options_of_tables_are_refused_for_other_data(tmp_path, sources):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(50, 2)))
    with pytest.raises(TfgenError, match="--label is for tables"):
        prepare_own(str(tmp_path / "x.npz"), DataOptions(label="y"), sources)


@pytest.mark.parametrize("text", ["a", "a:1", "a:2,1", "a:x,y", ":0,1", "a:0,inf"])
def test_bounds_that_are_none_are_refused(text):
    with pytest.raises(TfgenError, match="--bounds takes COLUMN:SMALLEST,LARGEST"):
        DataOptions(bounds=(text,))


def test_a_pipeline_of_batches_of_several_sizes_says_what_to_do(sources):
    pipeline = tf.data.Dataset.from_tensor_slices(np.zeros((10, 2), np.float32)).batch(4)
    with pytest.raises(DataError, match=r"leave \.batch"):
        prepared_name(pipeline, DataOptions(), sources)
    unnamed = SimpleNamespace(as_numpy_iterator=lambda: iter([{"pixels": np.zeros(3)}]))
    with pytest.raises(DataError, match="keys pixels"):
        prepared_name(unnamed, DataOptions(), sources)


def test_floats_of_whole_numbers_are_counts_and_large_integers_real(tmp_path, sources):
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "gap": random.poisson(5, N).astype(float), "large": random.integers(-(2**62), 2**62, N),
            "unsigned": pa.array([2**63 + int(i) * 10**15 for i in range(N // 2)] * 2, pa.uint64()),
            "million": random.integers(0, 2**21, N),
        }
    )  # fmt: skip
    parquet.write_table(table, tmp_path / "t.parquet")
    found = prepare_own(str(tmp_path / "t.parquet"), DataOptions(), sources).spec
    assert [column.kind for column in found.columns] == ["integer", "real", "real", "real"]


@pytest.mark.parametrize(
    ("column", "options", "why"),
    [
        (pa.array([[1, 2]] * N), {}, "is of type list"), (pa.array([[1, 2]] * N), {"categorical": ("y",)}, "is of type list"),
        (pa.array([b"a"] * N), {"label": "y"}, "labels are names or whole numbers"),
    ],
    ids=["list", "list as categories", "bytes as labels"],
)  # fmt: skip
def test_columns_of_other_types_are_refused_in_one_line(column, options, why, tmp_path, sources):
    table = pa.table({"x": np.random.default_rng(0).normal(size=N), "y": column})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=why) as caught:
        prepare_own(str(tmp_path / "t.parquet"), DataOptions(**options), sources)
    assert "\n" not in str(caught.value)


def test_an_arrow_table_with_two_columns_of_one_name_is_refused(sources):
    table = pa.Table.from_arrays([pa.array([1.5, 2.5]), pa.array([1.5, 2.5])], ["a", "a"])
    with pytest.raises(DataError, match="2 columns are called 'a'"):
        prepared_name(table, DataOptions(), sources)


def test_splits_of_unlike_types_have_the_wider_one(tmp_path, sources):
    random = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for name, values in (
        ("train", random.poisson(5, 50)),
        ("valid", random.poisson(5, 50)),
        ("test", random.normal(size=50)),
    ):
        csv.write_csv(pa.table({"a": values, "b": random.normal(size=50)}), tmp_path / "set" / f"{name}.csv")
    assert prepare_own(str(tmp_path / "set"), DataOptions(), sources).spec.columns[0].kind == "real"
    csv.write_csv(pa.table({"a": ["x"] * 50, "b": random.normal(size=50)}), tmp_path / "set" / "test.csv")
    with pytest.raises(DataError, match="different types in a"):
        prepare_own(str(tmp_path / "set"), DataOptions(), sources)


def test_minus_zero_is_the_category_zero(tmp_path, sources):
    table = pa.table({"x": np.random.default_rng(0).normal(size=N), "k": np.array([0.0, -0.0, 1.0] * (N // 3))})
    parquet.write_table(table, tmp_path / "t.parquet")
    found = prepare_own(str(tmp_path / "t.parquet"), DataOptions(categorical=("k",)), sources)
    assert found.spec.columns[1].categories == ("0", "1")


def test_rows_without_a_column_that_was_ignored_are_read(table, tmp_path, sources):
    options = DataOptions(categorical=("sex",), ignore=("half",))
    parquet.write_table(table, tmp_path / "t.parquet")
    spec = prepare_own(str(tmp_path / "t.parquet"), options, sources).spec
    parquet.write_table(table.drop(["half"]), tmp_path / "o.parquet")
    assert len(ordered_examples(str(tmp_path / "o.parquet"), options, spec).x) == N
