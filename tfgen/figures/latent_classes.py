"""Latent pictures of conditional models: samples, codes, styles and traversals under each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfgen.figures.latent import Panel, draw_panels
from tfgen.figures.latent_pictures import POSITIONS
from tfgen.figures.latent_sample import LatentSample, Notes, titled
from tfgen.sample.latent import traverse
from tfgen.sample.sampling import sample_batches

_DIRECTIONS = 2


def classes(sample: LatentSample, path: Path) -> Notes:
    """Draw ten samples of each class."""
    labels = np.repeat(sample.classes, 10)
    batches = sample_batches(sample.model, len(labels), labels, sample.seed, min(len(labels), 500))
    images = np.concatenate(list(batches))
    table = images.reshape(len(sample.classes), 10, *images.shape[1:])
    panel = Panel(table, rows=sample.named(sample.classes), down="class")
    draw_panels([panel], sample.levels, titled("Ten samples of each class", sample.class_notes), path)
    return sample.class_notes


def one_code_all_classes(sample: LatentSample, path: Path) -> Notes:
    """Draw one code of the prior in each row, decoded under every label."""
    count = 10
    drawn = [sample.space.prior_samples(count, np.full(count, label, np.int32)) for label in sample.classes]
    notes = list(sample.class_notes)
    if sample.space.prior_depends_on_label:
        notes.append("each class has a prior of its own: a row is one draw of its noise")
    table = sample.decoded(np.stack(drawn, axis=1), np.tile(sample.classes, (count, 1)))
    panel = Panel(table, columns=sample.named(sample.classes), across="class")
    draw_panels([panel], sample.levels, titled("In each row one code of the prior, decoded as each class", notes), path)
    return notes


def style_transfer(sample: LatentSample, path: Path) -> Notes:
    """Draw style transfer: the code of a test image (its style), decoded under every label."""
    assert sample.labels is not None  # a conditional model's data have labels
    firsts = [np.flatnonzero(sample.labels == label)[:1] for label in sample.classes]
    sources = np.concatenate(firsts) if any(map(len, firsts)) else np.arange(min(10, len(sample.x)))
    own, count = sample.labels[sources], len(sample.classes)
    every = np.tile(sample.classes, (len(sources), 1))
    styles = [
        sample.whitening.to_label(sample.codes[sources], own, np.full_like(own, label)) for label in sample.classes
    ]
    decoded = sample.decoded(np.stack(styles, axis=1), every)
    notes = list(sample.class_notes)
    if len(sample.whitening.origin) > 1:
        notes.append("each class has a prior of its own: codes keep their position among those of the class")
    panel = Panel(
        np.concatenate([sample.x[sources][:, None], decoded], axis=1),
        rows=sample.named(own),
        columns=["source", *sample.named(sample.classes)],
        across="decoded as class",
        down="class of the source",
        apart=1,
        marked=[(row, 1 + int(label)) for row, label in enumerate(own) if label < count],
    )
    title = "The style of a test image given to every class; framed is its own"
    draw_panels([panel], sample.levels, titled(title, notes), path)
    return notes


def class_traversals(sample: LatentSample, path: Path) -> Notes:
    """Draw traversals along the most active directions, class by class."""
    result, panels = sample.directions, []
    for which, name in enumerate(result.names[:_DIRECTIONS]):
        rows = [int(sample.whitening.rows(int(label))) for label in sample.classes]
        moved = np.stack([traverse(result.origin[row], result, which, POSITIONS, row) for row in rows])
        table = sample.decoded(moved, np.repeat(sample.classes[:, None], len(POSITIONS), axis=1))
        heads = [f"{position:g}" for position in POSITIONS]
        panels.append(Panel(table, rows=sample.named(sample.classes), columns=heads, across=name, down="class"))
    notes = [*sample.whitening_notes, *sample.class_notes]
    rest = "0" if sample.whitening.standard and not result.components else "its mean"
    title = f"The most active directions under each label, all else of the code at {rest}"
    draw_panels(panels, sample.levels, titled(title, notes), path, across=2)
    return notes
