"""Export of trained models: SavedModel and other formats, checked against the run, with a model card."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
