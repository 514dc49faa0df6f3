"""How a compile mode is timed: never for long when it is hopeless, and not by one hiccup of the machine."""

import pytest
import tensorflow as tf

from tfgen.training import compile_mode


class Machine:
    """A program on a clock of its own: seconds for each call in turn, times its number of steps."""

    def __init__(self, monkeypatch, *seconds):
        self.seconds, self.now, self.counts = list(seconds), 0.0, []
        monkeypatch.setattr(compile_mode.time, "perf_counter", lambda: self.now)

    def __call__(self, payload, first, count):
        self.counts.append(int(count))
        self.now += self.seconds.pop(0) * int(count)
        return count, tf.constant(True), {}


@pytest.mark.parametrize(
    ("seconds", "counts", "milliseconds"),
    [
        ((9.0, 0.01, 0.01, 0.01), [1, 1, 6, 6], 10),  # the first call compiles
        ((9.0, 3.0), [1, 1], 3000),  # hopeless: no step more
        ((9.0, 0.2, 0.01, 0.01), [1, 1, 6, 6], 10),  # a hiccup in the one step that decides on hope
        ((9.0, 0.01, 0.5, 0.01), [1, 1, 6, 6], 10),  # a hiccup later on
        ((9.0, 0.2, 0.2, 0.21), [1, 1, 6, 6], 200),  # slow, but not slow enough to be sure after one step
    ],
)
def test_time_of_a_mode_beside_one_of_twelve_milliseconds(seconds, counts, milliseconds, monkeypatch):
    machine = Machine(monkeypatch, *seconds)
    assert compile_mode._milliseconds(machine, None, 100, best=12.0) == pytest.approx(milliseconds)
    assert machine.counts == counts


def test_a_slow_mode_is_not_hopeless_when_it_is_the_first_or_the_others_are_slow_too(monkeypatch):
    for best in (float("inf"), 1000.0):
        machine = Machine(monkeypatch, 9.0, 3.0, 3.0, 3.0)
        assert compile_mode._milliseconds(machine, None, 100, best) == pytest.approx(3000)
        assert machine.counts == [1, 1, 6, 6]


def test_a_short_chunk_is_not_overrun(monkeypatch):
    machine = Machine(monkeypatch, 9.0, 0.01, 0.01, 0.01)
    compile_mode._milliseconds(machine, None, 1, best=12.0)
    assert machine.counts == [1, 1, 1, 1]
