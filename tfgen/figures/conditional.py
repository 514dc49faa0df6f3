"""Figures of conditional densities in the plane: true ones above, learned ones below, for several contexts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.figures.saving import save_figure

#: Ranks of the contexts that are drawn, among those of the test split in the order of their first number.
_SHARES = (0.1, 0.37, 0.63, 0.9)
_CELLS = 120

_LogProb = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.generic]]


def draw_conditional_densities(log_prob: _LogProb, data: Dataset, path: Path) -> None:
    """Write the density of vectors in the plane given four contexts of test examples; the true one above, where it is known.

    Args:
        log_prob: the model's, ``[n, 2], [n, k] -> [n]``.
        data: with contexts.
        path: of the picture.
    """
    contexts = data.test.context
    assert contexts is not None
    order = np.argsort(contexts[:, 0], kind="stable")
    chosen = [contexts[order[int(share * (len(order) - 1))]] for share in _SHARES]
    frame = [_frame(data.test.x[:, place]) for place in (0, 1)]
    ticks = [np.linspace(*pair, _CELLS, dtype=np.float32) for pair in frame]
    points = np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, 2)
    rows = {"learned": log_prob} if data.log_prob is None else {"true": data.log_prob, "learned": log_prob}
    figure = Figure(figsize=(3 * len(chosen), 3 * len(rows) + 0.3), layout="constrained")
    axes = figure.subplots(len(rows), len(chosen), squeeze=False)
    for column, context in enumerate(chosen):
        repeated = np.repeat(context[None], len(points), axis=0)
        found = [np.exp(np.asarray(one(points, repeated), np.float64)).reshape(_CELLS, _CELLS) for one in rows.values()]
        for row, (name, density) in enumerate(zip(rows, found, strict=True)):
            axis = axes[row, column]
            axis.imshow(
                density,
                origin="lower",
                extent=(*frame[0], *frame[1]),
                aspect="auto",
                vmin=0,
                vmax=float(found[0].max()),
            )
            axis.set(xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(f"{name} density", fontsize=10)
        given = ", ".join(f"{c.name} = {value:.2f}" for c, value in zip(data.spec.context or (), context, strict=True))
        axes[0, column].set_title(given if len(given) <= 40 else f"{given[:39]}…", fontsize=9)
    save_figure(figure, path)


def _frame(values: NDArray[np.generic]) -> tuple[float, float]:
    low, high = (float(end) for end in np.quantile(np.asarray(values, np.float64), (0.002, 0.998)))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
