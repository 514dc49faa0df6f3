"""Specifications that a plugin registers: models, data sets, commands, metrics, pictures, feature networks, optimizers.

No TensorFlow here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, Literal, get_args

from tfgen.errors import OptionError, PluginError
from tfgen.plugin.author_code import raised_by_library
from tfgen.plugin.train_options import Precision

#: The commands of the core, in the order of `tfgen --help`; plugins add others.
CORE_COMMANDS = (
    "run", "resume", "runs", "evaluate", "score", "sample", "compare", "interpolate", "inpaint", "impute", "latent",
    "number", "classify", "latent-classify", "neighbours", "divergence", "export", "pack", "import", "info", "list", "datasets",
    "data", "plugins", "check", "new", "doctor",
)  # fmt: skip

MetricKind = Literal["density", "bound", "samples", "classification", "divergence", "speed", "model", "training"]
#: Version of the contract between tfgen and its plugins: what hooks are given, and which methods a model has to have.
API = 1


@dataclass(frozen=True)
class ModelSpec:
    """A model as a plugin registers it.

    Attributes:
        name: the name users type.
        config: a frozen dataclass; its fields, defaults and docstrings become the model's command-line options.
        model: the `GenerativeModel` class, a function ``(config, data, seed) -> GenerativeModel``, or a dotted path
            ``"package.module:Class"``, which keeps TensorFlow out of the plugin's import.
        summary: one line for `tfgen list`.
        reference: the paper, one line.
        training: defaults of training options that suit this model, for example ``{"learning_rate": 1e-4}``.
        precisions: the precisions in which the model is known to work.
        sampling: a frozen dataclass of options that `sample` takes by name, for example a temperature; its fields, defaults and
            docstrings become options of `tfgen sample`. None for a sampler without options.
        takes_labels: whether it takes labels, always or where an option says so; `tfgen list` tells it.
        presets: options of model and training by name, for example ``{"cifar10": {"filters": 64, "batch_size": 32}}``, which
            ``tfgen run MODEL --preset cifar10`` takes in the place of the defaults.
        earlier: values of options that came later, for runs that were made before: where the configuration that a run has
            recorded lacks the option, it stands for this value and not for the default of today.
        api: the version of the contract that the model is written for; see ``docs/stability.md``.
    """

    name: str
    config: type[Any]
    model: str | Callable[..., Any]
    summary: str
    reference: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    precisions: tuple[Precision, ...] = ("float32",)
    sampling: type[Any] | None = None
    takes_labels: bool = False
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    earlier: Mapping[str, Any] = field(default_factory=dict)
    api: int = API

    def __post_init__(self) -> None:
        if not (isinstance(self.config, type) and is_dataclass(self.config)):
            raise PluginError(f"model {self.name!r}: config must be a dataclass type, got {self.config!r}.")
        if not (self.sampling is None or (isinstance(self.sampling, type) and is_dataclass(self.sampling))):
            raise PluginError(f"model {self.name!r}: sampling must be a dataclass type, got {self.sampling!r}.")
        _check_path("model", self.name, self.model)

    def factory(self) -> Callable[..., Any]:
        """Return the callable that builds the model, importing it (and with it TensorFlow) only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("model", self.name, self.model)


@dataclass(frozen=True)
class DataSources:
    """Where data sets may look for files.

    Attributes:
        data_dir: the folder that holds prepared data sets; None means the usual one of tensorflow-datasets.
        manual_dir: a folder with files that were downloaded by hand, for machines without a network.
    """

    data_dir: str | None = None
    manual_dir: str | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set as a plugin registers it.

    Attributes:
        name: the name users type, perhaps with a variant: ``photos:32``.
        load: the function ``(sources) -> tfgen.Dataset``, called once per command, or its dotted path
            ``"package.module:function"``.
        summary: one line for `tfgen datasets`.
        reference: the source, one line.
        variant: the function ``(sources, variant) -> tfgen.Dataset`` for ``NAME:VARIANT``, or its dotted path; it raises a
            `ValueError` that says what a variant is. None where there are no variants.
        variants: what stands for a variant in `tfgen datasets`, one word: ``SIZE``.
    """

    name: str
    load: str | Callable[[DataSources], Any]
    summary: str
    reference: str = ""
    variant: str | Callable[[DataSources, str], Any] | None = None
    variants: str = ""

    def __post_init__(self) -> None:
        _check_path("data set", self.name, self.load)
        if self.variant is not None:
            _check_path("data set", self.name, self.variant)

    def function(self) -> Callable[[DataSources], Any]:
        """Return the function that loads it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("data set", self.name, self.load)

    def of_variant(self, variant: str) -> DatasetSpec:
        """Return the data set ``NAME:VARIANT`` of a set that has variants; whether there is such a one is found in loading it.

        Raises:
            OptionError: in loading, when there is none.
        """
        if self.variant is None:
            raise ValueError(f"data set {self.name!r} has no variants")
        load, name = self.variant, f"{self.name}:{variant}"

        def load_variant(sources: DataSources) -> Any:
            try:
                return _imported("data set", self.name, load)(sources, variant)
            except ValueError as error:
                if raised_by_library(error):  # a fault of the function: what a variant may be, it says itself
                    raise
                raise OptionError(f"--data {name}: {error}") from error

        return replace(self, name=name, load=load_variant, variant=None)


