"""Notebooks, with a stand-in for IPython: a progress bar, a run as HTML, data sets in a line; and lines that fit a terminal."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfgen
from tfgen.cli.tables import fitted
from tfgen.data.digits import load_digits
from tfgen.printed import say
from tfgen.progress import Bar, fitting


@pytest.fixture
def shown(monkeypatch):
    """The HTML that a notebook displays, each with its later versions."""
    displayed: list[list[str]] = []

    def display(content, display_id):
        displayed.append([content])
        return SimpleNamespace(update=displayed[-1].append)

    module, parts = ModuleType("IPython"), ModuleType("IPython.display")
    module.get_ipython = lambda: SimpleNamespace(kernel=object(), execution_count=3)  # type: ignore[attr-defined]
    parts.HTML, parts.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", parts)
    return displayed


def test_a_bar_in_a_notebook_is_html_and_reaches_its_end(shown, capsys):
    with Bar("<b>", 10, "steps") as bar:
        for done in range(1, 11):
            bar.update(done, {"loss": 1.5})
        bar.say("a note")
    (versions,) = shown
    assert "&lt;b&gt;" in versions[0]
    assert '<progress value="10" max="10"' in versions[-1]
    assert "loss 1.5" in versions[-1]
    assert capsys.readouterr() == ("a note\n", "")  # not in red


def test_outside_notes_go_to_stderr(capsys):
    say("a note", error=True)
    assert capsys.readouterr() == ("", "a note\n")


def test_a_run_is_html_with_every_text_escaped(run_copy, shown):
    path = run_copy / "results.json"
    notes = [{"about": "data", "text": "<script>\x1b[2J"}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "notes": notes}))
    run = tfgen.load(run_copy)
    page = run._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;\\x1b[2J" in page
    assert "<td>bits_per_dim</td>" in page
    assert "data:image/png;base64," in page
    run.display()
    assert shown == [[page]]
    assert run._repr_html_() is None  # once in a cell


def test_data_sets_are_one_line():
    text = repr(load_digits())
    assert text.startswith(
        "Dataset('digits': images uint8 [batch, 8, 8, 1] with grey levels 0 .. 16, 10 classes; train 1,297"
    )
    assert len(text) < 140
    assert repr(load_digits().test) == "Split(300 examples, uint8 [8, 8, 1], with labels)"


def test_the_summary_of_a_model_counts_its_weights(tiny_run, capsys):
    model = tfgen.load(tiny_run).model
    model.summary()
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(f"{sum(int(w.numpy().size) for w in model.trainable_variables):,} trained numbers")


def test_names_of_the_package_are_public_ones():
    assert set(dir(tfgen)) == set(tfgen.__all__)


@given(st.lists(st.text("abc 1.", min_size=1, max_size=20), max_size=5), st.integers(-5, 90))
def test_text_beside_a_bar_is_never_cut(values, room):
    text = fitting(values, "10 steps/s", room)
    assert len(text) <= max(0, room)


@pytest.mark.parametrize("width", [60, 80, 110])
def test_results_wrap_between_words(width, monkeypatch):
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("COLUMNS", str(width))
    line = "test   bits_per_dim  2.1490 ± 0.0120 bits/dim   (examples 300, density dequantised, draws 1, seed 0, levels 17)"
    wrapped = fitted([line])
    assert all(len(part) <= width for part in wrapped)
    assert " ".join(" ".join(wrapped).split()) == " ".join(line.split())
