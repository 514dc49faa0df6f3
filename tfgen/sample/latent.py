"""Latent space of a model: codes, active dimensions, principal directions, grids and traversals as arrays.

A position e in latent space is counted from an origin o in units s, one for each dimension: ``z = o + s e``. Where the prior is
the standard normal, o = 0 and s = 1; for any other prior o and s are the mean and the standard deviation of test codes, and
where the prior depends on the label, those of each class. Everything here is computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import tensorflow_probability as tfp
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from tfgen.errors import require_option
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLatents, HasPosterior, capable, require_continuous_codes, require_no_context
from tfgen.seeds import as_seed, fold_in, generator

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]

#: What a seed is for, so that no two uses share their numbers.
_ENCODE, _DECODE, _POSTERIOR, _PRIOR, _PROBE = range(5)
_PROBES = 32  # points at which a prior is compared with the standard normal
_LEAST_UNIT = 1e-9  # of a dimension in which all codes are the same
_TOLERANCE = 1e-3  # nats, and relative: float32 loses so much in a thousand dimensions


class LatentSpace:
    """Latent space of a model: encode, decode, sample prior and posterior, batch by batch.

    Labels are asked for everywhere, and used only if the model is conditional.

    Args:
        model: with latent codes.
        seed: of all noise; same seed and batch size, same arrays.
        batch_size: examples or codes at a time.

    Raises:
        CapabilityError: when the model has no latent codes.
        OptionError: when the batch size is below 1.
    """

    def __init__(self, model: GenerativeModel, seed: int = 0, batch_size: int = 500) -> None:
        require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
        self.model = model
        self.seed = seed
        self.batch_size = batch_size
        self._latents = capable(model, HasLatents, "a picture of the latent space")
        require_continuous_codes(model, "a picture of the latent space")
        require_no_context(model, "a picture of the latent space")

    def encode(self, x: NDArray[np.generic], labels: Labels | None = None) -> Floats:
        """Encode examples [n, ...] to codes [n, latent]; with a posterior, to its means."""
        return _floats(self._in_batches(self._latents.encode, x, labels, _ENCODE))

    def decode(self, z: NDArray[Any], labels: Labels | None = None) -> NDArray[np.generic]:
        """Decode codes [n, latent] to examples [n, ...]: uint8 images, or float32 vectors."""
        codes = np.asarray(z).astype(self.model.density_dtype.as_numpy_dtype)
        return self._in_batches(self._latents.decode, codes, labels, _DECODE)

    def posterior_samples(self, x: NDArray[np.generic], labels: Labels | None = None) -> Floats:
        """Sample q(z|x) once for each example [n, ...]: [n, latent]; over many examples a sample of the aggregate posterior.

        Raises:
            CapabilityError: when the model has no posterior.
        """
        model = capable(self.model, HasPosterior, "the aggregate posterior")

        def draw(batch: NDArray[np.generic], own: Labels | None, seed: Any) -> Any:
            return model.posterior(batch, own, seed=fold_in(seed, 0)).sample(seed=fold_in(seed, 1))

        return _floats(self._in_batches(draw, x, labels, _POSTERIOR))

    def prior_samples(self, n: int, labels: Labels | None = None) -> Floats:
        """Sample the prior: [n, latent]; p(z|y) with labels [n] if the prior depends on them.

        The noise behind row i is that of row i in every other call with the same n and seed, whatever the labels.
        """
        prior = self._prior(labels)
        # A prior that depends on the label is a batch already, one distribution for each.
        return _floats(prior.sample([] if prior.batch_shape.rank else [n], seed=self._seed(_PRIOR)))

    @cached_property
    def prior_depends_on_label(self) -> bool:
        """True if the prior p(z|y) differs between classes."""
        return bool(self._prior(np.zeros(2, np.int32)).batch_shape.rank)

    @cached_property
    def prior_is_standard(self) -> bool:
        """True if the prior is N(0, I) for every label: its density is ``-|z|^2 / 2 - d log(2 pi) / 2`` at points around 0."""
        prior = self._prior(np.zeros(2, np.int32))
        d, n = int(prior.event_shape[0]), _PROBES * (self.model.data.classes or 1 if self.model.conditional else 1)
        z = 1.5 * generator(self.seed, _PROBE).standard_normal((n, d))
        result = self._prior(np.arange(n, dtype=np.int32) // _PROBES).log_prob(
            z.astype(self.model.density_dtype.as_numpy_dtype)
        )
        expected = -0.5 * (z**2).sum(axis=-1) - 0.5 * d * np.log(2 * np.pi)
        return bool(np.allclose(_floats(result), expected, rtol=_TOLERANCE, atol=_TOLERANCE))

    def _prior(self, labels: Labels | None) -> Any:
        return self._latents.prior(self._own(labels))

    def _own(self, labels: Labels | None) -> Labels | None:
        return labels if self.model.conditional else None

    def _seed(self, purpose: int, batch: int = 0) -> Any:
        return fold_in(fold_in(as_seed(self.seed), purpose), batch)

    def _in_batches(
        self, function: Callable[..., Any], rows: NDArray[Any], labels: Labels | None, purpose: int
    ) -> NDArray[np.generic]:
        own, done = self._own(labels), []
        for number, begin in enumerate(range(0, len(rows), self.batch_size)):
            which = slice(begin, begin + self.batch_size)
            part = None if own is None else own[which]
            done.append(np.asarray(function(rows[which], part, seed=self._seed(purpose, number))))
        return np.concatenate(done)


@dataclass(frozen=True)
class Whitening:
    """Whitening of codes, ``z = o_y + s_y e``: origin and unit of each dimension, of each class if the prior depends on it.

    Attributes:
        origin: o, [classes, latent] where the prior depends on the label, else [1, latent].
        unit: s, of the same shape.
        standard: True if o = 0 and s = 1, since the prior is the standard normal.
    """

    origin: Floats
    unit: Floats
    standard: bool

    def rows(self, labels: Labels | int | None) -> Any:
        """Return the row of `origin` and `unit` for each label."""
        return labels if len(self.origin) > 1 else np.zeros_like(0 if labels is None else labels)

    def offsets(self, codes: Floats, labels: Labels | None = None) -> Floats:
        """Return ``z - o_y`` of codes [n, latent] under labels [n]."""
        return codes - self.origin[np.broadcast_to(self.rows(labels), len(codes))]

    def to_label(self, codes: Floats, labels: Labels, to: Labels) -> Floats:
        """Transfer codes [n, latent] to other labels at the same whitened position, ``o_y' + s_y' (z - o_y) / s_y``.

        Codes do not change unless the prior depends on the label.
        """
        if len(self.origin) == 1:
            return codes
        return self.origin[to] + self.unit[to] * (codes - self.origin[labels]) / self.unit[labels]


def whitening_of(space: LatentSpace, codes: Floats, labels: Labels | None = None) -> Whitening:
    """Return the whitening of a model: identity for a standard normal prior, else mean and standard deviation of the codes.

    Args:
        space: of the model.
        codes: of test examples, [n, latent].
        labels: of these, [n]; a class without codes gets the whitening of all.
    """
    if space.prior_is_standard:
        return Whitening(np.zeros((1, codes.shape[1])), np.ones((1, codes.shape[1])), True)
    groups = [codes]
    if space.prior_depends_on_label and labels is not None:
        own = [codes[labels == label] for label in range(space.model.data.classes or 0)]
        groups = [group if len(group) > 1 else codes for group in own]
    unit = np.stack([group.std(axis=0) for group in groups])
    return Whitening(np.stack([group.mean(axis=0) for group in groups]), np.maximum(unit, _LEAST_UNIT), False)


@dataclass(frozen=True)
class Directions:
    """Latent directions, sorted by the variance of the codes: dimensions of z, or principal components.

    Attributes:
        vectors: u, of length 1, [k, latent].
        origin: of each direction, [rows, latent], with the rows of a `Whitening`.
        units: length of a step along each, [rows, k].
        variances: of the codes along each, [k].
        share: of the whole variance, [k].
        components: True for principal components, False for dimensions of z.
    """

    vectors: Floats
    origin: Floats
    units: Floats
    variances: Floats
    share: Floats
    components: bool

    @property
    def names(self) -> list[str]:
        """Names for figures, in matplotlib's mathematics; ``$z_3$`` and PC 3 count from 1."""
        if self.components:
            return [f"PC {number + 1}" for number in range(len(self.vectors))]
        return [f"$z_{{{int(vector.argmax()) + 1}}}$" for vector in self.vectors]


