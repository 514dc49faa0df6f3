"""A stranger's run folder, cache, picture or command line ends in numbers or in one line, within bounds of time and memory."""

import os
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.cases import KINDS, Case, Ground
from tests.hostile.pool import Outcome, Pool

_SEED = 2026
#: What each case may take: most run in a second; the first of a program, on a busy machine, in forty. None took 200 MB.
_SECONDS, _MB = 120.0, 1000.0
#: Places that values of `tests.hostile.cases.VALUES` name and that must not come to be.
_ELSEWHERE = ("/tfgen-was-here", "/root/tfgen-was-here", "/made", "/proc/self/root/tfgen")


def problem(outcome: Outcome) -> str | None:
    """Return what is wrong with the outcome of a case; None when it is as promised."""
    if outcome.code is None:
        return f"the worker died or took more than {_SECONDS:.0f} s"
    if outcome.trace:
        return outcome.trace
    lines = [line for line in outcome.err.splitlines() if line.startswith("tfgen: ")]
    if outcome.code not in (0, 2) or len(lines) != (outcome.code == 2):
        return f"exit code {outcome.code} with {outcome.err[-2000:]!r}"
    if any(len(line) > 3000 for line in lines):
        return f"a line of {max(map(len, lines))} characters"
    if re.search(r"delete the folder /(?:dev|etc|proc)?\b(?!\S*tfgen)", outcome.err):
        return f"dangerous advice: {outcome.err}"
    if outcome.mb > _MB:
        return f"{outcome.mb:.0f} MB"
    return None


def tree(folder: Path) -> set[str]:
    """Return the paths of everything in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def hostile_cases(count: int | None = None) -> list[tuple[int, int]]:
    """Return (kind, number) of the cases: all, or about so many of the kinds in turn."""
    every = [(kind, number) for kind, cases in enumerate(KINDS.values()) for number in range(cases)]
    return every if count is None else every[:: len(every) // count]


@pytest.mark.slow
def test_a_thousand_hostile_cases(once, tmp_path):
    from tests.hostile.made import make_ground

    ground = Ground(once("hostile", make_ground))
    before = tree(ground.folder)
    (home := tmp_path / "home").mkdir()
    (cases := tmp_path / "cases").mkdir()

    def run(pool: Pool, place: tuple[int, int]) -> tuple[Case, Outcome]:
        kind, number = place
        (folder := cases / f"{kind:02}-{number:03}").mkdir()
        function = list(KINDS)[kind]
        case = function(folder, np.random.default_rng((_SEED, kind, number)), ground)
        return case, pool.run(folder, case.arguments, _SECONDS)

    began = time.perf_counter()
    with Pool(os.cpu_count() or 1, home) as pool:
        ended = list(pool.map(run, hostile_cases()))
    seconds = time.perf_counter() - began
    failures = [
        f"{case.kind} {place[1]} {case.notes}: tfgen {' '.join(case.arguments)}\n{why}"
        for place, (case, outcome) in zip(hostile_cases(), ended, strict=True)
        if (why := problem(outcome)) is not None
    ]
    report(ended, seconds)
    assert not failures, f"{len(failures)} of {len(ended)} cases:\n\n" + "\n\n".join(failures)
    assert len(ended) == 1000
    parsed = sum(case.parses or (case.kind == "options" and outcome.code == 0) for case, outcome in ended)
    assert parsed >= len(ended) / 2, f"only {parsed} cases get past parsing"
    assert tree(ground.folder) == before, "a case wrote into the folders that it was copied from"
    assert not [place for place in _ELSEWHERE if os.path.lexists(place)]
    libraries = ("tensorflow_datasets", ".keras", ".cache", ".config/matplotlib")
    made = {path for path in tree(home) - {".config"} if not path.startswith(libraries)}
    assert not made, f"cases made {made} in the user's home"


def report(ended: list[tuple[Case, Outcome]], seconds: float) -> None:
    """Print how the cases ended; `pytest -s` shows it."""
    codes = Counter((case.kind, outcome.code) for case, outcome in ended)
    print(f"\n{len(ended)} cases in {seconds:.0f} s, {sum(case.parses for case, _ in ended)} parse")
    print(f"slowest {max(o.seconds for _, o in ended):.1f} s, most memory {max(o.mb for _, o in ended):.0f} MB")
    for (kind, code), number in sorted(codes.items(), key=str):
        print(f"{kind:<12} exit code {code}: {number}")


#: Kinds whose commands read small files alone, in some milliseconds.
_FAST = ("results", "rows", "small_bytes", "bombs")


def test_a_few_dozen_of_them(tiny_run, tmp_path, monkeypatch, capsys):
    """The same cases as above of the kinds that need no TensorFlow, in this process."""
    from tfgen.cli.main import main

    (tmp_path / "ground" / "runs").mkdir(parents=True)
    (tmp_path / "ground" / "runs" / "flow").symlink_to(tiny_run)
    ground, parsed = Ground(tmp_path / "ground"), 0
    kinds = [(kind, function) for kind, function in enumerate(KINDS) if function.__name__ in _FAST]
    places = [(kind, function, number) for kind, function in kinds for number in range(8)]
    for kind, function, number in places:
        (folder := tmp_path / f"{kind:02}-{number:03}").mkdir()
        case = function(folder, np.random.default_rng((_SEED, kind, number)), ground)
        monkeypatch.chdir(folder)
        began = time.perf_counter()
        code = main(["info", "run"] if case.arguments[0] == "compare" else case.arguments)  # which draws pictures
        outcome = Outcome(code, capsys.readouterr().err, "", time.perf_counter() - began, 0.0)
        assert problem(outcome) is None, f"{case.kind} {number} {case.notes}: {problem(outcome)}"
        assert main(["runs", "run"]) == main(["runs", "--runs-dir", "."]) == 0  # a damaged run is a line of a list
        assert capsys.readouterr().err == ""
        parsed += case.parses
    assert len(places) == 32
    assert parsed >= len(places) / 3  # of all, more than half
