"""The explorer without a browser: what it says of each model, its files, and the plane of a latent space."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.plugins.serve.served import REGISTRY, served, service_of
from tfgen import DataError, DataSources, Split
from tfgen.cli.main import main
from tfgen.data.lookup import load_dataset
from tfgen_plugins.serve.app import build_app
from tfgen_plugins.serve.explorer.examples import examples_of, split_of
from tfgen_plugins.serve.explorer.latents import latent_plane, plane_of
from tfgen_plugins.serve.explorer.routes import explored, explorer_routes, page_files


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", REGISTRY, DataSources())


@pytest.fixture(scope="module")
def cvae(digits):
    model = served("cvae", 16)
    model.run.data = digits
    return model


@contextlib.contextmanager
def client_of(*models):
    with service_of(models) as service:
        found = {model.name: service.batcher.call(lambda model=model: explored(model)) for model in models}
        app = build_app(service, ("testserver",), None, explorer_routes(found))
        with TestClient(app) as client:
            yield client


def test_the_page_and_what_it_draws_of_a_model(cvae):
    with client_of(cvae) as client:
        page = client.get("/")
        assert page.url.path == "/explore/"
        assert "main.js" in page.text
        assert client.get("/explore/main.js").headers["content-type"].startswith("text/javascript")
        assert client.get("/explore/..%2Flatents.py").status_code == 404
        assert client.get("/explore/latents.py").status_code == 404
        assert client.get("/explore/models").json() == [{"name": "cvae", "model": "cvae"}]
        assert "did you mean 'cvae'" in client.get("/explore/models/cva").json()["error"]
        found = client.get("/explore/models/cvae").json()
        assert found["class_of_score"] == "bound of log p(x)"
        assert len(found["plane"]["points"]) == len(found["plane"]["labels"]) == 300
        point = [[0.5, -1.0, 0.25]]
        assert client.post("/decode", json={"z": point, "labels": [3]}).status_code == 200
    assert {"index.html", "style.css", "main.js"} <= set(page_files())


def test_the_page_asks_for_nothing_from_elsewhere():
    for name, content in page_files().items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, name
        assert "https://" not in text, name
        assert "eval(" not in text, name


def test_examples_are_of_every_class_and_name_their_place(cvae, digits):
    found = examples_of(cvae, digits.test, None)
    assert found["labels"] == sorted(found["labels"])
    assert set(found["labels"]) == set(range(10))
    np.testing.assert_array_equal(digits.test.x[found["index"]], found["x"])
    counts = 1 + np.bincount(digits.test.labels, minlength=10)
    np.testing.assert_allclose(np.exp(found["log_prior"]), counts / counts.sum())


def test_a_model_without_its_data_can_be_explored(cvae, digits):
    class Gone(SimpleNamespace):
        @property
        def data(self):
            raise DataError("the data are\ngone")

    run = cvae.run
    cvae.run = Gone(**{name: value for name, value in vars(run).items() if name != "data"})
    try:
        assert split_of(cvae) == (None, "the data are gone")
        found = explored(cvae)
    finally:
        cvae.run = run
    assert found["examples"]["missing"] == "the data are gone"
    assert found["examples"]["x"] == []
    np.testing.assert_allclose(np.exp(found["examples"]["log_prior"]), 0.1)
    assert found["plane"]["labels"] is None  # codes of the prior
    assert len(found["plane"]["points"]) == 2000


def test_points_are_the_codes_of_the_test_examples():
    model, points = served("realnvp", 64, data="two_gaussians"), load_dataset("two_gaussians", REGISTRY, DataSources())
    plane = latent_plane(model, points.test)
    codes = model.model.encode(points.test.subset(2000).x).numpy()
    np.testing.assert_allclose(plane.points, codes, atol=1e-5)


@given(st.integers(1, 12), st.integers(0, 2**31 - 1))
def test_a_plane_has_the_two_directions_of_the_largest_variance(width, seed):
    random = np.random.default_rng(seed)
    codes = random.normal(size=(60, width)) @ random.normal(size=(width, width))
    plane = plane_of(codes)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(len(plane.axes)), atol=1e-9)
    assert plane.points.shape == (60, 2)
    if width <= 2:
        np.testing.assert_array_equal(plane.points[:, :width], codes)
        return
    variances = np.linalg.eigvalsh(np.cov(codes.T, bias=True))[::-1]
    np.testing.assert_allclose(plane.deviations**2, variances[: len(plane.axes)], rtol=1e-6, atol=1e-9)
    again = plane_of(codes * 1.0)
    np.testing.assert_array_equal(plane.axes, again.axes)


def test_what_has_no_codes_has_no_plane(digits):
    model = served("pixelcnn", 16)
    model.run.data = digits
    found = explored(model)
    assert found["plane"] is None
    assert "inpaint" in found["endpoints"]


def test_points_of_the_plane_have_one_row_each():
    split = Split(np.zeros((3, 2), np.float32))
    assert (
        len(
            examples_of(SimpleNamespace(data=SimpleNamespace(kind="vector", classes=None), conditions=()), split, None)[
                "x"
            ]
        )
        == 3
    )


@pytest.mark.parametrize(
    ("arguments", "says"), [((), "which runs?"), (("nowhere",), "nowhere"), (("--port", "99999", "x"), "port")]
)
def test_mistakes(arguments, says, capsys):
    assert main(["explore", *arguments]) == 2
    assert says in capsys.readouterr().err
