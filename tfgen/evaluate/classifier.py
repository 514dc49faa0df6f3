"""Small convolutional classifier of a data set: features for FID and the like, and label accuracy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.data.grey_levels import to_unit
from tfgen.data.spec import DataSpec
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.objective import Batch, Context, Objective
from tfgen.plugin.specs import ModelSpec
from tfgen.plugin.train_options import TrainOptions
from tfgen.reading import parse_json
from tfgen.seeds import fold_in, uniform
from tfgen.training.interruption import InterruptedRunError
from tfgen.training.trainer import Trainer
from tfgen.unpacking import read_arrays

_SEED = 0
#: Steps of training, about, whatever the size of the set; and the most passes over a small one.
_STEPS = 2000
_MOST_EPOCHS = 100
_BATCH = 128
#: Most characters of the facts beside the weights; ours have some 200.
_MOST_ABOUT = 10_000


@dataclass(frozen=True)
class ClassifierConfig:
    """Options of the classifier; a change of any of them, or of `version`, is another network."""

    filters: int = 32
    """Filters of the first convolution; later ones have twice as many."""
    features: int = 128
    """Width of the last hidden layer, whose values are the features."""
    dropout: float = 0.5
    """Dropout rate of the input of the last hidden layer, in training."""
    version: int = 1
    """Version of architecture and training."""


class Classifier(GenerativeModel):
    """Convolutional classifier: 5x5 of stride 2, 3x3, 3x3 of stride 2, a hidden layer of features, and logits.

    It is not a generative model, but an objective is enough to be trained by the same loop.

    Args:
        config: its size.
        data: images with labels.
        seed: of the initial weights.
    """

    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if not data.spatial or data.classes is None:
            raise self.refuse("a classifier needs images with labels.")
        height, width, channels = data.shape
        layers = [(config.filters, 5, 2), (2 * config.filters, 3, 1), (2 * config.filters, 3, 2)]
        self.convolutions = [
            keras.layers.Conv2D(filters, kernel, strides=stride, padding="same", activation="relu")
            for filters, kernel, stride in layers
        ]
        for convolution, (filters, _, stride) in zip(self.convolutions, layers, strict=True):
            convolution.build((None, height, width, channels))
            height, width, channels = math.ceil(height / stride), math.ceil(width / stride), filters
        self.flat = height * width * channels
        self.hidden = keras.layers.Dense(config.features, activation="relu")
        self.hidden.build((None, self.flat))
        self.head = keras.layers.Dense(data.classes)
        self.head.build((None, config.features))

    def objectives(self) -> Sequence[Objective]:
        """Return the cross-entropy of the labels, in nats."""
        return [Objective("cross_entropy", self._loss, self.trainable_variables)]

    def _loss(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        keep = None
        if context.training:
            keep = tf.cast(uniform([batch.x.shape[0], self.flat], fold_in(seed, 0)) >= self.config.dropout, tf.float32)
        logits = self.logits(self.features(batch.x, keep))
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch.labels, logits=logits)
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), batch.labels)
        return {"loss": tf.reduce_mean(loss), "accuracy": tf.reduce_mean(tf.cast(right, tf.float32))}

    def features(self, x: Any, keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the features [n, features] of uint8 images; `keep` [n, flat] is the dropout mask."""
        hidden = to_unit(x, self.data.levels)
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        hidden = tf.reshape(hidden, [-1, self.flat])
        if keep is not None:
            hidden *= keep / (1 - self.config.dropout)
        return self.hidden(hidden)

    def logits(self, features: tf.Tensor) -> tf.Tensor:
        """Return the logits [n, classes] for features [n, features]."""
        return self.head(features)


def build_classifier(data: DataSpec, config: ClassifierConfig) -> Classifier:
    """Build an untrained classifier in float32, whatever Keras's precision policy is.

    Raises:
        DataError: when there are no images, or no labels.
    """
    spec = ModelSpec("classifier", ClassifierConfig, Classifier, "A classifier of images.")
    model = build_model(spec, config, data, _SEED)
    assert isinstance(model, Classifier)
    return model


def train_classifier(model: Classifier, data: Dataset, quiet: bool = True) -> None:
    """Train the classifier; keep the weights with the best validation loss.

    The same data and the same machine give the same weights.

    Args:
        model: untrained.
        data: with labels.
        quiet: show no progress.
    """
    train_briefly(model, data, _SEED, quiet)


def train_briefly(model: GenerativeModel, data: Dataset, seed: int, quiet: bool = True) -> None:
    """Train a model for some 2,000 steps, but at most 100 passes; keep the weights with the best validation loss.

    Args:
        model: untrained.
        data: for it.
        seed: of the batches.
        quiet: show no progress.
    """
    batch = min(_BATCH, len(data.train))
    steps_per_epoch = len(data.train) // batch
    options = TrainOptions(
        epochs=max(1, min(_MOST_EPOCHS, round(_STEPS / steps_per_epoch))),
        batch_size=batch,
        seed=seed,
        learning_rate=2e-3,
        schedule="cosine",
        keep="best",
    )
    trainer = Trainer(model, data, options)
    # Convolutions in an XLA loop are slow on a CPU; trying all modes would take longer than it gains.
    try:
        trainer.fit(None, "graph", _ignore, _ignore, quiet)
    except InterruptedRunError as error:  # there is nothing here to go on with
        raise KeyboardInterrupt from error
    trainer.state.finish()


def _ignore(*_: Any) -> None:
    return None


def accuracy_of(model: Classifier, x: NDArray[np.generic], labels: NDArray[np.int32], batch_size: int = 1000) -> float:
    """Return the accuracy: the share of examples whose label is predicted."""
    right = 0
    for begin in range(0, len(x), batch_size):
        logits = model.logits(model.features(x[begin : begin + batch_size]))
        right += int(np.sum(np.argmax(logits, axis=-1) == labels[begin : begin + batch_size]))
    return right / len(x)


def save_weights(model: Classifier, path: Path, about: Mapping[str, Any]) -> None:
    """Write weights and facts as ``.npz``; see `load_weights`."""
    arrays = {f"weight_{number}": weight.numpy() for number, weight in enumerate(model.weights)}
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


def load_weights(model: Classifier, path: Path) -> dict[str, Any]:
    """Restore weights from a file of `save_weights` and return its facts.

    Raises:
        ValueError: when the file was not written by `save_weights` for this architecture, or a weight is not finite.
    """
    shapes = {f"weight_{number}": tuple(weight.shape) for number, weight in enumerate(model.weights)}
    try:
        arrays = read_arrays(path, shapes, texts={"about": _MOST_ABOUT})
        about = parse_json(str(arrays["about"]).encode())
    except OSError as error:
        raise ValueError(str(error)) from error
    known = about if isinstance(about, dict) else {}
    if not all(type(known.get(name)) in (int, float) for name in ("test_accuracy", "examples")):
        raise ValueError("it does not say how good the classifier is")
    for name, weight in zip(shapes, model.weights, strict=True):
        weight.assign(arrays[name])
    return known
