"""Render a report page: templates fill in the facts of runs and escape all of them."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from tfgen import Registry
from tfgen.runs import RunFacts
from tfgen.version import VERSION
from tfgen_plugins.report.sections import section_of
from tfgen_plugins.report.side_by_side import side_by_side

#: How a page of ours is known, among its first characters.
MARK = '<meta name="generator" content="tfgen report">'


def html_of(runs: Sequence[RunFacts], registry: Registry) -> str:
    """Return a page about runs that needs no other file, no script, and no network.

    Args:
        runs: one or several, as `tfgen_plugins.report.reading` reads them.
        registry: of the plugins that are here; a run whose plugin is not is shown all the same.
    """
    # No text of a run stands in the page unescaped; a name that a template misspells is an error.
    templates = Environment(
        loader=PackageLoader("tfgen_plugins.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    sections = [section_of(run, f"run-{number}", registry) for number, run in enumerate(runs, start=1)]
    compared = side_by_side(runs) if len(runs) > 1 else None
    title = runs[0].name if compared is None else f"{len(runs)} runs compared"
    page = templates.get_template("page.html")
    return page.render(title=title, mark=MARK, sections=sections, compared=compared, version=VERSION)
