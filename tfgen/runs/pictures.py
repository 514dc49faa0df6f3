"""Pictures of a finished run: the density of a model in the plane, completed images, and those of plugins."""

from __future__ import annotations

from pathlib import Path

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError
from tfgen.evaluate.likelihood import log_joint
from tfgen.figures.densities import draw_density
from tfgen.figures.inpainting import draw_inpainting
from tfgen.figures.latent_catalogue import draw_pictures
from tfgen.files import written_whole
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLogProb, HasPosterior, Inpaints, capable
from tfgen.plugin.registry import Registry
from tfgen.sample.inpainting import inpaint_examples
from tfgen.sample.masks import parse_mask

_COMPLETED = 8  # test images in the picture of inpainting


def draw_run_pictures(model: GenerativeModel, data: Dataset, folder: Path, registry: Registry) -> None:
    """Draw every registered picture that the model supports, and those of its latent space.

    Args:
        model: trained.
        data: the data set that it was trained on.
        folder: output folder; each picture is ``NAME.png``.
        registry: of the pictures.
    """
    if isinstance(model, HasPosterior) and len(data.test) > 1:
        for _ in draw_pictures(model, data, folder):
            pass
    for name, spec in registry.pictures.items():
        draw = spec.function()
        try:
            with written_whole(folder / f"{name}.png") as path:
                draw(model, data, path)
        except CapabilityError:  # a picture of other models
            continue


def draw_density_picture(model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw the density of a model of vectors in the plane beside that of the data.

    Raises:
        CapabilityError: for a model without a density, and for other data.
    """
    capable(model, HasLogProb, "the picture 'density'")
    if data.spec.shape != (2,):
        raise CapabilityError("the picture 'density' shows vectors in the plane.")
    draw_density(lambda x: log_joint(model, data, x), data, path)


def draw_inpainting_picture(model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw test images whose lower halves are inpainted, as `tfgen inpaint RUN` does by default.

    Raises:
        CapabilityError: for a model that does not inpaint, and for other data than images of several rows.
    """
    capable(model, Inpaints, "the picture 'inpainting'")
    if not data.spec.spatial or data.spec.shape[0] < 2:
        raise CapabilityError("the picture 'inpainting' shows images of several rows.")
    mask = parse_mask("lower")
    result = inpaint_examples(model, data, mask, images=min(_COMPLETED, len(data.test)))
    draw_inpainting(result, data.spec.levels, mask.text, path)
