"""Latent pictures of any model with codes: reconstructions, manifold, codes, traversals, aggregate posterior."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfgen.figures.latent import Panel, draw_codes, draw_panels, draw_two_clouds
from tfgen.figures.latent_scene import Notes, Scene, plane_notes, titled
from tfgen.model.capabilities import HasPosterior
from tfgen.sample.interpolation import interpolate
from tfgen.sample.latent import Floats, Labels, cloud_plane, grid_codes, normal_quantiles, plane_of, project, traverse

#: Steps of a traversal, in the units of the frame.
POSITIONS = np.linspace(-3, 3, 13)
_CELLS, _PIXELS = 20, 1280  # of a manifold, along each side at most
_STEPS = 10  # of an interpolation
_PAIRS = 8
_RECONSTRUCTED = (4, 16)  # pairs of rows, columns


def reconstructions(scene: Scene, path: Path) -> Notes:
    """Draw test images, each over what its code decodes to."""
    pairs, columns = _RECONSTRUCTED
    columns = min(columns, len(scene.x))
    pairs = min(pairs, len(scene.x) // columns)
    count = pairs * columns
    labels = None if scene.labels is None else scene.labels[:count]
    back = scene.space.decode(scene.codes[:count], labels)
    shape = (pairs, columns, *scene.x.shape[1:])
    table = np.stack([scene.x[:count].reshape(shape), back.reshape(shape)], axis=1).reshape(-1, *shape[1:])
    panel = Panel(table, rows=["test", "decoded"] * pairs, group=2)
    draw_panels([panel], scene.levels, "Test images over their reconstructions", path)
    return []


def manifold(scene: Scene, path: Path) -> Notes:
    """Draw what a grid in the plane of codes decodes to; a panel for each class of a conditional model."""
    plane = plane_of(scene.frame, scene.codes, scene.labels)
    notes = [*plane_notes(plane), *scene.class_notes]
    if not plane.components:
        notes = [*scene.frame_notes, *notes]
    cells = max(4, min(_CELLS, _PIXELS // max(scene.x.shape[1:3])))
    positions, panels = normal_quantiles(cells), []
    for label in scene.classes if len(scene.classes) else [None]:
        row = int(scene.frame.rows(0 if label is None else int(label)))
        codes = grid_codes(plane, positions, row)
        labels = None if label is None else np.full(codes.shape[:-1], label, np.int32)
        start = np.zeros(len(plane.vectors)) if plane.components else plane.vectors @ plane.origin[row]
        heads = [_sparse(start[k] + positions * plane.units[row, k]) for k in range(len(plane.vectors))]
        panels.append(
            Panel(
                scene.decoded(codes, labels),
                title="" if label is None else f"class {label}",
                columns=heads[0],
                rows=heads[1][::-1] if len(heads) > 1 else [],
                across=plane.names[0],
                down=plane.names[1] if len(heads) > 1 else "",
                seamless=True,
            )
        )
    title = titled("Decoded grid, spaced by the inverse normal distribution function", notes)
    several = len(panels) > 1
    draw_panels(panels, scene.levels, title, path, across=5 if len(panels) > 4 else 2, side=3.0 if several else 6.6)
    return notes


def codes(scene: Scene, path: Path) -> Notes:
    """Draw the codes of test examples, coloured by class."""
    plane = cloud_plane(scene.codes)
    notes = plane_notes(plane)
    what = "Means of q(z|x)" if isinstance(scene.model, HasPosterior) else "Codes"
    title = titled(f"{what} of {len(scene.codes):,} test examples", notes)
    draw_codes(project(plane, scene.codes), scene.labels, plane.names, title, path)
    return notes


def traversals(scene: Scene, path: Path) -> Notes:
    """Draw a row for each direction: what lies along it, around a test image and around the middle of all codes."""
    found, row, steps = scene.directions, scene.row(0), len(POSITIONS)
    labels = scene.label(0, len(found.vectors) * steps)
    heads = [f"{name}  {variance:.2f}" for name, variance in zip(found.names, found.variances, strict=True)]
    panels: list[Panel] = []
    centre = "0" if scene.frame.standard and not found.components else "the mean of the codes"
    for around, z in (("a test image", scene.codes[0]), (centre, found.origin[row])):
        moved = np.stack([traverse(z, found, k, POSITIONS, row) for k in range(len(found.vectors))])
        middle = scene.decoded(z[None], scene.label(0, 1)) if panels else scene.x[:1]
        beside = np.broadcast_to(middle, (len(moved), *middle.shape))
        table = np.concatenate([beside, scene.decoded(moved, labels)], axis=1)
        columns = ["middle" if panels else "source", *(f"{position:g}" for position in POSITIONS)]
        panels.append(Panel(table, f"around {around}", rows=heads, columns=columns, apart=1))
    kind = "principal components" if found.components else "most active dimensions"
    title = f"Traversals of the {len(heads)} {kind}; beside each its variance over the test codes"
    draw_panels(panels, scene.levels, titled(title, scene.frame_notes), path, across=1 if len(heads) < 5 else 2)
    return scene.frame_notes


def interpolations(scene: Scene, path: Path) -> Notes:
    """Draw straight lines between the codes of test images of different classes."""
    rows, heads = [], []
    for pair in _pairs(scene.labels, len(scene.x)):
        own = scene.labels[pair] if scene.labels is not None and scene.model.conditional else None
        found = interpolate(scene.model, scene.x[pair], own, paths=["linear"], steps=_STEPS, seed=scene.seed)
        rows.append(np.concatenate([scene.x[pair[:1]], found.x[0], scene.x[pair[1:]]]))
        heads.append("" if scene.labels is None else " → ".join(str(label) for label in scene.labels[pair]))
    columns = ["from", *(f"{weight:.2f}" for weight in found.weights), "to"]
    panel = Panel(np.stack(rows), rows=heads, columns=columns, across="weight $l$", apart=1, apart_right=True)
    title = "Straight lines between the codes of two test images, which stand at the ends"
    notes = ["decoded under the label of the nearer end"] if scene.model.conditional else []
    draw_panels([panel], scene.levels, titled(title, notes), path)
    return notes


def aggregate_posterior(scene: Scene, path: Path) -> Notes:
    """Draw a code of q(z|x) for each test example, over as many draws of the prior."""
    posterior = scene.space.posterior_samples(scene.x, scene.labels)
    prior = scene.space.prior_samples(len(posterior), scene.labels)
    plane = cloud_plane(posterior)
    notes = plane_notes(plane, "the posterior samples")
    title = titled(f"{len(posterior):,} samples of the aggregate posterior over as many of the prior", notes)
    prior_name = "prior $p(z|y)$, of the same labels" if scene.space.prior_depends_on_label else "prior $p(z)$"
    draw_two_clouds(
        project(plane, posterior), project(plane, prior), "aggregate posterior $q(z)$", prior_name,
        plane.names, title, path,
    )  # fmt: skip
    return notes


def _sparse(values: Floats) -> list[str]:
    """Return every fourth value or so as a head, and none between them."""
    shown = np.linspace(0, len(values) - 1, 6).round().astype(int)
    return [f"{value:.2f}" if place in shown else "" for place, value in enumerate(values)]


def _pairs(labels: Labels | None, n: int) -> Iterator[list[int]]:
    """Yield pairs of examples of different classes, or of any where there is no other; none comes twice."""
    left = list(range(min(n, 50 * _PAIRS)))
    for _ in range(min(_PAIRS, n // 2)):
        first = left.pop(0)
        others = [k for k in left if labels is None or labels[k] != labels[first]]
        second = (others or left)[0]
        left.remove(second)
        yield [first, second]
