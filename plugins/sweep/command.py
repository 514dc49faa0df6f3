"""Train every combination of models, options and seeds, and print one table of results."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen import OptionError, RunError, TrainOptions, UnknownNameError, require_option
from tfgen.cli import Place, by_default, config_file, defaults_from, parse, parse_options, required
from tfgen.metrics import given_label
from tfgen.plugin.option_types import is_bool, is_tuple
from tfgen.plugin.options import field_names, negated, option_types
from tfgen.printed import say
from tfgen.runs import RunConfig

if TYPE_CHECKING:
    from pathlib import Path

    from tfgen import ModelSpec, Registry
    from tfgen.cli import CommandContext
    from tfgen_plugins.sweep.sweeps import Outcome

_EXAMPLE = "for example: tfgen sweep realnvp --vary layers 5 10 --seeds 0 1 --name layers"


@dataclass(frozen=True)
class Options:
    """Varied options and seeds. Every option of `tfgen run` holds for all runs, for example --data mnist --epochs 10."""

    models: tyro.conf.Positional[Annotated[tuple[str, ...], required("MODEL ...")]] = ()
    """One or several; `tfgen list` has them."""
    vary: Annotated[tuple[str, ...], by_default("nothing is varied", metavar="OPTION VALUE ...")] = ()
    """An option and its values; may be given several times. A value of several entries has commas, as in
    --vary mask half checkerboard,channel. One of few letters goes as well: --vary layers=5,10"""
    seeds: Annotated[tuple[int, ...], by_default("the one of --seed")] = ()
    """Seeds with which each combination is trained."""
    dry_run: bool = False
    """List the runs and make nothing."""
    sample_batch: int = 1000
    """Samples in a batch when sampling is timed after training; 0 times nothing."""
    metrics: Annotated[tuple[str, ...], by_default("those of `tfgen run`", metavar="NAME[,NAME...]")] = ()
    """Further metrics of the test split, as `tfgen evaluate` takes them, for example fid or mig,dci."""
    against: Annotated[str | None, by_default("no picture")] = None
    """Draw each other test metric over this one, for example reconstruction_nats: NAME/against.png."""

    def __post_init__(self) -> None:
        for seed in self.seeds:
            require_option(0 <= seed < 2**31, "seeds", seed, "0 or more, below 2^31")
        require_option(self.sample_batch >= 0, "sample_batch", self.sample_batch, "0 or more")

    @property
    def names(self) -> list[str]:
        """Names of metrics, separated by commas or spaces."""
        return [name for part in self.metrics for name in part.split(",") if name]


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Plan and check all runs, train those that are not finished, and write the table."""
    registry = context.registry()
    own, vary, rest = _sorted_out(arguments)
    about = f"{__doc__}\n\nEvery option of `tfgen run` holds for all runs; {_EXAMPLE}"
    options = parse(Options, own, "sweep", about)
    if not options.models:
        raise OptionError(f"which models? Models are {', '.join(registry.models)}; {_EXAMPLE}")
    specs = [registry.model(model) for model in options.models]
    _refuse_conflicts(options, vary, rest)
    content = config_file(rest)
    result = [_base(spec, content, rest) for spec in specs]
    place, bases = result[0][0], [config for _, config in result]
    if place.name is None:
        raise OptionError(f"the sweep needs a name, under which its runs are kept: add --name NAME; {_EXAMPLE}")
    from tfgen_plugins.sweep.sweeps import check_models, open_sweep, plan, train_all

    _check_metrics(options, registry, context)
    planned = plan(bases, registry, _typed(vary, specs), options.seeds)
    folder = open_sweep(place.runs_dir, place.name, planned, registry)
    if options.dry_run:
        say(*(f"{folder / run.name}   {_state(folder / run.name)}" for run in planned))
        return
    context.tensorflow()
    check_models(planned, registry)
    outcomes: list[Outcome] = []
    for outcomes in train_all(planned, registry, folder, options.sample_batch, metrics=options.names):
        _write(folder, outcomes)
    _report(folder, outcomes)
    failed = [outcome.planned.name for outcome in outcomes if outcome.error]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(planned)} runs failed ({', '.join(failed)}); the same command tries them again."
        )
    if options.against is not None:
        from tfgen_plugins.sweep.figure import draw_trade_off

        draw_trade_off(outcomes, options.against, folder / "against.png")
        say(f"drawn    {folder / 'against.png'}")


def _check_metrics(options: Options, registry: Registry, context: CommandContext) -> None:
    """Check the names of metrics, before anything is trained."""
    if options.names:
        context.tensorflow()
        from tfgen.runs import check_metric_names

        check_metric_names(options.names, registry)
    known = (*registry.metrics, *map(given_label, registry.metrics))
    if options.against is not None and options.against not in known:
        raise UnknownNameError("metric", options.against, known, "It is one of the columns of the sweep's table.")


