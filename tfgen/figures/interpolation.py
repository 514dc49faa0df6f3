"""Figures of latent interpolations: a row of images for each path, or curves through vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.figures.grids import framed, in_colour
from tfgen.figures.histograms import bin_edges
from tfgen.figures.saving import neutral_text, save_clear
from tfgen.sample.interpolation import Interpolation

#: The most columns of a picture; further ones would be too small to see, or the picture too wide to open.
MOST_COLUMNS = 101
_CELL_INCHES = 0.62
_GREY = "0.4"
_MARKERS = ("o", "s", "^")
_BOX = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}


def draw_image_paths(result: Interpolation, levels: int, path: Path, rows: Sequence[str] = ()) -> None:
    """Write images as a picture: a row for each path, its name at the left, the weight lambda above each column.

    Where the end points are not exactly the images that were encoded, these stand beside them, outside the path.

    Args:
        result: the images.
        levels: the brightest grey level is ``levels - 1``.
        path: of the picture.
        rows: names of the rows; by default those of the paths.
    """
    with neutral_text():
        save_clear(_image_figure(result, levels, rows or result.paths), path, 130)


def _image_figure(result: Interpolation, levels: int, names: Sequence[str]) -> Figure:
    x, columns = result.x, [f"{weight:.3g}" for weight in result.weights]
    if result.ends is not None and result.end_errors().any():
        first, last = (np.broadcast_to(end, (len(x), 1, *end.shape)) for end in result.ends)
        x, columns = np.concatenate([first, x, last], axis=1), ["from", *columns, "to"]
    rows, count, height, width, channels = x.shape
    coloured = framed(in_colour(x.reshape(-1, height, width, channels), levels).reshape(rows, count, height, width, 3))
    height, width = coloured.shape[2:4]
    cell_height = _CELL_INCHES * height / width
    figure = Figure(figsize=(_CELL_INCHES * count + 1.1, cell_height * rows + 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(
        coloured.swapaxes(1, 2).reshape(rows * height, count * width, 3),
        extent=(0, count, rows, 0),
        aspect=cell_height / _CELL_INCHES,
        interpolation="nearest",
    )
    for place in range(1, count):
        beside = columns[place - 1] == "from" or columns[place] == "to"
        axes.axvline(place, color=_GREY, linewidth=3 if beside else 1)
    for place in range(1, rows):
        axes.axhline(place, color=_GREY, linewidth=3)
    axes.set_xticks(np.arange(count) + 0.5, columns)
    axes.set_yticks(np.arange(rows) + 0.5, names)
    axes.set_xlabel(r"weight $\lambda$")
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure


def draw_plane_paths(
    result: Interpolation,
    every: int,
    data: DataSpec,
    displayed: NDArray[np.generic],
    path: Path,
    rows: Sequence[str] = (),
) -> None:
    """Write vectors as curves of their first two coordinates over the data, with both end points marked.

    A curve is broken where a conditional model changes from one label to the other.

    Args:
        result: the curves, in steps fine enough to look smooth.
        every: steps between two marked points.
        data: spec of the data set.
        displayed: examples [n, d] to draw behind the curves.
        path: of the picture.
        rows: names of the curves; by default those of the paths.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        displayed[:, 0],
        displayed[:, 1],
        color="0.8",
        marker=".",
        markersize=2,
        linestyle="",
        label="test data",
        zorder=1,
    )
    labels = np.zeros(len(result.weights)) if result.labels is None else result.labels
    breaks = np.flatnonzero(np.diff(labels)) + 1
    for number, (name, x) in enumerate(zip(rows or result.paths, result.x, strict=True)):
        # In the plane two paths may run over each other: those drawn first are broader.
        size, colour = _breadth(result, number), f"C{number}"
        for piece in np.split(x, breaks):
            axes.plot(piece[:, 0], piece[:, 1], color=colour, linewidth=0.5 + size)
        look: dict[str, Any] = {"marker": _MARKERS[number % 3], "markersize": 4 + size, "markeredgecolor": "white"}
        axes.plot(x[::every, 0], x[::every, 1], color=colour, linestyle="", markeredgewidth=0.5, label=name, **look)
    ends = result.x[0, [0, -1], :2].astype(float)
    outwards = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-9)
    for end, away, name in ((ends[0], -outwards, r"$\lambda=0$"), (ends[1], outwards, r"$\lambda=1$")):
        axes.plot(*end, marker="o", markersize=8, markerfacecolor="white", markeredgecolor="black", linestyle="")
        axes.annotate(name, end, 24 * away, textcoords="offset points", ha="center", va="center", bbox=_BOX)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, 1 + len(result.paths)), frameon=False)
    figure.savefig(path, dpi=110, format="png")


def draw_line_paths(
    result: Interpolation,
    every: int,
    data: DataSpec,
    displayed: NDArray[np.generic],
    path: Path,
    rows: Sequence[str] = (),
) -> None:
    """Write one-dimensional examples as curves over the weight, with a histogram of the data at the side.

    A curve is broken where a conditional model changes from one label to the other.

    Args:
        result: the curves, in steps fine enough to look smooth.
        every: steps between two marked points.
        data: spec of the data set.
        displayed: examples [n, 1] for the histogram.
        path: of the picture.
        rows: names of the curves; by default those of the paths.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes, side = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    labels = np.zeros(len(result.weights)) if result.labels is None else result.labels
    breaks = np.flatnonzero(np.diff(labels)) + 1
    for number, (name, x) in enumerate(zip(rows or result.paths, result.x, strict=True)):
        size, colour = _breadth(result, number), f"C{number}"
        for weights, piece in zip(np.split(result.weights, breaks), np.split(x[:, 0], breaks), strict=True):
            axes.plot(weights, piece, color=colour, linewidth=0.5 + size)
        look: dict[str, Any] = {"marker": _MARKERS[number % 3], "markersize": 4 + size, "markeredgecolor": "white"}
        axes.plot(
            result.weights[::every], x[::every, 0], color=colour, linestyle="", markeredgewidth=0.5, label=name, **look
        )
    axes.set(ylim=data.value_range, xlabel="weight $l$", ylabel="$x$")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(result.paths)), frameon=False)
    counts, edges = np.histogram(np.asarray(displayed, np.float64)[:, 0], bin_edges(data, len(displayed)))
    side.stairs(counts / (len(displayed) * np.diff(edges)), edges, orientation="horizontal", fill=True, color="0.78")
    side.set(xlabel="density of\nthe test data")
    figure.savefig(path, dpi=110, format="png")


def _breadth(result: Interpolation, number: int) -> int:
    """Return how broad a curve is: those drawn first are broader, as others may coincide with them."""
    return max(1, min(3, len(result.paths)) - number)
