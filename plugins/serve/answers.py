"""Answers: arrays with what belongs to them, as JSON, npz, or a PNG grid of images."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfgen import DataError, DataSpec
from tfgen.figures import image_grid

Format = Literal["json", "npz", "png"]
MEDIA_TYPES: dict[Format, str] = {"json": "application/json", "npz": "application/x-npz", "png": "image/png"}
#: Most images in one picture.
MOST_IN_PICTURE = 2_000


@dataclass(frozen=True)
class Answer:
    """Answer to a request.

    Attributes:
        arrays: by name.
        facts: what belongs to them, in JSON alone.
        images: of which a picture is made, [n, height, width, channels]; None where there are none.
        columns: images in a row of the picture; None for about a square.
    """

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    images: NDArray[Any] | None = None
    columns: int | None = None

    @property
    def numbers(self) -> int:
        """Numbers in all arrays."""
        return sum(array.size for array in self.arrays.values())

    def content(self, form: Format, data: DataSpec) -> bytes:
        """Return the answer in a format.

        Raises:
            DataError: for a picture of too many images.
        """
        if form == "json":
            return self._json()
        if form == "npz":
            file = io.BytesIO()
            arrays: dict[str, Any] = dict(self.arrays)
            np.savez(file, **arrays)
            return file.getvalue()
        assert self.images is not None
        if len(self.images) > MOST_IN_PICTURE:
            raise DataError(
                f"format: a png holds at most {MOST_IN_PICTURE} images, got {len(self.images)}; ask for npz."
            )
        file = io.BytesIO()
        Image.fromarray(image_grid(self.images, data.levels, self.columns)).save(file, "png")
        return file.getvalue()

    def _json(self) -> bytes:
        lists = {name: _plain(array) for name, array in self.arrays.items()}
        return json.dumps({**lists, **self.facts}, allow_nan=False, separators=(",", ":")).encode()


def _plain(array: NDArray[Any]) -> Any:
    """Return an array as nested lists, with null for what is not finite, which JSON has not."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _without_infinities(array.tolist())
    return array.tolist()


def _without_infinities(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_infinities(value) for value in values]
    return values if math.isfinite(values) else None


def require_pictures(data: DataSpec, endpoint: str) -> None:
    """Check that an endpoint of a model of these data answers with images, of which a picture can be made.

    Raises:
        DataError: when it does not.
    """
    if data.kind != "image" or endpoint in ("log_prob", "encode"):
        raise DataError("format: png is for images, and the answer has none; ask for json or npz.")


def format_for(asked: Format | None, accept: str) -> Format:
    """Return the format of an answer: that of the request's body, or the first that its header ``Accept`` names; else JSON.

    >>> format_for(None, "image/png, */*"), format_for("npz", "image/png"), format_for(None, "*/*")
    ('png', 'npz', 'json')
    """
    if asked is not None:
        return asked
    wanted = [entry.partition(";")[0].strip() for entry in accept.split(",")]
    by_type: dict[str, Format] = {media_type: form for form, media_type in MEDIA_TYPES.items()}
    return next((by_type[entry] for entry in wanted if entry in by_type), "json")
