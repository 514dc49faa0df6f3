"""results.json of every version is read as the newest; damaged and newer files are refused in one line."""

from __future__ import annotations

import json

import pytest

from tfgen.errors import RunError
from tfgen.metrics import Basis, Metric
from tfgen.runs.facts import read_run
from tfgen.runs.folder import RunFolder
from tfgen.runs.results_format import RESULTS_FORMAT

FINISHED = {"model": "m", "data": "d", "steps": 3, "epochs": 1, "train_seconds": 1.0}
COMMON = {"split": "test", "examples": 5, "data": "d"}


def metric(**basis):
    return {"value": 1.0, "standard_error": None, "unit": "nats", "basis": {**COMMON, **basis}}


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "x", "x", {"model": "m", "data": "d"})


def written(folder, **results):
    (folder.path / "results.json").write_text(json.dumps({**FINISHED, **results}))
    return read_run(folder, "x")


#: What version 1 said in English, and the fields that it became.
SAID = {
    "flow": ("nll_nats", {"dequantisation": "uniform", "levels": 17, "draws": 1, "seed": 0}, {"density": "dequantised"}),
    "exact": ("nll_nats", {"density": "exact"}, {"density": "exact"}),
    "iwae": (
        "nll_nats",
        {"likelihood": "lower bound (IWAE, 50 particles)", "dequantisation": "uniform"},
        {"density": "bound", "particles": 50, "dequantisation": "uniform"},
    ),
    "elbo": ("elbo_nats_given_label", {"particles": 1}, {"density": "bound", "particles": 1}),
    "terms": ("latent_kl_nats", {"dequantisation": "uniform"}, {"density": None, "dequantisation": "uniform"}),
    "grey": (
        "cross_entropy_nats",
        {"score": "cross-entropy of grey levels + KL; no likelihood"},
        {"density": "bound", "scored_as": "cross_entropy"},
    ),
    "marginal": (
        "nll_nats",
        {"marginal over": "10 classes", "p(y)": "class frequencies of train"},
        {"classes": 10, "class_prior": "frequencies"},
    ),
    "samples": (
        "fid",
        {"reference": "300 examples, bits (static)", "network": "classifier of digits 0a", "samples": 9},
        {"examples": 300, "reference": "static", "features": "classifier", "network": "classifier of digits 0a"},
    ),
    "inception": ("kid", {"reference": "7 examples", "network": "keras inception_v3 imagenet"}, {"features": "inception"}),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_version_1_is_read_as_fields(folder, case):
    name, said, fields = SAID[case]
    basis = written(folder, test={name: metric(**said)}).measured("test")[name].basis
    assert {key: basis.get(key) for key in fields} == fields
    assert not {"likelihood", "score", "marginal over", "p(y)"} & set(basis.other)


def test_classification_and_sampling_of_version_1(folder):
    classified = {"test": {"metrics": {"accuracy": metric(**{"p(y)": "uniform"})}, "confusion": [[1]]}}
    sampling = {"value": 5.0, "unit": "samples/s", "basis": {"batch_size": 7}}
    facts = written(folder, classification=classified, sampling=sampling)
    assert facts.classified("test")["accuracy"].basis.class_prior == "uniform"
    assert facts.sampling == Metric("samples_per_second", 5.0, facts.sampling.standard_error, "samples/s",
                                    Basis(other={"batch_size": 7}))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 3}, "results.json has format 3, this tfgen reads 2 and older ones; use the tfgen that made it"),
        ({"steps": None}, "is damaged \\(its 'steps' is missing or malformed\\); delete it, then: tfgen resume"),
        ({"test": {"fid": 3}}, "is damaged \\(metric 'fid' is no object\\)"),
        ({"test": {"fid": metric(seed="a")}}, "the basis has 'seed' 'a', which is no int"),
        ({"classification": {"test": []}}, "its classification of 'test' has no metrics"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(folder, change, says):
    with pytest.raises(RunError, match=says) as caught:
        written(folder, **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sampling", ["fast", 3, [], {"value": "fast", "unit": "samples/s", "basis": {}}])
def test_a_malformed_rate_is_as_if_it_were_not_there(folder, sampling):
    assert written(folder, sampling=sampling).sampling is None
    assert written(folder, sampling=sampling, format=RESULTS_FORMAT).sampling is None


def test_what_is_written_has_the_newest_format(folder):
    folder.write_results(FINISHED)
    assert json.loads((folder.path / "results.json").read_text())["format"] == RESULTS_FORMAT
