"""Figure of samples and their nearest training examples."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.figures.grids import framed, in_colour
from tfgen.figures.histograms import draw_histogram
from tfgen.figures.saving import neutral_text, save_clear
from tfgen.metrics.copying import Neighbourhood

#: The most rows of a picture; further ones would make it too high to open.
MOST_SAMPLES = 100
#: The most training examples in a row.
MOST_NEAREST = 30
_DPI = 130
_CELL = 0.8  # inches, of the longer side of an image
_GAP = 0.12  # of a cell, between images
_GROUP_GAP = 0.55  # of a cell, between a sample and its nearest neighbours
_SCORE = 0.2  # of a cell, for the distance below an image
_DATA_POINTS = 1000  # of the training set, in a panel


def ranks_at_equal_steps(distances: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the indices of `count` samples from the nearest to the farthest, at equal steps of rank: [count].

    Args:
        distances: of the samples to their nearest training example, [n] with n at least `count`.
        count: number of samples.
    """
    order = np.argsort(distances, kind="stable")
    return order[np.round(np.linspace(0, len(order) - 1, count)).astype(int)]


def draw_neighbours(
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    result: Sequence[Neighbourhood],
    count: int,
    data: DataSpec,
    title: str,
    path: Path,
) -> None:
    """Write samples and their nearest training examples as a picture: images in rows, vectors in a panel each.

    Samples of one dimension are a histogram over that of the training data, with the distances of all of them below.

    Shown are `count` samples from the one nearest to a training example (by the first of the distances) to the farthest one.

    Args:
        samples: [n, ...].
        train: training examples [N, ...].
        result: their nearest ones, by one distance or several.
        count: samples to show.
        data: spec of the data set.
        title: of the picture.
        path: of the picture.
    """
    chosen = ranks_at_equal_steps(result[0].distances[:, 0], count)
    draw = {"grid": _images, "scatter": _plane, "table": _plane, "histogram": _line}[data.layout]
    if data.layout == "grid":
        with neutral_text():
            save_clear(draw(samples, train, result, chosen, data, title), path, _DPI)
    else:
        draw(samples, train, result, chosen, data, title).savefig(path, dpi=_DPI, format="png")


def _images(
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    result: Sequence[Neighbourhood],
    chosen: NDArray[np.int64],
    data: DataSpec,
    title: str,
) -> Figure:
    """Draw a row for each sample: the sample, then its nearest neighbours by each distance, with the distance below."""
    height, width = framed(in_colour(samples[:1], data.levels)).shape[1:3]
    high, wide = height / max(height, width), width / max(height, width)
    nearest = result[0].indices.shape[1]
    down, right = high + _GAP + _SCORE, wide + _GAP
    starts = [wide + _GROUP_GAP + number * (nearest * right + _GROUP_GAP) for number in range(len(result))]
    extent = starts[-1] + nearest * right - _GAP
    figure = Figure(figsize=(max(_CELL * extent + 1.0, 4.5), _CELL * down * len(chosen) + 1.3), layout="constrained")
    _put_title(figure, title)
    axes = figure.add_subplot()
    for row, sample in enumerate(chosen):
        top = row * down
        cells: list[tuple[float, NDArray[np.generic], float | None]] = [(0.0, samples[sample], None)]
        for start, neighbourhood in zip(starts, result, strict=True):
            cells += [
                (start + place * right, train[index], distance)
                for place, (index, distance) in enumerate(
                    zip(neighbourhood.indices[sample], neighbourhood.distances[sample], strict=True)
                )
            ]
        for left, image, distance in cells:
            picture = framed(in_colour(image[None], data.levels))[0]
            axes.imshow(picture, extent=(left, left + wide, top + high, top), interpolation="nearest")
            if distance is not None:
                look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 6.5}
                axes.text(left + wide / 2, top + high + 0.04, f"{distance:.4g}", **look)
    for start, neighbourhood in zip(starts, result, strict=True):
        axes.axvline(start - _GROUP_GAP / 2 - _GAP / 4, color="0.6", linewidth=1)
        middle = start + (nearest * right - _GAP) / 2
        head = f"nearest training images by {neighbourhood.space}"
        axes.text(middle, -0.5, head, ha="center", va="bottom", fontsize=7.5, parse_math=False)
    places = [wide / 2, *(start + place * right + wide / 2 for start in starts for place in range(nearest))]
    heads = ["sample", *([str(place + 1) for place in range(nearest)] * len(result))]
    axes.set(xlim=(-_GAP / 2, extent + _GAP / 2), ylim=(len(chosen) * down - _GAP, -_GAP / 2))
    axes.set_xticks(places, heads, fontsize=6.5)
    axes.set_yticks(np.arange(len(chosen)) * down + high / 2, _ranks(result[0], chosen), fontsize=6.5)
    axes.set_ylabel(f"rank of {len(samples)}", fontsize=7.5)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    return figure


