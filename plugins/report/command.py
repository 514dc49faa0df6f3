"""Write one self-contained page about runs: results, curves, samples, options, and the commands that reproduce them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen import OutputError
from tfgen.cli import parse, require_new, required
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli import CommandContext

_NAME = "report.html"


@dataclass(frozen=True)
class Options:
    """Runs of the report, and output file."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], required("RUN [RUN ...]")]] = ()
    """Folders of one run or several, which are then compared at the top of the page."""
    out: Path | None = None
    """File to write, .html; by default report.html in the run's folder, for several runs in the current one."""

    overwrite: bool = False
    """Replace the file of --out if it is there already; the usual page of a run is written anew each time."""

    def __post_init__(self) -> None:
        if self.out is not None and self.out.suffix != ".html":
            raise OutputError(f"cannot write {self.out}: the name must end in .html (a page).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Write the page; needs neither TensorFlow nor the plugins of the runs."""
    options = parse(Options, arguments, "report", __doc__ or "")
    from tfgen.files import written_whole
    from tfgen.metrics import Catalogue
    from tfgen_plugins.report.page import html_of
    from tfgen_plugins.report.reading import read_for_page

    if options.out is not None:
        require_new(options.out, options.overwrite)
    registry = context.registry()
    runs = read_for_page(options.runs, Catalogue(registry.metrics))
    out = options.out or _usual(runs[0].folder if len(runs) == 1 else Path())
    # A name may hold half a character, which no file in UTF-8 can.
    content = html_of(runs, registry).encode("utf-8", "replace")
    with written_whole(out) as path:
        path.write_bytes(content)
    say(f"report    {out} ({len(content) / 1e6:.1f} MB)")


def _usual(folder: Path) -> Path:
    """Return the default output file.

    Raises:
        OutputError: when something else than a page of ours is there.
    """
    from tfgen.reading import open_regular
    from tfgen_plugins.report.page import MARK

    out = folder / _NAME
    try:
        with open_regular(out) as file:
            ours = MARK.encode() in file.read(1000)
    except FileNotFoundError:
        ours = True
    except ValueError:
        ours = False
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}; name another file with --out.") from error
    if not ours:
        raise OutputError(f"{out} is there and is no report of tfgen; name another file with --out.")
    return out
