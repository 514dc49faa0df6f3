"""Conformance checks: what every model must do, tested on a small data set in seconds.

In a test of a plugin::

    import pytest
    from tfgen.testing import CHECKS, Subject

    subject = Subject("mymodel", plugins=["my_plugin.py"], options={"layers": 2})

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check):
        check(subject)

A check for something that the model does not offer raises `unittest.SkipTest`, which pytest counts as skipped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args
from unittest import SkipTest

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.errors import DataError, OptionError
from tfgen.model.base import Context, GenerativeModel
from tfgen.model.capabilities import (
    Decodes,
    HasElbo,
    HasLatents,
    HasLogProb,
    HasPosterior,
    Inpaints,
    Samples,
)
from tfgen.model.sampling_options import sampling_options
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.run import Run
from tfgen.seeds import as_seed
from tfgen.testing.offered import offered
from tfgen.testing.sample_checks import samples_are_the_same_however_compiled, samples_do_not_depend_on_the_batch
from tfgen.testing.subject import EXAMPLES, Subject
from tfgen.training.trainer import Trainer

#: Draws of a bound, and how many standard errors of their mean make a contradiction.
_SEEDS, _ERRORS = 20, 5.0
_PARTICLES = 32


def objectives_are_sound(subject: Subject) -> None:
    """Check that names differ, each loss is a finite scalar, and together they train every trainable weight."""
    model = subject.build()
    trainer = Trainer(model, subject.dataset, subject.config.training)  # which checks losses, gradients and weights
    names = [objective.name for objective in trainer.objectives]
    assert len(set(names)) == len(names), f"objectives share a name: {names}"


def every_weight_is_trained(subject: Subject) -> None:
    """Check that after a few steps no trainable weight is where it started."""
    before = [weight.numpy() for weight in subject.fresh.trainable_variables]
    _, trained = subject.trained
    pairs = zip(trained.trainable_variables, before, strict=True)
    idle = [weight.path for weight, start in pairs if np.array_equal(weight.numpy(), start)]
    assert not idle, f"training did not move {idle}"


def everything_is_a_function_of_the_seed(subject: Subject) -> None:
    """Check that equal seeds give equal weights, losses, samples and densities, and another seed other samples."""
    one, other = subject.fresh, subject.build()
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), f"initial {a.path} does not follow from the seed"
    for a, b in zip(one.objectives(), other.objectives(), strict=True):
        losses = [float(o.loss(subject.batch, tf.constant([0, 5]), Context.at(0))["loss"]) for o in (a, b)]
        assert losses[0] == losses[1], f"objective {a.name} is not a function of batch, seed and context: {losses}"
    labels = subject.labels(one)
    if isinstance(one, HasLogProb) and isinstance(other, HasLogProb):
        assert np.array_equal(
            one.log_prob(subject.batch.x, labels, seed=1), other.log_prob(subject.batch.x, labels, seed=1)
        )
    if isinstance(one, HasElbo) and isinstance(other, HasElbo):
        bounds = [model.elbo(subject.batch.x, labels, seed=1, particles=3).numpy() for model in (one, one, other)]
        assert np.array_equal(bounds[0], bounds[1]), "the same seed gave two different bounds"
        assert np.array_equal(bounds[0], bounds[2])
    if isinstance(one, Samples) and isinstance(other, Samples):
        drawn = one.sample(EXAMPLES, labels, seed=1).numpy()
        assert np.array_equal(drawn, one.sample(EXAMPLES, labels, seed=1)), "the same seed drew two different samples"
        assert np.array_equal(drawn, other.sample(EXAMPLES, labels, seed=1))
        assert not np.array_equal(drawn, one.sample(EXAMPLES, labels, seed=2)), "two seeds drew the same samples"


def samples_are_examples(subject: Subject) -> None:
    """Check that samples have the shape, type and range of the data."""
    model, spec = offered(subject.fresh, Samples), subject.dataset.spec
    _are_examples(model.sample(EXAMPLES, subject.labels(subject.fresh), seed=0).numpy(), spec, "samples")


def _are_examples(x: NDArray[np.generic], spec: DataSpec, what: str) -> None:
    assert x.shape == (EXAMPLES, *spec.shape), f"expected {what} of shape {spec.shape}; got {x.shape[1:]}"
    expected = np.uint8 if spec.kind == "image" else np.float32
    assert x.dtype == expected, f"expected {np.dtype(expected)} {what}; got {x.dtype}"
    assert spec.kind == "vector" or x.astype(int).max() < spec.levels, f"a grey level is not below {spec.levels}"


def densities_are_numbers_per_example(subject: Subject) -> None:
    """Check that `log_prob` gives one finite float32 for each example, whatever the other examples are."""
    log_prob, labels = offered(subject.fresh, HasLogProb).log_prob, subject.labels(subject.fresh)
    _are_numbers_per_example(lambda x: log_prob(x, labels, seed=0), "density", subject.batch.x)


def bounds_are_numbers_per_example(subject: Subject) -> None:
    """Check the same of `elbo`, with one particle and with more."""
    elbo, labels = offered(subject.fresh, HasElbo).elbo, subject.labels(subject.fresh)
    _are_numbers_per_example(lambda x: elbo(x, labels, seed=0), "bound", subject.batch.x)
    _are_numbers_per_example(lambda x: elbo(x, labels, seed=0, particles=3), "bound", subject.batch.x)


def _are_numbers_per_example(score: Callable[[Any], Any], what: str, x: tf.Tensor) -> None:
    values = score(x).numpy()
    assert values.shape == (EXAMPLES,), f"expected shape {(EXAMPLES,)}; got {values.shape}"
    assert values.dtype == np.float32, f"expected float32; got {values.dtype}"
    assert np.all(np.isfinite(values))
    again = score(tf.concat([x[:-1], x[:1]], axis=0)).numpy()
    np.testing.assert_allclose(
        again[:-1], values[:-1], rtol=1e-5, err_msg=f"an example's {what} depends on another example"
    )


def bounds_are_ordered(subject: Subject) -> None:
    """Check that `elbo` with many particles is, on average over examples and seeds, not below that with one.

    By Jensen's inequality E[IWAE_k] rises with k (Burda et al. 2016, theorem 1). The gain has to be below zero by more
    than five of its standard errors, estimated from 20 seeds, to count against the model.
    """
    model = offered(subject.fresh, HasElbo)
    x, labels = subject.batch.x, subject.labels(subject.fresh)

    def bounds(particles: int) -> NDArray[np.float64]:
        return _means(lambda seed: [model.elbo(x, labels, seed=seed, particles=particles)])[:, 0]

    single, many = bounds(1), bounds(_PARTICLES)
    gains, scale = many - single, float(np.abs(single).max())
    mean, noise = _mean_and_noise(gains, scale)
    assert mean > -noise, f"the bound with {_PARTICLES} particles is {-mean:.4g} nats below the ELBO"


def posterior_and_terms_agree(subject: Subject) -> None:
    """Check that q(z|x) is a distribution of codes for each example, and that the terms of the ELBO are those of `elbo`.

    Their difference may come from another draw of z than `elbo` takes, so the means over 20 seeds are compared, within five
    standard errors; so is the mean KL with zero, which a single draw may well be below.
    """
    model = offered(subject.fresh, HasPosterior)
    assert isinstance(model, HasElbo), "a model with a posterior needs elbo, too"
    x, labels = subject.batch.x, subject.labels(subject.fresh)
    posterior = model.posterior(x, labels, seed=0)
    batch, event = tuple(posterior.batch_shape), tuple(posterior.event_shape)
    assert batch == (EXAMPLES,), f"expected a posterior of batch shape {(EXAMPLES,)}; got {batch}"
    assert len(event) == 1, f"expected a posterior of event shape [latent]; got {list(event)}"
    for name, term in zip(("E_q[log p(x|z)]", "KL"), model.elbo_terms(x, labels, seed=0), strict=True):
        assert term.shape == (EXAMPLES,), f"expected {name} of shape {(EXAMPLES,)}; got {term.shape}"
    reconstructions, divergences, bounds = _means(
        lambda seed: [*model.elbo_terms(x, labels, seed=seed), model.elbo(x, labels, seed=seed)]
    ).T
    scale = float(np.abs(reconstructions).max())
    mean, noise = _mean_and_noise(reconstructions - divergences - bounds, scale)
    assert abs(mean) < noise, f"the terms differ by {mean:.4g} nats more than elbo says"
    mean, noise = _mean_and_noise(divergences, scale)
    assert mean > -noise, f"the KL is {mean:.4g} nats on average, and must not be negative"


def _means(score: Callable[[tf.Tensor], Sequence[tf.Tensor]]) -> NDArray[np.float64]:
    """Return the means over the batch of what `score` gives for 20 seeds, [seeds, scores]; in a graph, traced once."""

    @tf.function(autograph=False)
    def of_seed(seed: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.reduce_mean(tf.cast(values, tf.float64)) for values in score(seed)])

    return np.stack([of_seed(as_seed(seed)).numpy() for seed in range(_SEEDS)])


def _mean_and_noise(values: NDArray[np.float64], scale: float) -> tuple[float, float]:
    """Return the mean and what it may be off: five standard errors, and the rounding of float32 sums of such a size."""
    error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return float(np.mean(values)), _ERRORS * error + 1e-4 * scale + 1e-5


def sampling_options_matter(subject: Subject) -> None:
    """Check that samples with each option at its default are those without it, and that a number of another value matters.

    Other values are the default and a half of it (of whole numbers one more), where the options take them.
    """
    model = offered(subject.fresh, Samples)
    if subject.fresh.sampling is None:
        raise SkipTest(f"{type(model).__name__} has no sampling options")
    labels = subject.labels(subject.fresh)
    plain = model.sample(EXAMPLES, labels, seed=1).numpy()
    defaults = sampling_options(subject.fresh)
    drawn = model.sample(EXAMPLES, labels, seed=1, **defaults).numpy()
    assert np.array_equal(plain, drawn), f"the defaults {defaults} draw other samples than no options at all"
    for name, value in defaults.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        other = value + 1 if isinstance(value, int) else 1.5 * value + (value == 0)
        try:
            drawn = model.sample(EXAMPLES, labels, seed=1, **{name: other}).numpy()
        except OptionError:
            continue
        assert not np.array_equal(plain, drawn), f"{name} = {other} draws the samples of {name} = {value}"


def known_pixels_are_kept(subject: Subject) -> None:
    """Check that `inpaint` keeps what is known to the last bit, and that the rest is a function of the seed alone."""
    model = offered(subject.fresh, Inpaints)
    labels, x = subject.labels(subject.fresh), subject.batch.x.numpy()
    known = np.zeros(x.shape[:3], bool)
    known[:, : x.shape[1] // 2, ::2] = True
    for particles in (1, 3):
        drawn, again, other = (
            model.inpaint(x, known, labels, seed=seed, particles=particles).numpy() for seed in (1, 1, 2)
        )
        assert drawn.shape == x.shape, f"expected shape {x.shape}; got {drawn.shape}"
        assert drawn.dtype == x.dtype, f"expected {x.dtype}; got {drawn.dtype}"
        assert np.array_equal(drawn[known], x[known]), "inpainting changed known pixels"
        assert drawn.max() < subject.dataset.spec.levels
        assert np.array_equal(drawn, again), "the same seed completed images in two ways"
        assert not np.array_equal(drawn, other), "another seed completed all images in the same way"


def labels_matter_where_they_are_asked_for(subject: Subject) -> None:
    """Check that another label changes the density, the bound, or the decoded codes, of a conditional model."""
    labels, classes = subject.batch.labels, subject.dataset.spec.classes
    if not subject.fresh.conditional:
        raise SkipTest(f"{type(subject.fresh).__name__} takes no labels")
    assert labels is not None, "a conditional model needs a data set with labels"
    assert classes is not None, "a conditional model needs a data set with classes"
    _, model = subject.trained
    for capability, name in ((HasLogProb, "log_prob"), (HasElbo, "elbo")):
        if isinstance(model, capability):
            score = getattr(model, name)
            values = score(subject.batch.x, labels, seed=0).numpy()
            others = score(subject.batch.x, (labels + 1) % classes, seed=0).numpy()
            assert np.all(values != others), f"changing the label does not change {name}"
    if isinstance(model, Decodes):
        codes = _codes(subject, model)
        one, other = (np.asarray(model.decode(codes, given)) for given in (labels, (labels + 1) % classes))
        assert not np.array_equal(one, other), "changing the label does not change what codes decode to"


def labels_that_do_not_fit_are_refused(subject: Subject) -> None:
    """Check that nothing ignores a label: one too few, too many, missing, or outside the classes is an error everywhere.

    `GenerativeModel.one_hot` makes these errors; a model that takes no labels gets there by calling it, too.
    """
    model, x = subject.fresh, subject.batch.x
    calls: dict[str, Callable[[Any], Any]] = {}
    if isinstance(model, HasLogProb):
        calls["log_prob"] = _with(model.log_prob, x)
    if isinstance(model, HasElbo):
        calls["elbo"] = _with(model.elbo, x)
    if isinstance(model, HasPosterior):
        calls |= {"posterior": _with(model.posterior, x), "elbo_terms": _with(model.elbo_terms, x)}
    if isinstance(model, Samples):
        calls["sample"] = _with(model.sample, EXAMPLES)
    if isinstance(model, Decodes):
        encodes = isinstance(model, HasLatents)
        codes = model.encode(x, subject.labels(model)) if encodes else _codes(subject, model)
        calls |= {"decode": _with(model.decode, codes), "prior": model.prior}
    if isinstance(model, HasLatents):
        calls["encode"] = _with(model.encode, x)
    if isinstance(model, Inpaints):
        calls["inpaint"] = _with(model.inpaint, x, tf.ones(x.shape[:3], tf.bool))
    for name, call in calls.items():
        for what, labels in _unfit_labels(subject, model).items():
            if name == "prior" and what == "too few labels":
                continue  # which takes any number
            outcome: object = "nothing"
            try:
                call(labels)
            except DataError:
                continue
            except Exception as error:  # whatever else it is, it is not what a user should see
                outcome = type(error).__name__
            raise AssertionError(
                f"{name} with {what} must raise a DataError, raised {outcome}; see GenerativeModel.one_hot"
            )


def _codes(subject: Subject, model: GenerativeModel) -> tf.Tensor:
    """Return codes for the examples of a subject, drawn from the prior."""
    assert isinstance(model, Decodes)
    prior = model.prior(subject.labels(model))
    return prior.sample([] if prior.batch_shape.rank else EXAMPLES, seed=as_seed(0))


def codes_become_examples(subject: Subject) -> None:
    """Check that what codes of the prior decode to has the shape, type and range of the data, and is a function of them."""
    model, spec = offered(subject.fresh, Decodes), subject.dataset.spec
    codes, labels = _codes(subject, subject.fresh), subject.labels(subject.fresh)
    assert codes.shape.rank == 2, f"expected codes of shape [batch, latent]; got {codes.shape}"
    decoded = np.asarray(model.decode(codes, labels, seed=0))
    _are_examples(decoded, spec, "decoded codes")
    assert np.array_equal(decoded, model.decode(codes, labels, seed=0)), (
        "the same codes decoded to two different examples"
    )


def _unfit_labels(subject: Subject, model: GenerativeModel) -> dict[str, Any]:
    if not model.conditional:
        return {"labels, which the model does not take,": tf.zeros([EXAMPLES], tf.int32)}
    classes = subject.dataset.spec.classes or 0
    first = [0] * (EXAMPLES - 1)
    found: dict[str, Any] = {"too few labels": tf.constant(first)}
    if not model.labels_optional:
        found["no labels"] = None
    outside = (classes, -2 if model.labels_optional else -1)
    found |= {f"a label of {label}": tf.constant([*first, label]) for label in outside}
    return found


def _with(method: Callable[..., Any], *arguments: Any) -> Callable[[Any], Any]:
    return lambda labels: method(*arguments, labels)


def codes_decode_to_what_was_encoded(subject: Subject) -> None:
    """Check that decoding inverts encoding, for a model with codes and a density (a flow)."""
    model = offered(subject.fresh, HasLatents)
    offered(subject.fresh, HasLogProb)
    labels = subject.labels(subject.fresh)
    back = model.decode(model.encode(subject.batch.x, labels, seed=0), labels).numpy()
    np.testing.assert_allclose(back.astype(float), subject.batch.x.numpy().astype(float), atol=1e-3)


def a_loaded_model_is_the_trained_one(subject: Subject) -> None:
    """Check that a saved and loaded model gives the same densities, bounds and samples to the last bit, unlike a fresh one."""
    run, trained = subject.trained
    loaded, fresh = run.model, subject.fresh
    labels = subject.labels(trained)
    if isinstance(trained, HasLogProb):
        values = trained.log_prob(subject.batch.x, labels, seed=1).numpy()
        assert np.array_equal(values, loaded.log_prob(subject.batch.x, labels, seed=1))
        assert not np.array_equal(values, fresh.log_prob(subject.batch.x, labels, seed=1))
    if isinstance(trained, HasElbo):
        values = trained.elbo(subject.batch.x, labels, seed=1, particles=3).numpy()
        assert np.array_equal(values, loaded.elbo(subject.batch.x, labels, seed=1, particles=3))
        assert not np.array_equal(values, fresh.elbo(subject.batch.x, labels, seed=1, particles=3))
    if isinstance(trained, Samples):
        drawn = trained.sample(EXAMPLES, labels, seed=1)
        assert np.array_equal(drawn, loaded.sample(EXAMPLES, labels, seed=1))


def compile_modes_agree(subject: Subject) -> None:
    """Check that the first losses are the same, up to rounding, in every way of compiling that the model allows.

    Raises:
        SkipTest: where the others agree, but XLA does not compile the model: with the modes that were left out.
    """
    losses: dict[str, float] = {"graph": _first_loss(subject.trained[0])}
    left_out = []
    for mode in get_args(CompileMode):
        if mode == "graph":
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                losses[mode] = _first_loss(subject.train(Path(folder), mode)[0])
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, NotImplementedError) as error:
                left_out.append(f"{mode} ({str(error).splitlines()[0]})")  # the graph has to work, and did
    for mode, loss in losses.items():
        np.testing.assert_allclose(loss, losses["graph"], rtol=1e-2, err_msg=f"{mode} and graph disagree")
    if left_out:
        raise SkipTest(f"XLA does not compile the model: {', '.join(left_out)}")


def _first_loss(run: Run) -> float:
    return float(next(value for name, value in run.metrics[0].items() if name.endswith("loss")))


#: Every check, each a function of a `Subject` that raises AssertionError.
CHECKS: tuple[Callable[[Subject], None], ...] = (
    objectives_are_sound,
    every_weight_is_trained,
    everything_is_a_function_of_the_seed,
    samples_are_examples,
    samples_are_the_same_however_compiled,
    samples_do_not_depend_on_the_batch,
    densities_are_numbers_per_example,
    bounds_are_numbers_per_example,
    bounds_are_ordered,
    posterior_and_terms_agree,
    sampling_options_matter,
    known_pixels_are_kept,
    labels_matter_where_they_are_asked_for,
    labels_that_do_not_fit_are_refused,
    codes_become_examples,
    codes_decode_to_what_was_encoded,
    a_loaded_model_is_the_trained_one,
    compile_modes_agree,
)
