"""The peers on PyTorch as contenders.

    python -m benchmarks.peers.torch_worker nflows|normflows|torch

What `torch.compile` has made is kept on the disk for other processes: first calls are only measured whole when
``TORCHINDUCTOR_CACHE_DIR`` names a folder that is empty when the worker starts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tfgen_benchmarks.worker import Contender, UnsuitableError, serve

#: What `torch.compile` may make of one function, which here is each batch and each size.
_PROGRAMS = 10**4


def make(name: str, subject: Mapping[str, Any]) -> Contender:
    """Build the contender `name`; imports PyTorch and the library only now.

    Raises:
        UnsuitableError: for a subject that it does not have.
    """
    import torch._dynamo.config as dynamo

    from benchmarks.peers.torch_contender import Peer, Place, TorchContender

    # Beyond its limit a function would be run eagerly, under the name of the compiled one.
    dynamo.recompile_limit = dynamo.accumulated_recompile_limit = _PROGRAMS
    dynamo.fail_on_recompile_limit_hit = True
    place = Place.of(subject)
    peer: Peer
    if name in ("nflows", "normflows"):
        from benchmarks.peers.torch_flows import Flow

        peer = Flow(name, place, subject)
    elif subject["model"] in ("vae", "cvae"):
        from benchmarks.peers.torch_vae import VAE

        peer = VAE(place, subject)
    elif subject["model"] == "pixelcnn":
        from benchmarks.peers.torch_pixelcnn import PixelCNN

        peer = PixelCNN(place, subject)
    else:
        raise UnsuitableError(f"torch does not have the model {subject['model']}")
    return TorchContender(name, place, peer, subject)


if __name__ == "__main__":
    library = sys.argv[1]
    serve(lambda subject: make(library, subject))
