"""Peer libraries of the suite by name: what has to be installed for each, and in which models each takes part."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from tfgen.errors import require_option
from tfgen_benchmarks.options import Options, Variant
from tfgen_benchmarks.pipe import Entrant
from tfgen_benchmarks.suite import Rival

Peer = Literal["nflows", "normflows", "torch", "tfd", "keras"]
ROOT = Path(__file__).resolve().parents[1]
#: What is measured when no model is named: every built-in one, in the sizes that have rivals.
DEFAULT = (
    "realnvp:mask=half", "conditional_realnvp", "nice", "spline_flow", "vae", "cvae", "cvae:network=mlp", "gan", "cgan",
    "pixelcnn:filters=64",
)  # fmt: skip
_NEEDED = {"nflows": ("torch", "nflows"), "normflows": ("torch", "normflows"), "torch": ("torch",)}
_KNOWN = {"nflows": ("realnvp",), "normflows": ("realnvp",), "torch": ("vae", "cvae", "pixelcnn")}


@dataclass(frozen=True)
class PeerOptions(Options):
    """What is measured, how often, and beside whom."""

    peers: tuple[Peer, ...] = get_args(Peer)
    """Other libraries, where they have the model: nflows and normflows (Real NVP), torch (autoencoders and PixelCNN in plain
    PyTorch), tfd (tfd.PixelCNN), keras (keras.Model.fit). Leave the names out for none."""
    peer_python: Path | None = None
    """Python of another environment with torch, nflows and normflows; by default this one is used."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_option(len(set(self.peers)) == len(self.peers), "peers", " ".join(self.peers), "different names")
        if self.peer_python is not None:
            runs = self.peer_python.is_file() and os.access(self.peer_python, os.X_OK)
            rule = "the python of an environment with torch, nflows and normflows"
            require_option(runs, "peer_python", self.peer_python, rule)

    @classmethod
    def short(cls) -> Options:
        """Return what `--quick` makes the defaults: no other libraries."""
        return cls(**{**vars(Options.short()), "peers": ()})


def rivals(options: Options, chosen: Sequence[Variant]) -> list[Rival]:
    """Return the other libraries that were asked for; one that is not installed says by which command it can be."""
    assert isinstance(options, PeerOptions)
    python = options.peer_python or Path(sys.executable)
    result = []
    for name in options.peers:
        if name in _NEEDED:
            command = [str(python.absolute()), "-m", "benchmarks.peers.torch_worker", name]
            wanted = any(variant.model in _KNOWN[name] for variant in chosen)
            missing = _missing(python, _NEEDED[name], options.peer_python is not None) if wanted else None
            works: tuple[str, ...] = ("sample", "train", "decode") if name == "torch" else ("sample", "train")
            # What torch.compile made of an earlier run would make the first call look shorter than it is.
            environment = _environment(alone=True) | {"TORCHINDUCTOR_CACHE_DIR": _fresh_cache().name}
            result.append(Rival(Entrant(name, command, environment), _KNOWN[name], works, missing))
            continue
        command = [sys.executable, "-m", f"benchmarks.peers.{name}_worker"]
        entrant = Entrant({"tfd": "tfd.PixelCNN"}.get(name, name), command, _environment(alone=False))
        models: tuple[str, ...] = ("pixelcnn",) if name == "tfd" else ()
        works = ("sample",) if name == "tfd" else ("train",)
        result.append(Rival(entrant, models, works, same_weights=False))
    return result


def _environment(alone: bool) -> dict[str, str]:
    """Return PYTHONPATH: the checkout, and what was there already unless another environment's modules could be among it."""
    before = [] if alone else [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), *before])}


@cache
def _fresh_cache() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is gone when this process ends."""
    return tempfile.TemporaryDirectory(prefix="benchmarks-")


@cache
def _missing(python: Path, names: Sequence[str], elsewhere: bool) -> str | None:
    """Return what an environment lacks, with the command that installs it; None when all is there."""
    look = (
        f"import importlib.util as u, json; print(json.dumps([n for n in {list(names)!r} if u.find_spec(n) is None]))"
    )
    with tempfile.TemporaryDirectory() as nowhere:  # a folder that has no modules
        try:
            answer = subprocess.run(
                [python.absolute(), "-c", look], capture_output=True, text=True, cwd=nowhere, check=True
            )
            missing = json.loads(answer.stdout)
        except (OSError, subprocess.CalledProcessError, ValueError):
            return f"{python} is no Python that runs; give the python of an environment"
    if not missing:
        return None
    install = "python -m pip install -e '.[peers]'"
    if elsewhere:
        install = f"{shlex.quote(str(python))} -m pip install torch nflows normflows"
    lacks = ", ".join("PyTorch" if name == "torch" else name for name in missing)
    verb = "is" if len(missing) == 1 else "are"
    return f"{lacks} {verb} not installed; run: {install}"
