"""Notes of a run: what spoils its results stands in results.json, in the terminal, in `info` and on the report page."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tfgen
from tfgen import Dataset, DatasetSpec, DataSpec, Metric, RunError, Split, hookimpl
from tfgen.cli import main
from tfgen.cli.result_lines import results_lines
from tfgen.data.dataset import SPLITS
from tfgen.metrics import Baseline, Note, NotFinite, notes_about, warnings_about
from tfgen.runs.folder import RunFolder
from tfgen.runs.notes import notes_of, with_notes

QUICK = {"epochs": 1, "compile": "graph", "quiet": True, "pictures": False}


def metric(name, value, error=0.01, **fields):
    return Metric(name, value, error, "bits/dim" if name.startswith("bits") else "nats", **fields)


GREY = Baseline(8.0, "a uniform distribution over 256 grey levels")


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ([metric("bits_per_dim", 8.5, baseline=GREY)], "worse than 8 of a uniform distribution over 256 grey levels"),
        ([metric("bits_per_dim", 8.02, baseline=GREY)], None),  # within three errors
        ([metric("bits_per_dim", 7.0, baseline=GREY)], None),
        ([metric("bits_per_dim", 9.0)], None),  # nothing to compare with
        ([metric("nll_nats", 2.6e6, math.nan, baseline=Baseline(44.0, "fair coins for all pixels"))], "is 2600000 nats"),
        ([metric("bits_per_dim", math.inf, baseline=GREY, not_finite=NotFinite(1, 0))], "not finite"),
        ([metric("active_units", 0.0, math.nan)], "posterior collapse: 0 nats are active"),
        ([metric("active_units_given_label", 0.0, math.nan)], "posterior collapse"),
        ([metric("active_units", 1.0, math.nan), metric("latent_kl_nats", 0.01)], None),
        ([metric("latent_kl_nats", 0.01)], "posterior collapse: KL(q || p) of the codes is 0.010 ± 0.010 nats"),
        ([metric("latent_kl_nats", 9.0)], None),
        ([metric("kl_nats", -0.04)], "no KL divergence is below zero"),
    ],
)  # fmt: skip
def test_what_the_metrics_of_a_split_show(metrics, told):
    found = warnings_about({each.name: each for each in metrics})
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_of_several_likelihoods_bits_are_told():
    both = {
        "nll_nats": metric("nll_nats", 99.0, baseline=Baseline(9.0, "x")),
        "bits_per_dim": metric("bits_per_dim", 9.0, baseline=GREY),
    }
    (line,) = warnings_about(both)
    assert line.startswith("bits_per_dim is 9")


def test_each_kind_of_trouble_is_told_once_and_of_the_test_split():
    bad = {"bits_per_dim": metric("bits_per_dim", 9.0, baseline=GREY)}
    assert [note.about for note in notes_about({"valid": bad, "test": bad})] == ["test"]
    assert [note.about for note in notes_about({"valid": bad, "test": {}})] == ["valid"]


def test_a_baseline_goes_through_json_and_others_are_refused():
    whole = metric("nll_nats", 1.0, baseline=GREY)
    assert Metric.from_json("nll_nats", whole.to_json()) == whole
    for bad in (3, {"value": 1}, {"value": "x", "of": "y"}):
        with pytest.raises(ValueError, match=r"baseline|'value'"):
            Metric.from_json("nll_nats", {**whole.to_json(), "baseline": bad})


def test_notes_follow_the_metrics_and_those_on_data_stay():
    bad, good = (metric("bits_per_dim", value, baseline=GREY) for value in (9.0, 3.0))
    results = with_notes({"test": {"bits_per_dim": bad.to_json()}}, ["class 1 is rare"])
    assert [note["about"] for note in results["notes"]] == ["data", "test"]
    mended = with_notes({**results, "test": {"bits_per_dim": good.to_json()}})
    assert mended["notes"] == [{"about": "data", "text": "class 1 is rare"}]
    assert "notes" not in with_notes({"test": {}})
    with pytest.raises(ValueError, match="'notes'"):
        notes_of({"notes": "many"})


def rare_images(sources=None):
    random = np.random.default_rng(0)
    labels = (np.arange(300) % 50 == 0).astype(np.int64)  # 2 %
    x = np.clip(np.where(labels[:, None, None, None] == 1, 12, 3) + random.normal(0, 1, (300, 4, 4, 1)), 0, 16)
    split = Split(x.astype(np.uint8), labels)
    return Dataset("rare", DataSpec("image", (4, 4, 1), 2, levels=17), dict.fromkeys(SPLITS, split))


def unlike_units(sources=None):
    split = Split(np.random.default_rng(0).normal(size=(300, 3)) * [1.0, 1e-4, 1e4])
    return Dataset("units", DataSpec("vector", (3,)), dict.fromkeys(SPLITS, split))


class Sets:
    @hookimpl
    def tfgen_register(self, registry):
        registry.add_dataset(DatasetSpec("rare", rare_images, "two classes"))
        registry.add_dataset(DatasetSpec("units", unlike_units, "unlike units"))


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "sets.py"
    lines = ["import tests.runs.test_notes_of_runs as made, tfgen", "@tfgen.hookimpl", "def tfgen_register(registry):"]
    file.write_text("\n".join([*lines, "    made.Sets().tfgen_register(registry)"]))
    return str(file)


@pytest.fixture(scope="module")
def rare_run(plugin, tmp_path_factory):
    """A conditional VAE that has learnt nothing, of two classes one of which is rare."""
    return tfgen.train(
        "cvae", data="rare", plugins=[plugin], runs_dir=tmp_path_factory.mktemp("runs"), beta=1e4, **QUICK
    )


def test_collapse_and_rare_classes_of_a_run_are_told_everywhere(rare_run, capsys):
    abouts = [(note["about"], note["text"]) for note in rare_run.results["notes"]]
    assert any(about == "data" and text.startswith("class 1 has 2 %") for about, text in abouts)
    assert any(about == "test" and text.startswith("posterior collapse: 0 of ") for about, text in abouts)
    assert main(["info", str(rare_run.folder)]) == 0
    out = capsys.readouterr().out
    assert "warning: data: class 1 has 2 %" in out
    assert "warning: test: posterior collapse" in out
    assert main(["report", str(rare_run.folder)]) == 0
    page = (rare_run.folder / "report.html").read_text()
    assert "data: class 1 has 2 %" in page
    assert "posterior collapse: 0 of" in page


def test_a_model_without_labels_has_no_note_on_classes(plugin, tmp_path):
    run = tfgen.train("vae", data="rare", plugins=[plugin], runs_dir=tmp_path, **QUICK)
    assert not any(note["about"] == "data" for note in run.results.get("notes", []))


def test_an_absurd_likelihood_is_told(tmp_path):
    run = tfgen.train(
        "pixelcnn",
        data="digits",
        runs_dir=tmp_path,
        learning_rate=1000.0,
        keep="last",
        filters=4,
        blocks=1,
        evaluate=50,
        **QUICK,
    )
    assert any("the model has learnt nothing, or diverged" in note["text"] for note in run.results["notes"])


def test_unlike_units_do_no_harm_since_columns_are_standardised(plugin, tmp_path, capsys):
    options = ["--epochs", "1", "--layers", "2", "--units", "8", "--compile", "graph", "--no-pictures"]
    assert main(["-p", plugin, "run", "realnvp", "--data", "units", *options, "--runs-dir", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "note:" not in err
    assert "warning" not in out
    assert "columns standardised" in out


def test_malformed_notes_of_a_stranger_are_refused(run_copy):
    path = run_copy / "results.json"
    for notes in ([3], {"about": "x"}, [{"about": "data"}], [{"about": 1, "text": "x"}]):
        path.write_text(json.dumps({**json.loads(path.read_text()), "notes": notes}))
        with pytest.raises(RunError, match="'notes' are no list of notes"):
            RunFolder(run_copy).read_results()


def test_a_run_of_one_epoch_says_so(run_copy):
    results = RunFolder(run_copy).read_results()
    assert any("(1 epoch)" in line for line in results_lines({**results, "epochs": 1}))
    assert Note("test", "x") == ("test", "x")
