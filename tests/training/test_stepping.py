"""The race of compile modes: within a tenth of the training, never long for a hopeless mode, not decided by one hiccup."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tensorflow as tf

from tfgen.errors import PluginError
from tfgen.training import compile_mode

LONG = 10**6  # steps left


class Clock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(compile_mode.time, "perf_counter", lambda: self.now)


class Program:
    """A program on the clock: seconds of its compilation, then of a step in each call in turn; the last one stays."""

    def __init__(self, clock, compilation, *steps, convolves=False, fails=False):
        self.clock, self.compilation, self.steps = clock, compilation, list(steps)
        self.counts: list[int] = []
        self.operations = ["Conv2D"] if convolves else ["MatMul"]
        self.fails = fails

    def __call__(self, payload, first, count):
        if self.fails:
            raise tf.errors.UnimplementedError(None, None, "XLA does not know this\nand more")
        if not self.counts:
            self.clock.now += self.compilation
        self.counts.append(int(count))
        if int(count):
            self.clock.now += int(count) * (self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])
        return count, tf.constant(True), {}

    def get_concrete_function(self, *_):
        nodes = [SimpleNamespace(op=name) for name in self.operations]
        library = SimpleNamespace(function=[SimpleNamespace(node_def=nodes)])
        return SimpleNamespace(graph=SimpleNamespace(as_graph_def=lambda: SimpleNamespace(library=library)))


class State:
    def __init__(self, device="CPU"):
        self.model = SimpleNamespace(weights=[SimpleNamespace(value=SimpleNamespace(device=f"/device:{device}:0"))])
        self.restored = 0

    def snapshot(self):
        return ["saved"]

    def restore_snapshot(self, saved):
        assert saved == ["saved"]
        self.restored += 1


def race(programs, left=LONG, state=None, steps=100):
    said: list[str] = []
    state = state or State()
    mode, program, timings = compile_mode.fastest_mode(state, programs.__getitem__, None, steps, left, said.append)
    assert program is programs[mode]
    assert state.restored == sum(bool(program.counts) or program.fails for program in programs.values())
    return mode, timings, said


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def three(clock, graph, step, loop, compilation=5.0):
    return {
        "graph": Program(clock, 1.0, graph), "xla-step": Program(clock, compilation, step),
        "xla-loop": Program(clock, compilation, loop),
    }  # fmt: skip


def test_the_fastest_of_three_is_taken_for_a_long_run(clock):
    programs = three(clock, 0.020, 0.015, 0.010)
    mode, timings, said = race(programs)
    assert mode == "xla-loop"
    assert timings == {"graph": 20.0, "xla-step": 15.0, "xla-loop": 10.0}
    assert said == [f"measuring how long a step takes with --compile {name}" for name in programs]
    # The step of a program that is compiled in its first step comes with it.
    assert [program.counts for program in programs.values()] == [[0, 1, 6, 6], [1, 1, 6, 6], [0, 1, 6, 6]]


def test_a_short_run_takes_graph_after_one_step_and_no_other_is_compiled(clock):
    programs = three(clock, 0.020, 0.001, 0.001)
    mode, timings, said = race(programs, left=400)  # 8 s
    assert (mode, timings) == ("graph", {"graph": 20.0})
    assert [program.counts for program in programs.values()] == [[0, 1], [], []]
    assert clock.now == pytest.approx(1.020)
    assert said[1:] == [
        "not timed, --compile xla-step, xla-loop: compilation would take about 6 s, and only a tenth of the training "
        "(about 8 s) may go into the choice"
    ]


@pytest.mark.parametrize("left", [100, 1000, 3000, 3500, 5000, 8000, 10_000, 100_000])
@pytest.mark.parametrize("compilation", [1.0, 3.0, 5.5])
@pytest.mark.parametrize("step", [0.005, 0.02, 0.059, 0.5])
def test_the_race_costs_at_most_a_tenth_of_the_training(left, compilation, step, clock):
    """Where compilation takes no longer than the estimate: tracing takes 1 s here, so that is 6 s."""
    race(three(clock, 0.020, step, step, compilation), left)
    tracing_and_slowest_call = 1.0 + 6 * step  # a budget may end within one call
    assert clock.now <= tracing_and_slowest_call + 0.1 * 0.020 * left + 0.020


def test_the_second_xla_mode_is_estimated_by_the_first(clock):
    programs = three(clock, 0.020, 0.015, 0.010, compilation=5.5)
    assert (
        race(programs, left=6000)[0] == "xla-step"
    )  # a tenth is 12 s: 5.5 s and a little, but not 1.25 times more again
    assert not programs["xla-loop"].counts


def test_a_mode_that_compiles_slower_than_estimated_ends_the_race(clock):
    programs = three(clock, 0.020, 0.015, 0.010, compilation=50.0)
    mode, _, said = race(programs, left=4000)
    assert mode == "xla-step"
    assert programs["xla-step"].counts == [1, 1]
    assert "compilation would take about 63 s" in said[-1]


@pytest.mark.parametrize(("seconds", "counts", "milliseconds"), [
    ((3.0,), [0, 1], 3000),  # hopeless: no step more
    ((0.2, 0.01), [0, 1, 6, 6], 10),  # a hiccup in the step that decides on hope
    ((0.01, 0.5, 0.01), [0, 1, 6, 6], 10),  # a hiccup later on
    ((0.045, 0.046, 0.047), [0, 1, 6], 45),  # more than three times as slow, and no hiccup
    ((0.03, 0.03), [0, 1, 6, 6], 30),  # less than three times as slow
])  # fmt: skip
def test_how_long_a_mode_is_timed_beside_one_of_twelve_milliseconds(seconds, counts, milliseconds, clock):
    programs = three(clock, 0.012, 0.012, 1.0)
    programs["xla-loop"] = Program(clock, 5.0, *seconds)
    _, timings, _ = race(programs)
    assert programs["xla-loop"].counts == counts
    assert timings["xla-loop"] == pytest.approx(milliseconds)


def test_a_chunk_of_few_steps_is_not_overrun(clock):
    programs = three(clock, 0.012, 0.012, 0.012)
    race(programs, steps=1)
    assert programs["graph"].counts == [0, 1, 1, 1]


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_convolutions_in_a_loop_are_not_compiled_for_a_cpu(device, clock):
    programs = three(clock, 0.020, 0.015, 0.010)
    programs["graph"].operations = ["Conv2DBackpropFilter"]
    mode, timings, said = race(programs, state=State(device))
    assert mode == ("xla-step" if device == "CPU" else "xla-loop")
    assert ("xla-loop" in timings) == (device == "GPU")
    assert any("convolutions in a loop" in line for line in said) == (device == "CPU")


def test_modes_that_fail_are_left_out(clock):
    programs = three(clock, 0.020, 0.015, 0.010)
    programs["xla-step"].fails = True
    mode, timings, _ = race(programs)
    assert (mode, timings["xla-step"]) == ("xla-loop", "XLA does not know this")
    for program in programs.values():
        program.fails = True
    with pytest.raises(PluginError, match="no compile mode can run this model"):
        race(programs)


def test_convolutions_are_found_in_a_real_program():
    kernel = tf.ones([1, 1, 1, 1])

    def program(convolve):
        def step(k, x):
            return k + 1, tf.nn.conv2d(x, kernel, 1, "SAME") if convolve else x + 1

        @tf.function(autograph=False)
        def chunk(payload, first, count):
            return tf.while_loop(lambda k, x: k < count, step, (tf.constant(0), payload))

        return chunk

    image = tf.ones([1, 4, 4, 1])
    assert compile_mode._convolves(program(True), image)
    assert not compile_mode._convolves(program(False), image)
