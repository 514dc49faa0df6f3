"""Text lines about a run: its metrics with errors and units, its state, its options."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfgen.cli.next_steps import next_commands
from tfgen.cli.tables import counted, fitted
from tfgen.metrics.metric import Metric, entry_text, metrics_from_json
from tfgen.metrics.plausibility import Note
from tfgen.metrics.rounding import measured
from tfgen.plugin.options import flattened
from tfgen.runs.cycles import recorded_cycles
from tfgen.runs.folder import RunFolder
from tfgen.runs.notes import notes_of
from tfgen.runs.run import Run
from tfgen.runs.tags import read_tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME_WIDTH = 13
_PRINTED_CLASSES = 20  # a wider confusion matrix fits no terminal


def metric_lines(split: str, metrics: Mapping[str, Metric]) -> list[str]:
    """Return a line for each metric, with value, standard error, unit and basis."""
    lines, width = [], max([_NAME_WIDTH, *map(len, metrics)])
    texts = {name: measured(metric.value, metric.standard_error) for name, metric in metrics.items()}
    before_error = max((len(text.partition(" ± ")[0]) for text in texts.values()), default=0)
    for name, metric in metrics.items():
        entries = metric.basis.to_json().items()
        basis = ", ".join(entry_text(key, value) for key, value in entries if key not in ("split", "data"))
        value, sign, error = texts[name].partition(" ± ")
        number = f"{value:>{before_error}}{sign}{error} {metric.unit}"
        lines.append(f"{split:<6} {name:<{width}} {number}   ({basis})")
    return lines


def note_lines(notes: Iterable[Note]) -> list[str]:
    """Return a line for each note on what spoils the results of a run."""
    return [f"warning: {note.about}: {note.text}" for note in notes]


def results_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the lines of a finished run's metrics."""
    lines = [
        line
        for split in ("train", "valid", "test")
        for line in metric_lines(split, metrics_from_json(results.get(split, {})))
    ]
    for split, classified in results.get("classification", {}).items():
        lines += metric_lines(split, metrics_from_json(classified["metrics"]))
    length = f"{counted(results['steps'], 'step')} ({counted(results['epochs'], 'epoch')})"
    lines.append(f"trained {length} in {results['train_seconds']:.1f} s")
    return fitted([*lines, *note_lines(notes_of(results))])


def confusion_lines(confusion: NDArray[np.int64], names: Sequence[str] | None = None) -> list[str]:
    """Return a confusion matrix as text: a row for each true class, a column for each predicted one; up to twenty.

    Names of classes stand behind the rows.
    """
    if len(confusion) > _PRINTED_CLASSES:
        return []
    width = max(len(str(confusion.max())), len(str(len(confusion) - 1))) + 1
    lines = ["true   predicted", "      " + "".join(f"{label:>{width}}" for label in range(len(confusion)))]
    ends = [""] * len(confusion) if names is None else [f"   {name}" for name in names]
    return lines + [
        f"{label:>6}" + "".join(f"{count:>{width}}" for count in row) + ends[label]
        for label, row in enumerate(confusion)
    ]


def class_lines(shares: Sequence[float]) -> list[str]:
    """Return the value of each class as text, in two lines; up to twenty classes."""
    if len(shares) > _PRINTED_CLASSES:
        return []
    cells = ["-" if math.isnan(share) else f"{100 * share:.1f}%" for share in shares]
    width = max(map(len, cells)) + 2
    return [
        "class " + "".join(f"{label:>{width}}" for label in range(len(shares))),
        "      " + "".join(f"{cell:>{width}}" for cell in cells),
    ]


def finished_lines(run: Run) -> list[str]:
    """Return the last lines of `tfgen run`: metrics, files, and commands to go on with."""
    folder = run.folder
    commands = next_commands(run)
    pictures = ", ".join(sorted(path.name for path in run.files.figures.glob("*.png")))
    return [
        *results_lines(run.results),
        *fitted([f"pictures  {run.files.figures} ({pictures})"] if pictures else []),
        f"results   {folder / 'results.json'}",
        *(f"{'' if number else 'next':<9} {command}" for number, command in enumerate(commands)),
    ]


def info_lines(files: RunFolder) -> list[str]:
    """Return options, state and results of a run as text; reads the folder alone."""
    record = files.read_config()
    plugin = record.get("plugin") or {}
    lines = [
        f"run       {files.path}",
        f"model     {record['model']} (plugin {plugin.get('name')}, {plugin.get('distribution') or plugin.get('file')})",
        f"data      {record['data']}",
    ]
    for group in ("options", "training"):
        chosen = "  ".join(f"{name}={value}" for name, value in flattened(record.get(group, {})).items())
        lines.append(f"{group:<9} {chosen}")
    if cycles := recorded_cycles(record):
        lines.append(f"cycles    {', '.join(counted(cycle.trained or cycle.epochs, 'epoch') for cycle in cycles)}")
    lines.append(f"compile   {record.get('compile_mode') or record.get('training', {}).get('compile')}")
    lines.append("versions  " + "  ".join(f"{name} {version}" for name, version in record.get("versions", {}).items()))
    if tags := read_tags(files):
        lines.append(f"tags      {' '.join(tags)}")
    lines = fitted(lines)
    if files.finished:
        return [*lines, "state     finished", *results_lines(files.read_results())]
    if files.has_weights_alone:
        return [*lines, "state     unfinished, from a pack: it has weights, and no training state to resume"]
    step = files.saved_step()
    state = "no checkpoint yet" if step is None else f"saved at step {step}"
    return [*lines, f"state     unfinished, {state}; go on with: {files.command('resume')}"]
