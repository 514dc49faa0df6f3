"""Other data for the model of a run: a file or folder, or a set by name, to be evaluated or scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfgen.data.columns import Column
from tfgen.data.conditions import Conditions, joined
from tfgen.data.dataset import Dataset, Split, SplitName
from tfgen.data.labels import class_texts
from tfgen.data.lookup import load_dataset
from tfgen.data.own.loading import is_path
from tfgen.data.own.ordered import Ordered, ordered_examples, require_context, require_spec
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError, OptionError
from tfgen.plugin.data_options import DataOptions
from tfgen.runs.run import Run


def require_other_split(split: str) -> None:
    """Refuse the training split where other data are named, since it stays that of the run.

    Raises:
        OptionError: for ``train``.
    """
    if split == "train":
        raise OptionError(
            "the split train stays that of the run where other data are named; take --split test (of a path, all examples)."
        )


def other_data(run: Run, name: str, options: DataOptions | None = None) -> Dataset:
    """Return another data set for the model of a run, to be evaluated.

    Its training split stays that of the run, from which class frequencies and baselines follow. Of a file or folder all
    examples are its validation and test split; a set by name has its own.

    Args:
        run: whose model is to take them.
        name: of a data set, or a path.
        options: how a file or folder is read; as the run's own data by default.

    Raises:
        DataError: when the examples are not of the model's kind, shape and grey levels, have values that its columns cannot
            hold, or lack its labels or context.
    """
    spec, model = run.data_spec, run.model
    if not run.registry.has_dataset(name) and is_path(name):
        read = other_examples(run, name, options)
        valid = test = Split(read.x, read.labels, read.context)
    else:
        other = load_dataset(name, run.registry, run.sources)
        valid, test = (fitting_split(split, other.spec, spec, name) for split in (other.valid, other.test))
    if model.conditional and spec.classes is not None and test.labels is None:
        raise DataError(f"the model needs the class of each example, one of its own; {name} has none of them.")
    if model.uses_context and test.context is None:
        names = ", ".join(column.name for column in spec.context or ())
        raise DataError(f"the model needs the context {names} of each example; {name} has none.")
    train = run.data.train
    splits: dict[SplitName, Split] = {"train": train, "valid": _like(valid, train), "test": _like(test, train)}
    return dataclasses.replace(run.data, name=name, source=name, log_prob=None, splits=splits)


def other_examples(run: Run, name: str, options: DataOptions | None = None, split: SplitName = "test") -> Ordered:
    """Return the examples of a file or folder in their order, or a split of a set by name, for the model of a run.

    Labels are left out where the classes are others, and contexts where their columns are.

    Args:
        run: whose model is to take them.
        name: of a data set, or a path.
        options: how a file or folder is read; as the run's own data by default.
        split: of a set by name.

    Raises:
        DataError: when the examples are not of the model's kind, shape and grey levels, or have values that its columns cannot
            hold.
    """
    if not run.registry.has_dataset(name) and is_path(name):
        return ordered_examples(name, options or run.config.data_options, run.data_spec)
    other = load_dataset(name, run.registry, run.sources)
    return ordered_split(fitting_split(other.splits[split], other.spec, run.data_spec, name))


def ordered_split(split: Split) -> Ordered:
    """Return a split as examples in order."""
    return Ordered(split.x, split.labels, (), split.context)


def given_in(run: Run, examples: Ordered) -> Conditions | None:
    """Return what the model of a run is given of examples: labels, contexts, or both.

    Raises:
        DataError: when it takes a context, and the examples lack it or the label beside it.
    """
    if not run.model.uses_context:
        return examples.labels
    lost = examples.context is None or (run.data_spec.classes is not None and examples.labels is None)
    if lost:
        names = ", ".join(column.name for column in run.data_spec.context or ())
        beside = " and its label" if run.data_spec.classes else ""
        raise DataError(f"the model needs the context {names} of each example{beside}.")
    return joined(None if run.data_spec.classes is None else examples.labels, examples.context)


def fitting_split(split: Split, found: DataSpec, spec: DataSpec, name: str) -> Split:
    """Return a split of another data set, with labels and contexts that a model knows.

    Args:
        split: of the other set.
        found: spec of that set.
        spec: of the model's data.
        name: of the other set, for messages.

    Raises:
        DataError: when its examples or contexts do not fit the model.
    """
    require_spec(split.x, found, spec, name)
    known = known_split(split, found, spec)
    if known.context is not None:
        require_context(known.context, spec, name)
    return known


def known_split(split: Split, found: DataSpec, spec: DataSpec) -> Split:
    """Return a split with its labels and context if they mean what those of a model's data do, else without.

    Args:
        split: of another data set.
        found: spec of that set.
        spec: of the model's data.
    """
    same = class_texts(found) == class_texts(spec)
    like = meanings(found.context or ()) == meanings(spec.context or ())
    return Split(split.x, split.labels if same else None, split.context if like else None)


def meanings(columns: Sequence[Column]) -> list[tuple[object, ...]]:
    """Return what numbers of columns mean, whatever their scaling is: names and categories.

    Kinds may differ: whole numbers in a context are numbers as others are.
    """
    return [(column.name, column.categories) for column in columns]


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
