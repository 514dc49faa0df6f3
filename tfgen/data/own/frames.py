"""Frames of pandas and Polars, and Arrow tables, as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgen.data.own.table_files import require_header
from tfgen.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def frame_table(frame: Any) -> pa.Table | None:
    """Return a frame of pandas or Polars, a lazy one as well, or an Arrow table, as an Arrow table; None for what is none."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        require_header("the table", frame.column_names)
        return frame
    kind = type(frame)
    module, name = kind.__module__.partition(".")[0], kind.__name__
    if module == "pandas" and hasattr(frame, "columns"):
        columns = [str(name) for name in frame.columns]
        if len({*columns}) != len(columns):
            raise DataError("the frame has two columns of one name; rename one of them.")
        try:
            return pa.Table.from_pandas(frame.set_axis(columns, axis=1), preserve_index=False)
        except (pa.ArrowException, TypeError) as error:
            why = " ".join("; ".join(map(str, error.args)).split()).rstrip(".")
            raise DataError(
                f"the frame has a column that is no list of numbers, texts or times of one type: {why}."
            ) from error
    if module == "polars" and name == "LazyFrame":
        return frame_table(frame.collect())
    if module == "polars" and name == "DataFrame":
        found: pa.Table = frame.to_arrow()
        return found
    return None