@dataclass(frozen=True)
class CommandSpec:
    """A command of the command line as a plugin registers it.

    Attributes:
        name: the word users type behind ``tfgen``; none of `CORE_COMMANDS`.
        main: the function ``(arguments, context) -> None`` that runs it, or its dotted path ``"package.module:function"``,
            which keeps its imports out of the plugin's. `arguments` is what stands behind the command, `context` a
            `tfgen.cli.CommandContext`; a `TfgenError` ends the command with one line and exit code 2.
        summary: one line for `tfgen --help`.
    """

    name: str
    main: str | Callable[..., None]
    summary: str

    def __post_init__(self) -> None:
        _check_path("command", self.name, self.main)

    def function(self) -> Callable[..., None]:
        """Return the function that runs the command, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("command", self.name, self.main)


@dataclass(frozen=True)
class MetricSpec:
    """A metric as a plugin registers it: what it is called, and how its values are read.

    Two things have a metric: a term of a loss, which is logged under its name while a model is trained; and a number that
    `measure` computes, which ``tfgen evaluate RUN --metrics NAME`` records.

    Attributes:
        name: as results and logs have it, for example ``"nll_nats"``.
        title: what the field calls it.
        unit: of its values.
        better: whether the ``lower`` or the ``higher`` value is the better one; None where neither is, so that nothing is
            ranked by it.
        of: what it follows from: the ``density`` of a model, a ``bound``, ``samples``, a ``classification``, a ``divergence``
            between models, ``speed``; ``model`` for whatever else `measure` looks at; ``training`` for a term of a loss.
        given_label: whether it is also reported as ``NAME_given_label``, of a conditional model with the label given.
        aliases: other names that ask for it, also for several metrics at once (``prdc``).
        curve: its place among the metrics that stand for a run as its validation curve, 1 first; None for no curve.
        panel: title of the panel beside the training curve in which it is drawn; None for no panel.
        measure: the function ``(tfgen.Measurement) -> tfgen.metrics.Estimate`` that computes it, or its dotted path
            ``"package.module:function"``; None where tfgen or the loss computes it.
        summary: one line for `tfgen plugins` and the docs.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"] | None = None
    of: MetricKind = "model"
    given_label: bool = False
    aliases: tuple[str, ...] = ()
    curve: int | None = None
    panel: str | None = None
    measure: str | Callable[..., Any] | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        if self.better not in (None, "lower", "higher"):
            raise PluginError(f"metric {self.name!r}: better must be 'lower', 'higher' or None, got {self.better!r}.")
        if self.of not in get_args(MetricKind):
            raise PluginError(
                f"metric {self.name!r}: of must be one of {', '.join(get_args(MetricKind))}, got {self.of!r}."
            )
        if self.measure is not None:
            _check_path("metric", self.name, self.measure)

    def function(self) -> Callable[..., Any]:
        """Return the function that computes it, importing it only now.

        Raises:
            PluginError: when there is none, or it cannot be imported.
        """
        if self.measure is None:
            raise PluginError(f"metric {self.name!r} has no function 'measure' that computes it.")
        return _imported("metric", self.name, self.measure)


