"""The photographs' patches: no pixel in two splits, the same ones for ever, named classes, and models train on them."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_sample_image

import tfgen
from tfgen.cli import main
from tfgen.data.dataset import SPLITS
from tfgen.data.photos import BLOCK, CLASSES, load_photos, patch_places

SHAPE = (427, 640)
#: Digests of the places of the patches and of the labels in their order.
PLACES = {
    16: "0003ad890fc75439",
    32: "21e34d8204fd0474",
}
COUNTS = {16: (12_168, 384, 384), 32: (5_832, 96, 96)}


def pixels_of(split: str, size: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return which pixels of a photograph are in a patch of the split, [height, width]."""
    used = np.zeros(shape, bool)
    for row, column in patch_places(split, size, shape):
        assert 0 <= row <= shape[0] - size
        assert 0 <= column <= shape[1] - size
        used[row : row + size, column : column + size] = True
    return used


@given(size=st.integers(1, BLOCK), height=st.integers(1, 500), width=st.integers(1, 700))
def test_no_pixel_is_in_two_splits(size, height, width):
    used = sum(pixels_of(split, size, (height, width)).astype(int) for split in SPLITS)
    assert used.max() <= 1


@pytest.mark.parametrize("size", [16, 32])
def test_the_splits_use_every_whole_block(size):
    shares = {split: pixels_of(split, size).sum() for split in SPLITS}
    assert sum(shares.values()) == 6 * 10 * BLOCK**2
    assert shares == {"train": 36 * BLOCK**2, "valid": 12 * BLOCK**2, "test": 12 * BLOCK**2}


@pytest.mark.parametrize("size", [16, 32])
def test_counts_classes_and_types(size):
    dataset = load_photos(size)
    assert tuple(len(dataset.splits[name]) for name in SPLITS) == COUNTS[size]
    assert dataset.spec == tfgen.DataSpec("image", (size, size, 3), classes=2, class_names=CLASSES)
    for split in dataset.splits.values():
        assert split.x.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2


@pytest.mark.parametrize("size", [16, 32])
def test_patches_are_those_of_the_photographs_at_their_places(size):
    """As sets, with their labels; so the pixels are right whatever decoder of JPEG this machine has."""
    dataset = load_photos(size)
    for name in SPLITS:
        expected = {
            (photograph[row : row + size, column : column + size].tobytes(), label)
            for label, photograph in enumerate(load_sample_image(f"{each}.jpg") for each in CLASSES)
            for row, column in patch_places(name, size, SHAPE)
        }
        split = dataset.splits[name]
        found = {(x.tobytes(), int(label)) for x, label in zip(split.x, split.labels, strict=True)}
        assert found == expected
        assert len(found) == len(split)  # no patch twice


@pytest.mark.parametrize("size", [16, 32])
def test_places_and_order_never_change(size):
    dataset = load_photos(size)
    content = repr([list(patch_places(name, size, SHAPE)) for name in SPLITS]).encode()
    content += b"".join(dataset.splits[name].labels.tobytes() for name in SPLITS)
    assert hashlib.sha256(content).hexdigest()[:16] == PLACES[size]


def test_pixels_never_change():
    """Decoders of JPEG may differ in the last bit; the recorded source says which pixels these are."""
    dataset = load_photos()
    if "pixels 99310b92a8963a4b" not in dataset.source:
        pytest.skip(f"another decoder of JPEG: {dataset.source}")
    content = b"".join(split.x.tobytes() + split.labels.tobytes() for split in dataset.splits.values())
    assert hashlib.sha256(content).hexdigest() == "dcb58f96ba582f2628abce2dae9437e4f9a2c8012e2e6009458e0e045827a525"


@pytest.mark.parametrize("size", [0, 65])
def test_sizes_that_do_not_fit_a_block(size):
    with pytest.raises(ValueError, match="1 to 64 pixels"):
        load_photos(size)


def test_they_load_without_tensorflow():
    """In a process of its own, since this one has loaded it."""
    code = (
        "import sys; from tfgen import DataSources, load_dataset, load_registry; "
        "data = load_dataset('photos:32', load_registry(), DataSources()); "
        "print(data.name, data.train.x.shape, sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "photos:32 (5832, 32, 32, 3) []\n"


def test_the_commands_name_licence_and_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["datasets"]) == 0
    listed = capsys.readouterr().out
    assert "photos[:SIZE]" in listed
    assert "CC BY 2.0" in listed
    assert main(["data", "photos:32"]) == 0
    out = capsys.readouterr().out
    assert "copies    none" in out
    assert "flower" in out
    assert (tmp_path / "photos-32.png").exists()


def few(count: int, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    dataset = load_photos(size)
    return dataset.train.x[:count], dataset.train.labels[:count]


def test_a_flow_learns_colours(tmp_path, no_pictures):
    """From the command line's name of the set; better than the uniform density of 8 bits by far after one epoch."""
    run = tfgen.train(
        "realnvp", data="photos", runs_dir=tmp_path, name="flow", quiet=True,
        epochs=1, layers=2, units=32, depth=1, compile="graph",
    )  # fmt: skip
    metric = run.results["test"]["bits_per_dim"]
    assert metric["basis"]["levels"] == 256
    assert metric["basis"]["examples"] == 384
    assert metric["value"] < 7.5
    samples = run.model.sample(2, seed=0)
    assert np.asarray(samples).shape == (2, 16, 16, 3)
    assert np.asarray(samples).dtype == np.uint8


@pytest.mark.slow
def test_a_pixelcnn_takes_three_channels(tmp_path, no_pictures):
    """On few patches: what is tested is RGB from training to samples, under the distribution for 8 bits."""
    x, labels = few(400)
    run = tfgen.train(
        "pixelcnn", data=(x, labels), runs_dir=tmp_path, name="pixels", quiet=True, split_sizes=(0.6, 0.2, 0.2),
        epochs=4, batch_size=32, blocks=1, filters=8, output="discretized_logistic", components=3, compile="graph",
        learning_rate=1e-2,
    )  # fmt: skip
    assert run.results["test"]["bits_per_dim"]["value"] < 7.5
    assert np.asarray(run.model.sample(1, seed=0)).shape == (1, 16, 16, 3)
