"""Axes of the growth benchmark: image side, depth and width of a model, varied one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfgen_benchmarks.options import Variant
from tfgen_benchmarks.rows import BenchmarkRow

#: Options that make a model deeper or wider, by convention: the first that a model has.
DEPTHS, WIDTHS = ("layers", "blocks", "depth"), ("units", "filters", "channels", "width", "hidden")
SIDES = (8, 14, 28, 56)


def refuse_what_changes_nothing(rows: Sequence[BenchmarkRow]) -> None:
    """Give rows of growth a reason where the option that is varied does nothing in this model, going by what is counted."""
    counted = {row.multiply_adds_each for row in rows if row.reason is None}
    if len(counted) == 1 and None not in counted and len(rows) > 1:
        for row in rows:
            row.reason = row.reason or f"--{next(iter(row.sizes))} changes nothing in this model"


def growth_axes(variant: Variant, facts: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """Yield what is varied: the name, and for each size what changes in the subject.

    Depth and width are the model's own options, found by their names; they go from a quarter or a half of the default up.
    """
    if variant.run is not None:
        return
    if len(facts["shape"]) == 3:
        yield "side", [(side, {"side": side}) for side in SIDES]
    config = facts["config"]
    for names, least in ((DEPTHS, 1), (WIDTHS, 8)):
        result = [name for name in names if isinstance(config.get(name), int)]
        if not result:
            continue
        name = result[0]
        sizes = sorted({max(least, config[name] * factor // 4) for factor in (1, 2, 4, 8)})
        yield name, [(size, {"options": {name: size}}) for size in sizes]
