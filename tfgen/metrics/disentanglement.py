"""Metrics of disentanglement: MIG, DCI, the beta-VAE score and the FactorVAE score of codes whose factors are known.

Codes are [n, d], factors [n, k], of the same examples; a factor has few values, equal ones for examples that share it. All
scores lie in [0, 1], and 1 is best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

#: Bins of equal width of a code dimension, as in Locatello et al. (2019), appendix.
_BINS = 20
#: Votes of the two scores by votes, for training and for test, and examples in each vote.
_VOTES, _TEST_VOTES, _VOTERS = 2000, 1000, 64
_TREES = 100
#: A dimension with less of the largest variance has collapsed to the prior, and takes no part.
_COLLAPSED = 1e-3


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness.

    Eastwood, Williams: A framework for the quantitative evaluation of disentangled representations, 2018, section 2.

    Attributes:
        disentanglement: whether a dimension of the code matters for one factor alone.
        completeness: whether a factor needs one dimension alone.
        informativeness: share of the test examples whose factor is predicted from the code, mean over the factors.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def mutual_information_gap(codes: NDArray[Any], factors: NDArray[Any]) -> float:
    """Return the MIG: the gap between the two dimensions that know most of a factor, ``mean_k (I_1 - I_2) / H(v_k)``.

    ``I_1`` and ``I_2`` are the largest two mutual informations of a factor v_k and a dimension of the code, which is cut
    into 20 bins, so that all are at most the entropy ``H(v_k)`` (Chen et al.: Isolating sources of disentanglement in VAEs,
    2018, equation 6).

    Raises:
        DataError: for shapes that do not agree, or a factor with one value.
    """
    codes, levels = _checked(codes, factors)
    binned = np.stack([_binned(column) for column in codes.T])
    gaps = []
    for factor in levels.T:
        informations = sorted((mutual_information(column, factor) for column in binned), reverse=True)
        second = informations[1] if len(informations) > 1 else 0.0
        gaps.append((informations[0] - second) / entropy(factor))
    return float(np.mean(gaps))


def dci(codes: NDArray[Any], factors: NDArray[Any], seed: int = 0) -> DCI:
    """Return the DCI scores, by the importances of a random forest for each factor.

    With R_ij the importance of dimension i for factor j: disentanglement is the mean over i, weighted by ``sum_j R_ij``, of
    ``1 - H_k(R_i / sum R_i)``, completeness the mean over j of ``1 - H_d(R_j / sum R_j)``, with entropies to the base k, d.

    Args:
        codes: [n, d].
        factors: [n, k].
        seed: of the forests, and of which half of the examples they are fitted to.
    """
    from sklearn.ensemble import RandomForestClassifier

    codes, levels = _checked(codes, factors)
    random = np.random.default_rng(seed)
    order = random.permutation(len(codes))
    fitted, rest = np.array_split(order, 2)
    importances, right = [], []
    for factor in levels.T:
        forest = RandomForestClassifier(_TREES, max_features=None, n_jobs=-1, random_state=int(random.integers(2**31)))
        forest.fit(codes[fitted], factor[fitted])
        importances.append(forest.feature_importances_)
        right.append(float(np.mean(forest.predict(codes[rest]) == factor[rest])))
    matrix = np.stack(importances, axis=1)  # [d, k]
    total = matrix.sum()  # 0 where no dimension tells anything
    weights = matrix.sum(axis=1) / total if total else np.full(len(matrix), 1 / len(matrix))
    return DCI(
        disentanglement=float(weights @ (1 - _relative_entropies(matrix))),
        completeness=float(np.mean(1 - _relative_entropies(matrix.T))),
        informativeness=float(np.mean(right)),
    )


def beta_vae_score(codes: NDArray[Any], factors: NDArray[Any], seed: int = 0) -> float:
    """Return the beta-VAE score: how often a linear classifier finds the factor that pairs share from their differences.

    One vote: a factor and 64 pairs of examples that share its value; ``mean |z - z'|`` over the pairs, [d], is what a
    logistic regression tells the factor by (Higgins et al.: beta-VAE, 2017, section 3, algorithm 1).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes, levels = _checked(codes, factors, fewest=2)
    random, groups = np.random.default_rng(seed), _groups(levels)

    def votes(count: int) -> tuple[Floats, Integers]:
        chosen = random.integers(len(groups), size=count)
        differences = []
        for factor in chosen:
            values = random.integers(len(groups[factor]), size=_VOTERS)
            pairs = np.stack([random.choice(groups[factor][value], 2) for value in values])
            differences.append(np.abs(codes[pairs[:, 0]] - codes[pairs[:, 1]]).mean(axis=0))
        return np.stack(differences), chosen

    fitted, test = votes(_VOTES), votes(_TEST_VOTES)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*fitted)
    return float(classifier.score(*test))


