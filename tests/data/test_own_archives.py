"""Archives of a user's own arrays: names without meaning, damaged headers and small bombs each get one line."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tfgen import DataSources
from tfgen.data.own.in_memory import raw_of_memory
from tfgen.data.own.loading import split_raw
from tfgen.data.own.prepared import prepare_own
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

X = np.random.default_rng(0).integers(0, 200, (60, 4, 4)).astype(np.uint8)
Y = np.arange(60) % 2


@pytest.fixture
def load(tmp_path):
    return lambda name: prepare_own(str(tmp_path / name), DataOptions(), DataSources(data_dir=str(tmp_path / "kept")))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x_train": X, "y_test": Y}, "holds labels_test and no x_test; add the examples"),
        ({"x": X, "y_train": Y}, "holds labels_train and no x_train"),
        ({"x": X, "context_test": X}, "holds context_test and no x_test"),
        ({"x_test": X, "y_test": Y}, "holds x_test, y_test, and none to train on; call those x_train, or x"),
        ({"x": X, "levels": 0}, r"levels must be a number from 2 to 256, got 0"),
        ({"x": X, "levels": 17}, r"grey levels must lie in 0 \.\. 16, as levels says; got 199"),
        ({"x": X.reshape(60, 16) / 3, "levels": 17}, "levels are those of images"),
    ],
)
def test_arrays_without_effect_are_refused(arrays, says, load, tmp_path):
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=says):
        load("a.npz")
    with pytest.raises(DataError, match=says):
        split_raw(raw_of_memory(arrays, DataOptions()), "arrays", DataOptions())


def npy(header, data=b""):
    """The content of an .npy file with a header as it is given."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data


def described(shape, kind="|u1"):
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"


HEADERS = {
    "brackets": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 3"),
    "a string": npy("{'descr': '|u1"),
    "a bool": npy(described("(True, 3)"), b"123"),
    "negative": npy(described("(-1, -3)"), b"123"),
    "negative size": npy(described("(-3,)"), b""),
    "two types of keys": npy("{'descr': '|u1', 3: False, 'shape': (3,), }", b"123"),
    "no size": npy(described("(1000000000000,)", "|S0")),
    "deep": npy("(" * 5000),
    "huge": npy(described("(1000000000000, 4)"), b"1234"),
    "a shape of texts": npy(described("('a',)"), b"1"),
    "no header": b"\x93NUMPY\x01\0",
    "empty": b"",
}


@pytest.mark.parametrize("packing", ["npy", "npz", "lzma"])
@pytest.mark.parametrize("case", HEADERS)
def test_damaged_headers_get_one_line_and_no_memory(case, packing, load, tmp_path):
    if packing == "npy":
        (tmp_path / "a.npy").write_bytes(HEADERS[case])
    else:
        kind = zipfile.ZIP_LZMA if packing == "lzma" else zipfile.ZIP_STORED
        with zipfile.ZipFile(tmp_path / "a.npz", "w", kind) as archive:
            archive.writestr("x.npy", HEADERS[case])
    tracemalloc.start()
    with pytest.raises(DataError, match=r"cannot be read: .*write it again") as told:
        load("a.npy" if packing == "npy" else "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert "\n" not in str(told.value)


def test_a_damaged_entry_of_lzma_gets_one_line(load, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy(described("(60, 4, 4)"), X.tobytes()))
    content = bytearray(packed.getvalue())
    content[200:300] = b"\xff" * 100
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read") as told:
        load("a.npz")
    assert "\n" not in str(told.value)


def test_a_gzipped_idx_file_that_unpacks_to_too_much_is_refused(load, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.unpacking._MOST_UNPACKED", 1000)
    content = b"\0\0\x08\x03" + struct.pack(">3I", 1000, 32, 32) + bytes(1000 * 32 * 32)
    (tmp_path / "x").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="unpacks to more than"):
        load("x")
    content = content[:16] + np.random.default_rng(0).bytes(1000 * 32 * 32)
    (tmp_path / "y").write_bytes(gzip.compress(content))  # which packing makes no smaller
    assert load("y").spec.shape == (32, 32, 1)


def test_a_set_that_is_prepared_is_read_where_nothing_can_be_written(load, tmp_path):
    np.savez(tmp_path / "a.npz", x=X)
    first = load("a.npz")
    (pointers,) = (tmp_path / "kept").rglob("sources")
    for pointer in pointers.iterdir():
        pointer.unlink()
    pointers.rmdir()
    pointers.touch()  # whoever runs the tests may write to any folder, but not below a file
    assert load("a.npz").source == first.source


def test_a_large_set_that_is_prepared_is_read_where_nothing_can_be_written(load, tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=X)
    monkeypatch.setattr("tfgen.data.own.prepared._LARGE", 100)
    first = load("a.npz")
    for pointer in (tmp_path / "kept").rglob("sources/*"):
        pointer.unlink()
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("tfgen.data.own.prepared.cache.written", lambda *_: pytest.fail("something was written"))
    assert load("a.npz").source == first.source
