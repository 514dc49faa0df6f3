"""Autoencoders in plain PyTorch, written as usual there, with images channels last, which oneDNN likes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from benchmarks.peers.subjects import require_grey, require_model, require_options
from benchmarks.peers.torch_contender import Peer, Place, to_grey
from benchmarks.peers.torch_layers import DoublingConv2d, SameConv2d, activation
from tfgen_benchmarks.worker import UnsuitableError

_CONVOLUTIONS = ((32, 4), (64, 4), (128, 3))  # filters and kernel, as in tfgen


class VAE(Peer):
    """A VAE, or a CVAE, of black and white images with a standard normal prior (Kingma, Welling 2014; Sohn, Lee, Yan 2015).

    Args:
        place: where it computes.
        subject: either, with bits drawn anew in each step and a single draw of the code.

    Raises:
        UnsuitableError: for other options.
    """

    def __init__(self, place: Place, subject: Mapping[str, Any]) -> None:
        config = subject["config"]
        require_model("torch", subject, "vae", "cvae")
        require_grey("torch", subject)
        require_options(
            "torch",
            config,
            network=("conv", "mlp"),
            likelihood=("bernoulli",),
            binarise=("stochastic",),
            prior=("standard",),
            objective=("elbo",),
            pixels=("mean",),
            beta=(1.0,),
            beta_warmup=(0.0,),
            free_bits=(0.0,),
        )
        if subject["levels"] != 256:
            raise UnsuitableError(f"torch does images of 256 grey levels, not of {subject['levels']}")
        self.shape, self._place, self._latent = tuple(subject["shape"]), place, config["latent"]
        self._classes = subject["classes"] if subject["model"] == "cvae" else 0
        inside, outside = self._latent + self._classes, 2 * self._latent
        if config["network"] == "conv":
            sides, act = self.shape[:2], config["activation"]
            encoder: Any = ConvEncoder(sides, 1 + self._classes, outside, act)
            decoder: Any = ConvDecoder(inside, sides, act)
        else:
            pixels, hidden = math.prod(self.shape), (config["units"], config["depth"], config["activation"])
            encoder = MLPEncoder(_mlp(pixels + self._classes, outside, *hidden))
            decoder = MLPDecoder(_mlp(inside, pixels, *hidden), self.shape)
        self.module = torch.nn.ModuleList([encoder, decoder])
        self._encoder, self._decoder = encoder, decoder

    def loss(self, images: Any, labels: Any) -> Any:
        """Return the negative ELBO of bits that are drawn from the images, in nats."""
        grey = images.float() / 255
        bits = (grey > torch.rand_like(grey)).float()
        one_hot = self._one_hot(labels)
        mean, log_variance = self._encoder(bits, one_hot).float().chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        logits = self._decoder(self._beside(z, one_hot)).float()
        reconstruction = functional.binary_cross_entropy_with_logits(logits, bits, reduction="sum")
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
        return (reconstruction + kl) / len(images)

    def sampler(self, compiled: Callable[[Any], Any]) -> Callable[[int], Any]:
        """Return what draws a code, and a label, and decodes it."""

        def draw(n: int) -> Any:
            z = torch.randn(n, self._latent, device=self._place.device)
            labels = torch.randint(max(self._classes, 1), (n,), device=self._place.device)
            return self._images(z, labels)

        return compiled(draw)

    def decoder(self, batch: int) -> Callable[[], Any]:
        """Return what decodes fixed codes."""
        z = torch.randn(batch, self._latent, device=self._place.device)
        labels = torch.arange(batch, device=self._place.device) % max(self._classes, 1)
        return lambda: self._images(z, labels)

    def outputs(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the images of codes, and the codes of images."""
        labels = given.get("labels")
        bits = (given["images"] > 127).float()
        encoded = self._encoder(bits, self._one_hot(labels))[:, : self._latent]
        return {"decoded": self._images(given["codes"], labels), "encoded": encoded}

    def _images(self, z: Any, labels: Any) -> Any:
        logits = self._decoder(self._beside(z, self._one_hot(labels)))
        return to_grey(logits.float().sigmoid())

    def _one_hot(self, labels: Any) -> Any:
        return functional.one_hot(labels.long(), self._classes).float() if self._classes else None

    def _beside(self, z: Any, one_hot: Any) -> Any:
        return z if one_hot is None else torch.cat([z, one_hot], dim=1)


