"""Denoising diffusion models for tfgen: options and registration. TensorFlow is loaded by `model` alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class DDPMConfig:
    """Options of the diffusion and of its network."""

    timesteps: int = 200
    """Steps T of the diffusion, from image to noise."""
    noise_schedule: Literal["cosine", "linear"] = "cosine"
    """Noise schedule (betas): cosine (Nichol and Dhariwal 2021), or linear in the step (Ho et al. 2020)."""
    width: int = 32
    """Channels at full resolution; twice as many at half of it."""
    blocks: int = 2
    """Residual blocks at each resolution, on the way down and on the way up."""

    def __post_init__(self) -> None:
        require_option(self.timesteps >= 2, "timesteps", self.timesteps, "at least 2")
        require_option(self.width >= 8 and self.width % 8 == 0, "width", self.width, "a multiple of 8")
        require_option(self.blocks >= 1, "blocks", self.blocks, "at least 1")


@dataclass(frozen=True)
class ConditionalDDPMConfig(DDPMConfig):
    """Options of the diffusion, of its network, and of its labels."""

    drop_labels: float = 0.1
    """Share of the labels that are left out in training, for classifier-free guidance."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_option(0 <= self.drop_labels < 1, "drop_labels", self.drop_labels, "in [0, 1)")


@dataclass(frozen=True)
class DDPMSampling:
    """Options of the sampler."""

    steps: int = 50
    """Steps from noise to image, at most those of the diffusion; fewer are faster and rougher."""
    eta: float = 1.0
    """Noise of each step: 1 is ancestral sampling (DDPM), 0 the deterministic DDIM sampler."""

    def __post_init__(self) -> None:
        require_option(self.steps >= 1, "steps", self.steps, "at least 1")
        require_option(0 <= self.eta <= 1, "eta", self.eta, "in [0, 1]")


@dataclass(frozen=True)
class ConditionalDDPMSampling(DDPMSampling):
    """Options of the sampler and of guidance."""

    guidance: float = 1.0
    """Weight w of the label, noise = e(x) + w (e(x, y) - e(x)): 1 is the model itself, more draws more typical examples."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_option(self.guidance >= 0, "guidance", self.guidance, "0 or more")


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the two models."""
    training = {
        "epochs": 100,
        "learning_rate": 1e-3,
        "ema": 0.999,
        "schedule": "cosine",
        "keep": "last",
        "clip_norm": 1.0,
    }
    reference = "J. Ho, A. Jain and P. Abbeel: Denoising diffusion probabilistic models, NeurIPS 2020"
    registry.add_model(
        ModelSpec(
            name="ddpm",
            config=DDPMConfig,
            model=f"{__name__}.model:DDPM",
            summary="Denoising diffusion of images: noise is removed step by step; a bound of the likelihood.",
            reference=reference,
            training=training,
            sampling=DDPMSampling,
        )
    )
    registry.add_model(
        ModelSpec(
            name="conditional_ddpm",
            config=ConditionalDDPMConfig,
            model=f"{__name__}.model:ConditionalDDPM",
            summary="Denoising diffusion of images given a label, with classifier-free guidance.",
            reference=reference,
            training=training,
            sampling=ConditionalDDPMSampling,
            takes_labels=True,
        )
    )
