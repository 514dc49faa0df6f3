"""Notebooks from their text: notebooks/NAME.py, in jupytext's percent format, becomes notebooks/NAME.ipynb.

    python tools/notebooks.py            # writes them, without outputs
    python tools/notebooks.py --check    # says which are stale

The badge that opens a notebook on Colab, and the cell that installs tfgen there, are the same for all and stand here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

FOLDER = Path(__file__).parent.parent / "notebooks"
#: Where the repository is published; badges and the install cell lead there.
REPOSITORY = "YOUR-NAME/tfgen"
#: Badge of a notebook: a link that opens it on Colab.
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}.ipynb)\n\n"
    "The next cell installs tfgen where it is missing, as on Colab, and keeps the TensorFlow that is there. A wheel that\n"
    "you upload beside the notebook is taken before the repository."
)
#: Code of the install cell. TensorFlow, Keras and NumPy keep their versions: the kernel, or the GPU, depends on them.
INSTALL = """\
from glob import glob
from importlib.metadata import distributions

there = {found.metadata["Name"]: found.version for found in distributions()}
if "tfgen-prob" not in there:
    wanted = sorted(glob("tfgen_prob-*.whl"))[-1:] or ["git+https://github.com/{repository}"]
    if "YOUR-NAME" in wanted[0]:
        raise RuntimeError("upload a wheel of tfgen beside this notebook, then run this cell again")
    wanted += [f"{name}=={there[name]}" for name in ("tensorflow", "keras", "numpy") if name in there]
    if "tensorflow" in there:  # tf_keras has to be of the same minor version
        wanted.append("tf_keras=={}.{}.*".format(*there["tensorflow"].split(".")))
    requirements = " ".join(wanted)
    %pip install --quiet {requirements}
"""
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def texts() -> list[Path]:
    """Return the texts of all notebooks, in their order."""
    return sorted(FOLDER.glob("[0-9]_*.py"))


def notebook_of(text: Path) -> NotebookNode:
    """Return the notebook of a text: badge and install cell follow the title; no cell has outputs."""
    notebook = jupytext.read(text)
    badge = new_markdown_cell(BADGE.replace("{repository}", REPOSITORY).replace("{name}", text.stem))
    install = new_code_cell(INSTALL.replace("{repository}", REPOSITORY).rstrip())
    notebook.cells[1:1] = [badge, install]
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"  # by default random ones, so that every writing would differ
    notebook["metadata"] = {"kernelspec": _KERNEL, "language_info": {"name": "python"}, "accelerator": "GPU"}
    return notebook


def written(text: Path) -> str:
    """Return the content of the .ipynb file of a text."""
    return nbformat.writes(notebook_of(text)) + "\n"


def main(arguments: list[str]) -> int:
    """Write the notebooks, or compare them with their texts; return the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python tools/notebooks.py [--check]", file=sys.stderr)
        return 2
    stale = []
    for text in texts():
        page, content = text.with_suffix(".ipynb"), written(text)
        if not page.exists() or page.read_text(encoding="utf-8") != content:
            stale.append(page.name)
            if not arguments:
                page.write_text(content, encoding="utf-8")
    if arguments and stale:
        print(f"stale: {', '.join(stale)}; run: python tools/notebooks.py", file=sys.stderr)
    return int(bool(arguments and stale))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
