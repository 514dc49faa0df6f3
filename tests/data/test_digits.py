import hashlib

import numpy as np
from sklearn.datasets import load_digits as sklearn_digits

from tfgen.data.digits import load_digits

DIGEST = "80025ca5a8ffd6b66d4cfe2a32369665ed7b308e97db249b7b7e6f65d776ccf9"


def test_the_splits_never_change():
    dataset = load_digits()
    assert [len(dataset.train), len(dataset.valid), len(dataset.test)] == [1297, 200, 300]
    content = b"".join(split.x.tobytes() + split.labels.tobytes() for split in dataset.splits.values())
    assert hashlib.sha256(content).hexdigest() == DIGEST


def test_the_splits_are_scikit_learns_digits_each_once():
    dataset = load_digits()
    ours = np.concatenate([split.x.reshape(-1, 64) for split in dataset.splits.values()])
    labels = np.concatenate([split.labels for split in dataset.splits.values()])
    images, targets = sklearn_digits(return_X_y=True)

    def rows(x, y):
        return sorted((image.tobytes(), int(label)) for image, label in zip(x.astype(np.uint8), y, strict=True))

    assert rows(ours, labels) == rows(images, targets)
    assert len(set(rows(ours, labels))) == 1797


def test_values_are_grey_levels():
    dataset = load_digits()
    assert dataset.spec.levels == 17
    assert dataset.spec.classes == 10
    assert dataset.train.x.min() == 0
    assert dataset.train.x.max() == 16


def test_every_split_has_every_class():
    for split in load_digits().splits.values():
        assert np.bincount(split.labels, minlength=10).min() > 10
