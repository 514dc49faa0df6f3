# %% [markdown]
# # Your own data
#
# Arrays, a folder of pictures, a table with missing values, and a condition that is a number: no plugin is needed.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tfgen
from IPython.display import Image, display
from PIL import Image as Picture
from PIL import ImageDraw
from tfgen.figures import image_grid

rng = np.random.default_rng(0)
EPOCHS = 20  # of 1,600 rows; three times as many of 782 pictures of 16x16, and of 1,600 points

# %% [markdown]
# ## A folder of pictures
#
# Here is one, of discs and squares, in sizes that differ; folders are classes. Take your own instead.

# %%
for kind in ("disc", "square"):
    folder = Path("pictures") / kind
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(500):
        side = int(rng.integers(40, 60))
        picture = Picture.new("L", (side, side))
        left, top = rng.integers(4, side // 3, size=2)
        right, bottom = left + side // 2, top + side // 2
        draw = ImageDraw.Draw(picture)
        (draw.ellipse if kind == "disc" else draw.rectangle)(
            [left, top, right, bottom], fill=int(rng.integers(120, 256))
        )
        picture.save(folder / f"{number}.png")

# %% [markdown]
# `tfgen data` says what is in it, and what to type. `size` resizes; the splits are made by a hash of each picture, so
# that pictures added later move none.

# %%
# !tfgen data pictures --size 16
run = tfgen.train("cvae", data="./pictures", size=16, network="mlp", latent=8, binarise="none", epochs=3 * EPOCHS)

# %% [markdown]
# Classes have names:

# %%
images = tfgen.generate(run, ["disc"] * 10 + ["square"] * 10, seed=0)
plt.imshow(image_grid(images, columns=10))
plt.axis("off")
plt.show()

# %% [markdown]
# ## Arrays
#
# Images are whole grey levels `[n, height, width]` or `[n, height, width, channels]`, vectors are floats `[n, d]`.
# Labels stand beside them: `data=(x, labels)`. So do columns of numbers on which the model conditions:
# `data=(x, None, context)`. Points on a ring, whose radius is such a number:

# %%
radius = rng.uniform(1, 3, size=(2000, 1)).astype(np.float32)
angle = rng.uniform(0, 2 * np.pi, size=2000)
ring = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
points = (ring + 0.1 * rng.normal(size=ring.shape)).astype(np.float32)
conditional = tfgen.train(
    "conditional_realnvp", data=(points, None, radius), layers=8, units=64, epochs=3 * EPOCHS, quiet=True
)
for r in (1.2, 2.8):
    drawn = tfgen.generate(conditional, context=np.full((300, 1), r, np.float32), seed=0)
    plt.scatter(*drawn.T, s=4, label=f"radius {r}")
plt.gca().set_aspect("equal")
plt.legend()
plt.show()

# %% [markdown]
# ## A table
#
# A CSV or Parquet file, or a frame. A whole number and a category beside real columns; missing values are named, or
# dropped where you ask for it.

# %%
import pandas as pd

age = rng.normal(45, 14, size=2000).clip(18, 90).round()
people = pd.DataFrame(
    {
        "age": age.astype(int),
        "height": rng.normal(1.72, 0.09, size=2000),
        "city": rng.choice(["Bonn", "Lima", "Oslo"], size=2000, p=[0.5, 0.3, 0.2]),
    }
)
people["weight"] = 22 * people["height"] ** 2 + 0.1 * (people["age"] - 45) + rng.normal(0, 6, size=2000)
people.loc[[7, 99], "weight"] = np.nan
people.to_csv("people.csv", index=False)

# %%
# !tfgen data people.csv --missing drop --categorical city
table = tfgen.train("spline_flow", data="people.csv", missing="drop", categorical=["city"], epochs=EPOCHS, quiet=True)
# !tfgen sample {table.folder} --count 5 --out five.csv --overwrite
print(Path("five.csv").read_text())
display(Image(table.folder / "figures/samples_after.png"))  # samples beside the data

# %% [markdown]
# ## Which rows are strange?
#
# Each example has a likelihood. A person of 1.2 m and 120 kg:

# %%
Path("strange.csv").write_text("age,height,city,weight\n40,1.75,Bonn,70\n40,1.2,Bonn,120\n")
print(tfgen.score(table, "strange.csv").log_likelihood.round(1), "nats")
