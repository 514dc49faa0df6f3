"""The command line of the suite: what it measures, where it writes, and every mistake in a line."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.made_rows import made_result, made_row
from tfgen.cli.main import main
from tfgen.cli.parsing import parse
from tfgen.errors import OptionError, OutputError, UnknownNameError
from tfgen.plugin.loading import load_registry
from tfgen_benchmarks import command, record
from tfgen_benchmarks.datasheet import datasheet
from tfgen_benchmarks.options import Options, variant, variants

TINY = ["nice:units=8,layers=2,depth=1", "--side", "4", "--batch-sizes", "2", "--rounds", "2", "--seconds", "0.01"]
LEAST = ["--chunk-steps", "2", "--train-batch", "8", "--growth-batch", "2", "--ways", "graph", "--modes", "graph"]


@pytest.fixture(scope="module")
def registry():
    return load_registry([])


def test_one_model_through_every_part(tmp_path, monkeypatch, capsys):
    """One test, since it starts real processes, which load TensorFlow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfgen_benchmarks.axes.SIDES", (2, 4, 6))
    parts = ["--parts", "sampling", "training", "growth", "directions"]
    assert main(["bench", *TINY, *LEAST, *parts]) == 0
    printed = capsys.readouterr().out
    assert "written  bench (results.json, results.md, throughput.png, growth.png)" in printed
    result = record.read(tmp_path / "bench/results.json")
    assert [row.reason for row in result.rows] == [None] * len(result.rows)
    found = {(row.part, row.work, row.way, tuple(row.sizes)) for row in result.rows}
    assert found == {
        ("sampling", "sample", "graph", ()),
        ("training", "train", "graph", ()),
        ("growth", "sample", "graph", ("side",)),
        ("growth", "sample", "graph", ("layers",)),
        ("growth", "sample", "graph", ("units",)),
        ("directions", "decode", "graph", ()),
        ("directions", "encode", "graph", ()),
    }
    for row in result.rows:
        assert len(row.seconds) == len(row.ceilings["products"]) == len(row.ceilings["memory"]) == 2
        assert row.parameters > 0
        assert row.multiply_adds_each > 0
        assert row.bytes > 0
        assert row.peak_bytes > 1e8  # TensorFlow alone holds more
    one = next(row for row in result.rows if row.part == "sampling")
    assert one.multiply_adds_each == 2 * (8 * 8 + 8 * 8)  # two couplings; of 16 pixels, half go in and half come out
    assert result.command == f"tfgen bench {' '.join([*TINY, *LEAST, *parts])}"
    assert result.machine["versions"]["tensorflow"]
    assert result.calibration["slept_ms"] == 20
    assert "a large matrix product: " in printed
    assert "clock: a model that sleeps for 20 ms was timed at" in printed
    assert (tmp_path / "bench/results.md").read_text().startswith("# Benchmarks")
    # Compared with itself nothing is slower, and the exit code says so.
    assert main(["bench", "compare", "bench/results.json", "bench/results.json", "--json", "same.json"]) == 0
    assert json.loads((tmp_path / "same.json").read_text())["verdicts"]["slower"] == 0


