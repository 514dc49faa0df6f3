"""Compile modes: the program that runs many steps on the device, and which way of compiling it is the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, get_args

import tensorflow as tf

from tfgen.errors import PluginError
from tfgen.model.program import Program
from tfgen.plugin.train_options import CompileMode
from tfgen.training.feeds import Feed
from tfgen.training.memory import is_out_of_memory
from tfgen.training.state import TrainingState
from tfgen.training.step import Step

#: ``(payload, first step, number of steps) -> (steps done, all finite, sums of the terms)``
ChunkProgram = Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]]

# A mode is timed on this many steps after its compilation. It is given up once it is slower than another by that factor,
# and by more than a busy machine's hiccup explains.
_TIMED_STEPS = 12
_HOPELESS = 3.0
_HICCUP = 250.0  # milliseconds
#: The share of the expected training time that may be spent on finding the fastest mode.
_SHARE = 0.1
# XLA's compilation cannot be interrupted, so what it takes is estimated before: seconds, and multiples of the seconds of
# tracing the graph. More than each built-in model took on two cores (docs/results/compile_budget.md).
_XLA_SECONDS = 4.0
_XLA_TRACINGS = 2.0
_NEXT_COMPILATION = 1.25  # that of the second XLA mode, as a multiple of the first one's
#: Operations that XLA for CPUs runs on one thread where they stand in a loop: 3 to 33 times as slow as `graph`, measured.
_CONVOLUTIONS = frozenset({"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "DepthwiseConv2dNative", "Conv3D"})


def compile_chunk(step: Step, feed: Feed, term_names: Sequence[str], mode: CompileMode) -> ChunkProgram:
    """Return the program that runs a chunk of steps on the device without a visit of the host.

    Args:
        step: what each turn of the loop does.
        feed: where its batches come from.
        term_names: names of the terms that a step returns.
        mode: ``graph``: a TensorFlow loop over TensorFlow operations; ``xla-step``: the same loop, each step one XLA
            program; ``xla-loop``: the whole loop one XLA program.
    """
    # Taking the batch stays outside: XLA would compile a slice at k anew for each value of k.
    run_step = tf.function(step, jit_compile=True, autograph=False) if mode == "xla-step" else step

    def chunk(payload: Any, first: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        def more(k: tf.Tensor, finite: tf.Tensor, sums: dict[str, tf.Tensor]) -> tf.Tensor:
            return (k < count) & finite

        def turn(k: tf.Tensor, finite: tf.Tensor, sums: dict[str, tf.Tensor]) -> tuple[Any, ...]:
            terms, finite = run_step(feed.batch(payload, k), first + k)
            return (
                k + 1,
                finite,
                {name: total + terms[name] for name, total in sums.items()},
            )

        start = (tf.constant(0), tf.constant(True), {name: tf.constant(0.0) for name in term_names})
        done: tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]] = tf.while_loop(more, turn, start)
        return done

    return Program(chunk, jit=mode == "xla-loop")


def fastest_mode(
    state: TrainingState,
    make_program: Callable[[CompileMode], ChunkProgram],
    payload: Any,
    steps: int,
    left: int,
    report: Callable[[str], None],
    looped: bool = False,
) -> tuple[CompileMode, ChunkProgram, dict[str, float | str]]:
    """Time the compile modes on the first steps and return the fastest, leaving the state as it was.

    `graph` is traced and timed first, which gives the expected training time. A mode of XLA is tried only if that fits
    into a tenth of it, compilation included: a short run takes `graph` at once.

    Args:
        state: is restored after each trial.
        make_program: compiles the chunk in a mode.
        payload: of the first chunk.
        steps: how many steps that payload holds.
        left: steps of the run that are to be done.
        report: told what is being tried, and what is not.
        looped: whether a step has a loop of its own, over several batches.

    Returns:
        The mode, its program, and milliseconds a step for each mode that was tried (or why it does not work).

    Raises:
        PluginError: when no mode works.
        tf.errors.OpError: when no mode works for want of memory.
    """
    race = _Race(payload, steps, left)
    saved = state.snapshot()
    on_cpu = all("GPU" not in weight.value.device for weight in state.model.weights)
    modes = list(get_args(CompileMode))
    failure: tf.errors.OpError | NotImplementedError | None = None
    for number, mode in enumerate(modes):
        if race.programs:
            if (looped or mode == "xla-loop") and on_cpu and race.convolves:
                report(f"not timed, --compile {mode}: XLA runs convolutions in a loop on one thread of a CPU")
                continue
            if reason := race.too_long():
                report(f"not timed, --compile {', '.join(modes[number:])}: {reason}")
                break  # the next one would not take less
        report(f"measuring how long a step takes with --compile {mode}")
        try:
            race.run(mode, make_program(mode))
        except (tf.errors.OpError, NotImplementedError) as error:  # an operation that XLA does not know, for example
            failure = error
            race.timings[mode] = str(error).splitlines()[0]
        finally:
            state.restore_snapshot(saved)
    if not race.programs:
        if failure is not None and is_out_of_memory(failure):
            raise failure
        raise PluginError(f"no compile mode can run this model: {race.timings}.")
    chosen = min(race.programs, key=lambda mode: float(race.timings[mode]))
    return chosen, race.programs[chosen], race.timings


class _Race:
    """Trials of compile modes within a budget of seconds, which the first of them decides."""

    def __init__(self, payload: Any, steps: int, left: int) -> None:
        self.payload, self.left = payload, left
        self.half = max(1, min(_TIMED_STEPS, steps) // 2)
        self.timings: dict[str, float | str] = {}
        self.programs: dict[CompileMode, ChunkProgram] = {}
        self.convolves = False
        self.best = float("inf")  # milliseconds
        self.expected = float("inf")  # seconds of training in the first mode
        self.compilation = 0.0  # seconds that the next one will take
        self.spent = 0.0  # seconds, without the tracing of the first mode: there is no run without one

    def too_long(self) -> str | None:
        """Return why there is no time for another mode, or None."""
        if self.spent + self.compilation <= _SHARE * self.expected:
            return None
        return (
            f"compilation would take about {self.compilation:.0f} s, and only a tenth of the training (about "
            f"{self.expected:.0f} s) may go into the choice"
        )

    def run(self, mode: CompileMode, program: ChunkProgram) -> None:
        """Compile a mode and time it."""
        first = not self.programs
        # Where that is possible, no step is run in the call that compiles: a slow mode shows itself in one.
        compilation = self._seconds(program, 0 if mode != "xla-step" else 1)
        if first:
            self.compilation = _XLA_SECONDS + _XLA_TRACINGS * compilation
            self.convolves = _convolves(program, self.payload)
        else:
            self.spent += compilation
            self.compilation = _NEXT_COMPILATION * compilation
        milliseconds = self._fastest_step(program, first)
        self.timings[mode] = round(milliseconds, 3)
        self.programs[mode] = program
        self.best = min(self.best, milliseconds)

    def _fastest_step(self, program: ChunkProgram, first: bool) -> float:
        """Return milliseconds of a step, by the fastest of three calls: what else the machine does only ever adds."""
        fastest = float("inf")
        slow = 0.0  # milliseconds
        for count in (1, self.half, self.half):
            seconds = self._seconds(program, count)
            self.spent += seconds
            slow += 1000 * seconds
            fastest = min(fastest, 1000 * seconds / count)
            if first:
                self.expected = fastest * self.left / 1000
                if self.too_long():
                    break
            if fastest > _HOPELESS * self.best and slow > _HICCUP:
                break
            if self.spent > _SHARE * self.expected:
                break
        return fastest

    def _seconds(self, program: ChunkProgram, count: int) -> float:
        begin = time.perf_counter()
        done, _, _ = program(self.payload, tf.constant(0), tf.constant(count))
        int(done)  # waits for the device
        return time.perf_counter() - begin


def _convolves(program: Any, payload: Any) -> bool:
    """Return whether there are convolutions among the operations of a program that has been called."""
    graph = program.get_concrete_function(payload, tf.constant(0), tf.constant(0)).graph
    functions = graph.as_graph_def().library.function
    return any(node.op in _CONVOLUTIONS for function in functions for node in function.node_def)
