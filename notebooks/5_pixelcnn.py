# %% [markdown]
# # PixelCNN and inpainting
#
# An autoregressive model (van den Oord, Kalchbrenner and Kavukcuoglu, 2016): masked convolutions predict each pixel
# from those above it and left of it. It has an exact likelihood, samples pixel by pixel, and completes images with
# holes.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tfgen
from tfgen.figures import image_grid

DATA, EPOCHS = "digits", 40  # 1,797 images of 8x8; with a GPU: "mnist", 10

# %% [markdown]
# ## Train
#
# $$\log p(x) = \sum_i \log p(x_i \,|\, x_1, \dots, x_{i-1}).$$
#
# One pass of the network computes all terms of the sum, so training is fast. With `categorical` each pixel has a
# distribution over all grey levels; by default pixels are bits, black or white.

# %%
run = tfgen.train("pixelcnn", data=DATA, epochs=EPOCHS, output="categorical", filters=32, blocks=3)
levels = run.data.spec.levels

# %% [markdown]
# ## Masked convolutions, and their blind spot
#
# A masked kernel leaves out the pixel itself (type A, of the image) or all that follows (type B, of features). Which
# pixels does the middle one depend on after six layers? Those where the gradient is not zero. Plain masked convolutions
# never reach a wedge at the upper right, the blind spot. A stack for the rows above beside one for the own row does (van
# den Oord et al., 2016); `network="gated"`, the default, has both.

# %%
import tensorflow as tf
from tfgen.layers import MaskedConv2D


def dependence(first, layers):
    """Return where the middle pixel of a 13x13 image has a gradient, after layers of masked convolutions."""
    x = tf.Variable(tf.ones([1, 13, 13, 1]))
    with tf.GradientTape() as tape:
        y = first(x)
        for layer in layers:
            y = layer(y)
        middle = tf.reduce_sum(y[:, 6, 6])
    return np.abs(tape.gradient(middle, x)[0, ..., 0]) > 1e-12


plain = dependence(MaskedConv2D(1, 4, 1, 3, "A", "first"), [MaskedConv2D(4, 4, 1, 3, "B", f"b{k}") for k in range(5)])
vertical = dependence(
    MaskedConv2D(1, 4, 1, 3, "above", "top"), [MaskedConv2D(4, 4, 1, 3, "row", f"v{k}") for k in range(5)]
)
figure, axes = plt.subplots(1, 2, figsize=(6, 3))
for axis, seen, title in zip(
    axes, (plain, vertical), ("masked convolutions", "a stack for the rows above"), strict=True
):
    axis.imshow(seen, cmap="gray")
    axis.plot(6, 6, "r.")
    axis.set_title(title)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Sample
#
# A pixel at a time, 64 for an image of 8x8. What an earlier pixel has computed is kept, so that sampling costs about one
# pass for all pixels, not one for each.


# %%
def show(images, title, columns):
    """Display images [n, height, width, channels] in a grid."""
    plt.figure(figsize=(7, 7 * max(1, len(images) // columns) / columns))
    plt.imshow(image_grid(images, levels, columns))
    plt.title(title)
    plt.axis("off")
    plt.show()


show(run.model.sample(50, seed=0), "samples", columns=10)
print(f"{tfgen.samples_per_second(run.model, batch_size=100, repeats=3).value:.0f} images each second")

# %% [markdown]
# ## Inpaint
#
# Pixels after a hole tell about the hole as well. With one particle the model fills it from above and ignores what comes
# later; with many, a particle filter weights the completions by the pixels that follow. Left: the image; then four
# completions of its middle, with the mean log-likelihood of each kind.

# %%
x = run.data.test.x[:5]
height, width = x.shape[1:3]
known = np.ones(x.shape[:3], dtype=bool)
known[:, height // 4 : -height // 4, width // 4 : -width // 4] = False
for particles in (1, 64):
    result = tfgen.inpaint(run.model, x, known, samples=4, particles=particles, seed=0)
    rows = np.concatenate([x[:, None], np.where(known[:, None, ..., None], x[:, None], 0), result.completions], axis=1)
    show(
        rows.reshape(-1, *x.shape[1:]), f"image, what is known, four completions with {particles} particles", columns=6
    )
    print(f"{particles} particles: mean log-likelihood of a completion {result.log_prob.mean():.1f} nats")

# %% [markdown]
# From a terminal, with other holes: `tfgen inpaint RUN --mask box:2,2,4,4 --particles 64`.
