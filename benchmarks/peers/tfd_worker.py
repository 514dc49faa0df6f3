"""The PixelCNN of TensorFlow Probability as a contender.

python -m benchmarks.peers.tfd_worker
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.subjects import require_model
from tfgen_benchmarks.machine import Peak, usable_cores
from tfgen_benchmarks.worker import Contender, Program, UnsuitableError, serve

#: As its documentation has it for MNIST.
SIZES: Mapping[str, Any] = {
    "num_resnet": 1,
    "num_hierarchies": 2,
    "num_filters": 32,
    "num_logistic_mix": 5,
    "dropout_p": 0.3,
}
_OTHER = (
    "another network than tfgen's, a PixelCNN++ whose pixels are mixtures of logistics over 256 levels, in the sizes of its "
    f"documentation: {', '.join(f'{name}={value}' for name, value in SIZES.items())}"
)


class TfdPixelCNN(Contender):
    """`tfd.PixelCNN`: a pass of its network for each pixel, of which a call makes one.

    Args:
        subject: a PixelCNN; the options of tfgen's do not matter.
    """

    def __init__(self, subject: Mapping[str, Any]) -> None:
        require_model("tfd.PixelCNN", subject, "pixelcnn")
        if subject["precision"] == "bfloat16":
            raise UnsuitableError("tfd.PixelCNN computes in float32")
        from tfgen import runtime

        tf = runtime.load_tensorflow()
        if subject["threads"]:
            tf.config.threading.set_intra_op_parallelism_threads(subject["threads"])
            tf.config.threading.set_inter_op_parallelism_threads(subject["threads"])
        import tensorflow_probability as tfp

        tf.config.experimental.enable_tensor_float_32_execution(subject["precision"] == "tf32")
        self._subject, self._shape, self._runtime, self._tf = subject, tuple(subject["shape"]), runtime, tf
        with runtime.device_scope(subject["device"]):
            tf.random.set_seed(subject["seed"])
            self._peer = tfp.distributions.PixelCNN(image_shape=self._shape, **SIZES)
            self._peer.log_prob(np.zeros((1, *self._shape), np.float32))  # builds the network

    def facts(self) -> dict[str, Any]:
        """Return numbers of weights, versions, threads, device, and why its parameters are not tfgen's."""
        return {
            "parameters": sum(math.prod(weight.shape) for weight in self._peer.network.trainable_weights),
            "versions": self._runtime.versions(),
            "threads": self._subject["threads"] or usable_cores(),
            "device": self._runtime.device_name(self._subject["device"]),
            "notes": [_OTHER],
        }

    def ways(self, work: str) -> Mapping[str, str]:
        """Return the ways of making a pass."""
        if work != "sample":
            return {}
        return {
            "graph": "tfd.PixelCNN, tf.function",
            "xla": "tfd.PixelCNN, tf.function(jit_compile=True)",
        }

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return a turn of the loop in its `sample`: a pass of the network, and a draw from the numbers of each pixel."""
        if way not in self.ways(work):
            raise UnsuitableError(f"tfd.PixelCNN does not {work} in the way {way}")
        tf, peer = self._tf, self._peer
        images = tf.random.uniform([batch, *self._shape], -1.0, 1.0, seed=self._subject["seed"])

        @tf.function(autograph=False, jit_compile=way == "xla")
        def turn() -> Any:
            drawn = peer._sample_channels(*peer.network(images, training=False))
            return tf.cast(tf.round(127.5 * (drawn + 1)), tf.uint8)

        def run(number: int) -> NDArray[Any]:
            with self._runtime.device_scope(self._subject["device"]):
                result: NDArray[Any] = turn().numpy()
            return result

        pixels = math.prod(self._shape[:2])
        notes = (_OTHER, f"a call is one of the {pixels} turns of its loop, each of which passes through the network")
        return Program(run, batch / pixels, notes=notes)

    def memory(self) -> Callable[[], int | None]:
        """Begin to watch the GPU's memory, where it is used, else that of the process."""
        experimental = self._tf.config.experimental
        if self._subject["device"] == "cpu" or not self._tf.config.list_logical_devices("GPU"):
            return Peak().bytes
        experimental.reset_memory_stats("GPU:0")
        return lambda: int(experimental.get_memory_info("GPU:0")["peak"])


if __name__ == "__main__":
    serve(TfdPixelCNN)
