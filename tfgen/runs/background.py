"""Background model of a likelihood ratio: whether it takes the examples of another run's model, and what it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfgen.data.columns import Column, check_values, column_names
from tfgen.data.labels import class_texts
from tfgen.data.own.ordered import Ordered
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.runs.run import Run

#: What models score of images, in messages.
_SCORED = {"grey_levels": "grey levels", "bits": "black and white images", "cross_entropy": "cross-entropies"}


def require_background(background: Run, run: Run, sets: Sequence[Ordered]) -> None:
    """Check that numbers mean the same to the models of two runs, so that their densities can be compared.

    Args:
        background: whose model is the background.
        run: whose model is compared with it.
        sets: examples that both are to score.

    Raises:
        DataError: when shape, grey levels, what is scored of images, columns or context differ, or a value lies outside the
            bounds of the background's columns; says where.
    """
    found, spec = background.data_spec, run.data_spec
    if (found.kind, found.shape, found.levels) != (spec.kind, spec.shape, spec.levels):
        raise DataError(f"--background: its model takes {found.described()}, and the run's {spec.described()}.")
    if spec.quantised and background.model.scored_as != run.model.scored_as:
        one, other = (_SCORED[model.scored_as] for model in (background.model, run.model))
        raise DataError(
            f"--background: its model scores {one}, and the run's {other}: the ratio of these means nothing; give one that "
            "scores the same."
        )
    _require_same_columns(_columns(found), _columns(spec), "column")
    if background.model.uses_context:
        _require_same_columns(found.context or (), spec.context or (), "context")
        if class_texts(found) != class_texts(spec):
            raise DataError(
                "--background: its model is given a class beside a context, and its classes are not those of the run's model; "
                "train it on the same classes, or without any."
            )
    for examples in sets:
        if found.columns is not None:
            check_values(examples.x, found.columns, "--background")
        if background.model.uses_context and examples.context is not None:
            check_values(examples.context, found.context or (), "--background, context")


def as_background_sees(examples: Ordered, background: Run) -> Ordered:
    """Return examples without labels, unless the background model is given them beside a context.

    Without them it sums over its own classes, whatever those of the other model are.
    """
    return examples if background.model.uses_context else dataclasses.replace(examples, labels=None)


def _columns(spec: DataSpec) -> tuple[Column, ...]:
    """Return the columns of vectors; none of images, and real ones where the spec has none."""
    if spec.columns is not None or spec.spatial:
        return spec.columns or ()
    return tuple(Column(name) for name in column_names(None, spec.dimensions))


def _require_same_columns(found: Sequence[Column], columns: Sequence[Column], what: str) -> None:
    if len(found) != len(columns):
        raise DataError(
            f"--background: its model has {len(found)} numbers of {what}, and the run's {len(columns)}; train it on the same."
        )
    for one, other in zip(found, columns, strict=True):
        texts = [_meaning(column, what) for column in (one, other)]
        if texts[0] != texts[1]:
            raise DataError(
                f"--background: its model has the {what} {texts[0]} where the run's has {texts[1]}; train it on the same "
                "columns in the same order."
            )


def _meaning(column: Column, what: str) -> str:
    """Return name and kind of a column in words, categories in their order; in a context whole numbers are numbers."""
    kind = ", ".join(column.categories) if column.categories else column.kind if what == "column" else "number"
    return f"{column.name!r} ({kind})"
