"""Compare runs: options that differ, metrics with their errors, samples and curves side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen.cli.default_context import say_default_categories
from tfgen.cli.outputs import require_new
from tfgen.cli.parsing import parse, required
from tfgen.errors import OutputError, RunError, TfgenError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.runs.comparison import Comparison
    from tfgen.runs.comparison_figure import Densities
    from tfgen.runs.facts import RunFacts
    from tfgen.runs.run import Run

_RECORD = "comparison.json"
_POINTS = 3000  # of vectors, in a scatter
_CELLS = 200  # along each side of a density
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Options:
    """Runs to compare, and the output folder."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], required("RUN RUN ...")]] = ()
    """Folders of two runs or more."""
    out: Path | None = None
    """Folder to write pictures and comparison.json into; by default compare-RUN-RUN beside the first run."""
    overwrite: bool = False
    """Replace an earlier comparison of the same runs in the folder of --out; the usual folder's is replaced anyway."""
    pictures: bool = True
    """Draw samples, densities (of 2-D data) and curves; --no-pictures writes nothing unless --out is given."""
    count: int = 60
    """Images of each run in the picture of samples, ten in a row."""
    seed: int = 0
    """Seed of the samples, the same for each run."""
    json: bool = False
    """Print the comparison as JSON, for programs."""

    def __post_init__(self) -> None:
        require_option(1 <= self.count <= 1000, "count", self.count, "between 1 and 1000")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if self.out is not None and self.out.suffix in (".png", ".json", ".md", ".npz", ".txt"):
            raise OutputError(f"--out {self.out}: a comparison is several files; name a folder.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print the table, which needs no TensorFlow, then draw the pictures."""
    options = parse(Options, arguments, "compare", __doc__ or "")
    from tfgen.cli.tables import print_table
    from tfgen.files import write_json
    from tfgen.metrics.catalogue import Catalogue
    from tfgen.runs.comparison import compare
    from tfgen.runs.comparison_table import text_table
    from tfgen.runs.facts import read_runs

    registry = context.registry()
    comparison = compare(read_runs(options.runs, Catalogue(registry.metrics)))
    writes = options.pictures or options.out is not None
    folder = _folder(options.out, comparison.runs, options.overwrite) if writes else None
    if not options.json:
        table = text_table(comparison)
        say(*table.legend)
        print_table(table.headings, table.rows)
        say(*table.notes)
    content = comparison.to_json() | {"pictures": []}
    if folder is not None:
        write_json(folder / _RECORD, content)  # first, so that the folder is known as a comparison's
        if options.pictures:
            content["pictures"] = [str(path) for path in _draw(comparison, folder, options, context)]
            write_json(folder / _RECORD, content)
        if not options.json:
            names = ", ".join([*(Path(path).name for path in content["pictures"]), _RECORD])
            say(f"{'pictures' if content['pictures'] else 'written'}  {folder} ({names})")
    if options.json:
        say(*json.dumps(content, indent=2).splitlines())


def _folder(out: Path | None, runs: Sequence[RunFacts], overwrite: bool) -> Path:
    """Return the output folder: new, empty, or that of an earlier comparison of the same runs.

    Raises:
        OutputError: when `out` is anything else.
    """
    if out is not None:
        if not _is_ours(out, runs):
            raise OutputError(
                f"--out {out} holds something else than a comparison of these runs; name a folder that is new or empty."
            )
        require_new(out / _RECORD, overwrite)
        return out
    name = "compare-" + "-".join(run.name.replace("/", "-") for run in runs)
    if len(name) > _LONGEST_NAME:  # file systems take 255 bytes
        digest = hashlib.sha256("\n".join(str(run.folder.resolve()) for run in runs).encode()).hexdigest()
        name = f"{name[:_LONGEST_NAME]}-{digest[:8]}"
    beside, number = runs[0].folder.resolve().parent, 1
    if beside.is_relative_to(Path.cwd()):
        beside = beside.relative_to(Path.cwd())
    while not _is_ours(path := beside / (name if number == 1 else f"{name}-{number}"), runs):
        number += 1
    return path


def _is_ours(folder: Path, runs: Sequence[RunFacts]) -> bool:
    from tfgen.reading import read_json

    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return True
        recorded = read_json(folder / _RECORD, "name another folder").get("runs")
        return {Path(run["folder"]).resolve() for run in recorded or ()} == {run.folder.resolve() for run in runs}
    except (RunError, TypeError, KeyError):
        return False
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; name another folder with --out.") from error


def _draw(comparison: Comparison, folder: Path, options: Options, context: CommandContext) -> list[Path]:
    """Write the pictures and return their names; a picture that fails is reported on stderr."""
    from tfgen.files import written_whole
    from tfgen.runs.comparison import curves
    from tfgen.runs.comparison_figure import draw_curve_panels, draw_density_panels, draw_sample_panels

    drawn: list[Path] = []

    def draw(name: str, function: Callable[[Any, Path], None], content: Any) -> None:
        if content:
            with written_whole(folder / name) as path:
                function(content, path)
            drawn.append(folder / name)

    terms = curves(comparison.runs)
    left_out = [run.name for run in comparison.runs if all(run not in term.runs for term in terms)]
    if left_out:
        say(f"note: no other run logs the validation curve of {', '.join(left_out)}", error=True)
    draw("curves.png", draw_curve_panels, terms)
    context.tensorflow()
    from tfgen.runs.folder import RunFolder
    from tfgen.runs.run import Run
    from tfgen.runtime import device_scope, without_retracing_warnings

    panels, densities = [], _DensityPanels()
    registry = context.registry()
    for facts in comparison.runs:
        run = Run(RunFolder(facts.folder), registry)  # one at a time: models need memory
        try:
            if run.files.saved_step() is None and not run.files.has_weights_alone:
                raise RunError(f"{facts.folder} has no checkpoint yet.")
            with device_scope(run.config.device), without_retracing_warnings():
                turns = "\n(classes 0, 1, ... in turn)" if run.model.conditional else ""
                panels.append((facts.name + turns, _samples(run, options), run.data_spec))
                say_default_categories(run.model, of=facts.name)
                densities.add(run, facts.name)
        except (
            TfgenError
        ) as error:  # a model that draws nothing, or whose plugin is not here, spoils no picture of the rest
            say(f"note: {facts.name} is not in all pictures: {error}", error=True)
    draw("samples.png", draw_sample_panels, panels)
    draw("densities.png", draw_density_panels, densities.found())
    return drawn


def _samples(run: Run, options: Options) -> Any:
    from tfgen.sample.sampling import labels_for, sample_batches

    count = options.count if run.data_spec.layout == "grid" else _POINTS
    return next(sample_batches(run.model, count, labels_for(run.model, count, None), options.seed, count))


class _DensityPanels:
    """Densities of runs on 1-D and 2-D data by data set, the true density first if it is known."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[tuple[float, float], list[tuple[str, Any]], bool]] = {}

    def add(self, run: Run, name: str) -> None:
        """Evaluate the density of a run on a grid, if its data have one or two dimensions and it has a density."""
        import numpy as np

        from tfgen.evaluate.likelihood import log_joint
        from tfgen.figures.densities import density_points
        from tfgen.model.capabilities import HasLogProb

        if run.data_spec.shape not in ((1,), (2,)) or not isinstance(run.model, HasLogProb):
            return
        data, shape = run.data, (_CELLS,) * run.data_spec.dimensions
        points = density_points(run.data_spec, _CELLS)
        if data.name not in self._sets:
            known = data.log_prob is not None
            first = [("true density", np.exp(data.log_prob(points)).reshape(shape))] if data.log_prob else []
            self._sets[data.name] = (run.data_spec.value_range, first, known)
        density = np.exp(log_joint(run.model, data, points)).sum(axis=-1).reshape(shape)
        self._sets[data.name][1].append((name, density))

    def found(self) -> list[Densities]:
        """Return the collected densities; a known true density sets the colour scale."""
        from tfgen.runs.comparison_figure import Densities

        return [
            Densities(panels, extent, max(float(density.max()) for _, density in panels[: 1 if known else None]), data)
            for data, (extent, panels, known) in self._sets.items()
        ]
