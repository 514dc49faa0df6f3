"""Figures that compare runs: samples, densities, validation curves."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.figures.examples import draw_points
from tfgen.figures.grids import grid_layout, image_grid
from tfgen.figures.histograms import draw_histogram
from tfgen.figures.zoom import zoom_inset

if TYPE_CHECKING:
    from tfgen.runs.comparison import Curves

#: Images in a row of each panel, or a multiple, so that a conditional model of ten classes has one in each column.
COLUMNS = 10
_PANEL_INCHES = 4.0
_HIGHEST = 2.5  # of a panel, as a multiple of its width
_MOST_IN_A_ROW = 4
_TITLE_LETTERS = 46
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Densities:
    """Densities on one square of the plane, with a common colour scale; or on one interval, as curves.

    Attributes:
        panels: title and density [cells, cells] of each, or [cells] on an interval.
        extent: of the square, from ``extent[0]`` to ``extent[1]`` along both axes, or of the interval.
        brightest: the density that gets the brightest colour.
        data: of which data set.
    """

    panels: Sequence[tuple[str, NDArray[np.floating[Any]]]]
    extent: tuple[float, float]
    brightest: float
    data: str

    @property
    def curves(self) -> bool:
        """True for densities of one dimension."""
        return self.panels[0][1].ndim == 1


def draw_sample_panels(panels: Sequence[tuple[str, NDArray[np.generic], DataSpec]], path: Path) -> None:
    """Write the samples of each run into a panel under its name: a grid of images, or a scatter of vectors.

    Args:
        panels: for each run its title, samples [n, ...] with the same n, and their spec.
        path: of the picture.
    """
    columns = _columns(len(panels))
    rows = math.ceil(len(panels) / columns)
    layouts = [
        grid_layout(len(x), data.shape[0], data.shape[1], columns_of=COLUMNS) if data.layout == "grid" else None
        for _, x, data in panels
    ]
    grids = [
        None if layout is None else image_grid(x, data.levels, layout=layout)
        for layout, (_, x, data) in zip(layouts, panels, strict=True)
    ]
    shape = min(max(1.0 if grid is None else grid.shape[0] / grid.shape[1] for grid in grids), _HIGHEST)
    size = (_PANEL_INCHES * columns, (_PANEL_INCHES * shape + 0.35) * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, layout, grid, (title, x, data) in zip(axes, layouts, grids, panels, strict=False):
        if layout is not None and grid is not None:
            axis.imshow(grid)
            axis.set_axis_off()
            title += f"\n{layout.note()}"
        elif data.layout == "histogram":
            draw_histogram(axis, data, {title: x})
        else:
            draw_points(axis, x, data, s=3, alpha=0.4)
        axis.tick_params(labelsize=8)
        axis.set_title(_wrapped(title), fontsize=9)
    figure.savefig(path, dpi=130, format="png")


def draw_density_panels(sets: Sequence[Densities], path: Path) -> None:
    """Write the densities of each data set in a row of panels (or several), in one colour scale for each data set.

    Densities of one dimension are curves in one panel.

    Args:
        sets: one for each data set.
        path: of the picture.
    """
    columns = min(max(1 if result.curves else len(result.panels) for result in sets), _MOST_IN_A_ROW)
    rows = [1 if result.curves else math.ceil(len(result.panels) / columns) for result in sets]
    size = (
        _PANEL_INCHES * max(columns, 2) + 1.1
        if any(result.curves for result in sets)
        else _PANEL_INCHES * columns + 1.1,
        (_PANEL_INCHES + 0.35) * sum(rows),
    )
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(len(sets), 1, height_ratios=rows, squeeze=False).ravel()
    for part, result, height in zip(parts, sets, rows, strict=True):
        if result.curves:
            _draw_density_curves(part.subplots(), result)
            continue
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


def _draw_density_curves(axes: Axes, result: Densities) -> None:
    """Draw densities of one dimension over one another; the true one, if known, is dashed."""
    for number, (title, density) in enumerate(result.panels):
        places = np.linspace(*result.extent, len(density))
        known = title == "true density"
        look: dict[str, Any] = {"color": "black", "linestyle": "--"} if known else {"color": f"C{number % 10}"}
        axes.plot(places, density, label=_wrapped(title), **look)
    axes.set(xlim=result.extent, ylim=(0, None), xlabel="$x$", ylabel=f"density, {result.data}")
    axes.legend(fontsize=8)


def draw_curve_panels(terms: Sequence[Curves], path: Path) -> None:
    """Write validation curves, each term against epochs (or steps) and against seconds of training; one legend for all.

    Where the first values flatten the rest, an inset enlarges the later part.

    Args:
        terms: each with the runs that have it.
        path: of the picture.
    """
    names = list(dict.fromkeys(run.name for shown in terms for run in shown.runs))
    figure = Figure(figsize=(10, 3.6 * len(terms) + 0.22 * math.ceil(len(names) / 2) + 0.4), layout="constrained")
    panels = figure.subplots(len(terms), 2, squeeze=False, sharey="row")
    lines: dict[str, Any] = {}
    given: set[str] = set()
    for shown, (by_step, by_second) in zip(terms, panels, strict=True):
        by_epoch = all(math.isfinite(point.epoch) for run in shown.runs for point in run.curve_points())
        for run in shown.runs:
            steps, epochs, seconds, values = np.array(run.curve_points(), float).T
            number = names.index(run.name)
            look = {"color": f"C{number % 10}", "linestyle": _STYLES[number // 10 % 4], "marker": "o", "markersize": 3}
            if run.name in shown.given_label:
                look["markerfacecolor"] = "white"
                given.add(run.name)
            (lines[run.name],) = by_step.plot(epochs if by_epoch else steps, values, label=run.name, **look)
            by_second.plot(seconds, values, label=run.name, **look)
        by_step.set(xlabel="epoch" if by_epoch else "step", ylabel=f"validation {_label(shown)}")
        by_second.set(xlabel="seconds of training, compilation included")
        if shown.differing:
            warning = f"measured with different {', '.join(shown.differing)}: heights do not compare"
            by_step.set_title(warning, fontsize=9, loc="left")
        for axis in (by_step, by_second):
            axis.grid(alpha=0.3)
            axis.set_xlim(left=0)
            zoom_inset(axis, shown.runs[0].catalogue.rises(shown.runs[0].curve or ""))
    titles = [f"{name} (given the label)" if name in given else name for name in names]
    figure.legend(
        [lines[name] for name in names], [_wrapped(title, 64) for title in titles],
        loc="outside lower center", ncols=1 if len(names) < 3 else 2, fontsize=9, frameon=False,
    )  # fmt: skip
    figure.savefig(path, dpi=120, format="png")


def _label(shown: Curves) -> str:
    """Return title, unit and direction of the metric; for a loss, its name."""
    catalogue = shown.runs[0].catalogue
    if shown.term not in catalogue:
        return shown.term
    better = catalogue[shown.term].better
    return catalogue.label(shown.term) + (f" ({better} is better)" if better else "")


def _columns(count: int) -> int:
    """Return how many panels stand in a row: two or three as one row, four as two by two, up to four."""
    return count if count < 4 else math.ceil(math.sqrt(count)) if count < 7 else _MOST_IN_A_ROW


def _wrapped(name: str, width: int = _TITLE_LETTERS) -> str:
    return "\n".join(line for part in name.splitlines() for line in textwrap.wrap(part, width))
