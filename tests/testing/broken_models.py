"""Broken models: each has one mistake that an author might make, and fails the one check that is named beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tests.toy_models import ConditionalGaussian, ContextGaussian, Gaussian, GaussianConfig, LinearGaussian
from tfgen import DataSpec, ModelSpec
from tfgen.seeds import as_seed, fold_in, normal, uniform
from tfgen.testing import ModelUnderTest
from tfgen_plugins.flows import RealNVP, RealNVPConfig

tfd = tfp.distributions


class SmallFlow(Gaussian):
    """One affine coupling behind a scale: ``z_1 = y_1``, ``z_2 = y_2 exp(-s(y_1)) - b y_1`` with ``s = a tanh(y_1)``."""

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.a = self.add_weight(shape=(), initializer="ones", name="a")
        self.b = self.add_weight(shape=(), initializer="ones", name="b")

    def forward(self, z: Any) -> tf.Tensor:
        first, second = tf.unstack(z, axis=-1)
        second = (second + self.b * first) * tf.exp(self.a * tf.tanh(first))
        return self.mean + tf.exp(self.log_scale) * tf.stack([first, second], axis=-1)

    def log_determinant(self, x: Any) -> tf.Tensor:
        first = ((x - self.mean) * tf.exp(-self.log_scale))[..., 0]
        return -self.a * tf.tanh(first) - tf.reduce_sum(self.log_scale)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        first, second = tf.unstack((x - self.mean) * tf.exp(-self.log_scale), axis=-1)
        return tf.stack([first, second * tf.exp(-self.a * tf.tanh(first)) - self.b * first], axis=-1)

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        return self.forward(z)

    def prior(self, labels: Any = None) -> Any:
        self.one_hot(labels)
        return tfd.Sample(tfd.Normal(tf.zeros([], self.density_dtype), 1.0), self.data.shape)

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return self.prior(labels).log_prob(self.encode(x)) + self.log_determinant(x)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        return self.forward(normal([n, *self.data.shape], seed, self.density_dtype, first))


class PixelTable(Gaussian):
    """Each pixel has a distribution of its own over the grey levels; completes images by drawing the unknown ones."""

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super(Gaussian, self).__init__(config, data, seed)
        self.logits = self.add_weight(shape=(*data.shape, data.levels), initializer="zeros", name="logits")

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x))}

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        pixels = tfd.Categorical(tf.convert_to_tensor(self.logits))
        return tf.reduce_sum(pixels.log_prob(tf.cast(x, tf.int32)), axis=[1, 2, 3])

    def levels(self, n: int, seed: Any, first: Any, temperature: float = 1.0) -> tf.Tensor:
        steps = tf.cumsum(tf.nn.softmax(tf.convert_to_tensor(self.logits) / temperature), axis=-1)[..., :-1]
        noise = uniform([n, *self.data.shape, 1], seed, first=first)
        return tf.cast(tf.reduce_sum(tf.cast(steps <= noise, tf.int32), axis=-1), tf.uint8)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        return self.levels(n, seed, first)

    def inpaint(self, x: Any, known_mask: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        self.one_hot(labels)
        return tf.where(known_mask[..., None], x, self.levels(x.shape[0], seed, 0))


@dataclass(frozen=True)
class Temperature:
    """Options of sampling."""

    temperature: float = 1.0
    """Of the samples."""


@dataclass(frozen=True)
class Broken:
    """A sound model with one mistake.

    Attributes:
        check: the one check that it fails.
        base: the sound model.
        methods: those that are replaced.
        data: what it is checked with.
        sampling: its sampling options.
        config: its options.
        says: what the message of the failure has to say.
        says_labels: whether the spec says that the model takes labels, if it does.
    """

    check: str
    base: type[Any]
    methods: Mapping[str, Any]
    data: str = "two_gaussians"
    sampling: type[Any] | None = None
    config: type[Any] = GaussianConfig
    says: str = ""
    says_labels: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def under_test(self, name: str, registry: Any) -> ModelUnderTest:
        """Return it, registered under a name of its own."""
        model = type(name.title().replace("-", "").replace(" ", ""), (self.base,), dict(self.methods))
        registry.add_model(
            ModelSpec(
                name.replace(" ", "-"), self.config, model, "broken",
                sampling=self.sampling, takes_labels=model.conditional and self.says_labels,
            )
        )  # fmt: skip
        images = self.data == "small_digits"
        options = {"batch_size": 100 if images else 5000, **self.options}
        found = ModelUnderTest(name.replace(" ", "-"), self.data, options=options)
        found.registry = registry
        return found


# One mistake each


def _extra_weight(change: Any) -> dict[str, Any]:
    """A further weight, and a loss that uses it as `change` does."""

    def init(self: Any, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        Gaussian.__init__(self, config, data, seed)
        self.extra = self.add_weight(shape=(), initializer="ones", name="extra")

    def _loss(self: Any, batch: Any, seed: Any, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": change(Gaussian._loss(self, batch, seed, context)["loss"], self.extra)}

    return {"__init__": init, "_loss": _loss}


def _remembering() -> dict[str, Any]:
    """A state that training changes and that is no weight: where samples and density lie."""

    def objectives(self: Any) -> Any:
        self.__dict__["shift"] = 1.0  # set by the trainer's call, not by loading
        return Gaussian.objectives(self)

    def log_prob(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return Gaussian.log_prob(self, x - self.__dict__.get("shift", 0.0), labels)

    def sample(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        return self.__dict__.get("shift", 0.0) + Gaussian.sample(self, n, labels, seed, first)

    return {"objectives": objectives, "log_prob": log_prob, "sample": sample}


def _noise_of_the_compiler(self: Any, batch: Any, seed: Any, context: Any) -> dict[str, tf.Tensor]:
    noise = tf.random.stateless_normal([], as_seed(seed))
    return {"loss": Gaussian._loss(self, batch, seed, context)["loss"] + 10 * noise}


def _sample_of_the_compiler(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    table = tf.random.stateless_normal([64, 2], as_seed(seed))
    return self.mean + tf.exp(self.log_scale) * tf.gather(table, (first + tf.range(n)) % 64)


def _sample_of_the_batch(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    return Gaussian.sample(self, n, labels, fold_in(seed, n), first)


def _sample_without_first(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    return Gaussian.sample(self, n, labels, seed)


def _sample_of_one_seed(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    return Gaussian.sample(self, n, labels, 0, first)


def _cool_sample(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    return self.mean + 0.7 * tf.exp(self.log_scale) * normal([n, *self.data.shape], seed, first=first)


def _cool_levels(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    return self.levels(n, seed, first, temperature=0.3)


def _ignored_temperature(
    self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0, temperature: float = 1.0
) -> tf.Tensor:
    return Gaussian.sample(self, n, labels, seed, first)


def _too_bright(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    return PixelTable.sample(self, n, labels, seed, first) + tf.cast(self.data.levels, tf.uint8)


def _density(change: Any, base: type[Any] = Gaussian) -> dict[str, Any]:
    def log_prob(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return change(self, base.log_prob(self, x, labels, seed), x)

    return {"log_prob": log_prob}


def _without_asking_for_labels(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    return Gaussian.log_prob(self, x)


def _one_mean(self: Any, labels: Any, n: int) -> tf.Tensor:
    self.one_hot(labels, n)
    return tf.reduce_mean(self.means, axis=0) + tf.zeros([n, 1])


def _no_context(self: Any, labels: Any, n: int) -> tf.Tensor:
    return tf.reduce_mean(self.means, axis=0) + 0.0 * self.condition(labels, n)[:, :1]


def _label_alone(self: Any, labels: Any, n: int) -> tf.Tensor:
    return self.condition(labels, n)[:, :10] @ self.means[:10]


def _padded_context(self: Any, labels: Any, n: int) -> tf.Tensor:
    rows = tf.convert_to_tensor(labels)
    missing = len(self.data.context) - (rows.shape[1] or 0)
    return self.condition(tf.pad(rows, [(0, 0), (0, max(0, missing))]), n) @ self.means


def _restless_decode(self: Any, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    _Calls.count += 1
    return self.forward(z) + 1e-3 * _Calls.count


class _Calls:
    count = 0


def _shifted_decode(self: Any, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    return self.forward(z) + 0.1


def _prior_at_code(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    return self.prior(labels).log_prob(self.encode(x))


def _minus_log_determinant(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    return _prior_at_code(self, x, labels) - self.log_determinant(x)


def _image_flow_without_log_determinant(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    return self.prior().log_prob(self.encode(x, seed=seed))


def _elbo(change: Any) -> dict[str, Any]:
    """A bound that `change` makes of the sound one: ``(model, bound of k particles, k) -> bound``."""

    def elbo(self: Any, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        return change(lambda k, s: LinearGaussian.elbo(self, x, labels, s, k), particles, seed)

    return {"elbo": elbo}


def _terms(change: Any) -> dict[str, Any]:
    def elbo_terms(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> Any:
        return change(*LinearGaussian.elbo_terms(self, x, labels, seed))

    def elbo(self: Any, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        if particles > 1:
            return LinearGaussian.elbo(self, x, labels, seed, particles)
        return tf.subtract(*LinearGaussian.elbo_terms(self, x, labels, seed))

    return {"elbo_terms": elbo_terms, "elbo": elbo}


def _too_likely() -> dict[str, Any]:
    """A likelihood without its constant: terms and bounds of any number of particles are one nat too high."""

    def elbo_terms(self: Any, x: Any, labels: Any = None, seed: Any = 0) -> Any:
        reconstruction, divergence = LinearGaussian.elbo_terms(self, x, labels, seed)
        return reconstruction + 1, divergence

    def elbo(self: Any, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        if particles == 1:
            return tf.subtract(*self.elbo_terms(x, labels, seed))
        return LinearGaussian.elbo(self, x, labels, seed, particles) + 1

    return {"elbo_terms": elbo_terms, "elbo": elbo}


def _mean_of_elbos(self: Any, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
    q = self.posterior(x, labels, seed)
    z = q.sample(particles, seed=as_seed(seed))
    joint = self._likelihood(z).log_prob(self._centred(x, labels)) + self.prior(labels).log_prob(z)
    return tf.reduce_mean(joint - q.log_prob(z), axis=0)


def _change_known(self: Any, x: Any, known_mask: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> Any:
    return PixelTable.inpaint(self, x // 2 * 2, known_mask, labels, seed)


#: By name; each fails one check and no other.
def _unseeded_sample(self: Any, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
    self.one_hot(labels)
    return tf.random.normal([n, *self.data.shape])


BROKEN: dict[str, Broken] = {
    "sample without arguments": Broken("model_can_be_built", Gaussian, {"sample": lambda self, n: n}, says="must take"),
    "labels without a word": Broken(
        "model_can_be_built", ConditionalGaussian, {}, says="give it takes_labels=True", says_labels=False
    ),
    "layer without gradient": Broken(
        "objectives_are_sound", Gaussian, _extra_weight(lambda loss, w: loss + tf.stop_gradient(w)), says="no gradient"
    ),
    "weight that does not move": Broken(
        "every_weight_is_trained", Gaussian, _extra_weight(lambda loss, w: loss + 0 * w)
    ),
    "grey levels too high": Broken("samples_are_examples", PixelTable, {"sample": _too_bright}, "small_digits"),
    "basis without grey levels": Broken(
        "densities_are_numbers_per_example",
        PixelTable,
        {"basis": lambda self: {}},
        "small_digits",
        says="lacks 'levels'",
    ),
    "dequantised without its seed": Broken(
        "everything_is_a_function_of_the_seed",
        PixelTable,
        {"density": "dequantised", "basis": lambda self: {"levels": self.data.levels, "dequantisation": "uniform"}},
        "small_digits",
        says="does not use its seed",
    ),
    "density of the batch": Broken(
        "densities_are_numbers_per_example", Gaussian, _density(lambda self, p, x: p + tf.reduce_mean(x))
    ),
    "bound of the batch": Broken(
        "bounds_are_numbers_per_example",
        LinearGaussian,
        _elbo(lambda bound, k, seed: bound(k, seed) + (k > 1) * tf.reduce_mean(bound(1, seed))),
    ),
    "randomness without the seed": Broken(
        "methods_can_be_traced",
        Gaussian,
        {"sample": _unseeded_sample},
        says="do not follow from its seed",
    ),
    "seed ignored": Broken("everything_is_a_function_of_the_seed", Gaussian, {"sample": _sample_of_one_seed}),
    "state that is no weight": Broken("a_loaded_model_is_the_trained_one", Gaussian, _remembering()),
    "loss of the compiler": Broken("compile_modes_agree", Gaussian, {"_loss": _noise_of_the_compiler}),
    "samples of the compiler": Broken(
        "samples_are_the_same_however_compiled", Gaussian, {"sample": _sample_of_the_compiler}
    ),
    "samples of the batch": Broken("samples_do_not_depend_on_the_batch", Gaussian, {"sample": _sample_of_the_batch}),
    "samples without first": Broken("samples_do_not_depend_on_the_batch", Gaussian, {"sample": _sample_without_first}),
    "temperature ignored": Broken(
        "sampling_options_matter", Gaussian, {"sample": _ignored_temperature}, sampling=Temperature
    ),
    "known pixels changed": Broken("known_pixels_are_kept", PixelTable, {"inpaint": _change_known}, "small_digits"),
    "labels ignored": Broken("labels_matter_where_they_are_asked_for", ConditionalGaussian, {"_mean": _one_mean}),
    "context ignored": Broken(
        "labels_matter_where_they_are_asked_for",
        ContextGaussian,
        {"_mean": _no_context},
        "linear_gaussian",
        says="changing the context does not change log_prob",
    ),
    "context ignored beside a label": Broken(
        "labels_matter_where_they_are_asked_for",
        ContextGaussian,
        {"_mean": _label_alone},
        "measured_digits",
        says="changing the context does not change log_prob",
        options={"batch_size": 100},
    ),
    "context let pass": Broken(
        "labels_that_do_not_fit_are_refused",
        ContextGaussian,
        {"_mean": _padded_context},
        "linear_gaussian",
        says="too few numbers",
    ),
    "labels let pass": Broken(
        "labels_that_do_not_fit_are_refused",
        Gaussian,
        {"log_prob": _without_asking_for_labels},
        says="log_prob with labels",
    ),
    "decoding that changes": Broken("codes_become_examples", SmallFlow, {"decode": _restless_decode}),
    "codes that do not decode": Broken("codes_decode_to_what_was_encoded", SmallFlow, {"decode": _shifted_decode}),
    "no log-determinant": Broken("log_determinants_match_the_jacobian", SmallFlow, {"log_prob": _prior_at_code}),
    "log-determinant of the wrong sign": Broken(
        "log_determinants_match_the_jacobian", SmallFlow, {"log_prob": _minus_log_determinant}
    ),
    "image flow without log-determinant": Broken(
        "densities_integrate_to_one",
        RealNVP,
        {"log_prob": _image_flow_without_log_determinant},
        "small_digits",
        config=RealNVPConfig,
        options={"layers": 2, "units": 8},
        says="256 images of 2x2 pixels",
    ),
    "density without its constant": Broken(
        "densities_integrate_to_one",
        Gaussian,
        _density(lambda self, p, x: p + np.log(2 * np.pi)),
        says="integrates to 6.28",
    ),
    "image density without its constant": Broken(
        "densities_integrate_to_one",
        PixelTable,
        _density(lambda self, p, x: p + 0.1, PixelTable),
        "small_digits",
        says="sum to 1.1",
    ),
    "sampler of another scale": Broken("samples_follow_the_density", Gaussian, {"sample": _cool_sample}),
    "sampler of other images": Broken(
        "samples_follow_the_density", PixelTable, {"sample": _cool_levels}, "small_digits"
    ),
    "particles that lower the bound": Broken(
        "bounds_are_ordered", LinearGaussian, _elbo(lambda bound, k, seed: bound(k, seed) - np.log(k))
    ),
    "particles ignored": Broken(
        "particles_are_importance_weighted", LinearGaussian, _elbo(lambda bound, k, seed: bound(1, seed))
    ),
    "mean of many bounds": Broken("particles_are_importance_weighted", LinearGaussian, {"elbo": _mean_of_elbos}),
    "terms that do not add up": Broken("posterior_and_terms_agree", LinearGaussian, _terms(lambda r, d: (r, d + 0.05))),
    "bound above the likelihood": Broken(
        "bounds_stay_below_the_evidence", LinearGaussian, _too_likely(), says="mass of 2.7"
    ),
}
