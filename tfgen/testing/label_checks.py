"""Conformance checks of labels: they matter to a conditional model, and those that do not fit are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import numpy as np
import tensorflow as tf

from tfgen.errors import DataError
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Decodes, HasElbo, HasLatents, HasLogProb, HasPosterior, Inpaints, Samples
from tfgen.testing.basic_checks import methods_can_be_traced, model_can_be_built
from tfgen.testing.check import check
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest
from tfgen.testing.requirements import codes_of_prior


@check(20, methods_can_be_traced)
def labels_matter_where_they_are_asked_for(under_test: ModelUnderTest) -> None:
    """Check that another label, or context, changes the density, the bound, or the decoded codes, of a conditional model."""
    if not under_test.fresh.conditional:
        raise SkipTest(f"{type(under_test.fresh).__name__} takes no labels")
    _, model = under_test.trained
    labels = under_test.labels(model)
    for what, changed in under_test.other_labels(model).items():
        _require_matter(under_test, model, labels, changed, what)


def _require_matter(under_test: ModelUnderTest, model: GenerativeModel, labels: Any, changed: Any, what: str) -> None:
    rows = np.asarray(labels).reshape(EXAMPLES, -1) != np.asarray(changed).reshape(EXAMPLES, -1)
    differ = rows.any(axis=1)  # neighbours may have the same context
    for capability, name in ((HasLogProb, "log_prob"), (HasElbo, "elbo")):
        if isinstance(model, capability):
            score = getattr(model, name)
            values = score(under_test.batch.x, labels, seed=0).numpy()
            others = score(under_test.batch.x, changed, seed=0).numpy()
            assert np.all(values[differ] != others[differ]), f"changing the {what} does not change {name}"
    if isinstance(model, Decodes) and differ.any():
        codes = codes_of_prior(under_test, model)
        one, other = (np.asarray(model.decode(codes, given)) for given in (labels, changed))
        assert not np.array_equal(one, other), f"changing the {what} does not change what codes decode to"


@check(20, model_can_be_built)
def labels_that_do_not_fit_are_refused(under_test: ModelUnderTest) -> None:
    """Check that nothing ignores a label: one too few, missing, or outside the classes is an error everywhere; contexts too.

    `GenerativeModel.condition` makes these errors; a model that takes no labels gets there by calling it, too.
    """
    model, x = under_test.fresh, under_test.batch.x
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
        codes = model.encode(x, under_test.labels(model)) if encodes else codes_of_prior(under_test, model)
        calls |= {"decode": _with(model.decode, codes), "prior": model.prior}
    if isinstance(model, HasLatents):
        calls["encode"] = _with(model.encode, x)
    if isinstance(model, Inpaints):
        calls["inpaint"] = _with(model.inpaint, x, tf.ones(x.shape[:3], tf.bool))
    for name, call in calls.items():
        for what, labels in _unfit_labels(under_test, model).items():
            if name == "prior" and what.startswith("too few"):
                continue  # which takes any number
            outcome: object = "nothing"
            try:
                call(labels)
            except DataError:
                continue
            except Exception as error:  # whatever else it is, it is not what a user should see
                outcome = type(error).__name__
            raise AssertionError(
                f"{name} with {what} must raise a DataError, raised {outcome}; see GenerativeModel.condition"
            )


def _unfit_labels(under_test: ModelUnderTest, model: GenerativeModel) -> dict[str, Any]:
    if not model.conditional:
        return {"labels, which the model does not take,": tf.zeros([EXAMPLES], tf.int32)}
    if model.uses_context:
        fitting, classes = under_test.labels(model), under_test.dataset.spec.classes
        cases: dict[str, Any] = {
            "too few contexts": fitting[1:],
            "a context of too few numbers": fitting[:, 1:],
            "no context": None,
        }
        for label in () if classes is None else (classes, -2 if model.labels_optional else -1):
            cases[f"a label of {label}"] = tf.concat([tf.fill([EXAMPLES, 1], float(label)), fitting[:, 1:]], axis=1)
        return cases
    classes = under_test.dataset.spec.classes or 0
    first = [0] * (EXAMPLES - 1)
    found: dict[str, Any] = {"too few labels": tf.constant(first)}
    if not model.labels_optional:
        found["no labels"] = None
    outside = (classes, -2 if model.labels_optional else -1)
    found |= {f"a label of {label}": tf.constant([*first, label]) for label in outside}
    return found


def _with(method: Callable[..., Any], *arguments: Any) -> Callable[[Any], Any]:
    return lambda labels: method(*arguments, labels)
