"""Figures of calibration: histograms of ranks with the band of uniform ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.stats
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.figures.saving import save_figure

_BINS, _MOST_COLUMNS, _ACROSS = 20, 12, 4
_CONFIDENCE = 0.99


def draw_ranks(ranks: NDArray[np.int64], draws: int, names: Sequence[str], path: Path) -> None:
    """Write histograms of ranks: flat, within the band in which 99 % of single bars of uniform ranks lie.

    Args:
        ranks: [n, d] of 0 .. `draws`.
        draws: among which they are ranks.
        names: of the columns, d.
        path: of the picture.
    """
    shown = min(len(names), _MOST_COLUMNS)
    across = min(shown, _ACROSS)
    rows = -(-shown // across)
    figure = Figure(figsize=(3.2 * across, 2.4 * rows + 0.4), layout="constrained")
    low, high = scipy.stats.binom.interval(_CONFIDENCE, len(ranks), 1 / _BINS)
    edges = np.linspace(-0.5, draws + 0.5, _BINS + 1)
    for place, axis in enumerate(figure.subplots(rows, across, squeeze=False).ravel()):
        if place >= shown:
            axis.axis("off")
            continue
        axis.axhspan(low, high, color="0.85", label="99 % of bars of uniform ranks")
        axis.stairs(np.histogram(ranks[:, place], edges)[0], edges, color="C0", linewidth=1.6)
        axis.set(title=names[place], xlim=(edges[0], edges[-1]), ylim=(0, 1.3 * high))
        axis.set_xlabel(f"rank among {draws} draws")
    figure.suptitle("simulation-based calibration: flat within the grey band", fontsize=10)
    save_figure(figure, path)
