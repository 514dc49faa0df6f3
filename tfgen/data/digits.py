"""The data set `digits`: scikit-learn's handwritten digits, 8x8, available without a network."""

from __future__ import annotations

import numpy as np

from tfgen.data.dataset import Dataset, Split
from tfgen.data.spec import DataSpec

#: Seeds the permutation that decides the splits; changing it makes old and new numbers incomparable.
SEED = 1797
TRAIN, VALID = 1297, 200


def load_digits() -> Dataset:
    """Return the 1,797 digits of 8x8 pixels, uint8 ``[n, 8, 8, 1]`` with values 0..16 as scikit-learn gives them.

    Examples are put in the order that sorts the first 1,797 words of ``numpy.random.Philox(1797)``, a stream that
    NumPy promises never to change; of these, 1,297 train, 200 validate and 300 test.
    """
    from sklearn.datasets import load_digits as sklearn_digits

    images, labels = sklearn_digits(return_X_y=True)
    order = np.argsort(np.random.Philox(SEED).random_raw(len(images)))
    x = images[order].astype(np.uint8).reshape(-1, 8, 8, 1)
    y = labels[order].astype(np.int32)
    train, valid, test = (slice(TRAIN), slice(TRAIN, TRAIN + VALID), slice(TRAIN + VALID, None))
    return Dataset(
        name="digits",
        spec=DataSpec(kind="image", shape=(8, 8, 1), classes=10, levels=17),
        splits={
            "train": Split(x[train], y[train]),
            "valid": Split(x[valid], y[valid]),
            "test": Split(x[test], y[test]),
        },
        source=f"scikit-learn load_digits, permuted with Philox({SEED})",
    )
