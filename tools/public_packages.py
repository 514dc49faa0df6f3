"""Public packages: what these list in ``__all__`` stays, or changes with a note."""

from __future__ import annotations

PACKAGES = (
    "tfgen", "tfgen.layers", "tfgen.metrics", "tfgen.testing", "tfgen.runs", "tfgen.export", "tfgen.figures", "tfgen.sample",
    "tfgen.cli",
)  # fmt: skip
