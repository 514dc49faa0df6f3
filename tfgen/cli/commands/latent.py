"""Draw pictures of a model's latent space: reconstructions, manifold, codes, traversals, style transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from tfgen.cli.outputs import output_folder
from tfgen.cli.parsing import by_default, parse
from tfgen.cli.tables import fitted
from tfgen.errors import OptionError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext

PictureName = Literal[
    "reconstructions", "manifold", "grid", "codes", "traversals", "interpolations", "aggregate_posterior",
    "classes", "one_code_all_classes", "style_transfer", "class_traversals",
]  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Run, pictures and output folder."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    pictures: Annotated[tuple[PictureName, ...], by_default("all that fit the model but grid", metavar="NAME ...")] = ()
    """Pictures to draw: reconstructions, manifold, grid, codes, traversals, interpolations, aggregate_posterior and,
    for conditional models, classes, one_code_all_classes, style_transfer, class_traversals."""
    project: Literal["pca", "tsne", "umap"] = "pca"
    """Projection of the picture codes into the plane: principal components, t-SNE, or UMAP (pip install umap-learn)."""
    seed: int = 0
    """Seed of the choice of test examples, and of all noise."""
    out: Path | None = None
    """Folder to write into; by default the run's figures."""
    overwrite: bool = False
    """Replace pictures that are there already: without, --out refuses to, and the usual folder gets one beside it."""

    def __post_init__(self) -> None:
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if len(set(self.pictures)) < len(self.pictures):
            raise OptionError(f"--pictures names one twice: {' '.join(self.pictures)}.")
        if self.project != "pca" and self.pictures and "codes" not in self.pictures:
            raise OptionError(
                f"--project {self.project} is for the picture codes, which --pictures does not name; add it."
            )
        if self.out is not None and (self.out.suffix == ".png" or self.out.is_file()):
            raise OutputError(f"--out {self.out}: the pictures are several files; name a folder.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Draw the pictures, and print their notes and files."""
    options = parse(Options, arguments, "latent", __doc__ or "")
    run = context.run(options.run)
    from tfgen.figures.latent_catalogue import draw_pictures, possible_pictures, require_picture
    from tfgen.model.capabilities import HasLatents, capable, require_continuous_codes
    from tfgen.runtime import device_scope

    drawn = []
    with device_scope(run.config.device):
        capable(run.model, HasLatents, "tfgen latent")  # before data are looked for
        require_continuous_codes(run.model, "tfgen latent")
        for name in options.pictures:
            require_picture(name, run.model)
        names = options.pictures or possible_pictures(run.model)
        files = [f"{name}.png" for name in names]
        folder = output_folder(options.out, run.files.figures, "latent", files, options.overwrite)
        for picture in draw_pictures(run.model, run.data, folder, names, options.seed, options.project):
            drawn.append(picture.path.name)
            for note in picture.notes:
                say(f"note: {picture.name}: {note}")
    for line in fitted([f"pictures  {folder} ({', '.join(drawn)})"]):
        say(line)
