"""Options of the brief training in the conformance checks. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Two short epochs in a plain graph, over the model's own defaults.
QUICK: Mapping[str, Any] = {
    "epochs": 2, "compile": "graph", "chunk_steps": 5, "schedule": "constant",
    "accumulate": 1, "limit": 0,
}  # fmt: skip
