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
from tfgen.model.capabilities import HasLatents, HasPosterior, capable
from tfgen.seeds import as_seed, fold_in, generator

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]

#: What a seed is for, so that no two uses share their numbers.
_ENCODE, _DECODE, _POSTERIOR, _PRIOR, _PROBE = range(5)
_PROBES = 32  # points at which a prior is compared with the standard normal
_LEAST_UNIT = 1e-9  # of a dimension in which all codes are the same
_TOLERANCE = 1e-3  # nats, and relative: float32 loses so much in a thousand dimensions


class LatentSpace:
    """The codes of a model, a batch at a time: memory is that of one batch and of the result.

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

    def encode(self, x: NDArray[np.generic], labels: Labels | None = None) -> Floats:
        """Return the codes of examples [n, ...], [n, latent]: of a model with a posterior, the means of it."""
        return _floats(self._in_batches(self._latents.encode, x, labels, _ENCODE))

    def decode(self, z: NDArray[Any], labels: Labels | None = None) -> NDArray[np.generic]:
        """Return the examples of codes [n, latent], [n, ...]: uint8 images, or float32 vectors."""
        codes = np.asarray(z).astype(self.model.density_dtype.as_numpy_dtype)
        return self._in_batches(self._latents.decode, codes, labels, _DECODE)

    def posterior_samples(self, x: NDArray[np.generic], labels: Labels | None = None) -> Floats:
        """Return one draw of q(z|x) for each example [n, ...], [n, latent]; over many examples, of the aggregate posterior.

        Raises:
            CapabilityError: when the model has no posterior.
        """
        model = capable(self.model, HasPosterior, "the aggregate posterior")

        def draw(batch: NDArray[np.generic], own: Labels | None, seed: Any) -> Any:
            return model.posterior(batch, own, seed=fold_in(seed, 0)).sample(seed=fold_in(seed, 1))

        return _floats(self._in_batches(draw, x, labels, _POSTERIOR))

    def prior_samples(self, n: int, labels: Labels | None = None) -> Floats:
        """Return `n` draws of the prior, [n, latent]; of p(z|y) under labels [n] where the prior depends on them.

        The noise behind row i is that of row i in every other call with the same n and seed, whatever the labels.
        """
        prior = self._prior(labels)
        # A prior that depends on the label is a batch already, one distribution for each.
        return _floats(prior.sample([] if prior.batch_shape.rank else [n], seed=self._seed(_PRIOR)))

    @cached_property
    def prior_depends_on_label(self) -> bool:
        """Whether each class has a prior of its own."""
        return bool(self._prior(np.zeros(2, np.int32)).batch_shape.rank)

    @cached_property
    def prior_is_standard(self) -> bool:
        """Whether the prior is N(0, I) for every label: its density is ``-|z|^2 / 2 - d log(2 pi) / 2`` at points around 0."""
        prior = self._prior(np.zeros(2, np.int32))
        d, n = int(prior.event_shape[0]), _PROBES * (self.model.data.classes or 1 if self.model.conditional else 1)
        z = 1.5 * generator(self.seed, _PROBE).standard_normal((n, d))
        found = self._prior(np.arange(n, dtype=np.int32) // _PROBES).log_prob(
            z.astype(self.model.density_dtype.as_numpy_dtype)
        )
        expected = -0.5 * (z**2).sum(axis=-1) - 0.5 * d * np.log(2 * np.pi)
        return bool(np.allclose(_floats(found), expected, rtol=_TOLERANCE, atol=_TOLERANCE))

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
    """From where and in which units positions are counted, ``z = o_y + s_y e``.

    Attributes:
        origin: o, [classes, latent] where the prior depends on the label, else [1, latent].
        unit: s, of the same shape.
        standard: whether o = 0 and s = 1, because the prior is the standard normal.
    """

    origin: Floats
    unit: Floats
    standard: bool

    def rows(self, labels: Labels | int | None) -> Any:
        """Return which row of `origin` and `unit` each label has."""
        return labels if len(self.origin) > 1 else np.zeros_like(0 if labels is None else labels)

    def offsets(self, codes: Floats, labels: Labels | None = None) -> Floats:
        """Return ``z - o_y`` of codes [n, latent] under labels [n]."""
        return codes - self.origin[np.broadcast_to(self.rows(labels), len(codes))]

    def to_label(self, codes: Floats, labels: Labels, to: Labels) -> Floats:
        """Return codes [n, latent] at the same position under other labels, ``o_y' + s_y' (z - o_y) / s_y``.

        The codes themselves, unless the prior depends on the label.
        """
        if len(self.origin) == 1:
            return codes
        return self.origin[to] + self.unit[to] * (codes - self.origin[labels]) / self.unit[labels]


def whitening_of(space: LatentSpace, codes: Floats, labels: Labels | None = None) -> Whitening:
    """Return the whitening that a model's prior asks for.

    Args:
        space: of the model.
        codes: of test examples, [n, latent].
        labels: of these, [n]; a class without any has the whitening of all.
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
    """Directions in which codes differ, those of the greatest variance first.

    Attributes:
        vectors: u, of length 1, [k, latent].
        origin: where 0 lies on each, [rows, latent], with the rows of a `Whitening`.
        units: in which steps along each are counted, [rows, k].
        variances: of the codes along each, [k].
        share: of the whole variance, [k].
        components: whether these are principal components, and not dimensions of z.
    """

    vectors: Floats
    origin: Floats
    units: Floats
    variances: Floats
    share: Floats
    components: bool

    @property
    def names(self) -> list[str]:
        """What each is called, in matplotlib's mathematics: ``$z_3$`` counts from 1, as components do."""
        if self.components:
            return [f"PC {number + 1}" for number in range(len(self.vectors))]
        return [f"$z_{{{int(vector.argmax()) + 1}}}$" for vector in self.vectors]


