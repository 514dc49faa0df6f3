"""Weights of a model by name: the path of attributes that leads to each, the same in every program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import keras


def named_weights(model: keras.layers.Layer) -> dict[str, keras.Variable]:
    """Return the weights of a Keras layer by the attributes that lead to them, in the order of ``model.weights``.

    Keras numbers its layers as they are made (``dense_7``), so that the paths of its own differ between two models of one
    program. Attributes do not: ``"encoder.hidden.0.kernel"``. A weight that is reached in two ways has the first name.

    Args:
        model: built.
    """
    found = _found(model)
    return {found.get(id(weight), weight.path): weight for weight in model.weights}


def weight_names(model: keras.layers.Layer) -> list[str]:
    """Return a name of its own for each of ``model.weights``, in their order, for files: the same in every program.

    It is the name of `named_weights`, or ``weight.7`` for the eighth where no attributes lead to it. Of two weights with one
    name, as those of attributes ``w`` and ``_w`` are, the second has its number behind it.

    Args:
        model: built.
    """
    found = _found(model)
    names: dict[str, None] = {}
    for number, weight in enumerate(model.weights):
        name = found.get(id(weight), f"weight.{number}")
        names[f"{name}.{number}" if name in names else name] = None
    return list(names)


def _found(model: keras.layers.Layer) -> dict[int, str]:
    """Return the names of the weights that attributes lead to, by the identities of these."""
    found: dict[int, str] = {}
    for name, weight in _walk(model, "", set()):
        found.setdefault(id(weight), name)
    return found


@cache
def _tracking() -> frozenset[str]:
    return frozenset(vars(keras.layers.Layer()))


def _walk(thing: Any, name: str, seen: set[int]) -> Iterator[tuple[str, keras.Variable]]:
    if isinstance(thing, keras.Variable):
        yield name.removesuffix(".value"), thing
        return
    if isinstance(thing, keras.layers.Layer):
        if id(thing) in seen:
            return
        seen.add(id(thing))
        # Attributes that some layers have, `_kernel` too, come before the lists by which Keras tracks those of every layer.
        kept = [part for part in vars(thing).items() if not part[0].startswith("_self_")]  # that is TensorFlow's
        parts = sorted(kept, key=lambda part: part[0] in _tracking())
    elif isinstance(thing, Mapping):
        parts = [(str(key), value) for key, value in thing.items()]
    elif isinstance(thing, list | tuple):
        parts = [(str(index), value) for index, value in enumerate(thing)]
    else:
        return
    for part, value in parts:
        yield from _walk(value, f"{name}.{part.lstrip('_')}".lstrip("."), seen)
