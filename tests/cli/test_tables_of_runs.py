"""Tables from the command line: a run, its samples as a table, contexts, scores, other data and missing values."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

import tfgen
from tests.people_table import people
from tfgen.cli.main import main
from tfgen.cli.next_steps import next_commands

SMALL = ["--layers", "2", "--units", "8", "--epochs", "1", "--compile", "graph", "--no-pictures", "--batch-size", "64"]
COLUMNS = ["--categorical", "sex", "--bounds", "share:0,1", "--heavy-tails", "income"]


def _table(n=400):
    # f and m change places, so that the most frequent category is not the first one.
    found = people(n).select(["age", "income", "share", "sex"])
    return found.set_column(3, "sex", [["m" if sex == "f" else "f" for sex in found["sex"].to_pylist()]])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a table, a run on it, and a run on two of its columns given the others."""
    place = tmp_path_factory.mktemp("tables")
    arrow_csv.write_csv(_table(), place / "people.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("TFDS_DATA_DIR", str(place / "kept"))
        assert main(["run", "spline_flow", "--data", "people.csv", *COLUMNS, *SMALL, "--name", "people"]) == 0
        given = [
            "--columns",
            "income",
            "age",
            "--context",
            "share",
            "sex",
            "--categorical",
            "sex",
            "--heavy-tails",
            "all",
        ]
        assert main(["run", "conditional_realnvp", "--data", "people.csv", *given, *SMALL, "--name", "given"]) == 0
    return place


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("TFDS_DATA_DIR", str(place / "kept"))
    return place


def _rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def test_a_run_keeps_its_columns_and_needs_no_data_to_sample(here):
    recorded = json.loads((here / "runs/people/config.json").read_text())["data_spec"]["columns"]
    assert [entry["name"] for entry in recorded] == ["age", "income", "share", "sex"]
    run = tfgen.load("runs/people")
    assert run.data_spec == run.data.spec
    assert run.results["test"]["nll_nats"]["basis"]["columns"].startswith("standardised, 2 of 4 dequantised")
    assert next_commands(run)[0] == "tfgen sample runs/people --count 1000 --out samples.csv"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_samples_as_a_table_have_names_and_types(here, ending):
    assert main(["sample", "runs/people", "--count", "450", "--out", f"x.{ending}", "--overwrite"]) == 0
    table = arrow_csv.read_csv(here / "x.csv") if ending == "csv" else parquet.read_table(here / "x.parquet")
    assert table.column_names == ["age", "income", "share", "sex"]
    assert table.num_rows == 450
    assert pa.types.is_integer(table.schema.field("age").type)
    assert {*table.column("sex").to_pylist()} <= {"f", "m"}
    assert 0 <= min(table.column("share").to_pylist()) <= max(table.column("share").to_pylist()) <= 1


def test_samples_are_drawn_for_a_context_and_for_those_of_a_file(here, capsys):
    assert (
        main(["sample", "runs/given", "--count", "3", "--context", "0.25", "1", "--out", "a.csv", "--overwrite"]) == 0
    )
    assert [(row["share"], row["sex"]) for row in _rows(here / "a.csv")] == [("0.25", "m")] * 3
    (here / "c.csv").write_text("sex,share\nf,0.5\nm,0.75\n")
    options = ["--count", "3", "--context-file", "c.csv", "--out", "b.csv", "--overwrite"]
    assert main(["sample", "runs/given", *options]) == 0
    assert [(row["share"], row["sex"]) for row in _rows(here / "b.csv")] == [("0.5", "f"), ("0.75", "m"), ("0.5", "f")]
    capsys.readouterr()
    assert main(["sample", "runs/given", "--count", "3", "--out", "d.npz", "--overwrite"]) == 0
    # The second category is the most frequent one of this training split, so that the first would be told from it.
    note = "note: samples are drawn at the most frequent category of the context, sex m"
    assert f"{note}; choose with --context or --context-file" in capsys.readouterr().err
    with np.load(here / "d.npz") as found:
        assert sorted(found) == ["context", "x"]
        assert found["context"][:, 1].tolist() == [1, 1, 1]
    drawn = {"neighbours.png": ["--samples", "20"], "interpolate.npz": ["--samples"]}
    for name, options in drawn.items():
        command = [name.partition(".")[0], "runs/given", *options, "--out", name, "--overwrite"]
        assert main(command) == 0
        assert note in capsys.readouterr().err
    with np.load(here / "interpolate.npz") as found:
        assert (found["labels"][:, 1] == 1).all()
    assert main(["interpolate", "runs/given", "--out", "ends.npz", "--overwrite"]) == 0
    assert note not in capsys.readouterr().err  # the ends are test examples with contexts of their own


def test_a_run_whose_config_has_no_modes_samples_at_the_first_category(here, tmp_path, capsys):
    shutil.copytree(here / "runs/given", tmp_path / "earlier")
    config = json.loads((tmp_path / "earlier/config.json").read_text())
    assert [column.pop("mode", None) for column in config["data_spec"]["context"]] == [None, 1]
    (tmp_path / "earlier/config.json").write_text(json.dumps(config))
    assert main(["sample", str(tmp_path / "earlier"), "--count", "2", "--out", str(tmp_path / "x.npz")]) == 0
    assert "note: samples are drawn at the first category of the context, sex f;" in capsys.readouterr().err
    with np.load(tmp_path / "x.npz") as found:
        assert found["context"][:, 1].tolist() == [0, 0]


def test_python_samples_for_contexts(here):
    run = tfgen.load("runs/given")
    first = tfgen.generate(run, context=[[0.2, 0], [0.8, 1]])
    assert first.shape == (2, 2)
    assert not np.array_equal(first, tfgen.generate(run, context=[[0.9, 0], [0.8, 1]]))
    with pytest.raises(tfgen.DataError, match="a context of 2 numbers is needed"):
        tfgen.generate(run)


BAD = {
    "a width": (["sample", "runs/given", "--context", "0.3"], "the context is 2 numbers (share, sex); got 1"),
    "labels": (["sample", "runs/given", "--labels", "1"], "takes no labels"),
    "both": (["sample", "runs/given", "--context", "1", "1", "--context-file", "c.csv"], "cannot be given together"),
    "no category": (["sample", "runs/given", "--context", "0.3", "x"], "sex cannot be 'x'; its categories are f, m"),
    "a category number": (["sample", "runs/given", "--context", "0.3", "7"], "column 'sex' is 7, outside 0 .. 1"),
    "no value": (["sample", "runs/given", "--context-file", "gap.csv"], "no value in column 'share'"),
    "a fraction": (["impute", "runs/people", "fraction.csv"], "column 'age' is 40.5, and the column is of whole numbers"),
    "outside bounds": (["impute", "runs/people", "outside.csv"], "column 'share' is 5, outside 0 .. 1"),
    "no context": (["sample", "runs/people", "--context", "1"], "takes no context; leave --context out"),
    "no file": (["sample", "runs/given", "--context-file", "none.csv"], "none.csv cannot be read"),
    "a picture of images": (["classify", "runs/given"], "is given a context of numbers"),
    "latent": (["latent", "runs/given"], "is given a context of numbers"),
    "a lost column": (["score", "runs/given", "less.csv"], "lacks the columns share, sex of the model's data"),
    "an unknown category": (["score", "runs/people", "strange.csv"], "unknown category 'x'"),
    "another shape": (["evaluate", "runs/people", "--data", "two_gaussians"], "the model takes vectors of floats [batch, 4]"),
    "samples of other data": (["evaluate", "runs/people", "--data", "people.csv", "--samples", "10"], "leave --samples"),
    "training": (["evaluate", "runs/people", "--data", "people.csv", "--split", "train"], "the split train stays"),
    "a background": (
        ["score", "runs/people", "test", "--against", "valid", "--background", "runs/given"], "takes vectors of floats"
    ),
    "a bound": (["impute", "runs/people", "less.csv"], "lacks the column 'share'"),
    "an ending": (["impute", "runs/people", "people.csv", "--out", "x.npz"], "must end in .csv or .parquet"),
    "background alone": (["score", "runs/people", "test", "--background", "runs/people"], "add --against OTHER"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(case, here, capsys):
    (here / "less.csv").write_text("age,income\n40,20000.5\n41,30000.5\n")
    (here / "strange.csv").write_text("age,income,share,sex\n40,20000.5,0.5,x\n")
    (here / "gap.csv").write_text("sex,share\nf,0.5\nm,\n")
    (here / "fraction.csv").write_text("age,income,share,sex\n40.5,,0.5,m\n41.5,2.5,0.5,m\n")
    (here / "outside.csv").write_text("age,income,share,sex\n40,,5,m\n")
    arguments, why = BAD[case]
    assert main(arguments) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfgen:")]
    assert len(told) == 1
    assert why in told[0]


def test_other_rows_are_evaluated_and_nothing_is_recorded(here, capsys):
    arrow_csv.write_csv(_table().slice(0, 100), here / "others.csv")
    before = (here / "runs/people/results.json").read_bytes()
    assert main(["evaluate", "runs/people", "--data", "others.csv"]) == 0
    assert "examples 100" in capsys.readouterr().out
    assert (here / "runs/people/results.json").read_bytes() == before
    assert main(["score", "runs/people", "others.csv", "--out", "s.csv", "--overwrite"]) == 0
    mean = np.mean([float(row["log_likelihood"]) for row in _rows(here / "s.csv")])
    found = tfgen.load("runs/people")
    from tfgen.runs.other_data import other_data

    metric = found.evaluate(data=other_data(found, "others.csv"))["nll_nats"]
    assert mean == pytest.approx(-metric.value, rel=1e-5)


def test_given_rows_are_evaluated_with_their_own_context(here, capsys):
    arrow_csv.write_csv(_table().slice(0, 50), here / "others.csv")
    assert main(["evaluate", "runs/given", "--data", "others.csv"]) == 0
    assert "given context" in capsys.readouterr().out


def test_missing_values_are_filled_in_and_others_stay(here, capsys):
    whole = _table().slice(0, 12)
    rows = [dict(row, note=f"n{number}") for number, row in enumerate(whole.to_pylist())]
    for row, name in zip(rows, ["age", "income", "share", "sex"] * 2, strict=False):
        row[name] = None
    arrow_csv.write_csv(pa.Table.from_pylist(rows), here / "holes.csv")
    options = ["--draws", "2", "--proposals", "200", "--out", "full.csv", "--overwrite"]
    assert main(["impute", "runs/people", "holes.csv", *options]) == 0
    out = capsys.readouterr().out
    assert "8 values of 8 rows" in out
    assert "effective sample size" in out
    found = _rows(here / "full.csv")
    assert [*found[0]] == ["age", "income", "share", "sex", "note", "draw", "ess"]
    assert [row["draw"] for row in found] == ["0"] * 12 + ["1"] * 12
    for row, before in zip(found, rows * 2, strict=True):
        assert row["note"] == before["note"]
        assert float(row["age"]).is_integer()
        assert row["sex"] in ("f", "m")
        assert 0 <= float(row["share"]) <= 1
        if before["income"] is not None:
            assert float(row["income"]) == pytest.approx(before["income"], rel=1e-12)


def test_a_run_on_a_german_table_reads_what_it_writes(here):
    rows = [f"{age};{income:.2f};{share:.4f};{number:05d}" for number, (age, income, share) in enumerate(
        zip(*(people(300).column(name).to_pylist() for name in ("age", "income", "share")), strict=True)
    )]  # fmt: skip
    text = "\n".join(["age;income;share;zip", *rows]).replace(".", ",")
    (here / "german.csv").write_text(text + "\n")
    form = ["--delimiter", ";", "--decimal", ",", "--ignore", "zip"]
    assert main(["run", "realnvp", "--data", "german.csv", *form, *SMALL, "--name", "german"]) == 0
    (here / "gap.csv").write_text("age;income;share;zip\n;20000,5;0,25;01234\n40;;0,5;NA\n")
    assert main(["impute", "runs/german", "gap.csv", "--proposals", "50", "--out", "full.csv", "--overwrite"]) == 0
    assert [line.split(";")[3] for line in (here / "full.csv").read_text().splitlines()] == ["zip", "01234", "NA"]
    assert main(["sample", "runs/german", "--count", "3", "--out", "drawn.csv", "--overwrite"]) == 0
    for name in ("full.csv", "drawn.csv"):
        assert main(["score", "runs/german", name, "--out", "s.csv", "--overwrite"]) == 0


def test_a_background_model_and_complexity_tell_images_apart(tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("noise.npz", x=np.random.default_rng(0).integers(0, 17, (200, 8, 8)).astype(np.uint8), levels=17)
    options = ["test", "--against", "noise.npz", "--background", str(tiny_run), "--out", "s.csv"]
    assert main(["score", str(tiny_run), *options]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("auroc")]
    kinds = [line.split(" by ")[1].partition(",")[0] for line in lines]
    assert kinds == ["likelihood", "typicality", "likelihood ratio", "complexity"]
    ratio = next(line for line in lines if "ratio" in line)
    assert ratio.startswith("auroc     0.5000 ± 0 ")  # both terms have the same noise, so that the ratio is 0


@pytest.mark.parametrize("change", [{"scale": 99.0}, {"kind": "real"}, {"name": "years"}], ids=str)
def test_columns_that_do_not_fit_the_checkpoint_are_refused(change, here, tmp_path, capsys):
    shutil.copytree(here / "runs/people", tmp_path / "copy")
    path = tmp_path / "copy/config.json"
    config = json.loads(path.read_text())
    config["data_spec"]["columns"][0] |= change
    path.write_text(json.dumps(config))
    assert main(["sample", str(tmp_path / "copy"), "--count", "3", "--out", str(tmp_path / "x.csv")]) == 2
    assert "is of other columns or another context" in capsys.readouterr().err
