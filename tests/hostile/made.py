"""Sound runs and a sound cache of prepared data for the hostile tests to copy and damage."""

from pathlib import Path

import numpy as np

import tfgen
from tfgen.data import cache
from tfgen.data.spec import DataSpec
from tfgen.data.tfds import load_tfds
from tfgen.evaluate.features import feature_network
from tfgen.plugin.specs import DataSources

_SHORT = {"epochs": 2, "compile": "graph", "evaluate": 20, "pictures": False, "quiet": True, "checkpoint_seconds": 0.0}
#: Name of a run, its model, and options that make it small.
RUNS = {
    "codes": ("cvae", {"units": 8, "depth": 1, "latent": 2}),
    "flow": ("realnvp", {"units": 8, "layers": 2, "depth": 1}),
    "pixels": ("pixelcnn", {"filters": 4, "blocks": 1}),
    "plane": ("realnvp", {"units": 8, "layers": 2, "depth": 1, "data": "two_gaussians"}),
}


def make_ground(folder: Path) -> None:
    """Train the runs, and prepare a small set with a classifier of its images."""
    layout = cache.Layout("made here", DataSpec("image", (8, 8, 1), 3), {"train": 96, "valid": 24, "test": 24})
    random = np.random.default_rng(0)
    with cache.written(folder / "data" / "tfgen" / "kmnist" / "3.0.1", layout) as splits:
        for split in splits.values():
            split.x[:] = random.integers(0, 256, split.x.shape)
            split.labels[:] = np.arange(len(split)) % 3
    sources = DataSources(str(folder / "data"))
    feature_network("classifier", load_tfds("kmnist", sources), sources)
    for name, (model, options) in RUNS.items():
        tfgen.train(model, runs_dir=folder / "runs", name=name, **{"data": "digits", **_SHORT, **options})
    tfgen.train(
        "realnvp", runs_dir=folder / "runs", name="prepared", data="kmnist", data_dir=str(folder / "data"),
        units=8, layers=2, depth=1, batch_size=32, **_SHORT,
    )  # fmt: skip
