"""Inset of a curve plot: the later part enlarged, where the first values are so far away that they flatten the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

_LATER = 0.25  # of the horizontal range: where the later part begins
_FLAT = 0.25  # of the whole height: a later part that is lower gets an inset
_WIDTH, _HEIGHT = 0.56, 0.46  # of the axes
_LEAST_POINTS = 5  # of the later part


def zoom_inset(axes: Axes, rises: bool) -> Axes | None:
    """Add an inset with the later part of all curves, if the whole range flattens them; return it, or None without one.

    The axes themselves keep the whole range: nothing is cut off. The inset stands in the corner that such curves leave free:
    at the upper right of those that fall, at the lower right of those that rise.

    Args:
        axes: with the curves.
        rises: whether good values are high.
    """
    curves = [np.asarray(line.get_xydata(), float) for line in axes.lines]
    points = np.concatenate([np.empty((0, 2)), *curves])
    if not len(points):
        return None
    begin = points[:, 0].min() + _LATER * np.ptp(points[:, 0])
    later = points[points[:, 0] > begin]
    if len(later) < _LEAST_POINTS:
        return None
    low, high = np.quantile(later[:, 1], (0.02, 0.98))
    margin = 0.1 * (high - low) or 0.01 * abs(high) or 0.01
    if high - low + 2 * margin > _FLAT * np.ptp(points[:, 1]):
        return None
    inset = axes.inset_axes((1 - _WIDTH - 0.02, 0.07 if rises else 1 - _HEIGHT - 0.07, _WIDTH, _HEIGHT))
    for line, curve in zip(axes.lines, curves, strict=True):
        look: dict[str, Any] = {key: getattr(line, f"get_{key}")() for key in _LOOK}
        inset.plot(*curve.T, **look)
    inset.set(xlim=(begin, points[:, 0].max()), ylim=(low - margin, high + margin))
    inset.set_title("the later part, enlarged", fontsize=8, pad=2)
    inset.tick_params(labelsize=7)
    inset.grid(alpha=0.3)
    axes.indicate_inset_zoom(inset, edgecolor="0.5", alpha=0.4)
    return inset


_LOOK = ("color", "linestyle", "linewidth", "marker", "markersize", "alpha")
