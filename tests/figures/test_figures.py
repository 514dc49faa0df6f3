"""Pictures of densities and of classification."""

import numpy as np
import pytest

from tfgen.data.toy import load_checkerboard, load_two_gaussians
from tfgen.figures.classification import draw_confusion, draw_reliability
from tfgen.figures.densities import draw_density


def test_densities_stand_side_by_side_in_one_scale(drawn, tmp_path):
    data = load_checkerboard()
    draw_density(lambda x: np.full(len(x), np.log(0.02)), data, tmp_path / "x.png", cells=18)
    true, learned, examples = drawn[0].axes[:3]
    assert [axis.get_title() for axis in (true, learned, examples)] == ["true density", "learned density", "test data"]
    assert true.images[0].get_clim() == learned.images[0].get_clim() == (0, 1 / 32)
    board = np.asarray(true.images[0].get_array())
    low = np.floor(np.linspace(-4.5, 4.5, 18) / 2 + 2)
    dark = (low[:, None] + low) % 2 == 0
    inside = (low >= 0) & (low <= 3)
    np.testing.assert_allclose(board, (dark & inside & inside[:, None]) / 32)
    np.testing.assert_allclose(np.asarray(learned.images[0].get_array()), 0.02, rtol=1e-6)
    assert drawn[0].axes[0].get_figure().get_size_inches()[1] == pytest.approx(4.2)  # one row


def test_the_joint_density_is_summed_and_shown_class_by_class(drawn, tmp_path):
    data = load_two_gaussians()
    parts = np.log([0.03, 0.01, 0.0025])
    draw_density(lambda x: np.tile(parts, (len(x), 1)), data, tmp_path / "x.png", cells=9)
    axes = {axis.get_title(): axis for axis in drawn[0].axes}
    np.testing.assert_allclose(np.asarray(axes["learned density"].images[0].get_array()), 0.0425)
    scales = {axes["true density"].images[0].get_clim()}
    for label, value in enumerate(np.exp(parts)):
        picture = axes[f"learned $p(x, y={label})$"].images[0]
        np.testing.assert_allclose(np.asarray(picture.get_array()), value)
        scales.add(picture.get_clim())
    assert len(scales) == 1
    many = np.full(50, -9.0)  # too many for panels: the sum alone
    draw_density(lambda x: np.tile(many, (len(x), 1)), data, tmp_path / "y.png", cells=9)
    assert sum(bool(axis.images) for axis in drawn[1].axes) == 2


def test_a_confusion_matrix_has_its_counts_in_their_cells(drawn, tmp_path):
    confusion = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])  # no example of the last class
    draw_confusion(confusion, "toy", tmp_path / "x.png")
    axes = drawn[0].axes[0]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]])
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "8", (1, 0): "2", (1, 1): "5"}  # (column, row)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    draw_confusion(np.eye(100, dtype=int), "many", tmp_path / "y.png")
    assert not drawn[1].axes[0].texts


def test_a_reliability_diagram_shows_accuracy_where_there_are_examples(drawn, tmp_path):
    counts, confidence = np.array([0, 4, 0, 6]), np.array([np.nan, 0.4, np.nan, 0.9])
    accuracy = np.array([np.nan, 0.25, np.nan, 1.0])
    draw_reliability(counts, confidence, accuracy, "toy", tmp_path / "x.png")
    upper, lower = drawn[0].axes
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in upper.patches] == [
        (0.25, 0.25, 0.25),
        (0.75, 0.25, 1.0),
    ]
    assert [bar.get_height() for bar in lower.patches] == [0, 4, 0, 6]
    assert lower.get_yscale() == "log"
