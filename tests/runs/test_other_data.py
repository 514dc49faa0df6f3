"""Other data for the model of a run, and a background model: what does not fit is refused, what is not needed is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tfgen
from tests.toy_models import ConditionalGaussian, ContextGaussian, Gaussian, GaussianConfig
from tfgen import DataError, Dataset, DataSpec, OptionError, Split
from tfgen.data.columns import Column
from tfgen.data.fitting import with_fitted_columns
from tfgen.data.own.ordered import Ordered
from tfgen.evaluate.examples import score_examples
from tfgen.plugin.data_options import DataOptions
from tfgen.runs.background import as_background_sees, require_background
from tfgen.runs.other_data import given_in, other_data, other_examples
from tfgen.runs.run import Run

COLUMNS = (Column("count", "integer"), Column("share", bounds=(0.0, 1.0)))
N = 40


def vectors(columns=COLUMNS, classes=None, context=None, seed=0, names=None):
    random = np.random.default_rng(seed)

    def split():
        x = np.stack([random.integers(0, 9, N), random.uniform(size=N)], 1).astype(np.float32)
        labels = None if classes is None else np.arange(N, dtype=np.int32) % classes
        given = None if context is None else random.normal(size=(N, len(context))).astype(np.float32)
        return Split(x, labels, given)

    spec = DataSpec("vector", (2,), classes=classes, columns=columns, context=context, class_names=names)
    return with_fitted_columns(Dataset("other", spec, {name: split() for name in ("train", "valid", "test")}))


def run_of(model: Any, data: Dataset, *others: Dataset) -> Run:
    """Return a run of a toy model that is not trained."""
    registry = tfgen.load_registry()
    for other in others:
        registry.add_dataset(tfgen.DatasetSpec(other.name, lambda _, other=other: other, "toy"))
    run = Run(SimpleNamespace(path="run"), registry)
    run.data, run.data_spec = data, data.spec
    run.config = SimpleNamespace(device="auto", data_options=DataOptions(), sources=tfgen.DataSources())
    run.sources = tfgen.DataSources()
    run.model = model(GaussianConfig(), data.spec, 0)
    return run


@pytest.fixture
def written(tmp_path):
    def write(name="x.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("change", "why"), [((1, 0, 2.5), "column 'count' is 2.5"), ((3, 1, 1.5), "column 'share' is 1.5, outside 0 .. 1")]
)
def test_arrays_are_held_to_the_columns_of_the_model(change, why, written):
    row, column, value = change
    x = vectors(seed=1).test.x.copy()
    run = run_of(Gaussian, vectors())
    assert len(other_examples(run, written(x=x)).x) == N
    x[row, column] = value
    for check in (other_data, other_examples):
        with pytest.raises(DataError, match=rf"row {row} .*{why}"):
            check(run, written(x=x))
    with pytest.raises(DataError, match=why):
        tfgen.score(run, written(x=x))


def test_sets_by_name_are_held_to_the_columns_of_the_model_in_every_split():
    good, columns = vectors(seed=1), (Column("count"), Column("share"))
    x = good.valid.x.copy()
    x[5, 0] = 0.5
    bad = Dataset("bad", DataSpec("vector", (2,), columns=columns), {**good.splits, "valid": Split(x)})
    run = run_of(Gaussian, vectors(), bad)
    assert len(tfgen.score(run, "bad").log_likelihood) == N
    for use in (
        lambda: tfgen.score(run, "bad", "valid"),
        lambda: tfgen.score(run, bad, "valid"),
        lambda: other_data(run, "bad"),
        lambda: run.evaluate("valid", data=bad),
    ):
        with pytest.raises(DataError, match=r"row 5 .*column 'count' is 0.5"):
            use()


def test_contexts_are_held_to_their_columns(written):
    columns = (Column("dose", bounds=(-9.0, 9.0)),)
    run = run_of(ContextGaussian, vectors(context=columns))
    x, context = vectors(seed=1).test.x, np.zeros((N, 1), np.float32)
    assert other_examples(run, written(x=x, context=context)).context.shape == (N, 1)
    context[2] = 10
    with pytest.raises(DataError, match=r"row 2 .*column 'dose' is 10, outside -9 .. 9"):
        other_examples(run, written(x=x, context=context))
    with pytest.raises(DataError, match="has a context of 2 numbers, and the model takes dose"):
        other_examples(run, written(x=x, context=np.zeros((N, 2), np.float32)))


def test_the_training_split_of_other_data_is_refused_where_they_are_named(written):
    run = run_of(Gaussian, vectors())
    path = written(x=vectors(seed=1).test.x)
    with pytest.raises(OptionError, match="the split train stays that of the run"):
        tfgen.score(run, path, "train")
    assert len(tfgen.score(run, split="train").log_likelihood) == N


def test_a_model_of_classes_scores_sets_without_labels_and_paths_of_every_kind(written, tmp_path):
    run = run_of(ConditionalGaussian, vectors(classes=3))
    x = vectors(seed=1).test.x
    path = written(x=x)
    found = [tfgen.score(run, data) for data in (path, tmp_path / "x.npz", vectors(seed=1))]
    expected = score_examples(run.model, run.data, x).log_likelihood
    assert found[0].given_label is None
    for one in found[:2]:
        np.testing.assert_array_equal(one.log_likelihood, expected)
    assert tfgen.score(run, vectors(classes=3, names=("0", "1", "2"))).given_label is not None
    with pytest.raises(DataError, match=r"takes a tfgen\.Dataset, the name of one or a path, got ndarray"):
        tfgen.score(run, x)


def test_a_background_model_sums_over_its_own_classes():
    run, background = run_of(ConditionalGaussian, vectors(classes=3)), run_of(ConditionalGaussian, vectors(classes=2))
    examples = Ordered(run.data.test.x, run.data.test.labels)
    require_background(background, run, [examples])
    seen = as_background_sees(examples, background)
    scores = score_examples(background.model, background.data, seen.x, given_in(background, seen))
    assert np.isfinite(scores.log_likelihood).all()


@pytest.mark.parametrize("given", [{"classes": 3}, {"context": (Column("dose"),)}], ids=str)
def test_samples_of_vectors_are_measured_by_default_whatever_the_model_is_given(given):
    run = run_of(ContextGaussian if "context" in given else ConditionalGaussian, vectors(None, **given))
    found = run.measure_samples(samples=100, record=False)
    assert "fid" in found
    assert "label_accuracy" not in found
    with pytest.raises(tfgen.TfgenError, match="label accuracy"):
        run.measure_samples(("accuracy",), samples=100, record=False)


CATEGORY = Column("share", "category", ("a", "b"))
CONTEXT = (Column("dose"),)


@pytest.mark.parametrize(
    ("found", "model", "why"),
    [
        ({"columns": COLUMNS[::-1]}, Gaussian, r"the column 'share' \(real\) where the run's has 'count' \(integer\)"),
        ({"columns": (Column("number", "integer"), COLUMNS[1])}, Gaussian, "the column 'number'"),
        ({"columns": (Column("count"), COLUMNS[1])}, Gaussian, r"the column 'count' \(real\)"),
        ({"columns": (COLUMNS[0], Column("share", bounds=(0.0, 9.0)))}, Gaussian, None),
        ({"columns": (COLUMNS[0], Column("share", bounds=(0.0, 0.5)))}, Gaussian, "row .* outside 0 .. 0.5"),
        ({"context": (Column("age"),)}, ContextGaussian, r"the context 'age' \(number\) where the run's has 'dose'"),
        (
            {"context": (*CONTEXT, Column("age"))},
            ContextGaussian,
            "its model has 2 numbers of context, and the run's 1",
        ),
        ({"context": CONTEXT, "classes": 2}, ContextGaussian, "is given a class beside a context"),
        ({"context": CONTEXT}, ContextGaussian, None),
        ({"context": (Column("age"),)}, Gaussian, None),
    ],
)
def test_a_background_model_of_other_columns_or_another_context_is_refused(found, model, why):
    run = run_of(ContextGaussian, vectors(context=CONTEXT))
    data = vectors()
    spec = DataSpec("vector", (2,), **({"columns": COLUMNS} | found))
    background = run_of(Gaussian, data)
    background.data_spec = spec
    background.model = SimpleNamespace(uses_context=model is ContextGaussian)
    examples = [Ordered(run.data.test.x, None, (), run.data.test.context)]
    if why is None:
        require_background(background, run, examples)
    else:
        with pytest.raises(DataError, match=f"--background.*{why}"):
            require_background(background, run, examples)


def test_categories_of_a_background_model_in_another_order_are_refused():
    run, background = run_of(Gaussian, vectors()), run_of(Gaussian, vectors())
    run.data_spec = DataSpec("vector", (2,), columns=(COLUMNS[0], CATEGORY))
    background.data_spec = DataSpec("vector", (2,), columns=(COLUMNS[0], Column("share", "category", ("b", "a"))))
    with pytest.raises(DataError, match=r"'share' \(b, a\) where the run's has 'share' \(a, b\)"):
        require_background(background, run, [])


@pytest.mark.parametrize("scored_as", ["bits", "cross_entropy", "grey_levels"])
def test_a_background_model_scores_the_same_of_images(scored_as):
    spec = DataSpec("image", (4, 4, 1))
    run, background = (
        SimpleNamespace(data_spec=spec, model=SimpleNamespace(uses_context=False, scored_as=scored))
        for scored in ("grey_levels", scored_as)
    )
    if scored_as == "grey_levels":
        require_background(background, run, [])
    else:
        with pytest.raises(DataError, match=r"--background: its model scores .* and the run's grey levels"):
            require_background(background, run, [])
