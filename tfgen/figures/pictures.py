"""Figures of examples, training curves, 2-D densities and classifications, drawn from arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image as mpl_image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.data.spec import DataSpec

_GRID_PIXELS = 560  # grids of small images are enlarged, by a whole factor, to about this width
_GAP = 1
_GAP_GREY = 96
#: What training logs for images, the first of which is drawn, and how the axis is labelled.
_CURVE_LABELS = {"bits_per_dim": "bits/dim", "bits_per_dim_given_label": "bits/dim given the label"}
#: Terms that are drawn beside the loss, in a panel each: those of a bound, and what a discriminator says.
_TERM_PANELS = {
    "reconstruction, nats": ("reconstruction_nats",),
    "KL(q || p), nats": ("latent_kl_nats",),
    "mean of D": ("d_true", "d_generated"),
}
_DENSITY_PANELS = 12  # of classes; more would be too small to see
_SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1)  # marked beside a confusion matrix
_WRITTEN_CLASSES = 20  # up to so many classes, the counts of a confusion matrix are written into it


def draw_examples(x: NDArray[np.generic], data: DataSpec, path: Path) -> None:
    """Write examples as a picture: images in a grid, rows first, vectors as a scatter of their first two coordinates."""
    if data.kind == "image":
        mpl_image.imsave(path, image_grid(x, data.levels), format="png")
        return
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(x[:, 0], x[:, 1], s=4, alpha=0.5, linewidths=0)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    _save(figure, path)


def image_grid(images: NDArray[np.generic], levels: int = 256, columns: int | None = None) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as one RGB picture [H, W, 3], with a grey line between them.

    Args:
        images: integer grey levels in ``0 .. levels - 1``; one or three channels (others: the first is shown).
        levels: the brightest level is ``levels - 1``.
        columns: images in a row; by default as many as there are rows.
    """
    count, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    factor = max(1, _GRID_PIXELS // (columns * width))
    enlarged = in_colour(images, levels).repeat(factor, axis=1).repeat(factor, axis=2)
    cell_height, cell_width = height * factor + _GAP, width * factor + _GAP
    grid = np.full((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), _GAP_GREY, np.uint8)
    for index, picture in enumerate(enlarged):
        top, left = (index // columns) * cell_height + _GAP, (index % columns) * cell_width + _GAP
        grid[top : top + height * factor, left : left + width * factor] = picture
    return grid


def in_colour(images: NDArray[np.generic], levels: int = 256) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as RGB [n, h, w, 3] of 8 bits; arguments as for `image_grid`."""
    bright = (images.astype(np.float32) * (255.0 / (levels - 1))).round().astype(np.uint8)
    return bright if images.shape[-1] == 3 else np.repeat(bright[..., :1], 3, axis=-1)


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the training curves: bits/dim (given the label, for a conditional model) where there is one, else each loss.

    Where the loss is a bound, its two terms, the reconstruction and the KL, get a panel each beside it; where there is a
    discriminator, what it says of true and of generated examples gets one.

    Args:
        rows: of ``metrics.jsonl``.
        path: of the picture.
    """
    names = sorted({name.partition("/")[2] for row in rows for name in row if name.startswith("train/")})
    shown = next(([name] for name in _CURVE_LABELS if name in names), [])
    shown = shown or [name for name in names if name.endswith("loss")]
    terms = {label: _named(names, among) for label, among in _TERM_PANELS.items() if _named(names, among)}
    figure = Figure(figsize=(11 if terms else 7, 4), layout="constrained")
    grid = figure.add_gridspec(len(terms) or 1, 2 if terms else 1, width_ratios=(5, 4) if terms else None)
    label = _CURVE_LABELS.get(shown[0], shown[0]) if len(shown) == 1 else "loss"
    _draw_curve(figure.add_subplot(grid[:, 0]), rows, shown, label)
    beside = [figure.add_subplot(grid[number, 1]) for number in range(len(terms))]
    for axes, (panel, drawn) in zip(beside, terms.items(), strict=True):
        _draw_curve(axes, rows, drawn, panel)
        if axes is not beside[-1]:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
    _save(figure, path)


def _named(names: Sequence[str], terms: Sequence[str]) -> list[str]:
    """Return the names that are those of terms, whatever objective they belong to, given the label or not."""
    return [name for name in names if name.rpartition("/")[2].removesuffix("_given_label") in terms]


def _draw_curve(axes: Axes, rows: Sequence[Mapping[str, Any]], names: Sequence[str], label: str) -> None:
    """Draw terms against steps, in training and in validation."""
    drawn: list[float] = []
    later: list[float] = []
    for name in names:
        for split, style in (("train", {"alpha": 0.6, "linewidth": 1}), ("valid", {"marker": "o", "markersize": 3})):
            curve = [(row["step"], row.get(f"{split}/{name}", math.nan)) for row in rows]
            points = [(step, value) for step, value in curve if math.isfinite(value)]
            if points:
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, label=f"{split} {name}", **style)
                drawn += values
                later += values[len(values) // 2 :]
    if drawn:  # the first steps of a run are often far above the rest and would flatten it
        low, high = min(drawn), max(float(np.quantile(drawn, 0.95)), *later)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
        axes.legend(fontsize="small" if len(axes.figure.axes) > 1 else None)
    axes.set(xlabel="step", ylabel=label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k: a hundred thousand steps are too wide for a small panel
    axes.grid(alpha=0.3)


def draw_density(
    log_prob: Callable[[NDArray[np.float32]], NDArray[np.generic]], data: Dataset, path: Path, cells: int = 200
) -> None:
    """Write the density of 2-D data: true (where known), learned, and the data, side by side in one colour scale.

    Args:
        log_prob: the model's log-density, ``[n, 2] -> [n]``; or ``log p(x, y)``, ``[n, 2] -> [n, classes]``, which is summed
            over the classes, and of which each class gets a panel below (up to twelve).
        data: 2-D vectors.
        path: of the picture.
        cells: grid points along each side.
    """
    low, high = data.spec.value_range
    ticks = np.linspace(low, high, cells, dtype=np.float32)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    joint = np.exp(np.asarray(log_prob(points), np.float64)).reshape(cells, cells, -1)
    panels = [("learned density", joint.sum(axis=-1))]
    if data.log_prob is not None:
        panels.insert(0, ("true density", np.exp(data.log_prob(points)).reshape(cells, cells)))
    brightest, columns, classes = float(np.max(panels[0][1])), len(panels) + 1, joint.shape[-1]
    rows = 1 + (math.ceil(classes / columns) if 1 < classes <= _DENSITY_PANELS else 0)
    figure = Figure(figsize=(4.2 * columns, 4.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    below = [(f"learned $p(x, y={label})$", joint[..., label]) for label in range(classes)] if rows > 1 else []
    places = [*axes[: columns - 1], *axes[columns : columns + len(below)]]
    for axis, (title, density) in zip(places, [*panels, *below], strict=True):
        axis.set_axis_on()
        picture = axis.imshow(density, origin="lower", extent=(low, high, low, high), vmin=0, vmax=brightest)
        axis.set_title(title)
    figure.colorbar(picture, ax=list(axes[: columns - 1]), shrink=0.8, label="density")
    scatter, colours = axes[columns - 1], {}
    scatter.set_axis_on()
    if rows > 1 and data.test.labels is not None:
        colours = {"c": data.test.labels[:3000] % 10, "cmap": "tab10", "vmin": 0, "vmax": 9}
    scatter.scatter(*data.test.x[:3000].T, s=2, alpha=0.4, linewidths=0, **colours)
    scatter.set(title="test data", xlim=(low, high), ylim=(low, high), aspect="equal")
    _save(figure, path)


def draw_confusion(confusion: NDArray[np.int64], title: str, path: Path) -> None:
    """Write a confusion matrix: colours show shares of the true class, numbers count examples (up to twenty classes).

    Args:
        confusion: examples of class i (row) that were taken for class j (column), [classes, classes].
        title: what was classified.
        path: of the picture.
    """
    classes = len(confusion)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = min(1.6 + 0.55 * max(classes, 4), 13)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    # A share of 1 percent must be told from none, so the scale is that of its square root.
    picture = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    if classes <= _WRITTEN_CLASSES:
        axes.set(xticks=range(classes), yticks=range(classes))
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                colour = "white" if shares[row, column] > 0.35 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, fontsize=11)
    figure.colorbar(picture, label="share of the true class", shrink=0.9, ticks=_SHARES, format="{x:g}")
    _save(figure, path)


def draw_reliability(
    counts: NDArray[np.int64],
    confidence: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    title: str,
    path: Path,
) -> None:
    """Write a reliability diagram: accuracy against confidence bin by bin, over how many examples each bin holds.

    Args:
        counts: examples in each of M bins of equal width on [0, 1], [M].
        confidence: their mean confidence, [M]; NaN where a bin is empty.
        accuracy: their share of right answers, [M]; NaN where a bin is empty.
        title: what was classified, and how well.
        path: of the picture.
    """
    bins = len(counts)
    edges, held = np.arange(bins) / bins, counts > 0
    figure = Figure(figsize=(5, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = {"width": 1 / bins, "align": "edge", "edgecolor": "white", "linewidth": 0.6}
    upper.bar(edges[held], accuracy[held], color="tab:blue", alpha=0.85, label="accuracy", **shown)
    upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="perfectly calibrated")
    # Of n right or wrong answers, the share that is right has the error sqrt(a (1 - a) / n).
    errors = np.sqrt(accuracy[held] * (1 - accuracy[held]) / counts[held])
    marks = {"fmt": "o", "color": "tab:orange", "markersize": 4, "capsize": 2, "linewidth": 1}
    upper.errorbar(
        confidence[held], accuracy[held], errors, label="at the mean confidence, ± 1 standard error", **marks
    )
    upper.set(ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
    upper.set_title(title, fontsize=11)
    upper.legend(loc="upper left", fontsize=8)
    lower.bar(edges, counts, color="0.6", **shown)
    lower.set(xlabel="confidence", ylabel="examples", yscale="log", ylim=(0.5, None))
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110, format="png")
