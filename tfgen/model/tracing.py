"""Tracing of every method that a model offers, once, before training: what would fail after hours fails at once.

The methods are traced as the core compiles them, without AutoGraph, for two examples of unknown values, and nothing is
computed. In the graphs are found: randomness that does not follow from the seed, weights that Keras does not track, and
state that no checkpoint would keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfgen.errors import CapabilityError, PluginError
from tfgen.model.author_errors import author_errors
from tfgen.model.base import GenerativeModel
from tfgen.model.boundary import LOSS_CONTRACT, METHODS
from tfgen.model.capabilities import (
    Decodes,
    HasElbo,
    HasEnergy,
    HasLatents,
    HasLogProb,
    HasPosterior,
    Inpaints,
    Samples,
    uses_context,
)
from tfgen.model.objective import Batch, Context, Objective
from tfgen.model.program import Program
from tfgen.plugin.author_code import author_file

_EXAMPLES = 2
#: Operations that draw random numbers from a state of their own; those that take a seed are called Stateless....
_RANDOM = frozenset({
    "Multinomial", "NonDeterministicInts", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson", "RandomPoissonV2",
    "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt", "RngReadAndSkip", "RngSkip",
    "TruncatedNormal",
})  # fmt: skip
_ASSIGNING = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})


@dataclass(frozen=True)
class _Call:
    """A call to be traced.

    Attributes:
        name: of the method, for messages.
        function: of the tensors below.
        inputs: their specs.
        contract: what the method takes and returns, in words.
        trains: whether it is a loss, which may change weights that are not trained.
    """

    name: str
    function: Callable[..., Any]
    inputs: Sequence[tf.TensorSpec]
    contract: str
    trains: bool = False


def trace_methods(model: GenerativeModel, objectives: Sequence[Objective]) -> None:
    """Trace the losses of a model and every public method that it offers.

    Args:
        model: built.
        objectives: of the model.

    Raises:
        PluginError: when a method cannot be traced, draws random numbers that do not follow from its seed, reads a trainable
            weight that Keras does not track, or changes a variable that it must not; names the method and what to do.
    """
    for call in [*_losses(model, objectives), *_offered(model)]:
        with author_errors(model, f"tracing {call.name}", call.contract):
            try:
                traced = Program(call.function).get_concrete_function(*call.inputs)
            except (
                CapabilityError
            ):  # which says that the model, as it is configured, does not offer the method after all
                continue
        _require_seeded(model, call, traced.graph)
        _require_tracked(model, call, traced.graph)
        _require_kept(model, call, traced.graph)


def _losses(model: GenerativeModel, objectives: Sequence[Objective]) -> Iterator[_Call]:
    data = model.data
    inputs = [_examples(model), _seed(), tf.TensorSpec([], tf.int64)]
    beside = [tf.TensorSpec([_EXAMPLES], tf.int32)] if data.classes else []
    beside += [tf.TensorSpec([_EXAMPLES, len(data.context)], tf.float32)] if data.context else []

    def loss_of(objective: Objective) -> Callable[..., Any]:
        def loss(x: Any, seed: Any, step: Any, *rest: Any) -> Any:
            labels, context = (*([] if data.classes else [None]), *rest, None)[:2]
            return objective.loss(Batch(x, labels, context), seed, Context.at(step))

        return loss

    for objective in objectives:
        yield _Call(
            f"the loss of objective {objective.name!r}",
            loss_of(objective),
            [*inputs, *beside],
            LOSS_CONTRACT,
            trains=True,
        )


def _offered(model: GenerativeModel) -> Iterator[_Call]:
    x, seed, labels = _examples(model), _seed(), [_given(model)] if model.conditional else []

    def call(name: str, function: Callable[..., Any], *inputs: tf.TensorSpec) -> _Call:
        contract = METHODS[name]
        words = f"it takes {contract.signature} and returns {contract.returns}"
        return _Call(name, function, [*inputs, seed, *labels], words)

    if isinstance(model, Samples):
        sample = model.sample
        yield call("sample", lambda seed, y=None: sample(_EXAMPLES, y, seed=seed, first=0))
    if isinstance(model, HasLogProb):
        log_prob = model.log_prob
        yield call("log_prob", lambda x, seed, y=None: log_prob(x, y, seed=seed), x)
    if isinstance(model, HasEnergy):
        energy = model.energy
        yield call("energy", lambda x, seed, y=None: energy(x, y, seed=seed), x)
    if isinstance(model, HasElbo):
        elbo = model.elbo
        yield call("elbo", lambda x, seed, y=None: elbo(x, y, seed=seed, particles=2), x)
    if isinstance(model, HasPosterior):
        posterior, terms = model.posterior, model.elbo_terms
        yield call("posterior", lambda x, seed, y=None: posterior(x, y, seed=seed).sample(seed=seed), x)
        yield call("elbo_terms", lambda x, seed, y=None: terms(x, y, seed=seed), x)
    if isinstance(model, Decodes):
        prior, decode = model.prior, model.decode

        def decoded(seed: Any, y: Any = None) -> Any:
            distribution = prior(y)
            codes = distribution.sample([] if distribution.batch_shape.rank else _EXAMPLES, seed=seed)
            return decode(codes, y, seed=seed)

        yield call("decode", decoded)
    if isinstance(model, HasLatents):
        encode = model.encode
        yield call("encode", lambda x, seed, y=None: encode(x, y, seed=seed), x)
    if isinstance(model, Inpaints):
        inpaint, mask = model.inpaint, tf.TensorSpec([_EXAMPLES, *model.data.shape[:2]], tf.bool)
        yield call("inpaint", lambda x, mask, seed, y=None: inpaint(x, mask, y, seed=seed), x, mask)


def _examples(model: GenerativeModel) -> tf.TensorSpec:
    return tf.TensorSpec([_EXAMPLES, *model.data.shape], tf.uint8 if model.data.kind == "image" else tf.float32)


def _seed() -> tf.TensorSpec:
    return tf.TensorSpec([2], tf.int32)


def _given(model: GenerativeModel) -> tf.TensorSpec:
    """Return the spec of what a conditional model is given: labels, or contexts."""
    if not uses_context(model):
        return tf.TensorSpec([_EXAMPLES], tf.int32)
    return tf.TensorSpec([_EXAMPLES, len(model.data.context or ()) + (model.data.classes is not None)], tf.float32)


def _require_seeded(model: GenerativeModel, call: _Call, graph: Any) -> None:
    """Refuse random operations that keep a state of their own, in the graph or in a loop or branch of it."""
    found = [(operation.type, operation) for operation in graph.get_operations()]
    inner = [(node.op, None) for function in graph.as_graph_def().library.function for node in function.node_def]
    for kind, operation in [*found, *inner]:
        if kind in _RANDOM or (kind.startswith("Stateful") and "Partitioned" not in kind):
            place = "" if operation is None else _place(operation)
            raise PluginError(
                f"model {type(model).__name__}: {call.name} draws random numbers that do not follow from its seed ({kind}"
                f"{place}); take tfgen.normal or tfgen.uniform, an operation of tf.random.stateless_..., or a "
                "distribution's sample(seed=tfgen.as_seed(seed))."
            )


def _require_tracked(model: GenerativeModel, call: _Call, graph: Any) -> None:
    """Refuse trainable variables that Keras does not know: they would be neither trained nor saved."""
    known = {id(weight.value) for weight in model.trainable_variables}
    lost = [variable.name for variable in graph.variables if variable.trainable and id(variable) not in known]
    if lost:
        raise PluginError(
            f"model {type(model).__name__}: {call.name} uses {', '.join(sorted(lost)[:3])}"
            f"{' and others' if len(lost) > 3 else ''}, which Keras does not track: it would be neither trained nor saved; "
            "make its layer in __init__ and keep it as an attribute of the model, or in a list or dictionary that is one."
        )


def _require_kept(model: GenerativeModel, call: _Call, graph: Any) -> None:
    """Refuse to change a variable that a checkpoint does not keep, and in anything but a loss any variable."""
    kept = {id(weight.value) for weight in model.weights}
    names = {id(external): variable for variable in graph.variables for external in [variable.handle]}
    inside = {id(internal): names[id(external)] for external, internal in graph.captures if id(external) in names}
    for operation in graph.get_operations():
        variable = inside.get(id(operation.inputs[0])) if operation.type in _ASSIGNING else None
        if variable is None or (call.trains and id(variable) in kept):
            continue
        who = f"model {type(model).__name__}: {call.name} changes the variable {variable.name}"
        if "seed_generator_state" in variable.name:
            raise PluginError(
                f"{who}: its random numbers (of keras.layers.Dropout, for example) do not follow from the seed, and a "
                "resumed run would draw others; take tf.nn.experimental.stateless_dropout(x, rate, seed)."
            )
        if call.trains:
            raise PluginError(
                f"{who}, which no checkpoint would keep; make it with self.add_weight(..., trainable=False)."
            )
        raise PluginError(f"{who}{_place(operation)}, and only a loss may, where context.training is true.")


def _place(operation: Any) -> str:
    """Return file and line of the author's code that made an operation, behind a comma, where they are known."""
    own = [f"{frame.filename}:{frame.lineno}" for frame in operation.traceback if author_file(frame.filename)]
    return f", {own[-1]}" if own else ""
