"""Benchmark data: scikit-learn's digits, enlarged to any side, so that nothing has to be downloaded."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfgen.data.dataset import Dataset, Split
from tfgen.data.digits import load_digits

_BRIGHTEST = 255


def enlarged_digits(side: int) -> Dataset:
    """Return the digits as 8-bit images of ``side x side`` pixels, each pixel of the original as often as it takes.

    Args:
        side: height and width of the images.
    """
    digits = load_digits()
    brightest = digits.spec.levels - 1
    rows = np.arange(side) * digits.spec.shape[0] // side

    def enlarged(split: Split) -> Split:
        grey = (split.x.astype(np.uint16) * _BRIGHTEST // brightest).astype(np.uint8)
        return Split(np.ascontiguousarray(grey[:, rows][:, :, rows]), split.labels)

    return dataclasses.replace(
        digits,
        name=f"digits-{side}",
        spec=dataclasses.replace(digits.spec, shape=(side, side, 1), levels=_BRIGHTEST + 1),
        splits={name: enlarged(split) for name, split in digits.splits.items()},
        source=f"{digits.source}; enlarged to {side}x{side}",
    )
