"""Memory maps in blocks: the same numbers as of the array, and pages that are given back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.data import mapped
from tfgen.data.mapped import blocks, extremes, gather, release, write_reordered

ROWS, WIDTH = 3000, 4096  # 12 MB


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """An array, and the same one as a memory map."""
    x = np.random.default_rng(0).integers(0, 256, (ROWS, WIDTH), dtype=np.uint8)
    path = tmp_path_factory.mktemp("mapped") / "x.npy"
    np.save(path, x)
    return x, np.load(path, mmap_mode="r")


def resident_of(path: str) -> int:
    """KiB of a file's maps that are in this process's memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    return sum(
        int(next(line for line in lines if line.startswith("Rss:")).split()[1]) for line in lines if line.endswith(path)
    )


@given(st.integers(0, 2**31), st.integers(1, 700), st.sampled_from(["all", "part", "plain"]))
def test_gathered_rows_are_those_of_the_array(on_disk, seed, count, how):
    x, found = on_disk
    if how == "part":
        x, found = x[500:2000], found[500:2000]
    if how == "plain":
        found = np.asarray(found)
    rows = np.random.default_rng(seed).integers(0, len(x), count)
    np.testing.assert_array_equal(gather(found, rows), x[rows])
    pairs = rows[: count // 2 * 2].reshape(-1, 2)
    np.testing.assert_array_equal(gather(found, pairs), x[pairs])


@given(
    count=st.integers(1, 60), seed=st.integers(0, 2**31), share=st.floats(0.01, 1), most=st.integers(1, 200),
    block=st.integers(1, 100),
)  # fmt: skip
def test_rows_in_a_new_order_are_written_as_they_are_indexed(tmp_path_factory, count, seed, share, most, block):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, 3)).astype(np.float32)
    rows = generator.permutation(count)[: max(1, int(share * count))]
    target = np.lib.format.open_memmap(
        tmp_path_factory.mktemp("new") / "x.npy", "w+", np.dtype(np.float32), (len(rows), 3)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "BLOCK_BYTES", block)
        write_reordered(x, rows, target, most)
    np.testing.assert_array_equal(target, x[rows])


@pytest.mark.skipif(
    not Path("/proc/self/smaps").exists(), reason="resident memory of a map is read from /proc, which Linux alone has"
)
def test_pages_are_given_back(on_disk):
    x, found = on_disk
    path = found.filename.name
    assert sum(int(block.sum()) for block in blocks(found, 10**6)) == x.sum()
    assert resident_of(path) < 3000  # of 12,000
    gather(found, np.arange(ROWS))
    assert resident_of(path) < 3000
    assert found[1000:].sum() == x[1000:].sum()  # they come back by themselves
    assert resident_of(path) > 5000
    release(found[5:6])
    assert resident_of(path) < 3000


def test_changes_that_are_in_memory_alone_are_kept(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(10_000))
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[:] = 3
    release(private)
    assert private.min() == 3
    shared = np.load(tmp_path / "x.npy", mmap_mode="r+")
    shared[:] = 4
    release(shared)
    assert shared.min() == 4


def test_blocks_and_extremes(on_disk, monkeypatch):
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 5 * WIDTH)
    x, found = on_disk
    assert {len(block) for block in blocks(found)} == {5}
    np.testing.assert_array_equal(np.concatenate([*blocks(found[:13])]), x[:13])
    assert extremes(found) == (x.min(), x.max())
    assert [len(block) for block in blocks(x[:3], 1)] == [1, 1, 1]  # a row at least
