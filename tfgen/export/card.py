"""Model card of an exported or packed model: what it is, its data, its numbers with their basis, how to call it, licences."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfgen.export.signatures import Signature
from tfgen.export.verify import Difference
from tfgen.metrics.metric import Metric, entry_text, metrics_from_json
from tfgen.metrics.rounding import measured
from tfgen.plugin.specs import ExportFormatSpec, ModelSpec
from tfgen.printed import escaped
from tfgen.runs.metric_row import in_words
from tfgen.runs.notes import notes_of
from tfgen.runs.run import Run

NOT_GIVEN = "not given"


def model_card(
    run: Run,
    spec: ModelSpec,
    written_as: ExportFormatSpec,
    signatures: Mapping[str, Signature],
    differences: Sequence[Difference],
    checked_on: str,
    licence: str | None,
) -> str:
    """Return the card of an export as Markdown.

    Args:
        run: that is exported.
        spec: of its model.
        written_as: the format.
        signatures: that were written.
        differences: between them and the run, from the check.
        checked_on: what these were computed of, in words.
        licence: of the weights, in words or as an SPDX identifier; None where it was not given.
    """
    return card_with(run, spec, licence, [_calls(written_as, signatures), _checked(differences, checked_on)])


def card_with(run: Run, spec: ModelSpec, licence: str | None, sections: Sequence[str]) -> str:
    """Return a card as Markdown: what every card has, with the sections on how this model is called.

    Args:
        run: that is given away.
        spec: of its model.
        licence: of the weights, in words or as an SPDX identifier; None where it was not given.
        sections: Markdown, each with its heading.
    """
    parts = [_head(run, spec), _data(run, licence), _numbers(run), *sections, _training(run)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(run: Run, spec: ModelSpec) -> str:
    plugin, versions = run.provenance.get("plugin") or {}, run.provenance.get("versions") or {}
    version = f" {plugin['version']}" if plugin.get("version") else ""
    origin = f"plugin {plugin.get('name')} of {plugin.get('distribution') or 'a file'}{version}"
    lines = [
        f"# {_safe(run.name)}",
        f"{_sentence(spec.summary)} Model {_safe(spec.name)} of {_safe(origin)}, "
        f"trained with tfgen ({_safe(', '.join(f'{name} {number}' for name, number in versions.items()))}).",
    ]
    if spec.reference:
        lines.append(f"Reference: {_safe(spec.reference)}")
    return "\n\n".join(lines)


def _data(run: Run, licence: str | None) -> str:
    data, source = run.data_spec, run.provenance.get("data_source")
    rows = [f"- data set: {_safe(without_folder(run.config.data))}, {_safe(data.described())}"]
    if source:
        rows.append(f"- version or digest of the data: {_safe(str(source))}")
    rows += [
        f"- licence of these weights: {_safe(licence or NOT_GIVEN)}",
        f"- licence of the data: {NOT_GIVEN}; see its source",
    ]
    return "\n".join(["## Data and licence", "", *rows])


def without_folder(path: str) -> str:
    """Return the last part of a full path, whose folders are nobody else's business; any other text as it is."""
    return os.path.basename(path.rstrip("/\\")) if os.path.isabs(path) else path


def _numbers(run: Run) -> str:
    results = run.results if run.files.finished else {}
    rows = [
        f"| {_safe(metric.name)} | {_safe(measured(metric.value, metric.standard_error))} | {_safe(metric.unit)} | "
        f"{_safe(_basis(metric))} |"
        for split in ("test", "valid")
        for metric in metrics_from_json(results.get(split, {})).values()
    ]
    if not rows:
        return "## Numbers\n\nNone were measured."
    notes = [f"- {_safe(note.about)}: {_safe(note.text)}" for note in notes_of(results)]
    head = ["## Numbers", "", "| metric | value | unit | measured on |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, *(["", "What spoils them:", "", *notes] if notes else [])])


def _basis(metric: Metric) -> str:
    return ", ".join(entry_text(key, in_words(value)) for key, value in metric.basis.to_json().items())


def _calls(written_as: ExportFormatSpec, signatures: Mapping[str, Signature]) -> str:
    lines = [
        f"## How to call it\n\nFormat {_safe(written_as.name)}: {_safe(written_as.summary)}. `example.py` loads it and calls "
        "it without tfgen; `signature.json` has the same as below for programs. n is the number of examples, any from 1 on."
    ]
    for signature in signatures.values():
        rows = [_row(argument.name, argument) for argument in signature.inputs]
        lines.append(
            "\n".join(
                [
                    f"### {signature.name}", "", _sentence(signature.meaning), "",
                    "| input | type | shape | meaning |", "|---|---|---|---|", *rows,
                    _row(f"-> {signature.output.name}", signature.output),
                ]
            )
        )  # fmt: skip
    return "\n\n".join(lines)


def _row(name: str, argument: Any) -> str:
    shape = ", ".join("n" if side is None else str(side) for side in argument.shape)
    return f"| {name} | {argument.dtype} | [{shape}] | {_safe(argument.meaning)} |"


def _checked(differences: Sequence[Difference], checked_on: str) -> str:
    rows = [f"- {found.signature}, {found.examples} examples: {found.in_words}" for found in differences]
    how = f"Loaded in a fresh process without tfgen, and compared with the run itself on {_safe(checked_on)}:"
    return "\n".join(["## Checked", "", how, "", *rows])


def _training(run: Run) -> str:
    content = run.config.to_json()
    rows = [
        f"- {name}: {_safe(in_words(value))}"
        for group in ("options", "training")
        for name, value in content[group].items()
    ]
    return "\n".join(["## Options of the model and of its training", "", *rows])


def _sentence(text: str) -> str:
    return f"{_safe(text[:1].upper() + text[1:]).rstrip('.')}."


def _safe(text: str) -> str:
    """Return a text that may come from a file of unknown origin, without letters that Markdown or a terminal acts on."""
    plain = escaped(" ".join(text.split()))
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in plain)
