"""Registry of plugins: models, data sets, commands, metrics and whatever else they add, by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, cast

import pluggy

from tfgen.errors import PluginError, UnknownNameError
from tfgen.plugin import hookspecs
from tfgen.plugin.lint import hooks_of, lint
from tfgen.plugin.registration import KINDS, Additions, Registration, Spec, check_spec
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

T = TypeVar("T", bound=Spec)


@dataclass(frozen=True)
class PluginRecord:
    """What is known of one plugin; `dataclasses.asdict` makes it fit for JSON.

    Attributes:
        name: its entry point's name, its file's stem, or its module's dotted name.
        kind: how it came in: with tfgen, with another distribution, or by ``-p`` as a file or a module.
        distribution: the installed distribution it belongs to, if any.
        version: that distribution's version.
        file: its source file, where that is known.
        status: whether it is in use.
        cause: why it failed, one line.
        models: the names of the models it adds.
        datasets: the names of the data sets it adds.
        commands: the names of the commands it adds.
        metrics: the names of the metrics it adds.
        pictures: the names of the pictures it adds.
        feature_networks: the names of the feature networks it adds.
        optimizers: the names of the optimizers it adds.
        schedules: the names of the learning-rate schedules it adds.
        export_formats: the names of the formats of exported models it adds.
        hooks: the hooks it implements.
    """

    name: str
    kind: Literal["built-in", "installed", "file", "module"]
    distribution: str | None = None
    version: str | None = None
    file: str | None = None
    status: Literal["loaded", "failed", "blocked"] = "loaded"
    cause: str | None = None
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    feature_networks: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    export_formats: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The plugin's name, distribution and file, in words."""
        distribution = f"distribution {self.distribution} {self.version or ''}".rstrip() if self.distribution else None
        details = ", ".join(filter(None, [distribution, self.file]))
        return f"plugin {self.name!r}" + (f" ({details})" if details else "")


#: The origin of what a program adds to a registry itself, without a plugin.
PROGRAM = PluginRecord("this program", "module")


