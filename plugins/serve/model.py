"""Model that is served: its functions in blocks, made when they are first wanted, and what it can do, in words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen import CapabilityError, GenerativeModel, Run
from tfgen.export import Signature, conditions_of, signatures_of
from tfgen.sample import labels_for
from tfgen_plugins.serve.block import Array, BlockFunction
from tfgen_plugins.serve.sampling import SamplingOptions

#: Functions of one model that are kept compiled; those with unusual options make room first.
_KEPT = 16
#: What each endpoint needs of a model, in words.
_NEEDS = {
    "sample": "sampler", "log_prob": "density or bound of it", "encode": "encoder into latent codes",
    "decode": "latent codes", "interpolate": "continuous latent codes", "inpaint": "inpainting",
}  # fmt: skip
ENDPOINTS = tuple(_NEEDS)


class ServedModel:
    """The model of a run, ready to be asked.

    Its functions are computed in blocks of `block` rows. Everything but `functions` may be read in any thread; that one is
    called in the thread of the models alone.

    Args:
        run: finished, or with a checkpoint.
        block: rows of a block.
    """

    def __init__(self, run: Run, block: int) -> None:
        self.run, self.name, self.block = run, run.name, block
        self.model: GenerativeModel = run.model
        self.data = run.data_spec
        self._kept: OrderedDict[tuple[Any, ...], BlockFunction] = OrderedDict()
        self._alone: dict[str, str] = {}
        found = signatures_of(self.model)
        self.score = "log_prob" if "log_prob" in found else "elbo" if "elbo" in found else None
        self.signatures: Mapping[str, Signature] = {
            "log_prob" if name == self.score else name: signature
            for name, signature in found.items()
            if name not in ("log_prob", "elbo") or name == self.score
        }
        self.sampling = SamplingOptions(self.model)
        self.conditions = tuple(argument.name for argument in conditions_of(self.model))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints that the model offers."""
        between = "decode" in self.signatures and not self.model.discrete_codes
        return tuple(name for name in ENDPOINTS if name in self.signatures or (name == "interpolate" and between))

    def require(self, endpoint: str) -> None:
        """Check that the model offers an endpoint.

        Raises:
            CapabilityError: says what it lacks, and what it offers.
        """
        if endpoint not in self.endpoints:
            raise CapabilityError(
                f"model {self.name} ({self.run.config.model}) has no {_NEEDS[endpoint]}, which {endpoint} needs; it offers "
                f"{', '.join(self.endpoints)}."
            )

    @property
    def latent(self) -> int | None:
        """Width of a code; None for a model without codes."""
        decode = self.signatures.get("decode")
        return None if decode is None else decode.inputs[0].shape[-1]

    # Functions

    def function(self, name: str, constants: tuple[tuple[str, Any], ...] = ()) -> BlockFunction:
        """Return a function in blocks, made and tried out when it is first wanted; for the thread of the models.

        Args:
            name: an endpoint that is a function of the model.
            constants: options that are no inputs of it: of the sampler, or ``particles``.
        """
        key = (name, constants)
        if key not in self._kept:
            options = dict(constants)
            particles = options.pop("particles", 1)
            asked = self.score if name == "log_prob" else name
            signature = signatures_of(self.model, options or None, particles, self.sampling.free)[str(asked)]
            self._kept[key] = BlockFunction(signature, self.block, self._probe(signature))
            if self._kept[key].why_alone is not None:
                self._alone[name] = str(self._kept[key].why_alone)
            if len(self._kept) > _KEPT:
                oldest = next(kept for kept in self._kept if kept[1])
                del self._kept[oldest]
        self._kept.move_to_end(key)
        return self._kept[key]

    def prepare(self) -> None:
        """Make the functions with their usual options, so that no first request waits for that."""
        for name in self.signatures:
            self.function(name)

    def conditions_for(self, count: int, labels: Any, contexts: Any) -> dict[str, Array]:
        """Return labels and contexts for `count` rows as inputs by name.

        Raises:
            DataError: for labels or contexts that do not fit the model.
        """
        given = labels_for(self.model, count, labels, contexts, "labels")
        if given is None:
            return {}
        if given.ndim == 1:
            return {"labels": given}
        if "labels" not in self.conditions:
            return {"context": given}
        return {"labels": given[:, 0].astype(np.int32), "context": given[:, 1:]}

    def joined(self, conditions: Mapping[str, Array]) -> Array | None:
        """Return labels and contexts as the model's own methods take them, in one array; None without either."""
        labels, context = conditions.get("labels"), conditions.get("context")
        if labels is None or context is None:
            return context if labels is None else labels
        return np.concatenate([labels[:, None].astype(context.dtype), context], axis=1)

    def _probe(self, signature: Signature) -> dict[str, Array]:
        """Return rows that differ, to try a function out with."""
        random, rows = np.random.default_rng(1), self.block
        found = self.conditions_for(rows, None, None)
        for argument in signature.inputs:
            shape = (rows, *(side or 1 for side in argument.shape[1:]))
            if argument.name == "x" and self.data.kind == "image":
                found["x"] = random.integers(0, self.data.levels, shape).astype(np.uint8)
            elif argument.name == "x":
                low, high = self.data.value_range
                found["x"] = random.uniform(low, high, shape).astype(np.float32)
            elif argument.name == "known":
                found["known"] = random.random(shape) < 0.5
            elif argument.name == "z":
                found["z"] = self._codes_for_probe(shape, random)
        return found

    def _codes_for_probe(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[Any]:
        if self.model.discrete_codes:
            return random.integers(0, 2, shape).astype(np.int32)
        return random.standard_normal(shape, np.float32)

    # In words

    def describe(self) -> dict[str, Any]:
        """Return what the model is and can do, as JSON."""
        data = self.data
        described: dict[str, Any] = {
            "name": self.name,
            "model": self.run.config.model,
            "summary": self.run.registry.model(self.run.config.model).summary,
            "data": {
                "name": self.run.config.data,
                "kind": data.kind,
                "shape": list(data.shape),
                "dtype": data.dtype,
                "levels": data.levels if data.kind == "image" else None,
                "columns": [column.name for column in data.columns] if data.columns else None,
            },
            "conditional": self.model.conditional,
            "labels": self._labels(),
            "context": [column.name for column in data.context or ()] if "context" in self.conditions else None,
            "latent": self.latent,
            "density": self.model.density if self.score else None,
            "endpoints": list(self.endpoints),
            "sampling_options": self.sampling.in_words(),
            "rows_of_a_block": self.block,
            "not_batched": dict(self._alone),
        }
        return described

    def _labels(self) -> dict[str, Any] | None:
        if "labels" not in self.conditions:
            return None
        names = None if self.data.class_names is None else list(self.data.class_names)
        return {"classes": self.data.classes, "names": names, "optional": self.model.labels_optional}
