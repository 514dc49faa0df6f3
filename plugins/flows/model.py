"""Coupling flows as models: Real NVP, conditional Real NVP, NICE and spline flows as chains of `tfb.RealNVP`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import (
    Batch,
    Context,
    DataSpec,
    GenerativeModel,
    Objective,
    normal,
)
from tfgen.layers import LogitCodec, bits_per_dim
from tfgen_plugins.flows import FlowConfig, NICEConfig, RealNVPConfig, SplineFlowConfig
from tfgen_plugins.flows.bijectors import Partition, coupling_chain
from tfgen_plugins.flows.layer import CouplingLayer, DiagonalScale, conditioner
from tfgen_plugins.flows.linear import LULinear
from tfgen_plugins.flows.masks import binary_mask
from tfgen_plugins.flows.scalar import SCALAR_REACH, ScalarSplines
from tfgen_plugins.flows.transforms import Additive, Affine, Spline, Transform

tfb, tfd = tfp.bijectors, tfp.distributions

_LOGIT_SPREAD = 4.0


class Flow(GenerativeModel):
    """Base class of coupling flows: a bijection ``z = f(x)`` to a standard normal z, density by change of variables.

    Sampling computes ``x = f^-1(z)``, the `forward` method in TensorFlow Probability. Images are dequantised,
    squeezed and mapped to the real line first, and that map's log-determinant is part of the density. The one-hot
    label of a conditional flow is concatenated to the input of each coupling's network.

    In one dimension nothing is left to condition a coupling on: there, every flow is a chain of splines with free parameters,
    those of its label for a conditional flow (`tfgen_plugins.flows.scalar.ScalarSplines`).
    """

    config: FlowConfig

    def __init__(self, config: FlowConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if config.network == "conv" and not data.spatial:
            raise self.refuse("--network conv needs images; take --network mlp.")
        if config.linear == "lu" and (data.spatial or data.dimensions == 1):
            raise self.refuse("--linear lu is for vectors of two numbers or more; leave it out.")
        self.codec = LogitCodec(data, config.alpha, self.density_dtype)
        self.density = self.codec.density
        if data.dimensions == 1:
            self.scalar: ScalarSplines | None = self._scalar_splines()
            self.couplings: list[CouplingLayer] = []
        else:
            self.scalar = None
            self.couplings = [self._coupling(layer) for layer in range(config.layers)]
        linear = config.linear == "lu" or (config.linear == "auto" and not data.spatial and data.dimensions > 1)
        pairs = range(-(-config.layers // 2)) if linear else ()
        # In the plane all masks are one mask and its complement; turned, couplings see other directions as well.
        plane = data.dimensions == 2
        self.linear = [
            LULinear(data.dimensions, self.density_dtype, f"linear_{pair}", plane and pair > 0) for pair in pairs
        ]

    def transform(self, moved: int) -> Transform:
        """Return the elementwise transform of a coupling's moved dimensions: affine, unless a subclass overrides it."""
        return Affine(moved, self.density_dtype)

    def _coupling(self, layer: int) -> CouplingLayer:
        mask = self.config.mask[layer // 2 % len(self.config.mask)]
        name = f"coupling_{layer}"
        with keras.name_scope(name):
            partition = Partition(binary_mask(mask, self.data, layer, self.seed))
            transform = self.transform(partition.moved)
            classes = self.condition_width
            network = conditioner(self.config, self.data, partition, transform.parameters, classes, self.density_dtype)
        return CouplingLayer(partition, transform, network, name)

    def _scalar_splines(self) -> ScalarSplines:
        spline = self.config if isinstance(self.config, SplineFlowConfig) else SplineFlowConfig()
        # The logits of images and standardised columns are scaled to codes already.
        scaled = self.data.quantised or self.data.columns is not None
        interval = (-SCALAR_REACH, SCALAR_REACH) if scaled else self.data.value_range
        given = (self.condition_width, self.uses_context)
        return ScalarSplines(self.config.layers, spline.bins, spline.bound, interval, *given, self.density_dtype)

    def bijector(self, labels: Any = None, n: int | None = None) -> Any:
        """Return ``f^-1`` as a `tfb.Bijector`: from z [..., D] to data space, which is [0, L) grey levels for images.

        Args:
            labels: of a conditional flow, [n].
            n: number of examples, to check the labels against; None to skip the check.
        """
        return tfb.Chain([*self._to_data_space(), *self._chain(self.condition(labels, n))])

    def _to_data_space(self) -> list[Any]:
        if self.data.columns is not None:
            return [self.codec.bijector()]
        if not self.data.quantised:
            return []
        # The logits of images reach log(1 / alpha), 13.8 for 1e-6; the scale matches them to standard normal codes.
        spread = tfb.Scale(tf.constant(_LOGIT_SPREAD, self.density_dtype))
        return [self.codec.bijector(), spread]

    def _chain(self, condition: tf.Tensor | None) -> list[Any]:
        """Return the layers as bijectors, from the data side to the code side."""
        if self.scalar is not None:
            return self.scalar.chain(condition)
        # Layers come in pairs of complementary masks, whatever masks were restored: `binary_mask` makes them so.
        couplings = [layer.coupling(condition, i % 2 == 1) for i, layer in enumerate(self.couplings)]
        if not self.linear:
            return [coupling_chain(couplings)]
        pairs = [coupling_chain(couplings[first : first + 2]) for first in range(0, len(couplings), 2)]
        return [part for linear, pair in zip(self.linear, pairs, strict=True) for part in (linear.bijector(), pair)]

    def distribution(self, labels: Any = None, n: int | None = None) -> Any:
        """Return the `tfd.Distribution` of flat examples [..., D] in data space; with labels [n], a batch of n."""
        bijector = self.bijector(labels, n)
        return tfd.TransformedDistribution(self._base([] if labels is None else [tf.shape(labels)[0]]), bijector)

    def initialise(self, batch: Batch) -> None:
        """Begin at the Gaussian with the training examples' covariance, where the flow has linear layers.

        The couplings begin at the identity; the first linear layer makes the columns uncorrelated, and the others keep them
        so: they begin at the identity, or in the plane at a rotation.
        """
        if self.linear:
            flat = self.codec.spread(batch.x, 0)
            self.linear[0].whiten(tfb.Chain(self._to_data_space()).inverse(flat))

    def objectives(self) -> Sequence[Objective]:
        """Return the negative log-likelihood, in nats for each dimension.

        Decay of weights leaves the linear layers alone: it would pull them from the covariance of the data to the identity.
        """
        linear = [weight for layer in self.linear for weight in layer.trainable_weights]
        return [Objective("nll", self._negative_log_likelihood, self.trainable_variables, undecayed=linear)]

    def _negative_log_likelihood(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        nats = -tf.reduce_mean(self.log_prob(batch.x, self.given(batch), seed=seed))
        per_dimension = nats / self.data.dimensions
        terms = {"loss": per_dimension, self.term_name("nll_nats"): nats}
        if self.data.quantised:
            terms[self.term_name("bits_per_dim")] = bits_per_dim(nats, self.data.dimensions)
        return terms

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``log p(x + u)`` in nats per grey level, [batch]; for vectors ``log p(x)``; conditional: given y."""
        flat = self.codec.spread(x, seed)
        # A fresh tensor: the bijectors' cache must not answer with a latent code that came from sampling.
        return self.distribution(labels, flat.shape[0]).log_prob(tf.identity(flat))

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        """Sample the examples ``first .. first + n - 1`` of a seed: uint8 images, or float32 vectors."""
        return self.decode(normal([n, self.data.dimensions], seed, self.density_dtype, first), labels)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``z = f(x + u)``, [batch, D]."""
        flat = self.codec.spread(x, seed)
        return self.bijector(labels, flat.shape[0]).inverse(tf.identity(flat))

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``x = f^-1(z)`` as examples: uint8 images, or float32 vectors."""
        z = tf.convert_to_tensor(z)
        return self.codec.examples(self.bijector(labels, z.shape[0]).forward(tf.identity(z)))

    def prior(self, labels: Any = None) -> Any:
        """Return the standard normal over codes of shape [D], the same for every label."""
        self.condition(labels)
        return self._base([])

    def _base(self, batch: list[Any]) -> Any:
        return tfd.Sample(tfd.Normal(tf.zeros(batch, self.density_dtype), 1.0), sample_shape=[self.data.dimensions])


class RealNVP(Flow):
    """Real NVP: couplings ``x_b = z_b exp(s(z_a)) + t(z_a)``, ``log|det dx/dz| = sum s(z_a)``.

    Dinh et al. 2017, equations 4 to 6. The option ``coupling`` replaces the affine transform by another one.
    """

    config: RealNVPConfig

    def transform(self, moved: int) -> Transform:
        """Return the transform of the option ``coupling``."""
        if self.config.coupling == "spline":
            return Spline(self.config.bins, self.config.bound)
        return Additive() if self.config.coupling == "additive" else super().transform(moved)


class ConditionalRealNVP(RealNVP):
    """Conditional Real NVP: the coupling networks take the label as input; a density p(x|y) for each class y."""

    conditional = True
    takes_context = True


class NICE(Flow):
    """NICE: additive couplings and, last, one scale for each dimension (Dinh, Krueger, Bengio 2015, sections 3.2 and 3.3)."""

    config: NICEConfig

    def __init__(self, config: NICEConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.scale = DiagonalScale(data.dimensions, self.density_dtype)

    def transform(self, moved: int) -> Transform:
        """Return ``x -> x + t``."""
        return Additive()

    def _chain(self, condition: tf.Tensor | None) -> list[Any]:
        return [*super()._chain(condition), self.scale.bijector()]


class SplineFlow(Flow):
    """Neural spline flow: couplings of monotone rational-quadratic splines (Durkan et al. 2019)."""

    config: SplineFlowConfig

    def transform(self, moved: int) -> Transform:
        """Return a spline for each dimension."""
        return Spline(self.config.bins, self.config.bound)