class Registry(Additions):
    """The plugins of one command or program, and what they added; `tfgen.load_registry` fills one.

    Attributes:
        plugins: a record of every plugin that was found, failed and blocked ones included, in the order of loading.
    """

    def __init__(self) -> None:
        self.plugins: list[PluginRecord] = []
        self._shelves: dict[type[Any], _Shelf[Any]] = {kind: _Shelf(named.one) for kind, named in KINDS.items()}
        self._silenced: set[str] = set()
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def adopt(self, plugin: object, record: PluginRecord) -> None:
        """Take in one plugin, wholly or not at all.

        Args:
            plugin: a module, or an instance of a class with hooks.
            record: who it is; what it adds is filled in here.

        Raises:
            PluginError: when the plugin breaks the spec, or it or another of its name is there already.
            Exception: whatever its `tfgen_register` raises.
        """
        if complaints := lint(plugin):
            raise PluginError("; ".join(complaints))
        if (twin := self._manager.get_name(plugin)) is not None:
            raise PluginError(f"it is already loaded as {self._loaded(twin).origin}")
        if self._manager.has_plugin(record.name):
            other = self._loaded(record.name)
            raise PluginError(f"the name {record.name!r} is taken by {other.origin}; {_remedy([other])}")
        self._manager.register(plugin, record.name)
        registration = Registration()
        try:
            self._call("tfgen_register", record.name, registry=registration)
        except BaseException:  # a plugin that fails, or is interrupted, leaves nothing behind
            self._manager.unregister(plugin)
            raise
        hooks = {options.get("specname") or name for name, options in hooks_of(plugin).items()}
        added: dict[str, Any] = {named.many: registration.names(kind) for kind, named in KINDS.items()}
        record = replace(record, **added, hooks=tuple(sorted(hooks)))
        self.plugins.append(record)
        for spec in registration.specs():
            self._shelves[type(spec)].claim(spec, record)

    def watch(self, observer: object, name: str) -> None:
        """Take in an object that observes runs, for as long as this registry lives.

        Args:
            observer: an instance of a class with hooks.
            name: what warnings and errors call it.

        Raises:
            PluginError: when its hooks would not be called, or it is there already; says which and why.
        """
        try:
            self.adopt(observer, PluginRecord(name, "module"))
        except PluginError as error:
            raise PluginError(f"{name}: {error}") from error

    def _add(self, spec: Spec, expected: type[Spec]) -> None:
        """Add what belongs to the running program itself, not to a plugin."""
        check_spec(spec, expected)
        self._shelves[expected].claim(spec, PROGRAM)

    def _shelf(self, kind: type[T]) -> _Shelf[T]:
        return cast("_Shelf[T]", self._shelves[kind])

    @property
    def models(self) -> dict[str, ModelSpec]:
        """The models by name, sorted, less those in `conflicts`."""
        return self._shelf(ModelSpec).sole()

    @property
    def example(self) -> str:
        """The name of a model for examples in help and hints: the first that was added and needs no labels."""
        found = self._shelf(ModelSpec).sole(in_order=True)
        return next((name for name, spec in found.items() if not spec.takes_labels), next(iter(found), "MODEL"))

    @property
    def datasets(self) -> dict[str, DatasetSpec]:
        """The data sets by name, sorted, less those in `conflicts`."""
        return self._shelf(DatasetSpec).sole()

    @property
    def commands(self) -> dict[str, CommandSpec]:
        """The commands that plugins add, by name, sorted, less those in `conflicts`."""
        return self._shelf(CommandSpec).sole()

    @property
    def metrics(self) -> dict[str, MetricSpec]:
        """The metrics by name, in the order in which they were added, less those in `conflicts`."""
        return self._shelf(MetricSpec).sole(in_order=True)

    @property
    def pictures(self) -> dict[str, PictureSpec]:
        """The pictures by name, in the order in which they were added, less those in `conflicts`."""
        return self._shelf(PictureSpec).sole(in_order=True)

    @property
    def feature_networks(self) -> dict[str, FeatureNetworkSpec]:
        """The feature networks by name, sorted, less those in `conflicts`."""
        return self._shelf(FeatureNetworkSpec).sole()

    @property
    def optimizers(self) -> dict[str, OptimizerSpec]:
        """The optimizers by name, in the order in which they were added, less those in `conflicts`."""
        return self._shelf(OptimizerSpec).sole(in_order=True)

    @property
    def schedules(self) -> dict[str, ScheduleSpec]:
        """The learning-rate schedules by name, in the order in which they were added, less those in `conflicts`."""
        return self._shelf(ScheduleSpec).sole(in_order=True)

    @property
    def export_formats(self) -> dict[str, ExportFormatSpec]:
        """The formats of exported models by name, in the order in which they were added, less those in `conflicts`."""
        return self._shelf(ExportFormatSpec).sole(in_order=True)

    def find(self, kind: type[T], name: str) -> T:
        """Return the spec of one kind called `name`, for example ``find(OptimizerSpec, "adam")``.

        Raises:
            UnknownNameError: when there is none; it names the closest, and the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self._shelf(kind).find(name, self._hint(), CORE_COMMANDS if kind is CommandSpec else ())[1]

    @property
    def conflicts(self) -> list[str]:
        """One line for each name that several plugins claim: who does, and the remedy."""
        return [line for shelf in self._shelves.values() for line in shelf.conflicts()]

    def model(self, name: str) -> ModelSpec:
        """Return the model called `name`, without importing its class.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self.find(ModelSpec, name)

    def model_origin(self, name: str) -> PluginRecord:
        """Return who added the model called `name`.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self._shelf(ModelSpec).find(name, self._hint())[0]

    def dataset(self, name: str) -> DatasetSpec:
        """Return the data set called `name`, perhaps ``NAME:VARIANT``, without loading it.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        base, colon, variant = name.partition(":")
        if colon and name not in self.datasets and self.has_dataset(name):
            return self.find(DatasetSpec, base).of_variant(variant)
        return self.find(DatasetSpec, name)

    def has_dataset(self, name: str) -> bool:
        """Return whether a plugin has the data set called `name`, perhaps as a variant, ``NAME:VARIANT``, of another."""
        base, colon, _ = name.partition(":")
        return name in self.datasets or bool(
            colon and base in self.datasets and self.datasets[base].variant is not None
        )

    def command(self, name: str) -> CommandSpec:
        """Return the command called `name`, without importing it.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self.find(CommandSpec, name)

    def metric(self, name: str) -> MetricSpec:
        """Return the metric called `name`.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self.find(MetricSpec, name)

    def feature_network(self, name: str) -> FeatureNetworkSpec:
        """Return the feature network called `name`, without making it.

        Raises:
            UnknownNameError: when there is none; it names the plugins that failed to load.
            PluginError: when several plugins claim the name.
        """
        return self.find(FeatureNetworkSpec, name)

    def observe(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook of all plugins, one at a time.

        An observer that raises is reported by a `RuntimeWarning`, and its plugin's observers are not called again; only
        interrupts and exits pass through.

        Args:
            hook: the hook's name, for example ``"tfgen_progress"``.
            arguments: all of the hook's arguments, by name.
        """
        implementations = reversed(getattr(self._manager.hook, hook).get_hookimpls())  # pluggy's own order of calling
        for name in dict.fromkeys(implementation.plugin_name for implementation in implementations):
            if name in self._silenced:
                continue
            try:
                self._call(hook, name, **arguments)
            except Exception as error:  # a stranger's code must not end hours of training
                self._silenced.add(name)
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                warnings.warn(
                    f"plugin {name!r} failed in {hook} and is not called again: {reason}", RuntimeWarning, stacklevel=2
                )

    def _call(self, hook: str, name: str, **arguments: Any) -> None:
        """Call a hook of the plugin called `name` and of no other."""
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        self._manager.subset_hook_caller(hook, others)(**arguments)

    def _loaded(self, name: str) -> PluginRecord:
        return next(record for record in self.plugins if record.name == name and record.status == "loaded")

    def _hint(self) -> str:
        failed = [f"plugin {record.name!r} failed to load: {record.cause}" for record in self.plugins if record.cause]
        return f"{'; '.join(failed)}; see `tfgen plugins`." if failed else ""


class _Shelf(Generic[T]):
    """Specs of one kind by name, each with all who claim that name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._claims: dict[str, list[tuple[PluginRecord, T]]] = {}

    def claim(self, spec: T, origin: PluginRecord) -> None:
        self._claims.setdefault(spec.name, []).append((origin, spec))

    def sole(self, in_order: bool = False) -> dict[str, T]:
        claims = self._claims.items() if in_order else sorted(self._claims.items())
        return {name: claimed[0][1] for name, claimed in claims if len(claimed) == 1}

    def conflicts(self) -> Iterator[str]:
        return (self._conflict(name) for name, claims in sorted(self._claims.items()) if len(claims) > 1)

    def find(self, name: str, hint: str, others: Iterable[str] = ()) -> tuple[PluginRecord, T]:
        if name not in self._claims:
            raise UnknownNameError(self.kind, name, [*self._claims, *others], hint)
        if len(self._claims[name]) > 1:
            raise PluginError(self._conflict(name))
        return self._claims[name][0]

    def _conflict(self, name: str) -> str:
        records = [record for record, _ in self._claims[name]]
        claimants = " and ".join(record.origin for record in records)
        return f"{self.kind} {name!r} is claimed by {claimants}; {_remedy(records)}."


def _remedy(records: list[PluginRecord]) -> str:
    """Say how to be rid of one of the plugins: by option for those that come by themselves, else by hand."""
    options = [f"`-p no:{record.name}`" for record in records if record.kind in ("built-in", "installed")]
    return f"block one with {' or '.join(options)}" if options else "leave one out, or rename it"