def _sorted_out(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """Return the sweep's own arguments, what ``--vary`` names, and the options of `tfgen run`."""
    own: list[str] = []
    rest: list[str] = []
    vary: dict[str, list[str]] = {}
    groups: list[list[str]] = [[]]
    for word in arguments:
        if word.startswith("--") or word == "-h":
            groups.append([])
        groups[-1].append(word)
    flags = {"-h", "--help", *(f"--{name.replace('_', '-')}" for name in field_names(Options) if name != "models")}
    for group in groups:
        flag = group[0].partition("=")[0] if group else ""
        if flag == "--vary":
            name, values = _varied(group)
            if name in vary:
                raise OptionError(f"--vary {name} is given twice; name all its values at once.")
            vary[name] = values
        elif not flag.startswith("-") or flag in flags:
            own += group
        else:
            rest += group
    return own, vary, rest


def _varied(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return name and values behind ``--vary``: ``NAME VALUE VALUE``, or ``NAME=VALUE,VALUE`` in one word."""
    name, *values = [*words[0].split("=", 1)[1:], *words[1:]] or [""]
    if not values and "=" in name:
        name, _, text = name.partition("=")
        values = text.split(",")
    if not values:
        raise OptionError(f"--vary needs the name of an option and its values; {_EXAMPLE}")
    return name.replace("-", "_"), values


def _refuse_conflicts(options: Options, vary: dict[str, list[str]], rest: Sequence[str]) -> None:
    fixed = {word.partition("=")[0].removeprefix("--").replace("-", "_") for word in rest if word.startswith("--")}
    if options.seeds and "seed" in fixed:
        raise OptionError("--seed and --seeds are both given; leave --seed out.")
    if "seed" in vary:
        raise OptionError("seeds are averaged over, not compared; give them by --seeds 0 1 2")
    for name in vary:
        if name in fixed or negated(name).removeprefix("--").replace("-", "_") in fixed:
            raise OptionError(f"--{name.replace('_', '-')} is given and varied as well; leave one of them out.")


def _base(spec: ModelSpec, content: dict[str, Any], rest: Sequence[str]) -> tuple[Place, RunConfig]:
    """Return the options of all runs of a model."""
    return parse_options(rest, spec, defaults_from(content, spec, rest))


def _typed(vary: dict[str, list[str]], specs: Sequence[ModelSpec]) -> dict[str, list[Any]]:
    """Return the values of each varied option, parsed by its type."""
    from tfgen_plugins.sweep.sweeps import check_varied

    for spec in specs:
        check_varied(vary, spec)
    hints = {"data": str, **option_types(TrainOptions), **option_types(specs[0].config)}
    return {name: [_value(name, hints[name], text, specs[0]) for text in texts] for name, texts in vary.items()}


def _value(name: str, hint: Any, text: str, spec: ModelSpec) -> Any:
    flag = f"--{name.replace('_', '-')}"
    if is_bool(hint) and text in ("true", "false"):
        return text == "true"
    if hint is bool:
        raise OptionError(f"{flag} must be true or false, got {text!r}.")
    words = [flag, *filter(None, text.split(","))] if is_tuple(hint) else [f"{flag}={text}"]
    described = tyro.conf.arg(name=name.replace("_", "-"))
    cls: Any = dataclasses.make_dataclass("Varied", [("value", Annotated[hint, described])], frozen=True)
    return parse(cls, words, f"run {spec.name}", "").value


def _state(folder: Path) -> str:
    from tfgen.runs import RunFolder

    files = RunFolder(folder)
    return "finished" if files.finished else "to go on" if folder.exists() else "to do"


def _write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the table so far, as JSON and Markdown."""
    from tfgen.cli import markdown_table
    from tfgen.files import write_json, written_whole
    from tfgen_plugins.sweep.sweeps import RECORD
    from tfgen_plugins.sweep.table import notes, table, to_json

    write_json(folder / RECORD, to_json(folder.name, outcomes))
    below = "".join(f"\n{note}\n" for note in notes(outcomes))
    with written_whole(folder / "sweep.md") as path:
        path.write_text(markdown_table(*table(outcomes)) + below)


def _report(folder: Path, outcomes: Sequence[Outcome]) -> None:
    from tfgen.cli import print_table
    from tfgen_plugins.sweep.sweeps import RECORD
    from tfgen_plugins.sweep.table import notes, table

    print_table(*table(outcomes))
    say(*notes(outcomes), f"written  {folder / RECORD}, {folder / 'sweep.md'}")
