"""DataOptions: options of a user's own data, with defaults; the docstring of each is its help text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tfgen.errors import OptionError, require_option

_SIZE = re.compile(r"(\d+)(?:x(\d+))?")


@dataclass(frozen=True)
class DataOptions:
    """Your own data: size and colours of pictures, shares of the splits."""

    size: str | None = None
    """Height and width of pictures, such as 32 or 32x48, to which they are resized; without it all must have one size."""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """Colours of pictures; auto is grey where every picture is."""
    fit: Literal["crop", "pad"] = "crop"
    """Crop pictures of other proportions than --size to their middle, or pad them with black."""
    skip_broken: bool = False
    """Leave out files that are no pictures, and say how many."""
    split_sizes: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, valid and test, where the data have no splits of their own."""
    split_seed: int = 0
    """Seed of the splits, which follow from each example's own bytes: adding examples moves none."""

    def __post_init__(self) -> None:
        _ = self.height_and_width
        shares = self.split_sizes
        if not all(0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            given = " ".join(f"{share:g}" for share in shares)
            raise OptionError(
                f"--split-sizes are shares of train, valid and test that add up to 1, such as 0.8 0.1 0.1; got {given}."
            )

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
