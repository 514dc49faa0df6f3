"""GAN losses of discriminator and generator: nonsaturating, minimax, hinge and Wasserstein objectives.

D(x) is a logit or score without bounds. Under the nonsaturating and minimax objectives sigma(D(x)) is the probability that x
is a true example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

Losses = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class AdversarialObjective:
    """Losses of discriminator D and generator G; both are means over a batch and are minimised.

    Attributes:
        discriminator: loss of D, a function of D(x) [n] and D(G(z)) [n].
        generator: loss of G, a function of D(G(z)) [n].
        probabilities: whether sigma(D) is a probability; else D is a score.
    """

    discriminator: Losses
    generator: Callable[[tf.Tensor], tf.Tensor]
    probabilities: bool

    def logged(self, values: tf.Tensor) -> tf.Tensor:
        """Return the mean of D over a batch for the log: as a probability if `probabilities`, else as a score."""
        return tf.reduce_mean(tf.sigmoid(values) if self.probabilities else values)


def log_likelihoods(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Cross-entropy loss of D: ``-E log sigma(D(x)) - E log(1 - sigma(D(G(z))))`` (Goodfellow et al. 2014, -equation 1)."""
    return tf.reduce_mean(tf.nn.softplus(-true)) + tf.reduce_mean(tf.nn.softplus(generated))


def hinges(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Hinge loss of D: ``E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))`` (Lim, Ye 2017; Miyato et al. 2018, equation 16)."""
    return tf.reduce_mean(tf.nn.relu(1 - true)) + tf.reduce_mean(tf.nn.relu(1 + generated))


def wasserstein(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Wasserstein loss of D, the critic: ``E D(G(z)) - E D(x)`` (Arjovsky et al. 2017, equation 2, negated)."""
    return tf.reduce_mean(generated) - tf.reduce_mean(true)


def nonsaturating(generated: tf.Tensor) -> tf.Tensor:
    """Nonsaturating loss of G: ``-E log sigma(D(G(z)))`` (Goodfellow et al. 2014, section 3)."""
    return tf.reduce_mean(tf.nn.softplus(-generated))


def minimax(generated: tf.Tensor) -> tf.Tensor:
    """Minimax (saturating) loss of G: ``E log(1 - sigma(D(G(z))))`` (Goodfellow et al. 2014, equation 1)."""
    return -tf.reduce_mean(tf.nn.softplus(generated))


def critic(generated: tf.Tensor) -> tf.Tensor:
    """Loss of G under the Wasserstein and hinge objectives: ``-E D(G(z))``."""
    return -tf.reduce_mean(generated)


#: The objectives by name, the values of ``--objective``.
OBJECTIVES = {
    "nonsaturating": AdversarialObjective(log_likelihoods, nonsaturating, probabilities=True),
    "minimax": AdversarialObjective(log_likelihoods, minimax, probabilities=True),
    "wgan-gp": AdversarialObjective(wasserstein, critic, probabilities=False),
    "hinge": AdversarialObjective(hinges, critic, probabilities=False),
}


def values_and_gradients(values: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return D(x) and the squared gradient norm ``|grad_x D(x)|^2``, both [n] and differentiable by the weights of D.

    Args:
        values: D, ``[n, ...] -> [n]``, each value a function of its own example alone (no batch normalisation).
        x: examples [n, ...].
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        result = values(x)
        total = tf.reduce_sum(result)
    gradient = tape.gradient(total, x)
    return result, tf.reduce_sum(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))


def r1_penalty(squared_gradients: tf.Tensor) -> tf.Tensor:
    """R1 penalty: ``1/2 E |grad D(x)|^2`` over true examples (Mescheder et al. 2018, equation 9, without its gamma).

    Args:
        squared_gradients: ``|grad D(x)|^2`` at true examples, [n].
    """
    return tf.reduce_mean(squared_gradients) / 2


def gradient_penalty(
    values: Callable[[tf.Tensor], tf.Tensor], true: tf.Tensor, generated: tf.Tensor, shares: tf.Tensor
) -> tf.Tensor:
    """WGAN-GP gradient penalty: ``E (|grad D(x')| - 1)^2`` at ``x' = e x + (1 - e) G(z)``.

    Gulrajani et al. 2017, equation 3, without its lambda.

    Args:
        values: D, ``[n, ...] -> [n]``.
        true: examples [n, ...].
        generated: generated examples [n, ...].
        shares: e, uniform in [0, 1), [n].
    """
    shares = tf.reshape(shares, [-1, *[1] * (true.shape.rank - 1)])
    _, squares = values_and_gradients(values, shares * true + (1 - shares) * generated)
    # The root has no derivative at 0, where a gradient vanishes exactly; there the penalty has no gradient.
    norms = tf.sqrt(tf.maximum(squares, 1e-12))
    return tf.reduce_mean(tf.square(norms - 1))
