"""The data sets `photos` and `photos:32`: colour patches of scikit-learn's two photographs, available without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.spec import DataSpec

#: Names of the classes; the photographs are ``NAME.jpg``.
CLASSES = ("china", "flower")
#: Height and width of the blocks of a photograph, each of which belongs to one split with all its pixels.
BLOCK = 64
#: Pixels between neighbouring training patches of a block; other patches have no pixel in common.
STRIDE = 4
#: Seeds the order of the patches; changing it makes old and new numbers incomparable.
SEED = 427640
#: The split of a block at (row, column) is at ``(2 row + column) mod 5``: three fifths of the blocks are for training.
_PATTERN: tuple[SplitName, ...] = ("valid", "train", "test", "train", "train")


def load_photos(size: int = 16) -> Dataset:
    """Return patches of two photographs, uint8 ``[n, size, size, 3]`` (RGB, 256 levels), labelled by the photograph.

    Each photograph of 427x640 pixels is cut into 6x10 blocks of 64x64 (the last 43 rows are left out). A block belongs to one
    split, so no pixel is in two: of every five blocks along a row three train, one validates, one tests. Training patches lie
    every 4 pixels of a block and overlap, validation and test patches do not. The order is the one that sorts the first words
    of ``numpy.random.Philox(427640)``, a stream that NumPy promises never to change. Of 16x16 pixels 12,168 patches train, 384
    validate and 384 test, of 32x32 5,832, 96 and 96; half of each are of either photograph.

    The photographs come with scikit-learn (`sklearn.datasets.load_sample_images`) under the Creative Commons licence
    Attribution 2.0: ``china.jpg`` by danielbuechele (flickr.com/photos/danielbuechele/6061409035), ``flower.jpg`` by vultilion
    (flickr.com/photos/vultilion/6056698931).

    Args:
        size: height and width of a patch in pixels, 1 to 64.

    Raises:
        ValueError: for another size.
    """
    if not 1 <= size <= BLOCK:
        raise ValueError(f"patches have 1 to {BLOCK} pixels along a side, got {size}.")
    from sklearn.datasets import load_sample_image

    photographs = [load_sample_image(f"{name}.jpg") for name in CLASSES]
    digest = hashlib.sha256(b"".join(photograph.tobytes() for photograph in photographs)).hexdigest()
    return Dataset(
        name="photos" if size == 16 else f"photos:{size}",
        spec=DataSpec(kind="image", shape=(size, size, 3), classes=len(CLASSES), class_names=CLASSES),
        splits={name: _split(photographs, name, size) for name in SPLITS},
        # Decoders of JPEG may differ in the last bit: the digest tells.
        source=f"scikit-learn load_sample_images (pixels {digest[:16]}), blocks of {BLOCK}, permuted with Philox({SEED})",
    )


def patch_places(split: SplitName, size: int, shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (row, column) in pixels of the upper left corner of each patch of a split, block by block.

    Args:
        split: to take blocks of.
        size: height and width of a patch.
        shape: height and width of the photograph.
    """
    starts = range(0, BLOCK - size + 1, STRIDE if split == "train" else size)
    for row in range(shape[0] // BLOCK):
        for column in range(shape[1] // BLOCK):
            if _PATTERN[(2 * row + column) % len(_PATTERN)] == split:
                yield from ((BLOCK * row + down, BLOCK * column + right) for down in starts for right in starts)


def _split(photographs: list[NDArray[np.uint8]], split: SplitName, size: int) -> Split:
    patches, labels = [], []
    for label, photograph in enumerate(photographs):
        height, width, _ = photograph.shape
        for row, column in patch_places(split, size, (height, width)):
            patches.append(photograph[row : row + size, column : column + size])
            labels.append(label)
    order = np.argsort(np.random.Philox(SEED).random_raw(len(patches)))
    return Split(np.stack(patches)[order], np.array(labels, np.int32)[order])
