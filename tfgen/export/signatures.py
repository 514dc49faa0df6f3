"""Signatures of an exported model: functions of tensors for sampling, densities, codes and inpainting, with named inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfgen.data.spec import DataSpec
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
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str

    def tensor_spec(self, examples: int | None = None) -> tf.TensorSpec:
        """Return its spec for tracing, for this number of examples; None for any."""
        shape = [examples if side is None else side for side in self.shape]
        return tf.TensorSpec(shape, tf.as_dtype(self.dtype), self.name)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``signature.json`` has it; None in the shape is the number of examples."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "meaning": self.meaning}


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
        """Return the function as a `tf.ConcreteFunction`, traced for this number of examples; None for any."""
        specs = {argument.name: argument.tensor_spec(examples) for argument in self.inputs}

        def named(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.output.name: self.call(**tensors)}

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
        "log_prob": (
            HasLogProb,
            lambda: _score(model, "log_prob", "log p(x), of a discrete or dequantised example", {}),
        ),
        "elbo": (HasElbo, lambda: _score(model, "elbo", _bound(particles), {"particles": particles})),
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


def _bound(particles: int) -> str:
    return (
        "ELBO, a lower bound of log p(x)"
        if particles == 1
        else f"importance-weighted bound of log p(x), {particles} codes"
    )


SEED = Argument("seed", "int32", (2,), "seed of the random numbers: the same one gives the same result")
_FIRST = Argument(
    "first", "int32", (), "number of the first sample in the endless sequence of the seed; 0 for the start"
)
_COUNT = Argument("count", "int32", (), "how many samples")


def example(data: DataSpec, name: str = "x") -> Argument:
    """Return examples of a data set as an argument."""
    if data.kind == "image":
        height, width, channels = data.shape
        return Argument(name, "uint8", (None, height, width, channels), f"images, grey levels 0 .. {data.levels - 1}")
    names = ", ".join(column.name for column in data.columns) if data.columns else ""
    return Argument(name, "float32", (None, *data.shape), f"rows of the table{f': {names}' if names else ''}")


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


def _sample(model: GenerativeModel, options: Mapping[str, Any], free: Collection[str]) -> Signature:
    sampler: Any = model
    conditions = conditions_of(model)
    given_as_input = tuple(_option(name, options[name]) for name in free)

    def sample(**tensors: tf.Tensor) -> tf.Tensor:
        given = _given(tensors)
        chosen = {name: tensors.get(name, value) for name, value in options.items()}
        n = tensors["count"] if given is None else tf.shape(given)[0]
        return sampler.sample(
            n, given, seed=tensors.get("seed", as_seed(0)), first=tensors.get("first", tf.constant(0)), **chosen
        )

    inputs = (*(conditions or (_COUNT,)), SEED, _FIRST, *given_as_input)
    each = "a sample for each label or context" if conditions else "samples"
    return Signature("sample", sample, inputs, example(model.data), f"{each} of the model")


def _option(name: str, usual: Any) -> Argument:
    dtype = "int32" if isinstance(usual, int) else "float32"
    return Argument(name, dtype, (), f"option of the sampler; {usual} by default")


def _score(model: GenerativeModel, method: str, meaning: str, constants: Mapping[str, Any]) -> Signature:
    function = getattr(model, method)

    def score(**tensors: tf.Tensor) -> tf.Tensor:
        found = function(tensors["x"], _given(tensors), seed=tensors.get("seed", as_seed(0)), **constants)
        return tf.cast(found, tf.float32)

    output = Argument(method, "float32", (None,), "nats for each example")
    return Signature(method, score, (example(model.data), *conditions_of(model), SEED), output, meaning)


def _codes(model: GenerativeModel) -> Argument:
    coded: Any = model
    width = int(coded.prior(_one_condition(model)).event_shape[-1])
    dtype = "int32" if model.discrete_codes else "float32"
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
        return coder.encode(tensors["x"], _given(tensors), seed=tensors.get("seed", as_seed(0)))

    inputs = (example(model.data), *conditions_of(model), SEED)
    return Signature("encode", encode, inputs, _codes(model), "codes of examples")


def _decode(model: GenerativeModel) -> Signature:
    coder: Any = model

    def decode(**tensors: tf.Tensor) -> tf.Tensor:
        return coder.decode(tensors["z"], _given(tensors), seed=tensors.get("seed", as_seed(0)))

    inputs = (_codes(model), *conditions_of(model), SEED)
    return Signature("decode", decode, inputs, example(model.data), "examples of codes")


def _inpaint(model: GenerativeModel, particles: int) -> Signature:
    painter: Any = model

    def inpaint(**tensors: tf.Tensor) -> tf.Tensor:
        seed = tensors.get("seed", as_seed(0))
        return painter.inpaint(tensors["x"], tensors["known"], _given(tensors), seed=seed, particles=particles)

    images = example(model.data)
    mask = Argument("known", "bool", images.shape[:3], "true where a pixel is known")
    meaning = "images with the unknown pixels drawn"
    return Signature("inpaint", inpaint, (images, mask, *conditions_of(model), SEED), images, meaning)
