"""What the pages say works: Python blocks are executed, links lead somewhere, commands and options exist."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import pytest

from tfgen.cli.main import main
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import CORE_COMMANDS
from tfgen.training.trainer import Trainer

COMMANDS = (*CORE_COMMANDS, *load_registry().commands)
ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text()]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_blocks_run(page, tmp_path, monkeypatch, no_pictures):
    """Without pictures, and compiled as a graph where a block leaves that to the framework, which takes half a minute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trainer, "choose_mode", lambda self, report: ("graph", self._program("graph"), {}))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)):
        module = type(sys)(f"block_{page.stem}_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up
        exec(compile(block, f"{name(page)}, block {number}", "exec"), module.__dict__)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target, section in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        if not target.startswith("http"):
            there = page.parent / target if target else page
            assert there.exists(), target
            assert not section or section in sections(there), f"{target}#{section}"


def sections(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_exist(page, capsys):
    from tfgen.cli.commands import run
    from tfgen.plugin.loading import load_registry
    from tfgen.plugin.options import field_names
    from tfgen.training.options import TrainOptions
    from tfgen_benchmarks.options import Options

    registry = load_registry([str(ROOT / "docs/examples/histogram.py")])
    known = {*field_names(run.Place), *field_names(TrainOptions), "help", "verbose", "traceback", "version", "json"}
    known |= {"split", "draws", "count", "labels", "out", "priors", "particles", "temperature", "mask", "images"}
    known |= {"from", "to", "from_index", "to_index", "samples", "path", "steps", "seed", "metrics"}
    known |= {"pictures", "no_pictures", "vary", "seeds", "dry_run", "sample_batch", "bernoulli"}
    known |= {"nearest", "features", "reference"}
    known |= set(field_names(Options))
    for spec in registry.models.values():
        known |= set(field_names(spec.config))
    for line in re.findall(r"^(?:python -m )?tfgen (.*)$", page.read_text(), re.MULTILINE):
        words = re.sub(r"-p \S+ ?", "", line.partition("#")[0]).split()
        assert words[0] in COMMANDS, line
        for option in re.findall(r"--([a-z-]+)", " ".join(words)):
            assert option.replace("-", "_") in known, f"--{option} in: {line}"


def test_the_example_plugin_runs_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example = ["-p", str(ROOT / "docs/examples/histogram.py")]
    assert main([*example, "list"]) == 0
    assert "histogram" in capsys.readouterr().out
    assert main([*example, "run", "histogram", "--compile", "graph", "--temperature", "0.5"]) == 0
    results = json.loads((tmp_path / "runs/histogram-digits/results.json").read_text())
    assert 2 < results["test"]["bits_per_dim"]["value"] < math.log2(17)
    assert main([*example, "sample", "runs/histogram-digits", "--count", "9", "--out", "samples.png"]) == 0
    assert (tmp_path / "samples.png").exists()