def active_dimensions(whitening: Whitening, codes: Floats, labels: Labels | None = None, most: int = 10) -> Directions:
    """Return the active dimensions of z, those with the largest variance of codes, in the units of the whitening.

    The variance over examples of the mean of q(z|x) separates dimensions that a model uses from those that it
    ignores (posterior collapse; Burda et al.: Importance weighted autoencoders, 2016, section 5).

    Args:
        whitening: origin and units.
        codes: [n, latent].
        labels: [n], for a whitening of each class.
        most: maximal number of dimensions.
    """
    variances = whitening.offsets(codes, labels).var(axis=0)
    order = np.argsort(-variances, kind="stable")[:most]
    share = variances[order] / max(float(variances.sum()), np.finfo(float).tiny)
    return Directions(
        np.eye(len(variances))[order], whitening.origin, whitening.unit[:, order], variances[order], share, False
    )


def principal_components(
    whitening: Whitening, codes: Floats, labels: Labels | None = None, most: int = 10
) -> Directions:
    """Return the principal components of codes, in units of the standard deviation along each.

    Arguments are those of `active_dimensions`. Where the whitening has a row for each class, they are the components within
    the classes, around the mean of each.
    """
    offsets = whitening.offsets(codes, labels)
    result = PCA(min(most, *offsets.shape), svd_solver="full").fit(offsets)
    units = np.sqrt(np.broadcast_to(result.explained_variance_, (len(whitening.origin), len(result.components_))))
    share = np.nan_to_num(result.explained_variance_ratio_)
    return Directions(
        result.components_, whitening.origin + result.mean_, units, result.explained_variance_, share, True
    )


