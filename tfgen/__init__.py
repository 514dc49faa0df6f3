"""tfgen: explicit generative models as plugins, on TensorFlow, TensorFlow Probability and Keras 3.

    >>> import tfgen
    >>> run = tfgen.train("realnvp", data="digits", epochs=5)       # doctest: +SKIP
    >>> run.model.sample(16, seed=0), run.evaluate()                # doctest: +SKIP

Importing this package imports neither TensorFlow nor Keras; the names that need them load them when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfgen.errors import DataError, TfgenError, require_option
from tfgen.hookspecs import hookimpl
from tfgen.registry import Registration, Registry
from tfgen.specs import DatasetSpec, DataSources, DataSpec, ModelSpec

if TYPE_CHECKING:
    from tfgen.api import generate, load, train
    from tfgen.binarisation import binarise
    from tfgen.data.dataset import Dataset, Split
    from tfgen.dequantisation import dequantise, logit_squeeze, quantise
    from tfgen.models import (
        Batch,
        Decodes,
        GenerativeModel,
        HasElbo,
        HasLatents,
        HasLogProb,
        HasPosterior,
        HasTemperature,
        Inpaints,
        Objective,
        Samples,
    )
    from tfgen.seeds import as_seed, fold_in, normal, split_seed, uniform

__version__ = "0.1.0"

_LAZY = {
    "train": "tfgen.api",
    "load": "tfgen.api",
    "generate": "tfgen.api",
    "Dataset": "tfgen.data.dataset",
    "Split": "tfgen.data.dataset",
    "binarise": "tfgen.binarisation",
    "dequantise": "tfgen.dequantisation",
    "logit_squeeze": "tfgen.dequantisation",
    "quantise": "tfgen.dequantisation",
    "Batch": "tfgen.models",
    "Decodes": "tfgen.models",
    "GenerativeModel": "tfgen.models",
    "HasElbo": "tfgen.models",
    "HasLatents": "tfgen.models",
    "HasLogProb": "tfgen.models",
    "HasPosterior": "tfgen.models",
    "HasTemperature": "tfgen.models",
    "Inpaints": "tfgen.models",
    "Objective": "tfgen.models",
    "Samples": "tfgen.models",
    "as_seed": "tfgen.seeds",
    "fold_in": "tfgen.seeds",
    "normal": "tfgen.seeds",
    "split_seed": "tfgen.seeds",
    "uniform": "tfgen.seeds",
}
_NEEDS_TENSORFLOW = {"tfgen.api", "tfgen.binarisation", "tfgen.dequantisation", "tfgen.models", "tfgen.seeds"}

__all__ = [
    "Batch",
    "DataError",
    "DataSources",
    "DataSpec",
    "Dataset",
    "DatasetSpec",
    "Decodes",
    "GenerativeModel",
    "HasElbo",
    "HasLatents",
    "HasLogProb",
    "HasPosterior",
    "HasTemperature",
    "Inpaints",
    "ModelSpec",
    "Objective",
    "Registration",
    "Registry",
    "Samples",
    "Split",
    "TfgenError",
    "as_seed",
    "binarise",
    "dequantise",
    "fold_in",
    "generate",
    "hookimpl",
    "load",
    "logit_squeeze",
    "normal",
    "quantise",
    "require_option",
    "split_seed",
    "train",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tfgen' has no attribute {name!r}")
    module = _LAZY[name]
    if module in _NEEDS_TENSORFLOW:
        from tfgen.runtime import load_tensorflow

        load_tensorflow()
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
