"""Figures of classification: confusion matrices and reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.figures.saving import save_figure

_SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1)  # marked beside a confusion matrix
_NAME_LETTERS = 16  # of the name of a class beside a confusion matrix
_WRITTEN_CLASSES = 20  # up to so many classes, the counts of a confusion matrix are written into it


def draw_confusion(confusion: NDArray[np.int64], title: str, path: Path, names: Sequence[str] | None = None) -> None:
    """Write a confusion matrix: colours show shares of the true class, numbers count examples (up to twenty classes).

    Args:
        confusion: examples of class i (row) that were taken for class j (column), [classes, classes].
        title: of the figure.
        path: of the picture.
        names: of the classes; None for their numbers.
    """
    classes = len(confusion)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = min(1.6 + 0.55 * max(classes, 4), 13)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    # A square root scale, so that a share of 1 percent differs visibly from none.
    picture = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    if classes <= _WRITTEN_CLASSES:
        axes.set(xticks=range(classes), yticks=range(classes))
        if names is not None:
            shown = [name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…" for name in names]
            axes.set_xticklabels(shown, rotation=45, ha="right", parse_math=False)
            axes.set_yticklabels(shown, parse_math=False)
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                colour = "white" if shares[row, column] > 0.35 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, fontsize=11)
    figure.colorbar(picture, label="share of the true class", shrink=0.9, ticks=_SHARES, format="{x:g}")
    save_figure(figure, path)


def draw_reliability(
    counts: NDArray[np.int64],
    confidence: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    title: str,
    path: Path,
) -> None:
    """Write a reliability diagram: accuracy against confidence in bins, and the number of examples in each bin.

    Args:
        counts: examples in each of M bins of equal width on [0, 1], [M].
        confidence: their mean confidence, [M]; NaN where a bin is empty.
        accuracy: their share of right answers, [M]; NaN where a bin is empty.
        title: of the figure.
        path: of the picture.
    """
    bins = len(counts)
    edges, held = np.arange(bins) / bins, counts > 0
    figure = Figure(figsize=(5, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    style = {"width": 1 / bins, "align": "edge", "edgecolor": "white", "linewidth": 0.6}
    upper.bar(edges[held], accuracy[held], color="tab:blue", alpha=0.85, label="accuracy", **style)
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
    lower.bar(edges, counts, color="0.6", **style)
    lower.set(xlabel="confidence", ylabel="examples", yscale="log", ylim=(0.5, None))
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    save_figure(figure, path)
