"""PixelCNN in plain PyTorch, sampled the usual way: one pass of the whole network for each pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.peers.layouts import torch_layout
from benchmarks.peers.subjects import require_grey, require_model, require_options
from benchmarks.peers.torch_contender import Peer, Place
from benchmarks.peers.torch_layers import MaskedConv2d

_PASSES, _BATCH = 28, 16  # in a call of the sampler, and up to which batch size


class PixelCNN(Peer):
    """A PixelCNN of black and white images (van den Oord et al. 2016).

    Args:
        place: where it computes.
        subject: gated or plain, without attention, dropout or labels, with bits drawn anew in each step.

    Raises:
        UnsuitableError: for other options.
    """

    def __init__(self, place: Place, subject: Mapping[str, Any]) -> None:
        config = subject["config"]
        require_model("torch", subject, "pixelcnn")
        require_grey("torch", subject)
        require_options(
            "torch",
            config,
            network=("gated", "plain"),
            output=("bernoulli",),
            binarise=("stochastic",),
            attention=(0,),
            conditional=(False,),
            dropout=(0.0,),
        )
        self.shape, self._place, self._brightest = tuple(subject["shape"]), place, subject["levels"] - 1
        self.module = Gated(config) if config["network"] == "gated" else Plain(config)
        self.module.to(memory_format=torch.channels_last)
        self._pixels = math.prod(self.shape)
        self.notes = (
            f"a call draws only the first of {self._pixels} pixels, {_PASSES} at up to {_BATCH} images and fewer at more: each "
            f"takes one whole pass of the network, so that an image costs {self._pixels} times the multiply-adds of one",
        )

    def drawn(self, batch: int) -> float:
        """Return the part of an image that a call draws."""
        return self._passes(batch) / self._pixels

    def _passes(self, batch: int) -> int:
        return max(1, min(_PASSES, _PASSES * _BATCH // batch, self._pixels))

    def loss(self, images: Any, labels: Any) -> Any:
        """Return the negative log-likelihood of bits that are drawn from the images, in nats for each pixel."""
        grey = images.float() / self._brightest
        bits = (grey > torch.rand_like(grey)).float().permute(0, 3, 1, 2)
        return functional.binary_cross_entropy_with_logits(self.module(bits).float(), bits)

    def sampler(self, compiled: Callable[[Any], Any]) -> Callable[[int], Any]:
        """Return what draws the first pixels of images, one after the other."""
        network = compiled(self.module)
        _, width, _ = self.shape

        def draw(n: int) -> Any:
            bits = torch.zeros(n, 1, *self.shape[:2], device=self._place.device)
            uniforms = torch.rand(self._passes(n), n, 1, device=self._place.device)
            for pixel in range(len(uniforms)):
                row, column = divmod(pixel, width)
                logits = network(bits)[:, :, row, column].float()
                bits[:, :, row, column] = (uniforms[pixel] < logits.sigmoid()).float()
            return bits.mul_(self._brightest).to(torch.uint8).permute(0, 2, 3, 1)

        return draw

    def layout(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return tfgen's weights; its linear maps of the channels are convolutions of 1x1 here."""
        arrays = [torch_layout(array) for array in arrays]
        return [array[:, :, None, None] if array.ndim == 2 else array for array in arrays]

    def outputs(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the log-probabilities of images, in nats."""
        bits = (given["images"] > self._brightest / 2).float().permute(0, 3, 1, 2)
        nats = functional.binary_cross_entropy_with_logits(self.module(bits), bits, reduction="none")
        return {"log_prob": -nats.flatten(1).sum(1)}


def _seen(bits: Any) -> Any:
    """Return bits as -1 and 1, with a one beside them that tells them from the margin; channels last."""
    seen = torch.cat([2 * bits - 1, torch.ones_like(bits)], dim=1)
    return seen.contiguous(memory_format=torch.channels_last)


def _everywhere(inputs: int, outputs: int) -> Any:
    """Return a linear map of the channels of each pixel."""
    return torch.nn.Conv2d(inputs, outputs, 1)


class Plain(torch.nn.Module):
    """An entry of type A, residual blocks of type B, and a head (van den Oord, Kalchbrenner, Kavukcuoglu 2016)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        filters, reach = config["filters"], config["first_reach"]
        self.entry = MaskedConv2d(2, 2 * filters, reach, 2 * reach + 1, "A")
        self.blocks = torch.nn.ModuleList([Residual(filters, config["reach"]) for _ in range(config["blocks"])])
        self.hidden, self.last = _everywhere(2 * filters, 2 * filters), _everywhere(2 * filters, 1)

    def forward(self, bits: Any) -> Any:
        """Return logits [n, 1, height, width] for bits of that shape."""
        h = self.entry(_seen(bits))
        for block in self.blocks:
            h = block(h)
        return self.last(self.hidden(h.relu()).relu())


class Residual(torch.nn.Module):
    """``h + W2 relu(K * relu(W1 relu(h)))``."""

    def __init__(self, filters: int, reach: int) -> None:
        super().__init__()
        self.narrow = _everywhere(2 * filters, filters)
        self.convolution = MaskedConv2d(filters, filters, reach, 2 * reach + 1, "B")
        self.widen = _everywhere(filters, 2 * filters)

    def forward(self, h: Any) -> Any:
        """Return the features with what the block adds."""
        return h + self.widen(self.convolution(self.narrow(h.relu()).relu()).relu())


class Gated(torch.nn.Module):
    """Two stacks of gated convolutions and a head (van den Oord et al. 2016, figure 2)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        filters, reach = config["filters"], config["first_reach"]
        width = 2 * reach + 1
        self.vertical = MaskedConv2d(2, filters, reach, width, "above")
        self.link = _everywhere(filters, filters)
        self.horizontal = MaskedConv2d(2, filters, 0, width, "A")
        self.blocks = torch.nn.ModuleList([GatedBlock(filters, config["reach"]) for _ in range(config["blocks"])])
        self.hidden, self.last = _everywhere(filters, 2 * filters), _everywhere(2 * filters, 1)

    def forward(self, bits: Any) -> Any:
        """Return logits [n, 1, height, width] for bits of that shape."""
        image = _seen(bits)
        v = self.vertical(image)
        h = self.horizontal(image) + self.link(v)
        for number, block in enumerate(self.blocks):
            v, h = block(v, h, last=number == len(self.blocks) - 1)
        return self.last(self.hidden(h.relu()).relu())


class GatedBlock(torch.nn.Module):
    """``v' = gate(Kv * v)``, ``h' = h + W gate(Kh * h + U (Kv * v))``."""

    def __init__(self, filters: int, reach: int) -> None:
        super().__init__()
        width = 2 * reach + 1
        self.vertical = MaskedConv2d(filters, 2 * filters, reach, width, "row")
        self.link = _everywhere(2 * filters, 2 * filters)
        self.horizontal = MaskedConv2d(filters, 2 * filters, 0, width, "B")
        self.mix = _everywhere(filters, filters)

    def forward(self, v: Any, h: Any, last: bool) -> tuple[Any, Any]:
        """Return both stacks' features; behind the last block nobody asks for the vertical one's."""
        x = self.vertical(v)
        h = h + self.mix(_gate(self.horizontal(h) + self.link(x)))
        return (v if last else _gate(x)), h


def _gate(x: Any) -> Any:
    a, b = x.chunk(2, dim=1)
    return a.tanh() * b.sigmoid()
