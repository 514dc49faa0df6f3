"""Folders that TFDS has prepared, by path: splits, images and names of classes; strangers' features import nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgen import DataError, DataSources
from tfgen.data.own.prepared import prepare_own
from tfgen.plugin.data_options import DataOptions


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    place = tmp_path_factory.mktemp("tfds")
    random = np.random.default_rng(0)

    def part(n):
        x, y = random.integers(0, 256, (n, 4, 5, 3)).astype(np.uint8), np.arange(n) % 2
        return tf.data.Dataset.from_tensor_slices({"image": x, "label": y})

    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(4, 5, 3)), "label": tfds.features.ClassLabel(names=["cat", "dog"])}
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets", version="1.0.0", features=features, data_dir=place,
        split_datasets={"train": part(40), "validation": part(10), "test": part(12)},
    )  # fmt: skip
    return place / "pets" / "1.0.0"


def test_a_prepared_folder_is_a_data_set(prepared, tmp_path):
    found = prepare_own(str(prepared), DataOptions(), DataSources(data_dir=str(tmp_path)))
    assert [len(found.splits[name]) for name in ("train", "valid", "test")] == [40, 10, 12]
    assert found.spec.class_names == ("cat", "dog")
    assert found.spec.shape == (4, 5, 3)
    assert np.bincount(found.test.labels).tolist() == [6, 6]


def _copy(prepared, tmp_path):
    place = tmp_path / "copy"
    place.mkdir()
    for file in prepared.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


def test_features_of_other_modules_are_refused_before_anything_is_imported(prepared, tmp_path):
    place = _copy(prepared, tmp_path)
    content = json.loads((place / "features.json").read_text())
    content["pythonClassName"] = "antigravity.Features"
    (place / "features.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"names 'antigravity\.Features'"):
        prepare_own(str(place), DataOptions(), DataSources(data_dir=str(tmp_path)))


@pytest.mark.parametrize("file", ["features.json", "dataset_info.json", "records"])
def test_a_damaged_folder_is_told_in_one_line(file, prepared, tmp_path):
    place = _copy(prepared, tmp_path)
    name = next(path for path in place.iterdir() if "tfrecord" in path.name).name if file == "records" else file
    (place / name).write_bytes((place / name).read_bytes()[:50])
    with pytest.raises(DataError) as caught:
        prepare_own(str(place), DataOptions(), DataSources(data_dir=str(tmp_path)))
    assert "\n" not in str(caught.value)