def active_dimensions(whitening: Whitening, codes: Floats, labels: Labels | None = None, most: int = 10) -> Directions:
    """Return the dimensions of z along which codes vary most, in the units of the whitening.

    The variance over examples of the mean of q(z|x) tells the dimensions that a model uses from those that it ignores
    (Burda et al.: Importance weighted autoencoders, 2016, section 5).

    Args:
        whitening: origin and units.
        codes: [n, latent].
        labels: [n], for a whitening of each class.
        most: so many at most.
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
    found = PCA(min(most, *offsets.shape), svd_solver="full").fit(offsets)
    units = np.sqrt(np.broadcast_to(found.explained_variance_, (len(whitening.origin), len(found.components_))))
    share = np.nan_to_num(found.explained_variance_ratio_)
    return Directions(found.components_, whitening.origin + found.mean_, units, found.explained_variance_, share, True)


def plane_of(whitening: Whitening, codes: Floats, labels: Labels | None = None) -> Directions:
    """Return the plane in which codes are drawn: both dimensions of two, the first two components of more, one of one."""
    if codes.shape[1] > 2:
        return principal_components(whitening, codes, labels, 2)
    found = active_dimensions(whitening, codes, labels)
    order = np.argsort(found.vectors.argmax(axis=1))  # z_1 to the right, z_2 up
    return replace(
        found,
        vectors=found.vectors[order],
        units=found.units[:, order],
        variances=found.variances[order],
        share=found.share[order],
    )


def cloud_plane(codes: Floats) -> Directions:
    """Return the plane in which a cloud of codes [n, latent] is seen as it is, whatever the prior: see `plane_of`."""
    latent = codes.shape[1]
    return plane_of(Whitening(np.zeros((1, latent)), np.ones((1, latent)), True), codes)


def project(plane: Directions, codes: Floats) -> Floats:
    """Return where codes [n, latent] lie in a plane, ``u (z - o)``, [n, k]."""
    return (codes - plane.origin[0]) @ plane.vectors.T


def normal_quantiles(cells: int) -> Floats:
    """Return the inverse of the normal's distribution function at the middles of equal shares, ``(i + 1/2) / cells``.

    >>> normal_quantiles(4).round(3).tolist()
    [-1.15, -0.319, 0.319, 1.15]
    """
    return _floats(tfp.distributions.Normal(np.float64(0), np.float64(1)).quantile((np.arange(cells) + 0.5) / cells))


def grid_codes(plane: Directions, positions: Floats, row: int = 0) -> Floats:
    """Return the codes of a grid in a plane, ``o + e_1 s_1 u_1 + e_2 s_2 u_2``, as they are drawn: e_2 falls from row to row.

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
    """Return a code moved along one direction to each position e, ``z + (e s - u (z - o)) u``; all else of it stays.

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
