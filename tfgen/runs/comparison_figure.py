"""Figures that compare runs: samples, densities, validation curves."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.figures.examples import image_grid
from tfgen.runs.facts import RunFacts

if TYPE_CHECKING:
    from tfgen.runs.comparison import Curves

#: Images in a row of each panel, so that a conditional model of ten classes has one in each column.
COLUMNS = 10
_PANEL_INCHES = 4.0
_MOST_IN_A_ROW = 4
_TITLE_LETTERS = 46
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Densities:
    """Densities on one square of the plane, with a common colour scale.

    Attributes:
        panels: title and density [cells, cells] of each.
        extent: of the square, from ``extent[0]`` to ``extent[1]`` along both axes.
        brightest: the density that gets the brightest colour.
        data: of which data set.
    """

    panels: Sequence[tuple[str, NDArray[np.floating[Any]]]]
    extent: tuple[float, float]
    brightest: float
    data: str


def draw_sample_panels(panels: Sequence[tuple[str, NDArray[np.generic], DataSpec]], path: Path) -> None:
    """Write the samples of each run into a panel under its name: a grid of images, or a scatter of vectors.

    Args:
        panels: for each run its title, samples [n, ...] with the same n, and their spec.
        path: of the picture.
    """
    columns = _columns(len(panels))
    rows = math.ceil(len(panels) / columns)
    grids = [image_grid(x, data.levels, COLUMNS) if data.layout == "grid" else None for _, x, data in panels]
    shape = max(1.0 if grid is None else grid.shape[0] / grid.shape[1] for grid in grids)
    size = (_PANEL_INCHES * columns, (_PANEL_INCHES * shape + 0.35) * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, grid, (title, x, data) in zip(axes, grids, panels, strict=False):
        axis.set_title(_wrapped(title), fontsize=9)
        if grid is not None:
            axis.imshow(grid)
            axis.set_axis_off()
        else:
            axis.scatter(x[:, 0], x[:, 1], s=3, alpha=0.4, linewidths=0)
            axis.set(xlim=data.value_range, ylim=data.value_range, aspect="equal")
            axis.tick_params(labelsize=8)
    figure.savefig(path, dpi=130, format="png")


def draw_density_panels(sets: Sequence[Densities], path: Path) -> None:
    """Write the densities of each data set in a row of panels (or several), in one colour scale for each data set.

    Args:
        sets: one for each data set.
        path: of the picture.
    """
    columns = min(max(len(result.panels) for result in sets), _MOST_IN_A_ROW)
    rows = [math.ceil(len(result.panels) / columns) for result in sets]
    size = (_PANEL_INCHES * columns + 1.1, (_PANEL_INCHES + 0.35) * sum(rows))
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(len(sets), 1, height_ratios=rows, squeeze=False).ravel()
    for part, result, height in zip(parts, sets, rows, strict=True):
        axes = part.subplots(height, columns, squeeze=False).ravel()
        for axis in axes[len(result.panels) :]:
            axis.set_axis_off()
        for axis, (title, density) in zip(axes, result.panels, strict=False):
            low, high = result.extent
            picture = axis.imshow(
                density, origin="lower", extent=(low, high, low, high), vmin=0, vmax=result.brightest or None
            )
            axis.set_title(_wrapped(title), fontsize=9)
            axis.tick_params(labelsize=8)
        brighter = any(float(density.max()) > result.brightest for _, density in result.panels)
        part.colorbar(
            picture, ax=list(axes[: len(result.panels)]), shrink=0.85, pad=0.02,
            extend="max" if brighter else "neither", label=f"density, {result.data}",
        )  # fmt: skip
    figure.savefig(path, dpi=130, format="png")


def draw_curve_panels(terms: Sequence[Curves], path: Path) -> None:
    """Write validation curves, each term against steps and against seconds of training; one legend entry for each run.

    Args:
        terms: each with the runs that have it.
        path: of the picture.
    """
    names = list(dict.fromkeys(run.name for shown in terms for run in shown.runs))
    figure = Figure(figsize=(10, 3.6 * len(terms) + 0.22 * math.ceil(len(names) / 2) + 0.4), layout="constrained")
    panels = figure.subplots(len(terms), 2, squeeze=False, sharey="row")
    lines: dict[str, Any] = {}
    for shown, (by_step, by_second) in zip(terms, panels, strict=True):
        for run in shown.runs:
            steps, seconds, values = np.array(run.curve_points(), float).T
            number = names.index(run.name)
            look = {"color": f"C{number % 10}", "linestyle": _STYLES[number // 10 % 4], "marker": "o", "markersize": 3}
            (lines[run.name],) = by_step.plot(steps, values, label=run.name, **look)
            by_second.plot(seconds, values, label=run.name, **look)
        by_step.set_ylim(*_view(shown.runs))
        by_step.set(xlabel="step", ylabel=f"validation {_label(shown)}")
        by_second.set(xlabel="seconds of training, compilation included")
        if shown.differing:
            warning = f"measured with different {', '.join(shown.differing)}: heights do not compare"
            by_step.set_title(warning, fontsize=9, loc="left")
        for axis in (by_step, by_second):
            axis.grid(alpha=0.3)
            axis.set_xlim(left=0)
    figure.legend(
        [lines[name] for name in names], [_wrapped(name, 64) for name in names],
        loc="outside lower center", ncols=1 if len(names) < 3 else 2, fontsize=9, frameon=False,
    )  # fmt: skip
    figure.savefig(path, dpi=120, format="png")


def _label(shown: Curves) -> str:
    """Return the metric's title and unit; for a loss, its name."""
    catalogue = shown.runs[0].catalogue
    return catalogue.label(shown.term) if shown.term in catalogue else shown.term


def _columns(count: int) -> int:
    """Return how many panels stand in a row: two or three as one row, four as two by two, up to four."""
    return count if count < 4 else math.ceil(math.sqrt(count)) if count < 7 else _MOST_IN_A_ROW


def _view(runs: Sequence[RunFacts]) -> tuple[float, float]:
    """Return the y limits without the outliers at the start of curves, which would flatten the rest."""
    sign = -1 if runs[0].catalogue.rises(runs[0].curve or "") else 1  # in which direction the first values lie
    curves = [[sign * value for _, _, value in run.curve_points()] for run in runs]
    near = min(min(values) for values in curves)
    far = max(float(np.quantile(values, 0.9)) if len(values) > 4 else max(values) for values in curves)
    margin = 0.08 * (far - near) or 0.1
    low, high = sorted((sign * (near - margin), sign * (far + margin)))
    return low, high


def _wrapped(name: str, width: int = _TITLE_LETTERS) -> str:
    return "\n".join(line for part in name.splitlines() for line in textwrap.wrap(part, width))
