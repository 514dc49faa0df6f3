"""Registration of one plugin: the models, data sets, commands, metrics and other things that it adds."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tfgen.errors import PluginError
from tfgen.plugin.model_checks import check_model
from tfgen.plugin.specs import (
    CORE_COMMANDS,
    CommandSpec,
    DatasetSpec,
    ExportFormatSpec,
    FeatureNetworkSpec,
    MetricSpec,
    ModelSpec,
    OptimizerSpec,
    PictureSpec,
    ScheduleSpec,
)

Spec = (
    ModelSpec
    | DatasetSpec
    | CommandSpec
    | MetricSpec
    | PictureSpec
    | FeatureNetworkSpec
    | OptimizerSpec
    | ScheduleSpec
    | ExportFormatSpec
)


@dataclass(frozen=True)
class Kind:
    """A kind of thing that plugins add.

    Attributes:
        one: what one of them is called in messages.
        many: the name of the list of them, in records and of `Registry`.
    """

    one: str
    many: str


#: Every kind of spec; whatever the core has a list of is one of these.
KINDS: dict[type[Spec], Kind] = {
    ModelSpec: Kind("model", "models"),
    DatasetSpec: Kind("data set", "datasets"),
    CommandSpec: Kind("command", "commands"),
    MetricSpec: Kind("metric", "metrics"),
    PictureSpec: Kind("picture", "pictures"),
    FeatureNetworkSpec: Kind("feature network", "feature_networks"),
    OptimizerSpec: Kind("optimizer", "optimizers"),
    ScheduleSpec: Kind("schedule", "schedules"),
    ExportFormatSpec: Kind("export format", "export_formats"),
}
_NAME = re.compile(r"[a-z0-9_-]+")
#: A data set may have variants, such as ``photos:32``.
_NAME_OF_DATA = re.compile(r"[a-z0-9_-]+(:[a-z0-9_-]+)?")


class Additions(abc.ABC):
    """Methods that add models, data sets, commands, metrics and whatever else plugins add; all are in `KINDS`."""

    @abc.abstractmethod
    def _add(self, spec: Spec, expected: type[Spec]) -> None:
        """Add a spec of the kind `expected`, checked."""

    def add_model(self, spec: ModelSpec) -> None:
        """Add a model.

        Raises:
            PluginError: when `spec` is no `ModelSpec`, its name is malformed, the name has been added already, or an option
                is none that a run could have; see `tfgen.plugin.model_checks`.
        """
        self._add(spec, ModelSpec)

    def add_dataset(self, spec: DatasetSpec) -> None:
        """Add a data set.

        Raises:
            PluginError: when `spec` is no `DatasetSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, DatasetSpec)

    def add_command(self, spec: CommandSpec) -> None:
        """Add a command of the command line.

        Raises:
            PluginError: when `spec` is no `CommandSpec`, its name is malformed or that of one of tfgen's own commands, or
                the name has been added already.
        """
        self._add(spec, CommandSpec)

    def add_metric(self, spec: MetricSpec) -> None:
        """Add a metric: a term of a loss, or a number that its function computes.

        Raises:
            PluginError: when `spec` is no `MetricSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, MetricSpec)

    def add_picture(self, spec: PictureSpec) -> None:
        """Add a picture that is drawn when a run ends.

        Raises:
            PluginError: when `spec` is no `PictureSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, PictureSpec)

    def add_feature_network(self, spec: FeatureNetworkSpec) -> None:
        """Add a feature extractor for FID, KID and precision/recall.

        Raises:
            PluginError: when `spec` is no `FeatureNetworkSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, FeatureNetworkSpec)

    def add_optimizer(self, spec: OptimizerSpec) -> None:
        """Add an optimizer, a choice of ``--optimizer``.

        Raises:
            PluginError: when `spec` is no `OptimizerSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, OptimizerSpec)

    def add_schedule(self, spec: ScheduleSpec) -> None:
        """Add a learning-rate schedule, a choice of ``--schedule``.

        Raises:
            PluginError: when `spec` is no `ScheduleSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, ScheduleSpec)

    def add_export_format(self, spec: ExportFormatSpec) -> None:
        """Add a format of exported models, a choice of ``--format`` of `tfgen export`.

        Raises:
            PluginError: when `spec` is no `ExportFormatSpec`, its name is malformed, or the name has been added already.
        """
        self._add(spec, ExportFormatSpec)


class Registration(Additions):
    """Registration of one plugin: `tfgen_register` gets it, and it counts only if the hook returns."""

    def __init__(self) -> None:
        self._specs: dict[type[Spec], dict[str, Spec]] = {kind: {} for kind in KINDS}

    def names(self, kind: type[Spec]) -> tuple[str, ...]:
        """Return the names of one kind, in the order in which they were added."""
        return tuple(self._specs[kind])

    def specs(self) -> Iterator[Spec]:
        """Yield everything that was added."""
        for specs in self._specs.values():
            yield from specs.values()

    def _add(self, spec: Spec, expected: type[Spec]) -> None:
        check_spec(spec, expected)
        if spec.name in self._specs[expected]:
            raise PluginError(f"{KINDS[expected].one} {spec.name!r} is added twice.")
        self._specs[expected][spec.name] = spec


def check_spec(spec: object, expected: type[Spec]) -> None:
    """Check the type and the name of what is added.

    Raises:
        PluginError: when it is no `expected`, or its name is malformed or reserved.
    """
    kind = KINDS[expected].one
    if not isinstance(spec, expected):
        raise PluginError(f"a {kind} is added as a tfgen.{expected.__name__}, got {spec!r}.")
    of_data = isinstance(spec, DatasetSpec)
    if not (isinstance(spec.name, str) and (_NAME_OF_DATA if of_data else _NAME).fullmatch(spec.name)):
        colon = "; a colon may stand before a variant" if of_data else ""
        raise PluginError(
            f"{kind} {spec.name!r}: a name has lower-case letters, digits, underscores and hyphens only{colon}."
        )
    if isinstance(spec, CommandSpec) and spec.name in CORE_COMMANDS:
        raise PluginError(f"command {spec.name!r} is one of tfgen's own; choose another name.")
    if isinstance(spec, ModelSpec):
        check_model(spec)
