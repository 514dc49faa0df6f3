"""The benchmark's structure and bookkeeping; never how long anything took."""

import contextlib
import dataclasses
import importlib
import io
import json
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest

from tfgen.errors import OptionError, TfgenError

ROOT = Path(__file__).parents[2]
# All but tf.function-xla, which differs from tf.function by one argument: XLA takes seconds for each of its programs.
WAYS = ["tf.function", "keras-fit", "keras-fit-xla", "graph", "xla-step", "xla-loop", "stream"]
MODEL = ["--data", "digits", "--units", "16", "--layers", "1", "--depth", "1"]
TINY = [*MODEL, "--chunk-steps", "2", "--steps", "4", "--repeats", "2", "--ways", *WAYS]
STEPS = 2 + 3 * (2 + 4)


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.training_loop")


@pytest.fixture(scope="module")
def loops(bench):
    return importlib.import_module("tfgen_benchmarks.loops")


@pytest.fixture(scope="module")
def rivals(bench):
    return importlib.import_module("benchmarks.loops")


@pytest.fixture
def task(bench):
    return bench.make_task(*bench.parse(TINY))


@pytest.mark.slow
def test_one_run_of_all_ways(bench, tmp_path):
    """One test, so that the run, which compiles for seconds, is made by one worker alone."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert bench.main([*TINY, "--json", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    every_way_is_timed_in_every_round(content)
    all_ways_do_the_same_work(content)
    training_set_lies_on_the_device_once_as_stored(content)
    auto_is_asked_and_held_against_the_rounds(printed.getvalue(), content)
    output_says_what_was_measured_and_on_what(printed.getvalue(), content)


def every_way_is_timed_in_every_round(content):
    assert [way["name"] for way in content["ways"]] == WAYS
    for way in content["ways"]:
        assert way["left_out"] is None
        assert len(way["ms_per_step"]) == len(way["times_as_fast"]) == 2
        assert min(way["ms_per_step"]) > 0
    first = content["ways"][0]["ms_per_step"]
    for way in content["ways"]:
        assert way["times_as_fast"] == [a / b for a, b in zip(first, way["ms_per_step"], strict=True)]


def all_ways_do_the_same_work(content):
    assert {way["steps"] for way in content["ways"]} == {content["plan"]["total_steps"]} == {STEPS}
    starts = [way["first_loss"] for way in content["ways"]]
    ends = [way["last_loss"] for way in content["ways"]]
    np.testing.assert_allclose(starts, starts[0], rtol=1e-6)
    assert max(ends) < 0.98 * starts[0]
    assert content["agreement"]["same_order"] < 1e-3
    assert content["agreement"]["all"] < 0.05


def training_set_lies_on_the_device_once_as_stored(content):
    data = {way["name"]: way["data"] for way in content["ways"]}
    for mode in ("graph", "xla-step", "xla-loop"):
        assert data[mode]["dtype"] == "uint8"
        assert data[mode]["examples"] == content["train_bytes"] == content["data"]["train_examples"] * 64
    assert data["stream"] is None
    assert data["tf.function"] is None


def auto_is_asked_and_held_against_the_rounds(printed, content):
    auto = content["auto"]
    medians = {way["name"]: statistics.median(way["ms_per_step"]) for way in content["ways"]}
    modes = ("graph", "xla-step", "xla-loop")
    assert list(auto["found"]) == list(modes)
    assert auto["mode"] == min(modes, key=lambda mode: auto["found"][mode])
    assert auto["fastest"] == min(modes, key=medians.get)
    assert auto["times_fastest"] == medians[auto["mode"]] / medians[auto["fastest"]]
    assert f"tfgen --compile auto takes {auto['mode']}, found in {auto['seconds']:.1f} s" in printed


def output_says_what_was_measured_and_on_what(printed, content):
    for words in (
        "tfgen --compile xla-loop",
        "keras.Model.fit",
        "tfgen --feed stream --compile",
        "compile s",
        "--units 16",
    ):
        assert words in printed
    assert content["machine"]["cpu"] in printed
    assert content["machine"]["versions"]["tensorflow"] in printed
    assert content["machine"]["cores"] >= 1
    assert content["options"]["units"] == 16
    assert content["training"]["batch_size"] == 128
    assert content["command"].startswith("python benchmarks/training_loop.py --data digits")


def test_plain_step_learns_exactly_what_tfgens_step_learns(loops, rivals, task):
    """On the same batches in the same order: the rivals are given the same work, not something like it."""
    plain, ours = rivals.PerStep(task, jit=False), loops.Chunks(task, "graph", stream=False)
    train = task.data.train
    for chunk in loops.equal_chunks(ours._schedule, 2):
        if chunk.last > 6:
            break
        for indices in chunk.indices:
            plain._step(train.x[indices], train.labels[indices])
    ours.run(6)
    weights = [[weight.numpy() for weight in loop.objectives[0].weights] for loop in (plain, ours)]
    for of_plain, of_ours in zip(*weights, strict=True):
        np.testing.assert_allclose(of_plain, of_ours, rtol=1e-5, atol=1e-6)
    assert plain.steps_done == ours.steps_done == 6


def test_a_glance_changes_nothing(loops, task):
    loop = loops.Chunks(task, "graph", stream=False)
    before = [weight.numpy() for weight in loop.objectives[0].weights]
    assert loop.glance() > 0
    assert loop.steps_done == 0
    for weight, value in zip(loop.objectives[0].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_equal_chunks_keep_the_order_of_the_schedule(loops):
    schedule = loops.Schedule(examples=10, batch_size=2, epochs=3, chunk_steps=100, seed=0)
    chunks = list(loops.equal_chunks(schedule, 4))
    assert [(chunk.first, chunk.last) for chunk in chunks] == [(0, 4), (4, 8), (8, 12)]
    planned = np.concatenate([schedule.order(epoch) for epoch in range(3)])
    np.testing.assert_array_equal(np.concatenate([chunk.indices for chunk in chunks]), planned[:12])


def test_a_hopeless_mode_is_left_out_and_the_rest_go_on(bench, loops, task, monkeypatch):
    options = dataclasses.replace(bench.parse(TINY)[0], ways=("graph", "xla-step", "stream"), repeats=1)
    glances = iter([0.001, 1000.0, 0.001])
    monkeypatch.setattr(loops.Chunks, "glance", lambda self: next(glances))
    graph, step, stream = bench.measure(options, task, report=lambda line: None)
    assert "1000000 ms a step" in step.left_out
    assert step.ms_per_step == []
    assert graph.left_out is stream.left_out is None
    assert stream.description.endswith("--compile graph")
    headings, rows = bench.table([graph, step, stream])
    assert {len(row) for row in rows} == {len(headings)}


@pytest.mark.parametrize(
    ("mode", "times_fastest", "says"),
    [
        ("graph", 1.0, "1.00 times the time of the fastest mode, graph"),
        ("xla-step", 1.1, "1.10 times"),
        ("xla-loop", 3.0, "WARNING: auto took xla-loop, and graph is faster"),
        ("stream", None, "WARNING: auto took stream, and graph is faster"),  # no rounds of it
    ],
)
def test_a_choice_of_auto_that_the_rounds_do_not_bear_out_is_said(bench, mode, times_fastest, says):
    ways = [bench.Measured("tf.function", "", ms_per_step=[0.1])]  # no mode of tfgen
    for name, ms in (("graph", 10.0), ("xla-step", 11.0), ("xla-loop", 30.0)):
        ways.append(bench.Measured(name, "", ms_per_step=[ms, ms, 99.0]))
    choice = bench.AutoChoice(mode, 2.0, {"graph": 9.0, "xla-step": "no such operation"})
    choice.judge(ways)
    assert (choice.fastest, choice.times_fastest) == ("graph", times_fastest)
    lines = sys.modules["benchmarks.timings"].auto_lines(dataclasses.asdict(choice))
    assert says in " ".join(lines)
    assert "(graph 9 ms, xla-step fails a step)" in lines[0]
    assert len(lines) == 1 + ("WARNING" in says)


def test_auto_is_not_asked_without_all_modes(bench, task):
    options = dataclasses.replace(bench.parse(TINY)[0], ways=("graph", "xla-loop"))
    assert bench.ask_auto(options, task, [], report=lambda line: None) is None


def test_losses_know_the_length_of_an_epoch_in_every_way(loops, task):
    """A weight that rises by epochs would otherwise rise at another pace in the rivals' loops."""
    trainer = loops.Trainer(task.model(), task.data, task.training)
    assert task.steps_per_epoch == trainer.step.steps_per_epoch == 1297 // 128


