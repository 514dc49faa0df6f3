"""Programs beside the pages of docs/learn that draw a page's figure: what is drawn agrees with the page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from tfgen_plugins.gan.objectives import minimax, nonsaturating

LEARN = Path(__file__).parent.parent / "docs/learn"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, LEARN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def width(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def test_samples_of_the_prior_fail_with_the_dimension(tmp_path):
    monte_carlo = program("monte_carlo_error")
    few, many = monte_carlo.errors((1, 20), examples=5)
    prior, importance, bound = many
    assert prior > 1 > bound > importance
    assert few.max() < 0.1
    monte_carlo.main(tmp_path / "x.png", dimensions=(1, 2))
    assert width(tmp_path / "x.png") > 400


def test_slopes_are_those_of_the_page(tmp_path):
    gan = program("gan_slopes")
    d = np.linspace(-10, 5, 31)
    np.testing.assert_allclose(gan.slopes(minimax, d), -expit(d), rtol=1e-9)
    np.testing.assert_allclose(gan.slopes(nonsaturating, d), expit(d) - 1, rtol=1e-9)
    gan.main(tmp_path / "x.png")
    assert width(tmp_path / "x.png") > 400


@pytest.mark.parametrize("name", ["monte_carlo_error", "gan_slopes"])
def test_the_page_has_figure_and_command(name):
    (page,) = [page for page in LEARN.glob("*.md") if f"]({name}.png)" in page.read_text()]
    assert f"python docs/learn/{name}.py {name}.png" in page.read_text()
    assert (page.parent / f"{name}.png").exists()
