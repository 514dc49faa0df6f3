"""TrainOptions: options of training, with defaults; the docstring of each is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfgen.errors import require_option

Precision = Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"]
CompileMode = Literal["graph", "xla-step", "xla-loop"]


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained."""

    epochs: int = 20
    """Passes over the training examples."""
    batch_size: int = 128
    """Examples in a batch; one optimisation step is made of --accumulate batches."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one optimisation step: a step of N times as many examples, in the memory of
    one batch."""
    limit: int = 0
    """Train on so many of the training examples, the same ones each time, of each class its share. 0 takes all."""
    balance: bool = False
    """Draw each class equally often in training; examples of rare classes are repeated."""
    flip: bool = False
    """Mirror half of the training images, left to right, at random in each step. For images only."""
    shift: int = 0
    """Move the training images by up to so many pixels up or down and left or right, at random in each step; edges are
    repeated. For images only."""
    seed: int = 0
    """Seed of everything random: weights, order of the examples, noise, pictures."""
    optimizer: str = "adam"
    """adam, adamw (Adam with decoupled weight decay), or one of a plugin; `tfgen plugins` lists them."""
    learning_rate: float = 1e-3
    """Step size of the optimizer, after the warm-up and before the decay."""
    beta_1: float = 0.9
    """Decay of the optimizer's mean of the gradients, for an optimizer that has one, such as adam."""
    beta_2: float = 0.999
    """Decay of the optimizer's mean of the squared gradients, for an optimizer that has one, such as adam."""
    schedule: str = "constant"
    """How the learning rate goes on after the warm-up: constant, cosine (to zero at the last step), or one of a plugin."""
    warmup_steps: int = 0
    """Steps in which the learning rate rises linearly from zero."""
    weight_decay: float = 0.0
    """Decoupled weight decay, for an optimizer that has it, such as adamw."""
    clip_norm: float = 0.0
    """Largest global norm of a gradient; longer ones are scaled down. 0 clips nothing."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what evaluates and samples; in step t at most
    (1 + t) / (10 + t), so that short runs forget their random start. 0 is off."""
    patience: int = 0
    """Stop after so many epochs without a better validation loss. 0 never stops early."""
    validation: Literal["split", "0"] = "split"
    """Validation examples: the validation split, or 0. With 0 the validation split is added to the training split, no
    validation loss is computed, and the run keeps its last weights."""
    keep: Literal["best", "last"] = "best"
    """Which weights the run ends with: those of the best validation loss, or the last."""
    precision: Precision = "float32"
    """Arithmetic of the networks. Densities are float32, or float64 where the networks are, for many digits: twice the memory,
    and slower."""
    compile: Literal["auto", "graph", "xla-step", "xla-loop"] = "auto"
    """How steps run: one graph, each step compiled by XLA, a whole chunk of steps compiled by XLA, or the fastest."""
    feed: Literal["auto", "device", "stream"] = "auto"
    """Training data wholly in device memory, or streamed, a chunk of steps at a time; auto takes the first where it fits."""
    chunk_steps: int = 100
    """Steps that run on the device between two visits of the host."""
    checkpoint_seconds: float = 60.0
    """Seconds between two checkpoints, at least; 0 writes one after each chunk."""
    picture_samples: int = 100
    """Samples in the pictures of the start, half-way and the end, in a square grid; vectors are always 3000."""
    deterministic: bool = False
    """Make every operation repeatable to the last bit (slower on a GPU)."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "chunk_steps"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in (
            "limit",
            "shift",
            "seed",
            "warmup_steps",
            "weight_decay",
            "clip_norm",
            "patience",
            "checkpoint_seconds",
        ):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        if self.validation == "0":
            require_option(
                self.patience == 0, "patience", self.patience, "0 with --validation 0, which measures no loss"
            )
            object.__setattr__(self, "keep", "last")
        require_option(1 <= self.picture_samples <= 10_000, "picture_samples", self.picture_samples, "from 1 to 10000")
        require_option(self.seed < 2**31, "seed", self.seed, "below 2^31")
        require_option(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        for name in ("beta_1", "beta_2", "ema"):
            require_option(0 <= getattr(self, name) < 1, name, getattr(self, name), "in [0, 1)")
