"""Other libraries as contenders: they compute what tfgen computes, and say what they cannot do; never how long it took.

What needs PyTorch runs in the Python that TFGEN_PEER_PYTHON names, or in this one if it has PyTorch.
"""

import contextlib
import dataclasses
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfgen.data.spec import DataSpec
from tfgen.model.base import build_model
from tfgen.model.objective import Batch, Context
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.seeds import fold_in
from tfgen_benchmarks.worker import UnsuitableError

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("TFGEN_PEER_PYTHON") or (sys.executable if importlib.util.find_spec("torch") else None)
needs_torch = pytest.mark.skipif(
    PYTHON is None, reason="PyTorch is not here; TFGEN_PEER_PYTHON may name a Python with it"
)
CLASSES, BATCH, STEPS = 10, 6, 3

#: Small, but each with every kind of layer: contender, model, options, side.
CASES = {
    "nflows": ("nflows", "realnvp", {"mask": ("half",), "layers": 3, "units": 16, "activation": "gelu"}, 8),
    "normflows": ("normflows", "realnvp", {"mask": ("half",), "layers": 3, "units": 16}, 8),
    "conv": ("torch", "cvae", {"latent": 4}, 14),  # 14, 7, 4, 2
    "conv_odd": ("torch", "vae", {"latent": 4}, 10),  # 10, 5, 3, 2
    "mlp": ("torch", "cvae", {"network": "mlp", "units": 16, "activation": "silu"}, 8),
    "gated": ("torch", "pixelcnn", {"blocks": 2, "filters": 4}, 8),
    "plain": ("torch", "pixelcnn", {"network": "plain", "blocks": 2, "filters": 4, "reach": 2}, 8),
}


@pytest.fixture(scope="module")
def peers():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield lambda name: importlib.import_module(f"benchmarks.peers.{name}")


