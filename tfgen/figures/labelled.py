"""Figures of labelled examples: images in a grid with the label above each, or points coloured by their label."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.labels import class_name
from tfgen.data.spec import DataSpec
from tfgen.figures.examples import draw_examples
from tfgen.figures.grids import in_colour
from tfgen.figures.saving import save_figure

#: With more images labels would be too small to read, and with more classes too many to tell apart by colour.
MOST_IMAGES = 400
MOST_CLASSES = 20
_CELL_INCHES = 0.62
_LONGEST_INCHES = 24.0


def draw_labelled(
    x: NDArray[np.generic], labels: NDArray[np.integer], data: DataSpec, path: Path, columns: int | None = None
) -> None:
    """Write examples with their labels as a picture; too many for labels are drawn without.

    Args:
        x: examples [n, ...].
        labels: [n]; -1 stands for none.
        data: spec of the examples.
        path: of the picture.
        columns: images in a row; by default as many as there are rows.
    """
    if data.layout == "grid" and len(x) <= MOST_IMAGES:
        _draw_images(x, labels, data, path, columns or math.ceil(math.sqrt(len(x))))
    elif data.layout == "scatter" and x.shape[1] > 1 and len(np.unique(labels)) <= MOST_CLASSES:
        _draw_points(x, labels, data, path)
    else:
        draw_examples(x, data, path)


def _draw_images(x: NDArray[np.generic], labels: NDArray[np.integer], data: DataSpec, path: Path, columns: int) -> None:
    height, width, _ = data.shape
    rows = math.ceil(len(x) / columns)
    ratio = min(max(height / width, 0.2), 5.0)
    cell = min(_CELL_INCHES, _LONGEST_INCHES / columns, _LONGEST_INCHES / (rows * ratio))
    size = (columns * cell + 0.1, rows * (cell * ratio + 0.2) + 0.1)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.01, wspace=0, hspace=0)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, image, label in zip(panels, in_colour(x, data.levels), labels, strict=False):
        panel.imshow(image, interpolation="nearest")
        # A title without `y` is put above the ticks, and looking for them, though there are none, takes half of the time.
        panel.set_title(class_name(int(label), data), fontsize=7, y=1.0, pad=2, parse_math=False)
    save_figure(figure, path)


def _draw_points(x: NDArray[np.generic], labels: NDArray[np.integer], data: DataSpec, path: Path) -> None:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, label in enumerate(np.unique(labels)):
        of_it = x[labels == label]
        name = "no label" if label < 0 else f"label {class_name(int(label), data)}"
        axes.scatter(of_it[:, 0], of_it[:, 1], s=4, alpha=0.5, linewidths=0, color=f"C{number % 10}", label=name)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    axes.legend(markerscale=3)
    save_figure(figure, path)
