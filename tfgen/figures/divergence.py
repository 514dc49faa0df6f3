"""Figure of KL and JS between two Bernoulli distributions, as curves over the probability theta."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfgen.metrics.divergences import bernoulli_js, bernoulli_kl

_POINTS = 1001


def draw_bernoulli_divergences(other: float, path: Path) -> None:
    """Write KL(theta || other) and JS(theta, other) of two Bernoulli distributions as curves over theta in (0, 1).

    Args:
        other: the fixed probability of a 1, in (0, 1); both curves are zero there alone.
        path: of the picture.
    """
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    theta = np.union1d(inside, [other])  # so that the curves come down to their zero
    kl, js = bernoulli_kl(theta, other), bernoulli_js(theta, other)
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(theta, kl, color="C0", linewidth=2, label=rf"KL($\theta$ || {other:g})")
    axes.plot(theta, js, color="C1", linewidth=2, label=rf"JS($\theta$, {other:g})")
    axes.axhline(math.log(2), color="0.35", linewidth=1, linestyle="--", label="log 2, which no JS exceeds")
    axes.axvline(other, color="0.6", linewidth=1, linestyle=":", zorder=0)
    axes.plot([other], [0.0], "o", color="black", markersize=7, label=rf"both are 0 at $\theta$ = {other:g} alone")
    highest = max(float(kl.max()), math.log(2))
    axes.set(xlim=(0, 1), ylim=(-0.02 * highest, 1.06 * highest), xticks=np.linspace(0, 1, 11))
    axes.set(xlabel=r"$\theta$, probability of a 1", ylabel="divergence, nats")
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=9)
    figure.savefig(path, dpi=110, format="png")
