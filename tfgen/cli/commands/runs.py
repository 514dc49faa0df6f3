"""List runs, tag and delete them: model, data, state, tags, main metric and date of each."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from tfgen.cli.parsing import by_default, parse
from tfgen.errors import OptionError, RunError, UnknownNameError
from tfgen.printed import command_text, say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.metrics.catalogue import Catalogue
    from tfgen.plugin.registry import Registry
    from tfgen.runs.folder import RunFolder
    from tfgen.runs.listing import RunEntry

_WIDEST_PROBLEM = 300  # characters


@dataclass(frozen=True)
class Options:
    """Which runs are listed, or what is done with those that are named."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], by_default("all", metavar="RUN ...")]] = ()
    """Names or folders of runs; by default all of the runs folder are listed."""
    runs_dir: Path = Path("runs")
    """The folder of runs."""
    model: str | None = None
    """List the runs of this model."""
    data: str | None = None
    """List the runs on this data set."""
    state: Literal["finished", "unfinished", "damaged"] | None = None
    """List the runs in this state: finished ones have results; an unfinished one may be in training."""
    tag: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], by_default("any")] = ()
    """List the runs with this tag; with several --tag those that have all of them."""
    json: bool = False
    """Print the list as JSON, for programs."""
    tag_as: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], by_default("none")] = ()
    """Give the named runs this tag; --tag-as may stand there several times."""
    untag: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], by_default("none")] = ()
    """Take this tag away from the named runs; --untag may stand there several times."""
    delete: bool = False
    """Delete the named runs for good, after a question on the terminal."""
    yes: bool = False
    """With --delete: do not ask."""

    def __post_init__(self) -> None:
        filters = {"--model": self.model, "--data": self.data, "--state": self.state, "--tag": self.tag}
        actions = {"--tag-as": self.tag_as, "--untag": self.untag, "--delete": self.delete}
        given = [flag for flag, value in actions.items() if value]
        if given and not self.runs:
            raise OptionError(f"{given[0]} needs the names of runs: {_EXAMPLES[given[0]]}")
        for flag, value in (filters | {"--json": self.json}).items():
            if given and value:
                raise OptionError(f"{flag} is for the list, and does not go with {given[0]}; name the runs.")
        if self.delete and len(given) > 1:
            raise OptionError(f"{given[0]} and --delete do not go together; leave one of them out.")
        if self.yes and not self.delete:
            raise OptionError("--yes is for --delete; leave it out.")
        if both := {*self.tag_as} & {*self.untag}:
            raise OptionError(f"--tag-as and --untag are both given {min(both)!r}; leave one of them out.")


_EXAMPLES = {
    "--tag-as": "tfgen runs --tag-as good NAME ...",
    "--untag": "tfgen runs --untag good NAME ...",
    "--delete": "tfgen runs --delete NAME ...",
}


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """List, tag or delete runs; needs neither their plugins nor TensorFlow."""
    options = parse(Options, arguments, "runs", __doc__ or "")
    if options.delete:
        _delete(options)
    elif options.tag_as or options.untag:
        _tag(options)
    else:
        _list(options, context)


def _list(options: Options, context: CommandContext) -> None:
    from tfgen.metrics.catalogue import Catalogue

    registry = context.registry()
    catalogue = Catalogue(registry.metrics)
    entries = _entries(options, catalogue)
    shown = [entry for entry in entries if _matches(entry, options, registry)]
    if options.model is not None and not shown:
        known = {*registry.models, *(entry.model for entry in entries if entry.model)}
        if options.model not in known:
            raise UnknownNameError("model", options.model, known)
    if options.json:
        say(*json.dumps({"runs": [entry.to_json() for entry in shown]}, indent=2).splitlines())
    elif shown:
        _print(shown, catalogue)
    elif entries:
        tags = sorted({tag for entry in entries for tag in entry.tags})
        say(f"none of the {len(entries)} runs is so; tags in use: {', '.join(tags) or 'none'}")
    else:
        say(f"no runs in {options.runs_dir}; make one: {command_text('run', registry.example)}")


