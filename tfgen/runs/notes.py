"""Notes of a run in ``results.json``: what spoils its results, from the data and from the metrics. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfgen.metrics.metric import Metric, metrics_from_json
from tfgen.metrics.plausibility import Note, notes_about

#: What a note that no metric shows is about.
DATA = "data"
_SPLITS = ("test", "valid", "train")


def notes_of(results: Mapping[str, Any]) -> list[Note]:
    """Return the notes of a run: those on its data as recorded, and those that the metrics show, which change with them.

    Args:
        results: the content of ``results.json``; with no ``notes`` those of the metrics alone.

    Raises:
        ValueError: when an entry is malformed; names it.
    """
    recorded = [note for note in _from_json(results.get("notes", [])) if note.about == DATA]
    measured: dict[str, Mapping[str, Metric]] = {
        split: metrics_from_json(results[split]) for split in _SPLITS if split in results
    }
    return recorded + notes_about(measured)


def with_notes(results: Mapping[str, Any], data: Sequence[str] = ()) -> dict[str, Any]:
    """Return results with the notes that belong to them under ``notes``; without the key where there are none.

    Args:
        results: the content of ``results.json``.
        data: further notes on the data.
    """
    notes = [Note(DATA, text) for text in data] + notes_of(results)
    others = {key: value for key, value in results.items() if key != "notes"}
    return others | ({"notes": [note._asdict() for note in notes]} if notes else {})


def _from_json(content: Any) -> list[Note]:
    if not isinstance(content, list) or not all(_is_note(entry) for entry in content):
        raise ValueError("its 'notes' are no list of notes")
    return [Note(entry["about"], entry["text"]) for entry in content]


def _is_note(entry: Any) -> bool:
    return isinstance(entry, Mapping) and all(isinstance(entry.get(key), str) for key in Note._fields)
