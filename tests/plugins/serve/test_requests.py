"""Requests to a server in this process: what each endpoint answers, and what it refuses in one line."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.plugins.serve.served import run_of, served, service_of
from tests.toy_models import Gaussian, GaussianConfig
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.sample.interpolation import PATHS, interpolate, weights_of
from tfgen_plugins.serve.app import build_app
from tfgen_plugins.serve.arrays import codes
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.service import Limits

LIMITS = Limits(rows=100, body=200_000)


@pytest.fixture(scope="module")
def models():
    vectors = Gaussian(GaussianConfig(), DataSpec("vector", (2,)), 0)
    kinds = ("conditional_realnvp", "cvae", "gan", "pixelcnn")
    return [*(served(kind, 8) for kind in kinds), ServedModel(run_of(vectors, "vectors"), 8)]


@pytest.fixture(scope="module")
def service(models):
    with service_of(models, LIMITS) as found:
        yield found


@pytest.fixture(scope="module")
def client(service):
    return TestClient(build_app(service), base_url="http://localhost")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 17, (2, 8, 8, 1))


def ask(client, path, /, **body):
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_models_are_described(client):
    found = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert found["cvae"]["labels"] == {"classes": 10, "names": None, "optional": False}
    assert (found["cvae"]["latent"], found["cvae"]["density"]) == (3, "bound")
    assert found["gan"]["endpoints"] == ["sample", "decode", "interpolate"]
    assert found["pixelcnn"]["sampling_options"]["temperature"] == {
        "type": "a number", "default": 1.0, "range": "a number above 0",
    }  # fmt: skip
    assert found["vectors"]["data"]["shape"] == [2]
    assert client.get("/v1/models/gan").json() == found["gan"]


def test_samples_in_each_format(client):
    body = {"count": 5, "labels": [1, "7"], "seed": 3}
    plain = ask(client, "/v1/models/cvae/sample", **body)
    x = np.array(plain["x"])
    assert x.shape == (5, 8, 8, 1)
    assert plain["labels"] == [1, 7, 1, 7, 1]
    archive = client.post("/v1/models/cvae/sample", json={**body, "format": "npz"})
    with np.load(io.BytesIO(archive.content)) as arrays:
        np.testing.assert_array_equal(arrays["x"], x)
        assert arrays["x"].dtype == np.uint8
    for answer in (
        client.post("/v1/models/cvae/sample", json={**body, "format": "png"}),
        client.post("/v1/models/cvae/sample", json=body, headers={"accept": "image/png"}),
    ):
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size[0] > 100
    assert client.post("/v1/models/cvae/sample", json={**body, "format": "npz"}).content == archive.content


def test_the_first_model_is_asked_without_its_name(client):
    assert ask(client, "/sample", count=2) == ask(client, "/v1/models/conditional_realnvp/sample", count=2)


def test_the_temperature_is_an_input_of_the_sampler(client, models):
    pixelcnn = models[3]
    for temperature in (0.3, 1.0):
        drawn = ask(client, "/v1/models/pixelcnn/sample", count=3, labels=[4], temperature=temperature, seed=2)["x"]
        labels = np.full(8, 4, np.int32)
        np.testing.assert_array_equal(drawn, pixelcnn.model.sample(8, labels, seed=2, temperature=temperature)[:3])
    assert [name for name, _ in pixelcnn._kept].count("sample") == 1


def test_densities_say_what_they_are(client, models, images):
    answer = ask(client, "/log_prob", x=images.tolist(), labels=[1, 2])
    assert answer["unit"] == "nats"
    assert answer["basis"]["density"] == "dequantised"
    model = models[0].model
    x = np.repeat(images[:1], 8, axis=0).astype(np.uint8)
    own = model.log_prob(x, np.full(8, 1, np.int32), seed=0).numpy()  # its first example has the noise of the first row
    assert answer["log_prob"][0] == pytest.approx(float(own[0]))
    for particles in (1, 5):
        bound = ask(client, "/v1/models/cvae/log_prob", x=images.tolist(), labels=3, particles=particles)
        assert bound["basis"] | {"density": "bound", "particles": particles} == bound["basis"]
    exact = ask(client, "/v1/models/vectors/log_prob", x=[0.5, 0.25])
    assert exact["log_prob"][0] == pytest.approx(-np.log(2 * np.pi) - (0.5**2 + 0.25**2) / 2, rel=1e-5)


def test_codes_and_back(client, images):
    z = ask(client, "/encode", x=images.tolist(), labels=[1, 2], seed=4)["z"]
    assert np.shape(z) == (2, 64)
    np.testing.assert_array_equal(ask(client, "/decode", z=z, labels=[1, 2])["x"], images)


@pytest.mark.parametrize("path", PATHS)
def test_interpolations_follow_the_paths_of_the_command(client, models, path):
    drawn = ask(client, "/v1/models/gan/interpolate", path=path, steps=6, seed=2)
    own = interpolate(models[2].model, paths=[path], steps=6, seed=2)
    np.testing.assert_allclose(drawn["z"], own.codes[0], rtol=1e-6)
    np.testing.assert_array_equal(drawn["l"], weights_of(6))
    assert np.shape(drawn["x"]) == (6, 8, 8, 1)
    np.testing.assert_array_equal(ask(client, "/v1/models/gan/decode", z=drawn["z"])["x"], drawn["x"])


def test_interpolations_between_examples_and_codes(client, images):
    between = ask(client, "/interpolate", x=images.tolist(), labels=[3, 5], steps=4)
    assert between["labels"] == [3, 3, 5, 5]
    np.testing.assert_array_equal([between["x"][0], between["x"][-1]], images)
    ends = [[0.0] * 3, [1.0] * 3]
    assert ask(client, "/v1/models/gan/interpolate", z=ends, steps=3)["z"][1] == [0.5] * 3


def test_inpainting_keeps_what_is_known(client, images):
    known = (np.arange(64).reshape(8, 8) < 40).astype(int).tolist()
    drawn = np.array(
        ask(client, "/v1/models/pixelcnn/inpaint", x=images.tolist(), known=known, labels=1, samples=3)["x"]
    )
    assert drawn.shape == (2, 3, 8, 8, 1)
    for completions, image in zip(drawn, images, strict=True):
        assert (completions.reshape(3, -1)[:, :40] == image.reshape(-1)[:40]).all()
    assert (drawn[:, 0] != drawn[:, 1]).any()


IMAGE = np.zeros((8, 8, 1), int).tolist()
BAD = [
    ("/sample", {"count": 1_000_000}, 422, "count: input should be less than or equal to 100"),
    ("/sample", {"count": 0}, 422, "greater than or equal to 1"),
    ("/sample", {"count": "4"}, 422, "valid integer"),
    ("/sample", {"seed": -1}, 422, "seed"),
    ("/sample", {"seed": 2**31}, 422, "seed"),
    ("/sample", {"labels": [10]}, 422, "labels must lie in 0 .. 9; got 10"),
    ("/sample", {"labels": "nine"}, 422, "unknown class 'nine'"),
    ("/sample", {"labels": [1.5]}, 422, "labels"),
    ("/sample", {"context": [1.0]}, 422, "unknown field 'context'"),
    ("/sample", {"temprature": 1}, 422, "unknown field 'temprature'"),
    ("/sample", {"format": "gif"}, 422, "'json', 'npz' or 'png'"),
    ("/sample", {"path": "/etc/passwd"}, 422, "unknown field 'path'"),
    ("/v1/models/pixelcnn/sample", {"temprature": 1}, 422, "did you mean 'temperature'"),
    ("/v1/models/pixelcnn/sample", {"temperature": 0}, 422, "temperature must be a number above 0, got 0"),
    ("/v1/models/gan/sample", {"labels": [1]}, 422, "unknown field 'labels'"),
    ("/v1/models/nobody/sample", {}, 404, "unknown model 'nobody'"),
    ("/v1/models/gan/log_prob", {"x": [IMAGE]}, 409, "model gan (gan) has no density"),
    ("/v1/models/gan/inpaint", {}, 409, "no inpainting"),
    ("/log_prob", {"labels": 1}, 422, "x: field required"),
    ("/log_prob", {"x": [IMAGE]}, 422, "labels: this model needs them"),
    ("/log_prob", {"x": [IMAGE] * 3, "labels": [1, 2]}, 422, "3 rows need as many, or one for all; got 2"),
    ("/log_prob", {"x": [IMAGE] * 101, "labels": 1}, 422, "at most 100 at a time"),
    ("/log_prob", {"x": [[1, 2], [3]], "labels": 1}, 422, "equal lengths"),
    ("/log_prob", {"x": [[[0]]], "labels": 1}, 422, "an array [n, 8, 8, 1]; got [1, 1, 1]"),
    ("/log_prob", {"x": [], "labels": 1}, 422, "an array [n, 8, 8, 1]"),
    ("/log_prob", {"x": "abc", "labels": 1}, 422, "x: input should be a valid array"),
    ("/log_prob", {"x": [[[["a"]] * 8] * 8], "labels": 1}, 422, "numbers alone"),
    ("/log_prob", {"x": [[[[17]] * 8] * 8], "labels": 1}, 422, "grey levels must be whole numbers in 0 .. 16; got 17"),
    ("/log_prob", {"x": [[[[0.5]] * 8] * 8], "labels": 1}, 422, "got 0.5"),
    ("/log_prob", {"x": [[[[-1]] * 8] * 8], "labels": 1}, 422, "got -1"),
    ("/log_prob", {"x": [[[[10**30]] * 8] * 8], "labels": 1}, 422, "x: "),
    ("/v1/models/cvae/log_prob", {"x": [IMAGE], "labels": 1, "particles": 65}, 422, "less than or equal to 64"),
    ("/v1/models/vectors/log_prob", {"x": [[1e39, 0]]}, 422, "numbers must be finite"),
    ("/v1/models/gan/decode", {"z": [[0, 0]]}, 422, "an array [n, 3]; got [1, 2]"),
    ("/v1/models/gan/decode", {"z": [[True, False, True]]}, 422, "numbers alone"),
    ("/v1/models/gan/interpolate", {"z": [[0, 0, 0]]}, 422, "a path has two ends; got 1"),
    ("/v1/models/gan/interpolate", {"x": [IMAGE, IMAGE]}, 422, "unknown field 'x'"),
    ("/log_prob", {"x": ["a" * 20_000, *["b"] * 5_000], "labels": 1}, 422, "numbers alone"),
    ("/v1/models/gan/interpolate", {"path": "straight"}, 422, "'linear', 'sinusoidal' or 'spherical'"),
    ("/v1/models/gan/interpolate", {"steps": 1}, 422, "greater than or equal to 2"),
    ("/interpolate", {"x": [IMAGE, IMAGE], "z": [[0] * 64] * 2, "labels": 1}, 422, "give one of them"),
    ("/v1/models/pixelcnn/inpaint", {"x": [IMAGE], "known": [[2] * 8] * 8, "labels": 1}, 422, "1 and 0, must be"),
    ("/v1/models/pixelcnn/inpaint", {"x": [IMAGE], "known": [[True]], "labels": 1}, 422, "masks of 8 x 8"),
    ("/v1/models/pixelcnn/inpaint", {"x": [IMAGE] * 51, "known": [[1] * 8] * 8, "samples": 2, "labels": 1}, 422, "51 x 2"),
    ("/encode", {"x": [IMAGE], "labels": 1, "format": "png"}, 422, "png is for images"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "says"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_told_in_one_line(client, path, body, status, says):
    answer = client.post(path, json=body)
    assert (answer.status_code, [*answer.json()]) == (status, ["error"])
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[1]", b"3", b"null", b'{"count": NaN}', b'{"x": ' + b"[" * 90_000, b'{"seed": 1e999}'],
    ids=["cut", "bytes", "list", "number", "null", "nan", "deep", "large"],
)
def test_malformed_bodies_are_refused(client, content):
    answer = client.post("/log_prob", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "error" in answer.json()


def test_bodies_are_json_and_not_too_long(client):
    assert client.post("/sample", content=b"count=3", headers={"content-type": "text/plain"}).status_code == 415
    long = b'{"count": 3' + b" " * 200_000 + b"}"
    answer = client.post("/sample", content=long, headers={"content-type": "application/json"})
    assert (answer.status_code, "at most 200000 bytes" in answer.json()["error"]) == (413, True)

    def parts():
        for _ in range(100):
            yield b" " * 10_000

    answer = client.post("/sample", content=parts(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_other_paths_and_methods(client):
    assert client.get("/runs/../../etc/passwd").status_code == 404
    assert client.get("/sample").status_code == 405
    assert client.get("/v1/models/nobody").status_code == 404
    assert "did you mean 'cvae'" in client.get("/v1/models/cvea").json()["error"]


def test_results_that_are_not_finite_are_null(client, models, monkeypatch):
    monkeypatch.setattr(models[4].function("log_prob"), "_program", lambda size: lambda **_: {"log_prob": _Nan(size)})
    assert ask(client, "/v1/models/vectors/log_prob", x=[[0, 0]])["log_prob"] == [None]


class _Nan:
    def __init__(self, size):
        self.size = size

    def numpy(self):
        return np.full(self.size, np.nan, np.float32)


def test_a_model_that_fails_is_an_error_of_the_server(client, models, monkeypatch, capsys):
    def fail(size):
        raise ValueError("broken weights")

    monkeypatch.setattr(models[4].function("log_prob"), "_program", fail)
    answer = client.post("/v1/models/vectors/log_prob", json={"x": [[0, 0]]})
    assert answer.status_code == 500
    assert "broken" not in answer.text
    assert "ValueError: broken weights" in capsys.readouterr().err


def test_health_metrics_and_description(client, service):
    assert client.get("/healthz").json() == {"status": "live"}
    assert client.get("/readyz").json() == {"status": "ready"}
    ask(client, "/sample", count=3)
    text = client.get("/metrics").text
    assert 'tfgen_requests_total{endpoint="sample",model="conditional_realnvp",status="200"}' in text
    assert "tfgen_block_rows_count" in text
    assert "tfgen_queue_requests 0.0" in text
    described = client.get("/openapi.json").json()
    assert json.dumps(described)
    assert {"/sample", "/v1/models/gan/interpolate", "/v1/models/pixelcnn/inpaint"} <= {*described["paths"]}
    assert "temperature" in described["components"]["schemas"]["pixelcnn.sample"]["properties"]
    references = {word.split('"')[2] for word in json.dumps(described).split("$ref")[1:]}
    assert references <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    page = client.get("/docs")
    assert "/v1/models/cvae/decode" in page.text
    assert "http://" not in page.text.replace("http://localhost", "")
    assert "https://" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_long_texts_take_no_room():
    """An array of texts would give each of them the room of the longest: here 400 MB."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="numbers alone"):
            codes(["a" * 20_000, *["b"] * 5_000], 2, False, 10)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