def _mlp(inputs: int, outputs: int, units: int, depth: int, name: str) -> Any:
    widths = [inputs, *[units] * depth]
    modules: list[Any] = []
    for width in widths[:-1]:
        modules += [torch.nn.Linear(width, units), activation(name)]
    return torch.nn.Sequential(*modules, torch.nn.Linear(widths[-1], outputs))


class MLPEncoder(torch.nn.Module):
    """Dense layers over the pixels, with the label beside them."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any, one_hot: Any) -> Any:
        """Return [n, outputs] for images [n, height, width, 1] and labels [n, k]."""
        flat = x.flatten(1)
        return self.network(flat if one_hot is None else torch.cat([flat, one_hot], dim=1))


class MLPDecoder(torch.nn.Module):
    """Dense layers from a code and a label to pixels."""

    def __init__(self, network: Any, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.network, self.shape = network, shape

    def forward(self, z: Any) -> Any:
        """Return logits [n, height, width, 1]."""
        return self.network(z).view(-1, *self.shape)


class ConvEncoder(torch.nn.Module):
    """Three convolutions of stride 2 and a linear layer; the label comes in as planes beside the image.

    Args:
        sides: height and width of an image.
        channels: one, and the planes of the label.
        outputs: width of the result.
        act: activation.
    """

    def __init__(self, sides: tuple[int, ...], channels: int, outputs: int, act: str) -> None:
        super().__init__()
        height, width = sides
        layers: list[Any] = []
        for filters, kernel in _CONVOLUTIONS:
            layers += [SameConv2d(channels, filters, kernel, 2, (height, width)), activation(act)]
            height, width, channels = -(-height // 2), -(-width // 2), filters
        self.convolutions = torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.head = torch.nn.Linear(height * width * channels, outputs)

    def forward(self, x: Any, one_hot: Any) -> Any:
        """Return [n, outputs] for images [n, height, width, 1] and labels [n, k]."""
        if one_hot is not None:
            planes = one_hot[:, None, None, :].expand(-1, *x.shape[1:3], -1)
            x = torch.cat([x, planes], dim=3)
        hidden = self.convolutions(x.permute(0, 3, 1, 2))
        return self.head(hidden.permute(0, 2, 3, 1).flatten(1))


class ConvDecoder(torch.nn.Module):
    """A linear layer to the smallest maps, and transposed convolutions, as in tfgen.

    Args:
        inputs: width of code and label.
        sides: height and width of an image.
        act: activation.
    """

    def __init__(self, inputs: int, sides: tuple[int, ...], act: str) -> None:
        super().__init__()
        height, width = sides
        maps = [(height, width)]
        for _ in _CONVOLUTIONS:
            height, width = -(-height // 2), -(-width // 2)
            maps.insert(0, (height, width))
        filters, kernels = ([pair[place] for pair in reversed(_CONVOLUTIONS)] for place in (0, 1))
        self.start = (*maps[0], filters[0])
        self.stem = torch.nn.Linear(inputs, math.prod(self.start))
        self.act = activation(act)
        layers: list[Any] = []
        for before, after, kernel, size in zip(filters, [*filters[1:], 1], kernels, maps[1:], strict=True):
            layers += [DoublingConv2d(before, after, kernel, size), activation(act)]
        self.convolutions = torch.nn.Sequential(*layers[:-1]).to(memory_format=torch.channels_last)

    def forward(self, z: Any) -> Any:
        """Return logits [n, height, width, 1] for codes and labels [n, inputs]."""
        hidden = self.act(self.stem(z)).view(-1, *self.start).permute(0, 3, 1, 2)
        return self.convolutions(hidden).permute(0, 2, 3, 1)
