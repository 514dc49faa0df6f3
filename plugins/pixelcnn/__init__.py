"""PixelCNN: exact likelihood pixel by pixel, by masked convolutions, with a cached sampler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class PixelCNNConfig:
    """Options of a PixelCNN."""

    network: Literal["gated", "plain"] = "gated"
    """Gated convolutions in a vertical and a horizontal stack, which see all earlier pixels, or plain masked convolutions
    in residual blocks, which are faster and have a blind spot."""
    blocks: int = 6
    """Blocks behind the first layer."""
    filters: int = 32
    """Filters of a block; features are as wide in a gated network, and twice as wide in a plain one."""
    reach: int = 1
    """How far the convolutions of a block reach up and to the sides; 1 is a kernel of 3x3."""
    first_reach: int = 3
    """How far the first layer reaches; 3 is a kernel of 7x7."""
    attention: int = 0
    """Causal self-attention blocks, spread evenly among the others: each pixel sees the features of all earlier ones."""
    dropout: float = 0.0
    """Part of a block's features that training leaves out."""
    conditional: bool = False
    """Learn p(x|y) with a bias for each label in each block."""
    output: Literal["bernoulli", "categorical", "discretized_logistic"] = "bernoulli"
    """p of a pixel: a bit; a probability for each grey level; or a mixture of logistics rounded to grey levels."""
    binarise: Literal["stochastic", "static", "threshold"] = "stochastic"
    """bernoulli: how grey levels become bits: drawn anew for each step, drawn once for each image, or compared with 1/2."""
    components: int = 10
    """discretized_logistic: components of the mixture."""

    def __post_init__(self) -> None:
        for name in ("blocks", "filters", "reach", "first_reach", "components"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.attention >= 0, "attention", self.attention, "0 or more")
        require_option(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")


@dataclass(frozen=True)
class PixelCNNSampling:
    """Options of sampling."""

    temperature: float = 1.0
    """Probabilities of a pixel become proportional to p^(1/T): below 1 the likelier values are drawn more often than the
    model says, above 1 the others; 1 is the model itself."""

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
            summary="Pixels one after another by masked convolutions: exact likelihood, inpainting of any mask.",
            reference="van den Oord et al.: Conditional image generation with PixelCNN decoders, NIPS 2016",
            sampling=PixelCNNSampling,
            takes_labels=True,  # where --conditional says so
            training={"epochs": 50, "schedule": "cosine", "learning_rate": 2e-3, "clip_norm": 1.0},
        )
    )
