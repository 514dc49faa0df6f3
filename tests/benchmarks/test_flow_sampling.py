"""The comparison of samplers: all do the same work, they take turns, and what is said; never how long anything took."""

import contextlib
import dataclasses
import importlib
import io
import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tfgen.errors import TfgenError

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fake_sampler.py"
TINY = ["--units", "8", "--layers", "2", "--depth", "2", "--side", "4", "--seconds", "0.001"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.flow_sampling")


@pytest.fixture(scope="module")
def parts(bench):
    return {name: sys.modules[f"benchmarks.sampling.{name}"] for name in ("contenders", "report", "worker")}


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "calls.txt"
    monkeypatch.setenv("FAKE_SAMPLER_LOG", str(path))
    return path


@pytest.fixture
def fake(parts, log):
    """Return a contender that computes with NumPy; with a fault, it does one thing wrong."""

    def contender(name, *fault):
        return parts["contenders"].Contender(name, [sys.executable, str(FAKE), *fault])

    return contender


@pytest.fixture
def against(bench, fake, parts, tmp_path):
    """Return the measuring of a sound contender, whose weights are at hand, against a faulty one."""
    options = bench.parse([*TINY, "--batches", "4", "--rounds", "1"])
    rng, plan = np.random.default_rng(0), options.plan
    widths = [plan.dimensions // 2, *[plan.units] * plan.depth, plan.dimensions]
    networks = [
        [
            (rng.standard_normal((i, o), np.float32), rng.standard_normal(o, np.float32))
            for i, o in itertools.pairwise(widths)
        ]
        for _ in range(plan.layers)
    ]
    parts["worker"].save_weights(str(tmp_path / "weights.npz"), networks)

    def run(*fault):
        with contextlib.ExitStack() as stack:
            pair = {}
            for contender in (fake("sound"), fake("other", *fault)):
                pair[contender.name] = stack.enter_context(parts["contenders"].Worker(contender))
            facts = {"plan": dataclasses.asdict(plan), "weights": str(tmp_path / "weights.npz")}
            built = {name: worker.ask("build", **facts) for name, worker in pair.items()}
            bench.check_equal_counts(built)
            bench.compare_pictures(pair, plan, tmp_path)
            timings = [
                bench._start(pair[t.contender], t, options, lambda line: None) for t in bench.programs(options, built)
            ]
            bench.check_samples(timings, options)
        return timings

    return run


def test_one_run_of_tfgen_against_numpy(bench, fake, parts, tmp_path, monkeypatch):
    """One test, so that the workers, which load TensorFlow for seconds, are started once."""
    contenders = [parts["contenders"].tfgen(), fake("nflows")]
    monkeypatch.setattr(bench.Options, "contenders", property(lambda self: contenders))
    printed = io.StringIO()
    files = {name: tmp_path / f"out.{name}" for name in ("json", "markdown")}
    arguments = [*TINY, "--batches", "4", "--rounds", "3", "--json", str(files["json"])]
    with contextlib.redirect_stdout(printed):
        assert bench.main([*arguments, f"--markdown={files['markdown']}"]) == 0
    content = json.loads(files["json"].read_text())
    every_program_is_timed_in_every_round(content)
    numpy_draws_the_same_pictures_from_tfgens_weights(content)
    ratios_are_to_tfgens_best_way(content, parts["report"])
    for text in (printed.getvalue(), files["markdown"].read_text()):
        output_says_what_was_measured_and_on_what(text, content)
        assert str(tmp_path) not in text


def every_program_is_timed_in_every_round(content):
    programs = {(t["contender"], t["way"], t["work"], t["batch"]) for t in content["timings"]}
    works = {
        "graph": ["sample", "decode", "encode", "products"],
        "xla": ["sample", "decode", "encode"],
        "loop": ["sample"],
    }
    expected = {("tfgen", way, work, 4) for way, named in works.items() for work in named}
    assert programs == expected | {("nflows", "plain", "sample", 4)}
    for timing in content["timings"]:
        assert timing["left_out"] is None
        assert len(timing["ms_per_call"]) == len(timing["cores_busy"]) == 3
        assert min(timing["ms_per_call"]) > 0


def numpy_draws_the_same_pictures_from_tfgens_weights(content):
    """The NumPy contender shares no code with tfgen, and hidden, shift and scale weights are all drawn at random."""
    tfgen, other = content["contenders"].values()
    # Two networks: 8 kept dimensions, two hidden layers of 8, and shift and log-scale of the 8 that move.
    assert tfgen["kernels"] == other["kernels"] == 2 * (8 * 8 + 8 * 8 + 8 * 16)
    assert tfgen["biases"] == other["biases"] == 2 * (8 + 8 + 16)
    assert tfgen["others"] == 2 * 8  # ranges of the log-scales
    assert content["differences"]["nflows"]["share"] <= 1e-3


def ratios_are_to_tfgens_best_way(content, report):
    timings = [report.Timing(**timing) for timing in content["timings"]]
    ours = [t for t in timings if (t.contender, t.work) == ("tfgen", "sample")]
    best = min(ours, key=lambda timing: sorted(timing.ms_per_call)[1])
    (theirs,) = (t for t in timings if t.contender == "nflows")
    expected = sorted(a / b for a, b in zip(theirs.ms_per_call, best.ms_per_call, strict=True))
    verdict = content["verdicts"][0]
    assert verdict["what"].startswith("batch 4: times the images per second of numpy")
    assert [verdict["least"], verdict["median"], verdict["most"]] == expected
    assert verdict["reached"] == (expected[1] >= 1.3)


def output_says_what_was_measured_and_on_what(text, content):
    for words in (
        "tfgen sample (what the command runs)",
        "encode: tfgen, tf.function",
        "within a factor of 1.2",
        "same codes and weights, same pictures",
        "tfgen 512 + 64 (and 16 others",
        "--units 8",
        "--json out.json",
        "--markdown=out.markdown",
        content["machine"]["cpu"],
        content["machine"]["versions"]["tensorflow"],
    ):
        assert words in text


def test_contenders_take_turns(bench, fake, parts, log, monkeypatch):
    """Between two timings of one contender each other one is timed once, and each round starts with another one."""
    options = bench.parse([*TINY, "--batches", "4", "--rounds", "3"])
    asked = []

    class Silent:
        def __init__(self, name):
            self.name = name

        def ask(self, do, **arguments):
            asked.append((self.name, do, arguments["lead"], arguments["calls"]))
            return {"seconds": 2.0, "processor_seconds": 3.0}

    names = ["a", "b", "c"]
    timings = [parts["report"].Timing(name, "plain", name, "sample", 4, calls=8) for name in names]
    timings.append(parts["report"].Timing("d", "plain", "d", "sample", 4, left_out="broken"))
    bench._time({name: Silent(name) for name in names}, timings, options, lambda line: None)
    assert [name for name, *_ in asked] == [*"abc", *"bca", *"cab"]
    assert {tuple(rest) for _, *rest in asked} == {("time", 2, 8)}
    assert timings[0].ms_per_call == [250.0] * 3
    assert timings[0].cores_busy == [1.5] * 3
    assert timings[0].images_per_second == [16.0] * 3
    assert timings[3].ms_per_call == []


def test_an_idle_contender_does_nothing(bench, against, log):
    against()
    # 4 calls by each contender, all of them to warm up: none between requests.
    assert len(log.read_text().splitlines()) == 2 * 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("build", r"^other failed: ValueError: no such flow$"),
        ("death", r"ended with exit code 3. Its last words: out of memory, for example"),
        ("count", r"other has 513 weights in kernels, sound 512"),
        ("images", r"other and sound make different images of the same codes"),
        ("dtype", r"numpy draws float32 \[4, 4, 4, 1\], not uint8"),
        ("constant", r"numpy draws the same images in each call"),
    ],
)
def test_different_work_is_an_error(against, fault, message):
    with pytest.raises(TfgenError, match=message) as caught:
        against(fault)
    assert "\n" not in str(caught.value)


