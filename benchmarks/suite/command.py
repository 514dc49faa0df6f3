"""Command line of `tfgen bench`: measure, or compare two results. It loads no TensorFlow; worker processes do."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen.cli.outputs import require_new
from tfgen.cli.parsing import parse
from tfgen.errors import OutputError
from tfgen.printed import say
from tfgen.progress import Bar
from tfgen_benchmarks import record
from tfgen_benchmarks.datasheet import BELIEVABLE, datasheet
from tfgen_benchmarks.machine import load_average
from tfgen_benchmarks.options import Options, Variant, variants
from tfgen_benchmarks.record import Result
from tfgen_benchmarks.report import ceiling_values

if TYPE_CHECKING:
    from tfgen.plugin.registry import Registry
    from tfgen_benchmarks.suite import Rival

RESULTS = "results.json"
#: How far off a known time may be measured.
_CLOCK_TOLERANCE = 0.05
_ABOUT = """Benchmark models on this machine, against its limits.

Every contender works in a process of its own; in each round all are timed once, in turns, and so are a large product of
matrices and a large copy, the ceilings. Compare two results, for example before and after a change: {command} compare
OLD.json NEW.json, which ends with exit code 1 when something has become slower beyond noise."""


@dataclass(frozen=True)
class CompareOptions:
    """Which results."""

    old: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="OLD.json")]]
    """The result to compare with."""
    new: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="NEW.json")]]
    """The newer one."""
    json: Path | None = None
    """File for the comparison, for a program to read."""
    overwrite: bool = False
    """Replace the file of --json if it is there already."""


def main(
    arguments: Sequence[str],
    registry: Registry,
    plugins: Sequence[str] = (),
    program: str = "tfgen",
    command: str = "bench",
    default: Sequence[str] = (),
    rivals: Callable[[Options, Sequence[Variant]], Sequence[Rival]] = lambda *_: (),
    judge: Callable[[Result], Sequence[str]] = lambda _: (),
    options_type: type[Options] = Options,
) -> int:
    """Measure or compare; return the exit code: 0, or 1 when a comparison found something slower.

    Args:
        arguments: of the command line.
        registry: where models are looked up.
        plugins: as ``-p``, for the contenders' processes.
        program: how it is called, for help and hints.
        command: its name, behind that.
        default: the models that are measured when none is named, but in a short suite; all where it is empty.
        rivals: gives the other libraries that take part.
        judge: gives lines about targets, to stand under the tables.
        options_type: the options, with further ones of those that add rivals.
    """
    if list(arguments[:1]) == ["compare"]:
        about = "Compare two results of the suite; exit code 1 when something has become slower beyond noise."
        return _compare(parse(CompareOptions, arguments[1:], f"{command} compare", about, program=program))
    start = options_type.short() if "--quick" in arguments else None
    called = f"{program} {command}"
    options = parse(options_type, arguments, command, _ABOUT.format(command=called), start, program)
    chosen = variants(options, registry, () if options.quick else default)
    folder = _folder(options.out, options.overwrite)
    given = [word for plugin in plugins for word in ("-p", plugin)]
    command_line = f"{called} {shlex.join(_without_folders([*given, *arguments]))}".strip()
    result = _measure(options, chosen, plugins, rivals(options, chosen), folder, command_line)
    _show(result, folder, judge(result))
    return 0


def _measure(
    options: Options,
    chosen: Sequence[Variant],
    plugins: Sequence[str],
    rivals: Sequence[Rival],
    folder: Path,
    command_line: str,
) -> Result:
    """Measure model after model, and write what is known after each, so that an interruption loses little."""
    from tfgen_benchmarks.suite import Suite

    content = {name: value for name, value in dataclasses.asdict(options).items() if name != "out"}
    result = Result(command_line, _plain(content), {}, load_average()[0], list(options.parts), [], datasheet())
    with Bar("benchmark", len(chosen), "models") as bar:
        suite = Suite(options, plugins, rivals, bar.say)
        for done, rows in enumerate(suite.measure(chosen), 1):
            result.rows += rows
            result.machine, result.peers = suite.machine, suite.peers
            asked, found = suite.clock["asked"], statistics.median(suite.clock["found"])
            result.calibration = {
                "slept_ms": 1e3 * asked,
                "timed_ms": 1e3 * found,
                "off_percent": 100 * abs(found / asked - 1),
            }
            record.write(folder / RESULTS, result)
            bar.update(done, milestone=True)
    return result


def _show(result: Result, folder: Path, verdicts: Sequence[str]) -> None:
    """Print the tables, draw the pictures, and say where everything is."""
    from tfgen.files import written_whole
    from tfgen_benchmarks.figure import draw_growth, draw_throughput
    from tfgen_benchmarks.report import markdown, print_report

    print_report(result)
    lines = [*verdicts, *_doubts(result)]
    say("", *lines)
    files = [RESULTS]
    with written_whole(folder / "results.md") as path:
        path.write_text("\n".join([markdown(result).rstrip(), "", *(f"- {line}" for line in lines)]) + "\n")
    files.append("results.md")
    for name, draw in (("throughput.png", draw_throughput), ("growth.png", draw_growth)):
        with written_whole(folder / name) as path:
            drawn = draw(result.rows, path)
        if drawn:
            files.append(name)
        else:
            (folder / name).unlink(missing_ok=True)
    say("", f"written  {folder} ({', '.join(files)})")


def _doubts(result: Result) -> list[str]:
    """Return what makes the measurement itself doubtful."""
    lines = []
    calibration = result.calibration or {}
    if calibration.get("off_percent", 0) > 100 * _CLOCK_TOLERANCE:
        lines.append(f"WARNING: a sleep of a known length was timed {calibration['off_percent']:.0f} % off")
    sheet, measured = result.datasheet, ceiling_values(result.rows, "products")
    if sheet and measured and result.machine["device"].startswith("CPU"):
        share, (least, most) = statistics.median(measured) / sheet["multiply_adds"], BELIEVABLE
        if not least <= share <= most:
            lines.append(
                f"WARNING: the large product reaches {100 * share:.0f} % of the datasheet's rate: not to be believed"
            )
    return lines


def _compare(options: CompareOptions) -> int:
    from tfgen.files import write_json
    from tfgen_benchmarks.comparing import compare_results
    from tfgen_benchmarks.comparing_table import print_comparison

    if options.json is not None:
        require_new(options.json, options.overwrite, option="--json")
    comparison = compare_results(record.read(options.old), record.read(options.new))
    print_comparison(comparison)
    if options.json is not None:
        write_json(options.json, comparison.to_json())
    return 1 if comparison.slower else 0


def _folder(out: Path | None, overwrite: bool) -> Path:
    """Return the folder to write into: as named, or the first of bench, bench-2, ... that is not there yet.

    Raises:
        OutputError: when the named folder holds something else than results, or none can be made.
    """
    folder = out or next(path for path in _default_folders() if not path.exists())
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RESULTS).is_file():
        raise OutputError(
            f"--out {folder} holds something else than results of the suite; name a folder that is new or empty."
        )
    if out is not None:
        require_new(out / RESULTS, overwrite)
    try:  # better now than after minutes
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}; name another folder with --out.") from error
    return folder


def _default_folders() -> Iterator[Path]:
    yield Path("bench")
    yield from (Path(f"bench-{number}") for number in itertools.count(2))


def _without_folders(arguments: Sequence[str]) -> list[str]:
    """Return the arguments for the record, without where this machine keeps things."""
    command_line: list[str] = []
    for argument in arguments:
        path = Path(argument)
        command_line.append(path.name if path.is_absolute() else argument)
    return command_line


def _plain(content: Any) -> Any:
    """Return what JSON can hold: paths by their names, tuples as lists."""
    if isinstance(content, Mapping):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content.name if isinstance(content, Path) else content


def run(arguments: Sequence[str], go: Callable[[Sequence[str]], int]) -> int:
    """Run a command of the checkout and return its exit code, as `tfgen.cli.main` does for its own."""
    from tfgen.errors import TfgenError

    try:
        return go(arguments)
    except TfgenError as error:
        say(f"benchmarks: {error}", error=True)
        return error.exit_code
    except KeyboardInterrupt:
        say("benchmarks: stopped", error=True)
        return 130
