"""Sections of a report page about one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tfgen import Registry
from tfgen.runs import RunFacts, RunFolder, in_words
from tfgen_plugins.report.gallery import Gallery, gallery_of
from tfgen_plugins.report.numbers import Card, Classified, MetricLine, cards_of, classified_of, lines_of, warnings_of
from tfgen_plugins.report.reproduction import Reproduction, reproduction_of
from tfgen_plugins.report.settings import Settings, settings_of


@dataclass(frozen=True)
class Section:
    """Data of one run for the template.

    Attributes:
        anchor: target of links.
        name: of the run.
        model: registered name.
        summary: of the model; empty if unknown.
        reference: the model's paper; empty if unknown.
        data: name of the data set.
        state: empty for a finished run, else its progress.
        facts: machine, device and so on, by name.
        cards: headline numbers.
        lines: every metric.
        warnings: about metrics that cannot be.
        classified: for each split.
        gallery: pictures.
        settings: options.
        versions: of libraries.
        reproduction: commands.
    """

    anchor: str
    name: str
    model: str
    summary: str
    reference: str
    data: str
    state: str
    facts: Mapping[str, str]
    cards: list[Card]
    lines: list[MetricLine]
    warnings: list[str]
    classified: list[Classified]
    gallery: Gallery
    settings: Settings
    versions: Mapping[str, Any]
    reproduction: Reproduction


def section_of(run: RunFacts, anchor: str, registry: Registry) -> Section:
    """Return the section of a run, with all its data."""
    settings = settings_of(run.config, registry)
    return Section(
        anchor=anchor,
        name=run.name,
        model=run.config["model"],
        summary=settings.spec.summary if settings.spec else "",
        reference=settings.spec.reference if settings.spec else "",
        data=run.config["data"],
        state="" if run.finished else _state(run),
        facts=_facts(run),
        cards=cards_of(run),
        lines=lines_of(run),
        warnings=warnings_of(run),
        classified=classified_of(run),
        gallery=gallery_of(run),
        settings=settings,
        versions=run.config.get("versions", {}),
        reproduction=reproduction_of(run, settings),
    )


def _state(run: RunFacts) -> str:
    files = RunFolder(run.folder)
    if files.has_weights_alone:
        return "unfinished, from a pack; shown with the results so far"
    step = files.saved_step()
    saved = "no checkpoint yet" if step is None else f"saved at step {step:,}"
    return f"unfinished, {saved}; shown with the results so far"


def _facts(run: RunFacts) -> dict[str, str]:
    config = run.config
    plugin, machine = config.get("plugin", {}), config.get("machine", {})
    home = (
        f"{plugin.get('distribution')} {plugin.get('version') or ''}"
        if plugin.get("distribution")
        else plugin.get("file")
    )
    cores = machine.get("cores")
    written = datetime.fromtimestamp((run.folder / "config.json").stat().st_mtime, UTC)
    spec = config.get("data_spec", {})
    shape = spec.get("shape")
    example = f"{spec.get('kind')}s, {' x '.join(map(str, shape))}" if isinstance(shape, list) else ""
    result = {
        "data": ", ".join(filter(None, [example, in_words(config.get("data_source", ""))])),
        "plugin": f"{plugin.get('name')} ({home})".replace(" )", ")") if plugin.get("name") else "",
        "device": f"{in_words(machine['device'])}, {in_words(cores)} cores" if machine.get("device") else "",
        "steps run as": in_words(config.get("compile_mode") or config.get("training", {}).get("compile", "")),
        "weights": in_words(run.results.get("weights", "")),
        "date": f"{written:%Y-%m-%d %H:%M} UTC",
    }
    return {name: value for name, value in result.items() if value}
