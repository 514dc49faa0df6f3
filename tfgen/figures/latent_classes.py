"""Latent pictures of conditional models: samples, codes, styles and traversals under each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfgen.figures.latent import Panel, draw_panels
from tfgen.figures.latent_pictures import POSITIONS
from tfgen.figures.latent_scene import Notes, Scene, titled
from tfgen.sample.latent import traverse
from tfgen.sample.sampling import sample_batches

_DIRECTIONS = 2


def classes(scene: Scene, path: Path) -> Notes:
    """Draw ten samples of each class."""
    labels = np.repeat(scene.classes, 10)
    batches = sample_batches(scene.model, len(labels), labels, scene.seed, min(len(labels), 500))
    images = np.concatenate(list(batches))
    table = images.reshape(len(scene.classes), 10, *images.shape[1:])
    panel = Panel(table, rows=[str(label) for label in scene.classes], down="class")
    draw_panels([panel], scene.levels, titled("Ten samples of each class", scene.class_notes), path)
    return scene.class_notes


def one_code_all_classes(scene: Scene, path: Path) -> Notes:
    """Draw rows of one code each, which comes from the prior and is decoded under every label."""
    count = 10
    drawn = [scene.space.prior_samples(count, np.full(count, label, np.int32)) for label in scene.classes]
    notes = list(scene.class_notes)
    if scene.space.prior_depends_on_label:
        notes.append("each class has a prior of its own: a row is one draw of its noise")
    table = scene.decoded(np.stack(drawn, axis=1), np.tile(scene.classes, (count, 1)))
    panel = Panel(table, columns=[str(label) for label in scene.classes], across="class")
    draw_panels([panel], scene.levels, titled("In each row one code of the prior, decoded as each class", notes), path)
    return notes


def style_transfer(scene: Scene, path: Path) -> Notes:
    """Draw the code of a test image, which is its style, decoded under every label."""
    assert scene.labels is not None  # a conditional model's data have labels
    firsts = [np.flatnonzero(scene.labels == label)[:1] for label in scene.classes]
    sources = np.concatenate(firsts) if any(map(len, firsts)) else np.arange(min(10, len(scene.x)))
    own, count = scene.labels[sources], len(scene.classes)
    every = np.tile(scene.classes, (len(sources), 1))
    styles = [scene.frame.carried(scene.codes[sources], own, np.full_like(own, label)) for label in scene.classes]
    decoded = scene.decoded(np.stack(styles, axis=1), every)
    notes = list(scene.class_notes)
    if len(scene.frame.origin) > 1:
        notes.append("each class has a prior of its own: codes keep their position among those of the class")
    panel = Panel(
        np.concatenate([scene.x[sources][:, None], decoded], axis=1),
        rows=[str(label) for label in own],
        columns=["source", *(str(label) for label in scene.classes)],
        across="decoded as class",
        down="class of the source",
        apart=1,
        marked=[(row, 1 + int(label)) for row, label in enumerate(own) if label < count],
    )
    title = "The style of a test image given to every class; framed is its own"
    draw_panels([panel], scene.levels, titled(title, notes), path)
    return notes


def class_traversals(scene: Scene, path: Path) -> Notes:
    """Draw what lies along the most active directions, class by class."""
    found, panels = scene.directions, []
    for which, name in enumerate(found.names[:_DIRECTIONS]):
        rows = [int(scene.frame.rows(int(label))) for label in scene.classes]
        moved = np.stack([traverse(found.origin[row], found, which, POSITIONS, row) for row in rows])
        table = scene.decoded(moved, np.repeat(scene.classes[:, None], len(POSITIONS), axis=1))
        heads = [f"{position:g}" for position in POSITIONS]
        panels.append(
            Panel(table, rows=[str(label) for label in scene.classes], columns=heads, across=name, down="class")
        )
    notes = [*scene.frame_notes, *scene.class_notes]
    rest = "0" if scene.frame.standard and not found.components else "its mean"
    title = f"The most active directions under each label, all else of the code at {rest}"
    draw_panels(panels, scene.levels, titled(title, notes), path, across=2)
    return notes
