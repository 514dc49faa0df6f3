"""Imputation: missing values of a row drawn from the density of a model by importance sampling.

With known values k and missing ones m, values m_i are proposed from q(m|k) (`tfgen.evaluate.proposals`), weighted by
``w_i = p(k, m_i) / q(m_i|k)``, and drawn again in proportion to their weights (sampling-importance-resampling, Rubin 1987).
The effective sample size ``(sum w)^2 / sum w^2`` says how many independent draws the proposals are worth (Kong 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, DataError, require_option
from tfgen.evaluate.proposals import Proposal
from tfgen.evaluate.scoring import log_class_frequencies, score_batches, scorer_of
from tfgen.model.base import GenerativeModel
from tfgen.progress import Bar

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Imputation:
    """Rows whose missing values are filled in.

    Attributes:
        x: completed rows, [draws, n, d].
        effective: effective sample size of the proposals of each row, [n]; the number of proposals where nothing is missing.
    """

    x: NDArray[np.float32]
    effective: Floats


def impute(
    model: GenerativeModel,
    data: Dataset,
    x: NDArray[np.floating[Any]],
    *,
    given: NDArray[Any] | None = None,
    draws: int = 1,
    proposals: int = 1000,
    seed: int = 0,
    quiet: bool = True,
) -> Imputation:
    """Fill in the missing values of rows, NaN, by draws from the density of a model given the others.

    Args:
        model: of vectors, with a density.
        data: that it was trained on.
        x: rows [n, d], NaN where a value is missing.
        given: labels or contexts of the rows, for a conditional model; see `tfgen.data.conditions`.
        draws: completions of each row.
        proposals: of each row; more make the draws closer to the density.
        seed: of all random numbers.
        quiet: show no progress.

    Raises:
        CapabilityError: for images, and a model without a density.
        DataError: for rows of another width.
        OptionError: when draws or proposals are below 1.
    """
    require_option(draws >= 1, "draws", draws, "at least 1")
    require_option(proposals >= 1, "proposals", proposals, "at least 1")
    if model.data.spatial:
        raise CapabilityError("missing values of a table are filled in; of images, tfgen inpaint completes parts.")
    scorer = scorer_of(model, data, "filling in missing values")
    if scorer.density == "bound":
        raise CapabilityError(
            f"model {type(model).__name__} has a bound and no density; train a flow to fill in values."
        )
    if x.ndim != 2 or x.shape[1] != model.data.dimensions:
        raise DataError(f"expected rows of {model.data.dimensions} numbers; got an array of shape {list(x.shape)}.")
    proposal, random = Proposal(data), np.random.default_rng(seed)
    completed = np.repeat(np.asarray(x, np.float32)[None], draws, axis=0)
    effective = np.full(len(x), float(proposals))
    with Bar("filling in", len(x), "rows", quiet=quiet) as bar:
        for row in range(len(x)):
            missing = np.flatnonzero(np.isnan(x[row]))
            if len(missing):
                candidates, log_q = proposal.draw(x[row], missing, proposals, random)
                labels = None if given is None else np.repeat(given[row : row + 1], proposals, axis=0)
                prior = np.zeros(1)
                columns: list[NDArray[Any] | None] = [labels]
                if scorer.classes is not None and labels is None:
                    prior = log_class_frequencies(data)
                    columns = [np.full(proposals, label, np.int32) for label in range(scorer.classes)]
                log_p = _log_density(scorer.function, candidates, columns, prior, seed + row)
                if not np.isfinite(log_p - log_q).any():
                    raise DataError(
                        f"row {row} (counted from 0) has no density whatever its missing values are; check its known values."
                    )
                weights = scipy.special.softmax(log_p - log_q)
                effective[row] = 1 / np.sum(weights**2)
                completed[:, row] = candidates[random.choice(proposals, draws, p=weights)]
            bar.update(row + 1)
    return Imputation(completed, effective)


def _log_density(
    function: Any, x: NDArray[np.float32], columns: Sequence[NDArray[Any] | None], prior: Floats, seed: int
) -> Floats:
    """Return log p(x) of each row, [n]; summed over the classes with the log-probabilities `prior` where they are not known."""
    found = [values for _, values in score_batches(function, x, columns, seed=seed, batch_size=len(x), block=len(x))]
    values = np.concatenate(found).reshape(len(x), len(columns))
    total: Floats = scipy.special.logsumexp(values + prior, axis=1)
    return np.where(np.isfinite(total), total, -np.inf)
