"""Every plugin that comes with tfgen, and the example in the docs, pass the conformance suite; broken models do not."""

from __future__ import annotations

import itertools
import unittest
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.toy_models import (
    ConditionalGaussian,
    ConditionalLinearGaussian,
    ContextGaussian,
    Gaussian,
    GaussianConfig,
    LinearGaussian,
    spec,
    vectors,
)
from tfgen.errors import CapabilityError, PluginError
from tfgen.evaluate.likelihood import evaluate
from tfgen.model.base import build_model
from tfgen.model.capabilities import (
    CAPABILITIES,
    Decodes,
    HasDecoderLikelihood,
    HasElbo,
    HasLatents,
    HasLogProb,
    HasPosterior,
    InitialisesFromData,
    Inpaints,
    Samples,
)
from tfgen.plugin.loading import load_registry
from tfgen.seeds import as_seed, fold_in, normal
from tfgen.testing.checks import (
    CHECKS,
    bounds_are_numbers_per_example,
    bounds_are_ordered,
    compile_modes_agree,
    densities_are_numbers_per_example,
    densities_integrate_to_one,
    every_weight_is_trained,
    everything_is_a_function_of_the_seed,
    labels_matter_where_they_are_asked_for,
    labels_that_do_not_fit_are_refused,
    objectives_are_sound,
    posterior_and_terms_agree,
    samples_are_examples,
    samples_are_the_same_however_compiled,
    samples_do_not_depend_on_the_batch,
)
from tfgen.testing.model_under_test import ModelUnderTest
from tfgen.testing.requirements import require_equal_up_to_rounding
from tfgen.testing.running import run_checks

EXAMPLE = str(Path(__file__).parents[2] / "docs/examples/histogram.py")
digits = partial(ModelUnderTest, data="small_digits", plugins=("tests.small_digits",))
SMALL = {"layers": 2, "units": 8}
CONV = {"layers": 2, "network": "conv", "channels": 4, "blocks": 1, "mask": ("checkerboard", "channel")}
DENSE = {"network": "mlp", "units": 16, "depth": 1, "latent": 3, "flow_layers": 2, "flow_units": 8}
PLANE_VAE = {"likelihood": "gaussian", "pixels": "draw", "batch_size": 5000}
PLANE = SMALL | {"batch_size": 5000}
PIXELS = {"blocks": 1, "filters": 4, "first_reach": 1, "batch_size": 100}
ADVERSARIES = {"filters": 2, "units": 8, "depth": 1, "latent": 3, "batch_size": 100}
SUBJECTS = {
    "realnvp-digits": digits("realnvp", options=SMALL),
    "realnvp-plane": ModelUnderTest("realnvp", "two_gaussians", options=PLANE),
    "realnvp-conv": digits("realnvp", options=CONV),
    "conditional_realnvp-digits": digits("conditional_realnvp", options=SMALL | {"mask": ("random",)}),
    "nice-digits": digits("nice", options=SMALL),
    "spline_flow-digits": digits("spline_flow", options=SMALL | {"mask": ("checkerboard",), "bins": 4}),
    "vae-flow": digits("vae", options=DENSE | {"prior": "flow", "objective": "joint"}),
    "vae-plane": ModelUnderTest("vae", "two_gaussians", options=DENSE | PLANE_VAE),
    "vae-attention": ModelUnderTest("vae", options={"network": "attention", "latent": 3}),
    "cvae-conv": ModelUnderTest("cvae", options={"latent": 3, "prior": "conditional", "pixels": "draw"}),
    "cvae-vamp": digits("cvae", options=DENSE | {"prior": "vamp", "components": 5, "objective": "iwae"}),
    "cvae-logistic": digits("cvae", options=DENSE | {"prior": "mog", "likelihood": "discretized_logistic"}),
    "pixelcnn-plain": digits("pixelcnn", options=PIXELS | {"network": "plain", "dropout": 0.5, "binarise": "static"}),
    "pixelcnn-gated": digits(
        "pixelcnn", options=PIXELS | {"attention": 1, "conditional": True, "output": "categorical"}
    ),
    "pixelcnn-logistic": digits("pixelcnn", options=PIXELS | {"output": "discretized_logistic", "components": 2}),
    "gan-conv": digits("gan", options=ADVERSARIES | {"discriminator_steps": 2}),
    "gan-plane": ModelUnderTest(
        "gan",
        "two_gaussians",
        options=ADVERSARIES | {"network": "mlp", "objective": "hinge", "r1": 0.0, "batch_size": 5000},
    ),
    "cgan-wgan": digits("cgan", options=ADVERSARIES | {"objective": "wgan-gp", "network": "mlp"}),
    "histogram-digits": digits("histogram", plugins=("tests.small_digits", EXAMPLE)),
}


