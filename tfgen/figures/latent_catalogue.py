"""Catalogue of the latent pictures: name, what each needs of a model, and writing them into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, DataError, TfgenError, UnknownNameError
from tfgen.figures.latent_classes import class_traversals, classes, one_code_all_classes, style_transfer
from tfgen.figures.latent_pictures import (
    aggregate_posterior,
    codes,
    grid,
    interpolations,
    manifold,
    reconstructions,
    traversals,
)
from tfgen.figures.latent_sample import LatentSample, Notes
from tfgen.files import written_whole
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLatents, HasPosterior, Samples, capable, require_no_context
from tfgen.sample.projection import require_projection


@dataclass(frozen=True)
class LatentPicture:
    """A latent picture: the function that draws it, and its requirements.

    Attributes:
        draw: writes the picture to a path and returns its notes.
        needs: capabilities beside latent codes.
        images: whether it shows examples, which have to be images.
        conditional: whether it compares classes, so that the model has to take labels.
        usual: whether it is drawn where no picture is named.
    """

    draw: Callable[[LatentSample, Path], Notes]
    needs: tuple[type[Any], ...] = ()
    images: bool = True
    conditional: bool = False
    usual: bool = True


@dataclass(frozen=True)
class Drawn:
    """A latent picture that was drawn.

    Attributes:
        name: of the picture.
        path: where it is.
        notes: explanations, which are in its title as well.
    """

    name: str
    path: Path
    notes: Notes


#: Every picture, in the order in which they are drawn; each goes to a file of its name.
PICTURES: dict[str, LatentPicture] = {
    "reconstructions": LatentPicture(reconstructions),
    "manifold": LatentPicture(manifold, needs=(HasPosterior,)),
    "grid": LatentPicture(grid, needs=(HasPosterior,), usual=False),
    "codes": LatentPicture(codes, images=False),
    "traversals": LatentPicture(traversals),
    "interpolations": LatentPicture(interpolations),
    "aggregate_posterior": LatentPicture(aggregate_posterior, needs=(HasPosterior,), images=False),
    "classes": LatentPicture(classes, needs=(Samples,), conditional=True),
    "one_code_all_classes": LatentPicture(one_code_all_classes, conditional=True),
    "style_transfer": LatentPicture(style_transfer, conditional=True),
    "class_traversals": LatentPicture(class_traversals, conditional=True),
}


def require_picture(name: str, model: GenerativeModel) -> None:
    """Check that a model has the capabilities of a picture.

    Raises:
        UnknownNameError: when there is no such picture, with the closest one.
        CapabilityError: when the model lacks a capability that the picture needs; names it.
        DataError: when the picture shows images, and the data are vectors.
    """
    if name not in PICTURES:
        raise UnknownNameError("picture", name, PICTURES)
    picture, wanted_by = PICTURES[name], f"the picture {name!r}"
    needs: tuple[type[Any], ...] = (HasLatents, *picture.needs)
    for capability in needs:
        capable(model, capability, wanted_by)
    require_no_context(model, wanted_by)
    if picture.conditional and not model.conditional:
        raise CapabilityError(
            f"{wanted_by} compares classes, and model {type(model).__name__} is unconditional: it takes no labels."
        )
    if picture.images and model.data.layout != "grid":
        raise DataError(f"{wanted_by} shows images, and the data are vectors; draw codes instead.")


def possible_pictures(model: GenerativeModel) -> list[str]:
    """Return the names of the usual pictures that a model supports, in order."""

    def possible(name: str) -> bool:
        try:
            require_picture(name, model)
        except TfgenError:
            return False
        return True

    return [name for name, picture in PICTURES.items() if picture.usual and possible(name)]


def draw_pictures(
    model: GenerativeModel,
    data: Dataset,
    folder: Path,
    names: Sequence[str] | None = None,
    seed: int = 0,
    projection: str = "pca",
) -> Iterator[Drawn]:
    """Draw pictures of a model's latent space, and yield each when it is written.

    Args:
        model: with latent codes.
        data: of the spec that the model was built for; the test split is used.
        folder: output folder; each picture is ``NAME.png``.
        names: of `PICTURES`; by default all usual ones that the model can have.
        seed: of the choice of test examples and of all noise.
        projection: of the picture ``codes`` into the plane: pca, tsne or umap.

    Raises:
        UnknownNameError: for a name that is none, of a picture or of a projection.
        CapabilityError: when the model lacks a capability that a picture needs.
        DataError: when a picture needs images or more examples than there are.
        OutputError: when the folder cannot be written to.
    """
    for name in names or ():
        require_picture(name, model)
    require_projection(projection)
    sample = LatentSample(model, data, seed, projection)
    for name in possible_pictures(model) if names is None else names:
        path = folder / f"{name}.png"
        with written_whole(path) as temporary:
            notes = PICTURES[name].draw(sample, temporary)
        yield Drawn(name, path, notes)
