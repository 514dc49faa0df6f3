"""The PixelCNN benchmark's structure and bookkeeping; never how long anything took."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).parents[2]
TINY = ["--side", "4", "--blocks", "1", "--filters", "4", "--batch-sizes", "1", "3", "--rounds", "2"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.pixelcnn_sampling")


@pytest.fixture(scope="module")
def products(bench):
    return importlib.import_module("benchmarks.products")


@pytest.mark.slow
def test_everything_is_timed_in_every_round_and_the_naive_sampler_once(bench, tmp_path, capsys):
    files = ["--json", str(tmp_path / "out.json"), "--markdown", str(tmp_path / "out.md")]
    assert bench.main([*TINY, *files]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert [timing["batch"] for timing in content["timings"]] == [1, 3]
    for timing in content["timings"]:
        assert timing["pixels"] == 16
        for seconds in (timing["cached"], timing["products"], timing["product_rate"], *timing["passes"].values()):
            assert len(seconds) == 2
            assert min(seconds) > 0
    assert content["timings"][0]["naive"] > 0
    assert content["timings"][1]["naive"] is None  # 3 is not among those that are run whole
    assert content["timings"][1]["multiply_adds"] == 3 * content["timings"][0]["multiply_adds"]
    printed = capsys.readouterr().out
    assert "it drew the same images" in printed
    assert "target: 180 times a pass for each pixel at batch 1" in printed
    assert (tmp_path / "out.md").read_text().startswith("| batch | images/s |")


def test_multiply_adds_are_those_of_the_architecture(bench, products):
    """Counted by hand: the weights that each place of the network is multiplied with, once for each pixel."""
    options = bench.Options(side=4, blocks=1, filters=4)
    model = bench.make_model(options)
    draw = tf.function(lambda: model.sample(1, seed=0), autograph=False).get_concrete_function()
    counted = sum(product.multiply_adds for product in products.products_of(draw))
    entry = 3 * 7 * 2 * 4 + 4 * 4 + 3 * 2 * 4  # above, link, left of the pixel; the image has a channel and a one
    block = 2 * 3 * 4 * 8 + 8 * 8 + 2 * 4 * 8 + 4 * 4  # row, link, left and the pixel, mix
    head = 4 * 8 + 8 * 1
    assert counted == 16 * (entry + block + head)


def test_products_alone_are_the_same_products(products):
    found = products.alone([products.Product(2, 3, 5, 1), products.Product(4, 3, 2, 6)], (2, 3))()
    assert [result.shape.as_list() for result in found] == [[2, 5], [4, 2]]
    np.testing.assert_allclose(found[1], np.full((4, 2), 3.0))


def test_samplers_that_disagree_are_no_measurement(bench, monkeypatch):
    options = bench.Options(side=4, blocks=1, filters=4)
    model = bench.make_model(options)
    monkeypatch.setattr(type(model), "sample", lambda self, n, seed: 255 - self.sample_naively(n, seed=seed))
    with pytest.raises(bench.TfgenError, match=r"disagree in 100\.00 % of the pixels"):
        bench.verify(model, bench.Timing(2, 1, 16), seed=0)


def test_what_reaches_the_targets_and_what_does_not(bench):
    slow = bench.Timing(1, 100, 784, cached=[1.0, 1.0], passes={"graph": [0.3, 0.2], "xla": [0.1, 0.1]})
    slow.product_rate, slow.products = [1000.0, 1000.0], [0.5, 0.5]
    fast = bench.Timing(256, 100, 784, cached=[0.2, 0.2], passes={"graph": [0.1, 0.1], "xla": [0.2, 0.2]})
    fast.product_rate, fast.products = [1000.0, 1000.0], [0.1, 0.1]
    assert slow.way == "xla"
    assert slow.ratios == pytest.approx([78.4, 78.4])
    assert fast.shares == pytest.approx([0.5, 0.5])
    assert fast.product_shares == pytest.approx([1.0, 1.0])
    lines = "\n".join(bench.verdict_lines([slow, fast], 10, {"batch": 1, "parameters": 20, "pass_seconds": [2.0]}))
    assert "batch 1; 78, NOT reached" in lines
    assert "40% of a large product's rate at batch 256; 50%, reached" in lines
    assert "tfd.PixelCNN, 20 parameters, batch 1: 784 passes take 1568 s" in lines
    assert "1,568 times as long as tfgen's" in lines


@pytest.mark.parametrize(
    "wrong", [["--rounds", "0"], ["--batch-sizes", "0"], ["--attention", "-1"], ["--filters", "0"]]
)
def test_bad_options_are_one_line(bench, wrong, capsys):
    assert bench.main(wrong) == 2
    assert capsys.readouterr().err.count("\n") == 1
