"""Commands that reproduce a run, as a person would type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfgen.runs import RunFacts
from tfgen_plugins.report.settings import Settings

#: The metrics of samples, by what `tfgen evaluate --metrics` calls the group.
_OF_SAMPLES = {
    "fid": ("fid",),
    "kid": ("kid",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "accuracy": ("label_accuracy",),
}
#: What `--features` calls a network, by how its name begins; images with labels are seen by a classifier anyway.
_NETWORKS = {"keras inception": "inception", "values": "values"}


@dataclass(frozen=True)
class Reproduction:
    """How a run is made again.

    Attributes:
        commands: each as words of the shell, quoted.
        notes: what has to be said of them, in sentences.
    """

    commands: list[str]
    notes: list[str] = field(default_factory=list)


def reproduction_of(run: RunFacts, settings: Settings) -> Reproduction:
    """Return the commands that train a run and measure it, with the options that differ from the defaults."""
    config, notes = run.config, []
    if settings.spec is None:
        notes.append(f"{settings.reason}; so every option is written, whether it is the default or not.")
    spoken = {setting.name: words_of(setting.name, setting.value) for setting in settings.differing}
    unsaid = [name for name, words in spoken.items() if words is None]
    if unsaid:
        notes.append(f"{', '.join(unsaid)}: a command line cannot say this; it is in the run's config.json.")
    plugin = _plugin(config.get("plugin", {}), notes)
    words = [*plugin, "run", config["model"], *(["--config", "config.json"] if unsaid else [])]
    words += [*_option("data", config["data"])]
    folders = {name: value for name, value in config.get("sources", {}).items() if value}
    for name, value in folders.items():
        words += _option(name, value)
    if folders:
        notes.append(f"{' and '.join(folders.values())} stand for folders of your machine.")
    if config.get("device", "auto") != "auto":
        words += _option("device", config["device"])
    name = run.folder.resolve().name
    if name != f"{config['model']}-{config['data']}".replace("/", "-").replace(":", "-") and not name.startswith("-"):
        words += _option("name", name)
    for said in spoken.values():
        words += said or ()
    folder = f"runs/{name}"
    commands = [words, *_measurements(run, [*plugin, "evaluate", folder]), *_classifications(run, plugin, folder)]
    return Reproduction([shlex.join(["tfgen", *command]) for command in commands], notes)


def words_of(name: str, value: Any) -> list[str] | None:
    """Return an option as the words that `tfgen run` reads it from; None for a value that no words say.

    >>> words_of("mask", ("half", "random")), words_of("conditional", False), words_of("shift", -0.5)
    (['--mask', 'half', 'random'], ['--no-conditional'], ['--shift', '-0.5'])
    """
    flag = "--" + re.sub(r"(?<=.)_(?=.)", "-", name)
    if isinstance(value, bool):
        return [flag if value else "--no-" + flag.removeprefix("--")]
    if isinstance(value, list | tuple):
        words = list(_flat(value))
        if any(isinstance(word, Mapping) for word in words):
            return None
        texts = [str(word) for word in words]
        if any(_like_a_flag(word) for word in words):  # behind "=" it is a value, but only one word goes there
            return [f"{flag}={texts[0]}"] if len(texts) == 1 else None
        return [flag, *texts]
    if isinstance(value, Mapping):
        return None
    return _option(name, value)


def _option(name: str, value: Any) -> list[str]:
    flag = "--" + re.sub(r"(?<=.)_(?=.)", "-", name)
    return [f"{flag}={value}"] if _like_a_flag(value) else [flag, str(value)]


def _like_a_flag(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("-")


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value


def _plugin(record: Mapping[str, Any], notes: list[str]) -> list[str]:
    """Return ``-p`` for a plugin that came in by it, as its record tells: it belongs to no distribution."""
    name, file = record.get("name"), record.get("file")
    if not isinstance(name, str) or record.get("distribution"):
        return []
    if not isinstance(file, str):
        notes.append("The model was added by a program, not by a plugin; that program has to run it.")
        return []
    if "." in name:  # an importable module
        return ["-p", name]
    notes.append(f"{file} is the file of the model's plugin, which has to be at hand.")
    return ["-p", file]


def _measurements(run: RunFacts, words: list[str]) -> list[list[str]]:
    """Return `tfgen evaluate` for the test split, with the draws, particles and seed that its numbers rest on."""
    metrics = run.results.get("test", {})
    named = {group for group, names in _OF_SAMPLES.items() if any(name in metrics for name in names)}
    of_samples = {name for group in named for name in _OF_SAMPLES[group]}
    scored = [metric["basis"] for name, metric in metrics.items() if name not in of_samples]
    commands = []
    if scored or not metrics:
        options = {"draws": 1, "particles": 1, "seed": 0}
        found = {name: max(map(_whole(name, default), scored), default=default) for name, default in options.items()}
        chosen = {name: value for name, value in found.items() if value != options[name]}
        commands.append([*words, *(word for name, value in chosen.items() for word in _option(name, value))])
    if named:
        basis = next(metric["basis"] for name, metric in metrics.items() if name in of_samples)
        commands.append(
            [*words, *_of_samples(basis), "--metrics", ",".join(name for name in _OF_SAMPLES if name in named)]
        )
    return commands


def _of_samples(basis: Mapping[str, Any]) -> list[str]:
    """Return the options with which samples were measured, as the basis of their numbers tells."""
    bits = re.search(r"bits \((\w+)\)", str(basis.get("reference")))
    samples, seed = _whole("samples", 0)(basis), _whole("seed", 0)(basis)
    words = _option("samples", samples) if samples else []
    named = str(basis.get("network"))
    network = next((option for begins, option in _NETWORKS.items() if named.startswith(begins)), None)
    words += _option("features", network) if network else []
    words += _option("reference", bits[1]) if bits else []
    return words + (_option("seed", seed) if seed else [])


def _classifications(run: RunFacts, plugin: list[str], folder: str) -> list[list[str]]:
    commands = []
    for split, found in run.results.get("classification", {}).items():
        bases = [metric["basis"] for metric in found["metrics"].values()][:1]
        words = [*plugin, "classify", folder, *([] if split == "test" else _option("split", split))]
        for basis in bases:
            words += ["--priors", "uniform"] if basis.get("p(y)") == "uniform" else []
            for name, default in (("draws", 1), ("seed", 0)):
                value = _whole(name, default)(basis)
                words += _option(name, value) if value != default else []
        commands.append(words)
    return commands


def _whole(name: str, default: int) -> Any:
    return lambda basis: value if isinstance(value := basis.get(name), int) else default
