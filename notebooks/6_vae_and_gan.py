# %% [markdown]
# # VAE against GAN
#
# Two ways to a generator. A VAE is trained on a bound of the likelihood, a GAN (Goodfellow et al., 2014) in a game
# against a discriminator. Which samples look better, which covers the data, and what can each be asked?

# %%
import matplotlib.pyplot as plt
import numpy as np
import tfgen
from IPython.display import Image, display
from tfgen.figures import image_grid

DATA, EPOCHS = "digits", 100  # 1,797 images of 8x8; with a GPU: "mnist", 20

# %% [markdown]
# ## The game
#
# $$\min_G \max_D\; E_{x \sim p}[\log D(x)] + E_{z}[\log(1 - D(G(z)))].$$
#
# The optimal discriminator is $D(x) = p(x) / (p(x) + p_G(x))$. Put it in: the value is $2\,JS(p, p_G) - 2 \log 2$, which
# is least, $-2 \log 2$, where $p_G = p$. With two Gaussians, both densities known:

# %%
rng = np.random.default_rng(0)


def normal(x, mean):
    """Return the density of N(mean, 1)."""
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


for shift in (2.0, 1.0, 0.0):
    real, fake = rng.normal(0, 1, 200_000), rng.normal(shift, 1, 200_000)
    d_real, d_fake = (normal(x, 0) / (normal(x, 0) + normal(x, shift)) for x in (real, fake))
    print(f"G is {shift} off: value {np.mean(np.log(d_real)) + np.mean(np.log(1 - d_fake)):.4f}")
print(f"-2 log 2 = {-2 * np.log(2):.4f}")

# %% [markdown]
# ## Saturation
#
# At first the discriminator wins: $D(G(z))$ is near 0. There the slope of $\log(1 - D)$ by the discriminator's logit $a$
# is $-D$, nearly nothing to learn from. The generator minimises $-\log D$ instead (the non-saturating loss), whose slope
# is $D - 1$.

# %%
logit = np.linspace(-8, 8, 200)
d = 1 / (1 + np.exp(-logit))
plt.plot(logit, -d, label="log(1 - D), saturating")
plt.plot(logit, d - 1, label="-log D, non-saturating")
plt.xlabel("logit of D(G(z))")
plt.ylabel("slope of the generator's loss")
plt.legend()
plt.show()

# %% [markdown]
# ## Train both

# %%
gan = tfgen.train("gan", data=DATA, epochs=EPOCHS, quiet=True)
display(Image(gan.folder / "figures" / "curves.png"))

# %%
vae = tfgen.train("vae", data=DATA, epochs=EPOCHS, latent=10, quiet=True)

# %% [markdown]
# ## Samples, and their distance to the data
#
# FID is a distance of two Gaussians, fitted to features of samples and of data. For small grey images the features are
# those of a classifier that was trained on them. Precision asks whether samples look like data, recall whether data are
# covered by samples. The test split has 300 images here, so the numbers have a large bias: compare them with each other
# alone.

# %%
for name, run in (("GAN", gan), ("VAE", vae)):
    plt.figure(figsize=(6, 3))
    plt.imshow(image_grid(run.model.sample(50, seed=0), run.data.spec.levels, 10))
    plt.title(f"samples of the {name}")
    plt.axis("off")
    plt.show()
    metrics = run.measure_samples(["fid", "prdc"], samples=1000)
    print(name, {key: round(metric.value, 2) for key, metric in metrics.items()})

# %% [markdown]
# ## Between two samples
#
# Nine images on a line between two codes.

# %%
for name, run in (("GAN", gan), ("VAE", vae)):
    line = tfgen.interpolate(run.model, paths=("spherical",), steps=9, seed=3)
    plt.figure(figsize=(8, 1.2))
    plt.imshow(image_grid(line.x.reshape(-1, *run.data.spec.shape), run.data.spec.levels, 9))
    plt.title(name)
    plt.axis("off")
    plt.show()

# %% [markdown]
# ## What each can be asked
#
# A VAE has a bound on the likelihood of any image, and a code for it; a GAN has neither, and says so. The bound is of
# images as bits, which are drawn with the grey levels as probabilities, since that is what this VAE models.

# %%
print("VAE, test:", round(vae.evaluate()["nll_nats"].value, 2), "nats or less, of images as bits")
try:
    gan.evaluate()
except tfgen.CapabilityError as error:
    print("GAN:", error)
