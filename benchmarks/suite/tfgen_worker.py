"""Worker process for tfgen's models and the machine's ceilings, measured on the same device.

python -m tfgen_benchmarks.tfgen_worker
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen import runtime
from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, DataError
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.capabilities import HasElbo, HasLatents, HasLogProb, Samples
from tfgen.plugin.loading import load_registry
from tfgen.plugin.option_types import to_json
from tfgen.plugin.options import build
from tfgen.plugin.specs import DataSources
from tfgen.plugin.train_options import CompileMode, Precision, TrainOptions
from tfgen.runs.config import default_config
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen.sample.sampling import labels_for
from tfgen.seeds import fold_in, generator
from tfgen_benchmarks.ceilings import Ceilings, Clock
from tfgen_benchmarks.counting import cost_of
from tfgen_benchmarks.data import enlarged_digits
from tfgen_benchmarks.loops import Chunks, Task
from tfgen_benchmarks.machine import usable_cores
from tfgen_benchmarks.worker import Contender, Cost, Program, UnsuitableError, serve, steps_in_a_call

SAMPLING_WAYS: Mapping[str, str] = {"graph": "tfgen, tf.function", "xla": "tfgen, jit_compile=True"}
TRAINING_WAYS: Mapping[str, str] = {
    mode: f"tfgen, --compile {mode}" for mode in ("graph", "xla-step", "xla-loop")
}  # fmt: skip
_POLICIES: Mapping[str, Precision] = {"float32": "float32", "tf32": "float32", "bfloat16": "mixed_bfloat16"}
#: A compile mode whose single step takes so many times the fastest one's is left out, unless it is bearable, in seconds.
_HOPELESS, _BEARABLE = 10.0, 0.25
_PROBED = 64  # examples that others are compared on
_ENDLESS = 10**5  # epochs


class TfgenContender(Contender):
    """A registered model with fresh weights, or that of a trained run.

    Args:
        subject: ``model`` (registered name) or ``run`` (folder), ``plugins``, ``options`` (that differ from the model's
            defaults), ``side`` of the images, ``seed``, ``device``, ``precision``, ``chunk_steps``.

    Raises:
        UnsuitableError: when the model cannot be built for such data, or in this precision.
        TfgenError: when the subject is wrong: an unknown model, option or device.
    """

    def __init__(self, subject: Mapping[str, Any]) -> None:
        self._subject = subject
        tf.config.experimental.enable_tensor_float_32_execution(subject["precision"] == "tf32")
        registry = load_registry(subject["plugins"])
        with self._scope:
            if subject.get("run"):
                run = Run(RunFolder.open(Path(subject["run"])), registry)
                self._spec, self._config, self._model = registry.model(run.config.model), run.config.options, run.model
                self._data: Dataset | None = None
            else:
                self._spec = registry.model(subject["model"])
                self._config = build(self._spec.config, subject["options"])
                self._data, self._model = self._fresh(subject, registry)
        self._seconds_a_step = math.inf
        self._costs: dict[int, Cost | None] = {}

    def _fresh(self, subject: Mapping[str, Any], registry: Any) -> tuple[Dataset, GenerativeModel]:
        """Build the model for images; for vectors, in two dimensions, where it takes no images."""
        from tfgen.data.lookup import load_dataset

        refusals = []
        for load in (
            lambda: enlarged_digits(subject["side"]),
            lambda: load_dataset("two_gaussians", registry, DataSources()),
        ):
            data = load()
            try:
                return data, build_model(self._spec, self._config, data.spec, subject["seed"], self._policy)
            except DataError as error:
                refusals.append(str(error))
            except CapabilityError as error:
                raise UnsuitableError(str(error)) from error
        raise UnsuitableError(refusals[0])

    @property
    def _scope(self) -> Any:
        return runtime.device_scope(self._subject["device"])

    @property
    def _policy(self) -> Precision:
        return _POLICIES[self._subject["precision"]]

    def facts(self) -> dict[str, Any]:
        """Return what the model is, and what other libraries need to build the same."""
        training = default_config(self._spec).training
        chosen = ("learning_rate", "clip_norm", "optimizer", "weight_decay")
        spec = self._model.data
        return {
            "parameters": sum(math.prod(weight.shape) for weight in self._model.trainable_variables),
            "versions": runtime.versions(),
            "threads": usable_cores(),
            "device": runtime.device_name(self._subject["device"]),
            "model": self._spec.name,
            "config": to_json(self._config),
            "shape": list(spec.shape),
            "classes": spec.classes,
            "levels": spec.levels,
            "training": {name: getattr(training, name) for name in chosen},
        }

    def ways(self, work: str) -> Mapping[str, str]:
        """Return how sampling and codes are compiled, as a graph or by XLA, and for training each compile mode."""
        if work == "sample" and isinstance(self._model, Samples):
            return SAMPLING_WAYS
        if work in ("decode", "encode") and isinstance(self._model, HasLatents) and isinstance(self._model, Samples):
            return SAMPLING_WAYS
        return TRAINING_WAYS if work == "train" and self._data is not None else {}

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return the program; all that is random follows from the seed and the number of the call."""
        if not self.ways(work):
            raise UnsuitableError(f"{self._spec.name} does not {work}")
        with self._scope:
            return self._training(cast(CompileMode, way), batch) if work == "train" else self._drawing(work, way, batch)

    def _drawing(self, work: str, way: str, batch: int) -> Program:
        model, seed = cast(Any, self._model), self._subject["seed"]
        labels = labels_for(model, batch, None)
        labels = None if labels is None else tf.constant(labels)
        codes, examples = (None, None) if work == "sample" else self._inputs(batch)

        @tf.function(autograph=False, jit_compile=way == "xla")
        def draw(number: tf.Tensor) -> tf.Tensor:
            if work == "decode":
                return model.decode(codes, labels)
            if work == "encode":
                return model.encode(examples, labels, seed=fold_in(seed, number))
            return model.sample(batch, labels, seed=fold_in(seed, number))

        def run(number: int) -> NDArray[Any]:
            with self._scope:
                result: NDArray[Any] = draw(tf.constant(number)).numpy()
            return result

        return Program(run, batch, lambda: cost_of(draw.get_concrete_function(tf.constant(0))))

    def _inputs(self, n: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return codes from the prior, and examples."""
        model, rng = cast(Any, self._model), generator(self._subject["seed"], n)
        labels = labels_for(model, n, None)
        prior = model.prior(labels)
        codes = prior.sample(seed=(0, n)) if prior.batch_shape.rank else prior.sample(n, seed=(0, n))
        spec = model.data
        if spec.quantised:
            examples = tf.constant(rng.integers(0, spec.levels, (n, *spec.shape)).astype(np.uint8))
        else:
            examples = tf.constant(rng.standard_normal((n, *spec.shape), np.float32))
        return codes, examples

    def _training(self, mode: CompileMode, batch: int) -> Program:
        steps = self._subject["chunk_steps"]
        loop = Chunks(self._task(batch, steps), mode, stream=False)
        glance = loop.glance()
        if glance > max(_BEARABLE, _HOPELESS * self._seconds_a_step):
            raise UnsuitableError(
                f"a step takes {1000 * glance:.0f} ms, {1000 * self._seconds_a_step:.0f} in a faster mode"
            )
        self._seconds_a_step = min(self._seconds_a_step, glance)
        steps = steps_in_a_call(steps, glance)
        loop.shorten(steps)

        def run(number: int) -> NDArray[Any]:
            with self._scope:
                loop.run(steps)
            return np.array([loop.steps_done, *loop.means.values()])

        def cost() -> Cost | None:
            if batch not in self._costs:  # the same in every mode, and tracing takes seconds
                self._costs[batch] = cost_of(loop.traced_step())
            one = self._costs[batch]
            return one and Cost(steps * one.multiply_adds, one.bytes and steps * one.bytes)

        return Program(run, steps * batch, cost)

    def _task(self, batch: int, steps: int) -> Task:
        """Return training as the model's author set it up, at a constant rate."""
        if self._data is None or batch > len(self._data.train):
            raise UnsuitableError(
                f"there are only {0 if self._data is None else len(self._data.train)} examples to train on"
            )
        changed = {"schedule": "constant", "warmup_steps": 0, "ema": 0.0, "keep": "last", "batch_size": batch}
        changed |= {"seed": self._subject["seed"], "chunk_steps": steps, "epochs": _ENDLESS, "precision": self._policy}
        options = build(TrainOptions, changed, default_config(self._spec).training)
        return Task(self._spec, self._config, self._data, options, _ENDLESS)

    def memory(self) -> Callable[[], int | None]:
        """Watch the GPU's memory where the model is on one, else the process's."""
        return gpu_peak(self._subject["device"]) or super().memory()

    def save_data(self, folder: Path) -> None:
        """Write the digits, in the size of the images."""
        if self._data is None:
            raise UnsuitableError("a trained run is not trained on")
        split = self._data.train
        labels: dict[str, Any] = {} if split.labels is None else {"labels": split.labels}
        np.savez(folder / "data.npz", x=split.x, **labels)

    def probe(self, folder: Path) -> None:
        """Scatter the weights, and write them and what the model makes of fixed codes and images.

        Last layers start at zero, where a wrong network would not show.
        """
        with self._scope:
            self._probe(folder)

    def _probe(self, folder: Path) -> None:
        model = cast(Any, self._model)
        _scatter(model, self._subject["seed"])
        weights = {str(number): weight.numpy() for number, weight in enumerate(model.trainable_variables)}
        np.savez(folder / "weights.npz", **weights)
        labels = labels_for(model, _PROBED, None)
        rng = generator(self._subject["seed"], 1)
        images = 255 * rng.integers(0, 2, (_PROBED, *model.data.shape)).astype(np.uint8)
        found: dict[str, Any] = {"images": images} | ({} if labels is None else {"labels": labels})
        if isinstance(model, HasLatents):
            codes, _ = self._inputs(_PROBED)
            found |= {"codes": codes.numpy(), "decoded": model.decode(codes, labels).numpy()}
            if isinstance(model, HasElbo):
                found["encoded"] = model.encode(images, labels).numpy()
        elif isinstance(model, HasLogProb):
            found["log_prob"] = model.log_prob(images, labels).numpy()
        for name, value in found.items():
            np.save(folder / f"{name}.npy", value)


class TfgenMachine(Contender):
    """The limits of the device, and a clock; see `ceilings`.

    Args:
        subject: ``device`` and ``precision``.
    """

    def __init__(self, subject: Mapping[str, Any]) -> None:
        self._subject = subject
        runtime.device_scope(subject["device"])  # refuses a GPU that is not there
        tf.config.experimental.enable_tensor_float_32_execution(subject["precision"] == "tf32")
        if subject["precision"] == "tf32" and not self._on_gpu:
            raise UnsuitableError("--precision tf32 needs an NVIDIA GPU; use float32 or bfloat16 on a CPU")

    @property
    def _scope(self) -> Any:
        return runtime.device_scope(self._subject["device"])

    @property
    def _on_gpu(self) -> bool:
        return self._subject["device"] != "cpu" and bool(tf.config.list_physical_devices("GPU"))

    def facts(self) -> dict[str, Any]:
        """Return the machine."""
        from tfgen_benchmarks.machine import describe_machine

        return {"machine": describe_machine(self._subject["device"]), "on_gpu": self._on_gpu}

    def ways(self, work: str) -> Mapping[str, str]:
        """Return the limits, and the clock."""
        return {"products": "a large product", "memory": "a large copy", "clock": "sleep"} if work == "ceiling" else {}

    @cached_property
    def _ceilings(self) -> Ceilings:
        dtype = tf.bfloat16 if self._subject["precision"] == "bfloat16" else tf.float32
        return Ceilings(dtype, self._on_gpu)

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return a limit's program; a call of it makes multiply-adds, or moves bytes: these are its examples."""
        if way == "clock":
            return Clock().program(batch)
        with self._scope:
            run, amount = self._ceilings.programs()[way]

        def scoped(number: int) -> NDArray[Any]:
            with self._scope:
                return run(number)

        return Program(scoped, amount)


def gpu_peak(device: str) -> Callable[[], int | None] | None:
    """Begin to watch the GPU's memory and return what tells its peak; None where nothing runs on a GPU."""
    if device == "cpu" or not tf.config.list_physical_devices("GPU"):
        return None
    tf.config.experimental.reset_memory_stats("GPU:0")
    return lambda: int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _scatter(model: GenerativeModel, seed: int) -> None:
    """Give all kernels that are zero, and all biases, values of a size that they have in training."""
    rng = generator(seed)
    for weight in model.trainable_variables:
        if np.any(weight.numpy()):
            continue
        fan_in = math.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 100
        weight.assign((0.5 / math.sqrt(fan_in)) * rng.standard_normal(weight.shape))


def make(subject: dict[str, Any]) -> Contender:
    """Return the contender that a subject describes."""
    return TfgenMachine(subject) if subject.get("machine") else TfgenContender(subject)


if __name__ == "__main__":
    runtime.load_tensorflow()
    serve(make)
