"""Tables with missing values and samples as CSV: what was there stays, and the run reads what was written."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tfgen import DataSpec, OutputError, UnknownNameError
from tfgen.data.columns import Column
from tfgen.data.own.incomplete import read_incomplete, write_completed
from tfgen.data.own.ordered import ordered_examples
from tfgen.plugin.data_options import DataOptions
from tfgen.sample.table import write_table

SPEC = DataSpec(
    "vector", (3,), context=(Column("dose"),), classes=2, class_names=("01", "02"),
    columns=(Column("age", "integer"), Column("share"), Column("sex", "category", ("f", "m"))),
)  # fmt: skip
GERMAN = DataOptions(delimiter=";", decimal=",")


def complete(source, target, options=None, draws=1):
    options = options or DataOptions()
    rows = read_incomplete(source, SPEC, options)
    x = np.repeat(np.where(np.isnan(rows.x), [7, 0.1, 1], rows.x)[None], draws, 0).astype(np.float32)
    write_completed(target, target.suffix, rows, x, np.full(len(x[0]), 12.5), options)


def test_fields_of_a_csv_file_stay_as_they_stand(tmp_path):
    lines = [
        "zip,age,share,country,sex,note,empty",
        '01234,40,1e-3,NA,m,"a, ""b""",',
        "00001,,,nan,,null,",
        "98000,041,0.30,DE,f,2020-01-01 00:00,",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    complete(tmp_path / "t.csv", tmp_path / "out.csv")
    expected = [*lines]
    expected[2] = "00001,7,0.1,nan,m,null,"
    written = (tmp_path / "out.csv").read_text().splitlines()
    assert written == [f"{expected[0]},ess", *(f"{line},12.5" for line in expected[1:])]


def test_a_csv_file_becomes_a_parquet_file_with_numbers_in_the_columns_of_the_model_alone(tmp_path):
    (tmp_path / "t.csv").write_text("zip,age,share,sex,dose\n01234,40,,m,1\n00001,,0.5,f,2\n")
    complete(tmp_path / "t.csv", tmp_path / "out.parquet", draws=2)
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.column("zip").to_pylist() == ["01234", "00001"] * 2
    assert found.column("age").to_pylist() == [40, 7] * 2
    assert found.column("dose").to_pylist() == [1, 2] * 2  # which a model is given as numbers
    assert found.column("draw").to_pylist() == [0, 0, 1, 1]


def test_a_parquet_file_keeps_its_types(tmp_path):
    table = pa.table({
        "age": pa.array([40, None], pa.int16()), "share": pa.array([None, 0.5], pa.float32()),
        "sex": pa.array(["f", None]).dictionary_encode(), "id": pa.array([1, None], pa.uint8()),
        "seen": pa.array([0, None], pa.timestamp("s")), "words": pa.array([["a"], None]),
    })  # fmt: skip
    parquet.write_table(table, tmp_path / "t.parquet")
    complete(tmp_path / "t.parquet", tmp_path / "out.parquet")
    found, table = (parquet.read_table(tmp_path / name) for name in ("out.parquet", "t.parquet"))
    assert found.drop(["ess"]).schema.types == table.schema.types
    assert found.drop(["age", "share", "sex", "ess"]).equals(table.drop(["age", "share", "sex"]))
    assert found.column("sex").to_pylist() == ["f", "m"]
    with pytest.raises(OutputError, match=r"column 'words' is of type list<.*>, which a CSV file cannot hold"):
        complete(tmp_path / "t.parquet", tmp_path / "out.csv")


@pytest.mark.parametrize(
    "options",
    [DataOptions(), DataOptions(delimiter="tab"), DataOptions(delimiter=";"), GERMAN],
    ids=["", "tab", "s", "de"],
)
def test_a_run_reads_what_was_written_for_it(options, tmp_path):
    between, sign = options.delimiter, options.decimal
    lines = [["age", "share", "sex", "dose"], ["40", f"0{sign}25", "m", "1"], ["", "", "f", "2"]]
    (tmp_path / "t.csv").write_text("\n".join(between.join(line) for line in lines) + "\n")
    complete(tmp_path / "t.csv", tmp_path / "out.csv", options)
    expected = np.array([[40, 0.25, 1], [7, 0.1, 0]], np.float32)
    np.testing.assert_array_equal(ordered_examples(str(tmp_path / "out.csv"), options, SPEC).x, expected)
    given = np.array([[0, 0.5], [1, 1.5], [1, -1], [0, 2]], np.float32)
    write_table(tmp_path / "drawn.csv", ".csv", iter([expected, expected]), SPEC, given, options)
    found = ordered_examples(str(tmp_path / "drawn.csv"), options, SPEC)
    np.testing.assert_array_equal(found.x, np.concatenate([expected, expected]))
    np.testing.assert_array_equal(found.context, given[:, 1:])
    with (tmp_path / "drawn.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file, delimiter=between)] == ["01", "02", "02", "01"]


def test_categories_and_labels_are_texts_as_the_model_knows_them(tmp_path):
    columns = (Column("zip", "category", ("007", "7")), Column("x"))
    spec = DataSpec("vector", (2,), classes=3, class_names=("1", "2", "3"), columns=columns)
    source = tmp_path / "rows.csv"
    source.write_text("zip,x,kind\n007,1.5,3\n7,,1\n")
    rows = read_incomplete(source, spec, DataOptions(label="kind", categorical=("zip",)), conditional=True)
    np.testing.assert_array_equal(rows.x, [[0, 1.5], [1, np.nan]])
    np.testing.assert_array_equal(rows.given, [2, 0])
    source.write_text("zip,x,kind\n007,1.5,0\n")
    with pytest.raises(UnknownNameError, match="unknown class '0'"):
        read_incomplete(source, spec, DataOptions(label="kind", categorical=("zip",)), conditional=True)
