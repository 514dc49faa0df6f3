"""Run the suite: contenders take turns in rounds, beside the ceilings; a failure becomes a row with its reason."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfgen.errors import TfgenError
from tfgen_benchmarks.axes import growth_axes, refuse_what_changes_nothing
from tfgen_benchmarks.options import Options, Variant
from tfgen_benchmarks.pipe import Entrant, WorkerError, WorkerGoneError, tfgen
from tfgen_benchmarks.pool import Case, Pool
from tfgen_benchmarks.rows import BenchmarkRow, Part

#: How far outputs of the same weights may lie apart.
TOLERANCE = 1e-3
#: What a larger batch takes at least, of the time that so many more images would: products of more rows are faster.
_SAVED = 0.7
#: From so many images on, that is; with fewer, a call takes what it takes to make it.
_MANY = 16
_CEILINGS = ("products", "memory")
_MACHINE, _CLOCK_BATCH = "machine", 20
#: How many seconds a single call may take for some more to go before it, untimed.
_SHORT = 1.0


@dataclass(frozen=True)
class Rival:
    """A peer library with the models that it supports.

    Attributes:
        entrant: its process.
        models: registered names that it knows; empty for every model.
        works: that it does.
        missing: what has to be installed for it, with the command; None when all is there.
        same_weights: whether it takes the weights of tfgen's model, and so has to make the same of the same inputs.
    """

    entrant: Entrant
    models: tuple[str, ...]
    works: tuple[str, ...]
    missing: str | None = None
    same_weights: bool = True


@dataclass
class Suite:
    """The benchmark suite: measures one model after another.

    Attributes:
        options: what is measured.
        plugins: as ``-p``.
        rivals: other libraries.
        say: called with lines about the progress.
        machine: set once a process has reported it.
        peers: facts of the other libraries, by name.
        clock: seconds that were asked for and those that the suite found, in each round.
    """

    options: Options
    plugins: Sequence[str] = ()
    rivals: Sequence[Rival] = ()
    say: Callable[[str], None] = print
    machine: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    clock: dict[str, Any] = field(default_factory=dict)
    _started: list[Case] = field(default_factory=list)

    def measure(self, variants: Sequence[Variant]) -> Iterator[list[BenchmarkRow]]:
        """Yield the rows of each model.

        Raises:
            TfgenError: when the machine itself cannot be measured, for example since there is no GPU.
        """
        ours = tfgen()
        with Pool({_MACHINE: dataclasses.replace(ours, name=_MACHINE)}, self.options.patience) as self._limits:
            self.machine = self._limits.build(_MACHINE, _MACHINE, self._machine_subject())["machine"]
            self._check_clock()
            for number, variant in enumerate(variants):
                self.say(f"{variant.name} ({number + 1} of {len(variants)})")
                rivals = [rival for rival in self.rivals if not rival.models or variant.model in rival.models]
                entrants = {entrant.name: entrant for entrant in (ours, *(rival.entrant for rival in rivals))}
                with Pool(entrants, self.options.patience) as pool:
                    yield list(self._model(pool, variant, rivals))

    def _machine_subject(self) -> dict[str, Any]:
        return {"machine": True, "device": self.options.device, "precision": self.options.precision}

    def _subject(self, variant: Variant) -> dict[str, Any]:
        options = self.options
        run = None if variant.run is None else str(variant.run)
        subject: dict[str, Any] = {
            "model": variant.model,
            "run": run,
            "plugins": list(self.plugins),
            "options": variant.options,
        }
        subject |= {"side": options.side, "seed": options.seed, "device": options.device}
        return subject | {"precision": options.precision, "chunk_steps": options.chunk_steps}

    def _check_clock(self) -> None:
        """Time a model that sleeps for a known time, as any model is timed."""
        row = BenchmarkRow("sampling", "sleep", "tfgen", "ceiling", "clock", "sleep", _CLOCK_BATCH)
        self._time(self._limits, [Case(_MACHINE, _MACHINE, self._machine_subject(), row)], ceilings=False)
        if row.reason is not None:
            raise TfgenError(f"the suite cannot time a model that sleeps: {row.reason}.")
        self.clock = {"asked": 1e-3 * _CLOCK_BATCH, "found": row.seconds}

    def _model(self, pool: Pool, variant: Variant, rivals: Sequence[Rival]) -> Iterator[BenchmarkRow]:
        subject = self._subject(variant)
        try:
            facts = pool.build("tfgen", variant.name, subject)
        except (WorkerError, WorkerGoneError) as error:
            for part in self.options.parts:
                yield BenchmarkRow(part, variant.name, "tfgen", "sample", "-", "tfgen", 0, reason=str(error))
            return
        with tempfile.TemporaryDirectory() as folder:
            entered = self._enter(pool, variant, rivals, facts, Path(folder))
            for part in self.options.parts:
                measure = {"sampling": self._batches, "directions": self._batches, "training": self._training}
                if part == "growth":
                    yield from self._growth(pool, variant, facts)
                else:
                    yield from measure[part](pool, variant, entered, part)

    def _enter(
        self, pool: Pool, variant: Variant, rivals: Sequence[Rival], facts: Mapping[str, Any], folder: Path
    ) -> list[_Entered]:
        """Build the model in every library, and check that the same weights make the same of the same inputs."""
        entered = [_Entered("tfgen", variant.name, self._subject(variant), facts)]
        if rivals and variant.run is None:
            pool.ask("tfgen", "save_data", key=variant.name, folder=str(folder))
        for rival in rivals if variant.run is None else ():
            name = rival.entrant.name
            subject = self._subject(variant) | {"threads": 0, "data": str(folder / "data.npz")}
            subject |= {key: facts[key] for key in ("config", "shape", "classes", "levels", "training")}
            one = _Entered(name, variant.name, subject, works=rival.works)
            entered.append(one)
            if rival.missing:
                one.reason = rival.missing
                continue
            try:
                self.say(f"{variant.name}: building {name}")
                one.facts = pool.build(name, variant.name, subject)
                self.peers[name] = {key: one.facts[key] for key in ("versions", "threads", "device")}
                if rival.same_weights:
                    one.notes.append(self._same(pool, variant.name, name, folder))
                one.notes += one.facts.get("notes", [])
            except (WorkerError, WorkerGoneError) as error:
                one.reason = str(error)
        return entered

    def _same(self, pool: Pool, key: str, name: str, folder: Path) -> str:
        """Compare outputs; return a note, or raise if they differ."""
        pool.ask("tfgen", "probe", key=key, folder=str(folder))
        distances = pool.ask(name, "compare", key=key, folder=str(folder))["distances"]
        worst = max(distances.values())
        words = ", ".join(f"{what} {distance:.1g}" for what, distance in distances.items())
        if not worst <= TOLERANCE:
            raise WorkerError(f"with the same weights {name} makes something else of the same inputs ({words})")
        return f"{name}: the same outputs from the same weights (largest relative distance: {words})"

    def _rows(self, entered: Sequence[_Entered], part: Part, variant: Variant, work: str, batch: int) -> list[Case]:
        cases = []
        for one in entered:
            if one.works and work not in one.works:
                continue
            if one.reason is not None:
                row = BenchmarkRow(part, variant.name, one.name, work, "-", one.name, batch, reason=one.reason)
                cases.append(Case(one.name, one.key, one.subject, row))
                continue
            for way, description in one.facts["ways"][work].items():
                if one.name == "tfgen" and way not in (self.options.modes if work == "train" else self.options.ways):
                    continue
                row = BenchmarkRow(part, variant.name, one.name, work, way, description, batch)
                row.parameters, row.notes = one.facts["parameters"], list(one.notes)
                cases.append(Case(one.name, one.key, one.subject, row))
        return cases

    def _batches(self, pool: Pool, variant: Variant, entered: Sequence[_Entered], part: Part) -> Iterator[BenchmarkRow]:
        works = ("sample",) if part == "sampling" else ("decode", "encode")
        absent = {one.name for one in entered if one.reason is not None}
        given_up: dict[tuple[str, str, str], str] = {}  # what fails, or takes too long, does so with more images, too
        sizes = sorted(self.options.batch_sizes)
        for batch, larger in zip(sizes, [*sizes[1:], sizes[-1]], strict=True):
            cases = [case for work in works for case in self._rows(entered, part, variant, work, batch)]
            for case in cases:
                case.row.reason = case.row.reason or given_up.get((case.entrant, case.row.work, case.row.way))
            self._time(pool, cases)
            for case in cases:
                name = (case.entrant, case.row.work, case.row.way)
                if case.row.reason is not None and case.entrant not in absent:
                    given_up.setdefault(name, f"not tried, for at batch {batch}: {case.row.reason}")
                elif case.row.seconds and batch >= _MANY:
                    least = _SAVED * larger / batch * min(case.row.seconds)
                    if least > self.options.limit:
                        given_up[name] = f"not tried: at least {least:.0f} s a call, going by batch {batch}"
            yield from (case.row for case in cases)
        if part == "sampling" and not entered[0].facts["ways"]["sample"]:
            yield BenchmarkRow(
                part, variant.name, "tfgen", "sample", "-", "tfgen", 0, reason="the model does not sample (Samples)"
            )

    def _training(
        self, pool: Pool, variant: Variant, entered: Sequence[_Entered], part: Part
    ) -> Iterator[BenchmarkRow]:
        cases = self._rows(entered, part, variant, "train", self.options.train_batch)
        self._time(pool, cases)
        yield from (case.row for case in cases)

    def _growth(self, pool: Pool, variant: Variant, facts: Mapping[str, Any]) -> Iterator[BenchmarkRow]:
        """Vary the side of the images, the layers and the width, one at a time, the other two as they are."""
        batch = self.options.growth_batch
        way = self.options.ways[0]
        for axis, changes in growth_axes(variant, facts):
            cases = []
            for size, changed in changes:
                subject = self._subject(variant)
                subject["options"] = variant.options | changed.get("options", {})
                subject["side"] = changed.get("side", self.options.side)
                description = f"tfgen, {way}"
                row = BenchmarkRow(
                    "growth", variant.name, "tfgen", "sample", way, description, batch, sizes={axis: size}
                )
                cases.append(Case("tfgen", f"{variant.name} {axis} {size}", subject, row))
            self._time(pool, cases, check=refuse_what_changes_nothing)
            for case in cases:
                self._quietly(pool, "tfgen", "forget", key=case.key)
            yield from (case.row for case in cases)

    def _time(
        self,
        pool: Pool,
        cases: Sequence[Case],
        ceilings: bool = True,
        check: Callable[[Sequence[BenchmarkRow]], None] = lambda _: None,
    ) -> None:
        """Fill rows: start every program, then time all of them in turns, each round starting with another one."""
        for case in cases:
            if case.row.reason is None:
                self._start(pool, case)
        check([case.row for case in cases])
        alive = [case for case in cases if case.row.reason is None]
        if alive:
            first = alive[0].row
            size = "".join(f", {name}" for name in first.sizes)
            self.say(f"{first.model}: {first.part}, batch {first.batch}{size}")
        limits = self._ceilings() if ceilings and alive else []
        for turn in range(self.options.rounds):
            alive = [case for case in cases if case.row.reason is None]
            if not alive:
                break
            begin = turn % len(alive)
            for case in alive[begin:] + alive[:begin]:
                self._turn(pool, case)
            result = {limit.row.way: self._turn(self._limits, limit) for limit in limits}
            for case in alive:
                for name, rate in result.items():
                    case.row.ceilings.setdefault(name, []).append(rate)
        for case in cases:
            if case.row.reason is None:
                self._quietly(pool, case.entrant, "stop", **case.program)

    def _start(self, pool: Pool, case: Case) -> None:
        row = case.row
        try:
            facts = pool.build(case.entrant, case.key, case.subject)
            row.parameters = facts.get("parameters")
            answer = pool.ask(case.entrant, "start", **case.program)
            case.life = pool.life(case.entrant)
        except (WorkerError, WorkerGoneError) as error:
            row.reason = str(error)
            return
        for name in ("examples", "multiply_adds", "bytes", "first_seconds", "peak_bytes"):
            setattr(row, name, answer[name])
        row.notes += [note for note in answer["notes"] if note not in row.notes]
        case.each = seconds = answer["seconds"]
        row.calls = max(1, round(self.options.seconds / seconds))
        if not answer["finite"]:
            row.reason = "its results are not finite"
        elif row.work == "sample" and answer["repeats_itself"]:
            row.reason = "it draws the same in each call: that is not sampling"
        elif seconds > self.options.limit:
            row.reason = f"a call takes {seconds:.0f} s, more than --limit {self.options.limit:g}"

    def _turn(self, pool: Pool, case: Case) -> float:
        """Time a program for a round; return its examples a second."""
        row = case.row
        if case.life != pool.life(case.entrant):  # another program has ended the process
            self._start(pool, case)
        if row.reason is not None:
            return 0.0
        lead = 0 if case.each > _SHORT else max(1, row.calls // 4)
        try:
            answer = pool.ask(case.entrant, "time", **case.program, lead=lead, calls=row.calls)
        except (WorkerError, WorkerGoneError) as error:
            row.reason = str(error)
            return 0.0
        row.seconds.append(answer["seconds"] / row.calls)
        row.cores_busy.append(answer["processor_seconds"] / answer["seconds"])
        return (row.examples or 0.0) / row.seconds[-1]

    def _ceilings(self) -> list[Case]:
        """Return the machine's limits, ready to be timed, in a process of their own."""
        if not self._started:
            for way in _CEILINGS:
                row = BenchmarkRow("sampling", _MACHINE, "tfgen", "ceiling", way, way, 0)
                self._started.append(Case(_MACHINE, _MACHINE, self._machine_subject(), row))
                self._start(self._limits, self._started[-1])
        return [case for case in self._started if case.row.reason is None]

    def _quietly(self, pool: Pool, name: str, do: str, **arguments: Any) -> None:
        """Ask for what does not matter when it fails: a process that has died holds nothing any more."""
        try:
            pool.ask(name, do, **arguments)
        except (WorkerError, WorkerGoneError):
            return


@dataclass
class _Entered:
    """A contender for a model, or the reason why it does not take part."""

    name: str
    key: str
    subject: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    works: tuple[str, ...] = ()
    reason: str | None = None
    notes: list[str] = field(default_factory=list)
