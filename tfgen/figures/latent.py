"""Drawing primitives for latent spaces: image panels, scatter plots of codes by class, two clouds overlaid."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tfgen.figures.grids import framed, in_colour
from tfgen.figures.saving import neutral_text, save_clear

Floats = NDArray[np.float64]

#: The most classes with a colour of their own.
MOST_COLOURS = 20
_DPI = 130
_CELL = 0.5  # inches, of an image in a table
_LARGEST = (14.0, 24.0)  # inches, of all panels together
_SMALL = 16  # pixels
_LINE, _SEAM, _MARK = "white", "0.35", "tab:orange"
_BELOW, _ABOVE = "0.72", "tab:blue"
_VIEW = 0.002  # share of the points on either side that may lie outside the frame


@dataclass(frozen=True)
class Panel:
    """A table of images, with a head for each row and column.

    Attributes:
        images: grey levels, [rows, columns, height, width, channels].
        title: above the panel.
        rows: heads of the rows; none where empty.
        columns: heads of the columns, above them.
        across: label of the column axis.
        down: label of the row axis.
        group: rows in a group; a broader line separates groups.
        apart: columns at the left (and at the right with `apart_right`) that a gap separates from the others.
        apart_right: see there.
        marked: (row, column) of images to frame.
        seamless: hardly a line between images, and heads below and at the left, as on a map.
    """

    images: NDArray[np.generic]
    title: str = ""
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    across: str = ""
    down: str = ""
    group: int = 1
    apart: int = 0
    apart_right: bool = False
    marked: Sequence[tuple[int, int]] = ()
    seamless: bool = False


def draw_panels(panels: Sequence[Panel], levels: int, title: str, path: Path, across: int = 1, side: float = 0) -> None:
    """Write panels of images as one picture.

    Args:
        panels: of images of one shape.
        levels: the brightest grey level is ``levels - 1``.
        title: above all; lines are broken to the width of the picture.
        path: of the picture.
        across: panels side by side.
        side: width of a panel in inches; by default each image has the same size.
    """
    columns, rows = min(across, len(panels)), math.ceil(len(panels) / across)
    table_rows, table_columns, height, width, _ = _coloured(panels[0], levels).shape
    panel_width = side or _CELL * table_columns * math.sqrt(max(1.0, width / height))
    panel_height = panel_width * (table_rows * height) / (table_columns * width)
    scale = min(1.0, _LARGEST[0] / (columns * panel_width), _LARGEST[1] / (rows * panel_height))
    heads = 0.42 + 0.25 * any(panel.title for panel in panels)
    size = (columns * (scale * panel_width + 0.75), rows * (scale * panel_height + heads))
    lines = _broken(title, size[0])
    pixels = table_columns * width / (scale * panel_width)  # of the images themselves, in an inch
    with neutral_text():
        figure = Figure(figsize=(size[0], size[1] + 0.22 * (lines.count("\n") + 1)), layout="constrained")
        figure.suptitle(lines, fontsize=10)
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for place, panel in zip(places, panels, strict=False):
            _draw_panel(place, panel, levels)
        for place in places[len(panels) :]:
            place.set_axis_off()
        save_clear(figure, path, float(np.clip(pixels, _DPI, 2 * _DPI)))


def _coloured(panel: Panel, levels: int) -> NDArray[np.uint8]:
    """Return the images of a panel in colour, with margins where they are narrow: [rows, columns, height, width, 3]."""
    rows, columns, height, width, channels = panel.images.shape
    coloured = in_colour(panel.images.reshape(-1, height, width, channels), levels)
    return framed(coloured.reshape(rows, columns, height, width, 3))


def _draw_panel(axes: Axes, panel: Panel, levels: int) -> None:
    coloured = _coloured(panel, levels)
    rows, columns, height, width, _ = coloured.shape
    table = coloured.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    smooth = "antialiased" if panel.seamless else "nearest"
    axes.imshow(table, extent=(0, columns, rows, 0), aspect=height / width, interpolation=smooth)
    parted = {panel.apart} | ({columns - panel.apart} if panel.apart_right else set())
    small = height < _SMALL  # such images have no margin of their own
    look: dict[str, Any] = {"color": _LINE, "linewidth": 2.0 if small else 0.8}
    if panel.seamless:
        look = {"color": _LINE, "linewidth": 1.0} if small else {"color": _SEAM, "linewidth": 0.4}
    for place in range(1, columns):
        axes.axvline(place, **(look | {"linewidth": 4} if place in parted else look))
    for place in range(1, rows):
        axes.axhline(place, **(look | {"linewidth": 4} if panel.group > 1 and place % panel.group == 0 else look))
    boxed: dict[str, Any] = {"fill": False, "edgecolor": _MARK, "linewidth": 1.8, "zorder": 3}
    for row, column in panel.marked:
        axes.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, **boxed))
    if panel.title:
        axes.set_title(panel.title, fontsize=9)
    displayed = [(place + 0.5, head) for place, head in enumerate(panel.columns) if head]
    axes.set_xticks([place for place, _ in displayed], [head for _, head in displayed], fontsize=8)
    displayed = [(place + 0.5, head) for place, head in enumerate(panel.rows) if head]
    axes.set_yticks([place for place, _ in displayed], [head for _, head in displayed], fontsize=8)
    axes.set_xlabel(panel.across, fontsize=9)
    axes.set_ylabel(panel.down, fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=2 if panel.seamless else 0, pad=3)
    if not panel.seamless:
        axes.xaxis.set_label_position("top")
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)


def draw_codes(points: Floats, labels: NDArray[np.int32] | None, names: Sequence[str], title: str, path: Path) -> None:
    """Write a scatter plot of codes in the plane, a colour for each class; in one dimension a histogram of each.

    Args:
        points: [n, 2] or [n, 1].
        labels: of the points [n], or None; of more than twenty classes, the further ones share a grey.
        names: of the axes, one or two.
        title: above the picture.
        path: of the picture.
    """
    groups: list[tuple[str, Any, NDArray[np.bool_]]] = []
    if labels is None:
        groups.append(("", _ABOVE, np.ones(len(points), bool)))
    else:
        there = np.unique(labels)
        colours = colormaps["tab10" if len(there) <= 10 else "tab20"]
        if len(there) > MOST_COLOURS:
            groups.append((f"{len(there) - MOST_COLOURS} others", _BELOW, labels > there[MOST_COLOURS - 1]))
        groups += [(str(label), colours(number), labels == label) for number, label in enumerate(there[:MOST_COLOURS])]
    figure = Figure(figsize=(7.4 if labels is not None else 6.6, 6.8), layout="constrained")
    figure.suptitle(_broken(title, 6.6), fontsize=10)
    axes = figure.add_subplot()
    if points.shape[1] == 1:
        bins = np.linspace(points.min(), points.max(), _bins(len(points))).tolist()
        axes.hist(
            [points[own, 0] for _, _, own in groups],
            bins=bins, stacked=True, color=[colour for _, colour, _ in groups], label=[name for name, _, _ in groups],
        )  # fmt: skip
        axes.set(xlabel=names[0], ylabel="examples")
    else:
        order = _fair_order(len(points))  # so that no class lies on top of the others
        shade = np.zeros((len(points), 4))
        for _, colour, own in groups:
            shade[own] = _rgba(colour, 0.7)
        axes.scatter(points[order, 0], points[order, 1], c=shade[order], s=_size(len(points)), linewidths=0)
        for name, colour, _ in groups:
            axes.scatter([], [], color=colour, s=40, label=name)
        _frame(axes, points, names)
    if labels is not None:
        axes.legend(title="class", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    figure.savefig(path, dpi=_DPI, format="png")


def draw_two_clouds(
    above: Floats, below: Floats, above_name: str, below_name: str, names: Sequence[str], title: str, path: Path
) -> None:
    """Write a scatter plot of two sets of points, with the marginal distributions of both along each axis.

    Args:
        above: drawn last, [n, 2] or [n, 1].
        below: drawn first, of as many columns.
        above_name: of the first, for the legend.
        below_name: of the second.
        names: of the axes, one or two.
        title: above the picture.
        path: of the picture.
    """
    both = np.concatenate([above, below])
    kinds = ((below, _BELOW, below_name), (above, _ABOVE, above_name))
    steps: dict[str, Any] = {"density": True, "histtype": "stepfilled", "alpha": 0.55}
    figure = Figure(figsize=(7.2, 7.4) if both.shape[1] > 1 else (7.2, 4), layout="constrained")
    figure.suptitle(_broken(title, 7.2), fontsize=10)
    if both.shape[1] == 1:
        axes = figure.add_subplot()
        for points, colour, name in kinds:
            axes.hist(
                points[:, 0],
                bins=np.linspace(both.min(), both.max(), _bins(len(above))).tolist(),
                color=colour,
                label=name,
                **steps,
            )
        axes.set(xlabel=names[0], ylabel="density")
        axes.legend(frameon=False)
        figure.savefig(path, dpi=_DPI, format="png")
        return
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    axes = figure.add_subplot(grid[1, 0])
    top, right = figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)
    for points, colour, name in kinds:
        axes.scatter(points[:, 0], points[:, 1], s=_size(len(points)), color=colour, alpha=0.55, linewidths=0)
        axes.scatter([], [], s=40, color=colour, label=name)
    low, high = _frame(axes, both, names)
    axes.set_aspect("auto")  # the two histograms share its sides
    bins = np.linspace(low, high, _bins(len(above)), axis=1).tolist()
    for points, colour, _ in kinds:
        top.hist(points[:, 0], bins=bins[0], color=colour, **steps)
        right.hist(points[:, 1], bins=bins[1], color=colour, orientation="horizontal", **steps)
    for side in (top, right):
        side.set_axis_off()
    axes.legend(loc="upper left", fontsize=9)
    figure.savefig(path, dpi=_DPI, format="png")


def _size(n: int) -> float:
    """Return the marker size, in square points, for a scatter plot of n points."""
    return float(np.clip(12_000 / n, 6, 28))


def _bins(n: int) -> int:
    """Return the number of bin edges for n points."""
    return int(np.clip(1.2 * math.sqrt(n), 12, 60))


def _fair_order(n: int) -> NDArray[np.intp]:
    """Return a fixed random drawing order of n points, so that no class covers another."""
    return np.random.Generator(np.random.Philox(0)).permutation(n)


def _frame(axes: Axes, points: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Set square axis limits that hold the points but a few outliers; label the axes, and return the limits."""
    low, high = np.quantile(points, _VIEW, axis=0), np.quantile(points, 1 - _VIEW, axis=0)
    half = 0.56 * max(float((high - low).max()), 1e-6)
    middle = (low + high) / 2
    axes.set(
        xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half),
        aspect="equal", xlabel=names[0], ylabel=names[1],
    )  # fmt: skip
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return middle - half, middle + half


def _rgba(colour: Any, alpha: float) -> tuple[float, float, float, float]:
    return to_rgba(colour, alpha)


def _broken(title: str, inches: float) -> str:
    """Wrap a title to the width of a picture at ten points."""
    return "\n".join(line for part in title.split("\n") for line in textwrap.wrap(part, max(24, int(inches * 13))))
