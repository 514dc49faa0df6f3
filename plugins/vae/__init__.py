"""VAE plugin: variational autoencoders, convolutional or dense, conditional or not, with five priors and four likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tfgen import ModelSpec, Registration, hookimpl, require_option

_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "cifar10": {"likelihood": "discretized_logistic", "latent": 128, "batch_size": 64, "epochs": 50},
    "celeba64": {"likelihood": "discretized_logistic", "latent": 256, "batch_size": 32, "epochs": 30},
}


@dataclass(frozen=True)
class VAEConfig:
    """Options of a variational autoencoder."""

    latent: int = 20
    """Size of a code z; 2 draws as a plane."""
    network: Literal["conv", "mlp", "resnet", "attention"] = "conv"
    """Encoder and decoder: convolutions (images only), multi-layer perceptrons, convolutions with residual blocks, or these
    with self-attention in the smallest feature maps."""
    units: int = 512
    """mlp: width of each hidden layer."""
    depth: int = 2
    """mlp: hidden layers; with 0 encoder and decoder are linear maps."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    likelihood: Literal["bernoulli", "continuous_bernoulli", "gaussian", "discretized_logistic"] = "bernoulli"
    """Decoder distribution p(x|z) of each pixel. gaussian and continuous_bernoulli model dequantised images; vectors need
    gaussian."""
    variance: Literal["network", "dimension", "shared"] = "network"
    """gaussian: variance of p(x|z): an output of the decoder, one weight for each dimension of the data, or one for all. With
    --network mlp --depth 0 the last two are factor analysis and probabilistic PCA."""
    binarise: Literal["stochastic", "static", "threshold", "none"] = "stochastic"
    """bernoulli: how grey levels become bits: drawn anew in each step, drawn once for each image, thresholded at 1/2, or none:
    grey levels are scored by their cross-entropy, which is no likelihood."""
    prior: Literal["standard", "mog", "vamp", "flow"] = "standard"
    """p(z): standard normal, mixture of Gaussians, VampPrior (a mixture of posteriors of learned pseudo-inputs), or a flow."""
    components: int = 100
    """mog, vamp: components of the mixture."""
    flow_layers: int = 6
    """flow: coupling layers."""
    flow_units: int = 128
    """flow: width of the hidden layers of the couplings."""
    objective: Literal["elbo", "joint", "iwae"] = "elbo"
    """Bound that is maximised: elbo, E_q[log p(x|z)] - KL(q || p) with a closed-form KL if available; joint, the ELBO as
    E_q[log p(x,z) - log q(z|x)] by Monte Carlo; or iwae, the importance-weighted bound."""
    particles: int = 5
    """iwae: samples of z in the bound."""
    beta: float = 1.0
    """Weight of the KL (beta-VAE); 1 is the ELBO itself."""
    beta_warmup: float = 0.0
    """Epochs in which the weight of the KL rises linearly from 0 to --beta (KL annealing), against posterior collapse."""
    free_bits: float = 0.0
    """Free bits: nats of KL in each dimension of the code without cost, against posterior collapse."""
    pixels: Literal["auto", "mean", "draw"] = "auto"
    """Decoded examples: the mean of p(x|z), or a sample of it; auto: means, as in most papers, but of vectors
    samples, which follow the density."""

    def __post_init__(self) -> None:
        for name in ("latent", "units", "components", "flow_layers", "flow_units", "particles"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("depth", "beta", "beta_warmup", "free_bits"):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        if self.variance != "network":
            require_option(
                self.likelihood == "gaussian", "variance", self.variance, "network without --likelihood gaussian"
            )
        if self.prior == "flow":
            require_option(self.latent >= 2, "latent", self.latent, "at least 2 with --prior flow")


@dataclass(frozen=True)
class CVAEConfig(VAEConfig):
    """Options of a conditional variational autoencoder."""

    # One choice more than without labels; the checker wants none, since the field could be assigned, which frozen forbids.
    prior: Literal["standard", "mog", "vamp", "flow", "conditional"] = "standard"  # type: ignore[assignment]
    """p(z), the same for all labels: standard normal, mixture of Gaussians, VampPrior (a mixture of posteriors of learned
    pseudo-inputs), or a flow; or conditional: a learned Gaussian p(z|y) for each label."""


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the autoencoders."""
    for name, config, model, summary, reference in (
        (
            "vae",
            VAEConfig,
            "VAE",
            "Variational autoencoder: latent codes, a lower bound of the likelihood (ELBO, IWAE), four priors.",
            "Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014",
        ),
        (
            "cvae",
            CVAEConfig,
            "CVAE",
            "Conditional variational autoencoder: generates a given class; the code holds the style.",
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
                precisions=("float32", "float64", "mixed_bfloat16", "mixed_float16"),
                presets=_PRESETS,
                earlier={"pixels": "mean"},
            )
        )