FLOW = {Samples, HasLogProb, Decodes, HasLatents}
COUPLING_FLOW = {*FLOW, InitialisesFromData}
AUTOENCODER = {Samples, HasElbo, HasPosterior, Decodes, HasLatents}
VARIATIONAL = {*AUTOENCODER, HasDecoderLikelihood}
AUTOREGRESSIVE = {Samples, HasLogProb, Inpaints}
ADVERSARIAL = {Samples, Decodes}
#: What every subject must offer, by the first word of its name. A check of anything else is skipped, so that a model which
#: loses a capability would be skipped where it ought to fail; `test_what_is_offered` fails instead.
OFFERED = {
    "realnvp": COUPLING_FLOW,
    "conditional_realnvp": COUPLING_FLOW,
    "nice": COUPLING_FLOW,
    "spline_flow": COUPLING_FLOW,
    "vae": VARIATIONAL,
    "cvae": VARIATIONAL,
    "pixelcnn": AUTOREGRESSIVE,
    "gan": ADVERSARIAL,
    "cgan": ADVERSARIAL,
    "histogram": {Samples, HasLogProb},
}
CONDITIONAL = {name for name in SUBJECTS if name.startswith(("conditional_", "cvae", "cgan"))} | {"pixelcnn-gated"}
#: Sound toys, what they offer, and whether they take labels.
SOUND = {
    "unconditional": (Gaussian, {Samples, HasLogProb}, False),
    "conditional": (ConditionalGaussian, FLOW, True),
    "bound": (LinearGaussian, AUTOENCODER, False),
    "conditional-bound": (ConditionalLinearGaussian, AUTOENCODER, True),
}
#: Those that are compiled in every mode by the fast tests, too: the example of the docs, and a density with labels.
COMPILED = ("histogram-digits", "conditional")


#: Variants of models that the fast tests have in another form; `make test-slow` has them.
VARIANTS = (
    "realnvp-conv", "nice-digits", "spline_flow-digits", "vae-plane", "vae-attention", "cvae-vamp", "cvae-logistic",
    "pixelcnn-gated", "pixelcnn-logistic", "gan-plane",
)  # fmt: skip
#: Checks that take longest, and subjects that have them in the fast tests.
LONG = (
    "densities_integrate_to_one", "samples_follow_the_density", "bounds_stay_below_the_evidence",
    "samples_are_the_same_however_compiled", "known_pixels_are_kept",
)  # fmt: skip
QUICK = ("histogram-digits", "realnvp-plane", "unconditional", "conditional", "bound")


def cases(names):
    """Every check of every subject. Those of one subject share its training, so one worker has them all."""
    return [
        pytest.param(
            name,
            check,
            id=f"{name}-{check.__name__}",
            marks=[
                pytest.mark.xdist_group(f"conformance-{name}"),
                *(
                    [pytest.mark.slow]
                    if name in VARIANTS
                    or (check is compile_modes_agree and name not in COMPILED)
                    or (check.__name__ in LONG and name not in QUICK)
                    else []
                ),
            ],
        )
        for name in names
        for check in CHECKS
    ]


