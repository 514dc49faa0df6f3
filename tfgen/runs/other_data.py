"""Other data for the model of a run: a file or folder, or a set by name, with the training split of the run's own."""

from __future__ import annotations

import dataclasses

from tfgen.data.dataset import Dataset, Split, SplitName
from tfgen.data.lookup import load_dataset
from tfgen.data.own.loading import is_path
from tfgen.data.own.ordered import ordered_examples, require_spec
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions
from tfgen.runs.run import Run


def other_data(run: Run, name: str, options: DataOptions | None = None) -> Dataset:
    """Return another data set for the model of a run.

    Its training split stays that of the run, from which class frequencies and baselines follow. Of a file or folder all
    examples are its validation and test split; a set by name has its own.

    Args:
        run: whose model is to take them.
        name: of a data set, or a path.
        options: how a file or folder is read; as the run's own data by default.

    Raises:
        DataError: when the examples are not of the model's kind, shape and grey levels, or lack its labels or context.
    """
    spec = run.data_spec
    if name not in run.registry.datasets and is_path(name):
        read = ordered_examples(name, options or run.config.data_options, spec)
        test = valid = Split(read.x, read.labels, read.context)
    else:
        other = load_dataset(name, run.registry, run.sources)
        require_spec(other.test.x, other.spec, spec, name)
        valid, test = (known_split(split, other.spec, spec) for split in (other.valid, other.test))
    model = run.model
    if model.conditional and spec.classes is not None and test.labels is None:
        raise DataError(f"the model needs the class of each example, one of its own; {name} has none of them.")
    if model.uses_context and test.context is None:
        names = ", ".join(column.name for column in spec.context or ())
        raise DataError(f"the model needs the context {names} of each example; {name} has none.")
    train = run.data.train
    splits: dict[SplitName, Split] = {"train": train, "valid": _like(valid, train), "test": _like(test, train)}
    return dataclasses.replace(run.data, name=name, source=name, log_prob=None, splits=splits)


def known_split(split: Split, found: DataSpec, spec: DataSpec) -> Split:
    """Return a split with its labels and context if they mean what those of a model's data do, else without.

    Args:
        split: of another data set.
        found: spec of that set.
        spec: of the model's data.
    """
    same = (found.classes, found.class_names) == (spec.classes, spec.class_names)
    meanings = [[(column.name, column.categories) for column in one.context or ()] for one in (found, spec)]
    return Split(split.x, split.labels if same else None, split.context if meanings[0] == meanings[1] else None)


def _like(split: Split, train: Split) -> Split:
    """Return a split with labels and contexts only where the training split has them.

    Where the model does not ask for them, those of the first training example stand in.
    """
    labels, context = split.labels, split.context
    if train.labels is not None and labels is None:
        labels = train.labels[:1].repeat(len(split), axis=0)
    if train.context is not None and context is None:
        context = train.context[:1].repeat(len(split), axis=0)
    return Split(split.x, None if train.labels is None else labels, None if train.context is None else context)
