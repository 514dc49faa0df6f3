"""Binary masks: which dimensions a coupling keeps (true) and which it moves (false)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfgen import DataSpec, TfgenError, as_seed, fold_in, uniform
from tfgen_plugins.flows import CouplingMask

_MASK_SEED = 0x6D61  # keeps the draws of masks apart from others made from the same seed


def binary_mask(kind: CouplingMask, data: DataSpec, layer: int, seed: int) -> NDArray[np.bool_]:
    """Return the mask b of one layer, [D] over the flattened example, true where a dimension is kept.

    Layers come in pairs: the second of a pair has the inverted mask of the first, so that together they move everything.

    - ``half``: the first D // 2 dimensions are kept.
    - ``checkerboard``: pixels with even ``row + column`` are kept (Dinh et al. 2017, figure 3, left); of a vector, every
      other dimension.
    - ``channel``: each 2x2 block of pixels is squeezed into channels and their first half is kept (Dinh et al. 2017,
      figure 3, right); on the image, these are the even rows.
    - ``random``: D // 2 dimensions, drawn from the seed, other ones for each pair.

    Args:
        kind: of the mask.
        data: the data set's spec.
        layer: position in the chain, from 0.
        seed: of the model, for ``random``.

    Raises:
        TfgenError: for a channel mask of other data than images of even height and width.
    """
    dimensions = data.dimensions
    if kind == "half":
        kept = np.arange(dimensions) < dimensions // 2
    elif kind == "random":
        noise = uniform([dimensions], fold_in(fold_in(as_seed(seed), _MASK_SEED), layer // 2)).numpy()
        kept = np.argsort(np.argsort(noise, kind="stable"), kind="stable") < dimensions // 2
    elif kind == "checkerboard":
        plane = data.shape[:2] if data.spatial else data.shape
        even = np.indices(plane).sum(axis=0) % 2 == 0
        kept = _on_every_channel(even, data)
    else:
        if not data.spatial or data.shape[0] % 2 or data.shape[1] % 2:
            raise TfgenError(
                "--mask channel squeezes 2x2 blocks of pixels, so it needs images of even height and width; "
                f"got {data.kind}s of shape {data.shape}; use checkerboard, half or random."
            )
        rows = np.arange(data.shape[0]) % 2 == 0
        kept = _on_every_channel(np.broadcast_to(rows[:, None], data.shape[:2]), data)
    return require_mask(~kept if layer % 2 else kept)


def require_mask(mask: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return `mask` as booleans [D].

    Raises:
        TfgenError: when it is no vector of zeros and ones, or keeps or moves nothing.
    """
    binary = np.asarray(mask).astype(bool)
    if binary.ndim != 1 or not np.array_equal(binary, mask):
        raise TfgenError(f"a mask is a vector of zeros and ones; got {np.asarray(mask).tolist()!r:.80}.")
    if binary.all() or not binary.any():
        number = "ones, so the coupling would move nothing" if binary.all() else "zeros, so nothing would be kept"
        raise TfgenError(f"a mask of all {number}; it needs at least one 0 and one 1.")
    return binary


def _on_every_channel(plane: NDArray[np.bool_], data: DataSpec) -> NDArray[np.bool_]:
    channels = data.shape[2] if data.spatial else 1
    return np.repeat(plane.reshape(-1), channels)
