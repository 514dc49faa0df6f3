"""tfgen's Real NVP as a contender; it makes the weights that all of them take.

python -m benchmarks.sampling.tfgen_worker
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.sampling.worker import Layer, Plan, Program, Sampler, save_weights, serve, usable_cores
from tfgen import runtime
from tfgen.bench.machine import describe_machine
from tfgen.loading import load_registry
from tfgen.models import GenerativeModel, HasLatents, Samples, build_model, capable
from tfgen.options import build
from tfgen.sampling import sample_batches
from tfgen.seeds import fold_in, generator
from tfgen.specs import DataSpec

_ENDLESS = 10**9


class TfgenSampler(Sampler):
    """The registered model ``realnvp``, through its public methods.

    The last layers start at zero, which makes a flow the identity: they are drawn anew, so that a wrong network shows.

    Args:
        plan: the flow.
        weights: file to write the weights to.
    """

    ways: Mapping[str, str] = {
        "graph": "tfgen, tf.function",
        "xla": "tfgen, tf.function(jit_compile=True)",
        "loop": "tfgen sample (what the command runs)",
    }
    works: Mapping[str, Sequence[str]] = {"graph": ("decode", "encode", "products"), "xla": ("decode", "encode")}

    def __init__(self, plan: Plan, weights: str) -> None:
        self._plan = plan
        if plan.threads:
            tf.config.threading.set_intra_op_parallelism_threads(plan.threads)
            tf.config.threading.set_inter_op_parallelism_threads(plan.threads)
        spec = load_registry([]).model("realnvp")
        options = {
            "mask": ("half",),
            "layers": plan.layers,
            "units": plan.units,
            "depth": plan.depth,
            "alpha": plan.alpha,
        }
        data = DataSpec("image", plan.shape, levels=plan.levels)
        self._model = build_model(spec, build(spec.config, options), data, plan.seed)
        self._sampler = capable(self._model, Samples, "this benchmark")
        self._latents = capable(self._model, HasLatents, "this benchmark")
        _scatter(self._model, plan.seed)
        written = networks(self._model, plan)
        save_weights(weights, written)
        self._weights = [[(tf.Variable(kernel), tf.Variable(bias)) for kernel, bias in network] for network in written]

    def facts(self) -> dict[str, Any]:
        """Return numbers of weights, threads, versions, and the machine."""
        kinds = {"kernel": 0, "bias": 0}
        for weight in self._model.trainable_variables:
            kinds[weight.name] = kinds.get(weight.name, 0) + math.prod(weight.shape)
        kernels, biases = kinds.pop("kernel"), kinds.pop("bias")
        machine = describe_machine("cpu")
        return {
            "kernels": kernels, "biases": biases, "others": sum(kinds.values()),
            "threads": self._plan.threads or usable_cores(), "versions": machine["versions"], "machine": machine,
        }  # fmt: skip

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the images of codes."""
        images: NDArray[np.uint8] = self._latents.decode(codes).numpy()
        return images

    def program(self, way: str, work: str, batch: int) -> Program:
        """Return the program; the number of the call is folded into the seed inside of it."""
        seed = self._plan.seed
        if way == "loop":
            batches = sample_batches(self._model, batch * _ENDLESS, None, seed, batch)
            return lambda number: next(batches)
        rng = generator(seed, batch)
        codes = tf.constant(rng.standard_normal((batch, self._plan.dimensions), np.float32))
        images = tf.constant(rng.integers(0, self._plan.levels, (batch, *self._plan.shape), np.uint8))

        @tf.function(autograph=False, jit_compile=way == "xla")
        def run(number: tf.Tensor) -> tf.Tensor:
            if work == "sample":
                return self._sampler.sample(batch, seed=fold_in(seed, number))
            if work == "decode":
                return self._latents.decode(codes)
            if work == "encode":
                return self._latents.encode(images, seed=fold_in(seed, number))
            return self._products(codes[:, : self._plan.dimensions // 2])

        return lambda number: run(tf.constant(number)).numpy()

    def _products(self, half: tf.Tensor) -> tf.Tensor:
        """Return what the couplings' networks make of `half`, each of what the last one made, and nothing else."""
        hidden = half
        for network in self._weights:
            for kernel, bias in network[:-1]:
                hidden = tf.nn.relu(tf.nn.bias_add(tf.matmul(hidden, kernel), bias))
            hidden = tf.nn.bias_add(tf.matmul(hidden, network[-1][0]), network[-1][1])[:, : half.shape[1]]
        return hidden


def networks(model: GenerativeModel, plan: Plan) -> list[Layer]:
    """Return the kernels and biases of every coupling's network, in the order in which the model made them."""
    kernels, biases = ([w.numpy() for w in model.trainable_variables if w.name == kind] for kind in ("kernel", "bias"))
    dense = list(zip(kernels, biases, strict=True))
    each = plan.depth + 1
    return [dense[first : first + each] for first in range(0, plan.layers * each, each)]


def _scatter(model: GenerativeModel, seed: int) -> None:
    """Give all zero kernels, and all biases, values of a size that couplings in training have."""
    rng = generator(seed)
    for weight in model.trainable_variables:
        zero = not np.any(weight.numpy())
        if weight.name == "kernel" and zero:
            weight.assign(0.5 / math.sqrt(weight.shape[0]) * rng.standard_normal(weight.shape))
        elif weight.name == "bias":
            weight.assign(0.1 * rng.standard_normal(weight.shape))


if __name__ == "__main__":
    runtime.load_tensorflow()
    serve(TfgenSampler)
