"""Interpolate between two examples in a model's latent space, into a picture (.png) or arrays (.npz)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from tfgen.cli.default_context import say_default_categories
from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import by_default, parse
from tfgen.data.labels import class_name, class_numbers
from tfgen.errors import DataError, OptionError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.data.dataset import Dataset
    from tfgen.data.spec import DataSpec
    from tfgen.runs.run import Run
    from tfgen.sample.interpolation import Interpolation

#: Points of a curve in the plane, at least, so that it looks smooth.
_CURVE_POINTS = 200
#: Test examples that are drawn behind the curves.
_DATA_POINTS = 3000
#: Vectors count as given back up to this part of the range of the data; images have to be the same.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Options:
    """Ends, paths and output file of an interpolation. Ends are test examples by class or by index, or samples.

    A model with a decoder but no encoder interpolates between two of its samples, of the given classes or of two different
    ones; the samples of an unconditional model are classified to find them.
    """

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    from_: Annotated[str | None, tyro.conf.arg(name="from", metavar="CLASS")] = None
    """Begin at the first test example of this class."""
    to: Annotated[str | None, tyro.conf.arg(metavar="CLASS")] = None
    """End at the first test example of this class."""
    from_index: Annotated[int | None, tyro.conf.arg(metavar="INDEX")] = None
    """Begin at this test example, counted from 0. Without any end: from test example 0 to 1."""
    to_index: Annotated[int | None, tyro.conf.arg(metavar="INDEX")] = None
    """End at this test example, counted from 0."""
    samples: bool = False
    """Interpolate between two codes sampled from the prior instead."""
    path: Annotated[
        tuple[Literal["linear", "sinusoidal", "spherical"], ...],
        by_default("all three; with --labels-each linear", metavar="PATH ..."),
    ] = ()
    """Kinds of interpolation, each a row of the picture: linear (lerp), sinusoidal, spherical (slerp)."""
    steps: int = 11
    """Examples on each path, both ends included."""
    labels: Annotated[tuple[str, ...], by_default("those of the two ends; with --samples 0 and 1")] = ()
    """Two labels for a conditional model: the first decodes up to the middle of the path, the second beyond."""
    labels_each: Annotated[tuple[str, ...], by_default("none", metavar="CLASS ...")] = ()
    """Labels of a conditional model, each for a row of its own: the whole path decoded under it."""
    seed: int = 0
    """Seed of the noise in encoding images, or of the codes of --samples."""
    out: Path | None = None
    """File to write, .png or .npz; by default interpolation.png in the run's figures."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        for way, by_class, by_index in (("--from", self.from_, self.from_index), ("--to", self.to, self.to_index)):
            if by_class is not None and by_index is not None:
                raise OptionError(f"{way} and {way}-index both name one end of the path; give one of them.")
        begins, ends = (self.from_, self.from_index) != (None, None), (self.to, self.to_index) != (None, None)
        if self.samples and (begins or ends):
            raise OptionError("--samples draws both ends; leave it out to name an end, or name none.")
        if begins != ends:
            missing = "--to or --to-index" if begins else "--from or --from-index"
            raise OptionError(f"only one end of the path is named; name the other one by {missing}.")
        require_option(self.steps >= 2, "steps", self.steps, "at least 2")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        require_option(len(self.labels) in (0, 2), "labels", " ".join(map(str, self.labels)), "two classes")
        if self.labels and self.labels_each:
            raise OptionError(
                "--labels changes the label in the middle of a path, --labels-each keeps one; give one of them."
            )
        if self.out is not None and self.out.suffix not in (".png", ".npz"):
            raise OutputError(f"cannot write {self.out}: the name must end in .png (a picture) or .npz (arrays).")

    @property
    def paths(self) -> tuple[str, ...]:
        """Kinds of interpolation, by default all; of a picture that compares labels the linear one alone."""
        return self.path or (("linear",) if self.labels_each else ("linear", "sinusoidal", "spherical"))


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Interpolate, and print the ends and the file."""
    options = parse(Options, arguments, "interpolate", __doc__ or "")
    run = context.run(options.run)
    from tfgen.files import written_whole
    from tfgen.model.capabilities import Decodes, HasLatents, capable, require_continuous_codes
    from tfgen.runtime import device_scope

    out = output_file(options.out, run.files.figures / "interpolation.png", options.overwrite)
    if out.suffix == ".png":
        _require_picture(options, run.data_spec)
    with device_scope(run.config.device):
        capable(run.model, Decodes, "interpolation")  # before data are looked for
        require_continuous_codes(run.model, "interpolation")
        chosen: _Ends | None = None
        if not options.samples:
            chosen = (
                _Examples(*_chosen(options, run.data)) if isinstance(run.model, HasLatents) else _drawn(options, run)
            )
        result = _interpolated(options, run, chosen, options.steps)
        with written_whole(out) as temporary:
            if out.suffix == ".npz":
                _write_arrays(result, temporary)
            else:
                _draw(options, run, chosen, result, temporary)
    say(*_ends(options, run, chosen, result), out)


@dataclass(frozen=True)
class _Examples:
    """Ends that are test examples, by index."""

    first: int
    second: int


@dataclass(frozen=True)
class _Drawn:
    """Ends that are samples, by class, for a model without an encoder; with their codes, if these were searched for."""

    classes: tuple[int, int]
    codes: Any = None


_Ends = _Examples | _Drawn


def _drawn(options: Options, run: Run) -> _Drawn | None:
    """Return two samples of the given or of two different classes; None for data without classes."""
    from tfgen.evaluate.features import feature_network
    from tfgen.evaluate.search import codes_of_classes
    from tfgen.model.capabilities import Decodes, HasLatents, capable

    if options.from_index is not None or options.to_index is not None:
        capable(run.model, HasLatents, "--from-index (name classes, or nothing)")
    ends = None if options.from_ is None or options.to is None else (options.from_, options.to)
    first, second = class_numbers(ends, run.data_spec) if ends else (0, 0)
    named = (first, second) if ends else None
    count = run.data_spec.classes
    if named is None and count is None:
        return None
    if count is None:
        raise DataError(f"--from: data set {run.config.data!r} has no classes; leave --from and --to out.")
    for way, label in zip(("from", "to"), named or (), strict=False):
        require_option(0 <= label < count, way, label, f"a class, 0 .. {count - 1}")
    if run.model.conditional:
        return _Drawn(named or (0, min(1, count - 1)))
    if not run.data_spec.spatial:
        if named:
            raise DataError(
                "--from: there is no classifier of vectors that could tell samples' classes; use --samples."
            )
        return None
    network = feature_network("classifier", run.data, run.sources, quiet=False)
    capable(run.model, Decodes, "interpolation")
    codes, classes = codes_of_classes(run.model, network, named, options.seed)
    return _Drawn(classes, codes)


def _require_picture(options: Options, data: DataSpec) -> None:
    from tfgen.figures.interpolation import MOST_COLUMNS

    if data.layout == "grid" and options.steps > MOST_COLUMNS:
        raise OptionError(
            f"--steps must be at most {MOST_COLUMNS} for a picture, got {options.steps}; write an .npz with --out."
        )


def _chosen(options: Options, data: Dataset) -> tuple[int, int]:
    """Return the indices of the two test examples."""
    if (options.from_, options.from_index, options.to, options.to_index) == (None, None, None, None):
        options = replace(options, from_index=0, to_index=1)
    first = _index(data, "--from", options.from_, options.from_index)
    second = _index(data, "--to", options.to, options.to_index)
    if first == second:
        raise OptionError(
            f"both ends are test example {first}; name two different ones, for example --from-index 0 --to-index 1."
        )
    return first, second


def _index(data: Dataset, way: str, named: str | None, by_index: int | None) -> int:
    if by_index is not None:
        count = len(data.test)
        require_option(0 <= by_index < count, f"{way[2:]}-index", by_index, f"a test example, 0 .. {count - 1}")
        return by_index
    labels, classes = data.test.labels, data.spec.classes
    if labels is None or classes is None or named is None:
        raise DataError(
            f"{way}: data set {data.name!r} has no classes; choose test examples by --from-index, --to-index."
        )
    (by_class,) = class_numbers([named], data.spec)
    require_option(0 <= by_class < classes, way[2:], by_class, f"a class, 0 .. {classes - 1}")
    result = (labels == by_class).nonzero()[0]
    if not len(result):
        there = ", ".join(map(str, sorted({*labels.tolist()})))
        raise DataError(
            f"{way} {by_class}: no test example of data set {data.name!r} is of this class; there are {there}."
        )
    return int(result[0])


def _interpolated(options: Options, run: Run, chosen: _Ends | None, steps: int) -> Interpolation:
    import numpy as np

    from tfgen.sample.interpolation import interpolate
    from tfgen.sample.sampling import given_of, labels_for

    asked = labels_for(run.model, 2, options.labels)
    each = None
    if options.labels_each:
        each = labels_for(run.model, len(options.labels_each), options.labels_each, option="--labels-each")
    common: dict[str, Any] = {"paths": options.paths, "steps": steps, "seed": options.seed, "labels_each": each}
    if (
        options.labels or options.labels_each or not isinstance(chosen, _Examples)
    ):  # test examples have contexts of their own
        say_default_categories(run.model)
    if not isinstance(chosen, _Examples):
        codes = None if chosen is None else chosen.codes
        if chosen is not None and run.model.conditional and not options.labels:
            asked = labels_for(run.model, 2, chosen.classes)
        return interpolate(run.model, labels=asked, codes=codes, **common)
    test, which = run.data.test, [chosen.first, chosen.second]
    own = given_of(run.model, test.take(np.asarray(which)))
    return interpolate(run.model, test.x[which], own, decode_labels=asked if options.labels else None, **common)


def _write_arrays(result: Interpolation, path: Path) -> None:
    import numpy as np

    arrays: dict[str, Any] = {"x": result.x, "l": result.weights, "z": result.codes, "paths": np.array(result.paths)}
    labels = {"labels": result.labels, "row_labels": result.row_labels}
    arrays |= {name: array for name, array in labels.items() if array is not None}
    np.savez(path, **arrays)


def _draw(options: Options, run: Run, chosen: _Ends | None, result: Interpolation, path: Path) -> None:
    from tfgen.figures.interpolation import draw_image_paths, draw_line_paths, draw_plane_paths

    if run.data_spec.layout == "grid":
        draw_image_paths(result, run.data_spec.levels, path, _rows(options, run, result))
        return
    every = math.ceil(_CURVE_POINTS / (options.steps - 1))
    curves = _interpolated(options, run, chosen, every * (options.steps - 1) + 1)
    draw = draw_line_paths if run.data_spec.layout == "histogram" else draw_plane_paths
    draw(curves, every, run.data_spec, run.data.test.x[:_DATA_POINTS], path, _rows(options, run, curves))


def _rows(options: Options, run: Run, result: Interpolation) -> list[str]:
    """Return the names of the rows: of their paths, of their labels, or of both where there are several of both."""
    if not options.labels_each:
        return list(result.paths)
    labels = [f"label {class_name(int(k), run.data_spec)}" for k in class_numbers(options.labels_each, run.data_spec)]
    several = len(options.paths) > 1
    return [f"{path}, {label}" if several else label for path in options.paths for label in labels]


def _ends(options: Options, run: Run, chosen: _Ends | None, result: Interpolation) -> list[str]:
    """Return lines that describe both ends, and whether decoding reconstructed the examples."""
    if chosen is None:
        return [f"between two codes of the prior, seed {options.seed}"]
    if isinstance(chosen, _Drawn):
        of = "" if run.model.conditional else ", as the classifier sees them"
        return [f"between samples of classes {chosen.classes[0]} and {chosen.classes[1]}{of}, seed {options.seed}"]
    labels, errors = run.data.test.labels, result.end_errors()
    which = (chosen.first, chosen.second)
    names = [f"test example {i}" + ("" if labels is None else f" (class {labels[i]})") for i in which]
    between = f"from {names[0]} to {names[1]}"
    quantised, furthest = run.data_spec.quantised, float(errors.max())
    low, high = run.data_spec.value_range
    if furthest <= (0 if quantised else _TOLERANCE * (high - low)):
        return [f"{between}; decoding gives both back{' exactly' if quantised else ''}"]
    wrong = errors.max(axis=0)
    far = f"{furthest:.0f} of {run.data_spec.levels} grey levels" if quantised else f"{furthest:.2g}"
    asked = options.labels or options.labels_each
    under = f", under labels {' and '.join(asked)}," if asked else ""
    return [
        between,
        f"note: decoding{under} does not give them back exactly: {(wrong > 0).sum()} of {wrong.size} values differ, by up to "
        f"{far}",
    ]
