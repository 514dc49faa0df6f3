"""A contender in NumPy that speaks the protocol of the workers, and does one thing wrong when its argument says which."""

import os
import sys
import time

import numpy as np

from benchmarks.sampling.worker import Sampler, load_weights, serve

FAULT = sys.argv[1] if len(sys.argv) > 1 else None


class NumpySampler(Sampler):
    def __init__(self, plan, weights):
        if FAULT == "build":
            raise ValueError("no such flow\nand more of it")
        if FAULT == "death":
            print("out of memory, for example", file=sys.stderr)
            os._exit(3)
        self.ways = {"plain": "numpy", "broken": "numpy, broken"} if FAULT == "way" else {"plain": "numpy"}
        self.works = {}
        print("what a library prints goes where it does no harm")
        self._plan = plan
        self._networks = load_weights(weights, plan)
        self._rng = np.random.default_rng(0)

    def facts(self):
        dense = [pair for network in self._networks for pair in network]
        kernels, biases = (sum(pair[place].size for pair in dense) for place in (0, 1))
        return {"kernels": kernels + (FAULT == "count"), "biases": biases, "others": 0, "threads": 1, "versions": {}}

    def decode(self, codes):
        plan, z = self._plan, codes.astype(np.float64)
        middle = plan.dimensions // 2
        first, second = slice(0, middle), slice(middle, None)
        for number in reversed(range(plan.layers)):
            kept, moved = (first, second) if number % 2 == 0 else (second, first)
            h = z[:, kept]
            for kernel, bias in self._networks[number][:-1]:
                h = np.maximum(h @ kernel + bias, 0)
            kernel, bias = self._networks[number][-1]
            shift, raw = np.moveaxis((h @ kernel + bias).reshape(len(z), -1, 2), -1, 0)
            z[:, moved] = z[:, moved] * np.exp(np.tanh(raw)) + shift
        y = plan.levels * (1 / (1 + np.exp(-plan.spread * z)) - plan.alpha) / (1 - 2 * plan.alpha)
        if FAULT == "images":
            y = y[:, ::-1]
        return np.clip(np.floor(y), 0, plan.levels - 1).astype(np.uint8).reshape(-1, *plan.shape)

    def program(self, way, work, batch):
        if way == "broken":
            raise NotImplementedError("the compiler cannot do this\nfor many reasons")
        fixed = self._rng.standard_normal((batch, self._plan.dimensions))

        def run(number):
            with open(os.environ["FAKE_SAMPLER_LOG"], "a") as log:
                print(f"{time.monotonic_ns()} {batch}", file=log)
            codes = fixed if FAULT == "constant" else self._rng.standard_normal(fixed.shape)
            images = self.decode(codes)
            return images.astype(np.float32) if FAULT == "dtype" else images

        return run


if __name__ == "__main__":
    serve(NumpySampler)
