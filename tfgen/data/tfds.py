"""Image sets of tensorflow-datasets: prepared once, then read without importing TensorFlow."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data import cache
from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.download import catalogue, open_builder, prepare, quiet
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError, UnknownNameError
from tfgen.plugin.specs import DataSources

#: ``name``, ``name/config``, either with ``:version``.
NAME = re.compile(r"(?P<base>[a-z0-9_]+(/\w[\w.+-]*)?)(:(?P<version>\d+\.\d+\.\d+))?", re.IGNORECASE)
#: Sets whose keys are the row numbers of the published files, so that the published order can be restored.
PUBLISHED_ORDER = ("mnist", "fashion_mnist", "kmnist")

#: Where each split comes from: a split of TFDS and the rows ``start .. stop - 1`` of it.
Parts = dict[SplitName, tuple[str, int, int]]


def load_tfds(name: str, sources: DataSources) -> Dataset:
    """Return an image set of tensorflow-datasets, uint8 ``[n, height, width, channels]``, mapped into memory.

    The set needs a feature ``image`` of a fixed shape; a feature ``label`` (ClassLabel), where there is one, gives the
    labels. Arrays are kept in ``<data_dir>/tfgen/<name>/<version>/``; when they are there, nothing else is looked at.

    Args:
        name: a name, perhaps with a configuration or a version: ``"cifar10"``, ``"emnist/letters"``, ``"mnist:3.0.1"``.
        sources: where prepared sets are kept, and where files downloaded by hand lie.

    Raises:
        UnknownNameError: when tensorflow-datasets has no such set.
        DataError: when the set does not fit, cannot be had, is damaged, or cannot be written.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise UnknownNameError("tensorflow-datasets set", name, catalogue())
    data_dir = data_folder(sources)
    manual_dir = Path(os.path.expanduser(sources.manual_dir)) if sources.manual_dir else None
    root = data_dir / "tfgen" / match["base"]
    folder = cache.newest(root) if match["version"] is None else root / match["version"]
    if folder is None or not (folder / cache.MANIFEST).exists():
        folder = _prepare_arrays(name, root, data_dir, manual_dir)
    return cache.read(folder, name)


def data_folder(sources: DataSources) -> Path:
    """Return the folder of prepared data sets: ``--data-dir`` if given, else the default folder of tensorflow-datasets."""
    default = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(os.path.expanduser(sources.data_dir or default))


def plan_splits(name: str, sizes: Mapping[str, int]) -> Parts:
    """Decide which rows of which TFDS splits train, validate and test.

    ``validation`` and ``test`` are used where the set has them. Where ``test`` is lacking, the last sixth of ``train``
    tests; where ``validation`` is lacking, the last sixth validates, or the sixth before the test examples: for MNIST,
    the last 10,000 training images.

    Args:
        name: for the message.
        sizes: the number of examples of each TFDS split.

    Raises:
        DataError: when there is no ``train`` split or it is too small to be cut.
    """
    if "train" not in sizes:
        raise DataError(f"{name} cannot be used: it has no 'train' split, only {', '.join(sizes) or 'none at all'}.")
    stop, sixth = sizes["train"], sizes["train"] // 6
    parts: Parts = {}
    names: tuple[tuple[SplitName, str], ...] = (("test", "test"), ("valid", "validation"))
    for split, published in names:
        if published in sizes:
            parts[split] = (published, 0, sizes[published])
        else:
            parts[split] = ("train", stop - sixth, stop)
            stop -= sixth
    parts["train"] = ("train", 0, stop)
    if any(start >= end for _, start, end in parts.values()):
        raise DataError(f"{name} cannot be used: its splits {dict(sizes)} are too small.")
    return {split: parts[split] for split in SPLITS}


