import numpy as np
import pytest

from tfgen.data.dataset import Dataset, Split
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

IMAGES = DataSpec(kind="image", shape=(4, 4, 1), classes=3)


def images(n=5, labels=True):
    return Split(np.zeros((n, 4, 4, 1), np.uint8), np.zeros(n, np.int32) if labels else None)


def splits(**changed):
    return {"train": images(), "valid": images(), "test": images(), **changed}


def test_splits_are_attributes():
    dataset = Dataset("set", IMAGES, splits(valid=images(2)))
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (5, 2, 5)
    assert IMAGES.dimensions == 16


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test": images(0)}, "split 'test' is empty"),
        ({"test": images(labels=False)}, "labels and spec.classes"),
        ({"test": Split(np.zeros((5, 4, 4, 1), np.float32), np.zeros(5, np.int32))}, "expected uint8"),
        ({"test": Split(np.zeros((5, 4, 4, 3), np.uint8), np.zeros(5, np.int32))}, r"got uint8 of \(4, 4, 3\)"),
        ({"test": Split(np.zeros((5, 4, 4, 1), np.uint8), np.zeros(4, np.int32))}, "expected 5 labels"),
    ],
)
def test_splits_must_agree_with_the_spec(changed, message):
    with pytest.raises(DataError, match=message):
        Dataset("set", IMAGES, splits(**changed))


def test_a_missing_split_is_named():
    with pytest.raises(DataError, match="no 'valid' split"):
        Dataset("set", IMAGES, {"train": images(), "test": images()})


def test_images_have_three_axes():
    with pytest.raises(DataError, match="height, width, channels"):
        Dataset("set", DataSpec(kind="image", shape=(16,)), splits())
