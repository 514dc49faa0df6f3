"""Turns, rounds, limits, and what becomes of contenders that fail; with a clock that only sleeping moves."""

import dataclasses
from typing import ClassVar

import pytest

import tfgen_benchmarks.suite as suite_module
import tfgen_benchmarks.worker as worker_module
from tests.benchmarks.suite.fake_contender import Clock, Fake
from tfgen_benchmarks.options import Options, Variant
from tfgen_benchmarks.pipe import Entrant, WorkerError, WorkerGoneError
from tfgen_benchmarks.pool import Pool
from tfgen_benchmarks.suite import Rival, Suite

SMALL = Options(batch_sizes=(1, 4), rounds=3, seconds=0.01, parts=("sampling",))


class LocalPool(Pool):
    """Contenders in this process, so that they share one clock."""

    clock = None
    options: ClassVar = {}

    def ask(self, name, do, **arguments):
        if name not in self._workers:
            self._workers[name] = worker_module._Desk(lambda subject: self.contender(name, subject))
        try:
            return self._workers[name].answer({"do": do, **arguments})
        except worker_module.UnsuitableError as error:
            raise WorkerError(str(error)) from error
        except MemoryError as error:
            raise WorkerError(worker_module.error_text(error)) from error
        except SystemError as error:  # stands for the death of the process
            del self._workers[name]
            self._deaths[name] += 1
            self._facts = {key: facts for key, facts in self._facts.items() if key[0] != name}
            raise WorkerGoneError("it died") from error

    def contender(self, name, subject):
        own = self.options.get(name, {}) if name not in ("tfgen", "machine") else {}
        return Fake(subject | {"options": (subject.get("options") or {}) | own}, self.clock)

    def __exit__(self, *exception):
        self._workers.clear()


@pytest.fixture
def measure(monkeypatch):
    """Measure a fake model with options, and return the rows and the suite."""
    clock = Clock()
    monkeypatch.setattr(worker_module, "time", clock)
    monkeypatch.setattr(suite_module, "Pool", LocalPool)
    monkeypatch.setattr(LocalPool, "clock", clock)

    def run(options=SMALL, model=None, rivals=(), variants=None, theirs=None):
        monkeypatch.setattr(LocalPool, "options", theirs or {})
        error_text = []
        suite = Suite(options, (), rivals, error_text.append)
        variants = variants or [Variant("fake", "fake", model or {})]
        rows = [row for found in suite.measure(variants) for row in found]
        return rows, suite, error_text

    return run


def rival(name="other", **changed):
    return Rival(Entrant(name, ["nothing"]), ("fake",), changed.pop("works", ("sample", "train")), **changed)


def test_a_known_sleep_is_timed_right_within_five_percent(measure):
    rows, suite, _ = measure()
    assert suite.clock["found"] == pytest.approx([suite.clock["asked"]] * 3, rel=0.05)
    for row in rows:  # 1e-4 s for each layer and image, half of it by XLA
        known = row.batch * 2e-4 * (0.5 if row.way == "xla" else 1.0)
        assert row.seconds == pytest.approx([known] * 3, rel=0.05)
        assert row.rate == pytest.approx(row.batch / known, rel=0.05)


def test_every_program_is_timed_in_every_round_beside_the_ceilings(measure):
    rows, suite, _ = measure()
    assert [(row.batch, row.way) for row in rows] == [(1, "graph"), (1, "xla"), (4, "graph"), (4, "xla")]
    for row in rows:
        assert row.reason is None
        assert len(row.seconds) == len(row.cores_busy) == 3
        assert {name: len(values) for name, values in row.ceilings.items()} == {"products": 3, "memory": 3}
        assert row.ceilings["products"] == pytest.approx([1e9] * 3, rel=0.05)  # 1e6 in a millisecond
        assert row.multiply_adds_each == 2 * 16 * 28**2
        assert row.notes == ["of no use"]
    assert suite.machine["cpu"] == "Abacus"


def test_first_call_is_apart_and_calls_fill_the_round(measure):
    rows, _, _ = measure(dataclasses.replace(SMALL, seconds=0.02))
    row = rows[0]
    assert row.first_seconds == pytest.approx(2e-4, rel=0.05)
    assert row.calls == round(0.02 / 2e-4)


def test_larger_batches_of_what_fails_are_not_tried_and_the_rest_goes_on(measure):
    options = dataclasses.replace(SMALL, batch_sizes=(1, 4, 16))
    rows, _, _ = measure(options, {"fails_at": 4})
    reasons = {(row.batch, row.way): row.reason for row in rows}
    assert reasons[1, "graph"] is None
    assert reasons[4, "graph"] == "out of memory (MemoryError: cannot allocate)"
    assert reasons[16, "graph"] == "not tried, for at batch 4: out of memory (MemoryError: cannot allocate)"


