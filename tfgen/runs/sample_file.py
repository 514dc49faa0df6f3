"""Files of samples: a picture, an archive of arrays or a table, drawn from a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.own.tables import ENDINGS as TABLE_ENDINGS
from tfgen.errors import OptionError, OutputError, require_option
from tfgen.figures.examples import draw_examples
from tfgen.figures.labelled import draw_labelled
from tfgen.files import written_whole
from tfgen.model.base import GenerativeModel
from tfgen.parallel import blocks_at_work
from tfgen.plugin.data_options import DataOptions
from tfgen.progress import Bar
from tfgen.sample.archive import write_npz
from tfgen.sample.sampling import SAMPLE_BLOCK, labels_for, sample_batches
from tfgen.sample.table import write_table

#: The most samples that go into one picture.
PICTURE_SAMPLES = 10_000
#: Samples drawn at a time by default.
SAMPLE_BATCH = 2 * SAMPLE_BLOCK


def write_samples(
    model: GenerativeModel,
    path: Path,
    count: int,
    labels: Sequence[int | str] | None = None,
    seed: int = 0,
    batch_size: int = SAMPLE_BATCH,
    quiet: bool = True,
    options: Mapping[str, Any] | None = None,
    contexts: Any = None,
    form: DataOptions | None = None,
) -> None:
    """Sample a model into a file: a picture (``.png``), arrays (``.npz``), or a table (``.csv``, ``.parquet``).

    Arrays are ``x`` and, if the model is conditional, ``labels`` and ``context``. A table has the columns of vectors by their
    names and types, categories as texts.

    Samples are drawn in whole blocks, so that a file has the same bytes whatever the batch size, and the same as the beginning
    of a longer one.

    A picture has the labels above the images where `labels` are given.

    Args:
        model: that samples.
        path: output file; an existing one is replaced once the new one is complete.
        count: number of samples.
        labels: of a conditional model, numbers or names of classes; gone round until `count` is reached.
        seed: same seed, same bytes.
        batch_size: the most samples at a time, in blocks of `SAMPLE_BLOCK`, one at least; it changes no sample.
        quiet: show no progress.
        options: of the model's sampler, by name, such as ``{"temperature": 0.8}``.
        contexts: of a model that takes them, [m, k] gone round, or [k]; by default the means of the training data,
            and of categories the first.
        form: of a CSV file: delimiter and decimal sign, as the options of a run's data have them.

    Raises:
        CapabilityError: when the model does not sample, or has no sampling options and some are given.
        OptionError: when count or batch size are below 1, a sampling option does not fit, or a picture would hold too many.
        OutputError: when the file cannot be written, or its ending is neither.
        DataError: for labels that do not fit.
    """
    require_option(count >= 1, "count", count, "at least 1")
    require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
    if path.suffix not in (".png", ".npz", *TABLE_ENDINGS):
        raise OutputError(
            f"cannot write {path}: the name must end in .png (a picture), .npz (arrays), or .csv or .parquet (a table)."
        )
    if path.suffix in TABLE_ENDINGS and model.data.spatial:
        raise OutputError(f"cannot write {path}: a table is for vectors, and samples are images; write .npz or .png.")
    if path.suffix == ".png" and count > PICTURE_SAMPLES:
        raise OptionError(f"--count must be at most {PICTURE_SAMPLES} for a picture, got {count}; write an .npz.")
    all_labels = labels_for(model, count, labels, contexts)
    with written_whole(path) as temporary, Bar("sampling", count, "samples", quiet=quiet) as bar:
        progress = None if quiet else bar.update
        at_work = blocks_at_work(batch_size, SAMPLE_BLOCK)
        batches = sample_batches(model, count, all_labels, seed, SAMPLE_BLOCK, options, progress, at_work)
        if path.suffix == ".png":
            x = np.concatenate(list(batches))
            if (
                labels and all_labels is not None and all_labels.ndim == 1
            ):  # asked for one by one, so that a reader wants to see which is which
                draw_labelled(x, all_labels, model.data, temporary)
            else:
                draw_examples(x, model.data, temporary)
        elif path.suffix in TABLE_ENDINGS:
            write_table(temporary, path.suffix, batches, model.data, all_labels, form)
        else:
            write_npz(temporary, batches, model.data, count, all_labels)
