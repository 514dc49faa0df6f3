"""The page: whole, self-contained, safe from what a run's files say, and with everything that there is."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.plugins.report.made_runs import PICTURES, make_run, metric, page_of
from tfgen.errors import RunError
from tfgen_plugins.report import pictures
from tfgen_plugins.report.gallery import place_of

NASTY = "</title></style><script>alert(1)</script>\"' onerror=x <img src=http://x.org/y.png> {{ 7 * 7 }} &amp; \u202e"


def test_one_run(tmp_path):
    page = page_of(make_run(tmp_path / "a", options={"units": 64}, pictures=(*PICTURES, "confusion_valid", "my_own")))
    for said in (
        "realnvp on digits", "CPU (2 cores), 2 cores", "images, 8 x 8 x 1", "flows (tfgen 0.1.0)",
        "3.168± 0.010", "1 min 16 s", "31,392", "tensorflow2.21.0", "Before training", "After training", "My own",
        "How often each class was taken for which (valid)", "tfgen evaluate runs/a",
    ):  # fmt: skip
        assert said in page.text, said
    assert len(page.images) == 6
    assert [found["alt"].split(",")[0] for found in page.all("img", **{"class": "clear pixelated"})] == [
        "Samples before training", "Samples half-way", "Samples after training",
    ]  # fmt: skip
    assert page.all("tr", **{"class": "differs"})


def test_several_runs_are_compared_as_compare_does(tmp_path):
    folders = [
        make_run(tmp_path / "good", test={"bits_per_dim": metric(1.0)}),
        make_run(tmp_path / "bad", test={"bits_per_dim": metric(2.0)}, training={"seed": 5}),
        make_run(tmp_path / "as-good", test={"bits_per_dim": metric(1.001)}, training={"seed": 6}),
    ]
    page = page_of(*folders)
    assert [found["href"] for found in page.all("a")[:4]] == ["#comparison", "#run-1", "#run-2", "#run-3"]
    ranked = [found.get("class") for found in page.all("td") if found.get("class") in ("best", "level", "behind")]
    assert ranked == ["level", "behind", "level"]
    assert "2.000 ± 0.010 +1.000 ± 0.014" in page.text
    assert "~ level with the leading run" in page.text
    assert "seed056" in page.text
    assert len(page.images) == 1 + 3 + 3 * 4  # all curves in one, the last samples side by side, and each run's own
    assert page_of(*folders[:2]).text.count("1.000 ± 0.010 *") == 1


def test_plots_and_pictures_of_images_are_told_apart_for_a_dark_page(tmp_path):
    page = page_of(make_run(tmp_path / "a", pictures=(*PICTURES, "codes", "manifold", "my_own")))
    kinds = {found["alt"].split(",")[0].split(" ")[0]: found["class"].split()[0] for found in page.all("img")}
    assert kinds == {
        "Samples": "clear", "Training": "plot-image", "Codes": "plot-image", "A": "clear", "My": "images",
    }  # fmt: skip


def test_every_picture_opens_in_full_size_and_the_latent_ones_are_not_folded_up(tmp_path):
    page = page_of(make_run(tmp_path / "a", pictures=(*PICTURES, "codes", "manifold", "my_own")))
    assert len(page.all("input", type="checkbox")) == len(page.images) == 7
    folds = page.html.split("<summary>")
    opened = {after.split("<")[0].strip(): "<details open>" in before[-40:] for before, after in pairwise(folds)}
    assert opened["Latent space"]
    assert not opened["Other pictures"]


def test_rows_of_little_but_dashes_are_folded_up(tmp_path):
    common = {"bits_per_dim": metric(1.0)}
    runs = [
        make_run(tmp_path / "flow", test=common | {"kl_nats": metric(0.5)}, options={"units": 64}),
        make_run(tmp_path / "other", model="vae", test=common | {"elbo_nats": metric(-90.0)}, options={"latent": 8}),
    ]
    text = page_of(*runs).text
    first, alone = text.split("Metrics that one run alone has")
    assert "test bits_per_dim" in first
    assert "kl_nats" not in first.split("Side by side")[-1]
    assert "test kl_nats" in alone
    assert "test elbo_nats" in alone
    assert "latent" in text.split("Options that not every model has")[1]


def test_a_metric_that_cannot_be_has_a_warning(tmp_path):
    kl = metric(-0.5, 0.1, "nats", basis={"data": "two_gaussians"})
    page = page_of(make_run(tmp_path / "a", test={"kl_nats": kl}))
    assert "Warning test: kl_nats is -0.50 ± 0.10, and no KL divergence is below zero" in page.text
    assert "Warning" not in page_of(make_run(tmp_path / "b", test={"kl_nats": kl | {"standard_error": 0.2}})).text


def test_what_a_run_says_cannot_break_out(tmp_path):
    folder = make_run(
        tmp_path / "<script>alert('&quot;')<",
        model=NASTY, data=NASTY, options={NASTY: NASTY, "list": [NASTY]}, versions={NASTY: NASTY}, data_source=NASTY,
        machine={"device": NASTY, "cores": NASTY}, plugin={"name": NASTY, "file": NASTY},
        test={NASTY: metric(1.0, unit=NASTY, basis={NASTY: NASTY})}, pictures=("curves", "\"><script>'x"),
        results={"weights": NASTY, "classification": {NASTY: {"metrics": {NASTY: metric(1.0)}}}},
    )  # fmt: skip
    other = make_run(tmp_path / "other")
    for page in (page_of(folder), page_of(folder, other)):
        assert "<script" not in page.html
        assert "49" not in page.html.replace("7 * 7", "").split("</head>")[0]
        assert NASTY.split("\u202e")[0].strip() in page.text


def test_folders_of_the_machine_are_not_in_the_page(tmp_path):
    sources = {"data_dir": "/home/somebody/secret", "manual_dir": "/home/somebody/secret/manual"}
    told = {"bits_per_dim": metric(1.0, basis={"network": "/home/somebody/secret/net.keras"})}
    folder = make_run(tmp_path / "a", sources=sources, test=told)
    page = page_of(folder)
    assert "somebody" not in page.html
    assert str(tmp_path) not in page.html
    assert "DATA_DIR/net.keras" in page.text
    assert "--data-dir DATA_DIR --manual-dir MANUAL_DIR" in page.code[0]
    plugin = {"name": "mine", "distribution": None, "file": "/home/somebody/plugins/mine.py"}
    chosen = {"weights": "/home/somebody/secret/manual/w.npz"}
    page = page_of(make_run(tmp_path / "b", model="mine", sources=sources, options=chosen, plugin=plugin))
    assert "somebody" not in page.html
    assert page.code[0].startswith("tfgen -p mine.py run mine ")
    assert "--weights MANUAL_DIR/w.npz" in page.code[0]


def test_an_unfinished_run_is_shown_with_what_there_is(tmp_path):
    page = page_of(make_run(tmp_path / "a", finished=False, pictures=("samples_before",)))
    assert "unfinished, no checkpoint yet" in page.text
    assert "lowest bits/dim so far1.333" in page.text
    assert len(page.images) == 2  # its curves are drawn
    begun = make_run(tmp_path / "b", finished=False, pictures=())
    (begun / "metrics.jsonl").unlink()
    assert not page_of(begun).images
    assert page_of(begun, tmp_path / "a").all("section", id="comparison")


def test_without_its_plugin_a_run_is_shown_with_all_its_options(tmp_path):
    page = page_of(make_run(tmp_path / "a", model="stranger", options={"depth": 3, "wide": False}))
    assert "unknown model 'stranger'" in page.text
    assert page.code[0] == "tfgen run stranger --data digits --name a --depth 3 --no-wide"
    older = page_of(make_run(tmp_path / "b", options={"an_option_of_old": 1}))
    assert "unknown option 'an_option_of_old'" in older.text
    assert "--an-option-of-old 1" in older.code[0]


def test_metrics_of_samples_and_their_classes(tmp_path):
    shares = [0.9, 1.0, None, 0.25]
    told = {
        "fid": metric(
            4.5,
            None,
            "",
            basis={
                "samples": 5000,
                "seed": 2,
                "network": "keras inception_v3",
                "reference": "300 examples, bits (static)",
            },
        ),
        "label_accuracy": metric(0.975, 0.002, "of samples", per_class=shares, basis={"samples": 5000}),
    }
    page = page_of(make_run(tmp_path / "a", test=told))
    assert page.code[1:] == [
        "tfgen evaluate runs/a --samples 5000 --features inception --reference static --seed 2 --metrics fid,accuracy"
    ]
    heights = [found["style"] for found in page.all("span", **{"class": "fill"})]
    assert heights == ["height:90.0%", "height:100.0%", "height:0.0%", "height:25.0%"]
    assert "label accuracy of samples on test, by class" in page.text


def test_classification(tmp_path):
    found = {
        "metrics": {"accuracy": metric(0.75, basis={"p(y)": "uniform", "draws": 4})},
        "confusion": [[6, 0], [4, 10]],
    }
    page = page_of(make_run(tmp_path / "a", results={"classification": {"test": found}}))
    assert "1 taken for 0 (4 times)" in page.text
    assert "1.0000 0.7141" in page.text  # shares of the classes
    assert [cell["style"] for cell in page.all("td", **{"class": "wrong"})] == ["--share:29%"]
    assert page.code[2] == "tfgen classify runs/a --priors uniform --draws 4"


@pytest.mark.parametrize(
    "results",
    [
        {"parameters": "many", "best_epoch": None, "sampling": {"value": 3.0}},
        {"sampling": {"value": "fast", "basis": {"batch_size": 4}}},
        {"classification": {"test": {"metrics": {}, "confusion": [[1, 2], [3]]}}},
        {"classification": {"test": {"metrics": {}, "confusion": "yes"}}},
    ],
)
def test_entries_of_unknown_kinds_are_left_out(tmp_path, results):
    folder = make_run(tmp_path / "a", results=results, machine="a computer")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "seconds": "many", "valid/bits_per_dim": null, "valid/loss": "low"}\n')
    assert page_of(folder).text.count("bits/dim")
    assert page_of(folder, make_run(tmp_path / "b"))


def damaged(content: bytes) -> dict[str, bytes]:
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0xFF
    return {"cut": content[: len(content) // 2], "changed": bytes(changed), "empty": b"", "text": b"<svg></svg>"}


@pytest.mark.parametrize("way", ["cut", "changed", "empty", "text"])
def test_a_damaged_picture_is_left_out_and_told(tmp_path, way):
    folder = make_run(tmp_path / "a")
    path = folder / "figures" / "samples_half.png"
    path.write_bytes(damaged(path.read_bytes())[way])
    page = page_of(folder)
    assert len(page.images) == 3
    assert "figures/samples_half.png is left out: the file is damaged or no PNG." in page.text


def noise(path: Path, width: int, height: int) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 4)).astype(np.uint8)).save(path)


def test_a_large_picture_is_scaled_down(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 60_000)
    path = tmp_path / "x.png"
    noise(path, 600, 300)
    found = pictures.inlined(path)
    assert (found.width, found.height) == (300, 150)
    assert len(found.uri) < 1.4 * pictures.MOST_BYTES
    assert found.note == "scaled down from 600 x 300 for this page"
    noise(path, 30, 20)
    assert pictures.inlined(path).note == ""


def test_no_picture_is_read_that_would_never_end(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(RunError, match="it is no regular file"):
        pictures.inlined(tmp_path / "folder.png")
    packed = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(packed, format="PNG")  # 50 kB that unfold to 400 million pixels
    (tmp_path / "bomb.png").write_bytes(packed.getvalue())
    with pytest.raises(RunError, match="pixels"):
        pictures.inlined(tmp_path / "bomb.png")


def test_more_pictures_than_a_page_holds(tmp_path):
    page = page_of(make_run(tmp_path / "a", pictures=(*PICTURES, *(f"extra_{n:02}" for n in range(60)))))
    assert len(page.images) == 60
    assert "4 of 64 pictures are left out" in page.text
    assert "Before training" in page.text


@pytest.mark.parametrize(
    ("name", "group"),
    [("codes", "Latent space"), ("interpolation", "Interpolation"), ("interpolations", "Latent space"),
     ("inpainting_left", "Inpainting"), ("reliability", "Classification"), ("neighbours", "Nearest training examples"),
     ("classes", "Classes"), ("samples", "Further samples"), ("samplesofmine", "Other pictures")],
)  # fmt: skip
def test_groups(name, group):
    assert place_of(name)[0] == group


def test_numbers_are_those_of_the_files(tmp_path):
    folder = make_run(tmp_path / "a", test={"nll_nats": metric(81.34, None, "nats"), "bits_per_dim": metric(1.5)})
    results = json.loads((folder / "results.json").read_text())
    assert results["test"]["nll_nats"]["standard_error"] is None
    page = page_of(folder)
    assert "negative log-likelihood81.34nats" in page.text
    assert "examples 300 · draws 1 · seed 0" in page.text
