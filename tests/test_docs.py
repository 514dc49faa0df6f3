"""What the pages say works: Python blocks are executed, links lead somewhere, each option is one of its command."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.slow import slow
from tfgen.cli.main import main
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import CORE_COMMANDS
from tfgen.testing import CHECKS
from tfgen.training.trainer import Trainer
from tfgen.version import DISTRIBUTION, VERSION

ROOT = Path(__file__).parent.parent
EXAMPLE = str(ROOT / "docs/examples/histogram.py")
REGISTRY = load_registry([EXAMPLE])
COMMANDS = (*CORE_COMMANDS, *REGISTRY.commands)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND_PAGES = ROOT / "docs/commands"
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text()]
GLOBAL = {"--verbose", "--traceback", "--version", "--help"}
#: Models that pages use as examples of one's own.
INVENTED = {"embedding_flow", "mymodel", "MODEL", "NAME"}
#: Options of such models.
INVENTED_OPTIONS = {
    "--deep", "--no-deep", "--rate", "--bound", "--where", "--kind", "--tint", "--sizes", "--pair", "--pairs", "--some",
    "--size", "--encoder",
}  # fmt: skip


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_slow(page: Path) -> bool:
    """Return whether the Python blocks of a page train a model; those of the README and two other pages stay quick or long."""
    return "tfgen.train(" in page.read_text() and page.name not in ("README.md", "contexts.md", "observers.md")


@pytest.mark.parametrize("page", [slow(page) if is_slow(page) else page for page in WITH_PYTHON], ids=name)
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
def test_lines_are_wrapped(page):
    long = [number for number, line in enumerate(page.read_text().splitlines(), 1) if len(line) > 120]
    assert not long, f"{name(page)}: wrap lines {long} at 120 columns, table cells included"


def test_the_version_is_the_same_wherever_it_is_written():
    """And the change log has a section for it."""
    assert re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE) == [VERSION]
    wheels = re.findall(r"(\w+)-([\w.]+)-py3-none-any\.whl", (ROOT / "README.md").read_text())
    assert set(wheels) == {(DISTRIBUTION.replace("-", "_"), VERSION)}
    assert f"\n## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_command_has_a_page_and_every_page_a_command():
    assert {page.stem for page in COMMAND_PAGES.glob("*.md")} == {*COMMANDS, "README"}
    index = (COMMAND_PAGES / "README.md").read_text()
    assert not [command for command in COMMANDS if f"({command}.md)" not in index]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_belong_to_their_command(page):
    for words in command_lines(page):
        assert words[0] in COMMANDS, words
        if words[0] in ("run", "sweep") and INVENTED & set(words):
            continue
        known = options_of(tuple(words))
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{name(page)}: {word} in: tfgen {' '.join(words)}"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_names_options_of_its_command(command):
    known = every_option(command)
    for option in re.findall(r"`(--[a-z0-9][a-z0-9-]*)", without_blocks(COMMAND_PAGES / f"{command}.md")):
        assert option in known, f"docs/commands/{command}.md names {option}, which tfgen {command} does not have"


@pytest.mark.parametrize(
    "page",
    [
        *sorted((ROOT / "docs/theory").glob("*.md")),
        *sorted((ROOT / "docs/learn").rglob("*.md")),
        *sorted((ROOT / "docs/plugins").glob("*.md")),
        *sorted((ROOT / "docs/data").glob("*.md")),
        *(ROOT / "docs" / page for page in ("from_other_libraries.md", "run_folder.md")),
        *(ROOT / page for page in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    ],
    ids=name,
)
def test_pages_name_options_that_exist(page):
    known = INVENTED_OPTIONS.union(*(every_option(command) for command in COMMANDS))
    other_programs = ("tensorboard ", ".venv/bin/ruff ", "python tools/")
    spans = [span for span in re.findall(r"`([^`]+)`", without_blocks(page)) if not span.startswith(other_programs)]
    assert not set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", " ".join(spans))) - known


def test_the_page_of_models_names_options_of_each_model():
    items = re.findall(r"^- `(\w+)`: ((?:.|\n  )*)", (ROOT / "docs/models.md").read_text(), re.MULTILINE)
    assert {model for model, _ in items} == set(load_registry().models)
    for model, text in items:
        for option in re.findall(r"`(--[a-z][a-z0-9-]*)", text):
            assert option in options_of(("run", model)), f"docs/models.md names {option} for {model}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_holds_without_an_option(command):
    assert "(default: )" not in help_of(command)


def test_the_page_of_plugins_names_each_check_of_the_conformance_suite():
    part = (ROOT / "docs/plugins/conformance.md").read_text()
    items = re.findall(r"^- (`\w+`(?:, `\w+`)*):", part, re.MULTILINE)
    named = [name for item in items for name in re.findall(r"`(\w+)`", item)]
    assert sorted(named) == sorted(check.name for check in CHECKS)


def test_an_option_of_another_command_is_noticed():
    assert "--particles" in options_of(("evaluate", "RUN"))
    assert "--particles" not in options_of(("sample", "RUN"))
    assert "--attention" in options_of(("run", "pixelcnn"))
    assert "--attention" not in options_of(("run", "realnvp"))


def command_lines(page: Path) -> list[list[str]]:
    """The words behind ``tfgen`` of each command line in a page's blocks and in its text, without ``-p`` and comments."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    lines = re.findall(r"^ *(?:python -m )?tfgen (.+)$", blocks, re.MULTILINE)
    lines += [" ".join(line.split()) for line in re.findall(r"`tfgen ([^`]+)`", without_blocks(page))]
    found = [re.sub(r"(^| )-p \S+", " ", line) for line in lines]
    words = [shlex.split(line, comments=True) for line in found]
    return [line for line in words if line and line[0] != "COMMAND" and not line[0].startswith("-")]


