"""Comparing runs: what differs is found, unlike numbers are kept apart, noise is not called better, and nothing is lost."""

import html
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tfgen import DataSpec
from tfgen.cli.main import main
from tfgen.figures.grids import image_grid
from tfgen.files import finite
from tfgen.metrics import CATALOGUE, Basis, Metric
from tfgen.metrics.rounding import in_percent, measured
from tfgen.runs.comparison import compare, curves, metric_rows, options_that_differ, rank
from tfgen.runs.comparison_figure import Densities, draw_curve_panels, draw_density_panels, draw_sample_panels
from tfgen.runs.comparison_table import text_table
from tfgen.runs.facts import RunFacts, distinct_names
from tfgen.runs.scores import record_scores


def metric(value, error=0.01, unit="bits/dim", **basis):
    known = {
        "split": "test",
        "examples": 100,
        "data": "digits",
        "density": "dequantised",
        "alpha": 1e-6,
        "draws": 1,
        "seed": 0,
    }
    return {"value": value, "standard_error": error, "unit": unit, "basis": known | basis}


def run(name, metrics=None, model="realnvp", data="digits", options=None, rows=(), **results):
    config = {"model": model, "data": data, "options": options or {}, "training": {"epochs": 2}, "sources": {}}
    if metrics is not None:
        results |= {"test": metrics, "steps": 20, "train_seconds": 1.5, "parameters": 1234}
    return RunFacts(name, Path(name), config, results, rows)


def verdicts(rows):
    return [{name: standing.verdict for name, standing in row.standings.items()} for row in rows]


def test_options_that_differ():
    configs = {
        "a": {
            "model": "m",
            "data": "d",
            "options": {"layers": 5, "mask": ["half"]},
            "training": {"epochs": 2, "seed": 0},
        },
        "b": {"model": "n", "data": "d", "options": {"layers": 5, "units": 3}, "training": {"epochs": 2, "seed": 1}},
    }
    assert options_that_differ(configs) == {
        "model": {"a": "m", "b": "n"},
        "mask": {"a": ["half"]},
        "units": {"b": 3},
        "seed": {"a": 0, "b": 1},
    }
    assert options_that_differ({"a": configs["a"], "b": configs["a"]}) == {}


def test_what_runs_ran_with_is_told_where_it_differs_and_the_place_of_data_files_is_not():
    def config(folder, mode, version):
        ran = {"compile_mode": mode, "machine": {"device": "CPU"}, "versions": {"keras": version}}
        return {"model": "m", "data": "d", "sources": {"data_dir": folder}, **ran}

    found = options_that_differ({"a": config("/x", "graph", "1"), "b": config("/y", "xla-loop", "2")})
    assert found == {"compile_mode": {"a": "graph", "b": "xla-loop"}, "version of keras": {"a": "1", "b": "2"}}


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("bits_per_dim", {"a": 1.0, "b": 1.5}, {"a": "best", "b": "behind"}),
        ("accuracy", {"a": 1.0, "b": 1.5}, {"a": "behind", "b": "best"}),
        ("nll_nats", {"a": 1.0, "b": 1.2828}, {"a": "level", "b": "level"}),  # 2 sqrt(2) 0.1 = 0.28284
        ("nll_nats", {"a": 1.0, "b": 1.2829}, {"a": "best", "b": "behind"}),
        ("nll_nats", {"a": 1.0, "b": 1.1, "c": 9.0}, {"a": "level", "b": "level", "c": "behind"}),
        ("nll_nats", {"a": 1.0, "b": math.inf}, {}),
        ("nll_nats", {"a": 1.0, "b": 2.0, "c": math.nan}, {"a": "best", "b": "behind"}),
        ("charm", {"a": 1.0, "b": 2.0}, {}),
    ],
)
def test_ranking(name, values, expected):
    better = CATALOGUE[name].better if name in CATALOGUE else None
    found = rank(values, dict.fromkeys(values, 0.1), better)
    assert {run: standing.verdict for run, standing in found.items()} == expected


def test_differences_have_the_error_of_both():
    found = rank({"a": 2.0, "b": 1.0}, {"a": 0.3, "b": 0.4}, "lower")
    assert (found["a"].difference, found["a"].error) == (1.0, pytest.approx(0.5))
    assert rank({"a": 2.0, "b": 1.0}, {"a": math.nan, "b": 0.4}, "lower") == {}


