"""Metric, Basis and the catalogue: what is written is read again, and whatever is malformed is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import PluginError
from tfgen.metrics import CATALOGUE, Basis, Catalogue, Metric, NotFinite, metrics_from_json, metrics_to_json
from tfgen.plugin.specs import MetricSpec

NUMBERS = st.floats(allow_nan=True, allow_infinity=False)
COUNTS = st.integers(0, 10**9)
BASES = st.builds(
    Basis,
    split=st.sampled_from([None, "train", "valid", "test"]),
    examples=st.none() | st.integers(0, 10**9),
    density=st.sampled_from([None, "exact", "bound", "dequantised"]),
    alpha=st.none() | st.floats(0, 1),
    other=st.dictionaries(st.sampled_from(["variance", "batch_size"]), st.integers() | st.text(max_size=5)),
)


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@given(NUMBERS, NUMBERS, BASES, st.lists(NUMBERS, max_size=3), st.none() | st.builds(NotFinite, COUNTS, COUNTS))
def test_what_is_written_is_read_again(value, error, basis, shares, lost):
    metric = Metric("nll_nats", value, error, "nats", basis, tuple(shares), lost)
    text = json.dumps(metrics_to_json({"nll_nats": metric}), allow_nan=False)
    found = metrics_from_json(json.loads(text))["nll_nats"]
    assert (found.name, found.unit, found.basis, found.not_finite) == ("nll_nats", "nats", basis, lost)
    assert same(found.value, value)
    assert same(found.standard_error, error)
    assert all(map(same, found.per_class, shares))


SOUND = {"value": 1.0, "standard_error": None, "unit": "nats", "basis": {"seed": 0}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": "1"}, "has no number under 'value'"),
        ({"value": True}, "has no number under 'value'"),
        ({"unit": 3}, "lacks its unit or its basis"),
        ({"basis": []}, "lacks its unit or its basis"),
        ({"basis": {"seed": "0"}}, "'seed' '0', which is no int"),
        ({"basis": {"seed": True}}, "'seed' True, which is no int"),
        ({"basis": {"density": "sharp"}}, "'density' 'sharp', which is none of exact, bound, dequantised"),
        ({"per_class": 0.5}, "has no list under 'per_class'"),
        ({"not_finite": 3}, "has no numbers of examples under 'not_finite'"),
        ({"not_finite": {"examples": 3, "first": True}}, "has no numbers of examples under 'not_finite'"),
    ],
)
def test_what_is_malformed_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        metrics_from_json({"nll_nats": {**SOUND, **change}})
    assert math.isnan(metrics_from_json({"nll_nats": SOUND})["nll_nats"].standard_error)


def test_the_catalogue_knows_the_variants_with_the_label_given():
    assert CATALOGUE["nll_nats_given_label"].better == "lower"
    assert CATALOGUE.label("elbo_nats_given_label") == "ELBO given the label, nats"
    assert CATALOGUE.label("bits_per_dim") == "bits/dim"
    assert "fid_given_label" not in CATALOGUE
    assert CATALOGUE.curves()[:2] == ["bits_per_dim", "bits_per_dim_given_label"]
    assert CATALOGUE.rises("elbo_nats")
    assert not CATALOGUE.rises("loss")
    assert CATALOGUE.asked_as("samples")["prdc"] == ("precision", "recall", "density", "coverage")


def test_catalogues_join():
    mine = Catalogue({"charm": MetricSpec("charm", "charm", "units", better="higher")})
    assert set(CATALOGUE | mine) == {*CATALOGUE, "charm"}
    assert (CATALOGUE | mine).rises("charm")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"better": "bigger"}, "metric 'charm': better must be 'lower', 'higher' or None, got 'bigger'"),
        ({"of": "luck"}, "metric 'charm': of must be one of density, bound"),
        ({"measure": "nowhere"}, "metric 'charm': the path 'nowhere' must read 'package.module:Name'"),
    ],
)
def test_a_spec_is_checked_when_it_is_made(options, says):
    with pytest.raises(PluginError, match=says):
        MetricSpec("charm", "charm", "units", **options)
