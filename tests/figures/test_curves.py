"""Training curves: which are drawn, against epochs, in their whole range, with title, unit and direction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tfgen.figures.curves import USUAL_RATIO, draw_curves, epochs_of
from tfgen.figures.zoom import zoom_inset


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_bits_per_dim_where_there_are(drawn, tmp_path):
    rows = [
        {"step": 10, "epoch": 1, "train/loss": 5.0, "train/bits_per_dim": 7.0, "learning_rate": 0.1},
        {
            "step": 20, "epoch": 1, "train/loss": 4.0, "train/bits_per_dim": 6.0,
            "valid/loss": 4.5, "valid/bits_per_dim": 6.5,
        },
    ]  # fmt: skip
    draw_curves(rows, tmp_path / "x.png")
    axes = drawn[0].axes[0]
    assert lines(axes) == {"training": [[0.5, 7], [1, 6]], "validation": [[1, 6.5]]}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "bits/dim (lower is better)")


def test_the_label_that_a_conditional_model_is_given_is_said(drawn, tmp_path):
    draw_curves([{"step": 10, "train/loss": 5.0, "train/bits_per_dim_given_label": 7.0}], tmp_path / "x.png")
    assert lines(drawn[0].axes[0]) == {"training": [[10, 7]]}
    assert drawn[0].axes[0].get_ylabel() == "bits/dim given the label (lower is better)"
    assert drawn[0].axes[0].get_xlabel() == "step"  # epochs were not logged


def test_every_loss_otherwise_by_the_name_of_its_objective(drawn, tmp_path):
    rows = [{"step": 1, "train/discriminator/loss": 1.0, "train/generator/loss": 2.0, "train/generator/norm": 3.0}]
    draw_curves(rows, tmp_path / "x.png")
    assert set(lines(drawn[0].axes[0])) == {"training: discriminator", "training: generator"}


def test_averaged_weights_are_told_from_current_ones(drawn, tmp_path):
    draw_curves([{"step": 1, "train/loss": 1.0, "valid/loss": 2.0}], tmp_path / "x.png", averaged=True)
    assert set(lines(drawn[0].axes[0])) == {"training, current weights", "validation, averaged weights"}


@pytest.mark.parametrize("given_label", ["", "_given_label"])
def test_the_elbo_has_its_sign_and_its_two_terms_and_their_ratio_stand_beside_it(given_label, drawn, tmp_path):
    def row(step, epoch, reconstruction, kl):
        terms = {"elbo_nats": -reconstruction - kl, "reconstruction_nats": reconstruction, "latent_kl_nats": kl}
        logged = {
            f"{split}/{name}{given_label}": value for split in ("train", "valid") for name, value in terms.items()
        }
        return {"step": step, "epoch": epoch, "train/loss": 1.0, "valid/loss": 1.0, **logged}

    draw_curves([row(5, 1, 500.0, 0.01), row(10, 2, 200.0, 8.0), row(15, 3, 120.0, 6.0)], tmp_path / "x.png")
    elbo, reconstruction, kl, ratio = drawn[0].axes
    suffix = " given the label" if given_label else ""
    assert elbo.get_ylabel() == f"ELBO{suffix}, nats (higher is better)"
    assert lines(elbo)["validation"] == [[1, -500.01], [2, -208], [3, -126]]
    assert [axes.get_ylabel() for axes in (reconstruction, kl, ratio)] == [
        "reconstruction, nats", "KL(q || p), nats", "reconstruction / KL",
    ]  # fmt: skip
    np.testing.assert_allclose(lines(ratio)["training"], [[1, 50_000], [2, 25], [3, 20]])
    assert ratio.get_yscale() == "log"
    assert [patch.get_xy()[1] for patch in ratio.patches] == [USUAL_RATIO[0]]
    for axes in (elbo, reconstruction, kl, ratio):  # the start and the warm-up are there
        low, high = axes.get_ylim()
        for curve in lines(axes).values():
            assert all(low <= value <= high for _, value in curve)


def test_a_density_below_zero_has_no_ratio(drawn, tmp_path):
    draw_curves([{"step": 1, "train/reconstruction_nats": -3.0, "train/latent_kl_nats": 1.0}], tmp_path / "x.png")
    assert "reconstruction / KL" not in [axes.get_ylabel() for axes in drawn[0].axes]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30), st.booleans())
def test_no_value_is_cut_off_whatever_the_curve(values, rises):
    axes = Figure().add_subplot()
    axes.plot(range(len(values)), values)
    inset = zoom_inset(axes, rises)
    low, high = axes.get_ylim()
    assert low <= min(values)
    assert max(values) <= high
    if inset is not None:
        assert np.subtract(*inset.get_ylim()[::-1]) < 0.5 * np.subtract(high, low)


@pytest.mark.parametrize(("sign", "rises"), [(1, False), (-1, True)])
def test_an_inset_enlarges_what_the_first_values_flatten(sign, rises, drawn, tmp_path):
    name = "elbo_nats" if rises else "bits_per_dim"
    rows = [
        {"step": step, "epoch": step, f"train/{name}": sign * (3 + 900 * math.exp(-step)), f"valid/{name}": sign * 3.0}
        for step in range(1, 30)
    ]
    draw_curves(rows, tmp_path / "x.png")
    axes = drawn[0].axes[0]
    (inset,) = axes.child_axes
    low, high = inset.get_ylim()
    assert low < sign * 3 < high
    assert high - low < 10
    assert len(inset.lines) == 2
    flat = [
        {"step": step, "epoch": step, f"train/{name}": 10.0 - step / 10, f"valid/{name}": 1.0} for step in range(1, 30)
    ]
    draw_curves(flat, tmp_path / "y.png")
    assert not drawn[1].axes[0].child_axes


def test_epochs_are_those_of_the_last_validation():
    rows = [{"step": 4, "epoch": 1, "valid/x": 1.0}, {"step": 6, "epoch": 2}, {"step": 8, "epoch": 2, "valid/x": 1.0}]
    assert epochs_of(rows) == ("epoch", [1, 1.5, 2])
    assert epochs_of([{"step": 3}]) == ("step", [3])


@pytest.mark.parametrize(
    "rows", [[], [{"step": 1}], [{"step": 1, "train/loss": 2.0}], [{"step": 1, "train/loss": float("nan")}]]
)
def test_curves_of_next_to_nothing(rows, tmp_path):
    draw_curves(rows, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 0