def test_other_distributions_are_noticed(bench, parts):
    options = bench.parse([*TINY, "--batches", "1000"])
    ours, theirs = (
        parts["report"].Timing(name, "plain", name, "sample", 1000, mean=mean)
        for name, mean in (("a", 120.0), ("b", 135.0))
    )
    bench.check_samples([ours, dataclasses.replace(theirs, mean=121.0)], options)
    with pytest.raises(TfgenError, match="drawn by b are 15 grey levels off those by a"):
        bench.check_samples([ours, theirs], options)


def test_a_way_that_does_not_work_is_left_out_and_the_rest_go_on(against, parts):
    timings = against("way")
    assert [timing.left_out for timing in timings] == [None, None, "NotImplementedError: the compiler cannot do this"]
    for timing in timings[:2]:
        timing.ms_per_call = [1.0]
    headings, rows = parts["report"].samplers_table(timings)
    assert {len(row) for row in rows} == {len(headings)}
    assert rows[2][0].startswith("numpy, broken: left out, NotImplementedError")


@pytest.mark.parametrize(
    ("ours", "theirs", "reached"), [([1.0, 1.0, 1.0], [1.2, 1.4, 9.0], True), ([1.0, 1.0, 1.0], [1.2, 1.2, 9.0], False)]
)
def test_targets_are_judged_by_the_median(parts, ours, theirs, reached):
    timing = parts["report"].Timing
    timings = [
        timing("tfgen", "graph", "tfgen", "sample", 64, ms_per_call=ours),
        timing("nflows", "plain", "nflows", "sample", 64, ms_per_call=theirs),
        timing("nflows", "slow", "nflows, slow", "sample", 64, ms_per_call=[10.0, 10.0, 10.0]),
    ]
    (verdict,) = parts["report"].verdicts(timings)
    assert verdict["reached"] == reached
    assert verdict["most"] == 9.0
    for load, doubt in ((0.1, ""), (3.0, ", but the machine was not idle")):
        (line,) = parts["report"].verdict_lines({"verdicts": [verdict], "load_at_start": load})
        assert line.endswith(("reached" if reached else "MISSED") + doubt)


