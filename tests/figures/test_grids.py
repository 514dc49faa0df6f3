"""Grids of images: every image at its place, square pixels, bounded sides, gaps that are seen, and what was scaled."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import image as mpl_image

from tests.slow import slow
from tfgen import DataSpec
from tfgen.data.dataset import Split
from tfgen.figures.examples import MOST_STRIP, TITLES, draw_examples, draw_side_by_side
from tfgen.figures.grids import MOST_PIXELS, framed, grid_layout, image_grid
from tfgen.figures.inpainting import draw_inpainting
from tfgen.figures.interpolation import draw_image_paths
from tfgen.figures.latent import Panel, draw_panels
from tfgen.figures.neighbours import draw_neighbours
from tfgen.metrics.copying import Neighbourhood
from tfgen.runs.comparison_figure import draw_sample_panels
from tfgen.sample.inpainting import Inpainting
from tfgen.sample.interpolation import Interpolation


def picture(path):
    return (mpl_image.imread(path, format="png")[..., :3] * 255).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("count", "columns", "rows_and_columns"), [(1, None, (1, 1)), (5, None, (2, 3)), (9, None, (3, 3)), (5, 5, (1, 5))]
)
def test_a_grid_holds_each_image_at_its_place(count, columns, rows_and_columns):
    images = np.zeros((count, 3, 3, 1), np.uint8)
    images[:] = np.arange(1, count + 1)[:, None, None, None] * 10
    images[:, 0, 0] = 0  # a dark corner shows whether images are mirrored
    layout = grid_layout(count, 3, 3, columns)
    assert (layout.rows, layout.columns) == rows_and_columns
    grid, side, gap = image_grid(images, columns=columns), 3 * layout.enlarged, layout.gap
    assert grid.shape == (layout.rows * (side + gap) + gap, layout.columns * (side + gap) + gap, 3)
    between = np.ones(grid.shape[:2], bool)
    for index in range(count):
        top, left = (index // layout.columns) * (side + gap) + gap, (index % layout.columns) * (side + gap) + gap
        cell = grid[top : top + side, left : left + side]
        np.testing.assert_array_equal(cell[:: layout.enlarged, :: layout.enlarged, 0], images[index, :, :, 0])
        between[top : top + side, left : left + side] = False
    assert len(np.unique(grid[between], axis=0)) == 1  # one colour, which no grey image has
    assert len(set(grid[between][0])) > 1


@settings(max_examples=300, deadline=None)
@given(
    count=st.integers(1, 10_000),
    height=st.integers(1, 20_000),
    width=st.integers(1, 20_000),
    columns_of=st.sampled_from([1, 10]),
)
def test_both_sides_are_bounded_and_every_image_has_its_place(count, height, width, columns_of):
    layout = grid_layout(count, height, width, columns_of=columns_of)
    sides = [
        number * (-(-side // layout.reduced) * layout.enlarged + layout.gap) + layout.gap
        for number, side in ((layout.rows, height), (layout.columns, width))
    ]
    assert max(sides) <= MOST_PIXELS
    assert (layout.rows - 1) * layout.columns < count <= layout.rows * layout.columns
    assert layout.gap >= 1
    assert layout.enlarged == 1 or layout.reduced == 1
    assert bool(layout.note()) == (layout.reduced > 1)


def test_the_classes_of_a_conditional_model_stand_in_columns():
    assert (grid_layout(100, 8, 8, columns_of=10).columns, grid_layout(64, 8, 8, columns_of=10).columns) == (10, 10)
    assert grid_layout(100, 28, 1, columns_of=10).columns == 40
    assert grid_layout(20, 2, 1000, columns_of=10).columns == 1  # ten in a row would be too wide to see


@pytest.mark.parametrize(("height", "width"), [(28, 1), (1, 28), (1000, 2), (2, 1000)])
def test_a_hundred_tall_or_wide_images_make_a_picture_that_opens(height, width):
    layout = grid_layout(100, height, width)
    grid = image_grid(np.zeros((100, height, width, 1), np.uint8), layout=layout)
    assert max(grid.shape) <= 1200
    assert layout.reduced == 1  # nothing is lost


def test_small_images_have_broad_gaps():
    layout = grid_layout(100, 8, 8)
    assert (layout.enlarged, layout.gap) == (6, 6)
    assert grid_layout(100, 28, 28).gap >= 3


def test_images_that_are_too_large_are_reduced_to_means_of_square_blocks(tmp_path):
    images = np.zeros((1, 9000, 30, 1), np.uint8)
    images[:, :, ::3] = 90  # the mean of three columns is 30
    draw_examples(images, DataSpec("image", (9000, 30, 1)), tmp_path / "x.png")
    found = picture(tmp_path / "x.png")
    assert max(found.shape) <= MOST_PIXELS + 100
    assert (found[:3000] == 30).all(axis=-1).sum() == 10 * (
        3000 - grid_layout(1, 9000, 30).gap
    )  # without the text below


def test_what_was_scaled_down_is_said_in_the_picture(drawn, tmp_path):
    draw_examples(np.zeros((1, 9000, 30, 1), np.uint8), DataSpec("image", (9000, 30, 1)), tmp_path / "x.png")
    assert [text.get_text() for text in drawn[0].texts][-1] == "scaled down: each pixel is the mean of 3 x 3"


def test_the_brightest_level_is_white():
    images = np.array([0, 8, 16], np.uint8).reshape(3, 1, 1, 1)
    grid = image_grid(images, levels=17, columns=3)
    assert {0, 128, 255} <= set(np.unique(grid))
    assert (image_grid(np.full((1, 1, 1, 1), 255, np.uint8)).max()) == 255


def test_colours_are_kept():
    image = np.array([10, 20, 30], np.uint8).reshape(1, 1, 1, 3)
    assert [10, 20, 30] in image_grid(image).reshape(-1, 3).tolist()
    two = np.array([10, 20], np.uint8).reshape(1, 1, 1, 2)
    assert [10, 10, 10] in image_grid(two).reshape(-1, 3).tolist()


def test_large_images_are_not_enlarged():
    assert image_grid(np.zeros((4, 300, 400, 1), np.uint8)).shape == (2 * 303 + 3, 2 * 403 + 3, 3)


def test_examples_as_a_picture(tmp_path):
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    draw_examples(images, DataSpec("image", (1, 1, 1), levels=17), tmp_path / "x.part")
    np.testing.assert_array_equal(picture(tmp_path / "x.part"), image_grid(images, 17))
    draw_examples(np.zeros((6, 2), np.float32), DataSpec("vector", (2,)), tmp_path / "y.png")
    assert (tmp_path / "y.png").read_bytes().startswith(b"\x89PNG")


def test_samples_stand_beside_real_examples_pixel_for_pixel(tmp_path, drawn):
    samples, real = np.full((9, 8, 8, 1), 3, np.uint8), np.full((9, 8, 8, 1), 14, np.uint8)
    draw_examples(samples, DataSpec("image", (8, 8, 1), levels=17), tmp_path / "x.png", real=real)
    found, factor = picture(tmp_path / "x.png")[40:], grid_layout(9, 8, 8).enlarged  # without the titles
    colours = {colour: (found == colour).all(axis=-1) for colour in (round(255 * 3 / 16), round(255 * 14 / 16))}
    for colour, there in colours.items():
        assert there.sum() == 9 * (8 * factor) ** 2, colour
    middle = found.shape[1] // 2
    assert not colours[round(255 * 3 / 16)][:, middle:].any()
    assert not colours[round(255 * 14 / 16)][:, :middle].any()
    assert [text.get_text() for text in drawn[0].texts] == list(TITLES)


def test_real_examples_have_the_labels_of_the_samples():
    split = Split(np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1), np.array([1, 0, 1, 2, 0, 1, 2], np.int32))
    assert split.like(6, np.array([0, 1, 2, 0, 1, 2], np.int32)).ravel().tolist() == [1, 0, 3, 4, 2, 6]
    assert split.like(3, np.array([0, 0, 0], np.int32)).ravel().tolist() == [1, 4, 1]  # two are there
    assert len(split.like(4, np.array([0, 9, 0, 0], np.int32))) == 4  # no example of class 9: any examples
    assert len(split.like(100)) == 7


@pytest.mark.parametrize(("count", "height", "width"), [(200, 28, 28), (3, 8, 8), (2, 9000, 3), (50, 3, 9000)])
def test_a_row_of_digits_is_bounded_on_both_sides(count, height, width, tmp_path):
    draw_side_by_side(np.zeros((count, height, width, 1), np.uint8), 256, tmp_path / "x.png")
    high, wide, _ = picture(tmp_path / "x.png").shape
    assert high <= MOST_PIXELS
    assert wide <= MOST_STRIP


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(28, 28, (28, 28)), (28, 1, (28, 7)), (2, 1000, (250, 1000)), (9, 2, (9, 3))]
)
def test_narrow_images_get_margins(height, width, expected):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, height, width, 3), np.uint8)
    found = framed(pictures)
    assert found.shape == (2, 3, *expected, 3)
    top, left = (expected[0] - height) // 2, (expected[1] - width) // 2
    np.testing.assert_array_equal(found[:, :, top : top + height, left : left + width], pictures)


@pytest.mark.parametrize(("height", "width"), [(28, 1), (1, 28), slow(1000, 2), (2, 1000)])
def test_no_figure_of_tall_or_wide_images_is_too_large_to_open(height, width, tmp_path):
    images, spec = np.zeros((20, height, width, 1), np.uint8), DataSpec("image", (height, width, 1))
    weights = np.linspace(0, 1, 9)
    paths = np.zeros((3, 9, height, width, 1), np.uint8)
    draw_image_paths(Interpolation(("a", "b", "c"), weights, np.zeros((3, 9, 2)), paths), 256, tmp_path / "paths.png")
    panel = Panel(paths, "panel", rows=["1", "2", "3"], columns=[str(number) for number in range(9)])
    draw_panels([panel] * 4, 256, "title", tmp_path / "panels.png", across=2)
    result = Neighbourhood("pixels", np.ones((20, 3)), np.zeros((20, 3), np.int64), None)
    draw_neighbours(images, images, [result], 10, spec, "title", tmp_path / "neighbours.png")
    completions = np.zeros((4, 3, height, width, 1), np.uint8)
    inpainted = Inpainting(images[:4], np.ones((4, height, width), bool), completions)
    draw_inpainting(inpainted, 256, "lower", tmp_path / "inpainting.png")
    draw_sample_panels([("one", images, spec), ("two", images, spec)], tmp_path / "samples.png")
    for name in ("paths", "panels", "neighbours", "inpainting", "samples"):
        shape = picture(tmp_path / f"{name}.png").shape
        assert max(shape) <= 4096, (name, shape)


def test_tensors_are_taken_as_models_return_them():
    images = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 1)
    np.testing.assert_array_equal(image_grid(tf.constant(images)), image_grid(images))
