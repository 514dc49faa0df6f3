"""Histograms of one-dimensional data: one set of values, or several over one another; densities as curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec

_MOST_BINS, _LEAST_BINS = 80, 12
_FILLED = "0.78"


def bin_edges(data: DataSpec, count: int) -> NDArray[np.float64]:
    """Return the edges of equal bins over the data's value range, about 1.5 sqrt(n) of them: [bins + 1]."""
    bins = int(np.clip(1.5 * np.sqrt(count), _LEAST_BINS, _MOST_BINS))
    return np.linspace(*data.value_range, bins + 1)


def draw_histogram(
    axes: Axes, data: DataSpec, sets: Mapping[str, NDArray[np.generic]], filled: bool = False, title: str = ""
) -> None:
    """Draw histograms of one-dimensional examples [n, 1]: the first as an outline, a further one filled behind it.

    Heights are densities: the bars of a set integrate to the share of it that lies in the frame, so that sets of any size
    compare with each other and with a curve.

    Args:
        axes: to draw into.
        data: their spec; its value range is the frame.
        sets: name and examples of each; one or two.
        filled: the first is filled as well, in the grey of data behind curves.
        title: above.
    """
    edges = bin_edges(data, min(len(x) for x in sets.values()))
    for number, (name, x) in enumerate(sets.items()):
        counts, _ = np.histogram(np.asarray(x, np.float64)[:, 0], edges)
        heights = counts / (len(x) * np.diff(edges))
        if number == 0 and not filled:
            axes.stairs(heights, edges, label=name, color="C0", linewidth=1.6, zorder=2)
        else:
            axes.stairs(heights, edges, label=name, color=_FILLED, fill=True, zorder=1)
    axes.set(xlim=data.value_range, ylim=(0, None), xlabel="$x$", ylabel="density", title=title)
    if len(sets) > 1:
        axes.legend(fontsize="small")
