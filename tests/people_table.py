"""Table of people for tests: whole numbers, heavy tails, a share, texts, bools and real numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def people(n: int) -> pa.Table:
    """Return a table of n rows, the same ones each time."""
    random = np.random.default_rng(0)
    return pa.table(
        {
            "age": random.poisson(40, n),
            "income": np.exp(random.normal(10, 1, n)),
            "share": random.uniform(0, 1, n),
            "sex": random.choice(["f", "m"], n).tolist(),
            "smoker": (random.uniform(size=n) < 0.3).tolist(),
            "half": random.normal(size=n).astype(np.float32),
        }
    )
