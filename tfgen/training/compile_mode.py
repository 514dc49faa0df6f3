"""Compile modes: the program that runs many steps on the device, and which way of compiling it is the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, get_args

import tensorflow as tf

from tfgen.errors import PluginError
from tfgen.plugin.train_options import CompileMode
from tfgen.training.feeds import Feed
from tfgen.training.state import TrainingState
from tfgen.training.step import Step

#: ``(payload, first step, number of steps) -> (steps done, all finite, sums of the terms)``
ChunkProgram = Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]]

# A mode is timed on this many steps after its compilation, unless the first of them shows that it is hopeless: slower than
# another by that factor, and by more than a busy machine's hiccup in one step explains.
_TIMED_STEPS = 12
_HOPELESS = 4.0
_BEARABLE = 250.0  # milliseconds


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

    program: ChunkProgram = tf.function(chunk, jit_compile=mode == "xla-loop", autograph=False)
    return program


def fastest_mode(
    state: TrainingState,
    make_program: Callable[[CompileMode], ChunkProgram],
    payload: Any,
    steps: int,
    report: Callable[[str], None],
) -> tuple[CompileMode, ChunkProgram, dict[str, float | str]]:
    """Time each compile mode on the first steps and return the fastest, leaving the state as it was.

    Args:
        state: is restored after each trial.
        make_program: compiles the chunk in a mode.
        payload: of the first chunk.
        steps: how many steps that payload holds.
        report: told what is being tried.

    Returns:
        The mode, its program, and milliseconds a step for each mode (or why it does not work).

    Raises:
        PluginError: when no mode works.
    """
    timings: dict[str, float | str] = {}
    programs: dict[CompileMode, ChunkProgram] = {}
    saved = state.snapshot()
    best = float("inf")
    for mode in get_args(CompileMode):
        report(f"timing --compile {mode}")
        try:
            program = make_program(mode)
            milliseconds = _milliseconds(program, payload, steps, best)
        except (tf.errors.OpError, NotImplementedError) as error:  # an operation that XLA does not know, for example
            timings[mode] = str(error).splitlines()[0]
            continue
        finally:
            state.restore_snapshot(saved)
        timings[mode] = round(milliseconds, 3)
        programs[mode] = program
        best = min(best, milliseconds)
    if not programs:
        raise PluginError(f"no compile mode can run this model: {timings}.")
    chosen = min(programs, key=lambda mode: float(timings[mode]))
    return chosen, programs[chosen], timings


def _milliseconds(program: ChunkProgram, payload: Any, steps: int, best: float) -> float:
    def timed(count: int) -> float:
        begin = time.perf_counter()
        done, _, _ = program(payload, tf.constant(0), tf.constant(count))
        int(done)  # waits for the device
        return 1000 * (time.perf_counter() - begin) / count

    timed(1)  # traces and compiles
    first = timed(1)
    if first > max(_BEARABLE, _HOPELESS * best):
        return first
    half = max(1, min(_TIMED_STEPS, steps) // 2)
    return min(timed(half), timed(half))  # what else the machine does only ever adds
