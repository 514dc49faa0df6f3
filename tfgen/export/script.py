"""Example script of an export: loads it and calls its first function, without tfgen."""

from __future__ import annotations

from collections.abc import Mapping

from tfgen.export.signatures import Argument, Signature
from tfgen.plugin.specs import ExportFormatSpec

_SCRIPT = '''\
"""Load an exported model, without tfgen: functions by name, of NumPy arrays."""

{load}

if __name__ == "__main__":
    import pathlib

    import numpy as np

    model = load(pathlib.Path(__file__).parent)
    result = model[{name!r}]({arguments})
    print(result.shape, result.dtype)
'''
_NUMBERS = {"count": "np.int32(4)", "seed": "np.array([0, 1], np.int32)", "first": "np.int32(0)"}
_DRAWN = {"uniform": "random", "normal": "standard_normal"}


def example_script(spec: ExportFormatSpec, signatures: Mapping[str, Signature]) -> str:
    """Return the script, which defines ``load`` as the format has it."""
    name, signature = next(iter(signatures.items()))
    arguments = [f"{argument.name}={_NUMBERS.get(argument.name) or _array(argument)}" for argument in signature.inputs]
    return _SCRIPT.format(load=spec.load.strip() + "\n", name=name, arguments=", ".join(arguments))


def _array(argument: Argument) -> str:
    """Return the expression of an array for four examples: random numbers for noise, else zeros."""
    sides = tuple(4 if side is None else side for side in argument.shape)
    if argument.noise is None:
        return f"np.zeros({sides}, np.{argument.dtype})"
    return f"np.random.default_rng(0).{_DRAWN[argument.noise]}({sides}, np.{argument.dtype})"
