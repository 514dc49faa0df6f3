"""Name conflict: another project's distribution `tfgen`, installed beside this one, with the same import name."""

from __future__ import annotations

from importlib import metadata

from tfgen.version import DISTRIBUTION

#: How the summary of this project's own distribution begins, which was called `tfgen` before it was `tfgen-prob`.
_OUR_SUMMARY = "Explicit generative models"


def conflicting_version() -> str | None:
    """Return the version of another project's distribution `tfgen`, or None where none is installed."""
    try:
        result = metadata.metadata("tfgen")
    except metadata.PackageNotFoundError:
        return None
    if str(result["Summary"]).startswith(_OUR_SUMMARY):
        return None
    return str(result["Version"])


def conflict_warning() -> str | None:
    """Return one line about another project's distribution `tfgen` and what to do, or None where none is installed."""
    version = conflicting_version()
    if version is None:
        return None
    return (
        f"another project's package tfgen {version} is installed beside {DISTRIBUTION} and has the same import name; "
        f"run: pip uninstall tfgen, then install {DISTRIBUTION} again"
    )