def factor_vae_score(codes: NDArray[Any], factors: NDArray[Any], seed: int = 0) -> float:
    """Return the FactorVAE score: how often the dimension that varies least tells the factor that examples share.

    One vote: a factor, one of its values, and 64 examples that have it; the dimension whose variance, over that of all
    examples, is smallest. A majority vote gives each dimension its factor (Kim, Mnih: Disentangling by factorising, 2018,
    section 3). Dimensions that have collapsed take no part; a code of which all have scores 0.
    """
    codes, levels = _checked(codes, factors, fewest=2)
    random, groups = np.random.default_rng(seed), _groups(levels)
    spread = codes.var(axis=0)
    active = np.flatnonzero(spread > _COLLAPSED * max(spread.max(), 1e-12))
    if not len(active) or spread.max() == 0:
        return 0.0

    def votes(count: int) -> tuple[Integers, Integers]:
        chosen = random.integers(len(groups), size=count)
        least = np.empty(count, np.intp)
        for number, factor in enumerate(chosen):
            same = random.choice(groups[factor][random.integers(len(groups[factor]))], _VOTERS)
            least[number] = np.argmin(codes[same][:, active].var(axis=0) / spread[active])
        return least, chosen

    counts = np.zeros((len(active), len(groups)))
    np.add.at(counts, votes(_VOTES), 1)
    least, chosen = votes(_TEST_VOTES)
    return float(np.mean(counts.argmax(axis=1)[least] == chosen))


def entropy(values: NDArray[Any]) -> float:
    """Return the entropy of a discrete variable by the frequencies of its values, nats."""
    _, counts = np.unique(values, return_counts=True)
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log(shares)))


def mutual_information(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> float:
    """Return the mutual information of two discrete variables by their frequencies, ``H(a) + H(b) - H(a, b)``, nats."""
    pairs = np.stack([first, second], axis=1)
    _, joint = np.unique(pairs, axis=0, return_inverse=True)
    return max(0.0, entropy(first) + entropy(second) - entropy(joint))


def _binned(column: Floats) -> Integers:
    """Cut a dimension into bins of equal width; one that does not vary is one bin."""
    low, high = column.min(), column.max()
    if low == high:
        return np.zeros(len(column), np.intp)
    return np.minimum(((column - low) / (high - low) * _BINS).astype(np.intp), _BINS - 1)


def _relative_entropies(rows: Floats) -> Floats:
    """Return the entropy of each row, as a distribution, over its largest value: the logarithm of its length."""
    totals = rows.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, rows / np.maximum(totals, 1e-12), 1 / rows.shape[1])
    logs = np.log(np.where(shares > 0, shares, 1))
    largest = np.log(rows.shape[1]) if rows.shape[1] > 1 else 1.0
    return np.asarray(-(shares * logs).sum(axis=1) / largest, np.float64)


def _groups(levels: Integers) -> list[list[Integers]]:
    """Return for each factor the examples of each of its values."""
    return [[np.flatnonzero(factor == value) for value in np.unique(factor)] for factor in levels.T]


def _checked(codes: NDArray[Any], factors: NDArray[Any], fewest: int = 1) -> tuple[Floats, Integers]:
    """Return codes in float64 and factors as whole numbers, in the order of their values."""
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or not codes.size or not factors.size:
        raise DataError(f"expected codes [n, d] and factors [n, k]; got {list(codes.shape)} and {list(factors.shape)}.")
    if factors.shape[1] < fewest:
        raise DataError(f"a score that tells factors apart needs {fewest} factors or more, got {factors.shape[1]}.")
    if not np.isfinite(codes).all():
        raise DataError("codes are not finite.")
    levels = np.stack([np.unique(factor, return_inverse=True)[1] for factor in factors.T], axis=1)
    if constant := [number for number, factor in enumerate(levels.T) if factor.max() == 0]:
        raise DataError(f"factor {constant[0]} has one value in all {len(factors)} examples; leave it out.")
    if continuous := [number for number, factor in enumerate(levels.T) if factor.max() + 1 > len(factors) / 2]:
        raise DataError(f"factor {continuous[0]} has nearly as many values as there are examples; cut it into bins.")
    return codes, levels