@pytest.mark.parametrize(
    ("basis", "says"),
    [
        ({"alpha": 0.05}, "alpha is 1e-06 (a) and 0.05 (b)"),
        ({"draws": 4}, "draws is 1 (a) and 4 (b)"),
        ({"examples": 99}, "examples is 100 (a) and 99 (b)"),
        ({"density": "bound"}, "density is dequantised (a) and bound (b)"),
    ],
)
def test_what_was_measured_on_different_things_is_not_ranked(basis, says):
    found = compare([run("a", {"bits_per_dim": metric(1.0)}), run("b", {"bits_per_dim": metric(2.0, **basis)})])
    assert verdicts(found.metrics) == [{}, {}]
    assert [list(row.values) for row in found.metrics] == [["a"], ["b"]]
    assert any("not ranked" in note and "test bits_per_dim" in note and says in note for note in found.notes)
    text = text_table(found)
    assert not any("*" in cell or "~" in cell for row in text.rows for cell in row)


def test_a_comparison_prints_and_displays_as_its_table():
    found = compare([run("a", {"nll_nats": metric(1.0)}), run("b<", {"nll_nats": metric(2.0)})])
    lines = str(found).splitlines()
    assert lines[0].split() == ["a", "b<", "improvement"]
    (row,) = [line for line in lines if line.startswith("test nll_nats")]
    columns = {line.index("b<") for line in lines[:1]} | {row.index("2.0")}
    assert len(columns) == 1  # cells stand under their heading
    page = found._repr_html_()
    assert "<th>b&lt;</th>" in page
    assert "b<" not in page.replace("b<br>", "")
    assert page.count("<tr>") == 1 + len(text_table(found).rows)
    assert all(html.escape(note) in page for note in text_table(found).notes)


def test_other_units_and_other_examples_under_one_name_are_not_ranked():
    a, b = run("a", {"nll_nats": metric(1.0)}), run("b", {"nll_nats": metric(2.0, unit="nats")})
    assert verdicts(compare([a, b]).metrics) == [{}, {}]
    assert "the units differ" in compare([a, b]).notes[0]
    other = run("c", {"nll_nats": metric(3.0)})
    a.config["data_source"], other.config["data_source"] = "arrays 1", "arrays 2"
    assert verdicts(compare([a, other]).metrics) == [{}, {}]
    assert "source of the data is arrays 1 (a) and arrays 2 (c)" in compare([a, other]).notes[0]


def test_like_is_ranked_with_like_in_a_row_of_its_own():
    runs = [
        run("a", {"bits_per_dim": metric(1.0)}),
        run("b", {"bits_per_dim": metric(2.0, seed=7)}),  # other noise, the same thing measured
        run("c", {"bits_per_dim": metric(0.5, data="mnist")}, data="mnist"),
    ]
    found = compare(runs)
    assert verdicts(found.metrics) == [{"a": "best", "b": "behind"}, {}]
    table = {tuple(row[0].split("\n")): row[1:] for row in text_table(found).rows}
    assert table["test bits_per_dim, bits/dim", "data digits"] == [
        "1.000 ± 0.010 *",
        "2.000 ± 0.010\n+1.000 ± 0.014",
        "—",
    ]
    assert table["test bits_per_dim, bits/dim", "data mnist"] == ["—", "—", "0.500 ± 0.010"]


def test_the_marginal_of_a_conditional_model_compares_and_its_score_given_the_label_does_not():
    marginal = metric(1.5, classes=10, class_prior="frequencies")
    runs = [
        run("a", {"bits_per_dim": metric(2.0)}),
        run("b", {"bits_per_dim": marginal, "bits_per_dim_given_label": metric(1.0)}),
    ]
    assert verdicts(metric_rows(runs)) == [{"a": "behind", "b": "best"}, {}]


