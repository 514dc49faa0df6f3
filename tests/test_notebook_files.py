"""Notebooks: made of their texts, without outputs, with badge and install cell; each runs from first cell to last."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

import notebooks

ROOT = Path(__file__).parent.parent
TEXTS = notebooks.texts()
PAGE = (ROOT / "docs/notebooks.md").read_text()


def read(text: Path) -> nbformat.NotebookNode:
    return nbformat.read(text.with_suffix(".ipynb"), 4)


def install_code() -> str:
    """The install cell without its last line, which calls pip."""
    *lines, pip = notebooks.INSTALL.rstrip().splitlines()
    assert pip == "    %pip install --quiet {requirements}"
    return "\n".join(lines)


def test_there_are_eight_and_none_is_stale(capsys):
    assert [text.stem[0] for text in TEXTS] == list("12345678")
    assert notebooks.main(["--check"]) == 0
    assert {path.stem for path in notebooks.FOLDER.glob("*.ipynb")} == {text.stem for text in TEXTS}


def test_a_stale_one_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    text = tmp_path / "1_one.py"
    text.write_text("# %% [markdown]\n# # One\n\n# %%\n1 + 1\n")
    assert notebooks.main([]) == 0
    written = text.with_suffix(".ipynb").read_bytes()
    assert notebooks.main([]) == 0
    assert text.with_suffix(".ipynb").read_bytes() == written  # no random names of cells
    text.write_text(text.read_text() + "2 + 2\n")
    assert notebooks.main(["--check"]) == 1
    assert "stale: 1_one.ipynb; run: python tools/notebooks.py" in capsys.readouterr().err
    assert notebooks.main(["--chekc"]) == 2


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
def test_each_begins_with_title_badge_and_install_cell(text):
    notebook = read(text)
    nbformat.validate(notebook)
    title, badge, install = notebook.cells[:3]
    assert title.source.startswith("# ")
    assert f"/{notebooks.REPOSITORY}/blob/main/notebooks/{text.stem}.ipynb)" in badge.source
    assert install.source == notebooks.INSTALL.replace("{repository}", notebooks.REPOSITORY).rstrip()
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert f"(../notebooks/{text.name})" in PAGE
    assert "EPOCHS" in notebook.cells[3].source  # the sizes of its training


def installed(monkeypatch, versions: dict[str, str], repository: str = "someone/tfgen") -> dict[str, object]:
    """The variables of the install cell, where these libraries are installed."""
    found = [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in versions.items()]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: found)
    names: dict[str, object] = {}
    exec(install_code().replace("{repository}", repository), names)
    return names


def test_the_install_cell_keeps_the_libraries_of_the_kernel(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    colab = {"tensorflow": "2.19.0", "keras": "3.10.0", "numpy": "2.0.2"}
    assert installed(monkeypatch, colab)["requirements"] == (
        "git+https://github.com/someone/tfgen tensorflow==2.19.0 keras==3.10.0 numpy==2.0.2 tf_keras==2.19.*"
    )
    (tmp_path / "tfgen_prob-0.1.0-py3-none-any.whl").touch()
    assert installed(monkeypatch, {})["requirements"] == "tfgen_prob-0.1.0-py3-none-any.whl"


def test_where_tfgen_is_installed_nothing_is(monkeypatch):
    assert "requirements" not in installed(monkeypatch, {"tfgen-prob": "0.1.0"})


def test_without_a_published_repository_a_wheel_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="upload a wheel of tfgen beside this notebook"):
        installed(monkeypatch, {"tfgen": "1.0"}, "YOUR-NAME/tfgen")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
def test_a_cell_that_trains_can_be_run_again(text):
    """A run without a name gets a number where its place is taken; a name that is taken is refused."""
    trainings = re.findall(r"tfgen\.train\((?:[^()]|\([^()]*\))*\)", text.read_text())
    assert trainings
    assert not [training for training in trainings if "name=" in training]


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
def test_each_runs(text, tmp_path, monkeypatch):
    """In an empty folder, with the commands of this environment; pictures appear, and no cell fails."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = read(text)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]  # such as a picture that is not there
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    as_told = [
        cell for cell in notebook.cells if "wrong.py" not in cell.source
    ]  # a mistake that a check is shown to find
    printed = "".join(output.get("text", "") for cell in as_told for output in cell.get("outputs", ()))
    assert "Traceback" not in printed
    assert "tfgen: " not in printed  # how a command tells an error
    runs = list((tmp_path / "runs").iterdir())
    assert runs
    assert all(json.loads((run / "results.json").read_text()) for run in runs)
