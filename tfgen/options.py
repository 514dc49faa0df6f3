"""The options of a run: typed dataclasses, which the command line, `config.json` and Python all fill."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from tfgen.errors import OptionError, UnknownNameError, require_option
from tfgen.specs import DataSources, ModelSpec, Precision

T = TypeVar("T")

CompileMode = Literal["graph", "xla-step", "xla-loop"]
Device = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained."""

    epochs: int = 20
    """Passes over the training examples."""
    batch_size: int = 128
    """Examples in one optimisation step."""
    seed: int = 0
    """Seed of everything random: weights, order of the examples, noise, pictures."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam, or Adam with decoupled weight decay."""
    learning_rate: float = 1e-3
    """Step size of the optimizer, after the warm-up and before the decay."""
    beta_1: float = 0.9
    """Decay of the optimizer's mean of the gradients."""
    beta_2: float = 0.999
    """Decay of the optimizer's mean of the squared gradients."""
    schedule: Literal["constant", "cosine"] = "constant"
    """How the learning rate goes on after the warm-up; cosine ends at zero with the last step."""
    warmup_steps: int = 0
    """Steps in which the learning rate rises linearly from zero."""
    weight_decay: float = 0.0
    """Decoupled weight decay (adamw only)."""
    clip_norm: float = 0.0
    """Largest global norm of a gradient; longer ones are scaled down. 0 clips nothing."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what evaluates and samples. 0 is off."""
    patience: int = 0
    """Stop after so many epochs without a better validation loss. 0 never stops early."""
    keep: Literal["best", "last"] = "best"
    """Which weights the run ends with: those of the best validation loss, or the last."""
    precision: Precision = "float32"
    """Arithmetic of the networks; densities and losses stay in float32."""
    compile: Literal["auto", "graph", "xla-step", "xla-loop"] = "auto"
    """How steps run: one graph, each step compiled by XLA, a whole chunk of steps compiled by XLA, or the fastest."""
    feed: Literal["auto", "device", "stream"] = "auto"
    """Training data wholly in device memory, or streamed batch by batch; auto takes the first where it fits."""
    chunk_steps: int = 100
    """Steps that run on the device between two visits of the host."""
    checkpoint_seconds: float = 60.0
    """Seconds between two checkpoints, at least; 0 writes one after each chunk."""
    picture_samples: int = 100
    """Samples in the pictures of the start, half-way and the end, in a square grid; vectors are always 3000."""
    deterministic: bool = False
    """Make every operation repeatable to the last bit (slower on a GPU)."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "chunk_steps"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("seed", "warmup_steps", "weight_decay", "clip_norm", "patience", "checkpoint_seconds"):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require_option(1 <= self.picture_samples <= 10_000, "picture_samples", self.picture_samples, "from 1 to 10000")
        require_option(self.seed < 2**31, "seed", self.seed, "below 2^31")
        require_option(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        for name in ("beta_1", "beta_2", "ema"):
            require_option(0 <= getattr(self, name) < 1, name, getattr(self, name), "in [0, 1)")
        require_option(
            self.weight_decay == 0 or self.optimizer == "adamw",
            "weight_decay",
            self.weight_decay,
            "0 unless --optimizer is adamw",
        )


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on: with the seed in it, the run is a function of this.

    Attributes:
        model: registered name of the model.
        data: name of the data set.
        options: the model's own options, an instance of its config dataclass.
        training: how it is trained.
        sources: where data files are looked for.
        device: where it runs.
    """

    model: str
    data: str
    options: Any
    training: TrainOptions = field(default_factory=TrainOptions)
    sources: DataSources = field(default_factory=DataSources)
    device: Device = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json` that `from_json` reads back."""
        return {
            "model": self.model,
            "data": self.data,
            "options": dataclasses.asdict(self.options),
            "training": dataclasses.asdict(self.training),
            "sources": dataclasses.asdict(self.sources),
            "device": self.device,
        }


def default_config(spec: ModelSpec, data: str = "digits") -> RunConfig:
    """Return the configuration that a model is trained with when nobody says otherwise."""
    return RunConfig(spec.name, data, build(spec.config, {}), build(TrainOptions, dict(spec.training)))


def config_from_json(content: Mapping[str, Any], spec: ModelSpec) -> RunConfig:
    """Read what `RunConfig.to_json` wrote; keys that are missing take the model's defaults.

    Raises:
        UnknownNameError: for an option that does not exist.
        OptionError: for a value of the wrong type or out of range.
    """
    defaults = default_config(spec)
    known = {"model", "data", "options", "training", "sources", "device"}
    check_names("option", set(content) - RUN_RECORD, known)
    if "compile_mode" in content:  # no option, but a resumed run goes by it
        _checked("compile_mode", content["compile_mode"], CompileMode)
    return RunConfig(
        model=spec.name,
        data=_checked("data", content.get("data", defaults.data), str),
        options=build(spec.config, _mapping("options", content), defaults.options),
        training=build(TrainOptions, _mapping("training", content), defaults.training),
        sources=build(DataSources, _mapping("sources", content), defaults.sources),
        device=_checked("device", content.get("device", defaults.device), Device),
    )


#: Keys of `config.json` that record how a run came about and are not options.
RUN_RECORD = frozenset(
    {"format", "plugin", "versions", "machine", "compile_mode", "compile_timings", "data_spec", "data_source"}
)


def build(cls: type[T], values: Mapping[str, Any], base: T | None = None) -> T:
    """Make the dataclass `cls` from named values, over `base` or the defaults.

    Raises:
        UnknownNameError: for a name that is no field, with the closest one.
        OptionError: for a value of the wrong type, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(typing.cast(Any, cls))]
    check_names("option", values, names)
    needed = [f.name for f in dataclasses.fields(typing.cast(Any, cls)) if f.default is f.default_factory]
    if base is None and (missing := [name for name in needed if name not in values]):
        raise OptionError(f"option {missing[0]!r} is missing.")
    checked = {name: _checked(name, value, hints[name]) for name, value in values.items()}
    return dataclasses.replace(typing.cast(Any, base), **checked) if base is not None else cls(**checked)


def check_names(kind: str, names: typing.Iterable[str], known: typing.Iterable[str]) -> None:
    """Raise `UnknownNameError` for the first name that is not known."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def split_options(values: Mapping[str, Any], spec: ModelSpec) -> RunConfig:
    """Sort flat named options (``epochs=5, layers=3``) into a `RunConfig`; what `tfgen.train` takes.

    Raises:
        UnknownNameError: for an option that neither the training nor the model has.
        OptionError: for a value of the wrong type or out of range.
    """
    groups: dict[str, tuple[str, ...]] = {
        "options": field_names(spec.config),
        "training": field_names(TrainOptions),
        "sources": field_names(DataSources),
    }
    top = ("data", "device")
    check_names("option", values, [*top, *(name for group in groups.values() for name in group)])
    content: dict[str, Any] = {name: values[name] for name in top if name in values}
    for group, names in groups.items():
        content[group] = {name: values[name] for name in names if name in values}
    return config_from_json(content, spec)


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(f.name for f in dataclasses.fields(cls))


def _mapping(key: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    return typing.cast(Mapping[str, Any], _checked(key, content.get(key, {}), Mapping[str, Any]))


def _checked(name: str, value: Any, hint: Any) -> Any:
    # A tenth of a second that --help does not need.
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if isinstance(value, list) and typing.get_origin(hint) is tuple:  # JSON has no tuples
        value = tuple(value)
    if isinstance(value, bool) and hint in (int, float):  # Python counts True as 1; a user who writes it does not
        raise OptionError(f"option {name!r} must be {_type_name(hint)}, got {value!r}.")
    try:
        return check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise OptionError(f"option {name!r} must be {_type_name(hint)}, got {value!r}.") from error


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    names = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        Mapping[str, Any]: "an object of names and values",
    }
    return names.get(hint, getattr(hint, "__name__", None) or str(hint))