def test_compare_ends_with_one_when_something_is_slower(tmp_path, capsys):
    fast, slow = made_result(rows=[made_row()]), made_result(rows=[made_row(rates=(50.0, 55.0, 45.0))])
    for name, result in (("fast", fast), ("slow", slow)):
        record.write(tmp_path / f"{name}.json", result)
    paths = [str(tmp_path / "fast.json"), str(tmp_path / "slow.json")]
    with pytest.raises(SystemExit) as stop:
        main(["bench", "compare", *paths])
    assert stop.value.code == 1
    assert "slower" in capsys.readouterr().out
    assert main(["bench", "compare", *paths[::-1]]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["relnvp"], "unknown model 'relnvp'; did you mean 'realnvp'?"),
        (["realnvp:unit=3"], "unknown option '--unit'"),
        (["realnvp:units"], "expected OPTION=VALUE behind the colon, got 'units'"),
        (["realnvp:units=many"], "--units must be a whole number"),
        (["realnvp:units=0"], "--units must be at least 1, got 0"),
        (["realnvp", "realnvp"], "a model is named twice"),
        (["--device", "tpu"], "--device"),
        (["--batch-sizes", "0"], "--batch-sizes must be different numbers of at least 1, got 0"),
        (["--batch-sizes", "4", "4"], "--batch-sizes must be different numbers"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--runs", "nowhere"], "nowhere"),
        (["--out", "results.json"], "name a folder"),
        (["--side", "1"], "--side must be at least 2"),
        (["compare", "old.json"], "NEW"),
        (["compare", "old.json", "new.json"], "old.json is missing"),
        (["compare", "bad.json", "bad.json"], "bad.json is damaged"),
    ],
)
def test_mistakes_are_a_line_before_anything_is_measured(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    monkeypatch.setattr(command, "_measure", lambda *_: pytest.fail("it measures"))
    assert main(["bench", *arguments]) == 2
    error_text = capsys.readouterr().err
    assert message in error_text
    assert len([line for line in error_text.splitlines() if line.startswith("tfgen:")]) == 1


def test_no_gpu_is_said_in_a_line(tmp_path, monkeypatch, capsys):
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU here")
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "nice", "--device", "gpu"]) == 2
    assert "tfgen: --device gpu: TensorFlow sees no GPU here" in capsys.readouterr().err


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("dear diary")
    with pytest.raises(OutputError, match="holds something else"):
        command._folder(Path("notes"), overwrite=False)
    assert command._folder(None, overwrite=False) == Path("bench")
    assert command._folder(None, overwrite=False) == Path("bench-2")
    (tmp_path / "bench/results.json").write_text("{}")
    with pytest.raises(OutputError, match="add --overwrite to replace it"):
        command._folder(Path("bench"), overwrite=False)
    assert command._folder(Path("bench"), overwrite=True) == Path("bench")


def test_quick_sets_defaults_and_gives_way_to_what_is_asked_for():
    quick = parse(Options, ["--quick", "--rounds", "4"], "bench", "", Options.short())
    assert quick.rounds == 4
    assert quick.batch_sizes == Options.short().batch_sizes != Options().batch_sizes


def test_variants_are_the_models_asked_for(registry):
    found = variants(Options(models=("realnvp:units=8,mask=half+random", "vae")), registry)
    assert [one.name for one in found] == ["realnvp:units=8,mask=half+random", "vae"]
    assert found[0].options["units"] == 8
    assert found[0].options["mask"] == ["half", "random"]  # as the worker reads it from JSON
    assert [one.model for one in variants(Options(), registry)] == list(registry.models)
    assert [one.name for one in variants(Options(), registry, ("vae",))] == ["vae"]


def test_a_trained_run_is_measured_by_its_folder(tiny_run, registry):
    found = variants(Options(runs=(tiny_run,)), registry)
    assert [(one.name, one.model) for one in found] == [(tiny_run.name, None)]


def test_options_of_a_variant_are_checked(registry):
    with pytest.raises(UnknownNameError):
        variant("vae:laten=3", registry)
    with pytest.raises(OptionError):
        variant("vae:network=transformer", registry)


def test_where_this_machine_keeps_things_is_not_recorded():
    assert command._without_folders(["vae", "--out", "/home/me/results", "--quick"]) == [
        "vae",
        "--out",
        "results",
        "--quick",
    ]
    content = dataclasses.asdict(Options(runs=(Path("/home/me/runs/one"),)))
    assert "home" not in json.dumps(command._plain(content))


def test_a_datasheet_is_two_full_vectors_a_cycle_and_core(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("bogomips\t: 5000.00\nflags\t\t: sse fma avx avx2 avx512f\n")
    assert datasheet(cpuinfo, cores=4)["multiply_adds"] == 4 * 2.5e9 * 2 * 16
    cpuinfo.write_text("bogomips\t: 5000.00\nflags\t\t: sse fma avx avx2\n")
    assert datasheet(cpuinfo, cores=1)["multiply_adds"] == 2.5e9 * 2 * 8
    cpuinfo.write_text("Features : neon\n")
    assert datasheet(cpuinfo) is None
    assert datasheet(tmp_path / "absent") is None


def test_ceilings_that_cannot_be_believed_are_told():
    sheet = {"multiply_adds": 1e11}
    fine = made_result(rows=[made_row(products=(9e10,) * 3)], datasheet=sheet, calibration={"off_percent": 1.0})
    assert command._doubts(fine) == []
    wrong = made_result(rows=[made_row(products=(9e11,) * 3)], datasheet=sheet, calibration={"off_percent": 9.0})
    assert ["not to be believed" in line or "9 % off" in line for line in command._doubts(wrong)] == [True, True]
