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
    # the packages around it do: so they are entered by their folders, past what they import.
    _root = Path(__file__).resolve().parents[2]
    for _name, _folder in {"tfgen": "tfgen", "tfgen_benchmarks": "benchmarks/suite"}.items():
        _package = types.ModuleType(_name)
        _package.__path__ = [str(_root / _folder)]
        sys.modules.setdefault(_name, _package)
