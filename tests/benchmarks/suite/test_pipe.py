"""Real processes at the other end of a pipe: answers, errors, deaths, and endless loops."""

import sys
from pathlib import Path

import pytest

from tfgen.errors import TfgenError
from tfgen_benchmarks.machine import Peak
from tfgen_benchmarks.pipe import Entrant, Worker, WorkerError, WorkerGoneError
from tfgen_benchmarks.pool import Pool
from tfgen_benchmarks.worker import error_text

FAKE = Entrant("fake", [sys.executable, str(Path(__file__).parent / "fake_contender.py")])
PROGRAM = {"key": "a", "work": "sample", "way": "graph"}


def test_a_worker_builds_starts_times_and_forgets():
    with Worker(FAKE) as worker:
        facts = worker.ask("build", key="a", subject={})
        assert facts["parameters"] == 100
        assert facts["ways"]["train"] == {"graph": "fake step"}
        started = worker.ask("start", **PROGRAM, batch=4)
        assert started["examples"] == 4
        assert started["multiply_adds"] == 4 * 2 * 16 * 4**2
        assert not started["repeats_itself"]
        assert started["finite"]
        assert started["peak_bytes"] > 0
        timed = worker.ask("time", **PROGRAM, batch=4, lead=1, calls=3)
        assert timed["seconds"] > 0
        worker.ask("stop", **PROGRAM, batch=4)
        with pytest.raises(WorkerError, match="KeyError"):
            worker.ask("time", **PROGRAM, batch=4, lead=1, calls=3)
        worker.ask("forget", key="a")
        with pytest.raises(WorkerError, match="KeyError"):
            worker.ask("start", **PROGRAM, batch=4)


def test_an_error_is_a_line_and_the_worker_goes_on():
    with Worker(FAKE) as worker:
        with pytest.raises(WorkerError, match=r"^no images$"):
            worker.ask("build", key="a", subject={"options": {"refuses": "no images"}})
        worker.ask("build", key="a", subject={"options": {"fails_at": 2}})
        with pytest.raises(WorkerError, match=r"^out of memory \(MemoryError: cannot allocate\)$"):
            worker.ask("start", **PROGRAM, batch=2)
        worker.ask("start", **PROGRAM, batch=1)


def test_a_process_that_dies_or_hangs_is_known_and_started_anew():
    with Pool({"fake": FAKE}, patience=60) as pool:
        pool.build("fake", "a", {"options": {"dies_at": 2}})
        with pytest.raises(WorkerGoneError, match="ended with exit code 3"):
            pool.ask("fake", "start", **PROGRAM, batch=2)
        pool.build("fake", "a", {"options": {"hangs": True}})  # nothing of the old process counts
        assert pool.life("fake") == 1
        pool._patience = 1
        with pytest.raises(WorkerGoneError, match="no answer within 1 s"):
            pool.ask("fake", "start", **PROGRAM, batch=2)


def test_a_program_that_is_not_there_cannot_be_started():
    with pytest.raises(TfgenError, match="cannot start /nowhere/python"):
        Worker(Entrant("fake", ["/nowhere/python"]))


def test_memory_once_held_is_forgotten_when_a_new_peak_is_looked_for():
    large = bytearray(64 * 2**20)
    with_it = Peak().bytes()
    del large
    if Peak().bytes() == with_it:
        pytest.skip("this system does not forget a process's peak")
    assert Peak().bytes() < with_it - 32 * 2**20


def test_peaks_fall_back_to_that_of_the_whole_life(tmp_path):
    assert Peak(tmp_path).bytes() > 0


def test_errors_of_memory_say_so_in_a_line():
    class ResourceExhaustedError(Exception):
        """As TensorFlow has it."""

    error = ResourceExhaustedError("Graph execution error:\n\nOOM when allocating tensor with shape[9]\n at node")
    assert error_text(error) == "out of memory (ResourceExhaustedError: OOM when allocating tensor with shape[9])"
    assert error_text(RuntimeError("std::bad_alloc")) == "out of memory (RuntimeError: std::bad_alloc)"
    assert error_text(ValueError("too long\nby far")) == "ValueError: too long"
    assert error_text(KeyError()) == "KeyError"
