"""Check a model, or the models and data sets of a plugin's file: every mistake that tfgen can find."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tfgen.cli.parsing import by_default, parse, section, section_name
from tfgen.cli.tables import print_table
from tfgen.errors import DataError, OptionError, TfgenError, UnknownNameError
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.printed import say
from tfgen.runs.config import Device, RunConfig, split_options
from tfgen.testing.quick import QUICK

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.plugin.registry import PluginRecord, Registry
    from tfgen.testing import Check, ModelUnderTest, Outcome

#: What a model is checked with where nobody says otherwise: images, and vectors in the plane; those of them that it takes.
DATA = ("digits", "two_gaussians")


@dataclass(frozen=True)
class Options:
    """What is checked, and with what."""

    data: str | None = None
    """Data set; by default digits and two_gaussians, as far as the model takes them."""
    only: Annotated[tuple[str, ...], by_default("all")] = ()
    """Names of checks; others run only where these require them."""
    data_dir: str | None = None
    """Folder of prepared data sets; by default $TFDS_DATA_DIR, or ~/tensorflow_datasets where that is not set."""
    manual_dir: str | None = None
    """Folder with the files of a data set that were downloaded by hand, for a machine without a network."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""


class FailedChecksError(TfgenError):
    """A model failed a check; exit code 1."""

    exit_code = 1


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Load a model, or each model of a file, and run the conformance suite on it.

    Raises:
        FailedChecksError: when a check fails.
        OptionError: when nothing is named, or an option does not fit.
        DataError: when the model takes none of the data.
    """
    target = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if target is None:
        if {"-h", "--help"} & set(arguments):
            parse(Options, ["--help"], "check MODEL|FILE.py", _ABOUT)
        example = context.registry().example
        raise OptionError(f"which model? Give its name, or the file of a plugin; for example: tfgen check {example}")
    if is_file(target):
        others = (plugin for plugin in context.plugins if not _is_same(plugin, target))
        context = dataclasses.replace(context, plugins=(*others, target))
    before = "tensorflow" in sys.modules
    registry = context.registry()
    heavy = "tensorflow" in sys.modules and not before
    record = record_of(target, registry) if is_file(target) else None
    models = record.models if record else (registry.model(target).name,)
    parsed = [parse_options(arguments[1:], registry.model(name)) for name in models]
    if heavy:
        say(
            "note: TensorFlow is loaded with a plugin, and every `tfgen list` waits for it; see docs/plugins/registering.md."
        )
    if record is not None:
        # With models in the file the options are theirs; those of this command are the same for all.
        options = parsed[0][0] if parsed else parse(Options, arguments[1:], f"check {target}", _ABOUT)
        print_datasets(record.datasets, registry, DataSources(options.data_dir, options.manual_dir))
        if not parsed:
            found = "no model" if record.datasets else "neither a model nor a data set"
            say(f"{target} loads, and adds {found}: nothing else is checked.")
            return
    context.tensorflow()
    from tfgen.runtime import device_scope, without_retracing_warnings

    failed: list[str] = []
    for options, config in parsed:
        checks = chosen_checks(options.only)
        with device_scope(options.device), without_retracing_warnings():
            for under_test in candidates(options, config, registry):
                outcomes = run(under_test, checks)
                print_outcomes(under_test, outcomes)
                failed += [
                    f"{found.name} ({config.model} on {under_test.config.data})"
                    for found in outcomes if found.status == "failed"
                ]  # fmt: skip
    if failed:
        raise FailedChecksError(f"{len(failed)} check{'s' * (len(failed) > 1)} failed: {', '.join(failed)}.")


_ABOUT = f"{(__doc__ or '').strip()}\n\nWith a model, its own options and those of training are shown as well."


def is_file(target: str) -> bool:
    """Return whether a word names a plugin's file rather than a model."""
    return target.endswith(".py") or "/" in target


def _is_same(plugin: str, target: str) -> bool:
    return Path(plugin).expanduser().resolve() == Path(target).expanduser().resolve()


def record_of(target: str, registry: Registry) -> PluginRecord | None:
    """Return what is known of the plugin in a file."""
    path = str(Path(target).expanduser().resolve())
    records = [record for record in registry.plugins if record.file == path]
    return records[-1] if records else None


