# %% [markdown]
# # Couplings and toy densities
#
# Masks, volume, inverses and determinants of couplings, checked on a trained flow; densities in the plane that are
# known exactly; a variational autoencoder with a flow as its prior.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tfgen
from IPython.display import Image, display
from tfgen.figures import image_grid

EPOCHS = 20  # of 50,000 points in the plane, and of 1,297 images of 8x8; twice as many of the autoencoders

# %% [markdown]
# ## Additive couplings preserve volume
#
# An additive coupling (NICE; Dinh, Krueger and Bengio, 2015) maps $x_b$ to $x_b + t(x_a)$. Its Jacobian is triangular
# with ones on the diagonal, so its determinant is 1. Is it? The model `nice` ends in a scale for each dimension, and
# begins with the standardisation of the columns; both are constants, and the rest must add nothing. By automatic
# differentiation, at three points:

# %%
mixture = tfgen.train("nice", data="two_gaussians:0.3", epochs=2, compile="graph", quiet=True)

import tensorflow as tf  # which is loaded by now, without its log

points = tf.constant(mixture.data.test.x[:3])


def log_determinant(model, x):
    """Return log |det df/dx| of a flow's encoder f at points [n, 2], from the Jacobian."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = model.encode(x)
    return np.log(np.abs(np.linalg.det(tape.batch_jacobian(z, x))))


volume = log_determinant(mixture.model, points)
print("NICE:", volume, "largest difference between points:", np.ptp(volume))

# %% [markdown]
# ## Affine couplings do not
#
# $\log|\det|$ of a composition is the sum over its layers, each at the point that it is given. Compare the Jacobian with
# $\log p(x) - \log p_Z(f(x))$, which the flow computes from the sums of its $s(x_a)$, the determinants of its linear
# layers, and the standardisation.

# %%
board = tfgen.train("realnvp", data="checkerboard:5", layers=8, units=64, epochs=EPOCHS, quiet=True)
points = tf.constant(board.data.test.x[:3])
z = board.model.encode(points)
by_sums = board.model.log_prob(points) - board.model.prior().log_prob(z)
print("by the Jacobian:", log_determinant(board.model, points))
print("by the sums:    ", by_sums.numpy())

# %% [markdown]
# The inverse of a composition is the composition of the inverses in the opposite order, $(g \circ f)^{-1} = f^{-1} \circ
# g^{-1}$. A point comes back:

# %%
print("largest error:", np.abs(board.model.decode(z) - points).max())

# %% [markdown]
# ## Toy densities
#
# Five uniform squares, and an uneven mixture of two Gaussians (weights 0.3 and 0.7). Both densities are known, so we can
# subtract: $E[\log p(x) - \log q(x)]$ over test points estimates $KL(p\,\|\,q)$.

# %%
uneven = tfgen.train("realnvp", data="two_gaussians:0.3", layers=8, units=64, epochs=EPOCHS, quiet=True)
for name, run in (("board", board), ("uneven mixture", uneven)):
    x = run.data.test.x
    gap = run.data.log_prob(x) - run.model.log_prob(x).numpy()
    print(f"{name}: KL(p || q) about {gap.mean():.3f} ± {gap.std() / len(gap) ** 0.5:.3f} nats")
    display(Image(run.folder / "figures/density.png"))

# %% [markdown]
# The flow is continuous and a board is not: bridges of low density join the squares. More couplings make them thinner.
#
# ## Masks of images
#
# `half` keeps one half of the pixels, `checkerboard` every second one, `random` a random half. The logarithm $s$ of a
# scale is $r \tanh(\cdot)$ with a learned range $r$, which keeps it bounded. Grey levels are whole numbers: uniform
# noise makes them continuous (dequantisation), and the bits per dimension stay a bound on those of the grey levels.

# %%
for mask in ("half", "checkerboard", "random"):
    run = tfgen.train("realnvp", data="digits", mask=(mask,), units=128, epochs=EPOCHS, quiet=True)
    metric = run.evaluate()["bits_per_dim"]
    print(f"{mask}: {metric.value:.3f} ± {metric.standard_error:.3f} bits per dimension")

# %% [markdown]
# ## A flow as the prior of an autoencoder
#
# The codes of a VAE's encoder, over all images, do not fill a standard normal. A flow as the prior learns where they
# are. Compare both test ELBOs, and the samples of the posterior with those of the prior.

# %%
runs = []
for prior in ("standard", "flow"):
    run = tfgen.train(
        "vae", data="digits", prior=prior, latent=2, network="mlp", units=128, epochs=2 * EPOCHS,
        quiet=True,
    )  # fmt: skip
    runs.append(run)
    display(Image(run.folder / "figures/aggregate_posterior.png"))
tfgen.compare(tfgen.read_runs([run.folder for run in runs]))

# %%
for prior, run in zip(("standard", "flow"), runs, strict=True):
    plt.figure(figsize=(5, 3))
    plt.imshow(image_grid(run.model.sample(30, seed=0), run.data.spec.levels, 10))
    plt.title(f"samples, {prior} prior")
    plt.axis("off")
    plt.show()
