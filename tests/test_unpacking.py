"""Arrays and pictures of unknown origin: what they declare is checked before anything is unpacked."""

import contextlib
import io
import tracemalloc
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tfgen.unpacking import map_array, read_arrays, read_png

SHAPES = {"a": (2, 3), "b": (4,)}


def npy(array, declared=None) -> bytes:
    stream = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": declared or array.shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + array.tobytes()


def archive(path, how=zipfile.ZIP_DEFLATED, **entries: bytes) -> None:
    with zipfile.ZipFile(path, "w", how) as file:
        for name, content in entries.items():
            file.writestr(f"{name}.npy", content)


def good() -> dict[str, np.ndarray]:
    return {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)}


def test_arrays_of_the_shapes_that_are_asked_for(tmp_path):
    np.savez(tmp_path / "x.npz", about=np.array("text"), other=np.zeros(9), **good())
    found = read_arrays(tmp_path / "x.npz", SHAPES, {"about": 10})
    assert {name: array.tolist() for name, array in found.items()} == {
        "a": [[0, 1, 2], [3, 4, 5]], "b": [1, 1, 1, 1], "about": "text"
    }  # fmt: skip


BAD: dict[str, Callable[[], bytes]] = {
    "another shape": lambda: npy(np.zeros((3, 2), np.float32)),
    "a shape of gigabytes": lambda: npy(np.zeros(1, np.float32), (10**5, 10**5)),
    "a shape below zero": lambda: npy(np.zeros(1, np.float32), (-1, 3)),
    "fewer bytes than declared": lambda: npy(np.zeros((2, 3), np.float32))[:-4],
    "more bytes than declared": lambda: npy(np.zeros((2, 3), np.float32)) + bytes(2**26),  # packs to 65 kB
    "not a number": lambda: npy(np.full((2, 3), np.nan, np.float32)),
    "infinity": lambda: npy(np.full((2, 3), np.inf, np.float32)),
    "texts": lambda: npy(np.full((2, 3), "x")),
    "objects": lambda: npy(np.zeros((2, 3), "S8")).replace(b"|S8", b"|O8"),
    "a type of gigabytes": lambda: npy(np.zeros((2, 3), "S8")).replace(b"|S8'", b"|S1000000000'"),
    "no array": lambda: b"x" * 100,
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", BAD)
def test_other_arrays_are_refused_in_little_memory(kind, tmp_path):
    archive(tmp_path / "x.npz", a=BAD[kind](), b=npy(good()["b"]))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            read_arrays(tmp_path / "x.npz", SHAPES)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive"])
def test_what_is_no_archive(content, tmp_path):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError):
        read_arrays(tmp_path / "x.npz", SHAPES)


def test_damage_anywhere_in_an_archive_is_a_value_error(tmp_path):
    archive(tmp_path / "x.npz", **{name: npy(array) for name, array in good().items()})
    whole, random = (tmp_path / "x.npz").read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(whole)
        for place in random.integers(len(whole), size=3):
            changed[place] = random.integers(256)
        (tmp_path / "x.npz").write_bytes(changed)
        with contextlib.suppress(ValueError, OSError):
            read_arrays(tmp_path / "x.npz", SHAPES)


def test_a_text_that_is_too_long(tmp_path):
    np.savez(tmp_path / "x.npz", about=np.array("x" * 1000))
    with pytest.raises(ValueError, match="about"):
        read_arrays(tmp_path / "x.npz", {}, {"about": 10})


def test_arrays_in_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert map_array(tmp_path / "x.npy", np.uint8, (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    for dtype, shape in ((np.int8, (2, 3)), (np.uint8, (3, 2)), (np.uint8, (2, 3, 1))):
        with pytest.raises(ValueError, match=r"x\.npy holds uint8 of shape \(2, 3\), not"):
            map_array(tmp_path / "x.npy", dtype, shape)
    with (tmp_path / "x.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="too many or too few"):
        map_array(tmp_path / "x.npy", np.uint8, (2, 3))


def test_the_size_of_a_picture_is_read_before_it_is_decoded(tmp_path):
    Image.new("L", (30, 20)).save(tmp_path / "x.png")
    content, size = read_png(tmp_path / "x.png", 10_000, 600)
    assert content == (tmp_path / "x.png").read_bytes()
    assert size == (30, 20)
    with pytest.raises(ValueError, match="it declares 30 x 20 pixels, more than 599 in all"):
        read_png(tmp_path / "x.png", 10_000, 599)
    with pytest.raises(ValueError, match="bytes, more than 10"):
        read_png(tmp_path / "x.png", 10, 600)
    Image.new("L", (30, 20)).save(tmp_path / "x.gif")
    with pytest.raises(ValueError):
        read_png(tmp_path / "x.gif", 10_000, 600)
