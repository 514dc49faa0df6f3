# %% [markdown]
# # VAE, conditional VAE, and numbers
#
# A variational autoencoder (Kingma and Welling, 2014) with two latents and its conditional form: the bound, its two
# parts, the plane of codes, style transfer, and a number written by hand that nobody wrote.

# %%
import numpy as np
import tfgen
from IPython.display import Image, display

DATA, EPOCHS = "digits", 200  # 1,797 images of 8x8; with a GPU: "mnist", 30
NETWORK = {"network": "mlp", "units": 128, "latent": 2, "beta_warmup": 5}  # on MNIST without network and units


def show(run, picture):
    """Display a picture of a run."""
    display(Image(run.folder / f"figures/{picture}.png"))


# %% [markdown]
# ## The bound
#
# $$\log p(x) \ge E_{q(z|x)}[\log p(x|z)] - KL(q(z|x)\,\|\,p(z)).$$
#
# The first term asks that the code describes the image (reconstruction), the second that codes stay near the prior
# (regularisation). The weight of the KL rises from 0 to 1 over the first five epochs (KL annealing), so that the codes
# are not given up before the decoder has learned to use them. By default x is an image of bits: a pixel is white with the
# probability of its grey level, drawn anew each time.

# %%
vae = tfgen.train("vae", data=DATA, epochs=EPOCHS, quiet=True, **NETWORK)
show(vae, "curves")

# %% [markdown]
# The panel of reconstruction over KL shows how the two share the bound. With a label, the conditional model bounds
# $\log p(x|y)$, by an encoder $q(z|x,y)$ and a decoder $p(x|z,y)$. The column `improvement` says by how much its
# reconstruction, KL and bound are better.

# %%
cvae = tfgen.train("cvae", data=DATA, epochs=EPOCHS, quiet=True, **NETWORK)
tfgen.compare(tfgen.read_runs([vae.folder, cvae.folder]))

# %% [markdown]
# ## How tight is the bound?
#
# $k$ importance-weighted particles (Burda, Grosse and Salakhutdinov, 2016) bound $\log p(x)$ more tightly.

# %%
for particles in (1, 10, 100):
    metrics = vae.evaluate(particles=particles, record=False)
    print(particles, {name: round(metric.value, 2) for name, metric in metrics.items() if "nats" in name})

# %% [markdown]
# ## The plane of codes
#
# The codes of test images, coloured by digit; what the decoder makes of a grid of codes from -3 to 3; lines between
# codes. The codes of a conditional model do not cluster by digit: the label tells it already, the code tells the style.

# %%
# !tfgen latent {vae.folder} --pictures codes grid interpolations
# !tfgen latent {cvae.folder} --pictures codes style_transfer one_code_all_classes

# %%
for picture in ("codes", "grid", "interpolations"):
    show(vae, f"latent/{picture}")

# %%
for picture in ("codes", "style_transfer", "one_code_all_classes"):
    show(cvae, f"latent/{picture}")

# %% [markdown]
# ## One line of codes under two labels
#
# Two codes of the prior, and the line between them, decoded as a 1 and as a 7.

# %%
import matplotlib.pyplot as plt
from tfgen.figures import image_grid

line = tfgen.interpolate(cvae.model, labels=[1, 7], paths=("linear",), steps=10, labels_each=[1, 7], seed=0)
plt.figure(figsize=(8, 2))
plt.imshow(image_grid(line.x.reshape(-1, *cvae.data.spec.shape), cvae.data.spec.levels, 10))
plt.axis("off")
plt.show()

# %% [markdown]
# ## A number
#
# Each digit is sampled on its own: two equal digits differ.

# %%
# !tfgen number {cvae.folder} 2026 --out number.png --overwrite
display(Image("number.png"))
images = tfgen.generate(cvae, labels=[2, 0, 2, 6], seed=1)  # the same from Python: uint8 [4, height, width, 1]
print(images.shape, np.unique(images).size, "grey levels")
