"""Feature extractors for FID, KID and precision/recall.

Distances between features compare only under the same network. Each network therefore has a unique name, which is part of the
basis of every metric that uses it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.data.grey_levels import to_signed
from tfgen.data.tfds import data_folder
from tfgen.errors import DataError
from tfgen.evaluate.classifier import (
    Classifier,
    ClassifierConfig,
    accuracy_of,
    build_classifier,
    load_weights,
    save_weights,
    train_classifier,
)
from tfgen.files import remove_old, written_whole
from tfgen.plugin.author_code import author_function
from tfgen.plugin.loading import load_registry
from tfgen.plugin.registry import Registry
from tfgen.plugin.specs import DataSources
from tfgen.printed import say

_FINGERPRINT_EXAMPLES = 1000
#: Folders of classifiers in training that earlier versions left when they were killed.
_OLD_TEMPORARY = re.compile(r"\.training-[a-z0-9_]{8}")
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_INCEPTION_SIDE = 299


class Features(NamedTuple):
    """Features of examples, and their predicted classes.

    Attributes:
        features: float32 [n, dimensions].
        classes: the most probable class of each, [n]; None from a network that does not classify.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64] | None


class FeatureNetwork(Protocol):
    """Protocol of feature extractors: a network whose features FID, KID and precision/recall compare."""

    @property
    def kind(self) -> str:
        """The name of ``--features``, for example ``classifier``."""

    @property
    def name(self) -> str:
        """A unique name, with a fingerprint of the weights; part of the basis of metrics."""

    @property
    def dimensions(self) -> int:
        """Number of features of an example."""

    def extract(self, x: NDArray[np.generic]) -> Features:
        """Return features and classes of a batch of examples [n, ...]."""

    def features(self, x: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the features [n, dimensions] of a batch of examples [n, ...]."""


@dataclass(frozen=True)
class _Network:
    """A feature extractor made of a function."""

    kind: str
    name: str
    dimensions: int
    function: Callable[[NDArray[np.generic]], Features]

    def extract(self, x: NDArray[np.generic]) -> Features:
        return self.function(x)

    def features(self, x: NDArray[np.generic]) -> NDArray[np.float32]:
        return self.extract(x).features


def feature_network(
    network: str,
    data: Dataset,
    sources: DataSources | None = None,
    quiet: bool = True,
    registry: Registry | None = None,
) -> FeatureNetwork:
    """Return the feature extractor with a registered name, for a data set.

    Args:
        network: ``classifier``, ``inception``, ``values``, or that of a plugin. A classifier is trained the first time, and
            kept beside the prepared data sets.
        data: the data set.
        sources: where prepared data sets are kept.
        quiet: show no progress, and do not print how good the classifier is.
        registry: of plugins; by default those that are installed.

    Raises:
        UnknownNameError: for another name.
        DataError: when the data do not suit the network, or its weights cannot be had.
    """
    spec = (registry or load_registry()).feature_network(network)
    make = spec.function()
    with author_function(
        f"feature network {network!r}", "it takes (data, sources, quiet) and returns a tfgen.FeatureNetwork"
    ):
        made: FeatureNetwork = make(data, sources or DataSources(), quiet)
    return made


def default_network(data: Dataset) -> str:
    """Return the default feature extractor of a data set: ``classifier`` for images with labels, else ``values``."""
    return "classifier" if data.spec.spatial and data.spec.classes is not None else "values"


def values_of(data: Dataset, sources: DataSources | None = None, quiet: bool = True) -> FeatureNetwork:
    """Feature extractor ``values``: the coordinates of a vector, or the grey levels of an image scaled to [0, 1]."""
    scale = data.spec.rules.unit_scale(data.spec.levels)

    def extract(x: NDArray[np.generic]) -> Features:
        return Features(np.asarray(x, np.float32).reshape(len(x), -1) * np.float32(scale), None)

    return _Network("values", "values", data.spec.dimensions, extract)


def classifier_of(data: Dataset, sources: DataSources, quiet: bool = True) -> FeatureNetwork:
    """Feature extractor ``classifier``: a classifier of the data set, whose last hidden layer has the features.

    It is trained once (`tfgen.evaluate.classifier`) and kept as ``<data_dir>/tfgen/classifiers/<name>.npz``. Its name holds a
    fingerprint of the data, its architecture and the trained weights, so that two that bear one name are the same.

    Args:
        data: images with labels.
        sources: where prepared data sets are kept.
        quiet: show no progress, and do not print its accuracy.

    Raises:
        DataError: when the set has no images or no labels.
        OutputError: when it cannot be kept.
    """
    config = ClassifierConfig()
    if not data.spec.spatial or data.spec.classes is None:
        raise DataError(
            f"data set {data.name!r} has no {'labels' if data.spec.spatial else 'images'} to train a classifier on; "
            "use --features values."
        )
    model = build_classifier(data.spec, config)
    stem = "".join(letter if letter.isalnum() else "-" for letter in data.name)
    folder = data_folder(sources) / "tfgen" / "classifiers"
    path = folder / f"{stem}-{_fingerprint(data, config)}.npz"
    try:
        about = load_weights(model, path)
    except ValueError:
        if not quiet:
            say(f"training a classifier of {data.name}, whose features are compared (once) ...", error=True)
        remove_old(folder, _OLD_TEMPORARY)
        # Before the training, so that a folder that cannot be written is reported at once.
        with written_whole(path) as temporary:
            train_classifier(model, data, quiet)
            about = {"data": data.name, "config": asdict(config), "examples": len(data.test)}
            assert data.test.labels is not None
            about["test_accuracy"] = accuracy_of(model, data.test.x, data.test.labels)
            save_weights(model, temporary, about)
    name = f"classifier of {data.name} {_digest(*(weight.numpy() for weight in model.weights))[:8]}"
    if not quiet:
        accuracy = f"{100 * about['test_accuracy']:.2f} % right on {about['examples']} test examples"
        say(f"network  {name}, {config.features} features, {accuracy}", error=True)
    return _Network("classifier", name, config.features, _extractor(model))


def _extractor(model: Classifier) -> Callable[[NDArray[np.generic]], Features]:
    @tf.function(autograph=False, reduce_retracing=True)
    def program(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = model.features(x)
        return features, tf.argmax(model.logits(features), axis=-1)

    def extract(x: NDArray[np.generic]) -> Features:
        features, classes = program(tf.constant(x))
        return Features(features.numpy(), classes.numpy())

    return extract


def _fingerprint(data: Dataset, config: ClassifierConfig) -> str:
    """Return 16 hexadecimal digits that identify the training data and options of the classifier."""
    facts = repr(
        (data.source, data.spec, [len(split) for split in data.splits.values()], sorted(asdict(config).items()))
    )
    first = data.train.x[:_FINGERPRINT_EXAMPLES]
    labels = data.train.labels
    assert labels is not None
    return _digest(np.frombuffer(facts.encode(), np.uint8), first, labels[:_FINGERPRINT_EXAMPLES])[:16]


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def inception(data: Dataset, sources: DataSources | None = None, quiet: bool = True) -> FeatureNetwork:
    """Feature extractor ``inception``: Keras's Inception v3 trained on ImageNet, 2048 features (mean-pooled last maps).

    Images are scaled to 299 x 299 bilinearly, grey ones repeated in three channels. These weights are Keras's own: distances
    in their features are of the same kind as those published for the network of Heusel et al. 2017, and no more than that.

    Raises:
        DataError: when its weights are not installed; names file and folder.
    """
    if not data.spec.spatial or data.spec.shape[-1] not in (1, 3):
        raise DataError(f"data set {data.name!r} has no images of one or three channels, which Inception needs.")
    import keras

    path = _keras_home() / "models" / INCEPTION_FILE
    if not path.is_file():
        raise DataError(
            f"the weights of Inception are not installed: put the file {INCEPTION_FILE} (of keras.applications) into "
            f"{path.parent}, or use --features classifier."
        )
    try:
        model = keras.applications.InceptionV3(include_top=False, weights=str(path), pooling="avg")
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is damaged ({str(error).splitlines()[0]}); put a good copy in its place.") from error

    @tf.function(autograph=False, reduce_retracing=True)
    def program(x: tf.Tensor) -> tf.Tensor:
        enlarged = tf.image.resize(to_signed(x, data.spec.levels), [_INCEPTION_SIDE, _INCEPTION_SIDE])
        return model(tf.repeat(enlarged, 3, axis=-1) if x.shape[-1] == 1 else enlarged, training=False)

    def extract(x: NDArray[np.generic]) -> Features:
        return Features(program(tf.constant(x)).numpy(), None)

    return _Network("inception", "keras inception_v3 imagenet", 2048, extract)


def _keras_home() -> Path:
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))
