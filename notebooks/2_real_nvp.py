# %% [markdown]
# # Real NVP
#
# A flow of affine couplings (Dinh, Sohl-Dickstein and Bengio, 2017): five couplings against ten, interpolations, and
# couplings that know the label. On MNIST the same cells give numbers like those of the project's results pages.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tfgen
from tfgen.figures import image_grid

DATA, EPOCHS, UNITS = "digits", 30, 128  # 1,797 images of 8x8; with a GPU: "mnist", 30, 1024

# %% [markdown]
# ## The density of a flow
#
# A flow is an invertible function $f$ from images to codes $z = f(x)$ with a standard normal density $p_Z$. By the change
# of variables,
#
# $$\log p(x) = \log p_Z(f(x)) + \log\left|\det \frac{\partial f(x)}{\partial x}\right|.$$
#
# A coupling keeps one part of its input, $x_a$, and moves the other by functions of it:
# $y_b = x_b \odot \exp(s(x_a)) + t(x_a)$. Its Jacobian is triangular, and the logarithm of its determinant is the sum of
# $s(x_a)$. The next coupling keeps what this one has moved.
#
# ## Five couplings and ten

# %%
five = tfgen.train("realnvp", data=DATA, epochs=EPOCHS, units=UNITS, layers=5)

# %%
ten = tfgen.train("realnvp", data=DATA, epochs=EPOCHS, units=UNITS, layers=10, quiet=True)
tfgen.compare(tfgen.read_runs([five.folder, ten.folder]))

# %% [markdown]
# Which has the lower `bits_per_dim`, and is the difference larger than its error? Both were scored on the same test
# images, so the error of the difference is that of a paired test.
#
# ## Samples


# %%
def show(images, title, columns):
    """Display images [n, height, width, channels] in a grid."""
    plt.figure(figsize=(7, 7 * max(1, len(images) // columns) / columns))
    plt.imshow(image_grid(images, five.data.spec.levels, columns))
    plt.title(title)
    plt.axis("off")
    plt.show()


for couplings, run in (("five", five), ("ten", ten)):
    show(run.model.sample(50, seed=0), f"samples, {couplings} couplings", columns=10)

# %% [markdown]
# ## Linear and sinusoidal interpolation
#
# $z(\lambda) = (1 - \lambda) z_1 + \lambda z_2$ and $z(\lambda) = \cos(\lambda \pi / 2) z_1 + \sin(\lambda \pi / 2) z_2$
# for $\lambda = 0, 0.1, \dots, 1$. Codes of images lie near a shell of radius $\sqrt{d}$: the straight line leaves it in
# the middle, the sinusoidal path of two codes that are nearly orthogonal does not.

# %%
test = five.data.test
ends = test.x[[int((test.labels == digit).argmax()) for digit in (3, 8)]]
line = tfgen.interpolate(five.model, ends, paths=("linear", "sinusoidal"), steps=11)
show(line.x.reshape(-1, *five.data.spec.shape), "linear above, sinusoidal below", columns=11)
for path, codes in zip(line.paths, line.codes, strict=True):
    print(path, "norms of the codes:", np.linalg.norm(codes, axis=-1).round(1))
print("largest error of the two ends, in grey levels:", line.end_errors().max())

# %% [markdown]
# ## Couplings that know the label
#
# `conditional_realnvp` gives the one-hot label to the networks of every coupling. Do five couplings need the help of
# five more then?

# %%
conditional = tfgen.train("conditional_realnvp", data=DATA, epochs=EPOCHS, units=UNITS, layers=5, quiet=True)
tfgen.compare(tfgen.read_runs([five.folder, ten.folder, conditional.folder]))

# %%
show(tfgen.generate(conditional, [k for k in range(10) for _ in range(5)], seed=0), "five of each digit", columns=10)

# %% [markdown]
# `nll_nats` of the conditional run is of $\log p(x) = \log \sum_y p(x|y)\,p(y)$, so it compares with the others.
# One training of each shows little: variation between seeds may be as large as the difference. A sweep measures it
# (several minutes):
#
# ```sh
# tfgen sweep realnvp conditional_realnvp --vary layers 5 10 --seeds 0 1 2 --epochs 30 --name couplings
# ```
