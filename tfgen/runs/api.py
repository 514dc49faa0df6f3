"""Python interface of runs: `train`, `load`, `generate`, `score`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.data.own.in_memory import prepared_name
from tfgen.errors import DataError
from tfgen.packs.unpack import pack_in
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import split_options
from tfgen.runs.folder import RunFolder, located
from tfgen.runs.importing import temporary_run
from tfgen.runs.run import Run
from tfgen.runtime import device_scope, load_tensorflow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfgen.data.dataset import Dataset, SplitName
    from tfgen.data.own.ordered import Ordered
    from tfgen.evaluate.examples import ExampleScores


def train(
    model: str,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    plugins: Sequence[str] = (),
    observers: Sequence[object] = (),
    quiet: bool = False,
    **options: Any,
) -> Run:
    """Train a model and return its run.

    Args:
        model: registered name.
        name: of the run; by default ``MODEL-DATA``, numbered when taken.
        runs_dir: where the run's folder is made.
        plugins: files or modules with further plugins, as ``-p`` on the command line.
        observers: objects with hooks such as ``tfgen_progress(step, metrics)``, called in this training alone; one that raises
            is reported by a warning, and not called again.
        quiet: show no progress, and in a notebook no results.
        options: any option of training, data or the model itself by name, for example ``data="mnist", layers=8``. `data` is
            the name of a data set, the path of your own, an array of images uint8 [n, height, width(, channels)] or of vectors
            of floats [n, d], a pair ``(x, labels)``, or a `tfgen.Dataset`.

    Raises:
        TfgenError: for unknown names, unsuitable values, data that cannot be loaded; one line with advice.
        PluginError: for an observer whose hooks would not be called; says which and why.
    """
    registry = load_registry(plugins)
    for number, observer in enumerate(observers, 1):
        registry.watch(observer, f"observer {number} ({type(observer).__name__})")
    data = options.get("data", "")
    if isinstance(data, Path):
        options["data"] = data = os.path.abspath(data)  # a path, also where it is the name of a registered set
    if not isinstance(data, str):
        del options["data"]
    config = split_options(options, registry.model(model))
    if not isinstance(data, str):
        config = dataclasses.replace(config, data=prepared_name(data, config.data_options, config.sources))
    load_tensorflow()  # without its log, before other modules import it
    from tfgen.runs.experiment import start_run

    run = start_run(config, registry, Path(runs_dir), name, quiet)
    if not quiet:
        run.display()
    return run


def load(run: str | Path, *, plugins: Sequence[str] = ()) -> Run:
    """Load a run, from its folder or from a pack; model, data and results are loaded on first use.

    A pack is unpacked into a folder for temporary files that is removed with the `Run`, or at the end of the program: what is
    recorded in it goes as well. `tfgen import` makes a run that stays.

    Args:
        run: the run's folder, or a pack: the file, or a folder with one.
        plugins: files or modules with further plugins, as ``-p`` on the command line.

    Raises:
        RunError: when there is no run, or the pack is damaged or needs a plugin that is not here.
    """
    path, registry = located(Path(run)), load_registry(plugins)
    return Run(RunFolder.open(path), registry) if pack_in(path) is None else temporary_run(path, registry)


def generate(
    run: Run | str | Path,
    labels: Sequence[int | str] | None = None,
    seed: int = 0,
    *,
    context: Any = None,
    plugins: Sequence[str] = (),
    **options: Any,
) -> NDArray[np.generic]:
    """Sample one example for each label or context, in order, from the conditional model of a run.

    The example at a place is a function of seed, place and label, so that equal labels give different examples.

    Args:
        run: a run with a conditional model, or its folder or pack.
        labels: classes, n integers or names, for example ``[0, 2]``; None for a model that is given a context alone.
        context: of a model that takes one, [n, k] numbers, or [k] for all.
        seed: same seed and labels, same examples.
        plugins: files or modules with further plugins, as ``-p`` on the command line, for a run that is given by its folder.
        options: of the model's sampler, by name, for example ``temperature=0.8``.

    Returns:
        Images [n, height, width, channels] uint8, or vectors [n, d] float32.

    Raises:
        CapabilityError: when the model takes no labels, or does not sample.
        DataError: when labels are not integers, are none, or lie outside the classes.
        RunError: when the folder is no run, or holds no checkpoint.
    """
    result = run if isinstance(run, Run) else load(run, plugins=plugins)
    load_tensorflow()
    from tfgen.sample.class_samples import generate_examples

    with device_scope(result.config.device):
        return generate_examples(result.model, labels, seed, options=options, context=context)


def score(
    run: Run | str | Path,
    data: Dataset | str | Path | None = None,
    split: str = "test",
    *,
    draws: int = 1,
    particles: int = 1,
    seed: int = 0,
    plugins: Sequence[str] = (),
) -> ExampleScores:
    """Score each example by the density or bound of a run, as `tfgen score` does.

    Args:
        run: a run, or its folder or pack.
        data: another data set, by name, as a path, or as a `tfgen.Dataset`; the run's own by default. Labels are not needed.
        split: whose examples are scored; of a path all examples, and ``train`` only of the run's own data or a `tfgen.Dataset`.
        draws: passes with other noise, averaged; with two or more each score has an error.
        particles: k of the importance-weighted bound, for a model with a bound.
        seed: of the noise.
        plugins: files or modules with further plugins, as ``-p`` on the command line, for a run that is given by its folder.

    Returns:
        ``log_likelihood``, ``error`` and, of a conditional model, ``given_label``: float64 [n] each, in nats.

    Raises:
        CapabilityError: when the model has neither density nor bound.
        UnknownNameError: when there is no such split.
        DataError: when the examples do not fit the model, or lack the context that it is given.
        OptionError: for the training split of data that are named.
    """
    result = run if isinstance(run, Run) else load(run, plugins=plugins)
    load_tensorflow()
    from tfgen.evaluate.examples import score_examples
    from tfgen.evaluate.scoring import check_measurement
    from tfgen.runs.other_data import given_in

    name = check_measurement(split, draws, 1)
    with device_scope(result.config.device):
        examples = _examples(result, data, name)
        return score_examples(
            result.model, result.data, examples.x, given_in(result, examples),
            draws=draws, particles=particles, seed=seed,
        )  # fmt: skip


def _examples(run: Run, data: Dataset | str | Path | None, split: SplitName) -> Ordered:
    """Return examples to score."""
    from tfgen.data.dataset import Dataset
    from tfgen.runs.other_data import fitting_split, ordered_split, other_examples, require_other_split

    if data is None:
        return ordered_split(run.data.splits[split])
    if isinstance(data, Dataset):
        return ordered_split(fitting_split(data.splits[split], data.spec, run.data_spec, data.name))
    if not isinstance(data, str | Path):
        raise DataError(f"score takes a tfgen.Dataset, the name of one or a path, got {type(data).__name__}.")
    require_other_split(split)
    # A path is one also where it is the name of a registered set.
    return other_examples(run, os.path.abspath(data) if isinstance(data, Path) else data, split=split)
