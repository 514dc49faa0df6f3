"""Pictures: the geometry of grids, and which curves and densities are drawn."""

import numpy as np
import pytest
from matplotlib import image as mpl_image

from tfgen import DataSpec
from tfgen.data.toy import load_checkerboard, load_two_gaussians
from tfgen.figures.classification import draw_confusion, draw_reliability
from tfgen.figures.curves import draw_curves
from tfgen.figures.densities import draw_density
from tfgen.figures.examples import draw_examples, image_grid


@pytest.mark.parametrize(
    ("count", "columns", "rows_and_columns"), [(1, None, (1, 1)), (5, None, (2, 3)), (9, None, (3, 3)), (5, 5, (1, 5))]
)
def test_a_grid_holds_each_image_at_its_place(count, columns, rows_and_columns):
    images = np.zeros((count, 2, 3, 1), np.uint8)
    images[:] = np.arange(1, count + 1)[:, None, None, None] * 10
    images[:, 0, 0] = 0  # a dark corner shows whether images are mirrored
    grid = image_grid(images, columns=columns)
    rows, columns = rows_and_columns
    factor = 560 // (columns * 3)
    height, width = 2 * factor, 3 * factor
    assert grid.shape == (rows * (height + 1) + 1, columns * (width + 1) + 1, 3)
    for index in range(count):
        top, left = (index // columns) * (height + 1) + 1, (index % columns) * (width + 1) + 1
        cell = grid[top : top + height, left : left + width]
        np.testing.assert_array_equal(cell[::factor, ::factor, 0], images[index, :, :, 0])
        assert (grid[top - 1, left : left + width] == 96).all()
        assert (grid[top : top + height, left + width] == 96).all()
    assert (grid[0] == 96).all()
    assert (grid[:, -1] == 96).all()


def test_the_brightest_level_is_white():
    images = np.array([0, 8, 16], np.uint8).reshape(3, 1, 1, 1)
    grid = image_grid(images, levels=17, columns=3)
    assert {0, 128, 255, 96} == set(np.unique(grid))
    assert (image_grid(np.full((1, 1, 1, 1), 255, np.uint8)).max()) == 255


def test_colours_are_kept():
    image = np.array([10, 20, 30], np.uint8).reshape(1, 1, 1, 3)
    assert tuple(image_grid(image)[1, 1]) == (10, 20, 30)
    two = np.array([10, 20], np.uint8).reshape(1, 1, 1, 2)
    assert tuple(image_grid(two)[1, 1]) == (10, 10, 10)


def test_large_images_are_not_enlarged():
    assert image_grid(np.zeros((4, 300, 400, 1), np.uint8)).shape == (2 * 301 + 1, 2 * 401 + 1, 3)


def test_examples_as_a_picture(tmp_path):
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    draw_examples(images, DataSpec("image", (1, 1, 1), levels=17), tmp_path / "x.part")
    found = (mpl_image.imread(tmp_path / "x.part", format="png")[..., :3] * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(found, image_grid(images, 17))
    draw_examples(np.zeros((6, 2), np.float32), DataSpec("vector", (2,)), tmp_path / "y.png")
    assert (tmp_path / "y.png").read_bytes().startswith(b"\x89PNG")


def test_curves_show_bits_per_dim_where_there_are(drawn, tmp_path):
    rows = [
        {"step": 10, "train/loss": 5.0, "train/bits_per_dim": 7.0, "learning_rate": 0.1},
        {"step": 20, "train/loss": 4.0, "train/bits_per_dim": 6.0, "valid/loss": 4.5, "valid/bits_per_dim": 6.5},
    ]
    draw_curves(rows, tmp_path / "x.png")
    lines = {line.get_label(): line.get_xydata().tolist() for line in drawn[0].axes[0].lines}
    assert lines == {"train bits_per_dim": [[10, 7], [20, 6]], "valid bits_per_dim": [[20, 6.5]]}
    assert drawn[0].axes[0].get_ylabel() == "bits/dim"


def test_curves_of_a_conditional_model_say_that_the_label_is_given(drawn, tmp_path):
    draw_curves([{"step": 10, "train/loss": 5.0, "train/bits_per_dim_given_label": 7.0}], tmp_path / "x.png")
    lines = {line.get_label(): line.get_xydata().tolist() for line in drawn[0].axes[0].lines}
    assert lines == {"train bits_per_dim_given_label": [[10, 7]]}
    assert drawn[0].axes[0].get_ylabel() == "bits/dim given the label"


def test_curves_show_every_loss_otherwise(drawn, tmp_path):
    draw_curves([{"step": 1, "train/a/loss": 1.0, "train/b/loss": 2.0, "train/a/norm": 3.0}], tmp_path / "x.png")
    assert {line.get_label() for line in drawn[0].axes[0].lines} == {"train a/loss", "train b/loss"}


@pytest.mark.parametrize("given", ["", "_given_label"])
def test_the_two_terms_of_a_bound_stand_apart_beside_the_loss(given, drawn, tmp_path):
    reconstruction, kl = f"reconstruction_nats{given}", f"latent_kl_nats{given}"
    rows = [
        {"step": step, **{f"{split}/{name}": value / step for split in ("train", "valid") for name, value in terms}}
        for step, terms in ((1, (("loss", 9), (reconstruction, 8), (kl, 1))), (2, (("loss", 7), (kl, 9))))
    ]
    draw_curves(rows, tmp_path / "x.png")
    shown = {
        axes.get_ylabel(): {line.get_label(): len(line.get_xydata()) for line in axes.lines} for axes in drawn[0].axes
    }
    assert shown == {
        "loss": {"train loss": 2, "valid loss": 2},
        "reconstruction, nats": {f"train {reconstruction}": 1, f"valid {reconstruction}": 1},
        "KL(q || p), nats": {f"train {kl}": 2, f"valid {kl}": 2},
    }
    assert drawn[0].axes[2].get_ylim()[1] > 4.5  # what rises is not cut off


@pytest.mark.parametrize(
    "rows", [[], [{"step": 1}], [{"step": 1, "train/loss": 2.0}], [{"step": 1, "train/loss": float("nan")}]]
)
def test_curves_of_next_to_nothing(rows, tmp_path):
    draw_curves(rows, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 0


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
