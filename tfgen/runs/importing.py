"""Runs from packs: imported into a new run folder, or loaded into a temporary one that goes with the `Run`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfgen.data.lookup import check_sources
from tfgen.errors import RunError, TfgenError
from tfgen.files import temporary_folder
from tfgen.packs.manifest import Manifest
from tfgen.packs.unpack import pack_in, read_manifest, unpack
from tfgen.plugin.registry import Registry
from tfgen.plugin.specs import DataSources
from tfgen.runs.folder import RunFolder
from tfgen.runs.places import check_plain, placed
from tfgen.runs.run import Run

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel

#: Stem of an imported run whose own name is no plain one.
_UNNAMED = "imported"


def import_run(
    path: str | Path,
    registry: Registry,
    runs_dir: str | Path = "runs",
    name: str | None = None,
    sources: DataSources | None = None,
    quiet: bool = True,
) -> Run:
    """Make a run of a pack, in a new folder that appears once all of it is found to be sound, and return it.

    Sizes and digests are checked, then the model is built and given its weights. No run is ever overwritten.

    Args:
        path: of the pack: a file, the folder that it was unpacked into, or a folder with one ``.tfgen`` file.
        registry: where its model is looked up.
        runs_dir: where the run's folder is made.
        name: of the run; by default the packed run's, numbered when taken.
        sources: data folders of this machine, which a pack has not; by default the usual ones.
        quiet: show no progress.

    Raises:
        RunError: for what is no sound pack, has another format, needs a plugin that is not here, or weights that do not fit
            the model; when a run of that name exists.
        OutputError: when the folder cannot be made.
    """
    pack, manifest = checked_pack(Path(path), registry)
    if sources is not None:
        check_sources(sources)
    built: list[GenerativeModel] = []

    def fill(folder: Path) -> None:
        _fill(pack, folder, registry, quiet)
        if sources is not None and sources != DataSources():
            files = RunFolder(folder)
            files.write_config(files.read_config() | {"sources": _full(sources)})
        with _named_as(pack, folder):
            built.append(Run(RunFolder(folder), registry).model)  # so that weights of another model are refused here

    run = Run(RunFolder(placed(Path(runs_dir), name, _stem(manifest), fill)), registry)
    run.model = built[0]
    return run


def temporary_run(path: Path, registry: Registry) -> Run:
    """Load a pack into a folder for temporary files, which is removed with the `Run` or at the end of the program.

    A folder kept by digest would spare the unpacking the second time, but would grow without anybody's knowing; a run that
    is needed again is imported.

    Args:
        path: of the pack, as in `import_run`.
        registry: where its model is looked up.

    Raises:
        RunError: for what is no sound pack, has another format, or needs a plugin that is not here.
        OutputError: when the folder for temporary files cannot be written.
    """
    pack, manifest = checked_pack(path, registry)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary_folder("pack")) / _stem(manifest)
        folder.mkdir()
        _fill(pack, folder, registry, quiet=True)
        run = Run(RunFolder(folder), registry)
        weakref.finalize(run, stack.pop_all().close)
    return run


def checked_pack(path: Path, registry: Registry) -> tuple[Path, Manifest]:
    """Return the pack that a path leads to and its manifest, once its plugin is found to be here.

    Raises:
        RunError: for what is no pack, one of another format, or one of a plugin that is missing; says what to do.
    """
    pack = _pack(path)
    manifest = read_manifest(pack)
    _require_plugin(pack, manifest, registry)
    return pack, manifest


def _pack(path: Path) -> Path:
    """Return the pack that a path leads to."""
    found = pack_in(path)
    if found is not None:
        return found
    if os.path.lexists(path / "config.json"):
        raise RunError(
            f"{path} is the folder of a run already, which every command takes, for example: tfgen info {path}"
        )
    if os.path.isdir(path):
        raise RunError(f"{path} is no pack: it has neither a manifest.json nor one .tfgen file; name the file.")
    raise RunError(f"there is no file or folder {path}.")


def _require_plugin(pack: Path, manifest: Manifest, registry: Registry) -> None:
    """Raise RunError where no plugin has the model of a pack."""
    if manifest.model not in registry.models:
        plugin = manifest.plugins[0]
        raise RunError(
            f"{pack} needs model {manifest.model!r} of plugin {plugin.name!r}, which is not installed or no longer has it; "
            f"{plugin.advice}."
        )


def version_notes(manifest: Manifest, registry: Registry) -> list[str]:
    """Return a line for each plugin of a pack that is here in another version: numbers may differ."""
    here = {record.distribution: record.version for record in registry.plugins if record.distribution}
    return [
        f"packed with {plugin.distribution} {plugin.version}, and here is {here[plugin.distribution]}"
        for plugin in manifest.plugins
        if plugin.distribution in here and plugin.version != here[plugin.distribution]
    ]


def _fill(pack: Path, folder: Path, registry: Registry, quiet: bool) -> None:
    """Unpack a pack into an empty folder, and check its small files."""
    manifest = unpack(pack, folder, quiet)
    with _named_as(pack, folder):
        run = Run(RunFolder(folder), registry)
        if run.provenance["model"] != manifest.model:
            raise RunError(f"{pack} is no sound pack (manifest.json and config.json name other models); get it again.")
        run.check()


@contextlib.contextmanager
def _named_as(pack: Path, folder: Path) -> Iterator[None]:
    """Context manager in which errors name a file by the pack rather than by the folder that it is unpacked into."""
    try:
        yield
    except TfgenError as error:
        if str(folder) not in str(error):
            raise
        raise RunError(str(error).replace(str(folder), str(pack))) from error


def _stem(manifest: Manifest) -> str:
    """Return the packed run's name where it is a plain one."""
    try:
        check_plain(manifest.name)
    except RunError:
        return _UNNAMED
    return _UNNAMED if manifest.name.startswith(".") else manifest.name


def _full(sources: DataSources) -> dict[str, str | None]:
    folders = dataclasses.asdict(sources).items()
    return {name: folder and os.path.abspath(os.path.expanduser(folder)) for name, folder in folders}
