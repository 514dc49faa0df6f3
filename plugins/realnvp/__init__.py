"""Real NVP: a chain of affine couplings with an exact density (Dinh et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class RealNVPConfig:
    """Options of Real NVP."""

    layers: int = 5
    """Coupling layers; they transform the second and the first half of the dimensions in turn."""
    units: int = 512
    """Width of each hidden layer of the coupling networks."""
    depth: int = 2
    """Hidden layers of each coupling network."""
    activation: Literal["relu", "gelu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    alpha: float = 1e-6
    """Images: distance from 0 and 1 that is kept before the logit. Bits/dim compare at equal alpha only."""

    def __post_init__(self) -> None:
        for name in ("layers", "units", "depth"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(0 < self.alpha < 0.5, "alpha", self.alpha, "between 0 and 0.5")


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the model `realnvp`."""
    registry.add_model(
        ModelSpec(
            name="realnvp",
            config=RealNVPConfig,
            model="tfgen_plugins.realnvp.model:RealNVP",
            summary="Affine coupling flow with an exact density, for images and for vectors.",
            reference="Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, ICLR 2017",
            training={"epochs": 40, "schedule": "cosine", "clip_norm": 10.0},
            precisions=("float32", "mixed_bfloat16", "mixed_float16"),
        )
    )
