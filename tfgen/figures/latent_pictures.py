"""Latent pictures of any model with codes: reconstructions, manifold, codes, traversals, aggregate posterior."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfgen.figures.latent import Panel, draw_codes, draw_panels, draw_two_clouds
from tfgen.figures.latent_sample import LatentSample, Notes, plane_notes, titled
from tfgen.metrics.rounding import fixed
from tfgen.model.capabilities import HasPosterior
from tfgen.sample.interpolation import interpolate
from tfgen.sample.latent import Floats, Labels, cloud_plane, grid_codes, normal_quantiles, plane_of, project, traverse
from tfgen.sample.projection import PROJECTIONS

#: Steps of a traversal, in the units of the whitening.
POSITIONS = np.linspace(-3, 3, 13)
_CELLS, _PIXELS = 20, 1280  # of a manifold, along each side at most
#: Codes along each side of the grid in equal steps, so that whole numbers are among them.
_GRID_CELLS = (25, 13, 7)
_STEPS = 10  # of an interpolation
_PAIRS = 8
_RECONSTRUCTED = (4, 16)  # pairs of rows, columns


def reconstructions(sample: LatentSample, path: Path) -> Notes:
    """Draw test images over their reconstructions."""
    pairs, columns = _RECONSTRUCTED
    columns = min(columns, len(sample.x))
    pairs = min(pairs, len(sample.x) // columns)
    count = pairs * columns
    labels = None if sample.labels is None else sample.labels[:count]
    back = sample.space.decode(sample.codes[:count], labels)
    shape = (pairs, columns, *sample.x.shape[1:])
    table = np.stack([sample.x[:count].reshape(shape), back.reshape(shape)], axis=1).reshape(-1, *shape[1:])
    panel = Panel(table, rows=["test", "decoded"] * pairs, group=2)
    draw_panels([panel], sample.levels, "Test images over their reconstructions", path)
    return []


def manifold(sample: LatentSample, path: Path) -> Notes:
    """Draw the decoded grid of a plane of codes (the manifold); a panel for each class of a conditional model."""
    cells = max(4, min(_CELLS, _most_cells(sample)))
    return _decoded_plane(
        sample, normal_quantiles(cells), "Decoded grid, spaced by the inverse normal distribution function", path
    )


def grid(sample: LatentSample, path: Path) -> Notes:
    """Draw the decoded grid of z1 x z2 from -3 to 3 in equal steps; a panel for each class of a conditional model."""
    cells = next((count for count in _GRID_CELLS if count <= _most_cells(sample)), _GRID_CELLS[-1])
    return _decoded_plane(sample, np.linspace(-3, 3, cells), "Decoded grid in equal steps", path)


def _most_cells(sample: LatentSample) -> int:
    """Return how many examples fit along a side of a picture."""
    return _PIXELS // max(sample.x.shape[1:3])


def _decoded_plane(sample: LatentSample, positions: Floats, title: str, path: Path) -> Notes:
    """Draw the examples of a grid of codes in the plane of the first two dimensions, or of two principal components.

    Args:
        sample: the codes.
        positions: along either direction, in units of the prior.
        title: of the picture.
        path: of the picture.
    """
    plane, panels = plane_of(sample.whitening, sample.codes, sample.labels), []
    notes = [*plane_notes(plane), *sample.class_notes]
    if not plane.components:
        notes = [*sample.whitening_notes, *notes]
    if len(plane.vectors) == 1:
        notes = [*notes, "the codes have one dimension: drawn is a line of them"]
    for label in sample.classes if len(sample.classes) else [None]:
        row = int(sample.whitening.rows(0 if label is None else int(label)))
        codes = grid_codes(plane, positions, row)
        labels = None if label is None else np.full(codes.shape[:-1], label, np.int32)
        start = np.zeros(len(plane.vectors)) if plane.components else plane.vectors @ plane.origin[row]
        heads = [_sparse(start[k] + positions * plane.units[row, k]) for k in range(len(plane.vectors))]
        panels.append(
            Panel(
                sample.decoded(codes, labels),
                title="" if label is None else f"class {label}",
                columns=heads[0],
                rows=heads[1][::-1] if len(heads) > 1 else [],
                across=plane.names[0],
                down=plane.names[1] if len(heads) > 1 else "",
                seamless=True,
            )
        )
    several = len(panels) > 1
    draw_panels(
        panels,
        sample.levels,
        titled(title, notes),
        path,
        across=5 if len(panels) > 4 else 2,
        side=3.0 if several else 6.6,
    )
    return notes


def codes(sample: LatentSample, path: Path) -> Notes:
    """Draw the codes of test examples in the plane, coloured by class."""
    if sample.projection in PROJECTIONS:
        kind, projected = PROJECTIONS[sample.projection]
        points, names = projected(sample.codes, sample.seed), [f"{kind} 1", f"{kind} 2"]
        notes = [f"the plane is {kind}'s: near codes stay together, the distance and the size of groups mean little"]
    else:
        plane = cloud_plane(sample.codes)
        points, names, notes = project(plane, sample.codes), list(plane.names), plane_notes(plane)
    what = "Means of q(z|x)" if isinstance(sample.model, HasPosterior) else "Codes"
    draw_codes(points, sample.labels, names, titled(f"{what} of {len(sample.codes):,} test examples", notes), path)
    return notes


def traversals(sample: LatentSample, path: Path) -> Notes:
    """Draw latent traversals, a row for each direction, around a test image and around the mean code."""
    result, row, steps = sample.directions, sample.row(0), len(POSITIONS)
    labels = sample.label(0, len(result.vectors) * steps)
    heads = [f"{name}  {fixed(variance, 2)}" for name, variance in zip(result.names, result.variances, strict=True)]
    panels: list[Panel] = []
    centre = "0" if sample.whitening.standard and not result.components else "the mean of the codes"
    for around, z in (("a test image", sample.codes[0]), (centre, result.origin[row])):
        moved = np.stack([traverse(z, result, k, POSITIONS, row) for k in range(len(result.vectors))])
        middle = sample.decoded(z[None], sample.label(0, 1)) if panels else sample.x[:1]
        beside = np.broadcast_to(middle, (len(moved), *middle.shape))
        table = np.concatenate([beside, sample.decoded(moved, labels)], axis=1)
        columns = ["middle" if panels else "source", *(f"{position:g}" for position in POSITIONS)]
        panels.append(Panel(table, f"around {around}", rows=heads, columns=columns, apart=1))
    kind = "principal components" if result.components else "most active dimensions"
    title = f"Traversals of the {len(heads)} {kind}; beside each its variance over the test codes"
    draw_panels(panels, sample.levels, titled(title, sample.whitening_notes), path, across=1 if len(heads) < 5 else 2)
    return sample.whitening_notes


def interpolations(sample: LatentSample, path: Path) -> Notes:
    """Draw linear interpolations between the codes of test images of different classes."""
    rows, heads = [], []
    for pair in _pairs(sample.labels, len(sample.x)):
        own = sample.labels[pair] if sample.labels is not None and sample.model.conditional else None
        result = interpolate(sample.model, sample.x[pair], own, paths=["linear"], steps=_STEPS, seed=sample.seed)
        rows.append(np.concatenate([sample.x[pair[:1]], result.x[0], sample.x[pair[1:]]]))
        heads.append("" if sample.labels is None else " → ".join(str(label) for label in sample.labels[pair]))
    columns = ["from", *(fixed(weight, 2) for weight in result.weights), "to"]
    panel = Panel(np.stack(rows), rows=heads, columns=columns, across="weight $l$", apart=1, apart_right=True)
    title = "Straight lines between the codes of two test images, which stand at the ends"
    notes = ["decoded under the label of the nearer end"] if sample.model.conditional else []
    draw_panels([panel], sample.levels, titled(title, notes), path)
    return notes


def aggregate_posterior(sample: LatentSample, path: Path) -> Notes:
    """Draw the aggregate posterior, a sample of q(z|x) for each test example, over as many samples of the prior."""
    posterior = sample.space.posterior_samples(sample.x, sample.labels)
    prior = sample.space.prior_samples(len(posterior), sample.labels)
    plane = cloud_plane(posterior)
    notes = plane_notes(plane, "the posterior samples")
    title = titled(f"{len(posterior):,} samples of the aggregate posterior over as many of the prior", notes)
    prior_name = "prior $p(z|y)$, of the same labels" if sample.space.prior_depends_on_label else "prior $p(z)$"
    draw_two_clouds(
        project(plane, posterior), project(plane, prior), "aggregate posterior $q(z)$", prior_name,
        plane.names, title, path,
    )  # fmt: skip
    return notes


def _sparse(values: Floats) -> list[str]:
    """Return about six of the values in equal distances as tick labels, and empty strings between them."""
    last = len(values) - 1
    ticks = next((count for count in (7, 5, 4) if last % (count - 1) == 0), 6)
    displayed = np.linspace(0, last, ticks).round().astype(int)
    return [fixed(value, 2) if place in displayed else "" for place, value in enumerate(values)]


def _pairs(labels: Labels | None, n: int) -> Iterator[list[int]]:
    """Yield pairs of examples of different classes, or of any where there is no other; none comes twice."""
    left = list(range(min(n, 50 * _PAIRS)))
    for _ in range(min(_PAIRS, n // 2)):
        first = left.pop(0)
        others = [k for k in left if labels is None or labels[k] != labels[first]]
        second = (others or left)[0]
        left.remove(second)
        yield [first, second]
