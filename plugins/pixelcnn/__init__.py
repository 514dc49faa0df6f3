"""PixelCNN plugin: an autoregressive model of images with masked convolutions, exact likelihood and a cached sampler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option

#: Largest radius of a kernel; those of the literature reach 3.
_WIDEST = 64


@dataclass(frozen=True)
class PixelCNNConfig:
    """Options of a PixelCNN."""

    network: Literal["gated", "plain"] = "gated"
    """Gated convolutions in a vertical and a horizontal stack, whose receptive field has no blind spot, or plain masked
    convolutions in residual blocks, which are faster and have a blind spot."""
    blocks: int = 6
    """Blocks after the first layer."""
    filters: int = 32
    """Filters of a block; features have as many channels in a gated network, twice as many in a plain one."""
    reach: int = 1
    """Radius of a block's convolutions: 1 is a masked kernel of 3x3, 2 of 5x5."""
    first_reach: int = 3
    """Radius of the first layer: 3 is a masked kernel of 7x7."""
    attention: int = 0
    """Causal self-attention blocks, spread evenly among the others; with one, the receptive field is all earlier pixels."""
    dropout: float = 0.0
    """Dropout rate of a block's features in training."""
    conditional: bool = False
    """Learn p(x|y), with a learned bias for each label in each block."""
    output: Literal["bernoulli", "categorical", "discretized_logistic"] = "bernoulli"
    """Distribution of a pixel: a bit; a probability for each grey level; or a mixture of logistics rounded to grey levels."""
    binarise: Literal["stochastic", "static", "threshold"] = "stochastic"
    """bernoulli: how grey levels become bits: drawn anew in each step, drawn once for each image, or thresholded at 1/2."""
    components: int = 10
    """discretized_logistic: components of the mixture."""

    def __post_init__(self) -> None:
        for name in ("blocks", "filters", "reach", "first_reach", "components"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("reach", "first_reach"):
            require_option(getattr(self, name) <= _WIDEST, name, getattr(self, name), f"at most {_WIDEST}")
        require_option(self.attention >= 0, "attention", self.attention, "0 or more")
        require_option(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")


@dataclass(frozen=True)
class PixelCNNSampling:
    """Sampling options of a PixelCNN."""

    temperature: float = 1.0
    """T: probabilities of a pixel become proportional to p^(1/T). Below 1 likely values are drawn more often than under the
    model, above 1 less often; 1 samples the model itself."""

    def __post_init__(self) -> None:
        possible = self.temperature > 0 and math.isfinite(self.temperature)
        require_option(possible, "temperature", self.temperature, "a number above 0")


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the PixelCNN."""
    registry.add_model(
        ModelSpec(
            name="pixelcnn",
            config=PixelCNNConfig,
            model="tfgen_plugins.pixelcnn.model:build_pixelcnn",
            summary="Autoregressive, pixel by pixel: exact likelihood, inpainting under any mask, fast cached sampling.",
            reference="van den Oord et al.: Conditional image generation with PixelCNN decoders, NIPS 2016",
            sampling=PixelCNNSampling,
            takes_labels=True,  # where --conditional says so
            presets={
                "cifar10": {
                    "output": "discretized_logistic",
                    "filters": 64,
                    "blocks": 8,
                    "batch_size": 16,
                    "epochs": 20,
                },
                "celeba64": {"output": "discretized_logistic", "filters": 48, "batch_size": 8, "epochs": 10},
            },
            training={"epochs": 50, "schedule": "cosine", "learning_rate": 2e-3, "clip_norm": 1.0},
        )
    )