def test_classification_is_compared_and_other_priors_are_not_ranked():
    def classified(name, value, prior):
        results = {"classification": {"test": {"metrics": {"accuracy": metric(value, class_prior=prior)}}}}
        return run(name, {}, model="conditional", **results)

    same = [classified("a", 0.5, "uniform"), classified("b", 0.9, "uniform")]
    assert verdicts(metric_rows(same)) == [{"a": "behind", "b": "best"}]
    assert verdicts(metric_rows([same[0], classified("b", 0.9, "frequencies")])) == [{}, {}]


def test_numbers_that_cannot_be_ranked_are_told():
    runs = [
        run(name, {"kl_nats": metric(value), "charm": metric(1.0)}) for name, value in (("a", 1.0), ("b", math.inf))
    ]
    notes = compare(runs).notes
    assert "not ranked: test kl_nats of b: no finite number with an error" in notes
    assert any(note.startswith("not ranked: test charm: it is not known whether lower or higher") for note in notes)
    content = json.dumps(finite(compare(runs).to_json()), allow_nan=False)
    assert json.loads(content)["metrics"][0]["runs"]["b"]["value"] is None


def test_an_unfinished_run_is_shown_with_what_it_has():
    rows = [
        {"step": step, "seconds": step / 10, "valid/bits_per_dim": value, "valid/loss": 1.0}
        for step, value in ((5, 4.0), (10, 3.25), (15, 3.5))
    ]
    found = compare([run("done", {"bits_per_dim": metric(1.0)}, rows=rows[:2]), run("begun", rows=rows)])
    table = {row[0]: row[1:] for row in text_table(found).rows}
    assert table["state"] == ["finished", "unfinished"]
    assert table["steps"] == ["20", "15"]
    assert table["training, seconds"] == ["1.5", "1.5"]
    assert table["parameters"] == ["1,234", "—"]
    assert table["lowest valid bits_per_dim while training"] == ["3.250", "3.250"]
    assert table["test bits_per_dim, bits/dim"] == ["1.000 ± 0.010", "—"]
    assert any("unfinished" in note and "begun" in note for note in found.notes)
    assert text_table(compare([run("new"), run("newer")])).rows  # not a single row of metrics


def test_long_names_become_letters():
    runs = [run(f"a-run-with-quite-a-long-name-{i}", {"bits_per_dim": metric(1.0)}) for i in range(3)]
    table = text_table(compare(runs))
    assert table.headings == ["", "A", "B", "C"]
    assert table.legend[1] == "B  a-run-with-quite-a-long-name-1"
    assert text_table(compare([run("x"), run("y")])).headings == ["", "x", "y"]


def test_many_runs_get_narrow_cells():
    runs = [run(f"r{i}", {"nll_nats": metric(1.0 + i)}) for i in range(8)]
    runs[0].results["sampling"] = {"value": 125321.0, "unit": "samples/s", "basis": {"batch_size": 10}}
    rows = text_table(compare(runs)).rows
    assert rows[-1][1:3] == ["1.000 *\n± 0.010", "2.000\n± 0.010\n+1.000\n± 0.014"]
    assert rows[-2][:3] == ["samples/s, batches of 10", "125,000", "—"]


def test_names_are_as_long_as_tells_them_apart():
    assert distinct_names([Path("/a/x"), Path("/a/y")]) == ["x", "y"]
    assert distinct_names([Path("/a/r/x"), Path("/b/r/x"), Path("/a/r/y")]) == ["a/r/x", "b/r/x", "a/r/y"]


def test_bounds_and_counts_beside_densities():
    count = metric(17.0, math.nan, "of 20 units")
    bound = metric(2.0, density="bound", particles=5000)
    runs = [
        run("a", {"bits_per_dim": metric(1.0)}),
        run("b", {"bits_per_dim": bound, "active_units": count, "cross_entropy_nats": metric(3.0)}),
        run("c", {"bits_per_dim": metric(2.5, density="bound", particles=1), "active_units": count}),
    ]
    found = compare(runs)
    table = {row[0]: row[1:] for row in text_table(found).rows}
    assert table["test bits_per_dim, bits/dim\ndensity dequantised"] == ["1.000 ± 0.010", "—", "—"]
    assert table["test bits_per_dim, bits/dim\ndensity bound\nparticles 5000"] == ["—", "2.000 ± 0.010", "—"]
    assert table["test active_units, of 20 units"] == ["—", "17", "17"]
    assert not any(row.standings for row in found.metrics)
    assert found.to_json()["metrics"][-1]["runs"]["b"] == {"value": 3.0, "standard_error": 0.01}
    assert "not ranked, since a better model may have more or less of each: test active_units" in found.notes


