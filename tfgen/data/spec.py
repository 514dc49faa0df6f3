"""Data specification: kind, shape, classes, levels and columns of the examples of a data set. No TensorFlow here."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfgen.data.columns import Column, column_names, columns_from_json
from tfgen.data.kinds import KINDS, DataKind, Layout
from tfgen.errors import DataError, UnknownNameError
from tfgen.reading import is_text

if TYPE_CHECKING:
    import tensorflow as tf


#: Most scalars in one example, 4096 x 4096: a batch of larger ones fits into no memory.
MOST_DIMENSIONS = 2**24
MOST_CLASSES = 2**20
LONGEST_NAME = 200
#: Fields that are numbers, texts, and lists of them.
PLAIN_FIELDS = ("kind", "shape", "classes", "levels", "value_range", "class_names")


@dataclass(frozen=True)
class DataSpec:
    """Spec of a data set: kind, shape, grey levels and classes of one example.

    Attributes:
        kind: ``"image"`` for uint8 arrays ``[batch, height, width, channels]``, ``"vector"`` for float32 ``[batch, d]``.
        shape: the shape of one example, without the batch.
        classes: number of labels, ``0 .. classes - 1``; None for a set without labels.
        levels: for images, the number of integer grey levels; values lie in ``0 .. levels - 1`` (256 for 8-bit data).
        value_range: for vectors, the interval that holds practically all values; pictures use it as their frame.
        class_names: of the classes, in the order of their numbers, if they have names.
        columns: of vectors: name, kind and scaling of each number; None for vectors that a model takes as they are. The
            scaling of a data set without it is fitted to its training split when it is loaded.
        context: columns of the numbers that are given to a conditional model beside or in the place of labels, float32
            ``[batch, k]``; None for a set without.

    Raises:
        UnknownNameError: for another kind.
        DataError: for a shape, a number of classes or of levels, or a range that no data set has.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: int | None = None
    levels: int = 256
    value_range: tuple[float, float] = (-4.0, 4.0)
    class_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    context: tuple[Column, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("shape", "class_names", "columns", "context"):
            value = getattr(self, name)
            if isinstance(value, list | np.ndarray):
                object.__setattr__(self, name, tuple(value))
        if problem := self._problem():
            raise DataError(f"this is no spec of a data set: {problem}")
        # Numbers and texts of NumPy become those of Python, which can be written as JSON.
        plain = {
            "shape": tuple(map(int, self.shape)),
            "classes": None if self.classes is None else int(self.classes),
            "levels": int(self.levels),
            "value_range": (float(self.value_range[0]), float(self.value_range[1])),
            "class_names": None if self.class_names is None else tuple(map(str, self.class_names)),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def _problem(self) -> str | None:
        """Return what is wrong with the spec, as a sentence; None for a sound one."""
        if not (isinstance(self.shape, tuple) and all(_is_whole(side) and side >= 1 for side in self.shape)):
            return f"its shape must be of whole numbers from 1, got {self.shape}."
        if (problem := self.rules.shape_problem(self.shape)) is not None:
            return problem
        if self.dimensions > MOST_DIMENSIONS:
            return f"one example of shape {self.shape} has more than {MOST_DIMENSIONS:,} values."
        if self.classes is not None and not (_is_whole(self.classes) and 1 <= self.classes <= MOST_CLASSES):
            return f"its classes must be none, or a number from 1 to {MOST_CLASSES:,}, got {self.classes!r}."
        if not (_is_whole(self.levels) and 2 <= self.levels <= 2**8):
            return f"its levels must be a number from 2 to 256, as uint8 holds them, got {self.levels!r}."
        names = self.class_names
        if names is not None and (len(names) != self.classes or len({*names}) != len(names)):
            return f"its {self.classes} classes need as many different class_names, got {len(names)}."
        if names is not None and not all(isinstance(name, str) and 1 <= len(name) <= LONGEST_NAME for name in names):
            return f"its class_names must be texts of 1 to {LONGEST_NAME} characters."
        if strange := next((name for name in names or () if not is_text(name)), None):
            return f"its class {strange[:60]!r} is no text in UTF-8; rename it."
        if (problem := self._columns_problem()) is not None:
            return problem
        span: tuple[Any, ...] = (
            tuple(self.value_range) if isinstance(self.value_range, tuple | list | np.ndarray) else ()
        )
        sound = len(span) == 2 and all(isinstance(end, numbers.Real) and math.isfinite(end) for end in span)
        if not (sound and span[0] < span[1]):
            return f"its value_range must be two finite numbers, the lower first, got {self.value_range}."
        return None

    def _columns_problem(self) -> str | None:
        for what, columns, count in (("columns", self.columns, self.dimensions), ("context", self.context, None)):
            if columns is None:
                continue
            if what == "columns" and self.kind != "vector":
                return "only vectors have columns."
            if len(columns) != (count or len(columns)) or not columns:
                return f"its {count} numbers need as many columns, got {len(columns)}."
            if len({column.name for column in columns}) != len(columns):
                return f"its {what} must have different names."
        return None

    @property
    def dimensions(self) -> int:
        """The number of scalars in one example, D in bits per dimension."""
        return math.prod(self.shape)

    @property
    def rules(self) -> DataKind:
        """The kind as an object, with its checks and scaling.

        Raises:
            UnknownNameError: for another kind than ``image`` and ``vector``.
        """
        if self.kind not in KINDS:
            raise UnknownNameError("kind of data", self.kind, KINDS)
        return KINDS[self.kind]

    @property
    def dtype(self) -> str:
        """NumPy's name of the type of examples: ``uint8`` for images, ``float32`` for vectors."""
        return self.rules.dtype

    @property
    def quantised(self) -> bool:
        """True if values are integer levels, as of images: they are dequantised or binarised, and have bits/dim."""
        return self.rules.quantised

    @property
    def spatial(self) -> bool:
        """True if an example has height, width and channels, as for convolutions and inpainting."""
        return self.rules.spatial

    @property
    def layout(self) -> Layout:
        """Layout of pictures: ``grid`` of images; ``histogram``, ``scatter`` plot or ``table`` of plots of vectors.

        A table has more than two columns, or columns with names of their own.
        """
        return "table" if self.named else self.rules.layout(self.shape)

    @property
    def named(self) -> bool:
        """True if the columns of vectors have names of their own, as those of a file of tables."""
        return self.columns is not None and self.column_names != column_names(None, self.dimensions)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the numbers of a vector; ``x_1``, ``x_2``, ... where they have none."""
        return column_names(self.columns, self.dimensions)

    @property
    def dequantised(self) -> bool:
        """True if some values are whole numbers that a density sees with noise added: of images, or columns of vectors."""
        return self.quantised or any(column.discrete for column in self.columns or ())

    @property
    def context_width(self) -> int:
        """Numbers that a network is given of a context: one for each column, and one for each category; 0 without."""
        return sum(len(column.categories or "x") for column in self.context or ())

    def to_signed(self, x: Any, dtype: tf.DType) -> tf.Tensor:
        """Scale examples for a network: grey levels to [-1, 1], columns of vectors to mean 0 and deviation 1.

        Args:
            x: examples, any leading axes.
            dtype: of the result.
        """
        scaled = self.rules.to_signed(x, self.levels, dtype)
        if self.columns is None:
            return scaled
        from tfgen.data.column_map import ColumnMap, spread_columns

        return ColumnMap(self.columns, dtype).inverse(spread_columns(scaled, self.columns, None, dtype))

    def from_signed(self, x: tf.Tensor) -> tf.Tensor:
        """Return the examples nearest to numbers that `to_signed` scaled: uint8 images, or the vectors."""
        if self.columns is None:
            return self.rules.from_signed(x, self.levels)
        from tfgen.data.column_map import ColumnMap, values_of

        return values_of(ColumnMap(self.columns, x.dtype).forward(x), self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as ``config.json`` and manifests have them."""
        return self._fields(Column.to_json)

    def identity(self) -> dict[str, Any]:
        """Return the fields by name, of columns their `Column.identity`: what digests of a data set are made of."""
        return self._fields(Column.identity)

    def _fields(self, written: Callable[[Column], dict[str, Any]]) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in PLAIN_FIELDS}
        tables = {"columns": self.columns, "context": self.context}
        return plain | {name: [*map(written, columns)] for name, columns in tables.items() if columns is not None}

    def described(self) -> str:
        """Return a description of a batch of examples, for messages.

        >>> DataSpec("image", (8, 8, 1), levels=17).described(), DataSpec("vector", (2,)).described()
        ('images uint8 [batch, 8, 8, 1] with grey levels 0 .. 16', 'vectors of floats [batch, 2]')
        """
        return self.rules.described(", ".join(map(str, ("batch", *self.shape))), self.levels)


def _is_whole(value: object) -> bool:
    """Return whether a value is a whole number, of Python or NumPy."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def table_fields(entries: Mapping[str, Any]) -> dict[str, tuple[Column, ...]]:
    """Return the fields ``columns`` and ``context`` of a spec, from a ``config.json`` or manifest that may hold anything.

    Raises:
        ValueError: for an entry that is none of columns.
        DataError: for a column that cannot be.
    """
    given = {name: entries.get(name) for name in ("columns", "context")}
    return {name: columns_from_json(content) for name, content in given.items() if content is not None}