#: Where pixels are computed, and where they are drawn from what is computed.
MANY = ("realnvp-digits", "spline_flow-digits", "vae-flow", "cgan-wgan")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[pytest.mark.xdist_group(f"conformance-{name}"), *[pytest.mark.slow][: name != MANY[0]]]
        )
        for name in MANY
    ],
)
def test_of_a_hundred_thousand_pixels_one_may_differ(name):
    _, model = SUBJECTS[name].trained
    n = 100_000 // 16
    labels = tf.range(n) % 10 if model.conditional else None
    eager = model.sample(n, labels, seed=1).numpy()
    for jit in (False, True):
        draw = tf.function(lambda seed: model.sample(n, labels, seed=seed), autograph=False, jit_compile=jit)
        require_equal_up_to_rounding(draw(as_seed(1)).numpy(), eager, f"samples, and those with jit_compile={jit}")


def offers(subject):
    return {capability for capability in CAPABILITIES if isinstance(subject.fresh, capability)}


@pytest.mark.parametrize(("name", "check"), cases(SUBJECTS))
def test_conformance(name, check):
    try:
        check(SUBJECTS[name])
    except unittest.SkipTest as skip:
        if "XLA" in str(skip):
            pytest.fail(f"every built-in model compiles: {skip}")
        raise


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"conformance-{name}")) for name in SUBJECTS]
)
def test_what_is_offered(name):
    assert offers(SUBJECTS[name]) == OFFERED[name.partition("-")[0]]
    assert SUBJECTS[name].fresh.conditional == (name in CONDITIONAL)


#: Models that are given a context, or a label and a context.
WITH_CONTEXT = {
    "conditional_realnvp": ModelUnderTest("conditional_realnvp", "linear_gaussian", options=PLANE),
    "conditional_realnvp-labels": ModelUnderTest(
        "conditional_realnvp", "measured_digits", plugins=("tests.small_digits",), options=SMALL
    ),
    "cvae": ModelUnderTest("cvae", "linear_gaussian", options=DENSE | PLANE_VAE),
    "cgan": ModelUnderTest("cgan", "linear_gaussian", options=ADVERSARIES | {"network": "mlp", "batch_size": 5000}),
}


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(
            name,
            check,
            id=f"{name}-{check.__name__}",
            marks=[
                pytest.mark.xdist_group(f"conformance-context-{name}"),
                *([] if check is labels_that_do_not_fit_are_refused else [pytest.mark.slow]),
            ],
        )
        for name in WITH_CONTEXT
        for check in CHECKS
    ],
)
def test_conformance_with_a_context(name, check):
    assert WITH_CONTEXT[name].fresh.uses_context
    check(WITH_CONTEXT[name])


@cache
def registry():
    """One registry for all toys."""
    return load_registry()


_NUMBERS = itertools.count()


def broken(toy: type = Gaussian, **methods: object) -> ModelUnderTest:
    """A subject whose model is a sound one with some methods replaced."""
    name = f"Toy{next(_NUMBERS)}"
    subject = ModelUnderTest(name.lower(), "two_gaussians", options={"batch_size": 5000})
    subject.registry = registry()
    subject.registry.add_model(spec(type(name, (toy,), methods)))
    return subject


def broken_conditional(**methods: object) -> ModelUnderTest:
    """The same with labels."""
    return broken(ConditionalGaussian, **methods)


@cache
def sound(name):
    """A toy as it is, made once for all its checks."""
    return broken(SOUND[name][0])


@pytest.mark.parametrize(("name", "check"), cases(SOUND))
def test_a_sound_toy_passes(name, check):
    check(sound(name))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"conformance-{name}")) for name in SOUND]
)
def test_what_a_sound_toy_offers(name):
    _, offered, conditional = SOUND[name]
    assert offers(sound(name)) == offered
    assert sound(name).fresh.conditional == conditional