@pytest.mark.parametrize(
    ("change", "message"), [({"steps": 5}, "5 updates"), ({"first_loss": 2.0}, "starts from a loss")]
)
def test_different_work_is_an_error(bench, change, message):
    way = bench.Measured("graph", "", first_loss=1.0, steps=6)
    with pytest.raises(TfgenError, match=message):
        bench.check_same_work([way, dataclasses.replace(way, **change)], 6)


@pytest.mark.parametrize(("last_loss", "warned"), [(0.9, False), (1.0, True), (float("nan"), True)])
def test_a_loss_that_does_not_fall_is_said(bench, task, last_loss, warned):
    way = bench.Measured("graph", "", first_loss=1.0, last_loss=last_loss)
    machine = {"cpu": "", "cores": 1, "cores_usable": 1, "device": "", "load_average": [0.0], "versions": {}}
    options, _, _ = bench.parse(TINY)
    lines = bench.summary_lines(bench.record(options, task, [way], machine, 0, ""))
    assert any("WARNING: graph did not" in line for line in lines) == warned


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "150"], "--steps must be a multiple of 200"),
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--model", "realnvq"], "did you mean 'realnvp'"),
        (["--json", "no/such/folder/out.json"], "--json must be a file in a folder that exists"),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_is_measured(bench, capsys, arguments, message):
    assert bench.main(arguments) == 2
    error_text = capsys.readouterr().err
    assert message in error_text
    assert error_text.count("\n") == 1


def test_batch_larger_than_the_data(bench):
    options, spec, config = bench.parse([*TINY, "--batch-size", "5000"])
    with pytest.raises(OptionError, match="at most the 1297"):
        bench.make_task(options, spec, config)


def test_processor_is_named(bench, tmp_path):
    machine = sys.modules["tfgen_benchmarks.machine"]
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Some CPU @ 2 GHz\n")
    assert machine.cpu_model(path) == "Some CPU @ 2 GHz"
    assert machine.cpu_model(tmp_path / "missing")