@dataclass(frozen=True)
class PictureSpec:
    """A picture of a trained model as a plugin registers it; `tfgen run` draws it as ``figures/NAME.png`` when it ends.

    Attributes:
        name: of the file, without its ending.
        draw: the function ``(model, data, path) -> None`` that writes the PNG file `path`, or its dotted path
            ``"package.module:function"``. It raises `tfgen.CapabilityError` for a model that has no such picture.
        summary: one line for `tfgen plugins` and the docs.
    """

    name: str
    draw: str | Callable[..., None]
    summary: str

    def __post_init__(self) -> None:
        _check_path("picture", self.name, self.draw)

    def function(self) -> Callable[..., None]:
        """Return the function that draws it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("picture", self.name, self.draw)


@dataclass(frozen=True)
class FeatureNetworkSpec:
    """A feature extractor for FID, KID and precision/recall as a plugin registers it.

    Attributes:
        name: what ``--features`` of `tfgen evaluate` calls it.
        make: the function ``(data, sources, quiet) -> tfgen.FeatureNetwork`` that makes it for a data set, or its dotted path
            ``"package.module:function"``. It raises `tfgen.DataError` for data that do not suit it.
        summary: one line for `tfgen plugins` and the docs.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str

    def __post_init__(self) -> None:
        _check_path("feature network", self.name, self.make)

    def function(self) -> Callable[..., Any]:
        """Return the function that makes it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("feature network", self.name, self.make)


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimizer as a plugin registers it: a choice of ``--optimizer``.

    Attributes:
        name: what ``--optimizer`` of `tfgen run` calls it.
        make: the function ``(learning_rate, options) -> keras.optimizers.Optimizer`` that makes it, or its dotted path
            ``"package.module:function"``; `learning_rate` is a number or a Keras schedule, `options` are the
            `tfgen.TrainOptions`. ``--clip-norm`` is seen to by tfgen.
        summary: one line for `tfgen plugins` and the docs.
        options: which of ``beta_1``, ``beta_2`` and ``weight_decay`` it heeds; any other that is given is refused.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str
    options: tuple[Literal["beta_1", "beta_2", "weight_decay"], ...] = ()

    def __post_init__(self) -> None:
        _check_path("optimizer", self.name, self.make)

    def function(self) -> Callable[..., Any]:
        """Return the function that makes it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("optimizer", self.name, self.make)


@dataclass(frozen=True)
class ScheduleSpec:
    """A learning-rate schedule as a plugin registers it: a choice of ``--schedule``.

    Attributes:
        name: what ``--schedule`` of `tfgen run` calls it.
        make: the function ``(rate, steps) -> rate or keras.optimizers.schedules.LearningRateSchedule`` that makes it for a
            run (or a stage) of `steps` steps after the warm-up, or its dotted path ``"package.module:function"``.
        summary: one line for `tfgen plugins` and the docs.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str

    def __post_init__(self) -> None:
        _check_path("schedule", self.name, self.make)

    def function(self) -> Callable[..., Any]:
        """Return the function that makes it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("schedule", self.name, self.make)


@dataclass(frozen=True)
class ExportFormatSpec:
    """A format of exported models as a plugin registers it: a choice of ``--format`` of `tfgen export`.

    Attributes:
        name: what ``--format`` calls it.
        write: the function ``(signatures, model, folder) -> {name: why}`` that writes `tfgen.export.Signature` objects by name
            into an empty folder, or its dotted path ``"package.module:function"``. It returns those that the format cannot
            hold, each with the reason.
        load: Python source, without tfgen, that defines ``load(folder)``: the functions of an export by the names of their
            signatures, each of arrays by name, and returning an array. The export is checked by it, and its example has it.
        summary: one line for `tfgen plugins` and the docs.
        noise: whether functions are given a ``seed``, or their random numbers as ``inputs``, for a format without such.
        extra: of the distribution tfgen-prob that installs what it needs; empty where nothing more is needed.
        imports: names of the modules that it needs.
    """

    name: str
    write: str | Callable[..., Mapping[str, str]]
    load: str
    summary: str
    noise: Literal["seed", "inputs"] = "seed"
    extra: str = ""
    imports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_path("export format", self.name, self.write)

    def function(self) -> Callable[..., Mapping[str, str]]:
        """Return the function that writes it, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("export format", self.name, self.write)


def _check_path(kind: str, name: str, target: str | Callable[..., Any]) -> None:
    if isinstance(target, str) and target.count(":") != 1:
        raise PluginError(f"{kind} {name!r}: the path {target!r} must read 'package.module:Name'.")


def _imported(kind: str, name: str, target: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable, or the one at a dotted path ``"package.module:name"``."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{kind} {name!r}: cannot import {target!r}: {error}.") from error
    return found
