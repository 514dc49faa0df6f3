"""Figures of training curves: ELBO, bits per dimension or losses against epochs, with the terms of a bound beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from tfgen.figures.saving import save_figure
from tfgen.figures.zoom import zoom_inset
from tfgen.metrics.catalogue import CATALOGUE, Catalogue
from tfgen.metrics.metric import given_label

Rows = Sequence[Mapping[str, Any]]

#: Reconstruction over KL: the values that are usual for VAEs of images; far above, the codes are hardly used.
USUAL_RATIO = (10, 50)
_RATIO = "reconstruction / KL"
_SPLITS = (
    ("train", "training", {"alpha": 0.75, "linewidth": 1.2}),
    ("valid", "validation", {"marker": "o", "markersize": 3, "linewidth": 1.2}),
)
_PANEL_INCHES = 1.75


def draw_curves(rows: Rows, path: Path, catalogue: Catalogue = CATALOGUE, averaged: bool = False) -> None:
    """Write the training curves: the first logged curve of the catalogue (bits/dim, ELBO, ...), else each loss.

    Terms of the loss that are metrics with a panel of their own, such as reconstruction and KL of a bound, or the outputs of a
    discriminator, are drawn beside it; so is the ratio of reconstruction and KL. All values are in the range of the axes; where
    the first ones flatten the rest, an inset enlarges the later part.

    Args:
        rows: of ``metrics.jsonl``.
        path: of the picture.
        catalogue: of the metrics, with their panels.
        averaged: whether validation takes a moving average of the weights, while training is logged at the current ones.
    """
    names = sorted({name.partition("/")[2] for row in rows for name in row if name.startswith("train/")})
    displayed = next(([name] for name in catalogue.curves() if name in names), None)
    displayed = displayed or [name for name in names if name.endswith("loss")]
    panels: dict[str, list[str]] = {}
    for metric in catalogue.values():  # in the order of the catalogue
        if metric.panel is not None:
            panels.setdefault(metric.panel, []).extend(name for name in names if name.rpartition("/")[2] == metric.name)
    panels = {panel: drawn for panel, drawn in panels.items() if drawn}
    ratio_rows = _ratios(rows)
    count = len(panels) + bool(ratio_rows)
    figure = Figure(figsize=(11 if count else 7, max(4.2, _PANEL_INCHES * count)), layout="constrained")
    grid = figure.add_gridspec(count or 1, 2 if count else 1, width_ratios=(5, 4) if count else None)
    axes = figure.add_subplot(grid[:, 0])
    rises = len(displayed) == 1 and catalogue.rises(displayed[0])
    _draw(axes, rows, displayed, _axis_label(displayed, catalogue), catalogue, averaged)
    zoom_inset(axes, rises)
    if axes.lines:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    beside = [figure.add_subplot(grid[number, 1]) for number in range(count)]
    for axes, (panel, drawn) in zip(beside, panels.items(), strict=False):
        _draw(axes, rows, drawn, panel, catalogue, averaged)
        if len(drawn) > 1:
            axes.legend(fontsize=7)
    if ratio_rows:
        _draw_ratio(beside[-1], ratio_rows, catalogue, averaged)
    for axes in beside[:-1]:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    save_figure(figure, path)


def epochs_of(rows: Rows) -> tuple[str, list[float]]:
    """Return what the horizontal axis is called, and the place of each row on it: epochs if they are logged, else steps.

    A row is logged after some steps of an epoch; steps in an epoch are known from a row with validation, which ends one.

    >>> epochs_of([{"step": 5, "epoch": 1}, {"step": 10, "epoch": 1, "valid/loss": 1.0}, {"step": 15, "epoch": 2}])
    ('epoch', [0.5, 1.0, 1.5])
    """
    ending = [row for row in rows if row.get("epoch") and any(name.startswith("valid/") for name in row)]
    if not ending:
        return "step", [row["step"] for row in rows]
    steps = ending[-1]["step"] / ending[-1]["epoch"]
    return "epoch", [row["step"] / steps for row in rows]


def _draw(axes: Axes, rows: Rows, names: Sequence[str], label: str, catalogue: Catalogue, averaged: bool) -> None:
    """Draw terms against epochs, in training and in validation."""
    unit, places = epochs_of(rows)
    for number, name in enumerate(names):
        for split, words, look in _SPLITS:
            curve = [(place, row.get(f"{split}/{name}", math.nan)) for place, row in zip(places, rows, strict=True)]
            points = [(place, value) for place, value in curve if math.isfinite(value)]
            if points:
                words = f"{words}, {_averaging(split)}" if averaged else words
                words = f"{words}: {_term(name, catalogue)}" if len(names) > 1 else words
                colour = f"C{2 * number + (split == 'valid')}"
                axes.plot(*zip(*points, strict=True), label=words, color=colour, **look)
    axes.set(xlabel=unit, ylabel=label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k: a hundred thousand steps are too wide for a small panel
    axes.grid(alpha=0.3)


def _averaging(split: str) -> str:
    return "averaged weights" if split == "valid" else "current weights"


def _axis_label(displayed: Sequence[str], catalogue: Catalogue) -> str:
    """Return title, unit and direction of the curve; a loss has the unit that the model gives it."""
    if len(displayed) != 1 or displayed[0] not in catalogue:
        return "loss" if len(displayed) != 1 else "loss (lower is better)"
    better = catalogue[displayed[0]].better
    return catalogue.label(displayed[0]) + (f" ({better} is better)" if better else "")


def _term(name: str, catalogue: Catalogue) -> str:
    """Return a term in words: the objective's name for a loss, the metric's title otherwise."""
    objective, _, term = name.rpartition("/")
    if term.endswith("loss"):
        return (objective or term).replace("_", " ")
    return catalogue.title(term)


def _ratios(rows: Rows) -> list[dict[str, Any]]:
    """Return rows with the ratio of reconstruction and KL, in training and in validation; none where they are not logged."""
    result = []
    for row in rows:
        found: dict[str, Any] = {key: row[key] for key in ("step", "epoch") if key in row}
        for split, _, _ in _SPLITS:
            for named in (lambda name: name, given_label):
                terms = [
                    row.get(f"{split}/{named(name)}", math.nan) for name in ("reconstruction_nats", "latent_kl_nats")
                ]
                if all(map(math.isfinite, terms)) and terms[0] > 0 and terms[1] > 0:  # densities have no sign
                    found[f"{split}/ratio"] = terms[0] / terms[1]
        result.append(found)
    return result if any(name.endswith("/ratio") for row in result for name in row) else []


def _draw_ratio(axes: Axes, rows: Rows, catalogue: Catalogue, averaged: bool) -> None:
    """Draw the ratio on a logarithmic axis, with the band of usual values."""
    _draw(axes, rows, ["ratio"], _RATIO, catalogue, averaged)
    axes.set_yscale("log")
    axes.axhspan(*USUAL_RATIO, color="0.85", zorder=0)
    low, high = USUAL_RATIO
    axes.annotate(
        f"{low} to {high}: usual for images", (0.99, math.sqrt(low * high)), xycoords=("axes fraction", "data"),
        ha="right", va="center", fontsize=7, color="0.35",
    )  # fmt: skip
