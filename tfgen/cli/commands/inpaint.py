"""Inpaint test images: complete an unknown part several times, into a picture (.png) or arrays (.npz)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from tfgen.cli.default_context import say_default_categories
from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import by_default, parse
from tfgen.cli.tables import counted
from tfgen.errors import OptionError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.sample.inpainting import Inpainting
    from tfgen.sample.masks import InpaintingMask

#: Right for any model: only some draw pixels in an order.
_NOTE = (
    "note: some known pixels come after a hole in raster order: for a model that draws pixels in that order they do not "
    "inform the hole with 1 particle; --particles 64 lets them"
)


@dataclass(frozen=True)
class Options:
    """Mask, images and output file of inpainting."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    mask: Annotated[str, tyro.conf.arg(metavar="MASK")] = "lower"
    """Unknown part: the lower, upper, left or right half; box:Y,X,H,W with the first row and column, counted from 0, height and
    width; random:P, each pixel with probability P, another mask for each image; or FILE.png, an image of the same size,
    white where a pixel is known, black where it is unknown."""
    images: int = 8
    """Number of images, the first ones of the split."""
    samples: int = 5
    """Completions of each image."""
    particles: int = 1
    """Particles of sequential importance resampling (a particle filter) for each completion, for autoregressive models and
    masks with known pixels after a hole. 1 ignores those pixels."""
    labels: Annotated[tuple[str, ...], by_default("their own")] = ()
    """Labels for a conditional model, repeated in turn until there is one for each image."""
    split: Literal["train", "valid", "test"] = "test"
    """Split of the images."""
    seed: int = 0
    """Seed of the completions, and of random masks."""
    out: Path | None = None
    """File to write, .png or .npz; by default inpainting.png in the run's figures."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        for name in ("images", "samples", "particles"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if self.out is not None and self.out.suffix not in (".png", ".npz"):
            raise OutputError(f"cannot write {self.out}: the name must end in .png (a picture) or .npz (arrays).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Inpaint images, and print the log-likelihoods and the file."""
    options = parse(Options, arguments, "inpaint", __doc__ or "")
    from tfgen.sample.masks import behind_a_hole, parse_mask

    mask = parse_mask(options.mask)  # before TensorFlow loads
    run = context.run(options.run)
    from tfgen.figures.inpainting import draw_inpainting
    from tfgen.files import written_whole
    from tfgen.model.capabilities import Inpaints, capable
    from tfgen.runtime import device_scope
    from tfgen.sample.inpainting import inpaint_examples
    from tfgen.sample.sampling import labels_for

    out = output_file(options.out, run.files.figures / "inpainting.png", options.overwrite)
    if out.suffix == ".png":
        _require_picture(options)
    with device_scope(run.config.device):
        capable(run.model, Inpaints, "tfgen inpaint")  # before data are looked for
        asked = labels_for(run.model, options.images, options.labels)
        if options.labels:  # without, test images have labels and contexts of their own
            say_default_categories(run.model)
        result = inpaint_examples(
            run.model, run.data, mask, options.split, options.images, asked if options.labels else None,
            samples=options.samples, particles=options.particles, seed=options.seed, quiet=False,
        )  # fmt: skip
        with written_whole(out) as temporary:
            if out.suffix == ".npz":
                _write_arrays(result, temporary)
            else:
                draw_inpainting(result, run.data_spec.levels, mask.text, temporary)
    say(_summary(result, mask))
    if result.particles == 1 and behind_a_hole(result.known).any():
        say(_NOTE)
    say(out)


def _require_picture(options: Options) -> None:
    from tfgen.figures.inpainting import MOST_IMAGES, MOST_SAMPLES

    for name, most in (("images", MOST_IMAGES), ("samples", MOST_SAMPLES)):
        value = getattr(options, name)
        if value > most:
            raise OptionError(f"--{name} must be at most {most} for a picture, got {value}; write an .npz with --out.")


def _write_arrays(result: Inpainting, path: Path) -> None:
    import numpy as np

    names = ("x", "known", "completions", "log_prob", "log_prob_x", "labels")
    arrays: dict[str, Any] = {name: getattr(result, name) for name in names}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def _summary(result: Inpainting, mask: InpaintingMask) -> str:
    """Return a summary with the mean log-likelihoods."""
    images, samples = result.completions.shape[:2]
    summary = (
        f"{counted(images, 'image')}, {counted(samples, 'completion')} each, mask {mask.text} "
        f"({100 * (1 - result.known.mean()):.0f} % unknown), {counted(result.particles, 'particle')}"
    )
    if result.log_prob is None or result.log_prob_x is None:
        return summary
    given = "" if result.labels is None else " given the label"
    return (
        f"{summary}; mean log-likelihood{given} of completions {result.log_prob.mean():.1f} nats, "
        f"of the originals {result.log_prob_x.mean():.1f} nats"
    )
