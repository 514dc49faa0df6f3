"""Boundary between models and the core: arguments, results and exceptions of a model's public methods are checked once.

`GenerativeModel` puts the checks around the methods of every subclass, so that a plugin's author need not write any. They
look at shapes and types, which are known while a function is traced, and so cost nothing at run time; the range of grey
levels is checked where the values are at hand.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import tensorflow as tf

from tfgen.errors import DataError, PluginError
from tfgen.metrics.metric import Density
from tfgen.model.author_errors import author_errors
from tfgen.model.program import bijector_cache
from tfgen.model.results import (
    require_codes,
    require_distribution,
    require_examples_of,
    require_numbers,
    require_objectives,
    require_one_each,
    require_terms,
    shape_text,
)
from tfgen.model.sampling_options import sampling_options
from tfgen.plugin.author_code import place_of

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel


@dataclass(frozen=True)
class Contract:
    """Signature and result of a public method of a model.

    Attributes:
        signature: its arguments, as the docs have them.
        positional: the names of the arguments that are given by position.
        keywords: the names of those that are given by name.
        returns: in words, for messages.
        check: of the result: ``(model, method, result)`` raises a `PluginError`; None where the number of examples that was
            asked for matters as well.
    """

    signature: str
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    returns: str
    check: Callable[[GenerativeModel, str, Any], None] | None = None


LOSS_CONTRACT = "it takes (batch, seed, context) and returns a dictionary of scalars with 'loss' among them"
#: The public methods that a model may offer.
METHODS: dict[str, Contract] = {
    "objectives": Contract("()", (), (), "a sequence of tfgen.Objective", require_objectives),
    "sample": Contract(
        "(n, labels=None, seed=0, first=0)", ("n", "labels"), ("seed", "first"), "n examples"
    ),
    "log_prob": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a number in nats for each example", require_numbers
    ),
    "energy": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a number in nats for each example", require_numbers
    ),
    "elbo": Contract(
        "(x, labels=None, seed=0, particles=1)", ("x", "labels"), ("seed", "particles"),
        "a number in nats for each example", require_numbers,
    ),
    "posterior": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a tfd.Distribution of codes", require_distribution
    ),
    "elbo_terms": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "E_q[log p(x|z)] and KL(q || p), each [batch]",
        require_terms,
    ),
    "encode": Contract("(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "codes [batch, latent]", require_codes),
    "decode": Contract("(z, labels=None, seed=0)", ("z", "labels"), ("seed",), "an example for each code"),
    "prior": Contract("(labels=None)", ("labels",), (), "a tfd.Distribution of codes", require_distribution),
    "inpaint": Contract(
        "(x, known_mask, labels=None, seed=0, particles=1)", ("x", "known_mask", "labels"), ("seed", "particles"),
        "images equal to x where the mask is true",
    ),
}  # fmt: skip


#: Arguments of `sample` that are no options of the model.
_SAMPLE = {"n", "labels", "seed", "first"}


def guard(cls: type[GenerativeModel]) -> None:
    """Put the checks around the public methods that a class defines itself."""
    for name, contract in METHODS.items():
        method = cls.__dict__.get(name)
        if inspect.isfunction(method):
            setattr(cls, name, _guarded(name, contract, method))


def _guarded(name: str, contract: Contract, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: GenerativeModel, *positional: Any, **named: Any) -> Any:
        if getattr(type(self), name) is not checked:  # called by a subclass's method of that name, which is checked
            return method(self, *positional, **named)
        given = dict(zip(contract.positional, positional, strict=False)) | named
        if "x" in given:
            require_examples(self, name, given["x"])
        if name == "sample" and self.sampling is not None:
            asked = {key: named[key] for key in named.keys() - _SAMPLE if not tf.is_tensor(named[key])}
            named |= {key: value for key, value in sampling_options(self, asked).items() if key in asked}
        wanted = f"it takes {contract.signature} and returns {contract.returns}"
        with bijector_cache, author_errors(self, name, wanted):
            result = method(self, *positional, **named)
        if contract.check is None:
            require_examples_of(self, name, result, given.get("n"))
        else:
            contract.check(self, name, result)
        if contract.check is require_numbers:
            require_one_each(self, name, result, given["x"])
        return result

    return checked


def check_signatures(model: GenerativeModel) -> None:
    """Check that each public method of a model can be called as the core calls it.

    Raises:
        PluginError: names the method, its arguments and those that it has to take.
    """
    for name, contract in METHODS.items():
        method = getattr(model, name, None)
        if not callable(method):
            continue
        found = inspect.signature(method)
        options = sampling_options(model) if name == "sample" else {}
        wanted = contract.signature[:-1] + "".join(f", {key}={value!r}" for key, value in options.items()) + ")"
        try:
            found.bind(*contract.positional, **dict.fromkeys([*contract.keywords, *options]))
        except TypeError as error:
            raise PluginError(
                f"model {type(model).__name__}: {name} must take {wanted}, and it is defined with {found} "
                f"({error}) ({place_of(method)})."
            ) from error
        for key, value in options.items():
            default = found.parameters[key].default if key in found.parameters else value
            if default != value:
                raise PluginError(
                    f"model {type(model).__name__}: {key} of {name} is {value!r} by default in "
                    f"{type(model.sampling).__name__}, and {default!r} in the method ({place_of(method)})."
                )


def check_density(model: GenerativeModel) -> None:
    """Check the attribute `density` of a model with `log_prob` (exact, bound, dequantised), before anything is trained.

    Raises:
        PluginError: when it does not, or says something else.
    """
    kinds = get_args(Density)
    known = ", ".join(map(repr, kinds))
    if model.density not in (None, *kinds):
        raise PluginError(f"model {type(model).__name__}: density must be one of {known}; got {model.density!r}.")
    if model.density is None and callable(getattr(model, "log_prob", None)):
        raise PluginError(
            f"model {type(model).__name__} has log_prob and does not say of what kind its density is; set the attribute "
            f"density of the class to one of {known} ('dequantised' for images with noise added)."
        )


def require_examples(model: GenerativeModel, method: str, x: Any) -> None:
    """Refuse what is no batch of the model's data, before the model computes something of it.

    Raises:
        DataError: says what was expected and what came.
    """
    data = model.data
    if not isinstance(x, tf.Tensor | np.ndarray):
        x = np.asarray(x)
    dtype = tf.as_dtype(x.dtype)
    fits = dtype == tf.uint8 if data.kind == "image" else dtype.is_floating
    shape = tf.TensorShape(x.shape)
    if not fits or not shape.is_compatible_with([None, *data.shape]):
        raise DataError(
            f"model {type(model).__name__}: {method} takes {data.described()}; got {dtype.name} {shape_text(shape)}."
        )
    if data.kind == "image" and data.levels < 256:
        values = tf.get_static_value(x) if isinstance(x, tf.Tensor) else x
        if values is not None and values.size and values.max() >= data.levels:
            raise DataError(
                f"model {type(model).__name__}: {method} takes {data.described()}; got a grey level of {values.max()}."
            )
