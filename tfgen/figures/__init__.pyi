from .classification import draw_confusion, draw_reliability
from .curves import draw_curves
from .densities import draw_density
from .examples import draw_examples, draw_side_by_side
from .grids import image_grid, in_colour
from .saving import save_figure

__all__ = [
    "draw_confusion",
    "draw_curves",
    "draw_density",
    "draw_examples",
    "draw_reliability",
    "draw_side_by_side",
    "image_grid",
    "in_colour",
    "save_figure",
]
