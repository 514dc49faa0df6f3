"""Write a plugin to begin with: one file, or a distribution with tests."""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import tyro

from tfgen.cli.parsing import parse
from tfgen.errors import OptionError, OutputError
from tfgen.printed import command_text, say
from tfgen.version import DISTRIBUTION

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.plugin.registry import Registry

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEMPLATES = "templates"


@dataclass(frozen=True)
class Options:
    """What is written, and where."""

    name: tyro.conf.Positional[str]
    """Name of the model and of its plugin."""
    package: bool = False
    """Write a distribution of its own, with an entry point, tests and a README, instead of one file."""
    out: Path = Path()
    """Folder in which the file, or the folder of the distribution, is made."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Write a plugin with a small model that passes `tfgen check` as it is.

    Raises:
        OptionError: for a name that no plugin can have.
        OutputError: where something would be overwritten, or nothing can be written.
    """
    options = parse(Options, arguments, "new", main.__doc__.splitlines()[0] if main.__doc__ else "")
    check_name(options.name, context.registry())
    files = package_files(options.name) if options.package else {f"{options.name}.py": one_file(options.name)}
    top = options.out / next(iter(files)).split("/")[0]
    write_new(options.out, files, top)
    say(f"written   {top}")
    if options.package:
        commands = [shlex.join(["pip", "install", "-e", f"{top}[dev]"]), command_text("check", options.name)]
        commands.append(command_text("run", options.name))
    else:
        commands = [command_text("check", top), command_text("-p", top, "run", options.name)]
    say(*(f"{'next' if number == 0 else '':<9} {command}" for number, command in enumerate(commands)))


def check_name(name: str, registry: Registry) -> None:
    """Check that a new model can have this name.

    Raises:
        OptionError: says what is wrong with it.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise OptionError(
            f"{name!r} cannot be the name of a plugin: take lower-case letters, digits and underscores, a letter first, and "
            "no word of Python; for example: tfgen new mymodel"
        )
    known = {record.name: record for record in registry.plugins}
    for record in registry.plugins:
        known |= dict.fromkeys(record.models, record)
    if name in known:
        raise OptionError(f"the name {name!r} is taken by {known[name].origin}; take another one.")


def write_new(out: Path, files: Mapping[str, str], top: Path) -> None:
    """Write files below a folder, none of which may be there.

    Raises:
        OutputError: where `top` is there already, or the system says no.
    """
    if top.exists():
        raise OutputError(f"{top} is there already, and nothing is overwritten; take another name, or --out FOLDER.")
    try:
        for path, text in files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {top}: {error.strerror}.") from error


def one_file(name: str) -> str:
    """Return the text of a plugin in one file."""
    parts = {key: indent(_filled(key, name).rstrip(), "    ") for key in ("imports", "model_class")}
    hook = _filled("hook", name, model=f'f"{{__name__}}:{name}"').rstrip()
    return _filled("one_file", name, **parts, hook=hook)


def package_files(name: str) -> dict[str, str]:
    """Return the files of a distribution by their path, the folder of the distribution first."""
    folder = distribution_name(name)
    package = f"src/{_package_name(name)}"
    parts = {key: _filled(key, name).rstrip() for key in ("imports", "model_class")}
    hook = _filled("hook", name, model=f'f"{{__name__}}.model:{_class_name(name)}"').rstrip()
    return {
        f"{folder}/pyproject.toml": _filled("package_pyproject", name),
        f"{folder}/README.md": _filled("package_readme", name),
        f"{folder}/{package}/__init__.py": _filled("package_init", name, hook=hook),
        f"{folder}/{package}/model.py": _filled("package_model", name, **parts),
        f"{folder}/tests/test_conformance.py": _filled("package_test", name),
    }


def distribution_name(name: str) -> str:
    """Return what the distribution of a new plugin is called: ``tfgen-NAME``."""
    return f"tfgen-{name.strip('_').replace('_', '-')}"


def _package_name(name: str) -> str:
    return f"tfgen_{name}"


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _filled(template: str, name: str, **parts: str) -> str:
    """Return the text of a template with its ``{{placeholders}}`` filled; `parts` are filled in first."""
    text = resources.files("tfgen.cli").joinpath(_TEMPLATES, f"{template}.txt").read_text(encoding="utf-8")
    names = {
        "name": name,
        "class": _class_name(name),
        "package": _package_name(name),
        "distribution": distribution_name(name),
        "tfgen": DISTRIBUTION,
    }
    for key, value in (parts | names).items():
        text = text.replace("{{" + key + "}}", value)
    return text
