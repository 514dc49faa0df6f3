"""Printed lines: nothing that a name, a text of a plugin or a stranger's file holds can act on the terminal."""

from __future__ import annotations

import ast
import io
import json
import shlex
import shutil
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfgen
from tfgen.cli import main
from tfgen.cli.result_lines import finished_lines
from tfgen.cli.tables import print_table
from tfgen.printed import command_text, escaped, say
from tfgen.progress import Bar
from tfgen.runs.config import run_plugin_words
from tfgen.runs.folder import RunFolder

ROOT = Path(tfgen.__file__).parents[1]
EVIL = "a\x1b[31mred\x1b]0;title\x07\rb\nc\u202ed\x9b2J"
PLUGIN = """
import numpy as np
import tfgen


def load(sources):
    split = tfgen.Split(np.random.default_rng(0).normal(size=(200, 2)))
    return tfgen.Dataset("mine", tfgen.DataSpec("vector", (2,)), {name: split for name in ("train", "valid", "test")})


@tfgen.hookimpl
def tfgen_register(registry):
    registry.add_dataset(tfgen.DatasetSpec("mine", load, "summary \\x1b[2J of it"))
"""


def unseen(text: str) -> list[str]:
    """Return the characters of a text, newlines left out, that a terminal acts on or nobody sees."""
    return [each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@given(st.text(), st.booleans())
def test_a_text_is_one_line_without_unseen_characters(text, error):
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr" if error else "stdout", stream)
        say(text, "second", error=error)
    first, second, end = stream.getvalue().split("\n")
    assert (second, end) == ("second", "")
    assert not unseen(first)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_seen_characters_stay_as_they_are(text):
    assert escaped(text) == text


def test_what_the_encoding_of_a_terminal_lacks_is_escaped(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    say("1 ± 2 \udc80")
    assert stream.buffer.getvalue() == b"1 \\xb1 2 \\udc80\n"


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1))
def test_commands_are_quoted(words):
    assert shlex.split(command_text(*words)) == ["tfgen", *words]


def test_nothing_in_tfgen_prints_in_another_way():
    places = [*(ROOT / "tfgen").rglob("*.py"), *(ROOT / "plugins" / "report").glob("*.py")]
    places += [*(ROOT / "plugins" / "sweep").glob("*.py")]
    assert len(places) > 100
    for path in places:
        names = {node.func.id for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        assert "print" not in names, f"{path} prints without tfgen.printed.say"


def test_tables_and_bars_are_escaped(capsys):
    print_table((EVIL,), [(EVIL,), ("[red]:smile:",)])
    with Bar(EVIL, 2, "steps") as bar:
        bar.update(2, {EVIL: 1.0})
        bar.say(EVIL)
    out, err = capsys.readouterr()
    assert not unseen(out + err)
    assert "[red]:smile:" in out


TYPED = [
    [EVIL], ["run", EVIL], ["run", "realnvp", "--data", EVIL], ["info", EVIL], ["sample", EVIL], ["evaluate", EVIL],
    ["-p", f"{EVIL}.py", "list"], ["run", "realnvp", f"--{EVIL}"], ["run", "realnvp", "--epochs", EVIL],
    ["--traceback", "info", EVIL],
]  # fmt: skip


@pytest.mark.parametrize("arguments", TYPED)
def test_errors_hold_what_was_typed_escaped(arguments, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert not unseen(out + err)
    assert "\\x1b[31mred" in err


def test_texts_of_a_strangers_run_are_escaped(run_copy, tmp_path, capsys):
    folder = Path(shutil.copytree(run_copy, tmp_path / "st\x1b[31mranger\nrun"))
    for name, changes in (
        ("config.json", {"versions": {"python": EVIL}, "data_source": EVIL}),
        ("results.json", {"notes": [{"about": "data", "text": EVIL}], "weights": EVIL}),
    ):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    for command in (["info", str(folder)], ["compare", str(folder), str(run_copy), "--no-pictures"]):
        assert main(command) == 0
        out, err = capsys.readouterr()
        assert not unseen(out + err)
    assert "\\x1b[31mred" in out or "\\x1b[31mranger" in out


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my sets.py"
    path.write_text(PLUGIN)
    return path


def test_texts_of_a_plugin_are_escaped(plugin, capsys):
    assert main(["-p", str(plugin), "datasets"]) == 0
    out = capsys.readouterr().out
    assert not unseen(out)
    assert "\\x1b[2J of it" in out


@pytest.mark.slow
def test_commands_of_a_run_carry_the_plugin_of_its_data(plugin, tmp_path, capsys, no_pictures):
    options = ["--epochs", "1", "--layers", "2", "--units", "8", "--compile", "graph"]
    options += ["--runs-dir", str(tmp_path / "my runs")]
    assert main(["-p", str(plugin), "run", "realnvp", "--data", "mine", *options]) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "my runs" / "realnvp-mine"
    commands = [shlex.split(line) for line in out[out.index("next ") :].splitlines()]
    before = ["tfgen", "-p", str(plugin)]
    for words in commands:
        words = words[words.index("tfgen") :]
        assert words[:3] == before
        assert words[4] == str(folder)
    named = [words[words.index("-p") + 2] for words in commands]
    assert named == ["sample", "evaluate", "latent", "report"]  # no number of vectors, nothing to inpaint
    assert commands[1][-2:] == ["--samples", "200"]
    (folder / "results.json").unlink()
    assert main(["info", str(folder)]) == 0
    assert f"go on with: {shlex.join([*before, 'resume', str(folder)])}" in capsys.readouterr().out
    assert main(["report", str(folder), "--out", str(tmp_path / "page.html")]) == 0
    assert shlex.join([*before, "run"]).replace("'", "&#39;") in (tmp_path / "page.html").read_text()
    # and they work as they stand
    assert main(["-p", str(plugin), "resume", str(folder)]) == 0
    assert main(["resume", str(folder)]) == 2


def test_commands_fit_a_conditional_model_of_images(tmp_path, capsys, no_pictures):
    options = ["--epochs", "1", "--units", "8", "--compile", "graph", "--evaluate", "none", "--runs-dir", str(tmp_path)]
    assert main(["run", "cvae", *options]) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "cvae-digits"
    assert f"tfgen number {folder} 2026" in out
    assert f"tfgen evaluate {folder} --samples 300" in out
    assert f"tfgen latent {folder}\n" in out
    assert f"tfgen report {folder}\n" in out
    assert "inpaint" not in out


def test_a_folder_that_looks_like_an_option_and_malformed_records_of_plugins():
    assert RunFolder(Path("-x")).command("resume") == "tfgen resume ./-x"
    assert run_plugin_words({"plugin": {"name": 3, "file": "x"}, "other_plugins": [3, {"name": "a"}]}) == []
    assert run_plugin_words({"other_plugins": "text"}) == []


def test_lines_about_a_run_fit_the_terminal_and_break_between_words(tiny_run, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    main(["info", str(tiny_run)])
    whole = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main(["info", str(tiny_run)])
    narrow = capsys.readouterr().out
    assert any(len(line) > 80 for line in whole.splitlines())
    assert all(len(line) <= 80 for line in narrow.splitlines() if " " in line.strip())
    assert narrow.split() == whole.split()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = "\n".join(finished_lines(tfgen.load(tiny_run)))
    commands = text.partition("\nnext ")[2]
    assert all(len(line) <= 80 or " " not in line for line in text.removesuffix(commands).splitlines())
    assert commands.startswith("     tfgen ")  # a command is copied whole, so it is not cut
