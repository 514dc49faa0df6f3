"""Pictures of a finished run: the density of a model of few dimensions, completed images, and those of plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.special
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, TfgenError
from tfgen.evaluate.calibration import DRAWS, sbc_ranks
from tfgen.evaluate.likelihood import log_joint
from tfgen.evaluate.scoring import every_class, score_batches
from tfgen.figures.calibration import draw_ranks
from tfgen.figures.conditional import draw_conditional_densities
from tfgen.figures.densities import draw_density
from tfgen.figures.inpainting import draw_inpainting
from tfgen.figures.latent_catalogue import draw_pictures
from tfgen.files import written_whole
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import (
    HasEnergy,
    HasLogProb,
    HasPosterior,
    Inpaints,
    capable,
    require_no_context,
    uses_context,
)
from tfgen.model.program import Program
from tfgen.plugin.author_code import failure
from tfgen.plugin.registry import Registry
from tfgen.printed import say
from tfgen.sample.inpainting import inpaint_examples
from tfgen.sample.masks import parse_mask

_COMPLETED = 8  # test images in the picture of inpainting


def draw_run_pictures(model: GenerativeModel, data: Dataset, folder: Path, registry: Registry) -> None:
    """Draw every registered picture that the model supports, and those of its latent space.

    A picture whose function fails costs a warning and not the run, whose training is over.

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
        try:
            draw = spec.function()
            with written_whole(folder / f"{name}.png") as path:
                _draw(name, draw, model, data, path)
        except CapabilityError:  # a picture of other models
            continue
        except TfgenError as error:
            say(f"warning: {error}", error=True)


def _draw(name: str, draw: Callable[..., None], model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw a picture; whatever a stranger's function raises becomes a `PluginError`."""
    try:
        draw(model, data, path)
    except TfgenError:
        raise
    except Exception as error:  # whatever an author's code may raise
        contract = "it takes (model, data, path) and writes a PNG file"
        raise failure(f"picture {name!r}: its function", contract, error) from error


def draw_density_picture(model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw the density of a model of vectors in the plane, or of single numbers, beside that of the data.

    Of a model that has an energy alone it is exp(-E), normalised over the picture.

    Raises:
        CapabilityError: for a model without a density or an energy, and for other data.
    """
    if data.spec.layout not in ("histogram", "scatter") or data.spec.dequantised:
        raise CapabilityError("the picture 'density' shows vectors of one or two coordinates.")
    require_no_context(model, "the picture 'density'")
    if isinstance(model, HasEnergy) and not isinstance(model, HasLogProb):
        draw_density(_normalised(model, data), data, path, learned="exp(-energy), normalised here")
        return
    capable(model, HasLogProb, "the picture 'density'")
    draw_density(lambda x: log_joint(model, data, x), data, path)


def draw_conditional_picture(model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw the density of a model of vectors in the plane given four contexts, below the true one where it is known.

    Raises:
        CapabilityError: for a model without a density or a context, and for other data.
    """
    if data.spec.shape != (2,) or data.spec.dequantised or not uses_context(model) or data.spec.classes is not None:
        raise CapabilityError("the picture 'conditional_density' shows vectors of two coordinates given a context.")
    density = capable(model, HasLogProb, "the picture 'conditional_density'")
    log_prob = Program(lambda x, given, seed: density.log_prob(x, given, seed=seed))

    def scored(x: NDArray[np.float32], context: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.concatenate([values[:, 0] for _, values in score_batches(log_prob, x, [context], block=len(x))])

    draw_conditional_densities(scored, data, path)


def draw_sbc_picture(model: GenerativeModel, data: Dataset, path: Path) -> None:
    """Draw the histogram of the ranks of each column on the test split, with the band of uniform ones.

    Raises:
        CapabilityError: for a model without a context, and of images.
    """
    draw_ranks(sbc_ranks(model, data.test), DRAWS, data.spec.column_names, path)


def _normalised(model: GenerativeModel, data: Dataset) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """Return the log-density proportional to exp(-E) that integrates to 1 over a grid of points on the range of the data."""
    energy = capable(model, HasEnergy, "the picture 'density'").energy
    low, high = data.spec.value_range
    classes = model.data.classes if model.conditional else None

    def log_density(points: NDArray[np.float32]) -> NDArray[np.float64]:
        columns = every_class(classes, len(points))
        batches = score_batches(lambda x, labels, seed: -energy(x, labels, seed=seed), points, columns, block=5000)
        values = np.concatenate([found for _, found in batches])
        cell = (high - low) ** data.spec.dimensions / len(points)
        return values - scipy.special.logsumexp(values) - np.log(cell)

    return log_density


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
