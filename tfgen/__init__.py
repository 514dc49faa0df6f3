"""tfgen: explicit generative models as plugins, on TensorFlow, TensorFlow Probability and Keras 3.

    >>> import tfgen
    >>> run = tfgen.train("mymodel", data="digits", epochs=5)       # doctest: +SKIP
    >>> run.model.sample(16, seed=0), run.evaluate()                # doctest: +SKIP

Importing this package imports neither TensorFlow nor Keras: each public name, listed in ``__init__.pyi``, loads its module
when it is first used.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from tfgen.version import VERSION

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = VERSION

#: Public names that can be had without TensorFlow.
_LIGHT = frozenset({
    "Basis", "CapabilityError", "Column", "CommandSpec", "DataError", "DataSources", "DataSpec", "Dataset", "DatasetSpec",
    "ExportFormatSpec", "FeatureNetworkSpec", "InterruptedRunError", "Metric", "MetricSpec", "ModelSpec", "NonFiniteError",
    "OptimizerSpec", "OptionError", "OutOfMemoryError", "OutputError", "PictureSpec", "PluginError", "Registration", "Registry",
    "Run", "RunError", "ScheduleSpec", "Split", "TfgenError", "TrainOptions", "UnknownNameError", "compare", "hookimpl", "load",
    "load_dataset", "load_registry", "read_runs", "require_option", "train",
})  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__ and name not in _LIGHT:
        from tfgen.runtime import load_tensorflow

        load_tensorflow()  # quietly, before the name's own module imports it
    return _load(name)
