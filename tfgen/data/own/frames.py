"""Frames of pandas and Polars, and Arrow tables, as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgen.data.own.table_files import require_header
from tfgen.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def frame_table(frame: Any) -> pa.Table | None:
    """Return a frame of pandas or Polars, or an Arrow table, as an Arrow table; None for what is none."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        require_header("the table", frame.column_names)
        return frame
    module = type(frame).__module__.partition(".")[0]
    if module == "pandas" and hasattr(frame, "columns"):
        columns = [str(name) for name in frame.columns]
        if len({*columns}) != len(columns):
            raise DataError("the frame has two columns of one name; rename one of them.")
        try:
            return pa.Table.from_pandas(frame.set_axis(columns, axis=1), preserve_index=False)
        except pa.ArrowException as error:
            raise DataError(
                f"the frame has a column of mixed types: {str(error).splitlines()[0].rstrip('.')}."
            ) from error
    if module == "polars" and hasattr(frame, "to_arrow"):
        found: pa.Table = frame.to_arrow()
        return found
    return None
