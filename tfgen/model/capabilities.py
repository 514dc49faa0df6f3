"""Capabilities of models: small protocols for sampling, densities, bounds, latent codes, inpainting.

A command asks for one with `capable` and says plainly which model lacks it. Examples, labels and log-probabilities are as
`tfgen.model.base` says.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

import tensorflow as tf

from tfgen.errors import CapabilityError, OptionError
from tfgen.model.objective import Batch

C = TypeVar("C")


@runtime_checkable
class Samples(Protocol):
    """A model that draws examples."""

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0, **options: Any) -> tf.Tensor:
        """Draw the examples ``first .. first + n - 1`` of the endless sequence that `seed` names.

        Example k of a seed is the same in any batch, up to the rounding of products: draw its noise with
        ``tfgen.normal([n, ...], seed, first=first)`` or `tfgen.uniform`.

        Args:
            n: how many.
            labels: integers [n] for a conditional model, None otherwise.
            seed: an integer or a stateless seed.
            first: index of the first example, an integer or a scalar int32 tensor.
            options: those that the model's `ModelSpec.sampling` declares, such as ``temperature``; a sampler takes them as
                keyword arguments with the same defaults, and a model without such a declaration takes none.
        """


@runtime_checkable
class HasLogProb(Protocol):
    """A model with a density: exact for a discrete one, for a flow that of the dequantised image.

    A flow adds uniform noise drawn from `seed`; the mean over noise bounds the discrete log-likelihood from below
    (Theis et al. 2016, section 3.1).
    """

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return [batch] nats; for images per cell of one grey level, so that ``-log_prob / (D log 2)`` is bits/dim."""


@runtime_checkable
class HasEnergy(Protocol):
    """A model whose density is known up to a constant, ``p(x) = exp(-E(x)) / Z``: an energy-based model."""

    def energy(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return E(x), [batch] nats: low where examples are likely. Z is unknown, and need be the same for all x only."""


@runtime_checkable
class HasElbo(Protocol):
    """A model with a lower bound of the log-likelihood."""

    def elbo(self, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Return [batch] nats: the ELBO for one particle, the importance-weighted bound for more (Burda et al. 2016)."""


@runtime_checkable
class HasPosterior(Protocol):
    """A model that infers the code of an example by a distribution q(z|x), and was trained by a bound that needs it."""

    def posterior(self, x: Any, labels: Any = None, seed: Any = 0) -> Any:
        """Return q(z|x), a `tfd.Distribution` over codes [latent] with one member for each example."""

    def elbo_terms(self, x: Any, labels: Any = None, seed: Any = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``E_q[log p(x|z)]`` and ``KL(q || p)``, each [batch] nats; their difference is the ELBO, by one draw of z."""


@runtime_checkable
class HasDecoderLikelihood(Protocol):
    """A latent variable model whose decoder is a distribution p(x|z) with a likelihood."""

    def decoder_log_prob(self, x: Any, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``log p(x_i|z_j)`` of each example under each code, [n, k] nats.

        Args:
            x: examples [n, ...].
            z: codes [k, latent].
            labels: of the examples, [n], for a conditional model: ``log p(x_i|z_j, y_i)``.
            seed: of the noise in the examples, such as dequantisation; example i has the same noise under every code.
        """


@runtime_checkable
class Decodes(Protocol):
    """A model that makes an example of each code z: float32, or int32 of a model with ``discrete_codes``."""

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return the examples of codes [batch, latent]."""

    def prior(self, labels: Any = None) -> Any:
        """Return the distribution of codes, a `tfd.Distribution`."""


@runtime_checkable
class HasLatents(Decodes, Protocol):
    """A model that also finds a code z for each example."""

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return the codes [batch, latent] of examples."""


@runtime_checkable
class Inpaints(Protocol):
    """A model that completes images."""

    def inpaint(self, x: Any, known_mask: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Return images equal to `x` where `known_mask` [batch, height, width] is true, drawn elsewhere.

        What is known and cannot be used directly, such as pixels that come later in an autoregressive model's order, counts
        by `particles` proposals of which the fitting ones are kept; with more of them the result comes closer to a draw from
        p(unknown | known). A model that uses all that is known anyway takes no notice of them.
        """


@runtime_checkable
class InitialisesFromData(Protocol):
    """A model with data-dependent initialisation: some of its first weights are computed from training examples."""

    def initialise(self, batch: Batch) -> None:
        """Assign those weights from up to 10,000 training examples.

        Called once for a training, before its first step; not when a run is resumed. What ``--init`` takes from another run
        comes afterwards, and replaces it. The same examples must give the same weights.
        """


#: What each capability is called when a model lacks it.
CAPABILITIES: dict[type[Any], str] = {
    Samples: "sampler (Samples)",
    HasLogProb: "density (HasLogProb)",
    HasEnergy: "energy (HasEnergy)",
    HasElbo: "bound on the likelihood (HasElbo)",
    HasPosterior: "posterior over codes (HasPosterior)",
    HasDecoderLikelihood: "likelihood of examples given codes (HasDecoderLikelihood)",
    Decodes: "latent codes (Decodes)",
    HasLatents: "encoder into latent codes (HasLatents)",
    Inpaints: "inpainting (Inpaints)",
    InitialisesFromData: "data-dependent initialisation (InitialisesFromData)",
}


def capable(model: object, capability: type[C], wanted_by: str) -> C:
    """Return `model` as `capability`.

    Raises:
        CapabilityError: when the model lacks it; names the model, the capability and who asks.
        OptionError: when this is no model, but a run that has one.
    """
    held = getattr(model, "model", None)
    if not isinstance(model, capability) and isinstance(held, capability):
        raise OptionError(f"{wanted_by} takes a model and not a {type(model).__name__}: pass its `.model`.")
    if not isinstance(model, capability):
        raise CapabilityError(
            f"model {type(model).__name__} has no {CAPABILITIES[capability]}, which {wanted_by} needs."
        )
    return model


def uses_context(model: Any) -> bool:
    """Return whether a model is given a context: numbers beside labels, or in their place."""
    return bool(getattr(model, "uses_context", False))


def require_no_context(model: Any, wanted_by: str) -> None:
    """Check that a model is given labels alone, or nothing.

    Args:
        model: any.
        wanted_by: who asks, for the message.

    Raises:
        CapabilityError: for a model that takes contexts.
    """
    if uses_context(model):
        raise CapabilityError(
            f"{wanted_by} goes through classes, and model {type(model).__name__} of this run is given a context of numbers; "
            "train one without --context."
        )


def require_continuous_codes(model: object, wanted_by: str) -> None:
    """Refuse a model with discrete codes.

    Raises:
        CapabilityError: names the model and who asks.
    """
    if getattr(model, "discrete_codes", False):
        raise CapabilityError(
            f"model {type(model).__name__} has discrete codes, with nothing between two of them; {wanted_by} needs "
            "continuous ones."
        )