def test_a_curve_that_rises(drawn, tmp_path):
    def rising(name):
        values = [-900.0, -130.0, -120.0, -110.0, -105.0, -100.0]
        rows = [{"step": s, "epoch": s, "seconds": s, "valid/elbo_nats": value} for s, value in enumerate(values, 1)]
        return run(name, rows=rows)

    runs = [rising(name) for name in "ab"]
    assert ["highest valid elbo_nats while training", "-100", "-100"] in text_table(compare(runs)).rows
    draw_curve_panels(curves(runs), tmp_path / "x.png")
    by_step = drawn[0].axes[0]
    assert by_step.get_ylabel() == "validation ELBO, nats (higher is better)"
    low, high = by_step.get_ylim()
    assert low < -900  # the whole range
    assert -100 < high < 0
    (inset,) = by_step.child_axes
    assert -150 < inset.get_ylim()[0] < -118


def rows_of(**terms):
    return [{"step": 1, "seconds": 2.0, **{f"valid/{name}": value for name, value in terms.items()}}]


def test_curves_are_of_the_same_term_only():
    marginal = [run(name, rows=rows_of(bits_per_dim=1.0, loss=3.0)) for name in "ab"]
    labelled = run("c", rows=rows_of(bits_per_dim_given_label=1.0, loss=3.0))
    losses = [run(name, rows=rows_of(loss=3.0), model=model) for name, model in (("d", "m"), ("e", "m"), ("f", "n"))]
    found = curves([*marginal, labelled, *losses, run("g")])
    assert [(shown.term, [member.name for member in shown.runs]) for shown in found] == [
        ("bits_per_dim", ["a", "b", "c"]),
        ("loss of m", ["d", "e"]),
    ]
    assert [shown.given_label for shown in found] == [["c"], ()]
    assert [shown.term for shown in curves([labelled, run("h", rows=rows_of(bits_per_dim_given_label=2.0))])] == [
        "bits_per_dim_given_label"
    ]


def test_curves_whose_heights_do_not_compare_are_known():
    def named(name, alpha, data="digits", finished=False):
        found = run(name, {} if finished else None, data=data, options={"alpha": alpha}, rows=rows_of(bits_per_dim=1.0))
        if finished:
            found.results["valid"] = {"bits_per_dim": metric(1.0, alpha=alpha)}
        return found

    a = named("a", 0.1, finished=True)
    for other, expected in ((named("b", 0.1), []), (named("b", 0.2), ["alpha"]), (named("b", 0.1, "mnist"), ["data"])):
        assert curves([a, other])[0].differing == expected


def test_the_curve_given_the_label_is_drawn_beside_the_other_and_says_so(drawn, tmp_path):
    rows = [rows_of(elbo_nats=-1.0) * 2, rows_of(elbo_nats_given_label=-2.0) * 2]
    runs = [
        run(name, rows=[row | {"step": s} for s, row in enumerate(own)]) for name, own in zip("ab", rows, strict=True)
    ]
    draw_curve_panels(curves(runs), tmp_path / "x.png")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["a", "b (given the label)"]
    assert [line.get_ydata().tolist() for line in drawn[0].axes[0].lines] == [[-1.0, -1.0], [-2.0, -2.0]]


def with_scores(name, folder, values, **options):
    """A finished run whose folder has the scores of its examples, and the facts that are read of it."""
    path = folder / name
    path.mkdir()
    found = {}
    for key, scores in values.items():
        error = scores.std(ddof=1) / math.sqrt(len(scores))
        basis = Basis.of({"split": "test", "data": "digits", "examples": len(scores), "density": "bound"})
        found[key] = Metric(key, scores.mean(), error, "nats", basis, scores=scores)
    record_scores(path, "test", found)
    results = {"test": {key: value.to_json() for key, value in found.items()}}
    config = {"model": "m", "data": "digits", "options": {}, "data_spec": {"classes": 10}, **options}
    return RunFacts(name, path, config, results)


