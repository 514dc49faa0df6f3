"""Interpolation between latent codes (linear, sinusoidal, spherical), decoded by a model.

The weight l of the second code runs from 0 to 1 in equal steps. Each path is a pure function of two codes and the weights,
computed in float64; it begins at the first code and ends at the second one exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import CapabilityError, DataError, OptionError, UnknownNameError, require_option
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Decodes, HasLatents, capable, require_continuous_codes, uses_context
from tfgen.seeds import as_seed, fold_in

Floats = NDArray[np.float64]

#: The most steps of a path; all of its examples are decoded at once.
MOST_STEPS = 1001
#: How often the noise of an image is drawn anew when rounding carries a grey level over the border of its cell.
_ATTEMPTS = 50
#: Below this sine the angle between two codes is taken for 0 or pi, where an arc between them is not determined.
_LEAST_SINE = 1e-6


def weights_of(steps: int) -> Floats:
    """Return the interpolation weights ``l_i = i / (steps - 1)``, [steps].

    >>> weights_of(5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    return np.arange(steps) / (steps - 1)


def linear(z1: NDArray[Any], z2: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """Linear interpolation (lerp) at constant speed, ``(1 - l) z1 + l z2``.

    Args:
        z1: the first code [..., d].
        z2: the second code [..., d].
        weights: l, [steps].

    Returns:
        The codes of the path, [steps, ..., d].
    """
    z1, z2 = np.asarray(z1, np.float64), np.asarray(z2, np.float64)
    share = _column(weights, z1.ndim)
    return (1 - share) * z1 + share * z2


def sinusoidal(z1: NDArray[Any], z2: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """Sinusoidal interpolation: a straight line that starts fast and arrives slowly, ``(1 - sin(l pi/2)) z1 + sin(l pi/2) z2``.

    Arguments and result are those of `linear`.
    """
    return linear(z1, z2, np.sin(np.asarray(weights, np.float64) * (np.pi / 2)))


def spherical(z1: NDArray[Any], z2: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """Spherical interpolation (slerp): the arc ``sin((1 - l) w) / sin(w) z1 + sin(l w) / sin(w) z2``, w the angle of z1 and z2.

    Two codes of one norm are joined by a piece of the circle through them around the origin (Shoemake: Animating rotation
    with quaternion curves, 1985, section 3.3). Codes of a standard normal in d dimensions lie near the sphere of radius
    sqrt(d), which the straight line leaves (White: Sampling generative networks, 2016, section 2.1). For parallel or
    opposite codes, or where one is zero, no arc is determined, and this is `linear`.

    Arguments and result are those of `linear`; each pair of codes along the leading axes has its own angle.
    """
    z1, z2 = np.asarray(z1, np.float64), np.asarray(z2, np.float64)
    (unit1, norm1), (unit2, norm2) = _direction(z1), _direction(z2)
    # Unlike the arc cosine of the inner product, this stays accurate for small angles and for those near pi (Kahan).
    angle = 2 * np.arctan2(_norm(unit1 - unit2), _norm(unit1 + unit2))
    straight = (np.sin(angle) < _LEAST_SINE) | (norm1 == 0) | (norm2 == 0)
    sine = np.where(straight, 1.0, np.sin(angle))
    share = _column(weights, z1.ndim)
    arc = np.sin((1 - share) * angle) / sine * z1 + np.sin(share * angle) / sine * z2
    return np.where(straight, linear(z1, z2, weights), arc)


#: The paths by name, in the order in which they are drawn.
PATHS: dict[str, Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Floats]] = {
    "linear": linear,
    "sinusoidal": sinusoidal,
    "spherical": spherical,
}


@dataclass(frozen=True)
class Interpolation:
    """Result of an interpolation: codes and decoded examples along one or several paths.

    Attributes:
        paths: the names of the paths, one for each row.
        weights: l, [steps].
        codes: the codes on the paths, [paths, steps, latent].
        x: the decoded codes, [paths, steps, *shape]: uint8 images, or float32 vectors.
        labels: for a conditional model, under which each step was decoded, [steps]; None where each row has a label of its own.
        row_labels: the label under which each path was decoded from end to end, [paths]; None without `labels_each`.
        ends: the two examples that were encoded, [2, *shape]; None where the codes were drawn from the prior.
    """

    paths: tuple[str, ...]
    weights: Floats
    codes: NDArray[np.generic]
    x: NDArray[np.generic]
    labels: NDArray[np.int32] | None = None
    ends: NDArray[np.generic] | None = None
    row_labels: NDArray[Any] | None = None

    def end_errors(self) -> Floats:
        """Return the reconstruction error of both ends, for each value, in grey levels or data units.

        All zeros for images that came back exactly.

        Returns:
            [paths, 2, *shape]; zeros where the codes were drawn from the prior.
        """
        reached = self.x[:, [0, -1]].astype(np.float64)
        return np.zeros_like(reached) if self.ends is None else np.abs(reached - self.ends.astype(np.float64))


def interpolate(
    model: GenerativeModel,
    ends: Any = None,
    labels: Any = None,
    *,
    codes: Any = None,
    paths: Sequence[str] = tuple(PATHS),
    steps: int = 11,
    decode_labels: Any = None,
    labels_each: Any = None,
    seed: int = 0,
) -> Interpolation:
    """Interpolate between examples in the latent space of a model.

    A flow gives both images back exactly, but for rounding: where float32 carries a dequantised grey level over the border
    of its cell, the image is encoded with other noise. Whether the end points came back shows in `Interpolation.end_errors`;
    those of other models with latents are reconstructions. Decoded examples are never replaced by the originals.

    Args:
        model: with latent codes; one that encodes, to go between examples.
        ends: the two examples [2, *shape]; None draws two codes from the prior.
        codes: two codes [2, latent], in the place of the examples.
        labels: of the two ends, [2], for a conditional model; each end is encoded under its own.
        paths: names of `PATHS`.
        steps: examples on each path, the ends included; 2 to 1001.
        decode_labels: [2], under which a conditional model decodes: the first up to l = 1/2, the second beyond it. By default
            the labels of the ends, so that each step has that of the nearer one.
        labels_each: [k], under each of which a conditional model decodes every path from end to end: k rows for each path.
        seed: of the noise in encoding, or of the codes from the prior.

    Raises:
        CapabilityError: when the model has no latent codes, or does not encode the ends.
        UnknownNameError: for a path of another name.
        OptionError: when there is no path, or one twice, or steps are out of range.
        DataError: for ends or labels that do not fit the model.
    """
    latents = capable(model, Decodes, "interpolation")
    require_continuous_codes(model, "interpolation")
    require_paths(paths)
    require_option(2 <= steps <= MOST_STEPS, "steps", steps, f"from 2 to {MOST_STEPS}")
    labels = _pair(model, labels)
    decode_labels = labels if decode_labels is None else _pair(model, decode_labels)
    weights = weights_of(steps)
    if codes is not None:
        codes = np.asarray(codes)
        if ends is not None or codes.ndim != 2 or len(codes) != 2:
            raise DataError(f"expected two codes, shape [2, latent], and no examples; got shape {codes.shape}.")
    elif ends is None:
        codes = _drawn_codes(latents, labels, seed)
    else:
        latents = capable(model, HasLatents, "interpolation between examples")
        ends = np.asarray(ends)
        if ends.shape != (2, *model.data.shape):
            raise DataError(f"expected two examples, shape {(2, *model.data.shape)}; got shape {ends.shape}.")
        codes = _codes_that_return(model, latents, ends, labels, weights, seed)
    along = [PATHS[name](codes[0], codes[1], weights).astype(codes.dtype) for name in paths]
    if labels_each is not None and decode_labels is not None and decode_labels is not labels:
        raise OptionError(
            "decode_labels changes the label in the middle of a path, labels_each keeps one; give one of them."
        )
    if labels_each is None:
        step_labels = None if decode_labels is None else decode_labels[_nearer(weights)]
        decoded = [np.asarray(latents.decode(path, step_labels, seed=seed)) for path in along]
        return Interpolation(tuple(paths), weights, np.stack(along), np.stack(decoded), step_labels, ends)
    each = _labels_each(model, labels_each)
    decoded = [
        np.asarray(latents.decode(path, np.repeat([label], steps, axis=0), seed=seed))
        for path in along
        for label in each
    ]
    names = tuple(name for name in paths for _ in each)
    codes = np.repeat(np.stack(along), len(each), axis=0)
    return Interpolation(
        names, weights, codes, np.stack(decoded), None, ends, np.tile(each, (len(along), *[1] * (each.ndim - 1)))
    )


def require_paths(paths: Sequence[str]) -> None:
    """Check names of paths: each is one of `PATHS`, no duplicates, at least one.

    Raises:
        UnknownNameError: for another name, with the closest one.
        OptionError: otherwise.
    """
    for name in paths:
        if name not in PATHS:
            raise UnknownNameError("path", name, PATHS)
    if not paths or len(set(paths)) < len(paths):
        raise OptionError(
            f"--path must name one or several of {', '.join(PATHS)}, none twice; got {' '.join(paths)!r}."
        )


def _pair(model: GenerativeModel, labels: Any) -> NDArray[np.int32] | None:
    """Check the labels of both ends; None for an unconditional model."""
    model.condition(labels, 2)  # which checks the labels
    return None if labels is None else np.asarray(labels, np.float32 if uses_context(model) else np.int32)


def _labels_each(model: GenerativeModel, labels: Any) -> NDArray[Any]:
    """Check the labels of rows, [k].

    Raises:
        CapabilityError: when the model takes no labels.
        DataError: when there is none, or one is none of the model's.
    """
    if not model.conditional:
        raise CapabilityError(
            f"labels of rows are for a conditional model, and {type(model).__name__} takes no labels."
        )
    each = np.asarray(labels, np.float32 if uses_context(model) else np.int32)
    if not len(each):
        raise DataError("name at least one label to decode under.")
    model.condition(each, len(each))  # which checks them
    return each


def _nearer(weights: Floats) -> NDArray[np.intp]:
    """Return the index of the nearer end for each step, 0 or 1; the middle counts as 0."""
    return (weights > 0.5).astype(np.intp)


def _drawn_codes(latents: Decodes, labels: NDArray[np.int32] | None, seed: int) -> NDArray[np.generic]:
    prior = latents.prior(labels)
    # A prior that depends on the label is a batch already, one distribution for each of the two.
    shape = [] if prior.batch_shape.rank else [2]
    codes: NDArray[np.generic] = prior.sample(shape, seed=as_seed(seed)).numpy()
    return codes


def _codes_that_return(
    model: GenerativeModel,
    latents: HasLatents,
    ends: NDArray[np.generic],
    labels: NDArray[np.int32] | None,
    weights: Floats,
    seed: int,
) -> NDArray[np.generic]:
    """Encode both ends; for dequantised images, with noise for which decoding returns the image, if possible.

    They are decoded in batches of the size that the paths have, since another size may round differently.
    """
    nearer = _nearer(weights)
    rows = None if labels is None else labels[nearer]
    fewest = [len(weights) * model.data.dimensions + 1] * 2
    best: NDArray[np.generic] = np.zeros(0)
    for attempt in range(_ATTEMPTS):
        codes = np.asarray(latents.encode(ends, labels, seed=seed if attempt == 0 else fold_in(seed, attempt)))
        best = codes.copy() if attempt == 0 else best
        back = np.asarray(latents.decode(codes[nearer], rows, seed=seed))
        errors = np.abs(back.astype(np.float64) - ends[nearer].astype(np.float64))
        for end in (0, 1):
            wrong = int(np.count_nonzero(errors[nearer == end]))
            if wrong < fewest[end]:
                fewest[end], best[end] = wrong, codes[end]
        # Vectors have no dequantisation noise, and an error above one level is no rounding across the border of a cell.
        if not model.data.quantised or not any(fewest) or errors.max() > 1:
            break
    return best


def _column(weights: NDArray[Any], rank: int) -> Floats:
    """Return weights [steps] as [steps, 1, ..., 1], to be multiplied with codes of that rank."""
    return np.asarray(weights, np.float64).reshape(-1, *[1] * rank)


def _norm(z: Floats) -> Floats:
    norm: Floats = np.linalg.norm(z, axis=-1, keepdims=True)
    return norm


def _direction(z: Floats) -> tuple[Floats, Floats]:
    """Return the unit vectors along codes [..., d] (zero for the zero code), and their norms [..., 1]."""
    norm = _norm(z)
    return z / np.where(norm == 0, 1.0, norm), norm