def print_datasets(names: Sequence[str], registry: Registry, sources: DataSources) -> None:
    """Check data sets, and print a line for each.

    Raises:
        DataError, PluginError: when one cannot be had, or changes from load to load.
    """
    from tfgen.testing.data_checks import check_dataset

    for name in names:
        dataset = check_dataset(name, registry, sources)
        sizes = ", ".join(f"{split} {len(examples):,}" for split, examples in dataset.splits.items())
        say(f"data set {name}: {dataset.spec.described()}; {sizes}; the same when it is loaded again")


def parse_options(arguments: Sequence[str], spec: ModelSpec) -> tuple[Options, RunConfig]:
    """Return what to check, and the options that the model is built and briefly trained with.

    Raises:
        OptionError: for an option or a value that does not fit.
    """
    defaults = split_options(dict(QUICK), spec)
    own = section_name(spec, taken=("check", "training"))
    groups: Mapping[str, Any] = {"check": Options(), "training": defaults.training, own: defaults.options}
    fields = [(name, section(type(value)), field(default=value)) for name, value in groups.items()]
    cls: Any = dataclasses.make_dataclass("Options", fields, frozen=True)
    parsed: Any = parse(cls, arguments, f"check {spec.name}", f"{spec.summary}\n{spec.reference}")
    options: Options = parsed.check
    sources = DataSources(options.data_dir, options.manual_dir)
    model_options = getattr(parsed, own)
    return options, RunConfig(
        spec.name, options.data or DATA[0], model_options, parsed.training, sources, device=options.device
    )


def chosen_checks(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of these names in their order; all without names.

    Raises:
        UnknownNameError: for a name that no check has.
    """
    from tfgen.testing import CHECKS

    known = [check.name for check in CHECKS]
    for name in names:
        if name not in known:
            raise UnknownNameError("check", name, known)
    return tuple(check for check in CHECKS if not names or check.name in names)


def candidates(options: Options, config: RunConfig, registry: Registry) -> Iterator[ModelUnderTest]:
    """Yield the model with each data set that it is checked with.

    Raises:
        DataError: when it takes none of those that are tried.
    """
    from tfgen.testing import ModelUnderTest

    refusals: list[str] = []
    tried = (options.data,) if options.data else DATA
    for data in tried:
        under_test = ModelUnderTest(config.model, data)
        under_test.registry = registry
        under_test.config = dataclasses.replace(config, data=data)
        _ = under_test.dataset  # a set that cannot be had is no mistake of the model
        try:
            _ = under_test.fresh
        except DataError as error:
            refusals.append(f"{data}: {error}")
            continue
        except Exception:  # which is what the first check tells
            pass
        yield under_test
    if len(refusals) == len(tried):
        hint = "" if options.data else " Name a data set that it takes: --data NAME."
        raise DataError(f"model {config.model!r} takes none of the data. {' '.join(refusals)}{hint}")


def run(under_test: ModelUnderTest, checks: Sequence[Check]) -> list[Outcome]:
    """Run the checks behind a progress bar."""
    from tfgen.progress import Bar
    from tfgen.testing import run_checks

    found: list[Outcome] = []
    with Bar(f"checking {under_test.model} on {under_test.config.data}", len(checks), "checks") as bar:
        for outcome in run_checks(under_test, checks):
            found.append(outcome)
            bar.update(len(found))
    return found


def print_outcomes(under_test: ModelUnderTest, outcomes: Sequence[Outcome]) -> None:
    """Print a row for each check, and how many passed."""
    say(f"{under_test.model} on {under_test.config.data}")
    rows = [
        (
            found.name,
            found.status,
            f"{found.seconds:.1f} of {found.budget:.0f}" if found.over_budget else f"{found.seconds:.1f}",
            found.message,
        )
        for found in outcomes
    ]
    print_table(("check", "outcome", "seconds", "why"), rows)
    counts = {status: sum(found.status == status for found in outcomes) for status in ("passed", "failed", "skipped")}
    seconds = sum(found.seconds for found in outcomes)
    late = [found.name for found in outcomes if found.over_budget]
    say(", ".join(f"{count} {status}" for status, count in counts.items()) + f" in {seconds:.0f} s")
    if late:
        say(f"over their budget (told as SECONDS of BUDGET): {', '.join(late)}")
