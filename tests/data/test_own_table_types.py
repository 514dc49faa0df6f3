"""Types of the columns of tables: texts stay as they are typed, numbers stay apart in float32, strange types get one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tfgen import DataError, Dataset, DataSources, DataSpec, Split, TfgenError
from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS
from tfgen.data.own.context_file import read_columns
from tfgen.data.own.in_memory import prepared_name, raw_of_memory
from tfgen.data.own.ordered import ordered_examples
from tfgen.data.own.prepared import kept_own, prepare_own
from tfgen.plugin.data_options import DataOptions

N = 300
REAL = np.random.default_rng(0).normal(size=N)


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


def write(path, kinds, reals=REAL, header="kind,a"):
    rows = [f"{kind},{real}" for kind, real in zip(np.resize(kinds, N), reals, strict=False)]
    path.write_text("\n".join([header, *rows, ""]))
    return str(path)


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["007", "7", "01234"], ("007", "7", "01234")), (["true", "True", "1"], ("1", "True", "true")),
        (["10", "2", "-1", "0", "1"], ("-1", "0", "1", "2", "10")), (["1.0", "2.0", "10"], ("1", "2", "10")),
        (["x", "2", "10"], ("10", "2", "x")), (["1", "0"], ("0", "1")),
    ],
)  # fmt: skip
def test_categories_and_labels_of_a_csv_file_are_its_texts(kinds, names, tmp_path, sources):
    path = write(tmp_path / "t.csv", kinds)
    found = prepare_own(path, DataOptions(categorical=("kind",)), sources).spec
    assert found.columns[0].categories == names
    found = prepare_own(path, DataOptions(label="kind"), sources).spec
    assert (found.class_names or tuple(map(str, range(found.classes)))) == names


@pytest.mark.parametrize("kinds", [[1.5, 2.0, 10.0], [3, 1, 20], ["b", "a"]], ids=["floats", "whole numbers", "texts"])
def test_categories_are_the_same_from_csv_and_parquet(kinds, tmp_path, sources):
    table = pa.table({"kind": np.resize(kinds, N), "a": REAL})
    csv.write_csv(table, tmp_path / "t.csv")
    parquet.write_table(table, tmp_path / "t.parquet")
    options = DataOptions(categorical=("kind",))
    one, other = (prepare_own(str(tmp_path / f"t.{ending}"), options, sources) for ending in ("csv", "parquet"))
    assert one.source == other.source


def test_categories_with_a_decimal_comma(tmp_path, sources):
    rows = "".join(f"{kind};{i},25\n" for i, kind in enumerate(["1,5", "2,50"] * 60))
    (tmp_path / "t.csv").write_text("kind;a\n" + rows)
    options = DataOptions(categorical=("kind",), delimiter=";", decimal=",")
    assert prepare_own(str(tmp_path / "t.csv"), options, sources).spec.columns[0].categories == ("1.5", "2.5")


def test_splits_whose_categories_look_like_other_types_agree(tmp_path, sources):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set" / "train.csv", ["a", "1", "2.0", "true"])
    write(tmp_path / "set" / "valid.csv", ["1"])
    write(tmp_path / "set" / "test.csv", ["true"])
    for options in (DataOptions(categorical=("kind",)), DataOptions(label="kind")):
        assert len(prepare_own(str(tmp_path / "set"), options, sources).test) == N
    write(tmp_path / "set" / "train.csv", ["1", "2.0"])
    write(tmp_path / "set" / "test.csv", ["1.0"])
    (tmp_path / "set" / "valid.csv").unlink()
    found = prepare_own(str(tmp_path / "set"), DataOptions(categorical=("kind",)), sources)
    assert found.spec.columns[0].categories == ("1", "2")


def test_a_file_to_be_scored_is_read_with_the_categories_of_the_model(tmp_path, sources):
    options = DataOptions(categorical=("kind",), label="class")
    kinds = [f"{kind},{name}" for kind in ("007", "7") for name in ("1", "x")]
    spec = prepare_own(write(tmp_path / "t.csv", kinds, header="kind,class,a"), options, sources).spec
    path = write(tmp_path / "o.csv", ["007,1"], header="kind,class,a")
    found = ordered_examples(path, DataOptions(label="class"), spec)
    assert spec.columns[0].categories == ("007", "7")
    assert found.x[:, 0].max() == 0
    assert found.labels.max() == 0
    with pytest.raises(TfgenError, match="unknown category '07'"):
        ordered_examples(write(tmp_path / "o.csv", ["07,1"], header="kind,class,a"), DataOptions(label="class"), spec)


def test_a_text_that_the_model_knows_stays_as_it_is(tmp_path, sources):
    for options in (DataOptions(categorical=("kind",)), DataOptions(label="kind")):
        spec = prepare_own(write(tmp_path / "t.csv", ["1.0", "1.50", "x"]), options, sources).spec
        found = ordered_examples(write(tmp_path / "o.csv", ["1.0", "1.50"]), options, spec)
        assert ({*found.labels} if options.label else {*found.x[:, 0]}) == {0, 1}
    spec = prepare_own(write(tmp_path / "t.csv", ["1", "2"]), DataOptions(categorical=("kind",)), sources).spec
    assert {*ordered_examples(write(tmp_path / "o.csv", ["1.0", "2.0"]), DataOptions(), spec).x[:, 0]} == {0, 1}


@pytest.mark.parametrize("typed", ["true", "True", "TRUE"])
def test_bools_of_a_file_to_be_scored_may_be_written_in_several_ways(typed, tmp_path, sources):
    spec = prepare_own(write(tmp_path / "t.csv", ["True", "False"]), DataOptions(), sources).spec
    assert spec.columns[0].categories == ("false", "true")
    assert ordered_examples(write(tmp_path / "o.csv", [typed]), DataOptions(), spec).x[:, 0].min() == 1


def test_contexts_of_a_file_are_read_with_their_categories(tmp_path):
    columns = [Column("kind", "category", ("007", "7"), shift=0.0, scale=1.0)]
    assert read_columns(write_path(tmp_path, ["007"]), columns, DataOptions()).max() == 0
    assert read_columns(write_path(tmp_path, ["7"]), columns, DataOptions()).min() == 1


def write_path(tmp_path, kinds):
    write(tmp_path / "t.csv", kinds)
    return tmp_path / "t.csv"


STEP = 1_700_000_000 + np.arange(N) + 0.5


@pytest.mark.parametrize("form", ["npy", "npz", "array", "split", "context", "frame", "dataset"])
def test_numbers_that_float32_does_not_tell_apart_are_refused(form, tmp_path, sources):
    x = np.stack([REAL, STEP], axis=1)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x)
    data = {
        "array": x, "split": {"train": x, "test": x[:50]}, "context": (x[:, :1], None, x),
        "frame": pd.DataFrame(x, columns=["a", "b"]),
    }  # fmt: skip
    prepare = {
        "dataset": lambda: Dataset("made", DataSpec("vector", (2,)), dict.fromkeys(SPLITS, Split(x))),
        "npy": lambda: prepare_own(str(tmp_path / "a.npy"), DataOptions(), sources),
        "npz": lambda: prepare_own(str(tmp_path / "a.npz"), DataOptions(), sources),
    }.get(form, lambda: prepared_name(data[form], DataOptions(), sources))
    with pytest.raises(DataError, match=r"column (1 \(counted from 0\)|'b') varies by 86.6 around 1.7e\+09"):
        prepare()


def test_a_short_split_that_varies_by_little_is_no_fault(tmp_path, sources):
    x = np.stack([REAL, REAL * 1e4], axis=1)
    close = np.array([[0.5, 1e4], [0.6, 1e4 + 1e-9]] * 3)
    assert prepared_name({"train": x, "test": close}, DataOptions(), sources)
    frames = {name: pd.DataFrame(part, columns=["a", "b"]) for name, part in (("train", x), ("test", close))}
    name = prepared_name(frames, DataOptions(), sources)
    np.save(tmp_path / "o.npy", close)
    spec = kept_own(name, sources).spec
    assert len(ordered_examples(str(tmp_path / "o.npy"), DataOptions(), spec).x) == 6


def test_treatments_in_vain_are_refused(tmp_path, sources):
    path = write(tmp_path / "t.csv", ["True", "False"], header="kind,a")
    for options, says in (
        ({"columns": ("kind",), "bounds": ("a:0,1",)}, "column 'a' .* has no treatment"),
        ({"columns": ("kind",), "heavy_tails": ("a",)}, "column 'a' .* has no treatment"),
        ({"columns": ("a",), "categorical": ("kind",)}, "column 'kind' .* has no treatment"),
        ({"heavy_tails": ("kind",)}, "column 'kind' is of categories, which have no --heavy-tails"),
        ({"bounds": ("kind:0,1",)}, "column 'kind' is of categories, which have no --bounds"),
    ):
        with pytest.raises(DataError, match=says):
            prepare_own(path, DataOptions(**options), sources)
    assert prepare_own(path, DataOptions(heavy_tails=("all",)), sources)


@pytest.mark.parametrize("options", [{"bounds": ("a:0,1", "a:0,2")}, {"delimiter": "é"}, {"delimiter": '"'},
                                     {"split_seed": 10**60}, {"split_seed": -(10**60)}])  # fmt: skip
def test_options_without_meaning_are_refused(options):
    with pytest.raises(TfgenError, match=r"twice|one ASCII character|at most 64 bits"):
        DataOptions(**options)


def test_blank_lines_of_one_column_are_missing_values(tmp_path, sources):
    (tmp_path / "t.csv").write_text("a\n" + "".join(f"{x}\n" for x in REAL) + "\n\n")
    found = prepare_own(str(tmp_path / "t.csv"), DataOptions(), sources)
    assert sum(map(len, found.splits.values())) == N
    (tmp_path / "t.csv").write_text("a\n" + "".join(f"{x}\n" for x in [1.5, "", *REAL]))
    with pytest.raises(DataError, match=r"row 1 .* has no value in column 'a'"):
        prepare_own(str(tmp_path / "t.csv"), DataOptions(), sources)


def test_files_beside_the_tables_of_splits_are_named(tmp_path, sources):
    write(tmp_path / "train.csv", ["1.5"], header="b,a")
    write(tmp_path / "val.csv", REAL, header="b,a")
    write(tmp_path / "train.csv", REAL, header="b,a")
    assert len(prepare_own(str(tmp_path), DataOptions(), sources).valid) == N
    write(tmp_path / "testing.csv", REAL, header="b,a")
    with pytest.raises(DataError, match=r"testing\.csv beside train\.csv, val\.csv; .* rename it, or take it out"):
        prepare_own(str(tmp_path), DataOptions(), sources)
    (tmp_path / "testing.csv").rename(tmp_path / "valid.csv")
    with pytest.raises(DataError, match=r"val\.csv and valid\.csv; keep one of them"):
        prepare_own(str(tmp_path), DataOptions(), sources)


class LazyFrame:
    """Looks like one of Polars that breaks."""

    __module__ = "polars.lazyframe"

    def collect(self):
        raise pl.exceptions.PanicException("it broke")


LATIN = pa.Array.from_buffers(
    pa.string(), N, [None, pa.py_buffer(np.arange(N + 1, dtype=np.int32)), pa.py_buffer(b"\xe9" * N)]
)
STRANGE = {
    "no UTF-8": (pa.table({"a": REAL, "k": LATIN}), "column 'k' is damaged .*Invalid UTF8.*save it as UTF-8"),
    "far years": (
        pa.table({"a": REAL, "k": pa.array(np.arange(N) % 2 + 253402300800, pa.timestamp("s"))}),
        "column 'k' has a value that Python cannot hold",
    ),
    "periods": (pd.DataFrame({"a": REAL, "k": pd.period_range("2020", periods=N)}), "'k' is of type extension"),
    "beyond 64 bits": (pd.DataFrame({"a": REAL, "k": [2**70] * N}), "fit into 64 bits .*too large"),
    "surrogates": (pd.DataFrame({"a": REAL, "k": ["\udce9"] * N}, dtype=object), "fit into 64 bits and UTF-8: .*"),
    "surrogate in a name": (
        pd.DataFrame(np.ones((N, 2)), columns=pd.Index(["\udce9", "k"], dtype=object)),
        "fit into 64 bits and UTF-8",
    ),
    "128 bits": (pl.DataFrame({"a": REAL, "k": pl.Series(range(N), dtype=pl.Int128)}), "type that Arrow does not have"),
    "lazy": (pl.LazyFrame({"a": REAL}).select("b"), "the lazy frame cannot be computed: unable to find column"),
    "lazy, with a panic": (
        LazyFrame(),
        "the lazy frame cannot be computed: it broke",
    ),
    "no columns": (pd.DataFrame(index=range(N)), "the frame has no columns"),
    "no columns of Polars": (pl.DataFrame(), "the frame has no columns"),
    "no columns of Arrow": (pa.table({}), "the frame has no columns"),
    "an empty name": (pd.DataFrame({"": REAL, "k": REAL}), "column 0 .* has no name in the header"),
    "NUL in a name": (pd.DataFrame({"a\0": REAL, "k": REAL}), "rename the column"),
}


@pytest.mark.parametrize("role", ["categorical", "label"])
@pytest.mark.parametrize("case", STRANGE)
def test_columns_of_strange_types_get_one_line(case, role, sources):
    frame, says = STRANGE[case]
    options = DataOptions(**{role: ("k",) if role == "categorical" else "k"})
    with pytest.raises(TfgenError) as told:
        prepared_name(frame, options, sources)
    assert "\n" not in str(told.value)
    str(told.value).encode()
    if role == "categorical":
        told.match(says)


def test_a_csv_file_in_latin_1_says_so(tmp_path, sources):
    (tmp_path / "t.csv").write_bytes(b"k,a\n" + b"".join(b"caf\xe9,%d.5\n" % i for i in range(99)))
    with pytest.raises(DataError, match=r"t\.csv is not encoded as UTF-8; save it as UTF-8"):
        prepare_own(str(tmp_path / "t.csv"), DataOptions(categorical=("k",)), sources)
    with pytest.raises(DataError, match=r"column 'k' is of bytes .* save a CSV file as UTF-8"):
        prepare_own(str(tmp_path / "t.csv"), DataOptions(), sources)
    assert prepare_own(str(tmp_path / "t.csv"), DataOptions(ignore=("k",)), sources)


def test_free_text_is_no_label(tmp_path, sources):
    table = pa.table({"a": REAL, "k": ["word " * 50] * N})
    with pytest.raises(DataError, match=r"column 'k': a label has 250 characters .*name another column"):
        prepared_name(table, DataOptions(label="k"), sources)


def test_columns_of_a_frame_may_be_numbers(tmp_path, sources):
    frame = pd.DataFrame(np.stack([REAL, REAL**2], axis=1))
    found = kept_own(prepared_name(frame, DataOptions(), sources), sources)
    assert found.spec.column_names == ("0", "1")
    frame.columns = ["0", "1"]
    frame.to_parquet(tmp_path / "t.parquet")
    assert prepare_own(str(tmp_path / "t.parquet"), DataOptions(), sources).source == found.source


def test_a_delimiter_within_quotes_is_none(tmp_path, sources):
    (tmp_path / "t.csv").write_text('"a;b"\n' + "".join(f"{x}\n" for x in REAL))
    assert prepare_own(str(tmp_path / "t.csv"), DataOptions(), sources).spec.column_names == ("a;b",)


def test_labels_of_categories_and_fractions():
    table = pa.table({"a": REAL, "k": pa.array(["b", "a", "c"] * (N // 3)).dictionary_encode()})
    assert {*raw_of_memory(table, DataOptions(label="k")).labels[None]} == {"a", "b", "c"}
    for kind in (pa.string_view(), pa.large_string()):
        views = pa.table({"a": REAL, "k": pa.array(["b", "a", "c"] * (N // 3), kind)})
        assert {*raw_of_memory(views, DataOptions(label="k")).labels[None]} == {"a", "b", "c"}
    with pytest.raises(DataError, match="column 'k' holds fractions"):
        raw_of_memory(pa.table({"a": REAL, "k": np.where(np.arange(N) == 7, np.inf, 1.0)}), DataOptions(label="k"))