@given(noise=st.floats(0.01, 0.5), shift=st.floats(-1, 1), seed=st.integers(0, 1000))
def test_errors_of_differences_are_those_of_a_paired_test(noise, shift, seed):
    random = np.random.default_rng(seed)
    hard, own = random.normal(size=(2, 200))  # what makes an example hard is hard for both
    with tempfile.TemporaryDirectory() as folder:
        runs = [with_scores("a", Path(folder), {"nll_nats": 100 + 10 * hard}),
                with_scores("b", Path(folder), {"nll_nats": 100 + 10 * hard + shift + noise * own})]  # fmt: skip
        (row,) = metric_rows(runs)
        differences = noise * own + shift
        t = scipy.stats.ttest_rel(runs[1].scores["test"]["nll_nats"], runs[0].scores["test"]["nll_nats"]).statistic
        found = row.improvement
        assert (found.run, found.over, found.paired) == ("b", "a", True)
        np.testing.assert_allclose(found.value, -differences.mean(), atol=1e-9)
        np.testing.assert_allclose(found.error, differences.std(ddof=1) / math.sqrt(200), rtol=1e-6)
        np.testing.assert_allclose(-found.value / found.error, t, rtol=1e-6)
        significant = abs(differences.mean()) > 2 * found.error
        assert {standing.verdict for standing in row.standings.values()} == (
            {"best", "behind"} if significant else {"level"}
        )
        text = text_table(compare(runs))
        assert text.headings == ["", "a", "b", "improvement"]
        shown = measured(found.value, found.error, signed=True)
        assert text.rows[-1][-1] in (f"{shown} ({in_percent(found.value, row.values['a'])})", shown)
        assert any("paired tests" in note for note in text.notes)


def test_a_bound_stands_beside_its_form_given_the_label_and_says_what_the_difference_means(tmp_path):
    random = np.random.default_rng(0)
    hard = random.normal(size=500)
    plain = with_scores("vae", tmp_path, {"nll_nats": 90 - hard, "elbo_nats": hard - 90, "latent_kl_nats": 20 + hard})
    labelled = with_scores("cvae", tmp_path, {
        "nll_nats": 89 - hard, "elbo_nats_given_label": hard - 88, "latent_kl_nats_given_label": 18 + hard
    })  # fmt: skip
    for runs, sign in (([plain, labelled], 1), ([labelled, plain], -1)):
        found = compare(runs)
        rows = {row.name: row for row in found.metrics}
        assert set(rows) == {"nll_nats", "elbo_nats", "latent_kl_nats"}
        assert rows["elbo_nats"].given_label == rows["latent_kl_nats"].given_label == ("cvae",)
        assert list(rows["elbo_nats"].values) == [run.name for run in runs]
        assert not rows["elbo_nats"].standings
        assert rows["nll_nats"].standings["cvae"].verdict == "best"
        assert rows["elbo_nats"].improvement.value == pytest.approx(2 * sign)
        assert rows["elbo_nats"].improvement.error < 1e-12  # one example is as hard for both
        assert rows["latent_kl_nats"].improvement is None  # neither direction is better
        (note,) = [note for note in found.notes if "given the label" in note]
        assert "test elbo_nats, test latent_kl_nats: of cvae given the label, log p(x|y), of vae without" in note
        assert "at most log 10 = 2.30 nats" in note
        table = {row[0]: row[1:] for row in text_table(found).rows}
        improved = table["test elbo_nats, nats\ngiven the label: cvae"][-1]
        assert improved.startswith("+2 ±" if sign > 0 else "-2 ±")
        assert improved.endswith("(+2.2 %)" if sign > 0 else "(-2.3 %)")  # of -90, of -88
        changed = table["test latent_kl_nats, nats\ngiven the label: cvae"][-1]
        assert changed.startswith("change -2" if sign > 0 else "change +2")
        assert changed.endswith("(-10.0 %)" if sign > 0 else "(+11.1 %)")  # of 20, of 18
        assert json.loads(json.dumps(found.to_json()))["metrics"]


