"""GAN losses of discriminator and generator: nonsaturating, minimax, hinge and Wasserstein objectives.

D(x) is a number without bounds; where the game is one of probabilities, sigma(D(x)) is that of x being true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

Losses = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Game:
    """The losses of the two players; both are means over a batch and are made smaller.

    Attributes:
        discriminator: of D on true examples and D on generated ones, each [n].
        generator: of D on generated examples, [n].
        probabilities: whether sigma(D) is a probability; else D is a score.
    """

    discriminator: Losses
    generator: Callable[[tf.Tensor], tf.Tensor]
    probabilities: bool

    def shown(self, values: tf.Tensor) -> tf.Tensor:
        """Return the mean of D over a batch as it is logged: a probability where the game is one of probabilities."""
        return tf.reduce_mean(tf.sigmoid(values) if self.probabilities else values)


def log_likelihoods(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Return ``-E log sigma(D(x)) - E log(1 - sigma(D(G(z))))`` (Goodfellow et al. 2014, equation 1, negated)."""
    return tf.reduce_mean(tf.nn.softplus(-true)) + tf.reduce_mean(tf.nn.softplus(generated))


def hinges(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Return ``E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))`` (Lim, Ye 2017; Miyato et al. 2018, equation 16)."""
    return tf.reduce_mean(tf.nn.relu(1 - true)) + tf.reduce_mean(tf.nn.relu(1 + generated))


def wasserstein(true: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Return ``E D(G(z)) - E D(x)`` (Arjovsky et al. 2017, equation 2, negated)."""
    return tf.reduce_mean(generated) - tf.reduce_mean(true)


def nonsaturating(generated: tf.Tensor) -> tf.Tensor:
    """Return ``-E log sigma(D(G(z)))`` (Goodfellow et al. 2014, section 3)."""
    return tf.reduce_mean(tf.nn.softplus(-generated))


def minimax(generated: tf.Tensor) -> tf.Tensor:
    """Return ``E log(1 - sigma(D(G(z))))`` (Goodfellow et al. 2014, equation 1)."""
    return -tf.reduce_mean(tf.nn.softplus(generated))


def critic(generated: tf.Tensor) -> tf.Tensor:
    """Return ``-E D(G(z))``."""
    return -tf.reduce_mean(generated)


#: The games by name.
GAMES = {
    "nonsaturating": Game(log_likelihoods, nonsaturating, probabilities=True),
    "minimax": Game(log_likelihoods, minimax, probabilities=True),
    "wgan-gp": Game(wasserstein, critic, probabilities=False),
    "hinge": Game(hinges, critic, probabilities=False),
}


def values_and_gradients(values: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return D(x) and ``|grad_x D(x)|^2`` of each example, both [n], and both differentiable by the weights of D.

    Args:
        values: D, ``[n, ...] -> [n]``, each value a function of its own example alone.
        x: examples [n, ...].
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        found = values(x)
        total = tf.reduce_sum(found)
    gradient = tape.gradient(total, x)
    return found, tf.reduce_sum(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))


def r1_penalty(squared_gradients: tf.Tensor) -> tf.Tensor:
    """Return ``1/2 E |grad D(x)|^2`` over true examples (Mescheder et al. 2018, equation 9, without its gamma).

    Args:
        squared_gradients: ``|grad D(x)|^2`` at true examples, [n].
    """
    return tf.reduce_mean(squared_gradients) / 2


def gradient_penalty(
    values: Callable[[tf.Tensor], tf.Tensor], true: tf.Tensor, generated: tf.Tensor, shares: tf.Tensor
) -> tf.Tensor:
    """Return ``E (|grad D(x')| - 1)^2`` at ``x' = e x + (1 - e) G(z)`` (Gulrajani et al. 2017, equation 3, without its lambda).

    Args:
        values: D, ``[n, ...] -> [n]``.
        true: examples [n, ...].
        generated: as many.
        shares: e, uniform in [0, 1), [n].
    """
    shares = tf.reshape(shares, [-1, *[1] * (true.shape.rank - 1)])
    _, squares = values_and_gradients(values, shares * true + (1 - shares) * generated)
    # The root has no derivative at 0, where a gradient vanishes exactly; there the penalty pulls nowhere.
    norms = tf.sqrt(tf.maximum(squares, 1e-12))
    return tf.reduce_mean(tf.square(norms - 1))