def published_rows(split: str, n: int) -> NDArray[np.int64]:
    """Undo the shuffling of TFDS: return for each row of a split the row that it has in the published file.

    TFDS writes examples in the order of ``md5(split + key)``, a hash that it promises to keep.
    """
    hashes = [hashlib.md5(f"{split}{key}".encode(), usedforsecurity=False).digest() for key in range(n)]
    return np.array(sorted(range(n), key=hashes.__getitem__), dtype=np.int64)


def _prepare_arrays(name: str, root: Path, data_dir: Path, manual_dir: Path | None) -> Path:
    """Prepare the set with TFDS, copy it into `.npy` files under `root` and return their folder."""
    builder = open_builder(name, data_dir)
    shape, classes = _image_features(name, builder)
    prepare(builder, data_dir, manual_dir)
    builder = open_builder(name, data_dir)
    parts = plan_splits(name, {split: int(info.num_examples) for split, info in builder.info.splits.items()})
    layout = cache.Layout(
        source=f"tensorflow-datasets {builder.info.full_name}",
        spec=DataSpec("image", shape, classes),
        sizes={split: stop - start for split, (_, start, stop) in parts.items()},
    )
    folder = root / str(builder.version)
    with cache.written(folder, layout) as splits, quiet():
        for published in {split for split, _, _ in parts.values()}:
            for rows, images, labels in _batches(builder, published, classes is not None):
                _check_labels(name, published, labels, classes)
                for split, (origin, start, stop) in parts.items():
                    if origin == published:
                        _store(splits[split], rows - start, stop - start, images, labels)
    return folder


def _image_features(name: str, builder: Any) -> tuple[tuple[int, int, int], int | None]:
    """Return the shape of the images and the number of classes, or raise a DataError that says why there are none."""
    import tensorflow_datasets as tfds

    features = dict(builder.info.features) if isinstance(builder.info.features, tfds.features.FeaturesDict) else {}
    image = features.get("image")
    if not isinstance(image, tfds.features.Image):
        raise DataError(f"{name} cannot be used: its examples have no feature 'image' that is an image.")
    if len(image.shape) != 3 or None in image.shape:
        raise DataError(f"{name} cannot be used: its images have no fixed size, their shape is {image.shape}.")
    if np.dtype(image.np_dtype) != np.uint8:
        raise DataError(f"{name} cannot be used: its images are {np.dtype(image.np_dtype)}, not uint8.")
    label = features.get("label")
    classes = label.num_classes or None if isinstance(label, tfds.features.ClassLabel) else None
    height, width, channels = image.shape
    return (height, width, channels), classes


def _batches(
    builder: Any, split: str, labelled: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64] | None]]:
    """Yield the examples of one TFDS split in a fixed order, with the row of each."""
    import tensorflow_datasets as tfds

    n = int(builder.info.splits[split].num_examples)
    rows = published_rows(split, n) if builder.name in PUBLISHED_ORDER else np.arange(n)
    wanted = {"image": True, "label": True} if labelled else {"image": True}
    examples = builder.as_dataset(
        split=split,
        batch_size=512,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(wanted),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    first = 0
    for batch in examples.as_numpy_iterator():
        end = first + len(batch["image"])
        yield rows[first:end], batch["image"], batch.get("label")
        first = end
    if first != n:
        raise DataError(f"{builder.data_path} is damaged ({first:,} examples of {split!r}, not {n:,}); delete it.")


def _check_labels(name: str, split: str, labels: NDArray[np.int64] | None, classes: int | None) -> None:
    if labels is not None and classes is not None and not ((labels >= 0) & (labels < classes)).all():
        raise DataError(f"{name} cannot be used: its split {split!r} has examples without a label.")


def _store(
    split: Split, rows: NDArray[np.int64], n: int, images: NDArray[np.uint8], labels: NDArray[np.int64] | None
) -> None:
    """Write into `split` those examples of a batch whose row lies in ``0 .. n - 1``."""
    inside = (rows >= 0) & (rows < n)
    split.x[rows[inside]] = images[inside]
    if split.labels is not None and labels is not None:
        split.labels[rows[inside]] = labels[inside]
