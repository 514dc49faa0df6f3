"""Normalizing flows plugin: Real NVP, conditional Real NVP, NICE and neural spline flows, with exact densities.

For other plugins, this package exports the models `RealNVP` and `ConditionalRealNVP` and the public names of
`tfgen_plugins.flows.bijectors`. They are imported on first use, so that the plugin registers without loading TensorFlow.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option

CouplingMask = Literal["half", "checkerboard", "channel", "random"]

#: Public names that need TensorFlow, with the modules that have them. `dir` does not list them: hooks are looked for there.
_LAZY = dict.fromkeys(("RealNVP", "ConditionalRealNVP"), "model") | dict.fromkeys(
    ("CachedRealNVP", "Coupling", "GatherPermute", "Partition", "coupling_chain", "masked_coupling"), "bijectors"
)


def __getattr__(name: str) -> Any:
    """Import a public name that needs TensorFlow."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)


_CONV: Mapping[str, Any] = {"network": "conv", "mask": ("checkerboard", "channel"), "layers": 8}
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "cifar10": {**_CONV, "channels": 64, "blocks": 3, "batch_size": 64, "epochs": 20},
    "celeba64": {**_CONV, "channels": 48, "batch_size": 16, "epochs": 10},
}


@dataclass(frozen=True)
class FlowConfig:
    """Options of every coupling flow."""

    layers: int = 5
    """Coupling layers; the second of each pair moves the dimensions that the first one keeps."""
    mask: tuple[CouplingMask, ...] = ("random",)
    """Dimensions that a coupling keeps; several masks take turns, one for each pair of layers."""
    network: Literal["mlp", "conv"] = "mlp"
    """Networks of the couplings: multi-layer perceptrons, or residual convolution networks (images only)."""
    units: int = 512
    """mlp: width of each hidden layer."""
    depth: int = 2
    """mlp: hidden layers."""
    channels: int = 32
    """conv: channels of the hidden layers."""
    blocks: int = 2
    """conv: residual blocks of two convolutions."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    linear: Literal["auto", "none", "lu"] = "auto"
    """An invertible linear layer before each pair of couplings, by LU factors; auto: for vectors of two numbers or more."""
    alpha: float = 1e-6
    """Images: margin of the logit transform, ``logit(alpha + (1 - 2 alpha) x)``. Bits/dim compare at equal alpha only."""

    def __post_init__(self) -> None:
        for name in ("layers", "units", "depth", "channels", "blocks"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(bool(self.mask), "mask", "none", "at least one of half, checkerboard, channel, random")
        require_option(0 < self.alpha < 0.5, "alpha", self.alpha, "between 0 and 0.5")


@dataclass(frozen=True)
class NICEConfig(FlowConfig):
    """Options of NICE."""

    linear: Literal["auto", "none", "lu"] = "none"
    """Vectors: an invertible linear layer before each pair of couplings, by LU factors, which preserve no volume."""


@dataclass(frozen=True)
class SplineFlowConfig(FlowConfig):
    """Options of a neural spline flow."""

    bins: int = 8
    """spline: bins of each spline."""
    bound: float = 5.0
    """spline: splines act on [-bound, bound] and are the identity outside."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_option(2 <= self.bins <= 500, "bins", self.bins, "between 2 and 500")
        require_option(self.bound > 0, "bound", self.bound, "above 0")


@dataclass(frozen=True)
class RealNVPConfig(SplineFlowConfig):
    """Options of Real NVP."""

    coupling: Literal["affine", "additive", "spline"] = "affine"
    """Transform of each moved dimension: affine x exp(s) + t, additive x + t, or a rational-quadratic spline."""


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the flows."""
    real_nvp = "Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, ICLR 2017"
    nice = "Dinh, Krueger, Bengio: NICE: Non-linear independent components estimation, ICLR workshop 2015"
    splines = "Durkan, Bekasov, Murray, Papamakarios: Neural spline flows, NeurIPS 2019"
    add = partial(_add, registry)
    add(
        "realnvp",
        RealNVPConfig,
        "RealNVP",
        "Normalizing flow of affine couplings: exact density and fast sampling, for images and vectors.",
        real_nvp,
    )
    add(
        "conditional_realnvp",
        RealNVPConfig,
        "ConditionalRealNVP",
        "Conditional Real NVP: exact density p(x|y), and so classification.",
        real_nvp,
    )
    add(
        "nice",
        NICEConfig,
        "NICE",
        "Normalizing flow of additive, volume-preserving couplings, and one scale for each dimension.",
        nice,
    )
    add(
        "spline_flow",
        SplineFlowConfig,
        "SplineFlow",
        "Neural spline flow: couplings of monotone rational-quadratic splines, with an exact density.",
        splines,
    )


def _add(registry: Registration, name: str, config: type[Any], model: str, summary: str, reference: str) -> None:
    registry.add_model(
        ModelSpec(
            name=name,
            config=config,
            model=f"tfgen_plugins.flows.model:{model}",
            summary=summary,
            reference=reference,
            training={"epochs": 40, "schedule": "cosine", "clip_norm": 10.0},
            precisions=("float32", "float64", "mixed_bfloat16", "mixed_float16"),
            takes_labels=name.startswith("conditional"),
            presets=_PRESETS,
            earlier={"linear": "none"},
        )
    )