def test_a_density_that_does_not_integrate_to_one_given_a_context_is_found():
    def heavy(self, x, labels=None, seed=0):
        return ContextGaussian.log_prob(self, x, labels) + 0.3 * self.condition(labels, x.shape[0])[:, 0]

    def sample(self, n, labels=None, seed=0, first=0):
        return normal([n, 2], seed, first=first) + self._mean(labels, n)

    without_codes = {"encode": None, "decode": None, "prior": None, "sample": sample}
    subject = broken(ContextGaussian, log_prob=heavy, **without_codes)
    subject.data = "linear_gaussian"
    with pytest.raises(AssertionError, match=r"the density given 1.27, 1.07, 0.739 integrates to 1.35 and not to 1"):
        densities_integrate_to_one(subject)


def test_a_check_that_requires_a_failing_one_is_skipped_and_its_outcome_remembered():
    mute = broken(log_prob=None)
    with pytest.raises(unittest.SkipTest, match="it requires objectives_are_sound, which fails"):
        every_weight_is_trained(mute)
    failure = mute.outcomes["objectives_are_sound"]
    with pytest.raises(PluginError) as again:
        objectives_are_sound(mute)
    assert again.value is failure


@pytest.mark.slow
def test_a_bound_may_refuse_more_than_one_particle():
    def elbo(self, x, labels=None, seed=0, particles=1):
        if particles > 1:
            raise CapabilityError("its bound has no importance weights.")
        return LinearGaussian.elbo(self, x, labels, seed)

    found = {outcome.name: outcome for outcome in run_checks(broken(LinearGaussian, elbo=elbo), CHECKS[:-1])}
    assert not [outcome for outcome in found.values() if outcome.status == "failed"]
    assert "refuses more than one particle" in found["particles_are_importance_weighted"].message
    assert found["bounds_stay_below_the_evidence"].status == "passed"
    model = found_model(elbo)
    assert {"elbo_nats", "nll_nats"} <= set(evaluate(model, vectors()))
    with pytest.raises(CapabilityError, match="its bound has no importance weights"):
        evaluate(model, vectors(), particles=5)


def found_model(elbo):
    """A model of `vectors` with another bound."""
    model = type("Unweighted", (LinearGaussian,), {"elbo": elbo})
    return build_model(spec(model), GaussianConfig(), vectors().spec, 0)


def test_a_model_without_a_capability_is_skipped_not_passed():
    mute = broken(sample=None, log_prob=None)
    for check in (samples_are_examples, densities_are_numbers_per_example, bounds_are_numbers_per_example):
        with pytest.raises(unittest.SkipTest, match=r"has no (sampler|density|bound)"):
            check(mute)


def _through_python(x):
    """The same numbers by way of Python, which XLA cannot compile."""
    return tf.ensure_shape(tf.py_function(lambda given: given, [x], x.dtype), x.shape)


def _loss_through_python(self, x, labels=None, seed=0):
    return Gaussian.log_prob(self, x) + tf.stop_gradient(_through_python(tf.zeros(x.shape[0])))


def _sample_through_python(self, n, labels=None, seed=0, first=0):
    return _through_python(Gaussian.sample(self, n, labels, seed, first))


@pytest.mark.parametrize(
    ("check", "methods", "says"),
    [
        (samples_are_the_same_however_compiled, {"sample": _sample_through_python}, "XLA does not compile the sampler"),
        (
            compile_modes_agree,
            {"log_prob": _loss_through_python},
            r"XLA does not compile the model: xla-step \(.*xla-loop",
        ),
    ],
)
def test_what_xla_does_not_compile_is_skipped_with_its_reason(check, methods, says):
    with pytest.raises(unittest.SkipTest, match=says):
        check(broken(**methods))


def _serial(model):
    """A number of its own for each model."""
    return np.float32(model.__dict__.setdefault("serial", next(_NUMBERS)))


