"""Networks of latent classifiers and of the plain one beside them, all trained by the shared loop.

With codes z_1 .. z_K of prior probabilities P(z_k), and scores ``w(z_k)[y]`` that a network computes of each code::

    discriminative   Q(y|x)  = sum_k P_w(y|z_k) P(z_k|x),           P_w(y|z_k) ~ exp w(z_k)[y], normalised over y
    generative       Q'(y|x) ~ P(y) sum_k P_w(z_k|y) p(x|z_k),      P_w(z_k|y) ~ P(z_k) exp w(z_k)[y], normalised over k
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.layers import MLP
from tfgen.model.base import GenerativeModel
from tfgen.model.objective import Batch, Context, Objective

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class NetworkConfig:
    """Options of the network that joins labels to codes, or to pixels."""

    units: int = 128
    """Width of each hidden layer."""
    depth: int = 1
    """Hidden layers."""


class LabelNetwork(GenerativeModel, abc.ABC):
    """Classifier trained by ``-log P(y|x)``: `log_joint` [n, classes] is ``log P(y|x)`` up to a constant of each example.

    It is not a generative model, but an objective is enough to be trained by the shared loop.
    """

    config: NetworkConfig

    def objectives(self) -> Sequence[Objective]:
        """Return the objective of the labels, in nats."""
        return [Objective("labels", self._loss, self.trainable_variables)]

    def _loss(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        return {"loss": tf.reduce_mean(self.loss_of(self.log_joint(batch.x), batch.labels))}

    def loss_of(self, log_joint: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return ``-log P(y|x)`` of the labels, [n]."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=log_joint)

    @abc.abstractmethod
    def log_joint(self, x: Any) -> tf.Tensor:
        """Return the log-probability of each class up to a constant, [n, classes]."""


class PlainClassifier(LabelNetwork):
    """Multi-layer perceptron of the example itself, ``P(y|x)``: what a latent classifier is compared with."""

    def __init__(self, config: NetworkConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.network = MLP(data.dimensions, data.classes or 0, config.units, config.depth)

    def log_joint(self, x: Any) -> tf.Tensor:
        """Return the logits, [n, classes]."""
        scaled = tf.cast(x, tf.float32) / float(self.data.levels - 1 if self.data.quantised else 1)
        return self.network(tf.reshape(scaled, [-1, self.data.dimensions]))


class Discriminative(LabelNetwork):
    """``log Q(y|x) = log sum_k P_w(y|z_k) P(z_k|x)``; an example is the row of its log-likelihoods, ``log p(x|z_k)`` [n, K].

    Args:
        config: of the network w.
        data: of the rows.
        seed: of its initial weights.
        codes: z_1 .. z_K, [K, latent].
        log_prior: ``log P(z_k)``, [K].
    """

    def __init__(self, config: NetworkConfig, data: DataSpec, seed: int, codes: Floats, log_prior: Floats) -> None:
        super().__init__(config, data, seed)
        self.codes, self.log_prior = tf.constant(codes), tf.constant(log_prior)
        self.network = MLP(codes.shape[-1], data.classes or 0, config.units, config.depth)

    def log_joint(self, x: Any) -> tf.Tensor:
        """Return log Q(y|x), [n, classes]."""
        log_posterior = tf.nn.log_softmax(tf.cast(x, tf.float32) + self.log_prior, axis=-1)  # log P(z_k|x)
        return log_product(log_posterior, tf.nn.log_softmax(self.network(self.codes), axis=-1))


class Generative(Discriminative):
    """``log P(y) + log sum_k P_w(z_k|y) p(x|z_k)``, trained by ``-log sum_k P_w(z_k|y) p(x|z_k)`` of the true label.

    ``P_w(z_k|y) ~ P(z_k) exp w(z_k)[y]``. A class without labelled examples has w = 0: its codes are those of the prior.

    Attributes:
        log_classes: ``log P(y)``, [classes]; it is no part of the training, so that it may be changed afterwards.
        seen: 1 for a class with labelled examples, [classes].
    """

    def __init__(self, config: NetworkConfig, data: DataSpec, seed: int, codes: Floats, log_prior: Floats) -> None:
        super().__init__(config, data, seed, codes, log_prior)
        self.log_classes = np.zeros(data.classes or 0, np.float32)
        self.seen = np.ones(data.classes or 0, np.float32)

    def loss_of(self, log_joint: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return ``-log p(x|y)`` of the labels, up to a constant of each example, [n]."""
        return -tf.gather(log_joint - self.log_classes, labels, batch_dims=1)

    def log_joint(self, x: Any) -> tf.Tensor:
        """Return ``log P(y) + log p(x|y)`` up to a constant of each example, [n, classes]."""
        scores = self.network(self.codes) * self.seen + self.log_prior[:, None]
        return self.log_classes + log_product(tf.cast(x, tf.float32), tf.nn.log_softmax(scores, axis=0))


def log_product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return ``log sum_k exp(a_ik + b_kj)`` [n, m] of logarithms [n, k] and [k, m], by a stable product of matrices."""
    row = tf.reduce_max(left, axis=1, keepdims=True)
    column = tf.reduce_max(right, axis=0, keepdims=True)
    product = tf.matmul(tf.exp(left - row), tf.exp(right - column))
    # What rounds to nothing is far less than what is there: its logarithm ends at that of the smallest number.
    return tf.math.log(tf.maximum(product, np.finfo(np.float32).tiny)) + row + column
