"""Pictures: every program is a line, ceilings are where they belong, and fits go through their points."""

import numpy as np
import pytest

from tests.made_rows import changed, grown, made_row, without_numbers
from tfgen_benchmarks.figure import draw_growth, draw_throughput

BATCHES = (1, 16, 256)


def sampled(**fields):
    return [made_row(batch=batch, **fields) for batch in BATCHES]


def lines_of(axes):
    """Return what is drawn in a panel: the points of each line that has more than two, without error bars."""
    return [line.get_xydata() for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xydata()) > 2]


def test_a_panel_for_each_model_and_a_line_for_each_program(drawn, tmp_path):
    rows = [*sampled(), *sampled(way="xla"), *sampled(contender="nflows", way="eager"), *sampled(model="vae")]
    assert draw_throughput(rows, tmp_path / "x.png")
    first, second = drawn[0].axes
    assert (first.get_title(), second.get_title()) == ("realnvp", "vae")
    assert (first.get_xscale(), first.get_yscale()) == ("log", "log")
    assert len(first.containers) == 3  # lines with error bars
    assert len(second.containers) == 1
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels == [
        "tfgen graph",
        "tfgen xla",
        "nflows eager",
        "what the large product's rate would allow",
        "what the large copy's rate would allow",
    ]
    np.testing.assert_allclose(first.containers[0].lines[0].get_xydata(), [[batch, 100] for batch in BATCHES])
    assert 0 < (tmp_path / "x.png").stat().st_size < 600_000


def test_bars_span_the_rounds(drawn, tmp_path):
    draw_throughput(sampled(rates=(10.0, 30.0, 20.0)), tmp_path / "x.png")
    (bars,) = drawn[0].axes[0].containers[0].lines[2]
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [[10, 30]] * 3)


def test_the_ceilings_are_those_of_what_an_image_costs_in_tfgen(drawn, tmp_path):
    rows = sampled(products=(1e11, 3e11, 2e11), memory=(1e10, 3e10, 2e10))
    rows += sampled(contender="naive", rates=(500.0, 500.0, 500.0), multiply_adds=1.0, bytes=1.0)  # another cost
    draw_throughput(rows, tmp_path / "x.png")
    products, memory = lines_of(drawn[0].axes[0])[:2]
    np.testing.assert_allclose(products, [[batch, 2e11 / 5e8] for batch in BATCHES])
    np.testing.assert_allclose(memory, [[batch, 2e10 / 2e7] for batch in BATCHES])


def test_what_is_not_known_is_not_drawn(drawn, tmp_path):
    rows = [changed(row, multiply_adds=None, bytes=None) for row in sampled()]
    draw_throughput([*rows, without_numbers("gone", way="xla")], tmp_path / "x.png")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["tfgen graph"]


@pytest.mark.parametrize("count", range(1, 11))
def test_any_number_of_models_finds_its_place(count, drawn, monkeypatch, tmp_path):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **named: drawn.append(figure))
    rows = [made_row(model=f"model_{number}", batch=batch) for number in range(count) for batch in (1, 2)]
    assert draw_throughput(rows, tmp_path / "x.png")
    visible = [axes for axes in drawn[0].axes if axes.axison]
    assert [axes.get_title() for axes in visible] == [f"model_{number}" for number in range(count)]
    wide = drawn[0].get_size_inches()[0]
    assert wide <= 13


def test_growth_has_a_panel_for_each_axis_and_the_fitted_line_in_it(drawn, tmp_path):
    sides = (8, 14, 28, 56)
    rows = grown(sides, [[1e-3 * side**2] * 2 for side in sides], multiply_adds=lambda side: side**3.0)
    rows += grown((1, 2, 4), [[1e-3 * size] for size in (1, 2, 4)], "layers", model="vae")
    rows += grown((1, 2), [[1e-3], [2e-3]], "layers")
    assert draw_growth(rows, tmp_path / "x.png")
    side, layers = drawn[0].axes
    assert (side.get_xlabel(), layers.get_xlabel()) == ("image side, pixels", "layers")
    points, line = (drawn_line.get_xydata() for drawn_line in side.lines)
    np.testing.assert_allclose(points, [[size, size**2] for size in sides])
    np.testing.assert_allclose(line, [[8, 64], [56, 56**2]])
    labels = [text.get_text() for axes in (side, layers) for text in axes.get_legend().get_texts()]
    assert labels[0] == "realnvp, tfgen graph: 2.00 (2.00-2.00) [3.00]"
    assert labels[1].startswith("vae, tfgen graph: 1.00 [")
    assert labels[2] == "realnvp, tfgen graph: no fit of 1, 2"
    assert len(layers.lines) == 3  # points of both, one line
    assert 0 < (tmp_path / "x.png").stat().st_size < 600_000


def test_noise_around_a_level_does_not_fill_the_panel(drawn, tmp_path):
    draw_growth(grown((1, 2, 4), [[1.0], [1.01], [0.99]]), tmp_path / "x.png")
    low, high = drawn[0].axes[0].get_ylim()
    assert high / low == pytest.approx(10)
    assert low < 990 < 1010 < high


def test_without_numbers_nothing_is_drawn(tmp_path):
    rows = [without_numbers("gone"), without_numbers("gone", part="growth", sizes={"side": 8})]
    rows += [made_row(part="training", work="train")]
    assert not draw_throughput(rows, tmp_path / "x.png")
    assert not draw_growth(rows, tmp_path / "y.png")
    assert list(tmp_path.iterdir()) == []