def plane_of(whitening: Whitening, codes: Floats, labels: Labels | None = None) -> Directions:
    """Return the plane of a latent plot: both dimensions of two, the first two components of more, one of one."""
    if codes.shape[1] > 2:
        return principal_components(whitening, codes, labels, 2)
    result = active_dimensions(whitening, codes, labels)
    order = np.argsort(result.vectors.argmax(axis=1))  # z_1 to the right, z_2 up
    return replace(
        result,
        vectors=result.vectors[order],
        units=result.units[:, order],
        variances=result.variances[order],
        share=result.share[order],
    )


def cloud_plane(codes: Floats) -> Directions:
    """Return the plane of a scatter plot of codes [n, latent] without whitening; see `plane_of`."""
    latent = codes.shape[1]
    return plane_of(Whitening(np.zeros((1, latent)), np.ones((1, latent)), True), codes)


def project(plane: Directions, codes: Floats) -> Floats:
    """Project codes [n, latent] onto a plane: ``u (z - o)``, [n, k]."""
    return (codes - plane.origin[0]) @ plane.vectors.T


def normal_quantiles(cells: int) -> Floats:
    """Return standard normal quantiles at the middles of equal shares, ``(i + 1/2) / cells``.

    >>> normal_quantiles(4).round(3).tolist()
    [-1.15, -0.319, 0.319, 1.15]
    """
    return _floats(tfp.distributions.Normal(np.float64(0), np.float64(1)).quantile((np.arange(cells) + 0.5) / cells))


def grid_codes(plane: Directions, positions: Floats, row: int = 0) -> Floats:
    """Return the codes of a grid in a plane, ``o + e_1 s_1 u_1 + e_2 s_2 u_2``, in image order: e_2 falls from row to row.

    Args:
        plane: of two directions, or of one, which gives a single row.
        positions: e along each, [cells].
        row: of the whitening.

    Returns:
        [rows, cells, latent].
    """
    along = plane.units[row][:, None] * plane.vectors
    up = positions[::-1, None, None] * along[1] if len(along) > 1 else np.zeros((1, 1, along.shape[1]))
    return plane.origin[row] + positions[None, :, None] * along[0] + up


def traverse(z: Floats, directions: Directions, which: int, positions: Floats, row: int = 0) -> Floats:
    """Latent traversal: move a code along one direction to each position e, ``z + (e s - u (z - o)) u``.

    Args:
        z: the code, [latent].
        directions: of which one is taken.
        which: its number.
        positions: e, [steps].
        row: of the whitening.

    Returns:
        [steps, latent].
    """
    u = directions.vectors[which]
    here = u @ (z - directions.origin[row])
    return z + (positions * directions.units[row, which] - here)[:, None] * u


def _floats(values: Any) -> Floats:
    return cast(Floats, np.asarray(values).astype(np.float64))
