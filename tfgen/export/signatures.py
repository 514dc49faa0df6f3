"""Signatures of an exported model: functions of tensors for sampling, densities, codes and inpainting, with named inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import tensorflow as tf

from tfgen.errors import CapabilityError
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Decodes, HasElbo, HasLatents, HasLogProb, Inpaints, Samples, uses_context
from tfgen.model.program import bijector_cache, custom_gradients
from tfgen.model.sampling_options import sampling_options
from tfgen.runtime import without_retracing_warnings
from tfgen.seeds import as_seed

#: Names of the signatures, in the order of files and cards.
SIGNATURES = ("sample", "log_prob", "elbo", "encode", "decode", "inpaint")


@dataclass(frozen=True)
class Argument:
    """Input or output of a signature.

    Attributes:
        name: by which it is given.
        dtype: name of its type, ``"float32"``.
        shape: None stands for the number of examples.
        meaning: in words, with units.
        noise: of random numbers, their distribution: ``uniform`` on [0, 1), or standard ``normal``.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str
    noise: Literal["uniform", "normal"] | None = None

    def tensor_spec(self, examples: int | None = None) -> tf.TensorSpec:
        """Return its spec for tracing, for this number of examples; None for any."""
        shape = [examples if side is None else side for side in self.shape]
        return tf.TensorSpec(shape, tf.as_dtype(self.dtype), self.name)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``signature.json`` has it; None in the shape is the number of examples."""
        found = {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "meaning": self.meaning}
        return found if self.noise is None else {**found, "noise": self.noise}


@dataclass(frozen=True)
class Signature:
    """A function of an exported model.

    Attributes:
        name: one of `SIGNATURES`.
        call: the function, of tensors by the names of the inputs.
        inputs: what it takes.
        output: what it returns.
        meaning: in words.
    """

    name: str
    call: Callable[..., tf.Tensor]
    inputs: tuple[Argument, ...]
    output: Argument
    meaning: str

    def program(self, examples: int | None = None) -> Any:
        """Return the function as a `tf.ConcreteFunction`, traced once for this number of examples; None for any.

        Raises:
            CapabilityError: when the model does not offer it, as it is configured.
            PluginError: when it cannot be traced for an unknown number of examples.
        """
        if examples not in self._programs:
            self._programs[examples] = self._traced(examples)
        return self._programs[examples]

    @cached_property
    def _programs(self) -> dict[int | None, Any]:
        return {}

    def _traced(self, examples: int | None) -> Any:
        specs = {argument.name: argument.tensor_spec(examples) for argument in self.inputs}

        def named(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.output.name: tf.cast(self.call(**tensors), tf.as_dtype(self.output.dtype))}

        with bijector_cache, custom_gradients, without_retracing_warnings():
            return tf.function(named, autograph=False).get_concrete_function(**specs)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``signature.json`` has it."""
        return {
            "meaning": self.meaning,
            "inputs": [argument.to_json() for argument in self.inputs],
            "output": self.output.to_json(),
        }


def signatures_of(
    model: GenerativeModel,
    options: Mapping[str, Any] | None = None,
    particles: int = 1,
    free: Collection[str] = (),
) -> dict[str, Signature]:
    """Return the signatures that a model offers, by name.

    Args:
        model: trained.
        options: of its sampler, by name, which become constants.
        particles: of the importance-weighted bound, and of inpainting; a constant as well.
        free: names of numeric options of the sampler that become scalar inputs of ``sample`` instead, whose values no one
            checks then.

    Raises:
        CapabilityError: when the model offers none.
        OptionError: for a sampling option that does not fit.
    """
    makers: dict[str, tuple[type[Any], Callable[[], Signature]]] = {
        "sample": (Samples, lambda: _sample(model, sampling_options(model, options), free)),
        "log_prob": (HasLogProb, lambda: _score(model, "log_prob", _density(model), {})),
        "elbo": (HasElbo, lambda: _score(model, "elbo", _bound(model, particles), {"particles": particles})),
        "encode": (HasLatents, lambda: _encode(model)),
        "decode": (Decodes, lambda: _decode(model)),
        "inpaint": (Inpaints, lambda: _inpaint(model, particles)),
    }
    found = {name: make() for name, (capability, make) in makers.items() if isinstance(model, capability)}
    if not found:
        raise CapabilityError(
            f"model {type(model).__name__} has nothing to export: no sampler, density, bound or codes."
        )
    return found


def _log_p(model: GenerativeModel) -> str:
    """Return the log-likelihood that a model gives: of x, or of x given the label, the context, or both."""
    given = [argument.name.removesuffix("s") for argument in conditions_of(model)]
    return f"log p(x | {', '.join(given)})" if given else "log p(x)"


def _density(model: GenerativeModel) -> str:
    found = _log_p(model)
    return f"{found} of the image dequantised by the seed's noise" if model.density == "dequantised" else found


def _bound(model: GenerativeModel, particles: int) -> str:
    if particles == 1:
        return f"ELBO, a lower bound of {_log_p(model)}"
    return f"importance-weighted bound of {_log_p(model)}, {particles} codes"


SEED = Argument("seed", "int32", (2,), "seed of the random numbers: the same one gives the same result")
_FIRST = Argument(
    "first", "int32", (), "number of the first sample in the endless sequence of the seed; 0 for the start"
)
_COUNT = Argument("count", "int32", (), "how many samples")


