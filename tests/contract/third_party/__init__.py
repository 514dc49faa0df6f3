"""A third party's plugin: a VQ-VAE, an energy-based model, a data set, a metric and an observer, with public names alone."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

from tfgen import DatasetSpec, MetricSpec, ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class VQVAEConfig:
    """Options of `vqvae`."""

    codes: int = 64
    """Codes in the codebook."""
    code_size: int = 16
    """Numbers in the vector of a code."""
    filters: int = 32
    """Filters of each convolution."""
    prior_layers: int = 4
    """Masked convolutions of the prior."""
    commitment: float = 0.25
    """Weight of the commitment loss."""
    decay: float = 0.99
    """Decay of the moving averages that the codebook follows."""
    autoencoder_epochs: float = 50.0
    """Epochs of the first stage, the autoencoder; the prior is trained in those that are left."""

    def __post_init__(self) -> None:
        for name in ("codes", "code_size", "filters", "prior_layers"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.commitment >= 0, "commitment", self.commitment, "at least 0")
        require_option(0 < self.decay < 1, "decay", self.decay, "between 0 and 1")
        require_option(self.autoencoder_epochs > 0, "autoencoder_epochs", self.autoencoder_epochs, "above 0")


@dataclass(frozen=True)
class VQVAESampling:
    """Options of sampling from `vqvae`."""

    temperature: float = 1.0
    """Probabilities of codes become proportional to p^(1/T)."""

    def __post_init__(self) -> None:
        require_option(self.temperature > 0, "temperature", self.temperature, "above 0")


@dataclass(frozen=True)
class EBMConfig:
    """Options of `ebm`."""

    units: int = 128
    """Units of each hidden layer."""
    depth: int = 3
    """Hidden layers."""
    noise: float = 0.2
    """Standard deviation of the noise that the score is matched at; the model's density is blurred by it."""

    def __post_init__(self) -> None:
        for name in ("units", "depth"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.noise > 0, "noise", self.noise, "above 0")


@dataclass(frozen=True)
class EBMSampling:
    """Options of sampling from `ebm`."""

    steps: int = 200
    """Steps of Langevin dynamics, from noise."""
    step_size: float = 0.02
    """Size of a step; smaller ones are more exact and need more steps."""

    def __post_init__(self) -> None:
        require_option(self.steps >= 1, "steps", self.steps, "at least 1")
        require_option(self.step_size > 0, "step_size", self.step_size, "above 0")


def _eight_gaussians(sources: Any) -> Any:
    from .data import load  # NumPy is loaded by need

    return load(sources)


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the models and the data set. Every command calls this, so it loads no TensorFlow."""
    registry.add_model(
        ModelSpec(
            name="vqvae",
            config=VQVAEConfig,
            model=f"{__name__}.vqvae:VQVAE",
            summary="A VQ-VAE: discrete codes, and an autoregressive prior of them in a second stage.",
            reference="van den Oord, Vinyals, Kavukcuoglu: Neural discrete representation learning, 2017",
            training={"learning_rate": 0.002, "epochs": 100},
            sampling=VQVAESampling,
            api=1,
        )
    )
    registry.add_model(
        ModelSpec(
            name="ebm",
            config=EBMConfig,
            model=f"{__name__}.ebm:EBM",
            summary="An energy-based model of vectors: denoising score matching, Langevin dynamics.",
            reference="Vincent: A connection between score matching and denoising autoencoders, 2011",
            training={"epochs": 30, "batch_size": 256, "learning_rate": 0.003, "schedule": "cosine"},
            sampling=EBMSampling,
            api=1,
        )
    )
    registry.add_dataset(DatasetSpec("eight_gaussians", _eight_gaussians, "eight normals on a circle"))
    registry.add_metric(
        MetricSpec("perplexity", "codebook perplexity", "codes", "higher", of="training", panel="codes")
    )


@hookimpl
def tfgen_progress(run: Any, step: int, metrics: dict[str, float]) -> None:
    """Write the codebook's perplexity into ``codebook.csv`` of the run's folder."""
    found = {name: value for name, value in metrics.items() if name.endswith("perplexity")}
    if not found:
        return
    with (run.folder / "codebook.csv").open("a", newline="") as file:
        csv.writer(file).writerows([step, name, value] for name, value in found.items())
