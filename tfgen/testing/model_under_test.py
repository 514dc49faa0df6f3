"""Model under test: what the conformance checks build and train, once for all of them."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import keras
import tensorflow as tf

from tfgen.data.dataset import Dataset
from tfgen.data.lookup import load_dataset
from tfgen.errors import CapabilityError
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.capabilities import HasElbo
from tfgen.model.objective import Batch, Objective
from tfgen.plugin.loading import load_registry
from tfgen.plugin.registry import Registry
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.config import RunConfig, split_options
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen.testing.quick import QUICK
from tfgen.testing.tiny_images import tiny_images
from tfgen.training.data_initialisation import initialise_from_data
from tfgen.training.trainer import Trainer
from tfgen.training.validation import batch_of

T = TypeVar("T")

_FEW_STEPS = 5  # as many as in a chunk of the brief training
_TINY_STEPS = 300  # of training on tiny images, so that they are not all alike

#: How many test examples the checks look at.
EXAMPLES = 8


@dataclass
class ModelUnderTest:
    """A model that the conformance checks look at, with the data set and the options that it is checked with.

    Whatever is derived from these is made when it is first used; `registry`, `config` and `dataset` may also be set before.

    Attributes:
        model: its registered name.
        data: the name of a small data set.
        plugins: as ``-p`` on the command line.
        options: of the model and its training; small ones make the checks quick.
        outcomes: of the checks that have run, by name: None, or what was raised.
    """

    model: str
    data: str = "digits"
    plugins: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    outcomes: dict[str, Exception | None] = field(default_factory=dict, init=False, repr=False)
    _memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def registry(self) -> Registry:
        """Where the model is looked up."""
        return load_registry(self.plugins)

    @cached_property
    def config(self) -> RunConfig:
        """Two short epochs, in a plain graph."""
        return split_options({**QUICK, "data": self.data, **self.options}, self.registry.model(self.model))

    @cached_property
    def dataset(self) -> Dataset:
        """The data."""
        return load_dataset(self.config.data, self.registry, self.config.sources, self.config.data_options)

    @cached_property
    def batch(self) -> Batch:
        """A few test examples."""
        return batch_of(self.dataset.test, slice(EXAMPLES))

    @cached_property
    def fresh(self) -> GenerativeModel:
        """The untrained model of seed 0, built once for every check that does not change it."""
        return self.build()

    @cached_property
    def trained(self) -> tuple[Run, GenerativeModel]:
        """A brief training in a plain graph, done once for all checks: the run, and the model as it was trained."""
        folder = Path(tempfile.mkdtemp(prefix="tfgen-conformance-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return self.train(folder)

    @cached_property
    def particles(self) -> int:
        """How many particles a few are: 3, or 1 for a bound without importance weights, which refuses more."""
        if not isinstance(self.fresh, HasElbo):
            return 1
        try:
            self.fresh.elbo(self.batch.x, self.labels(self.fresh), seed=0, particles=3)
        except CapabilityError:
            return 1
        return 3

    @cached_property
    def on_tiny_images(self) -> ModelUnderTest:
        """The same model for images of so few pixels that all of them can be counted; see `tiny_images`."""
        other = dataclasses.replace(self)
        other.registry = self.registry
        bits, training = self.fresh.scored_as == "bits", self.config.training
        contexts = self.dataset.train.context
        other.dataset = tiny_images(self.dataset.spec, 2 if bits else 4, training.batch_size, contexts)
        steps = len(other.dataset.train) // training.batch_size
        longer = dataclasses.replace(training, epochs=max(training.epochs, -(-_TINY_STEPS // steps)))
        other.config = dataclasses.replace(self.config, training=longer)
        return other

    @cached_property
    def on_few_examples(self) -> ModelUnderTest:
        """The same model with five batches of the training examples, for what the first steps tell already."""
        other = dataclasses.replace(self)
        other.registry = self.registry
        training = dataclasses.replace(self.config.training, epochs=1)
        other.config = dataclasses.replace(self.config, training=training)
        counts = {"train": _FEW_STEPS * training.batch_size, "valid": 200, "test": 200}
        splits = {name: split.take(slice(counts[name])) for name, split in self.dataset.splits.items()}
        other.dataset = dataclasses.replace(self.dataset, splits=splits)
        return other

    def remembered(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` gave the first time it was asked for under this name; for what several checks need."""
        if name not in self._memory:
            self._memory[name] = make()
        found: T = self._memory[name]
        return found

    def build(self, seed: int = 0) -> GenerativeModel:
        """Return a model of its own, untrained; stages of its training are shortened to fit into an epoch."""
        spec, training = self.registry.model(self.model), self.config.training
        model = build_model(spec, self.config.options, self.dataset.spec, seed, training.precision)
        initialise_from_data(model, self.dataset.train)
        return _with_short_stages(model)

    def in_float64(self, model: GenerativeModel) -> GenerativeModel | None:
        """Return a copy of a model that computes in float64; None for a model that does not build or load in float64."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        try:
            spec = self.registry.model(self.model)
            copy: GenerativeModel = spec.factory()(config=self.config.options, data=self.dataset.spec, seed=0)
            for weight, value in zip(copy.weights, model.weights, strict=True):
                weight.assign(tf.cast(value.value, weight.dtype))
        except Exception:  # a model need not know float64: whatever it says then, there is none
            return None
        finally:
            keras.config.set_dtype_policy(before)
        return copy if copy.density_dtype == tf.float64 else None

    def labels(self, model: GenerativeModel) -> Any:
        """Return labels, contexts or both for the batch, where the model wants some."""
        return model.given(self.batch)

    def other_labels(self, model: GenerativeModel) -> dict[str, Any]:
        """Return what `labels` does, by what was changed: the next class for each label, the next example's context."""
        x, labels, context = self.batch
        found = {}
        if labels is not None:
            found["label"] = model.given(Batch(x, (labels + 1) % self.dataset.spec.classes, context))
        if context is not None and model.uses_context:
            found["context"] = model.given(Batch(x, labels, tf.roll(context, 1, axis=0)))
        return found

    def train(self, folder: Path, mode: CompileMode = "graph") -> tuple[Run, GenerativeModel]:
        """Train briefly; return the run and the model as it was trained."""
        training = self.config.training
        config = dataclasses.replace(self.config, training=dataclasses.replace(training, keep="last"))
        files = RunFolder.create(folder, None, "conformance", config.to_json())
        trainer = Trainer(self.build(), self.dataset, config.training)
        trainer.fit(files, mode, lambda *_: None, lambda *_: None, quiet=True)
        trainer.state.finish()
        return Run(files, self.registry), trainer.model


def _with_short_stages(model: GenerativeModel) -> GenerativeModel:
    """Return a model whose stages of training, in proportion, all begin within half an epoch; one without stages as it is."""
    declared = model.objectives
    last = max((objective.begin for objective in declared()), default=0.0)
    if last < 1:
        return model

    def shortened() -> list[Objective]:
        return [
            dataclasses.replace(
                one, begin=one.begin / (2 * last), end=None if one.end is None else one.end / (2 * last)
            )
            for one in declared()
        ]

    object.__setattr__(model, "objectives", shortened)
    return model
