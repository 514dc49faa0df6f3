"""Hooks of the documentation site (`make docs`): mathematics as MathML, pages of the API, and of the source files linked to.

The pages lie in ``docs/`` as they are read in the repository. Three things are made for the site alone: formulas become
MathML, which browsers draw themselves; each public package gets a page of its docstrings; and a link to a file outside
``docs/`` leads to a page with that file, so that the site is whole without the repository.
"""

from __future__ import annotations

import ast
import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from public_packages import PACKAGES

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"(\]\()((?:\.\./)*)((?!https?:|#)[^)#\s]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"^(```|~~~)")
_MATH = re.compile(r'<(span|div) class="arithmatex">\s*\\([(\[])(.*?)\\[)\]]\s*</\1>', re.DOTALL)
_FUNCTION = re.compile(r"<mi>(log|ln|exp|det|max|min|tanh|sin|cos)</mi>(?!<mo[^>]*>(?:\(|&#x00028;))")
#: How files are coloured.
_LANGUAGES = {".py": "python", ".sh": "sh", ".toml": "toml", ".cfg": "ini", ".md": "markdown", ".json": "json"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out the script from elsewhere that the plugin `offline` adds; ``search_from_file.js`` does its work."""
    config.extra["polyfills"] = []
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page of docstrings for each public package, and one for each file outside ``docs/`` that a page links to."""
    sources = {path for file in files.documentation_pages() for path in _outside(file.src_uri, file.content_string)}
    for package in PACKAGES:
        files.append(File.generated(config, f"api/{package}.md", content=api_page(package)))
    for path in sorted(sources):
        files.append(File.generated(config, f"source/{path}.md", content=source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files outside ``docs/`` to their pages."""
    return rewritten(page.file.src_uri, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn LaTeX into MathML."""
    return _MATH.sub(_mathml, content)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load the script for search before the theme's own, which starts the worker."""
    there = posixpath.relpath("search_from_file.js", posixpath.dirname(page.url) or ".")
    return output.replace("</head>", f'<script src="{there}"></script></head>', 1)


def _mathml(found: re.Match[str]) -> str:
    return mathml(html.unescape(found.group(3)).strip(), block=found.group(2) == "[")


def mathml(latex: str, block: bool) -> str:
    """Return LaTeX as MathML, with a thin space between a function such as log and its argument."""
    converted = str(convert(latex, display="block" if block else "inline"))
    return _FUNCTION.sub(r'<mi>\1</mi><mspace width="0.17em" />', converted)


def rewritten(page: str, markdown: str) -> str:
    """Return a page whose links to files outside ``docs/`` lead to ``source/FILE.md``; blocks of code stay as they are.

    Args:
        page: its path in ``docs/``.
        markdown: its text.
    """

    def moved(found: re.Match[str]) -> str:
        path = outside(page, found.group(2) + found.group(3))
        if path is None:
            return found.group(0)
        there = posixpath.relpath(f"source/{path}.md", posixpath.dirname(page) or ".")
        return f"{found.group(1)}{there})"

    return "\n".join(line if fenced else _LINK.sub(moved, line) for line, fenced in _lines(markdown)) + "\n"


def _outside(page: str, markdown: str) -> set[str]:
    """Return the files outside ``docs/`` that a page links to, by their paths from the root of the repository."""
    links = (link for line, fenced in _lines(markdown) if not fenced for link in _LINK.finditer(line))
    paths = (outside(page, link.group(2) + link.group(3)) for link in links)
    return {path for path in paths if path is not None}


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, and whether each stands in a block of code."""
    fenced = False
    for line in markdown.splitlines():
        fenced ^= bool(_FENCE.match(line))
        yield line, fenced


def outside(page: str, target: str) -> str | None:
    """Return the path of a link's target from the root of the repository, if it is a file that the site does not have.

    >>> outside("learn/elbo.md", "../../plugins/vae/model.py"), outside("learn/elbo.md", "kl.md")
    ('plugins/vae/model.py', None)
    """
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    inside = path.startswith("docs/") and not path.endswith(".py")
    return None if inside or not (ROOT / path).is_file() else path


def source_page(path: str) -> str:
    """Return a page with the text of a file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    language = _LANGUAGES.get(Path(path).suffix, "text")
    return f"---\nsearch:\n  exclude: true\n---\n# {path}\n\n~~~~{language}\n{text}~~~~\n"


def api_page(package: str) -> str:
    """Return a page with the docstring of every public name of a package."""
    names = sorted(public_names(package), key=str.lower)
    return f"# {package}\n\n" + "".join(f"::: {package}.{name}\n\n" for name in names)


def public_names(package: str) -> list[str]:
    """Return what `__all__` of a package lists, in its stub where it has one; nothing is imported."""
    folder = ROOT / package.replace(".", "/")
    stub = folder / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else folder / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == "__all__" for each in node.targets
        ):
            return [str(name) for name in ast.literal_eval(node.value)]
    raise ValueError(f"{package} has no __all__")
