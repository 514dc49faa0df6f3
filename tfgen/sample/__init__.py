"""Sampling from models: samples, inpainting, interpolations, latent codes.

Each public name, listed in ``__init__.pyi``, loads its module when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
