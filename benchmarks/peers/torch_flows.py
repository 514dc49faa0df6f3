"""Real NVP by two libraries of flows on PyTorch: nflows and normflows.

Both take the quickest road to tfgen's mathematics that their public classes offer, and where a choice had to be made, the
better side of it. A coupling draws ``z_b <- z_b exp(r tanh(raw(z_a))) + shift(z_a)`` with a learned range r, as in tfgen, the
halves in turns; images are ``floor(L (sigmoid(4 z) - alpha) / (1 - 2 alpha))``.

- nflows: ``AffineCouplingTransform`` in a ``CompositeTransform``, drawn from by ``Flow.sample``. Its log-scale is a sigmoid's;
  the one method that says so is replaced. Its own direction divides when it samples: ``InverseTransform`` makes it multiply.
- normflows: ``AffineCouplingBlock`` (its ``MaskedAffineFlow`` has two networks of full width, most of it zeros), drawn from by
  ``NormalizingFlow.sample``. The log-scale is bounded inside the network, when drawing in place.
- Networks are plain ``torch.nn.Linear`` with the activation in place, and grey levels are computed in place.
- Both libraries compute log-determinants whenever they sample, normflows densities too: this is part of sampling with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.layouts import parted, torch_layout
from benchmarks.peers.subjects import require_grey, require_model, require_options
from benchmarks.peers.torch_contender import Peer, Place
from benchmarks.peers.torch_layers import activation
from tfgen_benchmarks.worker import UnsuitableError

_SPREAD = 4.0  # what tfgen divides logits by


class Flow(Peer):
    """A flow of one of the libraries, drawn from and measured by its public methods.

    Args:
        name: of the library.
        place: where it computes.
        subject: Real NVP with half masks and dense networks.

    Raises:
        UnsuitableError: for other options.
    """

    def __init__(self, name: str, place: Place, subject: Mapping[str, Any]) -> None:
        config = subject["config"]
        require_model(name, subject, "realnvp")
        require_grey(name, subject)
        require_options(name, config, network=("mlp",), coupling=("affine",))
        if set(config["mask"]) != {"half"}:
            raise UnsuitableError(f"{name} does half masks only, not {', '.join(config['mask'])}")
        self.shape, self.dimensions = tuple(subject["shape"]), math.prod(subject["shape"])
        if self.dimensions % 2:
            raise UnsuitableError(f"{name} has halves of one size, and {self.dimensions} dimensions have none")
        self.distributions = ("torch", name)
        self._levels, self._alpha, self._layers = subject["levels"], config["alpha"], config["layers"]
        self._parted = name == "nflows"
        parts = [_conditioner(config, self.dimensions // 2) for _ in range(self._layers)]
        ranges = [torch.nn.Parameter(torch.ones(self.dimensions // 2)) for _ in parts]
        flow = (_nflows if self._parted else _normflows)(self.dimensions, parts, ranges)
        self._flow = flow
        # In tfgen's order, whatever that of the library is.
        self.module = torch.nn.ModuleList(
            [
                torch.nn.ModuleList([torch.nn.ParameterList([each]), part])
                for each, part in zip(ranges, parts, strict=True)
            ]
        )
        flow.to(place.device)

    def loss(self, images: Any, labels: Any) -> Any:
        """Return the negative log-likelihood of dequantised images, in nats for each dimension."""
        levels, alpha = self._levels, self._alpha
        y = images.flatten(1).float()
        y = torch.clamp(y + torch.rand_like(y), max=float(np.nextafter(np.float32(levels), np.float32(0))))
        margin = levels * alpha / (1 - 2 * alpha)
        p = (y + margin) / (levels + 2 * margin)
        log_p, log_q = torch.log(p), torch.log1p(-p)
        # With x = logit(p) / 4: log|dx/dy| = -log p - log(1 - p) - log(4 (levels + 2 margin)).
        nats = self._flow.log_prob((log_p - log_q) / _SPREAD) - (log_p + log_q).sum(1)
        return math.log(_SPREAD * (levels + 2 * margin)) - nats.mean() / self.dimensions

    def sampler(self, compiled: Callable[[Any], Any]) -> Callable[[int], Any]:
        """Return the library's own drawing, and grey levels."""

        def draw(n: int) -> Any:
            drawn = self._flow.sample(n)
            return self._grey(drawn if self._parted else drawn[0])

        return compiled(draw)

    def layout(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return tfgen's weights; nflows wants all shifts before the log-scales, in each coupling's last layer."""
        arrays = [torch_layout(array) for array in arrays]
        each = len(arrays) // self._layers
        last = (each - 2, each - 1)
        if not self._parted:
            return arrays
        return [parted(array) if number % each in last else array for number, array in enumerate(arrays)]

    def outputs(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the images of codes."""
        codes = given["codes"]
        return {"decoded": self._grey(self._flow._transform.inverse(codes)[0] if self._parted else self._flow(codes))}

    def _grey(self, flat: Any) -> Any:
        scale = self._levels / (1 - 2 * self._alpha)
        y = torch.sigmoid(flat.float() * _SPREAD).mul_(scale).sub_(scale * self._alpha)
        return y.clamp_(0, self._levels - 1).to(torch.uint8).view(-1, *self.shape)  # the cast drops the fraction


def _conditioner(config: Mapping[str, Any], half: int) -> Any:
    """Return the network from one half to shifts and log-scales of the other; its last layer starts at zero."""
    modules: list[Any] = []
    width = half
    for _ in range(config["depth"]):
        modules += [torch.nn.Linear(width, config["units"]), activation(config["activation"])]
        width = config["units"]
    head = torch.nn.Linear(width, 2 * half)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    return torch.nn.Sequential(*modules, head)


def _nflows(dimensions: int, networks: Sequence[Any], ranges: Sequence[Any]) -> Any:
    from nflows.distributions import StandardNormal
    from nflows.flows import Flow as LibraryFlow
    from nflows.transforms import AffineCouplingTransform, CompositeTransform, InverseTransform

    class Coupling(AffineCouplingTransform):
        def __init__(self, mask: Any, network: Any, log_scale_range: Any) -> None:
            super().__init__(mask, lambda inputs, outputs: Network(network))
            self.log_scale_range = log_scale_range

        def _scale_and_shift(self, transform_params: Any) -> tuple[Any, Any]:
            shift, raw = transform_params.chunk(2, dim=1)
            return (self.log_scale_range * raw.tanh()).exp(), shift

    class Network(torch.nn.Module):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any, context: Any = None) -> Any:
            return self.net(x).float()

    moved = torch.arange(dimensions) >= dimensions // 2
    couplings = [
        Coupling((~moved if number % 2 else moved).long(), network, each)
        for number, (network, each) in enumerate(zip(networks, ranges, strict=True))
    ]
    return LibraryFlow(InverseTransform(CompositeTransform(couplings[::-1])), StandardNormal([dimensions]))


def _normflows(dimensions: int, networks: Sequence[Any], ranges: Sequence[Any]) -> Any:
    import normflows

    class Network(torch.nn.Module):
        def __init__(self, net: Any, log_scale_range: Any) -> None:
            super().__init__()
            self.net, self.log_scale_range = net, log_scale_range

        def forward(self, x: Any) -> Any:
            parameters = self.net(x).float()
            if not torch.is_grad_enabled():
                parameters[:, 1::2].tanh_().mul_(self.log_scale_range)
                return parameters
            log_scale = self.log_scale_range * parameters[:, 1::2].tanh()
            return torch.stack((parameters[:, 0::2], log_scale), dim=2).flatten(1)

    blocks = [
        normflows.flows.AffineCouplingBlock(Network(network, each), split_mode="channel_inv" if n % 2 else "channel")
        for n, (network, each) in enumerate(zip(networks, ranges, strict=True))
    ]
    base = normflows.distributions.DiagGaussian(dimensions, trainable=False)
    base.d = int(base.d)  # a NumPy integer is what torch.compile fails on
    return normflows.NormalizingFlow(base, blocks[::-1])
