"""Folders of runs that nobody has trained, and a reader of the pages that are made of them."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from tfgen.plugin.loading import load_registry
from tfgen.runs.config import default_config
from tfgen_plugins.report.page import html_of
from tfgen_plugins.report.reading import read_for_page

REGISTRY = load_registry()
PICTURES = ("samples_before", "samples_half", "samples_after", "curves")
#: Elements that have no end.
_VOID = {"meta", "link", "img", "br", "input"}
#: What a page may hold; whatever else could act or ask for something.
_KNOWN = {
    "html", "head", "meta", "link", "title", "style", "body", "header", "nav", "main", "section", "footer",
    "h1", "h2", "h3", "p", "strong", "span", "small", "code", "pre", "a", "ul", "li", "dl", "div", "dt", "dd",
    "figure", "label", "input", "img", "figcaption", "details", "summary", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def metric(value: float, error: float | None = 0.01, unit: str = "bits/dim", **more: Any) -> dict[str, Any]:
    """Return a metric as results.json has it."""
    basis = {"split": "test", "examples": 300, "data": "digits", "draws": 1, "seed": 0} | more.pop("basis", {})
    return {"value": value, "standard_error": error, "unit": unit, "basis": basis, **more}


def make_run(
    folder: Path,
    model: str = "realnvp",
    data: str = "digits",
    options: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    test: dict[str, Any] | None = None,
    finished: bool = True,
    pictures: tuple[str, ...] = PICTURES,
    results: dict[str, Any] | None = None,
    **config: Any,
) -> Path:
    """Write the small files of a run; what is not named is as by default."""
    (folder / "figures").mkdir(parents=True)
    usual = (
        default_config(REGISTRY.models[model]).to_json()
        if model in REGISTRY.models
        else {"options": {}, "training": {}}
    )
    content = usual | {
        "format": 2,
        "model": model,
        "data": data,
        "plugin": {"name": "flows", "distribution": "tfgen", "version": "0.1.0", "file": "/home/somebody/flows.py"},
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
        "machine": {"device": "CPU (2 cores)", "cores": 2, "platform": "linux"},
        "data_spec": {"kind": "image", "shape": [8, 8, 1], "classes": 10, "levels": 17, "value_range": [-4, 4]},
        **config,
    }
    content["options"] = content["options"] | (options or {})
    content["training"] = content["training"] | (training or {})
    (folder / "config.json").write_text(json.dumps(content))
    curve = {"train/loss": 5.0, "valid/loss": 5.5, "valid/bits_per_dim": 4.0}
    rows = [
        {"step": 10 * n, "epoch": n, "seconds": n / 2, **{name: value / n for name, value in curve.items()}}
        for n in (1, 2, 3)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if finished:
        told = {"model": model, "data": data, "steps": 30, "epochs": 3, "train_seconds": 75.5, "parameters": 31392}
        told |= {"test": {"bits_per_dim": metric(3.1682)} if test is None else test} | (results or {})
        (folder / "results.json").write_text(json.dumps(told))
    for name in pictures:
        Image.new("RGB", (24, 16), "navy").save(folder / "figures" / f"{name}.png")
    return folder


def page_of(*folders: Path) -> Page:
    """Return the page about runs, read back and found whole."""
    return Page(html_of(read_for_page(folders), REGISTRY))


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, its text; mistakes raise.

    Attributes:
        html: the whole of it.
        elements: each start tag with its attributes.
        text: what is read, its words one space apart.
        images: every picture, decoded.
        code: the content of each code element in a pre.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html, self.text, self.code = html, "", []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"
        self.text = " ".join(self.text.split())
        self.images = [self._decoded(found["src"]) for tag, found in self.elements if tag == "img"]
        self._check()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _KNOWN, f"<{tag}> has no place in the page"
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)
            if self._open[-2:] == ["pre", "code"]:
                self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> ends nothing"
        assert self._open.pop() == tag, f"</{tag}> in <{self._open}>"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            assert not re.search(r"url\s*\(|@import", data), "the style sheet asks for something"
            return
        self.text += data
        if self._open[-2:] == ["pre", "code"]:
            self.code[-1] += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Return the attributes of the elements of a kind that have these."""
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]

    def _check(self) -> None:
        ids = [found["id"] for _, found in self.elements if "id" in found]
        assert len(set(ids)) == len(ids), ids
        for tag, found in self.elements:
            assert not [name for name in found if name.startswith("on")], found
            assert not {"srcset", "action", "formaction", "background", "poster", "data"} & set(found), found
            assert "url(" not in found.get("style", "")
            address = found.get("href", "")
            if address and tag == "a":
                assert address.startswith("#"), address
                assert address[1:] in ids, address
            assert tag == "a" or address in ("", "data:,"), address
        assert len(self.all("h1")) == 1
        assert all(found["alt"] for found in self.all("img"))

    @staticmethod
    def _decoded(address: str) -> Image.Image:
        start = "data:image/png;base64,"
        assert address.startswith(start)
        image = Image.open(io.BytesIO(base64.b64decode(address.removeprefix(start), validate=True)), formats=["PNG"])
        image.load()
        return image