def without_blocks(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


@cache
def help_of(*words: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        assert main(["-p", EXAMPLE, *words, "--help"]) == 0
    return out.getvalue()


def options_of(words: tuple[str, ...]) -> set[str]:
    """The options that the help of this command line lists; those of a model or a subcommand where one is named."""
    command, *behind = words
    if command in ("run", "sweep", "check"):
        models = [word for word in behind if word in REGISTRY.models]
        listed = set().union(*(listed_options("run", model) for model in models), set())
        return listed | (listed_options(command) if command != "run" else set())
    if behind[:1] == ["compare"]:
        return listed_options(command, "compare")
    return every_option(command)


@cache
def every_option(command: str) -> set[str]:
    """The options of a command, for `run`, `sweep`, `sample`, `evaluate` and `export` with any model."""
    models = REGISTRY.models
    if command in ("sample", "evaluate", "export"):
        declared = (spec.sampling for spec in models.values() if spec.sampling)
        fields = (field.name for sampling in declared for field in dataclasses.fields(sampling))
        return listed_options(command).union(f"--{name.replace('_', '-')}" for name in fields)
    named = models if command in ("run", "sweep") else ()
    return listed_options(command).union(*(listed_options("run", model) for model in named))


@cache
def listed_options(*words: str) -> set[str]:
    entries = re.findall(r"^[│ ] {0,3}(-.*?)(?:  |│|$)", help_of(*words), re.MULTILINE)
    return GLOBAL | {option for entry in entries for option in re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", entry)}


def test_the_example_plugin_runs_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example = ["-p", EXAMPLE]
    assert main([*example, "list"]) == 0
    assert "histogram" in capsys.readouterr().out
    assert main([*example, "run", "histogram", "--compile", "graph", "--no-shared"]) == 0
    results = json.loads((tmp_path / "runs/histogram-digits/results.json").read_text())
    assert 2 < results["test"]["bits_per_dim"]["value"] < math.log2(17)
    assert (
        main(
            [
                *example,
                "sample",
                "runs/histogram-digits",
                "--count",
                "9",
                "--out",
                "samples.png",
                "--temperature",
                "0.5",
            ]
        )
        == 0
    )
    assert (tmp_path / "samples.png").exists()


def test_the_example_plugin_is_listed_without_tensorflow():
    """In a process of its own, since this one may have loaded it."""
    code = (
        "import sys; from tfgen.cli.main import main; main(); print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    for words in (["list"], ["plugins"], ["run", "histogram", "--help"]):
        if "--help" in words:
            code = code.replace("main();", "exec('try: main()\\nexcept SystemExit: pass');")
        done = subprocess.run(
            [sys.executable, "-c", code, "-p", EXAMPLE, *words], capture_output=True, text=True, check=True
        )
        assert "histogram" in done.stdout
        assert done.stdout.endswith("[]\n")
