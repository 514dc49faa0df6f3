"""Layers and formulas for plugins: MLPs, labels, masked and transposed convolutions, grey levels, pixel log-likelihoods.

    >>> from tfgen.layers import MLP, with_label                                    # doctest: +SKIP
    >>> decoder = MLP(16 + 10, 784, units=256, depth=2, activation="relu")          # doctest: +SKIP
    >>> logits = decoder(with_label(z, one_hot))                                    # doctest: +SKIP

Plugins may import every name listed in ``__init__.pyi``; each loads its module when it is first used.
"""

from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tfgen.runtime import load_tensorflow

        load_tensorflow()  # quietly, before the name's own module imports it
    return _load(name)
