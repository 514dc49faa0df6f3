# %% [markdown]
# # A model of your own
#
# A model is one file: its options, its mathematics, and a hook that registers it. Everything else comes with it: data,
# training loop, checkpoints, evaluation, pictures, and a suite of checks that finds the usual mistakes.

# %%
import matplotlib.pyplot as plt
import tfgen
from tfgen.figures import image_grid

EPOCHS = 20  # of 1,297 images of 8x8 pixels

# %% [markdown]
# ## Write
#
# The model gives each dimension a mixture of Gaussians, and knows nothing of how dimensions depend on each other:
#
# $$\log p(x) = \sum_i \left[ \log \sum_k \pi_{ik} N(t_i; m_{ik}, s_{ik}^2) + \log\left|\frac{dt_i}{dx_i}\right|
# \right],$$
#
# where a codec makes real numbers $t$ of grey levels, by uniform noise and a logit. (`tfgen new mymodel` writes a file
# to begin with, a single Gaussian.)

# %%
# %%writefile mixtures.py
"""A mixture of Gaussians for each dimension, all dimensions independent: a whole plugin."""

from dataclasses import dataclass

from tfgen import ModelSpec, hookimpl, require_option


@dataclass(frozen=True)
class MixturesConfig:
    """Options of the model; each becomes an option on the command line."""

    components: int = 3
    """Gaussians for each dimension."""

    def __post_init__(self) -> None:
        require_option(self.components >= 1, "components", self.components, "at least 1")


def build(config: MixturesConfig, data, seed: int):
    """Return the model. TensorFlow is loaded here and not above, so that `tfgen list` stays quick."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    from tfgen import GenerativeModel, Objective, normal, split_seed, uniform
    from tfgen.layers import LogitCodec, bits_per_dim

    tfd = tfp.distributions

    class Mixtures(GenerativeModel):
        """``p(t) = prod_i sum_k pi_ik N(t_i; m_ik, s_ik^2)`` of the numbers t that the codec makes of an example."""

        def __init__(self, config: MixturesConfig, data, seed: int) -> None:
            super().__init__(config, data, seed)
            self.codec = LogitCodec(data, 1e-6, self.density_dtype)
            self.density = self.codec.density  # "dequantised" of images, "exact" of vectors
            shape = (data.dimensions, config.components)
            self.logits = self.add_weight(shape=shape, initializer="zeros", name="logits")
            self.means = self.add_weight(shape=shape, initializer="random_normal", name="means")
            self.log_scales = self.add_weight(shape=shape, initializer="zeros", name="log_scales")

        def mixtures(self):
            """Return the distribution of t."""
            parts = tfd.Normal(tf.convert_to_tensor(self.means), tf.exp(self.log_scales))
            weights = tfd.Categorical(logits=tf.convert_to_tensor(self.logits))
            return tfd.Independent(tfd.MixtureSameFamily(weights, parts), 1)

        def objectives(self):
            """Return what training makes smaller."""
            return [Objective("nll", self._loss, self.trainable_variables)]

        def _loss(self, batch, seed, context):
            nats = -tf.reduce_mean(self.log_prob(batch.x, seed=seed))
            terms = {"loss": nats / self.data.dimensions, "nll_nats": nats}
            if self.data.kind == "image":
                terms["bits_per_dim"] = bits_per_dim(nats, self.data.dimensions)
            return terms

        def log_prob(self, x, labels=None, seed=0):
            """Return log p(x) in nats, [n]."""
            self.one_hot(labels)  # refuses labels, which this model does not take
            t, log_determinant = self.codec.encode(x, seed)
            return self.mixtures().log_prob(t) + log_determinant

        def sample(self, n, labels=None, seed=0, first=0):
            """Draw the examples ``first .. first + n - 1`` of a seed: a component by Gumbel's trick, then its Gaussian."""
            self.one_hot(labels)
            of_components, of_values = split_seed(seed, 2)
            u = uniform([n, *self.logits.shape], of_components, first=first)
            chosen = tf.argmax(self.logits - tf.math.log(-tf.math.log(u)), axis=-1)
            one_hot = tf.one_hot(chosen, self.config.components)
            mean = tf.reduce_sum(one_hot * self.means, axis=-1)
            scale = tf.reduce_sum(one_hot * tf.exp(self.log_scales), axis=-1)
            return self.codec.decode(mean + scale * normal([n, self.data.dimensions], of_values, first=first))

    return Mixtures(config, data, seed)


@hookimpl
def tfgen_register(registry) -> None:
    """Add the model."""
    registry.add_model(
        ModelSpec(
            name="mixtures",
            config=MixturesConfig,
            model=build,
            summary="A mixture of Gaussians for each dimension.",
            training={"learning_rate": 0.02, "epochs": 20},
        )
    )


# %% [markdown]
# ## Check
#
# The conformance suite builds the model, trains it for a moment, and compares: log-determinants and densities, batches
# of different sizes, seeds, saving and loading, compilation. What the model does not offer is skipped.

# %%
# !tfgen check mixtures.py --data digits

# %% [markdown]
# ## Train
#
# The name of the file is enough; an installed plugin is found by itself.

# %%
run = tfgen.train("mixtures", plugins=["mixtures.py"], data="digits", epochs=EPOCHS)

# %% [markdown]
# ## Compare
#
# Against one Gaussian for each dimension, and against a flow, on the same test images.

# %%
one = tfgen.train("mixtures", plugins=["mixtures.py"], data="digits", components=1, epochs=EPOCHS, quiet=True)
flow = tfgen.train("realnvp", data="digits", epochs=EPOCHS, units=128, quiet=True)
tfgen.compare(tfgen.read_runs([one.folder, run.folder, flow.folder]))

# %% [markdown]
# Bits per dimension tell what the samples show: pixels of a mixture are independent.

# %%
for name, shown in (("mixtures", run), ("a flow", flow)):
    plt.figure(figsize=(6, 3))
    plt.imshow(image_grid(shown.model.sample(50, seed=0), shown.data.spec.levels, 10))
    plt.title(f"samples of {name}")
    plt.axis("off")
    plt.show()

# %% [markdown]
# ## A mistake
#
# Forget the log-determinant of the codec, and nothing fails: the samples look the same, and training goes on. The check
# finds it.

# %%
from pathlib import Path

wrong = Path("mixtures.py").read_text().replace("log_prob(t) + log_determinant", "log_prob(t)")
Path("wrong.py").write_text(wrong.replace('name="mixtures"', 'name="wrong"'))
# !tfgen check wrong.py --data digits
