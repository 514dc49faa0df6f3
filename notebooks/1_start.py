# %% [markdown]
# # Start in five minutes
#
# Train a normalizing flow on small images of digits, sample from it, measure it in bits per dimension, and walk from
# one digit to another. A GPU is used where there is one.

# %%
import matplotlib.pyplot as plt
import tfgen
from tfgen.figures import image_grid

DATA, EPOCHS = "digits", 100  # scikit-learn's 1,797 images of 8x8 pixels; with a GPU try "mnist" and 10

# %% [markdown]
# ## Train
#
# One call makes the splits, trains, keeps the weights of the best validation loss and evaluates on the test split. The
# run is kept in the folder `runs/`, and displayed below: its numbers with standard errors, and its pictures.

# %%
run = tfgen.train("conditional_realnvp", data=DATA, epochs=EPOCHS, units=128)

# %% [markdown]
# ## Sample
#
# `conditional_realnvp` knows the label of each image, so you choose what is drawn. The same seed gives the same images.


# %%
def show(images, columns=10):
    """Display images [n, height, width, channels] in a grid."""
    plt.figure(figsize=(7, 7))
    plt.imshow(image_grid(images, run.data.spec.levels, columns))
    plt.axis("off")
    plt.show()


labels = [digit for digit in range(10) for _ in range(10)]
show(tfgen.generate(run, labels, seed=0))

# %% [markdown]
# ## Measure
#
# A flow has an exact density of real numbers; grey levels are whole numbers, which uniform noise makes real.
# `bits_per_dim` is the mean of $-\log_2 p(x)$ of the test images with their noise, divided by the number of pixels:
# lower is better. Every number has a standard error; `metric.basis` has split, examples and seed.

# %%
for name, metric in run.evaluate().items():
    print(f"{name}: {metric.value:.3f} ± {metric.standard_error:.3f} {metric.unit}")

# %% [markdown]
# ## Interpolate
#
# A flow is invertible: an image becomes a code and comes back. Between the codes of a 3 and an 8 lie images that nobody
# drew; each row is another path between the two.

# %%
test = run.data.test
three, eight = (int((test.labels == digit).argmax()) for digit in (3, 8))
line = tfgen.interpolate(
    run.model, test.x[[three, eight]], test.labels[[three, eight]], paths=("linear", "sinusoidal"), steps=11
)
show(line.x.reshape(-1, *run.data.spec.shape), columns=11)

# %% [markdown]
# ## Classify, without a classifier
#
# By Bayes' rule, $p(y|x) \propto p(x|y)\,p(y)$: the ten densities of an image tell its digit.

# %%
classified = run.classify()
print(f"accuracy on the test split: {classified.metrics['accuracy'].value:.3f}")

# %% [markdown]
# ## The same from a terminal
#
# Each of these is a command as well; `tfgen --help` lists them.

# %%
# !tfgen sample {run.folder} --labels 3 8 --count 20 --out samples.png --overwrite
# !tfgen runs
