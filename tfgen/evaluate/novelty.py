"""Scores that tell examples of the training data from others: likelihood, typicality, likelihood ratio, complexity."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]


def novelty_scores(
    x: NDArray[np.generic], log_likelihood: Floats, usual: float, background: Floats | None = None
) -> dict[str, Floats]:
    """Return scores of examples by name, each [n] and higher for examples as those that the model was trained on.

    - ``likelihood``: log p(x).
    - ``typicality``: ``-|log p(x) - E log p|``, the mean over training examples (Nalisnick et al. 2019, Detecting
      out-of-distribution inputs to deep generative models using typicality, equation 5 with one example).
    - ``likelihood ratio``: ``log p(x) - log p_0(x)`` with a background model p_0 (Ren et al. 2019, Likelihood ratios for
      out-of-distribution detection, equation 2).
    - ``complexity``, of grey and RGB images: ``log p(x) + L(x)`` with the length L of the image as PNG, in nats (Serrà et al.
      2020, Input complexity and out-of-distribution detection with likelihood-based generative models, equation 2).

    Args:
        x: examples [n, ...].
        log_likelihood: of each, [n] nats.
        usual: mean log-likelihood of training examples.
        background: log-likelihoods under the background model, [n] nats; None without one.
    """
    scores = {"likelihood": log_likelihood, "typicality": -np.abs(log_likelihood - usual)}
    if background is not None:
        scores["likelihood ratio"] = log_likelihood - background
    if x.dtype == np.uint8 and x.ndim == 4 and x.shape[-1] in (1, 3):
        scores["complexity"] = log_likelihood + compressed_nats(x)
    return scores


def compressed_nats(images: NDArray[np.generic]) -> Floats:
    """Return the length of each image as an optimised PNG file, [n] nats.

    Args:
        images: uint8 [n, height, width, channels] of 1 or 3 channels.
    """
    lengths = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG", optimize=True)
        lengths.append(8 * math.log(2) * file.tell())
    return np.array(lengths, np.float64)
