"""Scores of examples in a run folder: kept beside each other, bounded, and read from strangers without harm."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import RunError
from tfgen.metrics import Basis, Metric
from tfgen.runs.scores import MOST_EXAMPLES, belong_to, read_scores, record_scores, scores_file


def metric(scores, name="nll_nats"):
    scores = None if scores is None else np.asarray(scores, np.float64)
    value = 17.0 if scores is None else scores.mean()
    return Metric(name, value, 0.1, "nats", Basis(examples=0 if scores is None else len(scores)), scores=scores)


def test_scores_come_back_and_new_ones_stand_beside_old_ones(tmp_path):
    assert read_scores(tmp_path, "test") == {}
    first, second = np.arange(5.0), np.arange(7.0)
    record_scores(tmp_path, "test", {"a": metric(first), "count": metric(None)})
    record_scores(tmp_path, "test", {"b": metric(second)})
    found = read_scores(tmp_path, "test")
    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["a"], first)
    np.testing.assert_array_equal(found["b"], second)
    record_scores(tmp_path, "test", {"a": metric(None)})  # measured again, without scores
    assert set(read_scores(tmp_path, "test")) == {"b"}
    assert read_scores(tmp_path, "valid") == {}
    assert belong_to(second, metric(second))
    assert not belong_to(second, metric(first))
    assert not belong_to(second + 1, metric(second))
    assert not belong_to(None, metric(second))
    assert [path.name for path in tmp_path.iterdir()] == ["scores_test.npz"]


def test_the_file_is_bounded(tmp_path):
    record_scores(tmp_path, "test", {"a": metric(np.zeros(MOST_EXAMPLES + 1)), "b": metric(np.zeros(1))})
    assert not scores_file(tmp_path, "test").exists()
    for number in range(70):
        record_scores(tmp_path, "test", {f"m{number}": metric(np.zeros(3))})
    assert len(read_scores(tmp_path, "test")) == 64


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def archive(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("pickled",)


HEADER = npy(np.zeros(3))
HOSTILE = {
    "no archive": lambda path: path.write_bytes(b"scores"),
    "empty": lambda path: path.write_bytes(b""),
    "pickle": lambda path: path.write_bytes(pickle.dumps(Bomb())),
    "objects": lambda path: archive(path, {"a.npy": npy(np.array([Bomb()]), allow_pickle=True)}),
    "float32": lambda path: archive(path, {"a.npy": npy(np.zeros(3, np.float32))}),
    "matrix": lambda path: archive(path, {"a.npy": npy(np.zeros((3, 3)))}),
    "compressed": lambda path: archive(path, {"a.npy": npy(np.zeros(3))}, zipfile.ZIP_DEFLATED),
    "long": lambda path: archive(path, {"a.npy": HEADER.replace(b"(3,), ", b"(3000000000,), ")}),
    "cut": lambda path: archive(path, {"a.npy": HEADER[:-8]}),
    "more than it says": lambda path: archive(path, {"a.npy": HEADER + b"x"}),
    "negative": lambda path: archive(path, {"a.npy": HEADER.replace(b"(3,), ", b"(-3,), ")}),
    "many": lambda path: archive(path, {f"{i}.npy": HEADER for i in range(65)}),
    "fifo": os.mkfifo,
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_strangers_file_is_refused_in_one_line(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = scores_file(tmp_path, "test")
    HOSTILE[kind](path)
    with pytest.raises(RunError, match=r"scores_test\.npz is damaged \(.*\); delete it, then measure again") as raised:
        read_scores(tmp_path, "test")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "pickled").exists()


@given(st.binary(max_size=300), st.integers(0, 600), st.booleans())
def test_any_damage_is_an_error_or_an_array(content, place, cut):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record_scores(folder, "test", {"a": metric(np.arange(9.0))})
        path = scores_file(folder, "test")
        whole = path.read_bytes()
        path.write_bytes(whole[:place] + content + (b"" if cut else whole[place + len(content) :]))
        try:
            found = read_scores(folder, "test")
        except RunError:
            return
        assert all(scores.dtype == np.float64 and scores.ndim == 1 for scores in found.values())
