"""Prepared folders of tensorflow-datasets (TFDS), named by their path: images with their labels, in the splits of the set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SplitName
from tfgen.data.download import quiet
from tfgen.data.own.raw import Raw
from tfgen.data.own.spool import Spool
from tfgen.errors import DataError
from tfgen.reading import parse_json, read_regular

_INFO, _FEATURES = "dataset_info.json", "features.json"
_MOST_BYTES = 10_000_000
_SPLITS: Mapping[str, SplitName] = {"train": "train", "validation": "valid", "valid": "valid", "test": "test"}


def is_tfds_folder(folder: Path) -> bool:
    """Return whether a folder is one that TFDS has prepared: it holds its ``dataset_info.json`` and ``features.json``."""
    return (folder / _INFO).is_file() and (folder / _FEATURES).is_file()


def read_tfds_folder(folder: Path, scratch: Path | None = None) -> Raw:
    """Return the images of a folder that TFDS has prepared, such as ``~/tensorflow_datasets/my_set/1.0.0``.

    Args:
        folder: with ``dataset_info.json`` and records.
        scratch: where the temporary file of many images lies; in the system's folder for such files where None.

    Raises:
        DataError: when it is damaged, has no feature ``image``, or names classes of Python that are not those of TFDS.
    """
    _require_plain_features(folder)
    import tensorflow_datasets as tfds

    try:
        with quiet():
            builder = tfds.builder_from_directory(str(folder))
            whole = builder.info.features
            features = dict(whole) if isinstance(whole, tfds.features.FeaturesDict) else {}
            if not isinstance(features.get("image"), tfds.features.Image):
                raise DataError(f"{folder} cannot be used: its examples have no feature 'image' that is an image.")
            label = features.get("label")
            names = label.names if isinstance(label, tfds.features.ClassLabel) else None
            parts = {
                split: _examples(builder, split, names is not None, scratch)
                for split in builder.info.splits
                if split in _SPLITS
            }
    except DataError:
        raise
    except Exception as error:  # protocol buffers, records and images can be damaged in any way
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{folder} cannot be read: {first[:300].rstrip('.')}; prepare it again.") from error
    if not parts:
        raise DataError(f"{folder} has none of the splits train, validation and test.")
    examples: dict[SplitName | None, NDArray[Any]] = {_SPLITS[split]: x for split, (x, _) in parts.items()}
    if names is None:
        return Raw(examples)
    return Raw(examples, {_SPLITS[split]: np.array(names, object)[labels] for split, (_, labels) in parts.items()})


def _examples(builder: Any, split: str, labelled: bool, scratch: Path | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return images and label numbers of a split."""
    images, labels = Spool(scratch), []
    shapes: set[tuple[int, ...]] = set()
    for example in builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator():
        shapes.add(example["image"].shape)
        if len(shapes) == 1:
            images.append(example["image"])
        labels.append(int(example["label"]) if labelled else 0)
    if not labels:
        raise DataError(f"{builder.data_path}: its split {split!r} is empty.")
    if len(shapes) > 1:
        sizes = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:4])
        raise DataError(f"{builder.data_path} holds images of {len(shapes)} sizes ({sizes}); resize them to one.")
    if min(labels) < 0:
        raise DataError(f"{builder.data_path}: its split {split!r} has examples without a label; leave it out.")
    return images.array(), np.array(labels, np.int64)


def _require_plain_features(folder: Path) -> None:
    """Refuse features that name other classes than those of TFDS: it would import them."""
    try:
        content = parse_json(read_regular(folder / _FEATURES, _MOST_BYTES, within=folder))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / _FEATURES} is damaged ({error}); prepare the set again.") from error
    for name in _class_names(content):
        if not name.startswith("tensorflow_datasets."):
            raise DataError(
                f"{folder / _FEATURES} names {name[:80]!r}, a class that is not one of tensorflow-datasets."
            )


def _class_names(content: Any) -> list[str]:
    if isinstance(content, dict):
        own = [
            str(value)
            for key, value in content.items()
            if key in ("pythonClassName", "type") and isinstance(value, str)
        ]
        return [name for name in own if "." in name] + [n for value in content.values() for n in _class_names(value)]
    return [n for value in content for n in _class_names(value)] if isinstance(content, list) else []
