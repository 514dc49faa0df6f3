"""Shell commands that reproduce a run: training and evaluation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen.metrics import Basis, Metric
from tfgen.plugin.option_types import to_json
from tfgen.plugin.options import negated
from tfgen.runs import RunFacts, plugin_words, recorded_cycles, run_plugin_words
from tfgen_plugins.report.settings import Settings

#: Feature extractors that `tfgen evaluate` takes by default: they need no option for images with labels.
_USUAL_FEATURES = "classifier"


@dataclass(frozen=True)
class Reproduction:
    """Commands that reproduce a run, with notes.

    Attributes:
        commands: shell commands, quoted.
        notes: remarks on the commands, in sentences.
    """

    commands: list[str]
    notes: list[str] = field(default_factory=list)


def reproduction_of(run: RunFacts, settings: Settings) -> Reproduction:
    """Return the commands that train and evaluate a run, with the options that differ from the defaults."""
    config, notes = run.config, []
    if settings.spec is None:
        notes.append(f"{settings.reason}; so every option is written, whether it is the default or not.")
    spoken = {setting.name: words_of(setting.name, setting.value, setting.hint) for setting in settings.differing}
    unsaid = [name for name, words in spoken.items() if words is None]
    if unsaid:
        notes.append(f"{', '.join(unsaid)}: a command line cannot say this; it is in the run's config.json.")
    plugin = _plugin(config, notes)
    words = [*plugin, "run", config["model"], *(["--config", "config.json"] if unsaid else [])]
    words += [*_option("data", config["data"])]
    folders = {name: value for name, value in config.get("sources", {}).items() if value}
    for name, value in folders.items():
        words += _option(name, value)
    if folders:
        notes.append(f"{' and '.join(folders.values())} stand for folders of your machine.")
    if config.get("init"):
        words += _option("init", config["init"])
        notes.append(f"{config['init']} is the run whose weights this one began with; it has to be made first.")
    if config.get("device", "auto") != "auto":
        words += _option("device", config["device"])
    if config.get("evaluate", "all") != "all":
        words += _option("evaluate", str(config["evaluate"]))
    if not config.get("pictures", True):
        words.append("--no-pictures")
    name = run.folder.resolve().name
    if name != f"{config['model']}-{config['data']}".replace("/", "-").replace(":", "-") and not name.startswith("-"):
        words += _option("name", name)
    for said in spoken.values():
        words += said or ()
    folder = f"runs/{name}"
    further = [[*plugin, "resume", folder, *_option("epochs", cycle.epochs)] for cycle in recorded_cycles(config)[1:]]
    commands = [
        words,
        *further,
        *_measurements(run, [*plugin, "evaluate", folder]),
        *_classifications(run, plugin, folder),
    ]
    return Reproduction([shlex.join(["tfgen", *command]) for command in commands], notes)


def words_of(name: str, value: Any, hint: Any = None) -> list[str] | None:
    """Return an option as command-line words of `tfgen run`; None for a value that has no such form.

    >>> words_of("mask", ("half", "random")), words_of("conditional", False), words_of("shift", -0.5)
    (['--mask', 'half', 'random'], ['--no-conditional'], ['--shift', '-0.5'])
    """
    flag = _flag(name)
    if isinstance(value, bool) and hint in (None, bool):  # of `bool | None` it is a word
        return [flag if value else negated(flag)]
    value = to_json(value)
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
    flag = _flag(name)
    return [f"{flag}={value}"] if _like_a_flag(value) else [flag, str(value)]


def _flag(name: str) -> str:
    return "--" + re.sub(r"(?<=.)_(?=.)", "-", name)


def _like_a_flag(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("-")


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value


def _plugin(config: Mapping[str, Any], notes: list[str]) -> list[str]:
    """Return ``-p FILE`` for plugins from files, which have no distribution."""
    record, words = config.get("plugin", {}), run_plugin_words(config)
    if not plugin_words(record) and isinstance(record.get("name"), str) and not record.get("distribution"):
        notes.append("The model was added by a program, not by a plugin; that program has to run it.")
    elif words and words[1] == record.get("file"):
        notes.append(f"{words[1]} is the file of the model's plugin, which is needed.")
    others = [word for word in words if word not in ("-p", *plugin_words(record))]
    if others:
        notes.append(
            f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} needed, for the data set or the optimizer."
        )
    return words


def _measurements(run: RunFacts, words: list[str]) -> list[list[str]]:
    """Return `tfgen evaluate` for the test split, with the draws, particles and seed of its metrics."""
    catalogue, metrics = run.catalogue, run.measured("test")

    def measured(*kinds: str) -> list[Metric]:
        return [metric for name, metric in metrics.items() if name in catalogue and catalogue[name].of in kinds]

    scored, sampled = measured("density", "bound"), measured("samples")
    computed = [metric for metric in metrics.values() if metric.name in catalogue and catalogue[metric.name].measure]
    commands = []
    if scored or not metrics:
        options = {"draws": 1, "particles": 1, "seed": 0}
        result = {name: max((metric.basis.get(name) or default for metric in scored), default=default)
                 for name, default in options.items()}  # fmt: skip
        chosen = {name: value for name, value in result.items() if value != options[name]}
        commands.append([*words, *(word for name, value in chosen.items() for word in _option(name, value))])
    if sampled:
        for group in _sampled_alike(sampled):
            asked = dict.fromkeys((*catalogue[metric.name].aliases, metric.name)[0] for metric in group)
            commands.append([*words, *_of_samples(group[0].basis), "--metrics", ",".join(asked)])
    for group in _sampled_alike(computed):
        basis, names = group[0].basis, ",".join(metric.name for metric in group)
        seed = _option("seed", basis.seed) if basis.seed else []
        commands.append([*words, *_sampling(basis), *seed, "--metrics", names])
    return commands


def _sampled_alike(metrics: Sequence[Metric]) -> list[list[Metric]]:
    """Return the metrics in groups of one command: those with the same options of the sampler."""
    groups: dict[str, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(shlex.join(_sampling(metric.basis)), []).append(metric)
    return list(groups.values())


def _sampling(basis: Basis) -> list[str]:
    """Return the options of the model's sampler that a basis has."""
    named = {
        name.removeprefix("sampling_"): value for name, value in basis.other.items() if name.startswith("sampling_")
    }
    return [word for name, value in named.items() for word in words_of(name, value) or ()]


def _of_samples(basis: Basis) -> list[str]:
    """Return the options of the sample metrics, from their basis."""
    words = _option("samples", basis.samples) if basis.samples else []
    words += _option("features", basis.features) if basis.features not in (None, _USUAL_FEATURES) else []
    words += _option("reference", basis.reference) if basis.reference not in (None, "grey") else []
    words += _sampling(basis)
    return words + (_option("seed", basis.seed) if basis.seed else [])


def _classifications(run: RunFacts, plugin: list[str], folder: str) -> list[list[str]]:
    commands = []
    for split in run.results.get("classification", {}):
        words = [*plugin, "classify", folder, *([] if split == "test" else _option("split", split))]
        for metric in [*run.classified(split).values()][:1]:
            basis = metric.basis
            words += ["--priors", "uniform"] if basis.class_prior == "uniform" else []
            words += _option("draws", basis.draws) if basis.draws not in (None, 1) else []
            words += _option("seed", basis.seed) if basis.seed else []
        commands.append(words)
    return commands
