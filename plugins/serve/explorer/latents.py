"""Latent space of a served model as a plane: codes of examples, and the principal axes along which they vary most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen import Split
from tfgen_plugins.serve.block import RowRequest
from tfgen_plugins.serve.model import ServedModel

#: Codes in the plane, and sliders beside it.
MOST_POINTS, MOST_AXES = 2000, 8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LatentPlane:
    """Coordinates of a latent space: a code is ``center + a @ axes``, of which two coordinates a make the plane.

    Attributes:
        center: mean of the codes, [d]; 0 for a space of two dimensions, whose plane it is itself.
        axes: principal axes, [k, d], orthonormal, the one with the largest variance first.
        deviations: standard deviations of the codes along them, [k].
        points: coordinates of codes in the plane, [n, 2].
        labels: of the examples whose codes these are, [n]; None without labels.
    """

    center: Floats
    axes: Floats
    deviations: Floats
    points: Floats
    labels: NDArray[np.int32] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "center": _rounded(self.center),
            "axes": _rounded(self.axes),
            "deviations": _rounded(self.deviations),
            "points": self.points.round(3).tolist(),
            "labels": None if self.labels is None else self.labels.tolist(),
        }


def latent_plane(model: ServedModel, split: Split | None) -> LatentPlane | None:
    """Return the plane of a model with continuous codes; None for another.

    Args:
        model: in whose thread this is called.
        split: examples that are encoded; None for codes of the prior, of a model without examples or without an encoder.
    """
    if "decode" not in model.signatures or model.model.discrete_codes:
        return None
    if split is not None and "encode" in model.signatures:
        examples = split.subset(MOST_POINTS)
        codes, labels = _encoded(model, examples), examples.labels
        sound = np.isfinite(codes).all(axis=1)
        codes, labels = codes[sound], None if labels is None else labels[sound]
    else:
        codes, labels = _of_prior(model), None
    return plane_of(codes.astype(np.float64), labels)


def plane_of(codes: Floats, labels: NDArray[np.int32] | None = None) -> LatentPlane:
    """Return the plane of codes [n, d]: of two dimensions the space itself, of more the first two principal axes.

    Of one dimension the second axis is missing, and the points lie on a line.
    """
    width = codes.shape[1]
    if width <= 2:
        center, axes = np.zeros(width), np.eye(width)
    else:
        center = codes.mean(0)
        _, _, axes = np.linalg.svd(codes - center, full_matrices=False)
        axes = axes[:MOST_AXES]
        # The sign of a principal axis is arbitrary; its largest entry is positive, so that each start has the same.
        axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    coordinates = (codes - center) @ axes.T
    points = np.zeros((len(codes), 2))
    points[:, : min(2, width)] = coordinates[:, :2]
    return LatentPlane(center, axes, coordinates.std(0), points, labels)


def _encoded(model: ServedModel, examples: Split) -> NDArray[Any]:
    labels = examples.labels.tolist() if "labels" in model.conditions and examples.labels is not None else None
    context = examples.context.tolist() if "context" in model.conditions and examples.context is not None else None
    request = RowRequest({"x": examples.x, **model.conditions_for(len(examples.x), labels, context)})
    return _in_blocks(model, "encode", request, len(examples.x))


def _of_prior(model: ServedModel) -> NDArray[Any]:
    latents: Any = model.model
    prior = latents.prior(model.joined(model.conditions_for(MOST_POINTS, None, None)))
    codes: NDArray[Any] = prior.sample([] if prior.batch_shape.rank else [MOST_POINTS], seed=(0, 1)).numpy()
    return codes


def _in_blocks(model: ServedModel, name: str, request: RowRequest, count: int) -> NDArray[Any]:
    function = model.function(name)
    parts = [slice(start, min(start + function.size, count)) for start in range(0, count, function.size)]
    return np.concatenate([function([(part, request)]) for part in parts])


def _rounded(array: Floats) -> Any:
    """Return an array with six significant digits, which are enough to draw and keep the page small."""
    return np.array([float(f"{value:.6g}") for value in array.ravel()]).reshape(array.shape).tolist()
