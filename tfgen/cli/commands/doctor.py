"""Check the installation: versions, devices, data folders, plugins; with advice for each problem."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.machinery
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tfgen.cli.name_conflict import conflict_warning
from tfgen.cli.parsing import parse
from tfgen.cli.tables import print_table
from tfgen.errors import TfgenError
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import DataSources
from tfgen.printed import say
from tfgen.version import DISTRIBUTION

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Data folder to check, and the form of the output."""

    data_dir: str | None = None
    """Folder of prepared data sets; by default the one that tensorflow-datasets uses."""
    json: bool = False
    """Print the findings as JSON, for programs."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        check: name of the check.
        status: "note" is worth knowing; only a "problem" makes the exit code 1.
        found: the state, in words.
        advice: how to solve the problem; empty without one.
    """

    check: str
    status: Literal["ok", "note", "problem"]
    found: str
    advice: str = ""


class UnwellError(TfgenError):
    """The installation has problems; exit code 1."""

    exit_code = 1


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Run all checks, and print a finding for each.

    Raises:
        UnwellError: when one of them is a problem.
    """
    options = parse(Options, arguments, "doctor", __doc__ or "")
    findings = [
        *check_versions(),
        *check_tf_keras(),
        check_name(),
        check_import(Path.cwd()),
        check_devices(context),
        *check_data(DataSources(options.data_dir)),
        *check_plugins(context.plugins),
    ]
    if options.json:
        say(*json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2).splitlines())
    else:
        rows = [
            (finding.check, finding.status, "\n".join(filter(None, [finding.found, finding.advice])))
            for finding in findings
        ]
        print_table(("check", "status", "found, and what to do"), rows)
    problems = [finding.check for finding in findings if finding.status == "problem"]
    if problems:
        raise UnwellError(f"problems: {', '.join(problems)}; the table has advice for each.")


def check_versions() -> Iterator[Finding]:
    """Check the versions of Python and of each library against the requirements of the distribution."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    try:
        asked = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Finding(
            DISTRIBUTION, "problem", "not installed", "in the folder of the checkout, run: pip install . (or: make run)"
        )
        return
    yield Finding(DISTRIBUTION, "ok", asked["Version"])
    python, wanted = platform.python_version(), asked["Requires-Python"]
    if SpecifierSet(wanted).contains(python, prereleases=True):
        yield Finding("python", "ok", python)
    else:
        yield Finding(
            "python", "problem", f"{python}, asked for is {wanted}", "make the environment with such a Python"
        )
    for text in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        asked_for = str(requirement.specifier) or "any version"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found = f"not installed, asked for is {asked_for}"
        else:
            if requirement.specifier.contains(version, prereleases=True):
                yield Finding(requirement.name, "ok", version)
                continue
            found = f"{version}, asked for is {asked_for}"
        yield Finding(
            requirement.name, "problem", found, f"run: pip install '{requirement.name}{requirement.specifier}'"
        )


def check_tf_keras() -> Iterator[Finding]:
    """Check that tf_keras, which TensorFlow Probability uses, is of TensorFlow's minor version.

    pip keeps both together when it installs tfgen; a later ``pip install tensorflow==...`` may part them.
    """
    with contextlib.suppress(metadata.PackageNotFoundError):  # which `check_versions` tells
        tensorflow, ours = metadata.version("tensorflow"), metadata.version("tf_keras")
        minor = ".".join(tensorflow.split(".")[:2])
        if ours.split(".")[:2] != minor.split("."):
            yield Finding(
                "tf_keras",
                "problem",
                f"{ours} beside TensorFlow {tensorflow}",
                f"run: pip install 'tf_keras=={minor}.*'",
            )


def check_name() -> Finding:
    """Check for another project's distribution with the same import name."""
    warning = conflict_warning()
    if warning is None:
        return Finding("package name", "ok", "no other project's tfgen is installed")
    found, _, advice = warning.partition("; ")
    return Finding("package name", "problem", found, advice)


def check_import(folder: Path) -> Finding:
    """Check that ``import tfgen`` by a Python started in `folder` gives this package, not an empty namespace."""
    spec = importlib.machinery.PathFinder.find_spec("tfgen", [str(folder), *sys.path])
    if spec is not None and spec.origin is None:
        return Finding(
            "import tfgen",
            "problem",
            f"in {folder}, Python takes the folder {folder / 'tfgen'} for an empty package of that name",
            "start Python in another folder, or install the checkout again: pip install -e .",
        )
    import tfgen

    return Finding("import tfgen", "ok", str(Path(tfgen.__file__ or "").parent))


def check_devices(context: CommandContext) -> Finding:
    """Load TensorFlow and list its devices."""
    try:
        context.tensorflow()
        from tfgen.runtime import device_name, load_tensorflow

        gpus = load_tensorflow().config.list_physical_devices("GPU")
        names = device_name("auto")
    except Exception as error:  # a broken installation of TensorFlow raises whatever it likes
        cause = " ".join(str(error).split()) or type(error).__name__
        return Finding(
            "devices", "problem", f"TensorFlow does not load: {cause}", "install the versions asked for above"
        )
    if not gpus and shutil.which("nvidia-smi"):
        advice = "in the folder of the checkout, run: pip install '.[gpu]'"
        return Finding(
            "devices", "problem", f"{names}; TensorFlow sees no GPU, though NVIDIA's driver is installed", advice
        )
    return Finding("devices", "ok", f"{names}{'' if gpus else ', no GPU'}")


def check_data(sources: DataSources) -> Iterator[Finding]:
    """Check the folders of data sets and runs, that they are writable, and whether MNIST is prepared."""
    from tfgen.data.tfds import data_folder

    folder = data_folder(sources)
    yield _writable("data folder", folder, "name another with --data-dir DIR, or set TFDS_DATA_DIR")
    yield _writable("run folders", Path("runs").absolute(), "name another place with --runs-dir DIR")
    places = (folder / "tfgen" / "mnist", folder / "mnist")
    found = next((place for place in places if any(place.glob("*/*.json"))), None)
    if found is not None:
        yield Finding("mnist", "ok", str(found))
    else:
        advice = (
            "the first run with --data mnist downloads it; without a network, pass --manual-dir DIR with its four files"
        )
        yield Finding("mnist", "note", f"not in {folder}", advice)


def _writable(check: str, folder: Path, advice: str) -> Finding:
    """Check that a folder, which need not exist yet, is writable."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        return Finding(check, "problem", f"{folder}: {there} is not a folder", advice)
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(check, "problem", f"{folder} cannot be written", advice)
    return Finding(check, "ok", f"{folder}{'' if there == folder else ' (not made yet)'}")


def check_plugins(plugins: Sequence[str]) -> Iterator[Finding]:
    """Check plugins: one finding lists those that work, and each failed plugin has its own."""
    registry = load_registry(plugins)
    loaded = [record.name for record in registry.plugins if record.status == "loaded"]
    yield Finding("plugins", "ok", ", ".join(loaded))
    for record in registry.plugins:
        if record.status == "failed":
            advice = f"mend or uninstall it ({record.origin}), or leave it out with: -p no:{record.name}"
            yield Finding(f"plugin {record.name}", "problem", record.cause or "failed", advice)
    for conflict in registry.conflicts:
        yield Finding("plugins", "problem", conflict, "leave one of them out with: -p no:NAME")
