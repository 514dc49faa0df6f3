"""Variational autoencoders: convolutional or dense, with and without labels, under five priors and four likelihoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class VAEConfig:
    """Options of a variational autoencoder."""

    latent: int = 20
    """Size of a code z; 2 draws as a plane."""
    network: Literal["conv", "mlp"] = "conv"
    """Encoder and decoder: convolutions (images only), or multi-layer perceptrons."""
    units: int = 512
    """mlp: width of each hidden layer."""
    depth: int = 2
    """mlp: hidden layers; with 0 encoder and decoder are linear maps."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    likelihood: Literal["bernoulli", "continuous_bernoulli", "gaussian", "discretized_logistic"] = "bernoulli"
    """p(x|z) of each pixel. gaussian and continuous_bernoulli see dequantised images; vectors need gaussian."""
    binarise: Literal["stochastic", "static", "threshold", "none"] = "stochastic"
    """bernoulli: how grey levels become bits: drawn anew for each step, drawn once for each image, compared with 1/2, or not
    at all, when what is measured is a cross-entropy and no likelihood."""
    prior: Literal["standard", "mog", "vamp", "flow"] = "standard"
    """p(z): standard normal, mixture of Gaussians, mixture of posteriors of learned pseudo-inputs, or a flow."""
    components: int = 100
    """mog, vamp: components of the mixture."""
    flow_layers: int = 6
    """flow: coupling layers."""
    flow_units: int = 128
    """flow: width of the hidden layers of the couplings."""
    objective: Literal["elbo", "joint", "iwae"] = "elbo"
    """Bound that is maximised: E_q[log p(x|z)] - KL(q || p) with the KL in closed form where there is one, the same bound as
    E_q[log p(x,z) - log q(z|x)], or the importance-weighted one."""
    particles: int = 5
    """iwae: draws of z in the bound."""
    beta: float = 1.0
    """Weight of the KL; 1 is the bound itself."""
    beta_warmup: float = 0.0
    """Epochs in which the weight of the KL rises linearly from 0 to --beta."""
    free_bits: float = 0.0
    """Nats of KL in each dimension of the code that cost nothing."""
    pixels: Literal["mean", "draw"] = "mean"
    """What decoding gives: the mean of p(x|z), which is what is usually shown, or a draw from it."""

    def __post_init__(self) -> None:
        for name in ("latent", "units", "components", "flow_layers", "flow_units", "particles"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("depth", "beta", "beta_warmup", "free_bits"):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        if self.prior == "flow":
            require_option(self.latent >= 2, "latent", self.latent, "at least 2 with --prior flow")


@dataclass(frozen=True)
class CVAEConfig(VAEConfig):
    """Options of a conditional variational autoencoder."""

    # One choice more than without labels; the checker wants none, since the field could be assigned, which frozen forbids.
    prior: Literal["standard", "mog", "vamp", "flow", "conditional"] = "standard"  # type: ignore[assignment]
    """p(z), the same for all labels: standard normal, mixture of Gaussians, mixture of posteriors of learned pseudo-inputs,
    or a flow; or conditional: a learned Gaussian p(z|y) for each label."""


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the autoencoders."""
    for name, config, model, summary, reference in (
        (
            "vae",
            VAEConfig,
            "VAE",
            "A variational autoencoder: codes, a bound on the likelihood, any of four priors.",
            "Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014",
        ),
        (
            "cvae",
            CVAEConfig,
            "CVAE",
            "A variational autoencoder given a label, whose code keeps the style.",
            "Sohn, Lee, Yan: Learning structured output representation using deep conditional generative models, NIPS 2015",
        ),
    ):
        registry.add_model(
            ModelSpec(
                name=name,
                config=config,
                model=f"tfgen_plugins.vae.model:{model}",
                summary=summary,
                reference=reference,
                takes_labels=model == "CVAE",
                training={"epochs": 100, "schedule": "cosine"},  # of 10 steps each on the digits; MNIST needs fewer
                precisions=("float32", "mixed_bfloat16", "mixed_float16"),
            )
        )
