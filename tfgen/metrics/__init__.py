"""Metrics of sample quality and divergences: pure functions of arrays.

    >>> from tfgen.metrics import Moments, frechet_distance, kernel_distance      # doctest: +SKIP
    >>> a, b = Moments.of(features), Moments.of(other_features)                   # doctest: +SKIP
    >>> frechet_distance(a.mean, a.covariance, b.mean, b.covariance)              # doctest: +SKIP

Importing this package imports nothing: each name, listed in ``__init__.pyi``, loads its module when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
