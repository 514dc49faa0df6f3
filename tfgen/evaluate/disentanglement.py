"""Metrics of disentanglement of a model: codes of a split against its factors, which are the columns of its context."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.evaluate.measurement import Measurement
from tfgen.metrics.disentanglement import DCI, beta_vae_score, dci, factor_vae_score, mutual_information_gap
from tfgen.metrics.estimate import Estimate
from tfgen.model.capabilities import HasLatents, capable, require_continuous_codes, require_no_context
from tfgen.sample.latent import LatentSpace

#: Most examples whose codes are compared with their factors.
EXAMPLES = 5000
_WANTED_BY = "a metric of disentanglement"


def codes_and_factors(measurement: Measurement) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the codes [n, d] and the factors [n, k] of a split.

    Raises:
        CapabilityError: when the model has no encoder.
        DataError: for data without factors.
    """
    capable(measurement.model, HasLatents, _WANTED_BY)
    require_continuous_codes(measurement.model, _WANTED_BY)
    require_no_context(measurement.model, _WANTED_BY)
    chosen = measurement.some_examples(EXAMPLES)
    if chosen.context is None:
        raise DataError(
            f"{_WANTED_BY} needs known factors, and data set {measurement.data.name!r} has no context columns that they could "
            "be; try --data sprites, or --context COLUMN ... of your own data."
        )
    space = LatentSpace(measurement.model, measurement.seed, measurement.batch_size)
    labels = chosen.labels if measurement.model.conditional else None
    return space.encode(chosen.x, labels), chosen.context


def measure_mig(measurement: Measurement) -> Estimate:
    """Return the mutual information gap; the metric ``mig``."""
    return Estimate(mutual_information_gap(*codes_and_factors(measurement)), math.nan)


def measure_beta_vae(measurement: Measurement) -> Estimate:
    """Return the beta-VAE score; the metric ``beta_vae_score``."""
    return Estimate(beta_vae_score(*codes_and_factors(measurement), measurement.seed), math.nan)


def measure_factor_vae(measurement: Measurement) -> Estimate:
    """Return the FactorVAE score; the metric ``factor_vae_score``."""
    return Estimate(factor_vae_score(*codes_and_factors(measurement), measurement.seed), math.nan)


def measure_dci_disentanglement(measurement: Measurement) -> Estimate:
    """Return the disentanglement of DCI; the metric ``dci_disentanglement``."""
    return Estimate(_dci(measurement).disentanglement, math.nan)


def measure_dci_completeness(measurement: Measurement) -> Estimate:
    """Return the completeness of DCI; the metric ``dci_completeness``."""
    return Estimate(_dci(measurement).completeness, math.nan)


def measure_dci_informativeness(measurement: Measurement) -> Estimate:
    """Return the informativeness of DCI; the metric ``dci_informativeness``."""
    return Estimate(_dci(measurement).informativeness, math.nan)


def _dci(measurement: Measurement) -> DCI:
    codes, factors = codes_and_factors(measurement)
    return _dci_of(codes.tobytes(), codes.shape, factors.tobytes(), factors.shape, measurement.seed)


@lru_cache(maxsize=1)  # three metrics ask for it one after the other, and it takes most of their time
def _dci_of(codes: bytes, shape: tuple[int, ...], factors: bytes, factors_shape: tuple[int, ...], seed: int) -> DCI:
    return dci(
        np.frombuffer(codes, np.float64).reshape(shape), np.frombuffer(factors, np.float32).reshape(factors_shape), seed
    )