def test_forms_given_the_label_on_another_basis_stay_apart(tmp_path):
    hard = np.random.default_rng(0).normal(size=50)
    plain = with_scores("vae", tmp_path, {"elbo_nats": hard})
    labelled = with_scores("cvae", tmp_path, {"elbo_nats_given_label": hard[:40]})
    assert [list(row.values) for row in compare([plain, labelled]).metrics] == [["vae"], ["cvae"]]


def test_scores_that_are_not_those_of_the_results_are_not_used(tmp_path):
    hard = np.random.default_rng(0).normal(size=50)
    one, other = (with_scores(name, tmp_path, {"nll_nats": hard + shift}) for name, shift in (("a", 0), ("b", 1)))
    record_scores(other.folder, "test", {"nll_nats": replace_scores(hard + 2)})
    (row,) = metric_rows([one, RunFacts("b", other.folder, other.config, other.results)])
    assert set(row.scores) == {"a"}
    assert not row.improvement.paired
    assert any(
        "sqrt(a² + b²)" in note
        for note in text_table(compare([one, RunFacts("b", other.folder, other.config, other.results)])).notes
    )


def replace_scores(scores):
    return Metric("nll_nats", scores.mean(), 0.1, "nats", Basis(examples=len(scores)), scores=scores)


def test_samples_side_by_side(drawn, tmp_path):
    images = np.random.default_rng(0).integers(0, 17, (20, 8, 8, 1)).astype(np.uint8)
    points, plane = np.zeros((30, 2), np.float32), DataSpec("vector", (2,))
    spec = DataSpec("image", (8, 8, 1), levels=17)
    draw_sample_panels(
        [("one", images, spec), ("a name\n(conditional)", images, spec), ("plane", points, plane)], tmp_path / "x.png"
    )
    axes = drawn[0].axes
    assert [axis.get_title() for axis in axes] == ["one", "a name\n(conditional)", "plane"]
    np.testing.assert_array_equal(axes[0].images[0].get_array(), image_grid(images, 17, 10))
    assert len(axes[2].collections[0].get_offsets()) == 30


def test_densities_share_a_scale_within_a_data_set(drawn, tmp_path):
    true, learned = np.full((4, 4), 0.5), np.full((4, 4), 2.0)
    draw_density_panels(
        [
            Densities([("true density", true), ("a", learned), ("b", true)], (-1, 1), 0.5, "x"),
            Densities([("c", learned)], (-2, 2), 2.0, "y"),
        ],
        tmp_path / "x.png",
    )
    pictures = {axis.get_title(): axis.images[0] for axis in drawn[0].axes if axis.images}
    assert {name: picture.get_clim() for name, picture in pictures.items()} == {
        "true density": (0, 0.5), "a": (0, 0.5), "b": (0, 0.5), "c": (0, 2.0),
    }  # fmt: skip


def test_curves_against_steps_and_seconds(drawn, tmp_path):
    runs = [
        run(name, rows=[{"step": s, "seconds": s * pace, "valid/bits_per_dim": 9.0 - s} for s in (1, 2, 3)])
        for name, pace in (("a", 1.0), ("b", 5.0))
    ]
    draw_curve_panels(curves(runs), tmp_path / "x.png")
    by_step, by_second = drawn[0].axes
    assert [line.get_xydata()[:, 0].tolist() for line in by_step.lines] == [[1, 2, 3], [1, 2, 3]]
    assert [line.get_xydata()[:, 0].tolist() for line in by_second.lines] == [[1, 2, 3], [5, 10, 15]]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["a", "b"]
    assert by_step.get_ylabel() == "validation bits/dim (lower is better)"
    assert by_step.get_xlabel() == "step"  # no epochs are known


# The command


@pytest.fixture(scope="module")
def two_runs(tiny_run, tmp_path_factory):
    """A folder with the tiny run and a copy that says it has other options and better numbers."""
    folder = tmp_path_factory.mktemp("pair")
    for name in ("first", "second"):
        shutil.copytree(tiny_run, folder / name)
    config = json.loads((folder / "second" / "config.json").read_text())
    config["training"]["seed"] = 5
    (folder / "second" / "config.json").write_text(json.dumps(config))
    results = json.loads((folder / "second" / "results.json").read_text())
    results["test"]["bits_per_dim"]["value"] -= 1
    (folder / "second" / "results.json").write_text(json.dumps(results))
    return folder