def _entries(options: Options, catalogue: Catalogue) -> list[RunEntry]:
    """Return the entries of the named runs, in their order, or of all runs."""
    from tfgen.runs.listing import list_runs, read_entry

    if options.runs:
        return [read_entry(_opened(path, options).path, str(path), catalogue) for path in options.runs]
    if not os.path.lexists(options.runs_dir) and options.runs_dir == Options().runs_dir:
        return []  # no run was made yet
    return list_runs(options.runs_dir, catalogue)


def _matches(entry: RunEntry, options: Options, registry: Registry) -> bool:
    return (
        options.model in (None, entry.model)
        and options.state in (None, entry.state)
        and {*options.tag} <= {*entry.tags}
        and (options.data is None or entry.data in (options.data, _lasting(options.data, registry)))
    )


def _lasting(data: str, registry: Registry) -> str:
    from tfgen.data.lookup import lasting_name  # which takes NumPy, a fifth of the time of the command

    return lasting_name(data, registry)


def _print(entries: Sequence[RunEntry], catalogue: Catalogue) -> None:
    from tfgen.cli.tables import print_table

    rows = [
        (
            entry.name,
            entry.model,
            entry.data,
            _state(entry),
            " ".join(entry.tags),
            entry.problem[:_WIDEST_PROBLEM] or _metric(entry, catalogue),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.changed)),
        )
        for entry in entries
    ]
    print_table(("run", "model", "data", "state", "tags", "test metric", "changed"), rows)


def _state(entry: RunEntry) -> str:
    if entry.state != "unfinished":
        return entry.state
    return "unfinished, no checkpoint" if entry.steps is None else f"unfinished, step {entry.steps:,}"


def _metric(entry: RunEntry, catalogue: Catalogue) -> str:
    from tfgen.metrics.rounding import measured

    if entry.metric is None:
        return ""
    number = measured(entry.metric.value, entry.metric.standard_error)
    title, unit = catalogue.title(entry.metric.name), entry.metric.unit
    bound = "(bound)" if entry.metric.basis.density == "bound" else ""
    return " ".join(filter(None, (title.removeprefix(unit).strip(), number, unit, bound)))


def _tag(options: Options) -> None:
    """Change the tags of the named runs; nothing where one of them is no run, or a word no tag."""
    from tfgen.runs.tags import change_tags, check_tags

    check_tags([*options.tag_as, *options.untag])
    opened = [(path, _opened(path, options)) for path in options.runs]
    for path, files in opened:
        tags = change_tags(files, options.tag_as, options.untag)
        say(f"{path}  {' '.join(tags) or '(no tags)'}")


def _delete(options: Options) -> None:
    """Delete the named runs, after a question; none where one of them may not be deleted."""
    from tfgen.runs.removal import delete_run, folder_bytes, removable

    found = {
        files.path: files for files in (removable(_place(path, options), options.runs_dir) for path in options.runs)
    }
    for path in found:
        say(f"{path}  {folder_bytes(path) / 1e6:,.1f} MB")
    if not options.yes and not _agreed(len(found)):
        say("nothing is deleted")
        return
    for path, files in found.items():
        delete_run(files)
        say(f"deleted  {path}")


def _agreed(count: int) -> bool:
    """Ask on the terminal whether so many runs are to be deleted."""
    if not sys.stdin.isatty():
        raise OptionError(
            "--delete asks on a terminal, and this is none: nothing is deleted; --yes deletes without asking."
        )
    say(f"delete {'this run' if count == 1 else f'these {count} runs'} for good? yes or no:")
    answer = ""
    with contextlib.suppress(EOFError):
        answer = input()
    return answer.strip().lower() in ("y", "yes")


def _place(path: Path, options: Options) -> Path:
    """Return where a run lies that is named by its path, or by its name in the runs folder."""
    inside = options.runs_dir / path
    return inside if not os.path.lexists(path) and os.path.lexists(inside) else path


def _opened(path: Path, options: Options) -> RunFolder:
    """Return a named run.

    Raises:
        RunError: when there is none.
    """
    from tfgen.runs.folder import RunFolder

    place = _place(path, options)
    if not os.path.lexists(place) and len(path.parts) == 1 and options.runs_dir != Options().runs_dir:
        raise RunError(
            f"{path} is no run in {options.runs_dir}; see: {command_text('runs', '--runs-dir', options.runs_dir)}"
        )
    return RunFolder.open(place)