@pytest.mark.parametrize(("encode", "reached"), [(1.15, True), (1.3, False), (0.7, False), (0.9, True)])
def test_both_directions_count(parts, encode, reached):
    timing = parts["report"].Timing
    timings = [
        timing("tfgen", "graph", "tfgen", "decode", 64, ms_per_call=[1.0]),
        timing("tfgen", "graph", "tfgen", "encode", 64, ms_per_call=[encode]),
    ]
    (verdict,) = parts["report"].verdicts(timings)
    assert verdict["reached"] == reached


def test_command_is_recorded_without_paths(bench):
    arguments = ["--peer-python", "/a/b/python", "--json=/c/d.json", "--markdown", "/e/f.md", "--units", "8"]
    shown = bench.shown_command(arguments)
    assert shown == (
        "python benchmarks/flow_sampling.py --peer-python PEERS/bin/python --json=d.json --markdown f.md --units 8"
    )
    assert bench.shown_command(["--peer_python=/a/b"]).endswith("--peer_python=PEERS/bin/python")


def test_a_peer_environment_without_the_libraries(bench, tmp_path, capsys):
    """An interpreter without site-packages has none of them, whatever is installed here."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    assert bench.main(["--peer-python", str(python)]) == 2
    assert capsys.readouterr().err == (
        f"flow_sampling: the environment of {python} lacks torch, numpy, nflows, normflows; "
        f"run: {python} -m pip install torch numpy nflows normflows\n"
    )
    python.write_text("no program")
    assert bench.main(["--peer-python", str(python)]) == 2
    assert capsys.readouterr().err == (
        f"flow_sampling: {python} is no Python that runs; give the python of an environment.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--side", "7"], "--side must be even, at least 2, got 7"),
        (["--batches", "64", "64"], "--batches must be different numbers of at least 1, got 64 64"),
        (["--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["--seconds", "0"], "--seconds must be above 0, got 0.0"),
        (["--peers", "zuko"], "--peers must be different names out of nflows, normflows, got zuko"),
        (["--peer-python", "no/python"], "--peer-python must be the python of an environment with torch"),
        (["--json", "no/such/folder/out.json"], "--json must be a file in a folder that exists"),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_is_measured(bench, capsys, arguments, message):
    assert bench.main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.skipif("TFGEN_PEER_PYTHON" not in os.environ, reason="names a python with torch, nflows and normflows")
def test_peers_draw_the_same_pictures(bench, tmp_path):
    """Not with torch.compile, which takes a quarter of a minute for each program."""
    contenders = sys.modules["benchmarks.sampling.contenders"]
    options = bench.parse([*TINY, "--peer-python", os.environ["TFGEN_PEER_PYTHON"]])
    with contextlib.ExitStack() as stack:
        workers = {c.name: stack.enter_context(contenders.Worker(c)) for c in options.contenders}
        facts = {"plan": dataclasses.asdict(options.plan), "weights": str(tmp_path / "weights.npz")}
        built = {name: worker.ask("build", **facts) for name, worker in workers.items()}
        bench.check_equal_counts(built)
        assert set(bench.compare_pictures(workers, options.plan, tmp_path)) == {"nflows", "normflows"}
        for name in ("nflows", "normflows"):
            for work in ("sample", "products"):
                assert workers[name].ask("start", way="plain", work=work, batch=3)["shape"][0] == 3