def out_of(capsys, *arguments):
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def fails(capsys, *arguments):
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    return err


def test_the_command(two_runs, tmp_path, capsys):
    folder = tmp_path / "out"
    command = ("compare", two_runs / "first", two_runs / "second", "--count", 20, "--out", folder)
    out = out_of(capsys, *command)
    assert "first" in out
    assert "second" in out
    assert [line.split() for line in out.splitlines() if line.split()[:1] == ["seed"]] == [["seed", "0", "5"]]
    assert "epochs" not in out
    (line,) = [line for line in out.splitlines() if line.split()[:2] == ["test", "bits_per_dim,"]]
    assert re.fullmatch(
        r"test bits_per_dim, bits/dim .*[0-9] \*( +[+-][0-9.]+ ± [0-9.]+( \([+-][0-9.]+ %\))?)?", line.strip()
    )
    for name in ("samples.png", "curves.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert name in out
    recorded = json.loads((folder / "comparison.json").read_text())
    assert recorded["options"] == {"seed": {"first": 0, "second": 5}}
    assert [Path(path).name for path in recorded["pictures"]] == ["curves.png", "samples.png"]
    out_of(capsys, *command, "--no-pictures", "--overwrite")  # what is ours may be written anew


def test_the_table_needs_no_tensorflow_and_no_plugin(two_runs):
    program = (
        "import sys; from tfgen.cli.main import main\n"
        "assert main(['-p', 'no:flows', 'compare', *sys.argv[1:], '--no-pictures', '--json']) == 0\n"
        "assert not {'tensorflow', 'keras', 'tensorflow_probability'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", program, str(two_runs / "first"), str(two_runs / "second")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    metrics = {(row["split"], row["name"]): row for row in json.loads(done.stdout)["metrics"]}
    assert metrics["test", "bits_per_dim"]["ranked"]
    assert metrics["test", "bits_per_dim"]["runs"]["second"]["verdict"] == "best"
    assert metrics["test", "bits_per_dim"]["runs"]["first"]["difference"] == pytest.approx(1)
    assert metrics["valid", "bits_per_dim"]["runs"]["first"]["verdict"] == "level"


def test_mistakes(two_runs, tmp_path, capsys):
    first, second = two_runs / "first", two_runs / "second"
    link = tmp_path / "link"
    link.symlink_to(first)
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    for arguments, says in (
        ([], "no run is named; name two runs or more"),
        ([first], "alone gives nothing to compare"),
        ([first, first], f"{first} is given twice"),
        ([first, link], f"{first} and {link} are the same run"),
        ([first, two_runs / "second" / ".." / "first"], "are the same run"),
        ([first, tmp_path], "is no run folder"),
        ([first, tmp_path / "nothing"], "is no folder"),
        ([first, second, "--out", full], f"--out {full} holds something else"),
        ([first, second, "--out", full / "mine.txt"], "name a folder"),
        ([first, second, "--out", first / ".lock"], "holds something else"),
        ([first, second, "--out", tmp_path / "x.png"], "name a folder"),
        ([first, second, "--count", 0], "--count must be between 1 and 1000, got 0"),
    ):
        assert says in fails(capsys, "compare", *arguments)
    assert sorted(path.name for path in full.iterdir()) == ["mine.txt"]
    assert (full / "mine.txt").read_text() == "mine"


def test_a_folder_of_another_comparison_is_left_alone(two_runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(two_runs, tmp_path / "runs")
    expected = Path("runs/compare-first-second")
    expected.mkdir()
    (expected / "notes.txt").write_text("mine")
    (Path("runs/second/results.json")).unlink()
    shutil.rmtree("runs/second/checkpoints")  # no weights: not in the pictures, and told
    capsys.readouterr()
    assert main(["compare", "runs/first", "runs/second"]) == 0
    out, err = capsys.readouterr()
    assert "runs/compare-first-second-2" in out
    assert "unfinished" in out
    assert "second is not in all pictures: runs/second has no checkpoint yet" in err
    assert [path.name for path in expected.iterdir()] == ["notes.txt"]
    assert (Path("runs/compare-first-second-2/samples.png")).exists()
