"""Blocks and batching: a row has the same bytes wherever it stands, and limits hold."""

import threading
from concurrent.futures import Future

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.serve.served import run_of, served
from tests.toy_models import Gaussian, GaussianConfig
from tfgen.data.spec import DataSpec
from tfgen.runs.api import load
from tfgen_plugins.serve.batching import Batcher, BusyError, ClosingError
from tfgen_plugins.serve.block import RowRequest
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.work import Work


def work_of(model, name, count, seed, arrays=None, constants=()):
    _, scalars = model.sampling.chosen({})
    request = RowRequest(arrays or {}, seed, scalars if name == "sample" else {})
    return Work(Future(), lambda: model.function(name, constants), count, (model.name, name, constants), request)


def results(batcher, works):
    """Queue works before the thread begins, so that they stand in blocks together; return their results."""
    for work in works:
        batcher.submit(work)
    with batcher:
        return [work.future.result(60) for work in works]


@pytest.fixture(scope="module")
def flow(tiny_run):
    """A trained flow: its densities show every rounding."""
    return ServedModel(load(tiny_run), 64)


def test_same_seed_same_bytes_whatever_stands_beside_it(flow):
    """Samples and densities at 1, 3 and 257 rows, alone and among others."""
    counts, blocks = (1, 3, 257), []
    alone = {n: results(Batcher(), [work_of(flow, "sample", n, 7)])[0] for n in counts}
    assert alone[1].tobytes() == alone[257][:1].tobytes()
    assert alone[3].tobytes() == alone[257][:3].tobytes()
    x = alone[257]
    scores = {n: results(Batcher(), [work_of(flow, "log_prob", n, 4, {"x": x[:n]})])[0] for n in counts}
    assert scores[1].tobytes() == scores[257][:1].tobytes()
    assert scores[3].tobytes() == scores[257][:3].tobytes()
    assert len(np.unique(scores[257])) > 200
    mixed = []
    for n in (3, 257, 1, 3, 1):
        mixed += [
            (alone[n], work_of(flow, "sample", n, 7)),
            (None, work_of(flow, "sample", 5, n)),
            (scores[n], work_of(flow, "log_prob", n, 4, {"x": x[:n]})),
            (None, work_of(flow, "log_prob", 30, 9, {"x": x[:30]})),
        ]
    batcher = Batcher(on_block=lambda rows, seconds: blocks.append(rows))
    found = results(batcher, [work for _, work in mixed])
    assert max(blocks) == 64, "rows of several requests have to stand in one block"
    for (expected, _), result in zip(mixed, found, strict=True):
        assert expected is None or expected.tobytes() == result.tobytes()


def test_samples_are_those_of_the_model(flow):
    (drawn,) = results(Batcher(), [work_of(flow, "sample", 64, 5)])
    np.testing.assert_array_equal(drawn, flow.model.sample(64, seed=5))


def test_without_batching_each_request_is_computed_by_itself(flow):
    blocks = []
    batcher = Batcher(batching=False, on_block=lambda rows, seconds: blocks.append(rows))
    found = results(batcher, [work_of(flow, "sample", n, 7) for n in (3, 3, 70)])
    assert blocks == [3, 3, 64, 6]
    np.testing.assert_array_equal(found[0], found[1])


def test_a_large_request_does_not_hold_up_small_ones(flow):
    ended = []
    works = [work_of(flow, "sample", n, 1) for n in (64 * 5, 2, 2)]
    for number, work in enumerate(works):
        work.future.add_done_callback(lambda _, number=number: ended.append(number))
    results(Batcher(), works)
    assert ended == [1, 2, 0]


@pytest.mark.parametrize("kind", ["conditional_realnvp", "cvae", "pixelcnn"])
def test_rows_with_labels_of_their_own_mix(kind):
    model = served(kind)
    numbers = np.arange(11, dtype=np.int32) % 10
    (alone,) = results(Batcher(), [work_of(model, "sample", 11, 3, {"labels": numbers})])
    others = {"labels": np.full(5, 9, np.int32)}
    works = [work_of(model, "sample", 5, 8, others), work_of(model, "sample", 11, 3, {"labels": numbers})]
    assert results(Batcher(), works)[1].tobytes() == alone.tobytes()
    assert model.function("sample").mixes


class ByTheMean(Gaussian):
    """Its rows depend on each other."""

    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(x - tf.reduce_mean(x, axis=0))


class OwnNoise(Gaussian):
    """Draws by an operation of TensorFlow that takes one seed."""

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.random.stateless_normal([n, 2], tf.stack([seed[0] + first, seed[1]]))