@contextlib.contextmanager
def worker(python, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([python, "-m", *command], text=True, env=environment, **pipes)

    def ask(do, **arguments):
        print(json.dumps({"do": do, **arguments}), file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())

    with process:
        yield ask
        process.stdin.close()


@pytest.fixture(scope="module")
def ask():
    """Return the asking of a worker by its name, each started once."""
    with contextlib.ExitStack() as stack:
        asked = {
            name: stack.enter_context(worker(PYTHON, "benchmarks.peers.torch_worker", name))
            for name in ("nflows", "normflows", "torch")
        }
        yield asked.__getitem__


def subject(model, config, side, data, **changes):
    training = {"learning_rate": 0.0, "clip_norm": 1.0, "optimizer": "adam", "weight_decay": 0.0}
    return {
        "model": model, "config": config, "shape": [side, side, 1], "classes": CLASSES, "levels": 256, "seed": 0,
        "threads": 1, "device": "cpu", "precision": "float32", "data": str(data), "training": training,
        "chunk_steps": STEPS, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """Return a contender's name, the subject, tfgen's model, and the folder with its weights and what it makes of inputs."""
    contender, name, options, side = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    spec = load_registry([]).model(name)
    config = build(spec.config, options)
    model = build_model(spec, config, DataSpec("image", (side, side, 1), classes=CLASSES, levels=256), seed=0)
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        scale = 0.5 / math.sqrt(math.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.2
        weight.assign(weight + scale * rng.standard_normal(weight.shape))
    write(folder, model, rng, config.latent if hasattr(config, "latent") else side**2)
    plain = json.loads(json.dumps(dataclasses.asdict(config)))
    return contender, subject(name, plain, side, folder / "data.npz"), model, folder


def write(folder, model, rng, latent):
    np.savez(folder / "weights.npz", **{str(n): w.numpy() for n, w in enumerate(model.trainable_variables)})
    labels = rng.integers(0, CLASSES, BATCH).astype(np.int32)
    given = {"labels": labels}
    images = np.where(rng.random((BATCH, *model.data.shape)) < 0.4, 255, 0).astype(np.uint8)
    labels = labels if model.conditional else None
    if hasattr(model, "decode"):
        given["codes"] = 2 * rng.standard_normal((BATCH, latent), np.float32)
        given["decoded"] = model.decode(given["codes"], labels).numpy()
        assert given["decoded"].std() > 1
    if hasattr(model, "posterior"):
        given |= {"images": images, "encoded": model.encode(images, labels).numpy()}
    if not hasattr(model, "decode"):
        given |= {"images": images, "log_prob": model.log_prob(images).numpy()}
    for name, array in given.items():
        np.save(folder / f"{name}.npy", array)
    # The same image again and again, so that any batch of it has the same loss, but for noise.
    one = rng.integers(0, 256, (1, *model.data.shape)).astype(np.uint8)
    np.savez(folder / "data.npz", x=np.repeat(one, 32, axis=0), labels=np.full(32, 3, np.int32))


@needs_torch
def test_a_peer_is_the_same_model(ask, case):
    """Outputs with tfgen's weights, numbers of these, and the loss, are tfgen's."""
    contender, asked_for, model, folder = case
    built = ask(contender)("build", key="a", subject=asked_for)
    assert built["parameters"] == sum(math.prod(weight.shape) for weight in model.trainable_variables)
    assert built["threads"] == 1
    distances = ask(contender)("compare", key="a", folder=str(folder))["distances"]
    assert set(distances) == {"decoded", "encoded", "log_prob"} & {path.stem for path in folder.glob("*.npy")}
    assert max(distances.values()) <= 1e-3
    trained = ask(contender)("start", key="a", work="train", way="eager", batch=256)  # the learning rate is 0
    assert trained["examples"] == STEPS * 256
    with np.load(folder / "data.npz") as file:
        batch = Batch(np.repeat(file["x"][:1], 768, axis=0), np.repeat(file["labels"][:1], 768))
    loss = float(model.objectives()[0].loss(batch, fold_in(0, 1), Context.at(0))["loss"])
    assert trained["mean"] == pytest.approx(loss, rel=1.5e-2)  # three standard errors of either mean
    assert not trained["repeats_itself"]


@needs_torch
def test_a_peer_trains_and_samples(ask, case):
    contender, asked_for, _, _ = case
    steep = {**asked_for["training"], "learning_rate": 3e-3}
    tell = ask(contender)
    tell("build", key="b", subject={**asked_for, "training": steep, "chunk_steps": 20})
    before = tell("start", key="b", work="sample", way="eager", batch=BATCH)
    assert (before["shape"], before["dtype"]) == ([BATCH, *asked_for["shape"]], "uint8")
    assert not before["repeats_itself"]
    assert before["multiply_adds"] == before["examples"] * multiply_adds(asked_for)
    first = tell("start", key="b", work="train", way="eager", batch=32)
    for _ in range(3):
        tell("time", key="b", work="train", way="eager", batch=32, lead=1, calls=1)
    later = tell("start", key="b", work="train", way="eager", batch=32)
    assert later["mean"] < first["mean"] - 0.002 * abs(first["mean"])
    assert 2 * first["examples"] < first["multiply_adds"] / multiply_adds_of_a_pass(asked_for) < 3 * first["examples"]


def multiply_adds(asked_for):
    """Return those of drawing an image, by hand; of the PixelCNN all passes, one for each pixel."""
    side, config = asked_for["shape"][0], asked_for["config"]
    if asked_for["model"] == "pixelcnn":
        return side**2 * multiply_adds_of_a_pass(asked_for)
    if asked_for["model"] == "realnvp":
        half, units = side**2 // 2, config["units"]
        return config["layers"] * (half * units + units * units + units * 2 * half)
    label = CLASSES if asked_for["model"] == "cvae" else 0
    if config["network"] == "mlp":
        units = config["units"]
        return (config["latent"] + label) * units + units * units + units * side**2
    sides = [side]
    for _ in range(3):
        sides.append(-(-sides[-1] // 2))
    stem = (config["latent"] + label) * sides[3] ** 2 * 128
    return stem + sides[3] ** 2 * 128 * 64 * 9 + sides[2] ** 2 * 64 * 32 * 16 + sides[1] ** 2 * 32 * 16


def multiply_adds_of_a_pass(asked_for):
    """Return those of the network that training differentiates: encoder and decoder, the flow, or the PixelCNN."""
    side, config = asked_for["shape"][0], asked_for["config"]
    if asked_for["model"] == "realnvp":
        return multiply_adds(asked_for)
    if asked_for["model"] == "pixelcnn":
        f, blocks, reach = config["filters"], config["blocks"], config["reach"]
        width = 2 * reach + 1
        if config["network"] == "gated":
            block = (reach + 1) * width * 2 * f * f + 4 * f * f + (reach + 1) * 2 * f * f + f * f
            return side**2 * (3 * 7 * 2 * f + f * f + 3 * 2 * f + blocks * block + f * 2 * f + 2 * f)
        block = 2 * f * f + (reach + 1) * width * f * f + 2 * f * f  # the rectangle, masked corner included
        return side**2 * (4 * 7 * 2 * 2 * f + blocks * block + 4 * f * f + 2 * f)
    label = CLASSES if asked_for["model"] == "cvae" else 0
    if config["network"] == "mlp":
        units = config["units"]
        encoder = (side**2 + label) * units + units * units + units * 2 * config["latent"]
    else:
        a, b, c = (-(-side // 2 ** (n + 1)) for n in range(3))
        encoder = (
            a * a * (1 + label) * 32 * 16 + b * b * 32 * 64 * 16 + c * c * (64 * 128 * 9 + 128 * 2 * config["latent"])
        )
    return multiply_adds(asked_for) + encoder


@needs_torch
def test_weights_of_another_model_are_refused(ask, case):
    contender, asked_for, _, folder = case
    config = {
        **asked_for["config"],
        **({"latent": 5} if "latent" in asked_for["config"] else {"layers": 1, "blocks": 1}),
    }
    ask(contender)("build", key="c", subject={**asked_for, "config": config})
    assert ask(contender)("compare", key="c", folder=str(folder))["error"].startswith("ValueError: ")


@needs_torch
@pytest.mark.parametrize(
    ("contender", "model", "changes", "reason"),
    [
        ("nflows", "cvae", {}, "nflows does not have the model cvae"),
        ("nflows", "realnvp", {"mask": ["half", "random"]}, "nflows does half masks only, not half, random"),
        ("normflows", "realnvp", {"coupling": "spline"}, "normflows does not do coupling = spline; it does affine"),
        ("torch", "realnvp", {}, "torch does not have the model realnvp"),
        ("torch", "cvae", {"prior": "flow"}, "torch does not do prior = flow; it does standard"),
        ("torch", "pixelcnn", {"attention": 1}, "torch does not do attention = 1; it does 0"),
    ],
)
def test_what_a_peer_cannot_do_is_said(ask, contender, model, changes, reason):
    config = build(load_registry([]).model(model).config, {"mask": ("half",)} if model == "realnvp" else {})
    asked_for = subject(model, {**dataclasses.asdict(config), **changes}, 8, "none.npz")
    assert ask(contender)("build", key="d", subject=asked_for) == {"error": reason}
    wanting = ask(contender)("build", key="d", subject={**asked_for, "device": "gpu"})["error"]
    assert wanting.endswith("sees no GPU")


@needs_torch
@pytest.mark.slow
def test_compiled_programs_do_the_same(ask, case):
    contender, asked_for, _, folder = case
    tell = ask(contender)
    tell("build", key="e", subject=asked_for)
    tell("compare", key="e", folder=str(folder))
    eager, compiled = (tell("start", key="e", work="train", way=way, batch=256) for way in ("eager", "compiled"))
    assert compiled["mean"] == pytest.approx(eager["mean"], rel=4e-3)
    eager, compiled = (tell("start", key="e", work="sample", way=way, batch=64) for way in ("eager", "compiled"))
    assert compiled["mean"] == pytest.approx(eager["mean"], rel=0.1)
    assert not compiled["repeats_itself"]


def test_without_pytorch_the_worker_says_so_and_goes_on(tmp_path):
    """An environment that has NumPy, and nothing else."""
    bare = tmp_path / "python"
    packages = Path(np.__file__).parents[1]
    only = tmp_path / "only"
    only.mkdir()
    for name in ("numpy", "numpy.libs"):
        if (packages / name).exists():
            (only / name).symlink_to(packages / name)
    bare.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{only}" exec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    with worker(str(bare), "benchmarks.peers.torch_worker", "nflows") as tell:
        for _ in range(2):
            assert tell("build", key="a", subject={}) == {"error": "ModuleNotFoundError: No module named 'torch'"}


def test_tfd_makes_a_turn_of_its_loop(peers):
    """Its own sizes, whatever tfgen's are; error_text in the notes."""
    tfd = peers("tfd_worker")
    contender = tfd.TfdPixelCNN({**subject("pixelcnn", {}, 4, "none.npz"), "threads": 0})
    assert set(contender.ways("sample")) == {"graph", "xla"}
    assert contender.ways("train") == {}
    program = contender.program("sample", "graph", 3)
    first, second = program.run(1), program.run(2)
    assert (first.shape, first.dtype) == ((3, 4, 4, 1), np.uint8)
    assert not np.array_equal(first, second)
    assert program.examples == 3 / 16
    facts = contender.facts()
    assert "another network" in facts["notes"][0]
    assert facts["parameters"] > 600_000
    for asked in (subject("cvae", {}, 4, ""), subject("pixelcnn", {}, 4, "", precision="bfloat16")):
        with pytest.raises(UnsuitableError):
            tfd.TfdPixelCNN(asked)
    with pytest.raises(UnsuitableError, match=r"does not train"):
        contender.program("train", "graph", 3)


def test_distances(peers):
    layouts = peers("layouts")
    levels = np.array([[0, 100, 255, 7]], np.uint8)
    assert layouts.grey_distance(levels, levels) == 0
    assert layouts.grey_distance(levels + np.array([[0, 1, 0, 0]], np.uint8), levels) == 0.25
    assert layouts.grey_distance(levels + np.array([[0, 2, 0, 0]], np.uint8), levels) == 1
    assert layouts.grey_distance(np.array([[255]], np.uint8), np.array([[0]], np.uint8)) == 1  # not one beyond 255
    assert layouts.grey_distance(levels, levels.T) == 1
    assert layouts.relative_distance(np.array([1.0, -9.0]), np.array([1.0, -10.0])) == pytest.approx(0.1)
    assert layouts.relative_distance(np.ones(1), np.ones(2)) == np.inf


def test_windows_are_those_of_tfgens_masks(peers):
    from tfgen_plugins.pixelcnn.convolution import MaskedConv2D

    for rows, width, sees in ((3, 7, "A"), (1, 3, "B"), (3, 7, "above"), (2, 5, "row"), (0, 7, "A"), (0, 3, "B")):
        layer = MaskedConv2D(1, 1, rows, width, sees, "layer")
        extent, mask = peers("layouts").window(rows, width, sees)
        assert extent == (layer.top, layer.bottom, layer.left, layer.right)
        np.testing.assert_array_equal(mask, np.ones_like(mask) if layer.mask is None else layer.mask[:, :, 0, 0])


def test_padding_is_that_of_tensorflow(peers):
    import tensorflow as tf

    for size, kernel in ((28, 4), (7, 3), (7, 4), (14, 3), (5, 4), (2, 3)):
        before, behind = peers("layouts").same_padding(size, kernel, 2)
        x, ones = np.random.default_rng(0).random((1, size, 1, 1)), np.random.default_rng(1).random((kernel, 1, 1, 1))
        same = tf.nn.conv2d(x, ones, 2, "SAME")
        padded = tf.nn.conv2d(np.pad(x, ((0, 0), (before, behind), (0, 0), (0, 0))), ones, 2, "VALID")
        np.testing.assert_allclose(same, padded, rtol=1e-12)
