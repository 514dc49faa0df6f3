"""Reasons why two benchmark results may not compare: other machine, versions or options, or a busy machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfgen_benchmarks.record import Result
from tfgen_benchmarks.words import listed

#: Which rows there are, where they were written to, and what ran before: nothing that a row depends on.
_NO_MATTER = frozenset(
    {"models", "runs", "parts", "batch_sizes", "ways", "limit", "patience", "quick", "out", "json", "load_average"}
)
#: What decides how fast a machine is.
_HARDWARE = frozenset({"cpu", "cores", "cores usable", "device"})


def doubts(old: Result, new: Result) -> list[str]:
    """Return a line for each thing that differs between two results and may change their numbers."""
    lines = []
    machine = _differing(old.machine, new.machine)
    if _HARDWARE & set(machine):
        lines.append("other hardware: seconds and memory say nothing, and ceilings only roughly cancel the difference")
    lines += [f"machine, {name}: {before} then, {now} now" for name, (before, now) in machine.items()]
    lines += [
        f"option {name}: {before} then, {now} now"
        for name, (before, now) in _differing(old.options, new.options).items()
    ]
    for name in sorted(old.peers.keys() & new.peers.keys()):
        differing = _differing(old.peers[name], new.peers[name])
        lines += [f"{name}, {part}: {before} then, {now} now" for part, (before, now) in differing.items()]
    for when, result in (("old", old), ("new", new)):
        if not result.idle:
            lines.append(f"the machine was not idle when the {when} result began (load {result.load_at_start:g})")
    return lines


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the differing entries as text."""
    before, now = _flat(old), _flat(new)
    names = [name for name in {**before, **now} if name.rpartition(".")[2] not in _NO_MATTER]
    return {
        _name(name): (_said(before.get(name)), _said(now.get(name)))
        for name in names
        if before.get(name) != now.get(name)
    }


def _name(dotted: str) -> str:
    """Return a dotted name in words; the names of distributions stay as they are."""
    _, versions, name = dotted.rpartition("versions.")
    return f"version of {name}" if versions else name.replace("_", " ")


def _flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested content under dotted names."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return listed(value) or "none"
    return "none" if value is None else str(value)
