"""Train a model in a new run folder, then measure it and draw its pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.cli.parsing import parse, section, section_name
from tfgen.errors import OptionError, UnknownNameError
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.plugin.train_options import TrainOptions
from tfgen.printed import say
from tfgen.reading import read_json
from tfgen.runs.config import Device, Evaluated, RunConfig, config_from_json, default_config
from tfgen.runs.sources import known_sources

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Place:
    """What is trained on, and where."""

    data: str = "digits"
    """Data set: a name (`tfgen datasets` lists them; any image set of tensorflow-datasets has one), or your own data: a
    folder of pictures such as ./pictures, an .npz or .npy file, or idx files."""
    data_dir: str | None = None
    """Folder of prepared data sets; by default $TFDS_DATA_DIR, or ~/tensorflow_datasets where that is not set."""
    manual_dir: str | None = None
    """Folder with the files of a data set that were downloaded by hand, for a machine without a network."""
    name: str | None = None
    """Name of the run; by default MODEL-DATA, with a number when that is taken."""
    runs_dir: Path = Path("runs")
    """Folder in which the run's folder is made."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    init: str | None = None
    """Folder of a run whose weights training begins with, where names and shapes are the same."""
    evaluate: Evaluated = "all"
    """Examples of each split that the density or bound is evaluated on when training ends: all, none, or so many."""
    pictures: bool = True
    """Draw the pictures of the run: samples, curves, and what the model has of its own."""
    preset: str | None = None
    """Options for a kind of data, in the place of the model's defaults: cifar10 (32x32 RGB) or celeba64 (64x64 RGB), of models
    that have them; the command line wins over them."""
    config: Path | None = None
    """File with options, for example the config.json of another run; the command line wins over it."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Train what the arguments say and print where everything is."""
    registry = context.registry()
    content = config_file(arguments)
    named = [arguments[0]] if arguments and not arguments[0].startswith("-") else []
    model = named[0] if named else content.get("model")
    if not isinstance(model, str):
        if "-h" in arguments or "--help" in arguments:
            say("usage: tfgen run MODEL [options]; options differ from model to model, see: tfgen run MODEL --help")
            say(f"models: {', '.join(registry.models)}")
            return
        raise OptionError(
            f"which model? Models are {', '.join(registry.models)}; for example: tfgen run {registry.example}"
        )
    spec = registry.model(model)
    defaults = defaults_from(content, spec, arguments)
    place, config = parse_options(arguments[len(named) :], spec, defaults)
    config.check(registry)  # before TensorFlow is loaded
    context.tensorflow()
    from tfgen.cli.result_lines import finished_lines
    from tfgen.runs.experiment import start_run

    run = start_run(config, registry, place.runs_dir, place.name)
    say(*finished_lines(run))


def defaults_from(content: Mapping[str, Any], spec: ModelSpec, arguments: Sequence[str] = ()) -> RunConfig:
    """Return what holds where the command line says nothing: the file of ``--config``, or a preset, else the model's defaults.

    Raises:
        OptionError: for an option of the file that does not exist or does not fit.
    """
    preset = _option("preset", arguments)
    if not content:
        return default_config(spec, preset=preset)
    if preset is not None:
        raise OptionError("--preset and --config cannot be given together; leave one of them out.")
    try:
        config = config_from_json(content, spec)
    except (OptionError, UnknownNameError) as error:
        raise OptionError(f"in the file of --config: {error}") from error
    return dataclasses.replace(config, sources=known_sources(config.sources))


def parse_options(arguments: Sequence[str], spec: ModelSpec, defaults: RunConfig) -> tuple[Place, RunConfig]:
    """Return where to train and what, from the options of `tfgen run MODEL`.

    Raises:
        OptionError: for an option or a value that does not fit.
    """
    own = section_name(spec, taken=("run", "data", "training"))
    groups = {"run": Place, "data": DataOptions, "training": TrainOptions, own: spec.config}
    place = Place(
        data=defaults.data,
        data_dir=defaults.sources.data_dir,
        manual_dir=defaults.sources.manual_dir,
        device=defaults.device,
        init=defaults.init,
        evaluate=defaults.evaluate,
        pictures=defaults.pictures,
    )
    values = {"run": place, "data": defaults.data_options, "training": defaults.training, own: defaults.options}
    fields = [(name, section(cls), field(default=values[name])) for name, cls in groups.items()]
    cls: Any = dataclasses.make_dataclass("Options", fields, frozen=True)
    parsed: Any = parse(cls, arguments, f"run {spec.name}", f"{spec.summary}\n{spec.reference}")
    place = parsed.run
    sources = DataSources(place.data_dir, place.manual_dir)
    return place, RunConfig(
        spec.name, place.data, getattr(parsed, own), parsed.training, sources, parsed.data, place.device,
        place.init, place.evaluate, place.pictures,
    )  # fmt: skip


def config_file(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the content of the file that ``--config`` names, which decides the defaults of all other options."""
    path = _option("config", arguments)
    return (
        {} if path is None else read_json(Path(path), "name a JSON file with options, for example a run's config.json")
    )


def _option(name: str, arguments: Sequence[str]) -> str | None:
    """Return the value of an option that decides the defaults of all others, before these are parsed; None without it."""
    examples = {
        "config": "the name of a file; for example: tfgen run --config runs/x/config.json",
        "preset": "a name; for example: tfgen run MODEL --preset cifar10",
    }
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == f"--{name}":
            found = value if equals else next(iter(arguments[index + 1 : index + 2]), None)
            if not found:
                raise OptionError(f"--{name} needs {examples[name]}")
            return found
    return None
