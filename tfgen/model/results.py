"""Checks of what a model's methods return: count, shape, type and range, whoever wrote the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from tfgen.errors import PluginError
from tfgen.model.objective import Objective
from tfgen.plugin.author_code import place_of

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel


def require_examples_of(model: GenerativeModel, method: str, x: Any, n: Any) -> None:
    """Refuse a result that is not `n` examples of the model's data, as far as it is known while a function is traced.

    Raises:
        PluginError: says what was expected and what came.
    """
    data, count = model.data, tf.get_static_value(n) if n is not None else None
    wanted = [None if count is None else int(count), *data.shape]
    found = tf.convert_to_tensor(x)
    expected = tf.uint8 if data.kind == "image" else model.density_dtype
    if found.dtype != expected or not found.shape.is_compatible_with(wanted):
        raise _unlike(model, method, f"{expected.name} {shape_text(tf.TensorShape(wanted))}", _described(found))


def require_values(model: GenerativeModel, method: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return examples that a model has made, after refusing values that no example of its data has.

    Raises:
        PluginError: for a grey level that is too high, or a vector that is not finite.
    """
    data, name = model.data, type(model).__name__
    if data.kind == "image":
        if data.levels < 256 and x.size and x.max() >= data.levels:
            raise PluginError(
                f"model {name}: {method} drew a grey level of {x.max()}, and the data have 0 .. {data.levels - 1} "
                f"({place_of(getattr(model, method))})."
            )
    elif not np.isfinite(x).all():
        raise PluginError(
            f"model {name}: {method} drew vectors that are not finite ({place_of(getattr(model, method))}); "
            "if training went well, the sampler is at fault, else train with a smaller --learning-rate."
        )
    return x


def require_numbers(model: GenerativeModel, method: str, values: Any) -> None:
    """Refuse a result that is not one number for each example, in the precision of densities.

    Raises:
        PluginError: says what was expected and what came.
    """
    if not tf.is_tensor(values):
        raise _unlike(model, method, "a tensor, of which TensorFlow knows the gradient", type(values).__name__)
    found = tf.convert_to_tensor(values)
    if found.dtype != model.density_dtype or found.shape.rank not in (1, None):
        raise _unlike(model, method, f"{model.density_dtype.name} [batch]", _described(found))


def require_one_each(model: GenerativeModel, method: str, values: Any, x: Any) -> None:
    """Refuse numbers [n] that are not as many as the examples, as far as it is known while a function is traced.

    Raises:
        PluginError: says what was expected and what came.
    """
    found = tf.convert_to_tensor(values).shape
    examples = tf.TensorShape(x.shape if hasattr(x, "shape") else np.shape(x))
    if not found.is_compatible_with(examples[:1]):
        raise _unlike(model, method, f"a number for each of {examples[0]} examples", str(found[0]))


def require_codes(model: GenerativeModel, method: str, codes: Any) -> None:
    """Refuse a result that is not a code for each example: floating-point, or int32 of a model with discrete codes.

    Raises:
        PluginError: says what was expected and what came.
    """
    found = tf.convert_to_tensor(codes)
    fits = found.dtype == tf.int32 if model.discrete_codes else found.dtype.is_floating
    if not fits or found.shape.rank not in (2, None):
        wanted = "int32" if model.discrete_codes else model.density_dtype.name
        advice = "" if fits else "; discrete_codes of the class says which of the two kinds of codes it has"
        raise _unlike(model, method, f"{wanted} [batch, latent]", _described(found), advice)


def require_terms(model: GenerativeModel, method: str, terms: Any) -> None:
    """Refuse a result that is not two numbers for each example, the terms of an ELBO.

    Raises:
        PluginError: says what was expected and what came.
    """
    if not isinstance(terms, Sequence) or len(terms) != 2:
        raise _unlike(model, method, "a pair of tensors [batch]", type(terms).__name__)
    for values in terms:
        require_numbers(model, method, values)


def require_distribution(model: GenerativeModel, method: str, found: Any) -> None:
    """Refuse a result that is no distribution of TensorFlow Probability.

    Raises:
        PluginError: says what was expected and what came.
    """
    if not isinstance(found, tfp.distributions.Distribution):
        raise _unlike(model, method, "a distribution of TensorFlow Probability", type(found).__name__)


def require_objectives(model: GenerativeModel, method: str, found: Any) -> None:
    """Refuse a result that is no sequence of objectives.

    Raises:
        PluginError: says what was expected and what came.
    """
    if not isinstance(found, Sequence):
        raise _unlike(model, method, "a sequence of tfgen.Objective", type(found).__name__)
    for entry in found:
        if not isinstance(entry, Objective):
            raise _unlike(model, method, "a sequence of tfgen.Objective", f"one with {type(entry).__name__}")


def require_terms_of_loss(objective: str, terms: Any) -> None:
    """Refuse what a loss returns if it is no dictionary of scalars with ``loss`` among them.

    Raises:
        PluginError: names the objective, and the term that is no scalar.
    """
    wanted = f"objective {objective!r} must return a dictionary of scalars with 'loss' among them"
    if not isinstance(terms, Mapping):
        raise PluginError(f"{wanted}, got {type(terms).__name__}.")
    if "loss" not in terms:
        raise PluginError(f"{wanted}, got {sorted(map(str, terms))}.")
    for name, value in terms.items():
        try:
            shape = tf.convert_to_tensor(value).shape
        except (TypeError, ValueError):
            raise PluginError(f"{wanted}, and {name!r} is {type(value).__name__}.") from None
        if shape.rank not in (0, None):  # None in a graph, where it may be unknown
            raise PluginError(f"{wanted}, and {name!r} has the shape {list(shape)}; take its mean over the batch.")


def _unlike(model: GenerativeModel, method: str, wanted: str, got: str, advice: str = "") -> PluginError:
    return PluginError(
        f"model {type(model).__name__}: {method} must return {wanted}, got {got} "
        f"({place_of(getattr(model, method))}){advice}."
    )


def _described(tensor: tf.Tensor) -> str:
    return f"{tensor.dtype.name} {shape_text(tensor.shape)}"


def shape_text(shape: tf.TensorShape) -> str:
    """Return a shape as text; the first unknown axis is the batch."""
    if shape.rank is None:
        return "of unknown shape"
    return f"[{', '.join('batch' if size is None else str(size) for size in shape)}]"
