"""`tfgen report`: where the page goes, what is printed, what is a mistake, and that no TensorFlow is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.plugins.report.made_runs import Page, make_run
from tfgen.cli.main import main


@pytest.fixture
def said(capsys):
    """Return a function that runs the command and returns what it prints."""

    def said(*arguments, code=0):
        assert main(["report", *map(str, arguments)]) == code
        out, err = capsys.readouterr()
        assert (out if code else err) == ""
        lines = (err if code else out).splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return said


def test_where_pages_go(tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = make_run(tmp_path / "runs/a"), make_run(tmp_path / "runs/b")
    assert said(first).startswith(f"report    {first / 'report.html'} (0.")
    assert said(first, second).startswith("report    report.html (0.")
    assert "2 runs compared" in Page((tmp_path / "report.html").read_text()).text
    said(first, second)  # a page of ours may be written anew
    assert "new/x.html" in said("runs/a", "--out", "new/x.html")
    assert Page((tmp_path / "new/x.html").read_text()).images
    assert not list(tmp_path.rglob(".*"))


def test_a_real_run_needs_no_tensorflow_and_no_plugin(tiny_run, tmp_path):
    program = (
        "import sys; from tfgen.cli.main import main\n"
        "assert main(['-p', 'no:flows', 'report', *sys.argv[1:]]) == 0\n"
        "assert not {'tensorflow', 'keras', 'tensorflow_probability'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_run), "--out", str(tmp_path / "x.html")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / "x.html").read_text())
    assert len(page.images) == 4
    assert "unknown model 'realnvp'" in page.text
    assert "bits_per_dim" in page.text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("results.json", '{"model": "realnvp", "da', "results.json is damaged"),
        ("results.json", "{}", "results.json is damaged (its 'model' is missing or malformed)"),
        ("config.json", '{"model": "re', "config.json is damaged"),
        ("config.json", '{"model": 3, "data": "digits"}', "config.json is damaged"),
        ("metrics.jsonl", '{"step": 1}\n{"st\n{"step": 3}\n', "metrics.jsonl, line 2 is damaged"),
    ],
)
def test_damaged_runs(name, content, says, tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good, bad = make_run(tmp_path / "good"), make_run(tmp_path / "bad")
    (bad / name).write_text(content)
    before = sorted(tmp_path.rglob("*"))
    for arguments in ([bad], [good, bad], [bad, "--out", "x.html"]):
        assert says in said(*arguments, code=2)
    assert sorted(tmp_path.rglob("*")) == before


def test_mistakes(tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, other = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    (tmp_path / "link").symlink_to(run)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "report.html").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for arguments, says in (
        ([], "no run is named; name one or several, for example: tfgen report runs/realnvp-digits"),
        ([tmp_path / "nothing"], "is no folder"),
        ([tmp_path], "is no run folder (it holds the runs a, b, link)"),
        ([run, run], "is given twice"),
        ([run, "link"], "are the same run"),
        ([run, "--out", "x.txt"], "cannot write x.txt: the name must end in .html (a page)."),
        ([run, "--out", "x"], "cannot write x: the name must end in .html"),
        ([run, "--out", "folder.html"], "cannot write folder.html: it is a folder"),
        ([run, "--out", "report.html/x.html"], "cannot write report.html/x.html"),
        ([run, "--oit", "x.html"], "unknown option '--oit'; did you mean '--out'?"),
        ([run, other], "report.html is there and is no report of tfgen; name another file"),
    ):
        assert says in said(*arguments, code=2)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "report.html").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="names of half characters")
def test_a_name_that_is_no_text(tmp_path, said):
    run = make_run(tmp_path / os.fsdecode(b"half-\xff"))
    said(run, "--out", tmp_path / "x.html")
    assert "half-?" in Page((tmp_path / "x.html").read_text()).text
