"""Model under test: what the conformance checks build and train."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgen.data.dataset import Dataset
from tfgen.data.lookup import load_dataset
from tfgen.model.base import Batch, GenerativeModel, build_model
from tfgen.plugin.loading import load_registry
from tfgen.plugin.registry import Registry
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.config import RunConfig, split_options
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen.training.trainer import Trainer

#: How many test examples the checks look at.
EXAMPLES = 8


@dataclass
class Subject:
    """A model on trial.

    Attributes:
        model: its registered name.
        data: the name of a small data set.
        plugins: as ``-p`` on the command line.
        options: of the model and its training; small ones make the checks quick.
    """

    model: str
    data: str = "digits"
    plugins: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def registry(self) -> Registry:
        """Where the model is looked up."""
        return load_registry(self.plugins)

    @cached_property
    def config(self) -> RunConfig:
        """Two short epochs, in a plain graph."""
        quick = {"epochs": 2, "compile": "graph", "chunk_steps": 5, "schedule": "constant", "data": self.data}
        return split_options(quick | dict(self.options), self.registry.model(self.model))

    @cached_property
    def dataset(self) -> Dataset:
        """The data."""
        return load_dataset(self.data, self.registry, self.config.sources)

    @cached_property
    def batch(self) -> Batch:
        """A few test examples."""
        split = self.dataset.test
        labels = None if split.labels is None else tf.constant(split.labels[:EXAMPLES])
        return Batch(tf.constant(split.x[:EXAMPLES]), labels)

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

    def build(self, seed: int = 0) -> GenerativeModel:
        """Return a model of its own, untrained."""
        spec, training = self.registry.model(self.model), self.config.training
        return build_model(spec, self.config.options, self.dataset.spec, seed, training.precision)

    def labels(self, model: GenerativeModel) -> Any:
        """Return labels for the batch where the model wants some."""
        return self.batch.labels if model.conditional else None

    def train(self, folder: Path, mode: CompileMode = "graph") -> tuple[Run, GenerativeModel]:
        """Train briefly; return the run and the model as it was trained."""
        training = self.config.training
        config = dataclasses.replace(self.config, training=dataclasses.replace(training, keep="last"))
        files = RunFolder.create(folder, None, "conformance", config.to_json())
        trainer = Trainer(self.build(), self.dataset, config.training)
        trainer.fit(files, mode, lambda *_: None, lambda *_: None, quiet=True)
        trainer.state.finish()
        return Run(files, self.registry), trainer.model
