"""Frames of pandas and Polars, and Arrow tables, as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgen.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def frame_table(frame: Any) -> pa.Table | None:
    """Return a frame of pandas or Polars, a lazy one as well, or an Arrow table, as an Arrow table; None for what is none.

    Raises:
        DataError: for columns that are none of numbers, texts or times, and a lazy frame that cannot be computed.
    """
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    kind = type(frame)
    module, name = kind.__module__.partition(".")[0], kind.__name__
    if module == "pandas" and hasattr(frame, "columns"):
        columns = [str(name) for name in frame.columns]
        if not columns:
            raise DataError("the frame has no columns.")
        if len({*columns}) != len(columns):
            raise DataError("the frame has two columns of one name; rename one of them.")
        try:
            return pa.Table.from_pandas(frame.set_axis(columns, axis=1), preserve_index=False)
        # whole numbers beyond 64 bits, halves of characters, and what else a column of objects may hold
        except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise DataError(
                "the frame has a column that is no list of numbers, texts or times of one type, which fit into 64 bits and "
                f"UTF-8: {_why(error)}."
            ) from error
    if module == "polars" and name == "LazyFrame":
        try:
            frame = frame.collect()
        except _failures() as error:  # it runs what the user has put into it
            raise DataError(f"the lazy frame cannot be computed: {_why(error)}.") from error
        return frame_table(frame)
    if module == "polars" and name == "DataFrame":
        try:
            found: pa.Table = frame.to_arrow()
        except _failures() as error:
            raise DataError(
                f"the frame has a column of a type that Arrow does not have: {_why(error)}; cast it."
            ) from error
        return found
    return None


def _failures() -> tuple[type[BaseException], ...]:
    """Return what Polars raises; its panics are no `Exception`."""
    import polars as pl

    return Exception, getattr(pl.exceptions, "PanicException", Exception)


def _why(error: BaseException) -> str:
    """Return what an error of a library says, in one line."""
    text = str(error) if isinstance(error, UnicodeError) else "; ".join(map(str, error.args))
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())[:300].rstrip(".")
