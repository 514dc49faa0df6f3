"""Draw the digits of a number with a conditional model, into a picture (.png) or arrays (.npz)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import parse
from tfgen.errors import DataError, OptionError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.runs.run import Run

_DIGITS = "0123456789"  # not str.isdigit, which knows those of every script
_MOST_DIGITS = 200


@dataclass(frozen=True)
class Options:
    """Number to draw, and output file."""

    run: tyro.conf.Positional[Path]
    """Folder of the run; its model must be conditional, and class k hold images of the digit k."""
    number: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NUMBER")]
    """The number, in the digits 0-9; leading zeros are kept."""
    seed: int = 0
    """Seed of the samples: another seed, another handwriting."""
    out: Path | None = None
    """File to write, .png or .npz (x and labels); by default number.png in the run's figures."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        _require_number(self.number)
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if self.out is not None and self.out.suffix not in (".png", ".npz"):
            raise OutputError(f"cannot write {self.out}: the name must end in .png (a picture) or .npz (arrays).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Draw the digits, and print the file."""
    options = parse(Options, arguments, "number", __doc__ or "")
    run = context.run(options.run)
    import numpy as np

    from tfgen.figures.examples import draw_side_by_side
    from tfgen.files import written_whole
    from tfgen.runtime import device_scope
    from tfgen.sample.class_samples import generate_examples

    out = output_file(options.out, run.files.figures / "number.png", options.overwrite)
    digits = [int(digit) for digit in options.number]
    with device_scope(run.config.device):
        _require_classes(run, digits)
        x = generate_examples(run.model, digits, options.seed)
    with written_whole(out) as temporary:
        if out.suffix == ".npz":
            np.savez(temporary, x=x, labels=np.asarray(digits, np.int32))
        else:
            draw_side_by_side(x, run.data_spec.levels, temporary, labels=digits)
    say(out)


def _require_number(number: str) -> None:
    if not number:
        raise OptionError("which number? Give its digits, for example: tfgen number RUN 2026")
    if len(number) > _MOST_DIGITS:
        raise OptionError(f"a number may have at most {_MOST_DIGITS} digits, got {len(number)} characters.")
    foreign = next((character for character in number if character not in _DIGITS), None)
    if foreign is not None:
        raise OptionError(
            "a number is written in the digits 0-9 alone, without sign, point or spaces; "
            f"got {number!r} with {foreign!r} in it."
        )


def _require_classes(run: Run, digits: Sequence[int]) -> None:
    """Check that the run's model is conditional on the digits, and that its examples are images."""
    from tfgen.sample.class_samples import require_conditional

    require_conditional(run.model, "tfgen number")
    data, name, classes = run.data_spec, run.config.data, run.data_spec.classes or 0
    if not data.spatial:
        raise DataError(
            f"a number needs images of digits; data set {name!r} has vectors of {data.dimensions} coordinates."
        )
    if max(digits) >= classes:
        raise DataError(f"digit {max(digits)} has no class: the classes of data set {name!r} are 0 .. {classes - 1}.")
