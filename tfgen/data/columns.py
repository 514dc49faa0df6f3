"""Columns of tables: name, kind (real, integer, category) and the map to numbers of mean 0 and deviation 1.

A value v of a column becomes a point t on the real line in four steps, of which most columns need the first and the last:

1. ``y = v`` of a real column; ``y = v + u`` with u uniform on [0, 1) of an integer, and of the number of a category. A
   density over y is one for each whole number: the mean over u of ``log p(v + u)`` bounds ``log P(v)`` from below.
2. With bounds (a, b): ``y' = logit(m + (1 - 2 m) (y - a) / (b - a))`` with the margin m = 1e-6; ``y' = y`` without.
3. With heavy tails: ``y'' = asinh((y' - c) / w)`` with median c and half width w; ``y'' = y'`` without.
4. ``t = (y'' - shift) / scale``, mean and deviation of y'' over the training split.

The log-determinant of all this is part of the density, so that log-likelihoods are in the units of the data.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.reading import is_text

ColumnKind = Literal["real", "integer", "category"]

#: Margin of the logit at either bound, as a fraction of the distance between the bounds.
MARGIN = 1e-6
#: A larger argument of sinh overflows in float32; no sample of a sound model comes near it.
MOST_ASINH = 80.0
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Column:
    """Column of a table: its name, its kind, and how it is mapped to numbers that a network expects.

    Attributes:
        name: as in the header of a file.
        kind: ``real``; ``integer``, whole numbers; or ``category``, the numbers 0 .. K - 1 of K categories.
        categories: their names, in the order of their numbers; None for other kinds.
        bounds: smallest and largest value that the column can have; None for any. A category has its own.
        heavy: whether large values are to be drawn in by asinh (heavy tails).
        tails: centre and half width of that map; None until it is fitted, or where tails are not heavy.
        shift: mean of the mapped values over the training split; None until it is fitted.
        scale: their deviation; None until it is fitted.
        mode: number of the most frequent category over the training split, of a context: it stands in where none is given;
            None until it is fitted, of other kinds, and in runs of earlier versions.
    """

    name: str
    kind: ColumnKind = "real"
    categories: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None
    heavy: bool = False
    tails: tuple[float, float] | None = None
    shift: float | None = None
    scale: float | None = None
    mode: int | None = None

    def __post_init__(self) -> None:
        # Numbers of NumPy become those of Python, which can be written as JSON.
        for name in ("bounds", "tails", "shift", "scale", "mode"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        if problem := self._problem():
            raise DataError(f"this is no column of a table: {problem}")

    def _problem(self) -> str | None:
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= _LONGEST_NAME:
            return f"its name must be a text of 1 to {_LONGEST_NAME} characters, got {str(self.name)[:40]!r}."
        if not is_text(self.name):
            return f"its name {self.name[:40]!r} is no text in UTF-8; rename the column."
        if strange := next((n for n in self.categories or () if isinstance(n, str) and not is_text(n)), None):
            return f"{self.name}: its category {strange[:40]!r} is no text in UTF-8; rename it."
        if self.kind not in get_args(ColumnKind):
            return f"{self.name}: its kind must be one of {', '.join(get_args(ColumnKind))}, got {self.kind!r}."
        if (self.categories is not None) != (self.kind == "category"):
            return f"{self.name}: categories belong to a column of kind category, and to no other."
        if self.categories is not None and (
            len(self.categories) < 2
            or len({*self.categories}) != len(self.categories)
            or not all(isinstance(name, str) for name in self.categories)
        ):
            return f"{self.name}: its categories must be two or more different names."
        for what in ("bounds", "tails"):
            pair = getattr(self, what)
            if pair is not None and not (isinstance(pair, tuple) and len(pair) == 2 and all(map(_finite, pair))):
                return f"{self.name}: its {what} must be two finite numbers, got {pair}."
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            return f"{self.name}: its bounds must be a smaller and a larger number, got {self.bounds}."
        if self.tails is not None and not self.tails[1] > 0:
            return f"{self.name}: the half width of its tails must be above 0, got {self.tails[1]}."
        if (self.shift is None) != (self.scale is None):
            return f"{self.name}: shift and scale are given together."
        if self.heavy and self.bounds is not None:
            return f"{self.name}: a column with bounds has no heavy tails."
        if not isinstance(self.heavy, bool) or (self.tails is not None and not self.heavy):
            return f"{self.name}: tails belong to a column with heavy ones."
        if self.shift is not None and self.scale is not None:
            sound = _finite(self.shift) and _finite(self.scale) and self.scale > 0
            if not sound:
                return f"{self.name}: shift and scale must be finite, and the scale above 0; got {self.shift}, {self.scale}."
        known = range(len(self.categories or ()))
        if self.mode is not None and not (type(self.mode) is int and self.mode in known):
            return f"{self.name}: its mode must be the number of one of its {len(known)} categories, got {self.mode!r}."
        return None

    @property
    def discrete(self) -> bool:
        """True if values are whole numbers, which are dequantised."""
        return self.kind != "real"

    @property
    def fitted(self) -> bool:
        """True if shift and scale are known."""
        return self.scale is not None

    @property
    def cell_bounds(self) -> tuple[float, float] | None:
        """Bounds a, b of the logit in step 2, which hold the whole cell [v, v + 1) of each whole number; None without."""
        if self.categories is not None:
            return 0.0, float(len(self.categories))
        if self.bounds is None:
            return None
        low, high = self.bounds
        return (low, high + 1.0) if self.discrete else (low, high)

    @property
    def in_context(self) -> Column:
        """The column as one of a context: whole numbers are given to a network as they are, without noise."""
        return dataclasses.replace(self, kind="real") if self.kind == "integer" else self

    def mapped(self, v: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return steps 1 to 3 for values [n], with u = 1/2 for whole numbers, in float64: what shift and scale are of."""
        y = v.astype(np.float64) + (0.5 if self.discrete else 0.0)
        if self.cell_bounds is not None:
            low, high = self.cell_bounds
            # A value at a bound may be rounded past it by float32, by more than the margin.
            share = MARGIN + (1 - 2 * MARGIN) * np.clip((y - low) / (high - low), 0.0, 1.0)
            y = np.log(share) - np.log1p(-share)
        if self.tails is not None:
            y = np.arcsinh((y - self.tails[0]) / self.tails[1])
        return y

    @property
    def middle(self) -> float:
        """The value that is mapped to t = 0: about the mean over the training split, or the median of a skewed column."""
        y = self.shift or 0.0
        if self.tails is not None:
            y = self.tails[0] + self.tails[1] * math.sinh(y)
        if self.cell_bounds is not None:
            low, high = self.cell_bounds
            share = (1 / (1 + math.exp(-y)) - MARGIN) / (1 - 2 * MARGIN)
            y = low + (high - low) * min(max(share, 0.0), 1.0)
        return y

    def described(self) -> str:
        """Return kind and treatment in words, for a table of columns.

        >>> Column("age", "integer", bounds=(0, 120)).described(), Column("x", heavy=True).described()
        ('integer, from 0 to 120', 'real, heavy tails')
        """
        parts = [self.kind if self.categories is None else f"{len(self.categories)} categories"]
        if self.bounds is not None:
            parts.append(f"from {self.bounds[0]:g} to {self.bounds[1]:g}")
        if self.heavy:
            parts.append("heavy tails")
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are not None by name; `columns_from_json` reads them."""
        return {
            name: value for name, value in dataclasses.asdict(self).items() if value is not None and value is not False
        }

    def identity(self) -> dict[str, Any]:
        """Return `to_json` without the mode, which changes no number that a model sees: the part that digests are made of."""
        return {name: value for name, value in self.to_json().items() if name != "mode"}


def columns_from_json(content: Any) -> tuple[Column, ...]:
    """Return the columns of a ``config.json`` or manifest, which may hold anything.

    Raises:
        ValueError: when the content is none of columns.
        DataError: for a column that cannot be.
    """
    if not isinstance(content, list | tuple) or not all(isinstance(entry, dict) for entry in content):
        raise ValueError("its 'columns' are no list of columns")
    known = {field.name for field in dataclasses.fields(Column)}
    columns = []
    for entry in content:
        if not entry.keys() <= known or "name" not in entry:
            raise ValueError(f"its 'columns' have entries other than {', '.join(sorted(known))}")
        lists = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
        for name in ("categories", "bounds", "tails"):
            if not isinstance(lists.get(name, ()), tuple):
                raise ValueError(f"its 'columns' have {name} that are no list")
        columns.append(Column(**typing.cast(Any, lists)))
    return tuple(columns)


def context_names(count: int) -> tuple[str, ...]:
    """Return the names of the numbers of a context that has none.

    >>> context_names(2)
    ('c_1', 'c_2')
    """
    return tuple(f"c_{number + 1}" for number in range(count))


def column_names(columns: Sequence[Column] | None, dimensions: int) -> tuple[str, ...]:
    """Return the names of columns; ``x_1``, ``x_2``, ... where they have none."""
    if columns is not None:
        return tuple(column.name for column in columns)
    return tuple(f"x_{number + 1}" for number in range(dimensions))


def described_columns(columns: Sequence[Column]) -> str:
    """Return what happens to columns before a density sees them, for a basis.

    >>> described_columns([Column("a"), Column("b", "integer")])
    'standardised, 1 of 2 dequantised'
    """
    counts = {
        "dequantised": sum(column.discrete for column in columns),
        "bounded": sum(column.bounds is not None for column in columns),
        "with heavy tails": sum(column.heavy for column in columns),
    }
    return ", ".join(
        ["standardised", *(f"{count} of {len(columns)} {what}" for what, count in counts.items() if count)]
    )


def _plain(value: Any) -> Any:
    """Return a number of NumPy, or a pair of them, as those of Python; what is none as it is."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(map(_plain, value)) if isinstance(value, tuple | list) else value


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_values(x: NDArray[np.generic], columns: Sequence[Column], where: str) -> None:
    """Check that values are what their columns can hold.

    Args:
        x: vectors [n, d].
        columns: of them, d.
        where: the values come from, for the message.

    Raises:
        DataError: for the first value that is not; names row and column.
    """
    for place, column in enumerate(columns):
        values = x[:, place]
        if column.discrete and (wrong := _first(values != np.floor(values))) is not None:
            raise DataError(
                f"{where}: row {wrong} (counted from 0), column {column.name!r} is {values[wrong]:g}, and the column is of "
                f"whole numbers ({column.described()})."
            )
        low, high = (0, len(column.categories) - 1) if column.categories else column.bounds or (-np.inf, np.inf)
        # A bound that float32 rounds may be passed by its own rounding.
        low32, high32 = np.float32(low), np.float32(high)
        if (wrong := _first((values < low32) | (values > high32))) is not None:
            raise DataError(
                f"{where}: row {wrong} (counted from 0), column {column.name!r} is {values[wrong]:g}, outside "
                f"{low:g} .. {high:g}; leave the row out, or give other bounds."
            )


def _first(wrong: Any) -> int | None:
    """Return the place of the first True of [n]; None without."""
    return int(np.argmax(wrong)) if wrong.any() else None
