"""Find the nearest training examples of samples: a picture, and a test for copying (memorisation)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from tfgen.cli.default_context import say_default_categories
from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import parse
from tfgen.errors import DataError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfgen.cli.context import CommandContext
    from tfgen.evaluate.features import FeatureNetwork
    from tfgen.metrics.copying import Neighbourhood
    from tfgen.runs.run import Run

#: Fewer distances than this say nothing about their distribution.
_FEWEST_SAMPLES = 20
_BATCH = 500
_NOTE = (
    "note: the samples are black and white and the data are grey, which alone puts the samples far from them; "
    "Z cannot show copies here, the picture can"
)


@dataclass(frozen=True)
class Options:
    """Run, number of samples and output file."""

    run: tyro.conf.Positional[Path]
    """Folder of the run; its model must sample."""
    count: int = 8
    """Samples in the picture, from the one nearest to a training example to the farthest one."""
    nearest: int = 5
    """Nearest training examples of each sample."""
    samples: int = 1000
    """Samples of the copying test, compared with as many test examples (or all)."""
    features: Literal["none", "classifier", "inception"] = "none"
    """Compare images by the features of a network as well: classifier (trained on the data set, once) or inception."""
    seed: int = 0
    """Seed of the samples, and of the choice of test examples."""
    out: Path | None = None
    """File to write, .png; by default neighbours.png in the run's figures."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        require_option(self.count >= 1, "count", self.count, "at least 1")
        require_option(self.nearest >= 1, "nearest", self.nearest, "at least 1")
        least = max(_FEWEST_SAMPLES, self.count)
        require_option(self.samples >= least, "samples", self.samples, f"at least {least}")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        if self.out is not None and self.out.suffix != ".png":
            raise OutputError(f"cannot write {self.out}: the name must end in .png (a picture).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Sample, find nearest neighbours, print and record the copying test, and draw the picture."""
    options = parse(Options, arguments, "neighbours", __doc__ or "")
    _require_picture(options)
    run = context.run(options.run)
    out = output_file(options.out, run.files.figures / "neighbours.png", options.overwrite)
    from tfgen.figures.neighbours import draw_neighbours
    from tfgen.files import written_whole
    from tfgen.model.capabilities import Samples, capable
    from tfgen.runtime import device_scope
    from tfgen.training.selection import Selection, training_data

    with device_scope(run.config.device):
        capable(run.model, Samples, "tfgen neighbours")  # before data are looked for
        training = run.config.training
        train = Selection(training_data(run.data, training), training).x  # those that the model has seen
        require_option(
            options.nearest <= len(train), "nearest", options.nearest, f"at most {len(train)}, all there are"
        )
        network = _network(options, run)
        samples = _samples(options, run)
        result = _neighbourhoods(options, run, samples, train, network)
    for neighbourhood in result:
        say(*_lines(neighbourhood))
    if _black_and_white(samples) and not _black_and_white(train[: len(samples)]):
        say(_NOTE)
    if run.files.finished:
        recorded = {each.space: {**each.test.to_json(), "seed": options.seed} for each in result}
        run.files.write_results({**run.results, "copying": recorded})
    with written_whole(out) as path:
        draw_neighbours(samples, train, result, options.count, run.data_spec, _title(run, result), path)
    say(out)


def _require_picture(options: Options) -> None:
    from tfgen.figures.neighbours import MOST_NEAREST, MOST_SAMPLES

    for name, most in (("count", MOST_SAMPLES), ("nearest", MOST_NEAREST)):
        value = getattr(options, name)
        require_option(value <= most, name, value, f"at most {most} for a picture")


def _network(options: Options, run: Run) -> FeatureNetwork | None:
    if options.features == "none":
        return None
    from tfgen.evaluate.features import feature_network

    if not run.data_spec.spatial:
        raise DataError("--features is for images; vectors are compared by their coordinates: leave it out.")
    return feature_network(options.features, run.data, run.sources, quiet=False)


def _samples(options: Options, run: Run) -> NDArray[np.generic]:
    """Sample the model; labels of a conditional model cycle through the classes."""
    import numpy as np

    from tfgen.progress import Bar
    from tfgen.sample.sampling import labels_for, sample_batches

    drawn: list[NDArray[np.generic]] = []
    labels = labels_for(run.model, options.samples, None)
    say_default_categories(run.model)
    with Bar("sampling", options.samples, "samples") as bar:
        for batch in sample_batches(run.model, options.samples, labels, options.seed, min(_BATCH, options.samples)):
            drawn.append(batch)
            bar.update(sum(map(len, drawn)))
    return np.concatenate(drawn)


def _neighbourhoods(
    options: Options,
    run: Run,
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    network: FeatureNetwork | None,
) -> list[Neighbourhood]:
    import numpy as np

    from tfgen.metrics.copying import neighbourhoods
    from tfgen.progress import Bar

    test = run.data.test.x
    # At random: the first half of a test set may be another kind than the second, as that of MNIST is.
    chosen = np.random.default_rng(options.seed).permutation(len(test))[: options.samples]
    test = test[np.sort(chosen)]
    searches = (len(samples) + len(test)) * (1 if network is None else 2)
    with Bar("searching", searches, "searches") as bar:
        return neighbourhoods(samples, train, test, options.nearest, network, bar.update)


def _black_and_white(x: NDArray[np.generic]) -> bool:
    import numpy as np

    return x.dtype == np.uint8 and len(np.unique(x)) <= 2


def _lines(result: Neighbourhood) -> list[str]:
    """Return the numbers of the copying test, and their interpretation."""
    test, within = result.test, f"within {result.test.near:.4g}"
    rows = (
        (f"{test.samples} samples", test.samples_median, test.samples_near),
        (f"{test.test_examples} test examples", test.test_median, test.test_near),
    )
    lines = [f"distance to the nearest training example by {result.space}"]
    lines += [f"  {name:<20} median {median:<8.4g} {100 * near:.1f} % {within}" for name, median, near in rows]
    return [*lines, f"  Z {test.z:+.1f}: {test.reading}"]


def _title(run: Run, result: Sequence[Neighbourhood]) -> str:
    tests = ", ".join(f"Z {each.test.z:+.1f} by {each.space}" for each in result)
    return f"{run.name}: samples, the nearest training examples, and how far they are\n{tests} (far below 0: copies)"
