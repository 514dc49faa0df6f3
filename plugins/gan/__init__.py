"""GAN plugin: generative adversarial networks, convolutional or dense, conditional or not, with four objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfgen import MetricSpec, ModelSpec, Registration, hookimpl, require_option


@dataclass(frozen=True)
class GANConfig:
    """Options of a generative adversarial network."""

    objective: Literal["nonsaturating", "minimax", "wgan-gp", "hinge"] = "nonsaturating"
    """Losses: nonsaturating, the generator maximises log D(G(z)); minimax, it minimises log(1 - D(G(z))); wgan-gp, a
    Wasserstein critic with a gradient penalty; or hinge, the hinge loss."""
    latent: int = 64
    """Size of a code z."""
    network: Literal["conv", "mlp"] = "conv"
    """Generator and discriminator: convolutions (images only), or multi-layer perceptrons."""
    filters: int = 32
    """conv: filters of the convolution next to the image; each deeper one has twice as many."""
    units: int = 256
    """mlp: width of each hidden layer."""
    depth: int = 3
    """mlp: hidden layers."""
    discriminator_steps: int = 1
    """Discriminator steps, each on its own batch, for one generator step."""
    r1: float | None = None
    """Weight gamma of the R1 penalty gamma/2 E|grad D(x)|^2 on the gradient at true examples; by default 1, and 0 with
    wgan-gp, which has its own penalty."""
    gradient_penalty: float = 10.0
    """wgan-gp: weight lambda of the penalty on gradient norms other than 1."""
    generator_rate: float | None = None
    """Learning rate of the generator; by default --learning-rate."""
    discriminator_rate: float | None = None
    """Learning rate of the discriminator; by default --learning-rate."""

    def __post_init__(self) -> None:
        for name in ("latent", "filters", "units", "discriminator_steps"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("depth", "gradient_penalty"):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require_option(self.r1 is None or self.r1 >= 0, "r1", self.r1, "0 or more")
        for name in ("generator_rate", "discriminator_rate"):
            value = getattr(self, name)
            require_option(value is None or value > 0, name, value, "above 0")


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the models ``gan`` and ``cgan``, and the mean outputs of their discriminators as metrics."""
    for name, title in (("d_true", "mean of D on true examples"), ("d_generated", "mean of D on generated examples")):
        registry.add_metric(MetricSpec(name, title, "mean of D", of="training", panel="mean of D"))
    for name, model, summary, reference in (
        (
            "gan",
            "GAN",
            "Generative adversarial network: a generator against a discriminator; sharp samples, no density.",
            "Goodfellow et al.: Generative adversarial nets, NIPS 2014",
        ),
        (
            "cgan",
            "ConditionalGAN",
            "Conditional GAN with a projection discriminator: sharp samples of a given class.",
            "Miyato, Koyama: cGANs with projection discriminator, ICLR 2018",
        ),
    ):
        registry.add_model(
            ModelSpec(
                name=name,
                config=GANConfig,
                model=f"tfgen_plugins.gan.model:{model}",
                summary=summary,
                reference=reference,
                takes_labels=model == "ConditionalGAN",
                presets={
                    "cifar10": {"filters": 64, "latent": 128, "batch_size": 64, "epochs": 60},
                    "celeba64": {"filters": 32, "latent": 128, "batch_size": 32, "epochs": 40},
                },
                # Adversarial losses do not rank weights, so the last ones are kept, averaged; momentum destabilises.
                training={
                    "epochs": 100,
                    "batch_size": 64,
                    "learning_rate": 2e-3,
                    "beta_1": 0.0,
                    "beta_2": 0.99,
                    "ema": 0.999,
                    "keep": "last",
                    "picture_samples": 25,
                },
            )
        )