def test_what_would_take_too_long_is_not_tried_going_by_a_batch_that_is_large_enough(measure):
    options = dataclasses.replace(SMALL, batch_sizes=(1, 16, 4096, 8192), limit=0.5, ways=("graph",))
    rows, _, _ = measure(options)
    reasons = {row.batch: row.reason for row in rows}
    assert reasons[1] is reasons[16] is None
    assert reasons[4096] == "not tried: at least 1 s a call, going by batch 16"
    assert reasons[8192] == reasons[4096]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"repeats": True}, "draws the same in each call"),
        ({"infinite": True}, "not finite"),
        ({"refuses": "no images"}, "no images"),
        ({"slow": 1e6}, "more than --limit 30"),
        ({"mute": True}, "does not sample"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_what_cannot_be_measured_is_a_row_with_its_reason(measure, model, words):
    rows, _, _ = measure(variants=[Variant("bad", "fake", model), Variant("good", "fake", {})])
    bad = [row for row in rows if row.model == "bad"]
    assert bad
    assert all(words in row.reason and not row.seconds for row in bad)
    assert all(row.reason is None for row in rows if row.model == "good")


def test_programs_of_a_process_that_died_are_made_anew(measure, monkeypatch):
    """The second program ends the process when it is started; the first one is timed all the same."""
    died = []

    def program(self, work, way, batch, whole=Fake.program):
        if way == "xla" and not died:
            died.append(way)
            raise SystemError
        return whole(self, work, way, batch)

    monkeypatch.setattr(Fake, "program", program)
    rows, _, _ = measure(dataclasses.replace(SMALL, batch_sizes=(1,)))
    assert [row.reason for row in rows] == [None, "it died"]
    assert len(rows[0].seconds) == 3


@pytest.mark.slow
def test_growth_varies_one_thing_at_a_time(measure):
    rows, _, _ = measure(dataclasses.replace(SMALL, parts=("growth",)))
    assert [row.sizes for row in rows[:4]] == [{"side": side} for side in (8, 14, 28, 56)]
    assert [row.sizes["layers"] for row in rows if "layers" in row.sizes] == [1, 2, 4]
    assert [row.sizes["units"] for row in rows if "units" in row.sizes] == [8, 16, 32]
    layers = [row for row in rows if "layers" in row.sizes]
    assert [row.seconds[0] / row.sizes["layers"] for row in layers] == pytest.approx([64e-4] * 3, rel=0.05)
    assert [row.multiply_adds_each for row in layers] == [size * 16 * 28**2 for size in (1, 2, 4)]


@pytest.mark.slow
def test_an_option_that_changes_nothing_is_no_growth(measure, monkeypatch):
    facts = Fake.facts
    monkeypatch.setattr(Fake, "facts", lambda self: facts(self) | {"config": {"depth": 2}})
    rows, _, _ = measure(dataclasses.replace(SMALL, parts=("growth",)))
    idle = [row for row in rows if "depth" in row.sizes]
    assert {row.reason for row in idle} == {"--depth changes nothing in this model"}


def test_rivals_take_turns_with_tfgen(measure):
    rows, suite, _ = measure(rivals=[rival()], theirs={"other": {"slow": 3.0, "parameters": 102}})
    theirs = [row for row in rows if row.contender == "other" and row.batch == 4]
    ours = [row for row in rows if row.contender == "tfgen" and row.batch == 4]
    assert [row.way for row in theirs] == ["graph", "xla"]
    assert theirs[0].rate == pytest.approx(ours[0].rate / 3, rel=0.05)
    assert theirs[0].parameters == 102
    assert "same outputs from the same weights" in theirs[0].notes[0]
    assert suite.peers["other"] == {"versions": {"fake": "1.0"}, "threads": 1, "device": "CPU"}


def test_a_rival_that_computes_something_else_is_not_timed(measure):
    rows, _, _ = measure(rivals=[rival()], theirs={"other": {"differs": True}})
    theirs = [row for row in rows if row.contender == "other"]
    assert all("makes something else of the same inputs" in row.reason for row in theirs)
    assert all(row.reason is None for row in rows if row.contender == "tfgen")


def test_a_rival_that_is_not_installed_says_how_it_can_be(measure):
    missing = rival(missing="PyTorch is not installed; run: pip")
    rows, _, _ = measure(rivals=[missing])
    assert {row.reason for row in rows if row.contender == "other"} == {"PyTorch is not installed; run: pip"}


@pytest.mark.slow
def test_a_rival_takes_part_only_in_what_it_does_and_knows(measure):
    options = dataclasses.replace(SMALL, parts=("sampling", "training"))
    variants = [Variant("fake", "fake", {}), Variant("stranger", "stranger", {})]
    rows, _, _ = measure(options, variants=variants, rivals=[rival(works=("train",), same_weights=False)])
    assert {(row.model, row.part) for row in rows if row.contender == "other"} == {("fake", "training")}


def test_ways_and_modes_are_those_asked_for(measure):
    rows, _, _ = measure(dataclasses.replace(SMALL, ways=("xla",), modes=("xla-loop",), parts=("sampling", "training")))
    assert {(row.part, row.way) for row in rows} == {("sampling", "xla")}
