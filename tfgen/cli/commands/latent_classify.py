"""Classify by the decoder of an unsupervised model and its codes, beside a plain classifier: accuracy and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen.cli.outputs import require_new
from tfgen.cli.parsing import by_default, parse
from tfgen.errors import DataError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.evaluate.latent_classifier import LabelResult

_NAMES = {
    "discriminative": "sum_z P(y|z) P(z|x)",
    "generative": "P(y) sum_z P(z|y) p(x|z)",
    "plain": "plain classifier",
}


@dataclass(frozen=True)
class Options:
    """Run, codes, network and labels of a latent classifier."""

    run: tyro.conf.Positional[Path]
    """Folder of the run: an unconditional model whose decoder has a likelihood, trained without labels."""
    codes: int = 1000
    """Codes sampled from the prior, over which the sums go."""
    units: int = 128
    """Width of the hidden layers of each network: of codes, and of the plain classifier."""
    depth: int = 1
    """Hidden layers of each network."""
    labelled: Annotated[int | None, by_default("all", metavar="N")] = None
    """Labelled examples of each class to train on, in training and in validation split."""
    unseen: Annotated[tuple[str, ...], by_default("none", metavar="CLASS ...")] = ()
    """Classes without any labelled example."""
    frequencies: Annotated[tuple[float, ...], by_default("as they are", metavar="P ...")] = ()
    """Label shift: class frequencies P(y), one for each class, to which the test split is cut down, and with which the
    generative classifier applies Bayes' rule."""
    seed: int = 0
    """Seed of codes, networks, and noise in examples."""
    out: Path | None = None
    """File to write the arrays to, .npz: log-posteriors [n, classes] of each classifier, and labels."""
    overwrite: bool = False
    """Replace the file of --out if it is there already."""

    def __post_init__(self) -> None:
        for name in ("codes", "units"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("depth", "seed"):
            require_option(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require_option(self.labelled is None or self.labelled >= 1, "labelled", self.labelled, "at least 1")
        if self.out is not None and self.out.suffix != ".npz":
            raise OutputError(f"cannot write {self.out}: the name must end in .npz (arrays).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Score the codes, train the three classifiers, and print how good they are and what they cost."""
    options = parse(Options, arguments, "latent-classify", __doc__ or "")
    if options.out is not None:
        require_new(options.out, options.overwrite)
    run = context.run(options.run)
    import numpy as np

    from tfgen.evaluate.label_networks import NetworkConfig
    from tfgen.evaluate.latent_classifier import compare_classifiers, require_decoder
    from tfgen.files import written_whole
    from tfgen.runtime import device_scope

    with device_scope(run.config.device):
        require_decoder(run.model)  # before data are looked for
        if run.data_spec.classes is None:
            raise DataError(f"data set {run.config.data!r} has no classes to find.")
        results = compare_classifiers(
            run.model,
            run.data,
            options.codes,
            NetworkConfig(options.units, options.depth),
            labelled=options.labelled,
            unseen=options.unseen,
            frequencies=options.frequencies,
            seed=options.seed,
            quiet=False,
        )
    _print(results)
    if options.out is not None:
        arrays: dict[str, Any] = {result.kind: result.log_posteriors for result in results}
        with written_whole(options.out) as path:
            np.savez(path, labels=results[0].labels, **arrays)
        say(f"arrays    {options.out}")


def _print(results: Sequence[LabelResult]) -> None:
    from tfgen.cli.tables import print_table
    from tfgen.metrics.rounding import measured

    rows = [
        [
            _NAMES[result.kind],
            measured(*result.accuracy),
            measured(*result.nll_nats),
            f"{result.multiplications:,}",
            f"{1e6 * result.seconds:,.1f}",
        ]
        for result in results
    ]
    print_table(("classifier", "accuracy", "label_nll_nats", "multiplications", "us/example"), rows)
    say(
        f"test examples {len(results[0].labels):,}; multiplications and time are of one example, and the time includes "
        "decoding all codes once for 200 of them"
    )
