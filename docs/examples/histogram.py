"""A plugin in one file: every pixel has a distribution of its own over the grey levels, and knows nothing of the others.

    python -m tfgen -p docs/examples/histogram.py run histogram --data digits

Its bits/dim are exact, and what any model has to beat. The hook is called for each command, `tfgen list` as well, so that
TensorFlow is imported in the function that builds the model and not at the top of the file.
"""

from dataclasses import dataclass

from tfgen import ModelSpec, hookimpl, require_option


@dataclass(frozen=True)
class HistogramConfig:
    """Options of the model; each becomes an option on the command line, with its docstring as help."""

    shared: bool = False
    """One distribution for all pixels, in place of one for each."""


@dataclass(frozen=True)
class HistogramSampling:
    """Options of sampling; `tfgen sample` has them, and `sample` takes them by name with the same defaults."""

    temperature: float = 1.0
    """Probabilities become proportional to p^(1/T): below 1 samples keep to the likelier levels."""

    def __post_init__(self) -> None:
        require_option(self.temperature > 0, "temperature", self.temperature, "above 0")


def build_histogram(config: HistogramConfig, data, seed: int):
    """Return the model; called once there is something to build, and not for `tfgen list`."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    from tfgen import GenerativeModel, Objective, uniform

    class Histogram(GenerativeModel):
        """``P(v) = prod_i softmax(w_i)[v_i]`` over the pixels i."""

        density = "exact"

        def __init__(self, config: HistogramConfig, data, seed: int) -> None:
            super().__init__(config, data, seed)
            if data.kind != "image":
                raise self.refuse("it models grey levels, so it needs images.")
            pixels = (1, 1, 1) if config.shared else data.shape
            self.logits = self.add_weight(shape=(*pixels, data.levels), initializer="random_normal", name="logits")

        def basis(self) -> dict[str, int]:
            """Say over how many grey levels the probabilities are, so that only like is ranked with like."""
            return {"levels": self.data.levels}

        def pixel_logits(self) -> tf.Tensor:
            """Return the logits of the grey levels of each pixel, [height, width, channels, levels]."""
            return tf.broadcast_to(self.logits, [*self.data.shape, self.data.levels])

        def objectives(self) -> list[Objective]:
            """One objective: the negative log-likelihood, in nats for each dimension."""
            return [Objective("nll", self._negative_log_likelihood, self.trainable_variables)]

        def _negative_log_likelihood(self, batch, seed, context) -> dict[str, tf.Tensor]:
            per_dimension = -tf.reduce_mean(self.log_prob(batch.x)) / self.data.dimensions
            return {"loss": per_dimension, "bits_per_dim": per_dimension / tf.math.log(2.0)}

        def log_prob(self, x, labels=None, seed=0) -> tf.Tensor:
            """Return the exact ``log P(x)`` in nats, [batch]."""
            self.one_hot(labels)  # refuses labels: every image is treated alike
            pixels = tfp.distributions.Categorical(self.pixel_logits())
            return tfp.distributions.Independent(pixels, reinterpreted_batch_ndims=3).log_prob(tf.cast(x, tf.int32))

        def sample(self, n, labels=None, seed=0, first=0, temperature=1.0) -> tf.Tensor:
            """Draw the uint8 images ``first .. first + n - 1`` of a seed, [n, height, width, channels]."""
            self.one_hot(labels)
            probabilities = tf.nn.softmax(self.pixel_logits() / temperature)
            noise = uniform([n, *self.data.shape, 1], seed, first=first)  # the same for image k in any batch
            level = tf.reduce_sum(tf.cast(tf.cumsum(probabilities, axis=-1)[..., :-1] <= noise, tf.int32), axis=-1)
            return tf.cast(level, tf.uint8)

    return Histogram(config, data, seed)


@hookimpl
def tfgen_register(registry) -> None:
    """Add the model."""
    registry.add_model(
        ModelSpec(
            name="histogram",
            config=HistogramConfig,
            model=build_histogram,
            summary="Each pixel by itself: the baseline of exact likelihoods.",
            training={"learning_rate": 0.1, "epochs": 30},
            sampling=HistogramSampling,
        )
    )