class _Counter:
    calls = 0


def _unseeded(self, n, labels=None, seed=0, first=0):
    _Counter.calls += 1
    return tf.zeros([n, 2]) + _Counter.calls


def _of_tensorflow(self, n, labels=None, seed=0, first=0):
    return first + tf.random.stateless_normal([n, 2], as_seed(seed))


def _of_the_batch(self, n, labels=None, seed=0, first=0):
    return first + normal([n, 2], fold_in(seed, n))


def _of_the_first(self, n, labels=None, seed=0, first=0):
    return normal([n, 2], seed, first=0)


@pytest.mark.parametrize(
    ("check", "methods"),
    [
        (everything_is_a_function_of_the_seed, {"sample": _unseeded}),
        (samples_are_the_same_however_compiled, {"sample": _of_tensorflow}),
        (samples_do_not_depend_on_the_batch, {"sample": _of_the_batch}),
        (samples_do_not_depend_on_the_batch, {"sample": _of_the_first}),
        (samples_are_examples, {"sample": lambda self, n, labels=None, seed=0, first=0: tf.zeros([n, 3])}),
        (samples_are_examples, {"sample": lambda self, n, labels=None, seed=0, first=0: tf.zeros([n, 2], tf.float64)}),
        (
            densities_are_numbers_per_example,
            {"log_prob": lambda self, x, labels=None, seed=0: tf.reduce_sum(x * self.mean)},
        ),
        (
            densities_are_numbers_per_example,
            {"log_prob": lambda self, x, labels=None, seed=0: Gaussian.log_prob(self, x) + tf.reduce_mean(x)},
        ),
        (every_weight_is_trained, {"log_prob": lambda self, x, *_, **__: 0 * Gaussian.log_prob(self, x)}),
        (
            everything_is_a_function_of_the_seed,
            {"log_prob": lambda self, x, *_, **__: Gaussian.log_prob(self, x) + _serial(self)},
        ),
    ],
)
def test_broken_models_fail(check, methods):
    with pytest.raises((AssertionError, PluginError)):
        check(broken(**methods))


def _with_elbo(change):
    """Replace a sound bound by what `change` makes of it and the number of particles."""

    def elbo(self, x, labels=None, seed=0, particles=1):
        return change(LinearGaussian.elbo(self, x, labels, seed, particles), particles)

    return {"elbo": elbo}


def _with_terms(change):
    """Replace the terms of a bound that stays as it is."""

    def elbo_terms(self, x, labels=None, seed=0):
        return change(*LinearGaussian.elbo_terms(self, x, labels, seed))

    def elbo(self, x, labels=None, seed=0, particles=1):
        return tf.subtract(*LinearGaussian.elbo_terms(self, x, labels, seed))

    return {"elbo_terms": elbo_terms, "elbo": elbo}


def _with_posterior(distribution):
    return {"posterior": lambda self, x, labels=None, seed=0: distribution(LinearGaussian.posterior(self, x, labels))}