def example(model: GenerativeModel, given: bool = True) -> Argument:
    """Return examples of a model's data as an argument: given to it, or made by it, as precise as its densities."""
    data = model.data
    if data.kind == "image":
        height, width, channels = data.shape
        return Argument("x", "uint8", (None, height, width, channels), f"images, grey levels 0 .. {data.levels - 1}")
    names = ", ".join(column.name for column in data.columns) if data.columns else ""
    dtype = "float32" if given else model.density_dtype.name
    return Argument("x", dtype, (None, *data.shape), f"rows of the table{f': {names}' if names else ''}")


def conditions_of(model: GenerativeModel) -> tuple[Argument, ...]:
    """Return labels and context as arguments; none of an unconditional model."""
    if not model.conditional:
        return ()
    data, found = model.data, []
    if data.classes is not None:
        names = f" ({', '.join(data.class_names)})" if data.class_names else ""
        missing = "; -1 for none" if model.labels_optional else ""
        found.append(Argument("labels", "int32", (None,), f"classes 0 .. {data.classes - 1}{names}{missing}"))
    if uses_context(model):
        columns = data.context or ()
        found.append(
            Argument("context", "float32", (None, len(columns)), f"context: {', '.join(c.name for c in columns)}")
        )
    return tuple(found)


def _given(tensors: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
    """Return what the methods of a model take as `labels`: labels, a context, or both side by side."""
    labels, context = tensors.get("labels"), tensors.get("context")
    if labels is None or context is None:
        return context if labels is None else labels
    return tf.concat([tf.cast(labels, context.dtype)[:, None], context], axis=-1)


def _seed(tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Return the seed, or any where the random numbers are given."""
    return tensors.get("seed", as_seed(0))


def _sample(model: GenerativeModel, options: Mapping[str, Any], free: Collection[str]) -> Signature:
    sampler: Any = model
    conditions = conditions_of(model)
    given_as_input = tuple(_option(name, options[name]) for name in free)

    def sample(**tensors: tf.Tensor) -> tf.Tensor:
        given = _given(tensors)
        chosen = {name: tensors.get(name, value) for name, value in options.items()}
        n = tensors["count"] if given is None else tf.shape(given)[0]
        return sampler.sample(n, given, seed=_seed(tensors), first=tensors.get("first", tf.constant(0)), **chosen)

    inputs = (*(conditions or (_COUNT,)), SEED, _FIRST, *given_as_input)
    each = "a sample for each label or context" if conditions else "samples"
    return Signature("sample", sample, inputs, example(model, given=False), f"{each} of the model")


def _option(name: str, usual: Any) -> Argument:
    dtype = "int32" if isinstance(usual, int) else "float32"
    return Argument(name, dtype, (), f"option of the sampler; {usual} by default")


def _score(model: GenerativeModel, method: str, meaning: str, constants: Mapping[str, Any]) -> Signature:
    function = getattr(model, method)

    def score(**tensors: tf.Tensor) -> tf.Tensor:
        return function(tensors["x"], _given(tensors), seed=_seed(tensors), **constants)

    output = Argument(method, model.density_dtype.name, (None,), "nats for each example")
    return Signature(method, score, (example(model), *conditions_of(model), SEED), output, meaning)


def _codes(model: GenerativeModel) -> Argument:
    coded: Any = model
    width = int(coded.prior(_one_condition(model)).event_shape[-1])
    dtype = "int32" if model.discrete_codes else model.density_dtype.name
    return Argument("z", dtype, (None, width), "codes in the latent space")


def _one_condition(model: GenerativeModel) -> tf.Tensor | None:
    tensors = {
        argument.name: tf.zeros([1, *argument.shape[1:]], tf.as_dtype(argument.dtype))
        for argument in conditions_of(model)
    }
    return _given(tensors)


def _encode(model: GenerativeModel) -> Signature:
    coder: Any = model

    def encode(**tensors: tf.Tensor) -> tf.Tensor:
        return coder.encode(tensors["x"], _given(tensors), seed=_seed(tensors))

    inputs = (example(model), *conditions_of(model), SEED)
    return Signature("encode", encode, inputs, _codes(model), "codes of examples")


def _decode(model: GenerativeModel) -> Signature:
    coder: Any = model

    def decode(**tensors: tf.Tensor) -> tf.Tensor:
        return coder.decode(tensors["z"], _given(tensors), seed=_seed(tensors))

    inputs = (_codes(model), *conditions_of(model), SEED)
    return Signature("decode", decode, inputs, example(model, given=False), "examples of codes")


def _inpaint(model: GenerativeModel, particles: int) -> Signature:
    painter: Any = model

    def inpaint(**tensors: tf.Tensor) -> tf.Tensor:
        known, given = tensors["known"], _given(tensors)
        return painter.inpaint(tensors["x"], known, given, seed=_seed(tensors), particles=particles)

    images = example(model)
    mask = Argument("known", "bool", images.shape[:3], "true where a pixel is known")
    meaning = "images with the unknown pixels drawn"
    return Signature("inpaint", inpaint, (images, mask, *conditions_of(model), SEED), images, meaning)
