"""Fill in the missing values of a table by draws from the density of a run, given the values that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import parse
from tfgen.errors import OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext

#: Rows with a smaller effective sample size are noted: most of their weight lies on a few proposals.
_FEW = 20


@dataclass(frozen=True)
class Options:
    """Options of filling in missing values."""

    run: tyro.conf.Positional[Path]
    """Folder of a run on vectors, of a model with a density."""
    table: tyro.conf.Positional[Path]
    """.csv or .parquet with the columns that the model was trained on, and empty fields."""
    draws: int = 1
    """Completions of each row: so many files' worth of rows, one after the other, numbered in the column draw."""
    proposals: int = 1000
    """Proposals for each row, which are weighted by the density; more make the draws closer to it."""
    seed: int = 0
    """Same seed, same values."""
    out: Path | None = None
    """File to write, .csv or .parquet; by default imputed_TABLE.csv in the run's folder. Other columns are kept."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        for name in ("draws", "proposals"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if self.out is not None and self.out.suffix not in (".csv", ".parquet"):
            raise OutputError(f"cannot write {self.out}: the name must end in .csv or .parquet.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Fill in, write the table, and print how far the draws can be trusted."""
    options = parse(Options, arguments, "impute", __doc__ or "")
    run = context.run(options.run)
    import numpy as np

    from tfgen.data.own.incomplete import read_incomplete, write_completed
    from tfgen.evaluate.imputation import impute
    from tfgen.files import written_whole
    from tfgen.runtime import device_scope

    rows = read_incomplete(options.table, run.data_spec, run.config.data_options, run.model.conditional)
    out = output_file(options.out, run.folder / f"imputed_{options.table.stem}.csv", options.overwrite)
    with device_scope(run.config.device):
        found = impute(
            run.model, run.data, rows.x, given=rows.given,
            draws=options.draws, proposals=options.proposals, seed=options.seed, quiet=False,
        )  # fmt: skip
    with written_whole(out) as path:
        write_completed(path, out.suffix, rows, found.x, found.effective, run.config.data_options)
    affected = np.isnan(rows.x).any(axis=1)
    say(f"imputed   {out} ({int(np.isnan(rows.x).sum()):,} values of {int(affected.sum()):,} rows)")
    if affected.any():
        sizes = found.effective[affected]
        say(
            f"effective sample size of {options.proposals:,} proposals: median {np.median(sizes):.0f}, least {sizes.min():.0f}"
        )
        few = int((sizes < _FEW).sum())
        if few:
            say(
                f"note: {few:,} rows have an effective sample size below {_FEW}: most weight is on a few proposals; "
                f"try --proposals {10 * options.proposals}",
                error=True,
            )
