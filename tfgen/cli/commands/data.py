"""Show what is in a data set: shape, classes, splits, copies, a picture of examples, and how to train on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import parse, section
from tfgen.cli.tables import fitted, print_table
from tfgen.errors import OptionError, OutputError
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources
from tfgen.printed import command_text, say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.data.dataset import Dataset, Split

_EXAMPLES, _POINTS = 100, 3000
_ROWS = 50  # of classes and columns


@dataclass(frozen=True)
class Options:
    """Where data are kept, and where the picture goes. The data set, a name or a path, stands first."""

    data_dir: str | None = None
    """Folder of prepared data sets; by default $TFDS_DATA_DIR, or ~/tensorflow_datasets where that is not set."""
    manual_dir: str | None = None
    """Folder with the files of a data set that were downloaded by hand, for a machine without a network."""
    out: Path | None = None
    """Picture to write, .png; by default NAME.png here."""
    overwrite: bool = False
    """Replace the picture if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        if self.out is not None and self.out.suffix != ".png":
            raise OutputError(f"cannot write {self.out}: the name must end in .png (a picture).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Load the data set, print what is in it, and draw some of it."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    fields = [("show", section(Options)), ("data", section(DataOptions))]
    cls: Any = dataclasses.make_dataclass("Data", fields, frozen=True)
    parsed: Any = parse(cls, arguments[1 if name else 0 :], "data NAME", __doc__ or "")
    if name is None:
        raise OptionError(
            "which data set? Give a name or a path, for example: tfgen data digits, tfgen data ./pictures"
        )
    registry = context.registry()
    from tfgen.data.lookup import load_dataset
    from tfgen.files import written_whole

    sources = DataSources(parsed.show.data_dir, parsed.show.manual_dir)
    data = load_dataset(name, registry, sources, parsed.data)
    usual = Path(f"{data.name.partition('@')[0].replace('/', '-').replace(':', '-')}.png")
    out = output_file(parsed.show.out, usual, parsed.show.overwrite)
    say(*fitted(_lines(data)))
    _print_classes(data)
    _print_columns(data)
    from tfgen.figures.labelled import draw_labelled

    shown = _some(data.train, _EXAMPLES if data.spec.layout == "grid" else _POINTS)
    with written_whole(out) as path:
        if shown.labels is None:
            from tfgen.figures.examples import draw_examples

            draw_examples(shown.x, data.spec, path)
        else:
            draw_labelled(shown.x, shown.labels, data.spec, path)
    say(f"picture   {out} ({len(shown)} training examples)")
    say(f"train     {_command(name, parsed.data, sources, registry.example)}")


def _some(split: Split, count: int) -> Split:
    """Return so many examples, chosen at random without TensorFlow, which `Split.subset` needs."""
    import numpy as np

    return split.take(np.sort(np.random.default_rng(0).permutation(len(split))[:count]))


def _lines(data: Dataset) -> list[str]:
    from tfgen.data.dataset import SPLITS
    from tfgen.data.description import copies, levels_used
    from tfgen.data.notes import data_notes, dequantisation_remark

    spec = data.spec
    found = copies(data)
    sizes = ", ".join(f"{name} {len(data.splits[name]):,}" for name in SPLITS)
    used = ""
    if spec.quantised:
        low, high = levels_used(data)
        used = f"; those used are {low} .. {high}"
    lines = [
        f"data      {data.name}{f' ({data.source})' if data.source else ''}",
        f"examples  {spec.described()}{used}",
        f"splits    {sizes}",
    ]
    if spec.context is not None:
        lines.append(f"context   {', '.join(f'{column.name} ({column.described()})' for column in spec.context)}")
    spoilt = [
        f"{count:,} of {len(data.splits[split]):,} {split} examples are in an earlier split too"
        for split, count in found.across.items()
    ]
    if found.within or spoilt:
        lines.append(f"copies    {'; '.join([f'{found.within:,} within the splits', *spoilt])}")
    else:
        lines.append("copies    none")
    remark = dequantisation_remark(spec)
    notes = [*data_notes(data, conditional=spec.classes is not None), *([remark] if remark else [])]
    return lines + [f"note      {note}" for note in notes]


def _print_classes(data: Dataset) -> None:
    from tfgen.data.description import class_counts

    classes = class_counts(data)
    if not classes:
        say("classes   none")
        return
    say(f"classes   {len(classes)}")
    rows = [(one.name, *map(str, one.counts)) for one in classes[:_ROWS]]
    print_table(("class", "train", "valid", "test"), rows)
    if len(classes) > _ROWS:
        say(f"... and {len(classes) - _ROWS:,} more")


def _print_columns(data: Dataset) -> None:
    if data.spec.quantised:
        return
    import numpy as np

    from tfgen.data.notes import column_moments

    x = data.train.x.reshape(len(data.train), -1)
    mean, variance = column_moments(x)
    least, most = x.min(axis=0), x.max(axis=0)
    names, kinds = data.spec.column_names, [column.described() for column in data.spec.columns or ()]
    rows = [
        (
            names[column],
            kinds[column] if kinds else "real",
            f"{mean[column]:.4g}",
            f"{np.sqrt(variance[column]):.4g}",
            f"{least[column]:.4g}",
            f"{most[column]:.4g}",
        )
        for column in range(min(x.shape[1], _ROWS))
    ]
    print_table(("column", "kind", "mean", "deviation", "least", "most"), rows)
    if x.shape[1] > _ROWS:
        say(f"... and {x.shape[1] - _ROWS:,} more")


def _command(name: str, options: DataOptions, sources: DataSources, model: str) -> str:
    """Return the command that trains on the data, with the options that are not those by default."""
    words: list[object] = ["run", model, "--data", name]
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if value == field.default:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        values = value if isinstance(value, tuple) else () if value is True else (value,)
        words += [flag, *values]
    for flag, folder in (("--data-dir", sources.data_dir), ("--manual-dir", sources.manual_dir)):
        words += [flag, folder] if folder else []
    return command_text(*words)
