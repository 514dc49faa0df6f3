"""Search for codes that decode to given classes, judged by a classifier, for models without encoder or labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.evaluate.features import FeatureNetwork
from tfgen.model.capabilities import Decodes
from tfgen.seeds import fold_in

_CODES_BATCH = 500
#: The search gives up after so many samples.
MOST_SAMPLES = 5000


def codes_of_classes(
    model: Decodes, network: FeatureNetwork, classes: Sequence[int] | None, seed: int = 0
) -> tuple[NDArray[np.generic], tuple[int, int]]:
    """Sample codes from the prior until two decode to the wanted classes, as a classifier judges.

    Args:
        model: unconditional, with a prior and a decoder.
        network: a classifier.
        classes: the two wanted classes; None for the class of the first sample and the next other class.
        seed: of the codes, which are searched in the order in which they are sampled.

    Returns:
        The codes [2, latent] and their classes.

    Raises:
        DataError: when there is no such sample among the first 5000, or the network does not classify.
    """
    prior = model.prior()
    ends: list[tuple[NDArray[np.generic], int]] = []
    for number in range(MOST_SAMPLES // _CODES_BATCH):
        codes = np.asarray(prior.sample(_CODES_BATCH, seed=fold_in(seed, number)))
        result = network.extract(np.asarray(model.decode(codes))).classes
        if result is None:
            raise DataError(f"network {network.name!r} does not classify; use a classifier.")
        if classes is None:
            classes = [int(result[0])]
        while len(ends) < 2:
            known = len(ends) < len(classes)
            places = np.flatnonzero(result == classes[len(ends)] if known else result != classes[0])
            fits = [place for place in places if not any(np.array_equal(codes[place], code) for code, _ in ends)][:1]
            if not fits:
                break
            ends.append((codes[fits[0]], int(result[fits[0]])))
        if len(ends) == 2:
            return np.stack([code for code, _ in ends]), (ends[0][1], ends[1][1])
    missing = f"of class {classes[len(ends)]}" if classes and len(ends) < len(classes) else "of a second class"
    raise DataError(
        f"among {MOST_SAMPLES} samples there is none {missing}; train longer, or interpolate between others."
    )
