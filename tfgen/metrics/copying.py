"""Copying (memorisation) test: are samples nearer to the training set than test examples? Mann-Whitney statistic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tfgen.errors import DataError
from tfgen.metrics.neighbours import nearest_neighbours
from tfgen.metrics.vectors import blocks

#: The share of the test examples that counts as near the training set.
NEAR = 0.01
#: Beyond so many standard deviations, on either side, chance is ruled out.
CLEAR = 3.0
_FEATURES_BATCH = 250  # Inception enlarges them to 299 x 299 floats


class FeatureExtractor(Protocol):
    """Protocol of feature extractors, such as a `tfgen.FeatureNetwork`."""

    @property
    def name(self) -> str:
        """The network's name, for the basis of the test."""

    def features(self, x: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the features [n, d] of images [n, height, width, channels]."""


@dataclass(frozen=True)
class CopyingTest:
    """Result of the copying test: distances of samples and test examples to the training set; see `copying_test`.

    Attributes:
        samples: number of samples.
        test_examples: number of test examples.
        samples_median: median distance of samples to their nearest training example.
        test_median: median distance of test examples.
        near: the distance of the nearest percent of the test examples.
        samples_near: the share of samples within this distance.
        test_near: the share of test examples within it: a percent, or more with ties.
        z: the Mann-Whitney statistic of the samples' distances against the test examples', standardised.
    """

    samples: int
    test_examples: int
    samples_median: float
    test_median: float
    near: float
    samples_near: float
    test_near: float
    z: float

    @property
    def reading(self) -> str:
        """Interpretation of Z in words."""
        if self.z < -CLEAR:
            return "the samples are nearer to the training set than test examples are, as copies would be"
        if self.z > CLEAR:
            return "the samples are farther from the training set than test examples are: they miss the data, rather than copy"
        return "the samples are as far from the training set as test examples are: no sign of copying"

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``results.json``."""
        return asdict(self)


def copying_test(samples: Any, test: Any) -> CopyingTest:
    """Test whether samples are nearer to the training set than test examples (copies), by the Mann-Whitney statistic.

    With ``U = sum_{i, j} 1[s_i > t_j] + 1/2 1[s_i = t_j]``, which counts the pairs in which the sample is the farther one,

        Z = (U - n m / 2) / sqrt(n m (n + m + 1) / 12)

    (Mann, Whitney 1947; Meehan, Chaudhuri, Dasgupta 2020, who compute this Z_U within cells of the space and average it; here
    there is one cell). The variance is corrected for ties. When samples and test examples have one distribution Z is nearly
    standard normal; far below 0 there are copies, far above 0 the samples miss the data. Copies of some examples can be
    outweighed by samples that miss the rest: `CopyingTest.samples_near` shows these.

    Args:
        samples: distances of samples to the nearest training example [n].
        test: the same of test examples [m], which the model has not seen.

    Raises:
        DataError: when one is empty, or a distance is no number from 0 on.
    """
    samples, test = _distances(samples, "samples"), _distances(test, "test examples")
    n, m = len(samples), len(test)
    ranks = stats.rankdata(np.concatenate([samples, test]))
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    variance = n * m * (n + m + 1) / 12 * float(stats.tiecorrect(ranks))
    near = float(np.quantile(test, NEAR, method="inverted_cdf"))
    return CopyingTest(
        samples=n,
        test_examples=m,
        samples_median=float(np.median(samples)),
        test_median=float(np.median(test)),
        near=near,
        samples_near=float(np.mean(samples <= near)),
        test_near=float(np.mean(test <= near)),
        z=(u - n * m / 2) / math.sqrt(variance) if variance > 0 else 0.0,  # all are equally far
    )


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Nearest training examples of each sample by one distance, and the copying test on these distances.

    Attributes:
        space: where distances are taken: ``pixels``, ``coordinates`` of vectors, or the name of a feature network.
        distances: Euclidean, [n, k], nearest first.
        indices: of the training examples, [n, k].
        test: of copying.
    """

    space: str
    distances: NDArray[np.float64]
    indices: NDArray[np.int64]
    test: CopyingTest


def neighbourhoods(
    samples: NDArray[np.generic],
    train: NDArray[np.generic],
    test: NDArray[np.generic],
    k: int,
    network: FeatureExtractor | None = None,
    report: Callable[[int], None] | None = None,
) -> list[Neighbourhood]:
    """Find the training examples nearest to samples and test for copies, by pixels or coordinates and by features.

    Args:
        samples: [n, ...]: uint8 images or float vectors.
        train: training examples [N, ...].
        test: test examples [m, ...]; only their distance to the nearest training example is used.
        k: training examples for each sample.
        network: of images, if distances between features are wanted as well.
        report: called after each block with how many of the n + m searches (2 (n + m) with a network) are done.

    Raises:
        DataError: for shapes that do not match, fewer than k training examples, or an empty set.
    """
    spaces = [("pixels" if train.ndim == 4 else "coordinates", samples, train, test)]
    if network is not None:
        of_network = [_features(network, x) for x in (samples, train, test)]
        spaces.append((network.name, of_network[0], of_network[1], of_network[2]))
    result, done = [], 0
    for space, of_samples, of_train, of_test in spaces:
        distances, indices = nearest_neighbours(of_samples, of_train, k, _offset(done, report))
        to_test, _ = nearest_neighbours(of_test, of_train, 1, _offset(done + len(samples), report))
        result.append(Neighbourhood(space, distances, indices, copying_test(distances[:, 0], to_test[:, 0])))
        done += len(samples) + len(test)
    return result


def _offset(before: int, report: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """Return a report function whose count begins at `before`."""
    return None if report is None else lambda count: report(before + count)


def _features(network: FeatureExtractor, x: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.concatenate([network.features(x[here]) for here in blocks(len(x), _FEATURES_BATCH)])


def _distances(x: Any, what: str) -> NDArray[np.float64]:
    x = np.asarray(x, np.float64)
    if x.ndim != 1 or not len(x) or not (x >= 0).all():  # NaN is not, either
        raise DataError(f"copying test: expected one distance from 0 on for each of the {what}, [n], and at least one.")
    return x
