"""Other libraries as contenders of the benchmark suite, each in a process and, where need be, an environment of its own.

- `torch_worker`: nflows and normflows (Real NVP), and autoencoders and PixelCNNs in plain PyTorch.
- `tfd_worker`: the PixelCNN of TensorFlow Probability.

They compute what tfgen's models compute: `worker.Contender.compare` gives them tfgen's weights, and outputs must agree.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

if importlib.util.find_spec("pluggy") is None:
    # A peer's environment has nothing that tfgen needs, but for NumPy. The worker's side of the pipe needs no more either, only
    # the package around it does: so that package is entered by its folder, past what it imports.
    _tfgen = types.ModuleType("tfgen")
    _tfgen.__path__ = [str(Path(__file__).resolve().parents[2] / "tfgen")]
    sys.modules.setdefault("tfgen", _tfgen)
