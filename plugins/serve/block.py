"""Functions of a model compiled for blocks of rows: one shape, filled up, with the noise of each row's own request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen import CapabilityError
from tfgen.export import Signature, with_row_seeds

Array = NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class RowRequest:
    """Rows of one request to a function.

    Attributes:
        arrays: inputs with a row for each, by name.
        seed: of their noise; row k has noise of its own.
        scalars: inputs that hold for all of them, by name.
    """

    arrays: Arrays
    seed: int = 0
    scalars: Mapping[str, Any] = field(default_factory=dict)


#: Rows of a request that stand together in a block.
Part = tuple[slice, RowRequest]


class BlockFunction:
    """A model's function for at most `size` rows at a time, each with the seed of its request.

    Row k of a request has noise that is a function of the request's seed and of k. All blocks have the same shape, since the
    size of a batch decides how products are rounded; so a row has the same bytes wherever it stands, and whatever stands
    beside it. This is tried out when the function is made: one whose rows depend on each other, or that draws random numbers
    in a way of its own, computes the rows of one request at a time (`mixes` is then false, and `why_alone` says why).

    Args:
        signature: of the model.
        size: rows of a block.
        probe: arrays for the inputs, `size` rows of each, to try it out.
    """

    def __init__(self, signature: Signature, size: int, probe: Arrays) -> None:
        self.name, self.size = signature.name, size
        self._signature, self._programs = signature, dict[int, Any]()
        self._sequence = any(argument.name == "first" for argument in signature.inputs)
        self._row_inputs = [a for a in signature.inputs if a.shape[:1] == (None,)]
        self.scalars = [a.name for a in signature.inputs if a.shape == () and a.name not in ("count", "first")]
        self.why_alone: str | None = None
        try:
            self._rows_signature = with_row_seeds(signature)
            self._require_independent_rows(probe)
        except CapabilityError as error:
            self.why_alone = str(error)
        except Exception as error:  # of a model that takes one seed alone; any other fault shows again below
            self.why_alone = f"its {self.name} fails with a seed for each example: {type(error).__name__}"
        if self.why_alone is not None:
            self._programs = {}
            self([(slice(0, size), RowRequest(probe, 0, self._usual_scalars()))])

    @property
    def mixes(self) -> bool:
        """True if rows of several requests may be computed in one block."""
        return self.why_alone is None

    def rows_from(self, start: int) -> int:
        """Return how many rows of a request can follow from its row `start` on: those that do not mix keep whole blocks."""
        return self.size if self.mixes else self.size - start % self.size

    def __call__(self, parts: list[Part], size: int | None = None) -> Array:
        """Return the results of the rows, [rows, ...], in the order of the parts.

        Args:
            parts: which rows of which request; of one request where rows do not mix.
            size: of the block, if it is another than usual.
        """
        size = size or self.size
        count = sum(part.stop - part.start for part, _ in parts)
        given: dict[str, Array] = {}
        for argument in self._row_inputs:
            rows = [request.arrays[argument.name][part] for part, request in parts]
            given[argument.name] = _filled(np.concatenate(rows).astype(argument.dtype, copy=False), size)
        scalars = {name: parts[0][1].scalars[name] for name in self.scalars}
        seeding = self._seeds_of_rows(parts, size) if self.mixes else self._seed_of_block(parts[0], size)
        tensors = {name: tf.constant(value) for name, value in (given | scalars | seeding).items()}
        (result,) = self._program(size)(**tensors).values()
        return np.asarray(result.numpy()[:count])

    def _program(self, size: int) -> Any:
        if size not in self._programs:
            signature = self._rows_signature if self.mixes else self._signature
            self._programs[size] = signature.program(size)
        return self._programs[size]

    def _seeds_of_rows(self, parts: list[Part], size: int) -> dict[str, Array]:
        numbers = np.concatenate([np.arange(part.start, part.stop) for part, _ in parts]).astype(np.int32)
        seeds = np.repeat([request.seed for _, request in parts], [part.stop - part.start for part, _ in parts])
        zeros = np.zeros_like(numbers)
        # Without a number of its own in a sequence, a row has a seed of its own.
        pairs = np.stack([zeros if self._sequence else numbers, seeds.astype(np.int32)], axis=1)
        first = {"first": _filled(numbers, size)} if self._sequence else {}
        return {"seed": _filled(pairs, size)} | first

    def _seed_of_block(self, part: Part, size: int) -> dict[str, Any]:
        rows, request = part
        names = {argument.name for argument in self._signature.inputs}
        block = 0 if self._sequence else rows.start // self.size
        known = {
            "seed": np.array([block, request.seed], np.int32),
            "first": np.int32(rows.start),
            "count": np.int32(size),
        }
        return {name: value for name, value in known.items() if name in names}

    def _usual_scalars(self) -> dict[str, Any]:
        return {a.name: np.ones((), a.dtype)[()] for a in self._signature.inputs if a.name in self.scalars}

    def _require_independent_rows(self, probe: Arrays) -> None:
        """Check that a row is a function of its own inputs and of its own seed, in another order and beside other rows."""
        order = np.random.default_rng(0).permutation(self.size)
        usual = self._usual_scalars()
        requests = [RowRequest(probe, seed, usual) for seed in (3, 8)]
        half = self.size // 2
        in_order = [(slice(0, half), requests[0]), (slice(half, self.size), requests[1])]
        turned = [(slice(int(row), int(row) + 1), requests[int(row >= half)]) for row in order]
        first, second = self(in_order), self(turned)
        again = self([(slice(0, half), requests[0])])
        if not (_equal(first[order], second) and _equal(first[:half], again)):
            raise CapabilityError(f"its {self.name} computes a row in another way beside other rows")


def _filled(rows: Array, size: int) -> Array:
    """Return rows followed by copies of the first of them, `size` in all."""
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.broadcast_to(rows[:1], (size - len(rows), *rows.shape[1:]))])


def _equal(first: Array, second: Array) -> bool:
    """Return whether two arrays have the same bytes."""
    return first.tobytes() == second.tobytes()