def _plane(
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    result: Sequence[Neighbourhood],
    chosen: NDArray[np.int64],
    data: DataSpec,
    title: str,
) -> Figure:
    """Draw a panel around each sample in the plane of the first two coordinates, scaled to its nearest neighbours."""
    columns = min(4, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    figure = Figure(figsize=(2.3 * max(columns, 2), 2.5 * rows + 0.8), layout="constrained")
    _put_title(figure, title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    plane, points = train[:, :2].astype(np.float64), samples[:, :2].astype(np.float64)
    for axes, sample, rank in zip(panels, chosen, _ranks(result[0], chosen), strict=False):
        centre, neighbours = points[sample], plane[result[0].indices[sample]]
        reach = 1.3 * max(float(np.abs(neighbours - centre).max()), 1e-6)
        behind = plane[(np.abs(plane - centre) <= reach).all(axis=1)][:_DATA_POINTS]
        axes.plot(
            behind[:, 0], behind[:, 1], color="0.7", marker=".", markersize=5, linestyle="", label="training data"
        )
        for neighbour in neighbours:
            axes.plot(*zip(centre, neighbour, strict=True), color="C0", linewidth=0.8)
        axes.plot(neighbours[:, 0], neighbours[:, 1], color="C0", marker=".", linestyle="", label="nearest")
        look: dict[str, Any] = {"color": "C1", "marker": "o", "markersize": 6, "markeredgecolor": "white"}
        axes.plot(*centre, linestyle="", label="sample", **look)
        axes.set(
            xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach), aspect="equal"
        )
        axes.set_title(f"rank {rank}: {result[0].distances[sample, 0]:.3g}", fontsize=8)
        axes.tick_params(labelsize=5.5)
        axes.locator_params(nbins=3)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _line(
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    result: Sequence[Neighbourhood],
    chosen: NDArray[np.int64],
    data: DataSpec,
    title: str,
) -> Figure:
    """Draw histograms of samples and training data, and below each sample its distance to the nearest training example."""
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    _put_title(figure, title)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    draw_histogram(upper, data, {"samples": samples, "training data": train})
    upper.set_xlabel("")
    distances = result[0].distances[:, 0]
    least = float(distances[distances > 0].min(initial=1.0))
    shown = np.maximum(distances, least / 10)  # those at distance 0 have a place on the logarithmic axis, too
    lower.plot(samples[:, 0], shown, ".", color="C0", markersize=3, alpha=0.6, label="samples")
    look: dict[str, Any] = {"color": "C1", "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.5}
    lower.plot(samples[chosen, 0], shown[chosen], "o", label=f"{len(chosen)} of them, at equal steps of rank", **look)
    lower.set(yscale="log", xlabel="$x$", ylabel="distance to the nearest\ntraining example")
    lower.legend(fontsize="small")
    lower.grid(alpha=0.3)
    return figure


def _ranks(neighbourhood: Neighbourhood, chosen: NDArray[np.int64]) -> list[str]:
    order = np.argsort(neighbourhood.distances[:, 0], kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(1, len(order) + 1)
    return [str(rank) for rank in ranks[chosen]]


def _put_title(figure: Figure, title: str) -> None:
    """Put a title above, broken to the width; a run's name is no formula, whatever it has between dollars."""
    width = int(13 * figure.get_figwidth())
    lines = [line for whole in title.splitlines() for line in textwrap.wrap(whole, width, break_on_hyphens=False)]
    figure.suptitle("\n".join(lines), fontsize=9, parse_math=False)
