"""Saving of figures as PNG files without a display."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

#: Colour of text that can be read on white and on black.
NEUTRAL = "#7a7a7a"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file."""
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110, format="png")


def neutral_text() -> AbstractContextManager[None]:
    """Return a context in which text and ticks are drawn in `NEUTRAL`, for a figure that `save_clear` saves."""
    return rc_context(dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), NEUTRAL))


def save_clear(figure: Figure, path: Path, dpi: float) -> None:
    """Write a figure of images as a PNG file without a background, so that a dark page shows no white around them."""
    figure.savefig(path, dpi=dpi, format="png", transparent=True)
