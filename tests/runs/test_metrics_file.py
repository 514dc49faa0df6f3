"""Rows of metrics.jsonl: thinned while they are read, in bounded memory; damaged ones are named, skipped or not."""

from __future__ import annotations

import itertools
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import RunError
from tfgen.runs.metrics_file import metric_rows, thinned_rows


def write(path, count, validation_every=10):
    with path.open("w") as file:
        for step in range(1, count + 1):
            row = {"step": step, "epoch": 1, "train/loss": 1.0 / step}
            if step % validation_every == 0:
                row["valid/loss"] = 2.0 / step
            file.write(json.dumps(row) + "\n")
    return path


def test_few_rows_are_all_there(tmp_path):
    path = write(tmp_path / "metrics.jsonl", 50)
    assert thinned_rows(path, most=50) == list(metric_rows(path))
    assert thinned_rows(tmp_path / "none.jsonl") == []


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 40), st.integers(1, 60))
def test_thinned_rows_are_evenly_spaced_with_both_ends(tmp_path_factory, count, every, most):
    path = write(tmp_path_factory.mktemp("rows") / "metrics.jsonl", count, every)
    rows = list(metric_rows(path))
    thinned = thinned_rows(path, most)
    steps = [row["step"] for row in thinned]
    assert steps == sorted(set(steps))
    assert steps[-1] == count
    assert all(row == rows[row["step"] - 1] for row in thinned)
    for validated in (False, True):
        every_row = [row["step"] for row in rows if ("valid/loss" in row) == validated]
        kept = [row["step"] for row in thinned if ("valid/loss" in row) == validated and row["step"] != count]
        assert len(kept) <= most
        if every_row and every_row[0] != count:
            assert kept[0] == every_row[0]
        places = [every_row.index(step) for step in kept]
        assert len({after - before for before, after in itertools.pairwise(places)}) <= 1
        assert len(kept) >= min(len(every_row), most) // 2


def test_damaged_rows_are_named_though_they_are_skipped(tmp_path):
    path = write(tmp_path / "metrics.jsonl", 1000)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[500] = b"nonsense\n"
    path.write_bytes(b"".join(lines))
    for read in (lambda: thinned_rows(path, 10), lambda: list(metric_rows(path))):
        with pytest.raises(RunError, match="line 501 is damaged; remove that line"):
            read()


def test_a_row_that_was_cut_off_is_left_out(tmp_path):
    path = write(tmp_path / "metrics.jsonl", 20)
    path.write_bytes(path.read_bytes() + b'{"step": 21, "tra')
    assert thinned_rows(path, 4)[-1]["step"] == 20


def test_memory_does_not_grow_with_the_rows(tmp_path):
    path = write(tmp_path / "metrics.jsonl", 30_000)
    tracemalloc.start()
    try:
        thinned_rows(path, 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000  # the rows as dictionaries would take thirty times as much
