"""Options of a user's own data by the kind of data that takes notice of them: pictures, tables, arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfgen.errors import OptionError
from tfgen.plugin.data_options import DataOptions

#: Options that one kind alone takes notice of, and how the kind is called in messages.
_OPTIONS: Mapping[str, Sequence[str]] = {
    "pictures": ("size", "colour", "fit", "skip_broken"),
    "tables": (
        "columns", "ignore", "label", "context", "categorical", "bounds", "heavy_tails", "missing", "delimiter", "decimal",
    ),
    "arrays": (),
}  # fmt: skip
_CALLED = {"pictures": "a folder of pictures", "tables": "tables (.csv, .parquet, a frame)"}


def require_options_of(kind: str, options: DataOptions, name: str) -> None:
    """Check that no option of another kind of data is given, which would have no effect.

    Args:
        kind: "pictures", "tables" or "arrays".
        options: given by the user.
        name: of the data, for the message.

    Raises:
        OptionError: names the first of them.
    """
    defaults = DataOptions()
    for other in _CALLED.keys() - {kind}:
        for option in _OPTIONS[other]:
            if getattr(options, option) != getattr(defaults, option):
                flag = f"--{option.replace('_', '-')}"
                raise OptionError(f"{flag} is for {_CALLED[other]}, and {name} is none; leave it out.")