@pytest.mark.parametrize(("cls", "name"), [(ByTheMean, "log_prob"), (OwnNoise, "sample")])
def test_rows_that_cannot_mix_are_computed_for_one_request_at_a_time(cls, name):
    model = ServedModel(run_of(cls(GaussianConfig(), DataSpec("vector", (2,)), 0), "toy"), 8)
    x = np.random.default_rng(0).standard_normal((11, 2)).astype(np.float32)
    arrays = {"x": x} if name == "log_prob" else {}
    (alone,) = results(Batcher(), [work_of(model, name, 11, 3, arrays)])
    assert not model.function(name).mixes
    assert name in model.describe()["not_batched"]
    works = [work_of(model, name, 5, 8, dict.fromkeys(arrays, 2 * x[:5])), work_of(model, name, 11, 3, arrays)]
    other, again = results(Batcher(), works)
    assert again.tobytes() == alone.tobytes()
    assert other.tobytes() != alone[:5].tobytes()


def test_too_much_is_refused():
    batcher = Batcher(most_requests=2, most_rows=100)
    for count in (60, 40):
        batcher.submit(Work(Future(), lambda: None, count))
    with pytest.raises(BusyError, match="2 requests are waiting"):
        batcher.submit(Work(Future(), lambda: None))
    batcher = Batcher(most_rows=100)
    batcher.submit(Work(Future(), lambda: None, 60))
    with pytest.raises(BusyError, match="60 rows are waiting"):
        batcher.submit(Work(Future(), lambda: None, 41))
    assert batcher.waiting == (1, 60)


def test_work_that_nobody_waits_for_is_dropped(flow):
    blocks = []
    works = [work_of(flow, "sample", n, 7) for n in (200, 3)]
    works[0].dropped = True
    batcher = Batcher(on_block=lambda rows, seconds: blocks.append(rows))
    for work in works:
        batcher.submit(work)
    with batcher:
        works[1].future.result(60)
    assert blocks == [3]
    assert batcher.waiting == (0, 0)


def test_what_waits_is_done_when_it_stops_and_nothing_new_is_taken():
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go_on.wait(60)
        return "done"

    works = [Work(Future(), slow), Work(Future(), lambda: "too")]
    with Batcher() as batcher:
        for work in works:
            batcher.submit(work)
        begun.wait(60)
        batcher.close()
        assert not batcher.open
        works.append(Work(Future(), lambda: "last"))
        batcher.submit(works[-1])  # a further step of a request that is being answered
        go_on.set()
    with pytest.raises(ClosingError, match="is stopping"):
        batcher.submit(Work(Future(), lambda: None))
    assert [work.future.result(0) for work in works] == ["done", "too", "last"]


def test_an_error_goes_to_those_whose_work_it_was():
    def failing():
        raise ValueError("broken")

    works = [Work(Future(), failing, 3, "key", RowRequest({})), Work(Future(), lambda: 4)]
    with Batcher() as batcher:
        for work in works:
            batcher.submit(work)
        assert works[1].future.result(60) == 4
    with pytest.raises(ValueError, match="broken"):
        works[0].future.result(0)


class Picky:
    """Function of blocks that fails on a row with the number 13."""

    size, mixes = 8, True

    def rows_from(self, start):
        return self.size

    def __call__(self, parts, size=None):
        rows = np.concatenate([request.arrays["x"][own] for own, request in parts])
        if 13 in rows:
            raise ValueError("13")
        return rows * 2


def test_a_row_that_fails_takes_no_other_request_with_it():
    works = [
        Work(Future(), Picky, len(x), "key", RowRequest({"x": np.array(x)}))
        for x in ([1, 2], [13], [4], range(100, 120))
    ]
    batcher = Batcher()
    for work in works:
        batcher.submit(work)
    with batcher:
        done = [work.future.exception(60) for work in works]
    assert [type(error) for error in done] == [type(None), ValueError, type(None), type(None)]
    assert [list(works[k].future.result()) for k in (0, 2)] == [[2, 4], [8]]
    np.testing.assert_array_equal(works[3].future.result(), 2 * np.arange(100, 120))


def test_a_device_that_is_not_there_lets_nobody_wait():
    def scope():
        raise OSError("no such device")

    work = Work(Future(), lambda: 1)
    batcher = Batcher(scope=scope)
    batcher.submit(work)
    with batcher, pytest.raises(OSError, match="no such device"):
        work.future.result(60)
    with pytest.raises(ClosingError):
        batcher.submit(Work(Future(), lambda: 1))
