"""Write docs/api.md: every public name of tfgen with its signature and the first sentence of its docstring.

``python tools/api_page.py`` writes the page, ``python tools/api_page.py --check`` only exits with 1 if it is stale. A test
does the same as the latter. Public is what a package lists in ``__all__``; packages without it are left out.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from generated_page import write_or_check

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
PACKAGES = (
    "tfgen",
    "tfgen.layers",
    "tfgen.metrics",
    "tfgen.testing",
    "tfgen.runs",
    "tfgen.export",
    "tfgen.figures",
    "tfgen.sample",
    "tfgen.cli",
)
COLUMNS = 120

_HEAD = """
# Public names

What `__all__` of each package lists: these names stay, or change with a note; everything else may move at any time.
Shapes, units, errors and sources are in the docstrings (`help(tfgen.train)`). This page is generated: after a change
run `python tools/api_page.py`.
""".strip()


def page() -> str:
    """Return the text of the page for the code as it is."""
    parts = [_HEAD]
    for package in PACKAGES:
        try:
            module = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            continue
        if hasattr(module, "__all__"):
            parts += _package(module)
    return "\n\n".join(parts) + "\n"


def _package(module: ModuleType) -> Iterator[str]:
    yield f"## {module.__name__}"
    yield _filled(first_sentence(module))
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        yield f"### {module.__name__}.{name}"
        yield textwrap.indent("\n".join(_declared(name, value)), "    ")
        described = callable(value) and not _is_alias(value)
        sentence = first_sentence(value) if described else comment_above(module, name)
        if sentence:
            yield _filled(sentence)
        methods = [*_attributes(value), *_methods(value)] if inspect.isclass(value) else []
        if methods:
            yield "\n".join(methods)


def _declared(name: str, value: Any) -> list[str]:
    """Return the lines that declare a name: its call with one parameter a line where it is too long for one."""
    if inspect.isclass(value):
        return _call(f"class {name}", _constructor(value))
    if callable(value) and not _is_alias(value):
        return _call(name, _signature(value))
    return [name]


def _is_alias(value: Any) -> bool:
    typing_form = type(value).__module__ == "typing" and not inspect.isclass(value)
    return typing_form or isinstance(value, (str, int, float, tuple))


def _constructor(cls: type[Any]) -> inspect.Signature | None:
    """Return how a class is called, from the first class of its own package that says so; None of a protocol."""
    if getattr(cls, "_is_protocol", False):
        return None
    if issubclass(cls, tuple):
        return _signature(cls.__new__, bound=True)
    for owner in cls.__mro__:
        if "__init__" in vars(owner):
            ours = owner.__module__.partition(".")[0] == cls.__module__.partition(".")[0]
            return _signature(vars(owner)["__init__"], bound=True) if ours else None
    return None


def _signature(value: Any, bound: bool = False) -> inspect.Signature | None:
    """Return the signature of a callable, None where it has none; that of a method without its first parameter."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    if not bound:
        return signature
    rest = list(signature.parameters.values())[1:]
    result = inspect.Signature.empty if value.__name__ in ("__init__", "__new__") else signature.return_annotation
    return signature.replace(parameters=rest, return_annotation=result)


def _call(start: str, signature: inspect.Signature | None) -> list[str]:
    if signature is None:
        return [start]
    line = start + _one_line(signature)
    if len(line) <= COLUMNS - 4:
        return [line]
    return [f"{start}(", *(f"    {text}," for text in _parameters(signature)), f"){_result(signature)}"]


def _one_line(signature: inspect.Signature) -> str:
    return f"({', '.join(_parameters(signature))}){_result(signature)}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    """Yield each parameter as it stands in the code, with the star before those that go by keyword alone."""
    starred = False
    for one in signature.parameters.values():
        starred = starred or one.kind is one.VAR_POSITIONAL
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
            starred = True
        stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
        text = stars + one.name
        if one.annotation is not one.empty:
            text += f": {_annotation(one.annotation)}"
        if one.default is not one.empty:
            equals = " = " if one.annotation is not one.empty else "="
            text += equals + _default(one.default)
        yield text


def _default(value: Any) -> str:
    if isinstance(value, Path):  # its class is the system's
        return f"Path({str(value)!r})"
    return re.sub(r"<(\w[\w.]*)( object)? at 0x[0-9a-f]+>", r"\1(...)", repr(value))


def _result(signature: inspect.Signature) -> str:
    result = signature.return_annotation
    return "" if result is signature.empty else f" -> {_annotation(result)}"


def _annotation(annotation: Any) -> str:
    """Return an annotation as it is written; how Python prints a forward reference differs between versions."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"ForwardRef\('([^']*)'[^)]*\)", r"\1", text)


def _attributes(cls: type[Any]) -> list[str]:
    """Return an item for each entry of the section ``Attributes:`` in a class's own docstring."""
    doc = inspect.cleandoc(vars(cls).get("__doc__") or "")
    section = re.search(r"^Attributes:\n((?: .*\n?|\n)+)", doc, re.MULTILINE)
    if section is None:
        return []
    entries = re.split(r"^(?=\w+: )", textwrap.dedent(section.group(1)), flags=re.MULTILINE)
    items = []
    for entry in entries:
        name, colon, text = " ".join(entry.split()).partition(": ")
        if colon:
            items.append(_filled(f"`{name}`: {text[:1].upper()}{text[1:]}", "- ", "  "))
    return items


def _methods(cls: type[Any]) -> list[str]:
    """Return an item for each public method and property that a class defines itself."""
    items = []
    for name, value in vars(cls).items():
        if name.startswith("_") or not first_sentence(value):
            continue
        if isinstance(value, property):
            text = name
        elif isinstance(value, (staticmethod, classmethod)):
            text = _called(name, _signature(getattr(cls, name)))
        elif inspect.isfunction(value):
            text = _called(name, _signature(value, bound=True))
        else:
            continue
        text = f"`{text}`"
        items.append(_filled(f"{text}: {first_sentence(value)}", "- ", "  "))
    return items


def _called(name: str, signature: inspect.Signature | None) -> str:
    return name + (_one_line(signature) if signature else "()")


def first_sentence(value: Any) -> str:
    """Return the first sentence of a docstring on one line; empty where there is none."""
    text = getattr(value, "__doc__", None)
    if not isinstance(text, str) or _is_alias(value):
        return ""
    paragraph = " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z`])", paragraph)[0]


def comment_above(package: ModuleType, name: str) -> str:
    """Return the comment ``#: ...`` above a constant, or its value where it has none; from the module that defines it."""
    stub = Path(str(package.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            module = importlib.import_module("." * node.level + (node.module or ""), package.__name__)
            source = Path(str(module.__file__)).read_text(encoding="utf-8")
            above = re.search(rf"((?:^#: .*\n)+){name}\b", source, re.MULTILINE)
            return " ".join(above[1].replace("#: ", "").split()) if above else f"`{getattr(module, name)!r}`"
    return ""


def _filled(text: str, first: str = "", rest: str = "") -> str:
    return "\n".join(
        textwrap.wrap(
            text, COLUMNS, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        )
    )


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it, and return the exit code."""
    return write_or_check(PAGE, page, "tools/api_page.py", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
