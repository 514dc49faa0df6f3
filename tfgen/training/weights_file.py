"""Weights of a trained model in one file, ``weights.safetensors``: written and read one variable at a time.

A run that was imported from a pack has this file in the place of checkpoints: the weights that a restored model has, by
name and in their order, without optimizers. The format is that of safetensors: a header in JSON, then plain numbers.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from tfgen.errors import OutputError, RunError
from tfgen.model.base import GenerativeModel
from tfgen.model.weights import weight_names
from tfgen.reading import open_regular, parse_json
from tfgen.training.saved_steps import WEIGHTS_FILE
from tfgen.training.saved_weights import SavedWeights, encoded_spec, memory_bytes

#: Types of weights by their names in the file.
_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip
_CODES = {name: code for code, name in _TYPES.items()}
_HEADER_BYTES = 2**24  # of the header, which has some 100 for each variable
_ALIGNMENT = 8  # bytes at whose multiple the numbers begin, so that they can be mapped
#: Most bytes of the data specification in the header; `encoded_spec` gives ten numbers at most.
_SPEC_BYTES = 1000


class WeightsWriter:
    """Writer of a model's weights: how many bytes they take, and these bytes piece by piece.

    Args:
        model: restored; its weights are read while they are written, one at a time.
        step: of the training at which they were saved.

    Attributes:
        names: of the weights, in their order.
        bytes: of the file.

    Raises:
        OutputError: for a weight of a type that the file cannot hold.
    """

    def __init__(self, model: GenerativeModel, step: int) -> None:
        self.names = weight_names(model)
        self._weights = list(model.weights)
        spec = json.dumps(encoded_spec(model.data))
        header: dict[str, Any] = {"__metadata__": {"format": "tfgen", "step": str(step), "data": spec}}
        begin = 0
        for name, weight in zip(self.names, self._weights, strict=True):
            if weight.dtype not in _CODES:
                raise OutputError(f"weight {name} is of type {weight.dtype}, which safetensors files do not hold.")
            end = begin + int(np.prod(weight.shape, dtype=np.int64)) * np.dtype(weight.dtype).itemsize
            described = {"dtype": _CODES[weight.dtype], "shape": list(weight.shape), "data_offsets": [begin, end]}
            header[name] = described
            begin = end
        text = json.dumps(header).encode()
        self._header = text + b" " * (-len(text) % _ALIGNMENT)
        self.bytes = 8 + len(self._header) + begin

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes of the file: the header, then each weight."""
        yield struct.pack("<Q", len(self._header)) + self._header
        for weight in self._weights:
            array = np.ascontiguousarray(weight.numpy())
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            yield little.reshape(-1).view(np.uint8).data


class WeightsFile:
    """Weights file of a run, whose header is read and checked, but not yet the weights.

    Args:
        folder: of the run.

    Attributes:
        saved: step, shapes (in no order) and data specification, as a checkpoint has them.

    Raises:
        RunError: when it is no regular file of the folder, or damaged; says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / WEIGHTS_FILE
        try:
            with open_regular(self.path, None, within=folder) as file:
                _check_size(file)
            with safe_open(self.path, framework="np") as weights:
                self._names: list[str] = list(weights.keys())  # sorted by the library
                slices = [weights.get_slice(name) for name in self._names]
                self._types = [str(part.get_dtype()) for part in slices]
                shapes = tuple(tuple(int(side) for side in part.get_shape()) for part in slices)
                self.saved = _saved(weights.metadata() or {}, shapes)
        except (SafetensorError, OSError, ValueError) as error:
            raise self._damaged(_reason(error)) from error

    def assign_to(self, model: GenerativeModel) -> None:
        """Give a model the weights.

        Args:
            model: as it was when they were written; changed in place.

        Raises:
            RunError: for a weight that the file lacks, or has in another shape or type, and for one that the model lacks.
        """
        named = dict(zip(weight_names(model), model.weights, strict=True))
        for name, dtype, shape in zip(self._names, self._types, self.saved.shapes, strict=True):
            if name not in named:
                raise self._unfit(f"its weight {name} {list(shape)} is none of the model's")
            weight = named[name]
            if tuple(weight.shape) != shape:
                raise self._unfit(f"its weight {name} has shape {list(shape)}, the model's {list(weight.shape)}")
            if _TYPES.get(dtype) != weight.dtype:
                raise self._unfit(f"its weight {name} has type {_TYPES.get(dtype, dtype)}, the model's {weight.dtype}")
        if missing := [name for name in named if name not in set(self._names)]:
            raise self._unfit(f"it lacks the model's weight {missing[0]} {list(named[missing[0]].shape)}")
        try:
            with safe_open(self.path, framework="np") as weights:
                for name in self._names:
                    named[name].assign(weights.get_tensor(name))
        except (SafetensorError, OSError, ValueError) as error:
            raise self._damaged(_reason(error)) from error

    def _damaged(self, reason: str) -> RunError:
        return RunError(f"{self.path} is damaged ({reason}); import the pack again, or make the run again.")

    def _unfit(self, reason: str) -> RunError:
        return RunError(
            f"{self.path} does not fit the model of config.json: {reason}; use the versions of tfgen and of the plugin that "
            "made it."
        )


def _check_size(file: IO[bytes]) -> None:
    """Raise ValueError for a header of an unlikely length, or weights that the memory cannot hold."""
    size, begin = os.fstat(file.fileno()).st_size, file.read(8)
    header = int.from_bytes(begin, "little")
    if len(begin) < 8 or header > size - 8:
        raise ValueError("it is cut short")
    if header > _HEADER_BYTES:
        raise ValueError(f"its header has {header:,} bytes, more than {_HEADER_BYTES:,}")
    if size > (memory := memory_bytes()):
        raise ValueError(f"its weights take {size / 1e9:.1f} GB, and this machine has {memory / 1e9:.1f} GB of memory")


def _saved(metadata: dict[str, str], shapes: tuple[tuple[int, ...], ...]) -> SavedWeights:
    step, data = metadata.get("step", ""), metadata.get("data", "")
    if not (step.isascii() and step.isdigit() and len(step) < 19):
        raise ValueError("its metadata have no step")
    spec = parse_json(data.encode()) if len(data) <= _SPEC_BYTES else None
    if not (isinstance(spec, list) and 4 <= len(spec) <= 10 and all(type(number) is int for number in spec)):
        raise ValueError("its metadata have no data specification")
    return SavedWeights(int(step), shapes, tuple(spec))


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.splitlines() or [type(error).__name__])[0][:200]
