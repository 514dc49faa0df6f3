"""The peers on PyTorch as contenders, with tfgen's weights: nflows and normflows.

    python -m benchmarks.sampling.torch_worker nflows

Both take the quickest road to the same mathematics that their public classes offer, and where a choice had to be made, the
better side of it:

- nflows: ``AffineCouplingTransform`` in a ``CompositeTransform``, drawn from by ``Flow.sample``. Its log-scale is a sigmoid's;
  the one method that says so is replaced. Its own direction divides when it samples: ``InverseTransform`` makes it multiply.
- normflows: ``AffineCouplingBlock`` (its ``MaskedAffineFlow`` has two networks of full width, most of it zeros), drawn from by
  ``NormalizingFlow.sample``. The log-scale is bounded inside the network, in place.
- Networks are plain ``torch.nn.Linear`` with ReLU in place, and grey levels are computed in place.
- Both libraries compute log-determinants whenever they sample, normflows densities too: this is part of sampling with them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sampling.worker import Layer, Plan, Program, Sampler, installed, load_weights, serve, usable_cores


def make(name: str, plan: Plan, weights: str) -> Sampler:
    """Build the contender `name`; imports PyTorch and the library only now."""
    import torch

    torch.set_num_threads(plan.threads or usable_cores())
    torch.manual_seed(plan.seed)

    def mlp(dense: Layer) -> Any:
        modules: list[Any] = []
        for kernel, bias in dense:
            linear = torch.nn.utils.skip_init(torch.nn.Linear, *kernel.shape)
            linear.weight.data.copy_(torch.from_numpy(kernel.T))
            linear.bias.data.copy_(torch.from_numpy(bias))
            modules += [linear, torch.nn.ReLU(inplace=True)]
        return torch.nn.Sequential(*modules[:-1])

    built = {"nflows": _nflows, "normflows": _normflows}[name](plan, load_weights(weights, plan), mlp)
    return TorchSampler(name, plan, *built)


class TorchSampler(Sampler):
    """A flow of one of the libraries.

    Args:
        name: of the library.
        plan: the flow.
        module: owns the weights.
        draw: from a number n to flat results of the couplings [n, D], for codes that it draws.
        push: from codes [n, D] to flat results.
    """

    works: Mapping[str, Sequence[str]] = {"plain": ("products",)}

    def __init__(self, name: str, plan: Plan, module: Any, draw: Callable[[int], Any], push: Callable[[Any], Any]):
        self.ways = {"plain": f"{name}, inference_mode", "compiled": f"{name}, inference_mode, torch.compile"}
        self._name, self._plan, self._module, self._draw, self._push = name, plan, module.eval(), draw, push
        self._networks = [part for part in module.modules() if type(part).__name__ == "Sequential"]

    def facts(self) -> dict[str, Any]:
        """Return numbers of weights, threads and versions."""
        import torch

        sizes = [(weight.dim(), weight.numel()) for weight in self._module.parameters()]
        counts = {kind: sum(n for rank, n in sizes if rank == r) for kind, r in (("kernels", 2), ("biases", 1))}
        others = sum(n for _, n in sizes) - sum(counts.values())
        return {
            **counts,
            "others": others,
            "threads": torch.get_num_threads(),
            "versions": installed("torch", self._name),
        }

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the images of codes."""
        import torch

        with torch.inference_mode():
            images: NDArray[np.uint8] = self._grey(self._push(torch.from_numpy(codes))).numpy()
        return images

    def program(self, way: str, work: str, batch: int) -> Program:
        """Return the program, which samples or runs the networks alone; PyTorch's generator goes on from call to call."""
        import torch

        half = torch.randn(batch, self._plan.dimensions // 2)

        def products() -> Any:
            h = half
            for module in self._networks:
                h = module(h)[:, : half.shape[1]]
            return h

        def draw() -> Any:
            return self._grey(self._draw(batch))

        step = products if work == "products" else draw
        step = torch.compile(step) if way == "compiled" else step

        def run(number: int) -> NDArray[Any]:
            with torch.inference_mode():
                result: NDArray[Any] = step().numpy()
            return result

        return run

    def _grey(self, flat: Any) -> Any:
        import torch

        plan = self._plan
        scale = plan.levels / (1 - 2 * plan.alpha)
        y = torch.sigmoid(flat * plan.spread).mul_(scale).sub_(scale * plan.alpha)
        return y.clamp_(0, plan.levels - 1).to(torch.uint8).view(-1, *plan.shape)  # the cast drops the fraction


def _nflows(plan: Plan, networks: Sequence[Layer], mlp: Callable[[Layer], Any]) -> tuple[Any, Any, Any]:
    import torch
    from nflows.distributions import StandardNormal
    from nflows.flows import Flow
    from nflows.transforms import AffineCouplingTransform, CompositeTransform, InverseTransform

    class Coupling(AffineCouplingTransform):
        def _scale_and_shift(self, transform_params: Any) -> tuple[Any, Any]:
            shift, raw = transform_params.chunk(2, dim=1)
            return raw.tanh().exp_(), shift

    class Network(torch.nn.Module):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any, context: Any = None) -> Any:
            return self.net(x)

    def coupling(number: int, dense: Layer) -> Any:
        kernel, bias = dense[-1]  # shifts first, log-scales after them
        dense = [*dense[:-1], (_parted(kernel), _parted(bias))]
        moved = np.arange(plan.dimensions) >= plan.dimensions // 2
        mask = (moved if number % 2 == 0 else ~moved).astype(np.int64)
        return Coupling(torch.from_numpy(mask), lambda inputs, outputs: Network(mlp(dense)))

    couplings = [coupling(number, dense) for number, dense in enumerate(networks)]
    flow = Flow(InverseTransform(CompositeTransform(couplings[::-1])), StandardNormal([plan.dimensions]))
    return flow, flow.sample, lambda z: flow._transform.inverse(z)[0]


def _parted(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([columns[..., 0::2], columns[..., 1::2]], axis=-1)


def _normflows(plan: Plan, networks: Sequence[Layer], mlp: Callable[[Layer], Any]) -> tuple[Any, Any, Any]:
    import normflows
    import torch

    class Network(torch.nn.Module):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any) -> Any:
            parameters = self.net(x)
            parameters[:, 1::2].tanh_()
            return parameters

    blocks = [
        normflows.flows.AffineCouplingBlock(Network(mlp(dense)), split_mode="channel_inv" if number % 2 else "channel")
        for number, dense in enumerate(networks)
    ]
    base = normflows.distributions.DiagGaussian(plan.dimensions, trainable=False)
    base.d = int(base.d)  # a NumPy integer is what torch.compile fails on
    flow = normflows.NormalizingFlow(base, blocks[::-1])
    return flow, lambda n: flow.sample(n)[0], flow.forward


if __name__ == "__main__":
    library = sys.argv[1]
    serve(lambda plan, weights: make(library, plan, weights))
