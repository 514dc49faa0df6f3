"""DataOptions: options of a user's own data, with defaults; the docstring of each is its help text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Any, Literal

import tyro

from tfgen.errors import OptionError, require_option

_LARGEST = 2**63
_SIZE = re.compile(r"(\d+)(?:x(\d+))?")


def _without(what: str) -> Any:
    """Return the annotation of an option with an empty default, for which the help shows `what`."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {what})")


def size_text(size: Any) -> Any:
    """Return the size of pictures, a whole number or (height, width) as Python has them, as the option's text.

    Other values stay as they are, for the option's own check.

    >>> size_text(32), size_text((32, 48)), size_text("32x48")
    ('32', '32x48', '32x48')
    """
    numbers = size if isinstance(size, tuple | list) and len(size) == 2 else (size,)
    if all(isinstance(number, Integral) and not isinstance(number, bool) for number in numbers):
        return "x".join(str(int(number)) for number in numbers)
    return size


@dataclass(frozen=True)
class DataOptions:
    """Your own data: size and colours of pictures, columns of tables, shares of the splits."""

    size: str | None = None
    """Height and width of pictures, such as 32 or 32x48, to which they are resized; without it all must have one size."""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """Colours of pictures; auto is grey where every picture is."""
    fit: Literal["crop", "pad"] = "crop"
    """Crop pictures of other proportions than --size to their middle, or pad them with black."""
    skip_broken: bool = False
    """Leave out files that are no pictures, and say how many."""
    columns: Annotated[tuple[str, ...], _without("all of no other use")] = ()
    """Tables: columns that make up the examples."""
    ignore: Annotated[tuple[str, ...], _without("none")] = ()
    """Tables: columns that are left out."""
    label: str | None = None
    """Tables: column of the classes."""
    context: Annotated[tuple[str, ...], _without("none")] = ()
    """Tables: columns of numbers that are given to a conditional model."""
    categorical: Annotated[tuple[str, ...], _without("none")] = ()
    """Tables: columns of texts or numbers each value of which is a category."""
    bounds: Annotated[tuple[str, ...], _without("none")] = ()
    """Tables: smallest and largest value of a column, COLUMN:0,1, which samples then keep to."""
    heavy_tails: Annotated[tuple[str, ...], _without("none")] = ()
    """Tables: columns with heavy tails, whose large values are drawn in (asinh); "all" for every real column."""
    missing: Literal["refuse", "drop"] = "refuse"
    """Tables: refuse rows with missing values, or leave them out and say how many."""
    delimiter: str = ","
    """CSV: between the fields; "tab" for a tabulator."""
    decimal: Literal[".", ","] = "."
    """CSV: point or comma of decimal fractions."""
    protocol: Literal["none", "maf"] = "none"
    """maf: POWER, GAS, HEPMASS, MINIBOONE or BSDS300 as published likelihoods of flows have them (docs/results/tables.md)."""
    split_sizes: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, valid and test, where the data have no splits of their own."""
    split_seed: int = 0
    """Seed of the splits, which follow from each example's own bytes: adding examples moves none."""

    def __post_init__(self) -> None:
        require_option(
            -_LARGEST <= self.split_seed < _LARGEST, "split-seed", self.split_seed, "a number of at most 64 bits"
        )
        _ = self.height_and_width, self.column_bounds
        if self.delimiter in ("tab", "\\t"):
            object.__setattr__(self, "delimiter", "\t")
        single = len(self.delimiter) == 1 and self.delimiter.isascii() and self.delimiter not in '"\r\n\0'
        require_option(single, "delimiter", self.delimiter, 'one ASCII character, or "tab"')
        require_option(
            self.delimiter != self.decimal,
            "delimiter",
            self.delimiter,
            f"another character than --decimal {self.decimal}",
        )
        shares = self.split_sizes
        if not all(0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            given = " ".join(f"{share:g}" for share in shares)
            raise OptionError(
                f"--split-sizes are shares of train, valid and test that add up to 1, such as 0.8 0.1 0.1; got {given}."
            )

    @property
    def column_bounds(self) -> dict[str, tuple[float, float]]:
        """The bounds as numbers by column."""
        found = {}
        for text in self.bounds:
            name, _, pair = text.rpartition(":")
            try:
                low, high = (float(end) for end in pair.split(","))
            except ValueError:
                low = high = math.nan
            if not (name and math.isfinite(low) and math.isfinite(high) and low < high):
                raise OptionError(f"--bounds takes COLUMN:SMALLEST,LARGEST, such as share:0,1; got {text!r}.")
            if name in found:
                raise OptionError(f"--bounds names column {name!r} twice; once is enough.")
            found[name] = low, high
        return found

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """The size as numbers."""
        if self.size is None:
            return None
        match = _SIZE.fullmatch(self.size)
        require_option(
            match is not None, "size", self.size, "a number of pixels such as 32, or height x width such as 32x48"
        )
        assert match is not None
        height, width = int(match[1]), int(match[2] or match[1])
        require_option(1 <= height <= 4096 and 1 <= width <= 4096, "size", self.size, "from 1 to 4096 pixels")
        return height, width
