"""Base class of the PyTorch contenders: device, precision, programs, costs, and weights taken from tfgen."""

from __future__ import annotations

import abc
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers.layouts import fitting, grey_distance, load_arrays, relative_distance, torch_layout
from tfgen_benchmarks.machine import Peak, usable_cores
from tfgen_benchmarks.worker import Contender, Cost, Program, UnsuitableError, installed, steps_in_a_call

_KERAS_EPSILON = 1e-7
#: Settings of `torch.compile`, by the name of the way. A batch size is compiled as it is, not for any.
_COMPILERS: Mapping[str, Mapping[str, Any]] = {
    "compiled": {"dynamic": False},
    "cudagraphs": {"dynamic": False, "mode": "reduce-overhead"},
}
_GREY_LEVELS = 256


@dataclass(frozen=True)
class Place:
    """Where and how precisely PyTorch computes.

    Attributes:
        device: of PyTorch, ``cpu`` or ``cuda``.
        precision: ``float32``, ``tf32`` or ``bfloat16``.
    """

    device: Any
    precision: str

    @classmethod
    def of(cls, subject: Mapping[str, Any]) -> Place:
        """Return the subject's, and set threads, seed and precision of the process accordingly.

        Raises:
            UnsuitableError: without the GPU, or the precision, that is asked for.
        """
        gpu = torch.cuda.is_available() and subject["device"] != "cpu"
        if subject["device"] == "gpu" and not gpu:
            raise UnsuitableError(f"PyTorch {torch.__version__} sees no GPU")
        if subject["precision"] == "tf32" and not gpu:
            raise UnsuitableError("tf32 is a precision of GPUs")
        torch.set_num_threads(subject["threads"] or usable_cores())
        torch.manual_seed(subject["seed"])
        place = cls(torch.device("cuda" if gpu else "cpu"), subject["precision"])
        _set_tf32(place.precision == "tf32")
        return place

    @property
    def name(self) -> str:
        """For people."""
        return torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"

    def autocast(self) -> Any:
        """Return the context in which networks compute in the precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    @contextlib.contextmanager
    def exact(self) -> Iterator[None]:
        """Compute in full float32 for a while."""
        _set_tf32(False)
        with torch.inference_mode():
            yield
        _set_tf32(self.precision == "tf32")

    def tensor(self, array: NDArray[Any]) -> Any:
        """Return an array on the device."""
        return torch.from_numpy(array).to(self.device)


def _set_tf32(allowed: bool) -> None:
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed  # by default it is, unlike for products of matrices


class Peer(abc.ABC):
    """A model in PyTorch.

    Attributes:
        module: owns the weights, in the order of tfgen's.
        shape: of an image, (height, width, 1).
        distributions: what it needs to be installed.
        notes: what a reader of the sampler's numbers should know.
    """

    module: torch.nn.Module
    shape: tuple[int, int, int]
    distributions: tuple[str, ...] = ("torch",)
    notes: tuple[str, ...] = ()

    @abc.abstractmethod
    def loss(self, images: Any, labels: Any) -> Any:
        """Return the loss of uint8 images [n, height, width, 1] with labels [n]; a scalar, tfgen's own."""

    @abc.abstractmethod
    def sampler(self, compiled: Callable[[Any], Any]) -> Callable[[int], Any]:
        """Return what draws n uint8 images [n, height, width, 1].

        Args:
            compiled: to be applied to what is worth to be compiled; does nothing for the eager way.
        """

    def drawn(self, batch: int) -> float:
        """Return the part of an image that a call of `sampler` draws."""
        return 1.0

    def decoder(self, batch: int) -> Callable[[], Any] | None:
        """Return what decodes a batch of fixed codes to images; None for a model without codes, or of no matter."""
        return None

    def layout(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return tfgen's weights as those of `module`."""
        return [torch_layout(array) for array in arrays]

    @abc.abstractmethod
    def outputs(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `compare` compares, by name, for the inputs in the folder, tensors on the device."""


class TorchContender(Contender):
    """A model in PyTorch as a contender.

    Args:
        name: of the library, for people.
        place: where it computes.
        peer: the model.
        subject: as asked for.
    """

    def __init__(self, name: str, place: Place, peer: Peer, subject: Mapping[str, Any]) -> None:
        self._name, self._place, self._peer, self._subject = name, place, peer, subject
        peer.module.to(place.device)
        self._data: tuple[Any, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """Return the number of weights, versions, threads and device."""
        return {
            "parameters": sum(weight.numel() for weight in self._peer.module.parameters() if weight.requires_grad),
            "versions": installed(*self._peer.distributions),
            "threads": torch.get_num_threads(),
            "device": self._place.name,
        }

    def ways(self, work: str) -> Mapping[str, str]:
        """Return the eager way and the compiled ones."""
        if work not in ("sample", "train") and not (work == "decode" and self._peer.decoder(1)):
            return {}
        mode = "" if work == "train" else ", inference_mode"
        ways = {"eager": f"{self._name}{mode}", "compiled": f"{self._name}{mode}, torch.compile"}
        if self._place.device.type == "cuda":
            ways["cudagraphs"] = f"{self._name}{mode}, torch.compile(mode='reduce-overhead')"
        return ways

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return the program; PyTorch's generator goes on from call to call, so that each draws something else."""
        if way not in self.ways(work):
            raise UnsuitableError(f"{self._name} does not {work} in the way {way}")
        if work == "train":
            return self._training(way, batch)
        return self._inference(work, way, batch)

    def _compiler(self, way: str) -> Callable[[Any], Any]:
        return (lambda step: step) if way == "eager" else lambda step: torch.compile(step, **_COMPILERS[way])

    def _inference(self, work: str, way: str, batch: int) -> Program:
        def step_of(compiled: Callable[[Any], Any], n: int) -> Callable[[], Any]:
            if work == "sample":
                draw = self._peer.sampler(compiled)
                return lambda: draw(n)
            decode = self._peer.decoder(n)
            assert decode is not None
            return compiled(decode)

        step = step_of(self._compiler(way), batch)

        def run(number: int) -> NDArray[Any]:
            with torch.inference_mode(), self._place.autocast():
                result: NDArray[Any] = step().cpu().numpy()
            return result

        def cost() -> Cost:
            with torch.inference_mode():
                one = _multiply_adds(step_of(self._compiler("eager"), 1))
            # A call for many images may draw a smaller part of each than a call for one does.
            part = self._peer.drawn(batch) / self._peer.drawn(1) if work == "sample" else 1.0
            return Cost(batch * one * part)

        if work == "sample":
            return Program(run, batch * self._peer.drawn(batch), cost, self._peer.notes)
        return Program(run, batch, cost)

    def _training(self, way: str, batch: int) -> Program:
        images, labels = self._examples()
        options = self._subject["training"]
        weights = [weight for weight in self._peer.module.parameters() if weight.requires_grad]
        optimizer = _optimizer(options, weights)
        loss_of = self._compiler(way)(self._peer.loss)

        def take(steps: int) -> NDArray[Any]:
            rows = torch.randint(len(images), (steps, batch), device=images.device)
            total = torch.zeros([], device=images.device)
            for row in rows:
                with self._place.autocast():
                    loss = loss_of(images.index_select(0, row), labels.index_select(0, row))
                optimizer.zero_grad()
                loss.backward()
                if options["clip_norm"]:
                    torch.nn.utils.clip_grad_norm_(weights, options["clip_norm"])
                optimizer.step()
                total += loss.detach()
            mean: NDArray[Any] = (total / steps).cpu().numpy()
            return mean

        take(1)  # compiles
        begin = time.perf_counter()
        take(1)
        steps = steps_in_a_call(self._subject["chunk_steps"], time.perf_counter() - begin)

        def cost() -> Cost:
            step = _multiply_adds(lambda: self._peer.loss(images[:1], labels[:1]).backward())
            self._peer.module.zero_grad()
            return Cost(steps * batch * step)

        return Program(lambda number: take(steps), steps * batch, cost)

    def _examples(self) -> tuple[Any, Any]:
        """Return all images and labels, on the device; zeros for labels that the data have not."""
        if self._data is None:
            with np.load(self._subject["data"], allow_pickle=False) as file:
                labels = file["labels"].astype(np.int64) if "labels" in file else np.zeros(len(file["x"]), np.int64)
                self._data = (self._place.tensor(file["x"]), self._place.tensor(labels))
        return self._data

    def memory(self) -> Callable[[], int | None]:
        """Begin to watch the GPU's memory, where there is one, else that of the process."""
        if self._place.device.type == "cpu":
            return Peak().bytes
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated

    def compare(self, folder: Path) -> dict[str, float]:
        """Take tfgen's weights, and compare what the folder has outputs of."""
        arrays = self._peer.layout(load_arrays(folder / "weights.npz"))
        weights = list(self._peer.module.parameters())
        fitting(arrays, [tuple(weight.shape) for weight in weights])
        given = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
        with self._place.exact():
            for weight, array in zip(weights, arrays, strict=True):
                weight.copy_(torch.from_numpy(array))
            outputs = self._peer.outputs({name: self._place.tensor(array) for name, array in given.items()})
            found = {name: output.cpu().numpy() for name, output in outputs.items()}
        return {
            name: (grey_distance if name == "decoded" else relative_distance)(output, given[name])
            for name, output in found.items()
        }


def _optimizer(options: Mapping[str, Any], weights: Sequence[Any]) -> Any:
    """Return Adam as Keras has it, in PyTorch's fastest form: one kernel for all weights."""
    arguments = {"lr": options["learning_rate"], "eps": _KERAS_EPSILON, "fused": True}
    if options["optimizer"] == "adamw":
        return torch.optim.AdamW(weights, weight_decay=options["weight_decay"], **arguments)
    return torch.optim.Adam(weights, **arguments)


def _multiply_adds(step: Callable[[], Any]) -> float:
    """Return those of a call for one example: half of the floating-point operations that PyTorch counts in it.

    All of them grow with the batch, so that one example is enough.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / 2


def to_grey(fraction: Any) -> Any:
    """Return the uint8 levels nearest to fractions of the brightest one, which are overwritten."""
    return fraction.mul_(_GREY_LEVELS - 1).add_(0.5).to(torch.uint8)
