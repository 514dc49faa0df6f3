"""Endpoints: what each request asks of a model, as work for its thread, and the answer that is made of the results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen import Basis, DataError, as_seed
from tfgen.sample import PATHS, weights_of
from tfgen_plugins.serve import arrays
from tfgen_plugins.serve.answers import Answer
from tfgen_plugins.serve.block import RowRequest
from tfgen_plugins.serve.model import ServedModel

#: ``(work without a future) -> result``; see `Rows` and `Call`.
Compute = Callable[["Rows | Call"], Awaitable[Any]]


class Rows:
    """Rows of a function of a model that have to be computed.

    Args:
        model: that computes.
        name: of the function.
        count: of the rows.
        request: the rows.
        constants: options that are built into the function.
    """

    def __init__(
        self,
        model: ServedModel,
        name: str,
        count: int,
        request: RowRequest,
        constants: tuple[tuple[str, Any], ...] = (),
    ) -> None:
        self.count, self.request = count, request
        self.key = (model.name, name, constants, tuple(request.scalars.items()))
        self.function = lambda: model.function(name, constants)


class Call:
    """A call that has the models for itself.

    Args:
        function: to call.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function


async def sample(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Draw samples: ``x`` [count, ...] with the labels and contexts that they were given."""
    given = {name: getattr(body, name) for name in model.sampling.types if getattr(body, name) is not None}
    constants, scalars = model.sampling.chosen(given)
    conditions = model.conditions_for(body.count, *_conditions(body))
    request = RowRequest(conditions, body.seed, scalars)
    x = await compute(Rows(model, "sample", body.count, request, constants))
    return _examples(model, x, body, conditions)


async def log_prob(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Compute log-probabilities or bounds of them: ``log_prob`` [n] in nats, with the kind and the basis of these numbers."""
    x = arrays.examples(_taken(body, "x"), model.data, most)
    conditions = _conditions_of_rows(model, len(x), body)
    particles = getattr(body, "particles", 1)
    constants = (("particles", particles),) if particles > 1 else ()
    values = await compute(Rows(model, "log_prob", len(x), RowRequest({"x": x, **conditions}, body.seed), constants))
    basis: dict[str, Any] = {**model.model.basis(), "density": model.model.density, "draws": 1, "seed": body.seed}
    if model.score == "elbo":
        basis["particles"] = particles
    if model.model.scored_as == "cross_entropy":
        basis["scored_as"] = "cross_entropy"
    return Answer({"log_prob": values}, {"unit": "nats", "basis": Basis.of(basis).to_json()})


async def encode(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Encode examples: ``z`` [n, latent]."""
    x = arrays.examples(_taken(body, "x"), model.data, most)
    conditions = _conditions_of_rows(model, len(x), body)
    z = await compute(Rows(model, "encode", len(x), RowRequest({"x": x, **conditions}, body.seed)))
    return Answer({"z": z}, {"seed": body.seed})


async def decode(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Decode codes: ``x`` [n, ...]."""
    z = arrays.codes(_taken(body, "z"), model.latent or 0, model.model.discrete_codes, most)
    conditions = _conditions_of_rows(model, len(z), body)
    x = await compute(Rows(model, "decode", len(z), RowRequest({"z": z, **conditions}, body.seed)))
    return _examples(model, x, body, {})


async def interpolate(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Interpolate between two examples: ``x`` [steps, ...], their codes ``z``, and ``l``, the weights of the second end."""
    x = getattr(body, "x", None)  # of a model with an encoder alone
    if x is not None and body.z is not None:
        raise DataError("x and z both name the ends of the path; give one of them.")
    drawn = x is None and body.z is None and _conditions(body) == (None, None)
    conditions = model.conditions_for(2, None, None) if drawn else _conditions_of_rows(model, 2, body)
    ends = await _ends(model, body, conditions, compute)
    weights = weights_of(body.steps)
    z = PATHS[body.path](ends[0], ends[1], weights).astype(ends.dtype)
    nearer = (weights > 0.5).astype(np.intp)  # the label of a step is that of the nearer end
    of_steps = {name: array[nearer] for name, array in conditions.items()}
    x = await compute(Rows(model, "decode", len(z), RowRequest({"z": z, **of_steps}, body.seed)))
    answer = _examples(model, x, body, of_steps)
    return Answer({**answer.arrays, "z": z, "l": weights}, {**answer.facts, "path": body.path}, answer.images, len(z))


async def _ends(model: ServedModel, body: Any, conditions: dict[str, Any], compute: Compute) -> NDArray[Any]:
    """Return the codes of both ends: those of the examples, as given, or drawn from the prior."""
    if body.z is not None:
        return _two("z", arrays.codes(_taken(body, "z"), model.latent or 0, False, 2))
    if getattr(body, "x", None) is not None:
        x = _two("x", arrays.examples(_taken(body, "x"), model.data, 2))
        ends: NDArray[Any] = await compute(Rows(model, "encode", 2, RowRequest({"x": x, **conditions}, body.seed)))
        return ends

    def drawn() -> NDArray[Any]:
        latents: Any = model.model
        prior = latents.prior(model.joined(conditions))
        codes: NDArray[Any] = prior.sample([] if prior.batch_shape.rank else [2], seed=as_seed(body.seed)).numpy()
        return codes

    codes: NDArray[Any] = await compute(Call(drawn))
    return codes


def _two(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    if len(rows) != 2:
        raise DataError(f"{name}: a path has two ends; got {len(rows)}.")
    return rows


async def inpaint(model: ServedModel, body: Any, compute: Compute, most: int) -> Answer:
    """Draw the unknown pixels of images: ``x`` [n, samples, height, width, channels]."""
    x = arrays.examples(_taken(body, "x"), model.data, most)
    known = arrays.mask(_taken(body, "known"), len(x), model.data, most)
    if len(x) * body.samples > most:
        raise DataError(f"samples: at most {most} completions at a time, got {len(x)} x {body.samples}.")
    conditions = _conditions_of_rows(model, len(x), body)
    rows = {
        name: np.repeat(array, body.samples, axis=0) for name, array in {"x": x, "known": known, **conditions}.items()
    }
    constants = (("particles", body.particles),) if body.particles > 1 else ()
    found = await compute(Rows(model, "inpaint", len(rows["x"]), RowRequest(rows, body.seed), constants))
    shaped = found.reshape(len(x), body.samples, *found.shape[1:])
    return Answer({"x": shaped}, {"seed": body.seed}, found, body.samples if body.samples > 1 else None)


#: What answers each endpoint.
HANDLERS: dict[str, Callable[[ServedModel, Any, Compute, int], Awaitable[Answer]]] = {
    "sample": sample,
    "log_prob": log_prob,
    "encode": encode,
    "decode": decode,
    "interpolate": interpolate,
    "inpaint": inpaint,
}


def _taken(body: Any, name: str) -> Any:
    """Return a field with nested lists, and forget it: they need far more memory than the array that is made of them."""
    value = getattr(body, name)
    setattr(body, name, None)
    return value


def _examples(model: ServedModel, x: NDArray[Any], body: Any, conditions: dict[str, Any]) -> Answer:
    images = x if model.data.kind == "image" else None
    return Answer({"x": x, **conditions}, {"seed": body.seed}, images)


def _conditions(body: Any) -> tuple[Any, Any]:
    labels = getattr(body, "labels", None)
    return [labels] if isinstance(labels, int | str) else labels, getattr(body, "context", None)


def _conditions_of_rows(model: ServedModel, count: int, body: Any) -> dict[str, Any]:
    """Return labels and contexts of given rows, one for all or one for each; they have to be named.

    Raises:
        DataError: when they are missing, or are as many as something else.
    """
    labels, context = _conditions(body)
    for name, given in (("labels", labels), ("context", context)):
        if name not in model.conditions:
            continue
        if given is None and not (name == "labels" and model.model.labels_optional):
            raise DataError(f"{name}: this model needs them; give one for all, or one for each.")
        one = given is None or (name == "context" and given and not isinstance(given[0], list))
        rows = 1 if one else len(given)
        if rows not in (1, count):
            raise DataError(f"{name}: {count} rows need as many, or one for all; got {rows}.")
    if labels is None and model.model.labels_optional and "labels" in model.conditions:
        labels = [-1]
    return model.conditions_for(count, labels, context)
