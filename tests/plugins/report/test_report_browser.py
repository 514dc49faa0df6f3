"""The page in a real browser: no request, no complaint, all pictures are there, nothing sticks out of a phone."""

from __future__ import annotations

import pytest

from tests.plugins.report.chromium import PROGRAM, chromium
from tests.plugins.report.made_runs import PICTURES, REGISTRY, make_run, metric
from tfgen_plugins.report.page import html_of
from tfgen_plugins.report.reading import read_for_page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is on PATH: apt-get install chromium")
LONG = "a_name_without_a_single_place_at_which_it_could_be_broken_in_two" * 2


def test_pages_in_a_browser(tmp_path):
    found = {"metrics": {"accuracy": metric(0.75)}, "confusion": [[60] * 12 for _ in range(12)]}
    told = {"bits_per_dim": metric(1.0), LONG: metric(2.0, unit=LONG, per_class=[0.5] * 60, basis={LONG: LONG})}
    runs = [
        make_run(tmp_path / "first", test=told, results={"classification": {"test": found}}, data_source=LONG),
        make_run(tmp_path / LONG, pictures=(*PICTURES, "codes", LONG), training={"seed": 3}),
        make_run(tmp_path / "third", model="gone", options={LONG: LONG}, finished=False),
    ]
    with chromium(tmp_path / "profile") as browser:
        for number, shown in enumerate((runs[:1], runs)):
            path = tmp_path / f"{number}.html"
            path.write_text(html_of(read_for_page(shown), REGISTRY))
            for width, height, mobile, scheme in ((390, 844, True, "dark"), (1280, 900, False, "light")):
                browser.open(path, width, height, mobile, scheme)
                sizes = browser.value("[...document.images].map(image => image.naturalWidth)")
                assert len(sizes) == path.read_text().count("<img")
                assert min(sizes) > 0
                browser.value("document.querySelectorAll('details').forEach(part => { part.open = true })")
                widths = browser.value("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
                assert max(widths) <= width, widths
                ends = browser.value(
                    "[...document.querySelectorAll('.numbers .number, figure img')].map(x => x.getBoundingClientRect().right)"
                )
                assert not mobile or max(ends) <= width  # no value and no picture is cut off, or has to be scrolled to
                filters = browser.value(
                    "[...document.querySelectorAll('img.plot-image')].map(x => getComputedStyle(x).filter != 'none')"
                )
                assert set(filters) == {scheme == "dark"}
                browser.value("document.querySelector('label.frame img').click()")
                full = browser.value(
                    "(x => [x.width, x.naturalWidth, getComputedStyle(x.parentNode).position])"
                    "(document.querySelector('label.frame img'))"
                )
                assert full == [full[1], full[1], "fixed"]
                assert {address.partition(":")[0] for address in browser.requests()} <= {"file", "data"}
                assert [address for address in browser.requests() if address.startswith("file:")] == [path.as_uri()]
                assert browser.complaints() == []
                assert browser.value("getComputedStyle(document.body).backgroundColor") == {
                    "dark": "rgb(20, 23, 26)", "light": "rgb(251, 251, 250)",
                }[scheme]  # fmt: skip


def test_what_the_checks_above_would_see(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'><img src='http://127.0.0.1:9/x.png'>"
        "<div style='width:900px'>x</div><script>console.log(1)</script>"
    )
    with chromium(tmp_path / "profile") as browser:
        browser.open(path, 390, 844, mobile=True)
        assert browser.value("[...document.images].map(image => image.naturalWidth)") == [0]
        assert browser.value("document.documentElement.scrollWidth") > 390
        assert "http://127.0.0.1:9/x.png" in browser.requests()
        assert browser.complaints()