@pytest.mark.parametrize(
    ("check", "methods", "says"),
    [
        (bounds_are_numbers_per_example, _with_elbo(lambda b, k: b[:, None]), r"must return float32 \[batch\]"),
        (
            bounds_are_numbers_per_example,
            _with_elbo(lambda b, k: tf.cast(b, tf.float64)),
            r"must return float32 \[batch\]",
        ),
        (bounds_are_numbers_per_example, _with_elbo(lambda b, k: b / (k == 1)), None),
        (bounds_are_numbers_per_example, _with_elbo(lambda b, k: b + (k - 1) * tf.reduce_mean(b)), "another example"),
        (bounds_are_ordered, _with_elbo(lambda b, k: b - np.log(k)), "32 particles is .* nats below the ELBO"),
        (posterior_and_terms_agree, _with_terms(lambda r, d: (r, d + 0.01)), "the terms differ by"),
        (posterior_and_terms_agree, _with_terms(lambda r, d: (-r, d)), "the terms differ by"),
        (posterior_and_terms_agree, _with_terms(lambda r, d: (r - 1, d - 1)), "the KL is -.* nats on average"),
        (posterior_and_terms_agree, _with_terms(lambda r, d: (r, tf.reduce_mean(d))), r"must return float32 \[batch\]"),
        (
            posterior_and_terms_agree,
            _with_posterior(lambda q: tfp.distributions.Normal(q.mean(), 1.0)),
            r"batch shape \(8,\); got \(8, 2\)",
        ),
        (
            posterior_and_terms_agree,
            _with_posterior(lambda q: tfp.distributions.Normal(q.mean()[:, 0], 1.0)),
            r"event shape \[latent\]; got \[\]",
        ),
        (
            everything_is_a_function_of_the_seed,
            {"elbo": lambda self, x, *_, **__: LinearGaussian.elbo(self, x) + _serial(self)},
            None,
        ),
    ],
)
def test_broken_bounds_fail(check, methods, says):
    with pytest.raises((AssertionError, PluginError), match=says):
        check(broken(LinearGaussian, **methods))


def _first_class_by_default(self, x, labels=None, seed=0):
    return ConditionalGaussian.log_prob(self, x, [0] * x.shape[0] if labels is None else labels)


def _any_number_of_labels(self, z, labels=None, seed=0):
    return z + tf.reduce_mean(self.one_hot(labels) @ self.means, axis=0)


def _any_label(self, n, labels=None, seed=0, first=0):
    self.one_hot(None if labels is None else tf.clip_by_value(labels, 0, 1), n)
    return tf.zeros([n, 2])


def _not_our_error(self, x, labels=None, seed=0):
    raise ValueError("labels?")


@pytest.mark.parametrize(
    ("toy", "methods", "says"),
    [
        (
            Gaussian,
            {"log_prob": lambda self, x, labels=None, seed=0: tf.reduce_sum(x, axis=-1)},
            "log_prob with labels, which",
        ),
        (
            Gaussian,
            {"sample": lambda self, n, labels=None, seed=0, first=0: tf.zeros([n, 2])},
            "sample with labels, which",
        ),
        (Gaussian, {"elbo": lambda self, x, labels=None, seed=0, particles=1: x[:, 0]}, "elbo with labels, which"),
        (ConditionalGaussian, {"log_prob": _first_class_by_default}, "log_prob with no labels"),
        (ConditionalGaussian, {"decode": _any_number_of_labels}, "with too few labels"),
        (ConditionalGaussian, {"sample": _any_label}, "sample with a label of 2"),
        (ConditionalGaussian, {"prior": lambda self, labels=None: None}, "prior with no labels"),
        (ConditionalGaussian, {"log_prob": _not_our_error}, "raised PluginError"),
    ],
)
def test_models_that_let_labels_pass_fail(toy, methods, says):
    with pytest.raises(AssertionError, match=says):
        labels_that_do_not_fit_are_refused(broken(toy, **methods))


def test_a_model_that_does_not_look_at_its_labels_fails():
    def blind(self, x, labels=None, seed=0):
        self.one_hot(labels, x.shape[0])
        return -tf.reduce_sum((x - self.means[0]) ** 2, axis=-1) + 0 * tf.reduce_sum(self.means)

    with pytest.raises(AssertionError, match="changing the label does not change log_prob"):
        labels_matter_where_they_are_asked_for(broken_conditional(log_prob=blind))

    def blind_bound(self, x, labels=None, seed=0, particles=1):
        self.one_hot(labels, x.shape[0])
        return ConditionalLinearGaussian.elbo(self, x, tf.zeros(x.shape[0], tf.int32), seed, particles)

    with pytest.raises(AssertionError, match="changing the label does not change elbo"):
        labels_matter_where_they_are_asked_for(broken(ConditionalLinearGaussian, elbo=blind_bound))
